import AlmanacCore
import Columns

/// Takes the identifiers of a column, coded as long as every page is.
struct UUIDSink: ValueSink {
  private var storage = UUIDStorage(codes: [])
  /// The entries of the present row group's dictionary.
  private var dictionary: [UUIDValue] = []
  /// The code in ``storage`` of each entry of the dictionary, `nil` while they are the same.
  private var codes: [UInt32]?
  /// The code of each entry in ``storage``, made when a second dictionary comes.
  private var known: [UUIDValue: UInt32] = [:]

  mutating func takeDictionary(_ reader: inout ByteReader, count: Int) throws(DecodingFault) {
    dictionary = try UUIDSink.decode(&reader, .plain, count: count)
    if storage.codes == nil { return }
    if storage.values.isEmpty {
      storage.values = dictionary
      codes = nil
      return
    }
    if known.isEmpty {
      for (code, value) in storage.values.enumerated() where known[value] == nil {
        known[value] = UInt32(code)
      }
    }
    codes = dictionary.map { value in
      if let code = known[value] { return code }
      let code = UInt32(storage.values.count)
      storage.values.append(value)
      known[value] = code
      return code
    }
  }

  mutating func take(
    _ reader: inout ByteReader, _ encoding: PageEncoding, _ rows: PageRows
  ) throws(DecodingFault) {
    switch encoding {
    case .plainDictionary, .runLengthDictionary:
      let pageCodes = try DictionaryCodes.decode(
        &reader, count: rows.presentCount, entryCount: dictionary.count)
      if storage.codes == nil {
        storage.values.append(
          contentsOf: rows.spread(pageCodes.map { dictionary[Int($0)] }, zero: .zero))
      } else {
        let present = codes.map { codes in pageCodes.map { codes[Int($0)] } } ?? pageCodes
        storage.codes?.append(contentsOf: rows.spread(present, zero: 0))
      }
    default:
      let present = try UUIDSink.decode(&reader, encoding, count: rows.presentCount)
      if let codes = storage.codes {
        // The code of a null is 0 and may name no entry.
        let values = storage.values
        storage = UUIDStorage(
          values: codes.map { Int($0) < values.count ? values[Int($0)] : .zero })
        known = [:]
      }
      storage.values.append(contentsOf: rows.spread(present, zero: .zero))
    }
  }

  consuming func finish() throws(DecodingFault) -> ColumnStorage {
    .uuid(storage)
  }

  private static func decode(
    _ reader: inout ByteReader, _ encoding: PageEncoding, count: Int
  ) throws(DecodingFault) -> [UUIDValue] {
    var reader = reader
    if encoding != .plain {
      reader = ByteReader(
        try ByteStrings.decode(&reader, encoding, length: 16, count: count).bytes)
    }
    let (wordCount, overflows) = count.multipliedReportingOverflow(by: 2)
    guard !overflows else { throw .corrupt("\(count) values in one page") }
    let words = try Plain.decode(&reader, count: wordCount, as: UInt64.self)
    return (0..<count).map {
      UUIDValue(high: UInt64(bigEndian: words[2 * $0]), low: UInt64(bigEndian: words[2 * $0 + 1]))
    }
  }
}

extension PageRows {
  /// The values of the rows that have one at their places, `zero` elsewhere.
  func spread<Value>(_ present: [Value], zero: Value) -> [Value] {
    guard let levels else { return present }
    var next = 0
    return levels.map { level in
      if level == 0 { return zero }
      defer { next += 1 }
      return present[next]
    }
  }
}
