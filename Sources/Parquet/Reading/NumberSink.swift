import Columns

/// Takes the numbers of a column.
struct NumberSink<Number>: ValueSink {
  /// The next numbers of a page that is not dictionary-coded.
  typealias Decode = (inout ByteReader, PageEncoding, Int) throws(DecodingFault) -> [Number]

  private let zero: Number
  private let decode: Decode
  private let convert: ([Number]) throws(DecodingFault) -> ColumnStorage
  private var dictionary: [Number] = []
  private var numbers: [Number] = []

  init(
    zero: Number, decode: @escaping Decode,
    convert: @escaping ([Number]) throws(DecodingFault) -> ColumnStorage
  ) {
    self.zero = zero
    self.decode = decode
    self.convert = convert
  }

  mutating func takeDictionary(_ reader: inout ByteReader, count: Int) throws(DecodingFault) {
    dictionary = try decode(&reader, .plain, count)
  }

  mutating func take(
    _ reader: inout ByteReader, _ encoding: PageEncoding, _ rows: PageRows
  ) throws(DecodingFault) {
    let present: [Number]
    switch encoding {
    case .plainDictionary, .runLengthDictionary:
      let codes = try DictionaryCodes.decode(
        &reader, count: rows.presentCount, entryCount: dictionary.count)
      present = codes.map { dictionary[Int($0)] }
    default: present = try decode(&reader, encoding, rows.presentCount)
    }
    guard let levels = rows.levels else {
      numbers.append(contentsOf: present)
      return
    }
    numbers.reserveCapacity(numbers.count + rows.count)
    var next = 0
    for level in levels {
      if level == 0 {
        numbers.append(zero)
      } else {
        numbers.append(present[next])
        next += 1
      }
    }
  }

  consuming func finish() throws(DecodingFault) -> ColumnStorage {
    try convert(numbers)
  }
}

/// Codes of dictionary entries in a data page.
enum DictionaryCodes {
  /// The next `count` codes, each below `entryCount`.
  static func decode(
    _ reader: inout ByteReader, count: Int, entryCount: Int
  ) throws(DecodingFault) -> [UInt32] {
    if count == 0 { return [] }
    let width = Int(try reader.byte())
    let codes = try RunLength.decode(&reader, width: width, count: count)
    guard Int(codes.max() ?? 0) < entryCount else {
      throw .corrupt("a code beyond the \(entryCount) entries of the dictionary")
    }
    return codes
  }
}

extension NumberSink<Bool> {
  /// Booleans, in bits or runs.
  static func booleans() -> NumberSink<Bool> {
    NumberSink(zero: false, decode: decodeBooleans) { .bool($0) }
  }

  private static func decodeBooleans(
    _ reader: inout ByteReader, _ encoding: PageEncoding, _ count: Int
  ) throws(DecodingFault) -> [Bool] {
    switch encoding {
    case .plain:
      let range = try reader.take(BitPacking.byteCount(count, width: 1))
      let bytes = reader.bytes
      return (0..<count).map { bytes[range.lowerBound + $0 >> 3] >> UInt8($0 & 7) & 1 == 1 }
    case .runLength:
      let range = try reader.take(Int(try reader.littleEndian32()))
      var runs = ByteReader(reader.bytes, range)
      return try RunLength.decode(&runs, width: 1, count: count).map { $0 != 0 }
    default: throw .unsupported("the encoding \(encoding.name) for booleans")
    }
  }
}

extension NumberSink<Int32> {
  /// Numbers of 32 bits and what they mean.
  static func int32(_ conversion: ValueConversion) -> NumberSink<Int32> {
    NumberSink(zero: 0, decode: decodeNumbers) { (numbers) throws(DecodingFault) in
      switch conversion {
      case .unsigned32: return .int64(numbers.map { Int64(UInt32(bitPattern: $0)) })
      case .decimal32: return .int64(numbers.map { Int64($0) })
      case .int16:
        guard numbers.allSatisfy({ Int16(exactly: $0) != nil }) else {
          throw .unrepresentable("a value does not fit the 16 bits of its type")
        }
        return .int32(numbers)
      default: return .int32(numbers)
      }
    }
  }

  private static func decodeNumbers(
    _ reader: inout ByteReader, _ encoding: PageEncoding, _ count: Int
  ) throws(DecodingFault) -> [Int32] {
    switch encoding {
    case .plain: return try Plain.decode(&reader, count: count, as: Int32.self)
    case .byteStreamSplit: return try Plain.decodeSplit(&reader, count: count, as: Int32.self)
    case .deltaBinaryPacked:
      return try DeltaBinaryPacked.decode(&reader, count: count).map {
        Int32(truncatingIfNeeded: $0)
      }
    default: throw .unsupported("the encoding \(encoding.name) for whole numbers")
    }
  }
}

extension NumberSink<Int64> {
  /// Numbers of 64 bits and what they mean.
  static func int64(_ conversion: ValueConversion) -> NumberSink<Int64> {
    NumberSink(zero: 0, decode: decodeNumbers) { (numbers) throws(DecodingFault) in
      switch conversion {
      case .unsigned64:
        guard numbers.allSatisfy({ $0 >= 0 }) else {
          throw .unrepresentable("an unsigned value does not fit 63 bits")
        }
        return .int64(numbers)
      case .timestamp(.milliseconds):
        guard let least = numbers.min(), let greatest = numbers.max() else { return .int64([]) }
        guard least >= Int64.min / 1000, greatest <= Int64.max / 1000 else {
          throw .unrepresentable("a time in milliseconds does not fit 64 bits of microseconds")
        }
        return .int64(numbers.map { $0 * 1000 })
      case .timestamp(.nanoseconds):
        guard numbers.allSatisfy({ $0 % 1000 == 0 }) else {
          throw .unrepresentable("a time in nanoseconds is no whole number of microseconds")
        }
        return .int64(numbers.map { $0 / 1000 })
      default: return .int64(numbers)
      }
    }
  }

  private static func decodeNumbers(
    _ reader: inout ByteReader, _ encoding: PageEncoding, _ count: Int
  ) throws(DecodingFault) -> [Int64] {
    switch encoding {
    case .plain: return try Plain.decode(&reader, count: count, as: Int64.self)
    case .byteStreamSplit: return try Plain.decodeSplit(&reader, count: count, as: Int64.self)
    case .deltaBinaryPacked: return try DeltaBinaryPacked.decode(&reader, count: count)
    default: throw .unsupported("the encoding \(encoding.name) for whole numbers")
    }
  }
}

extension NumberSink<Float> {
  /// Floating-point numbers of 32 bits.
  static func floats() -> NumberSink<Float> {
    NumberSink(zero: 0, decode: plainNumbers) { .float32($0) }
  }
}

extension NumberSink<Double> {
  /// Floating-point numbers of 64 bits.
  static func doubles() -> NumberSink<Double> {
    NumberSink(zero: 0, decode: plainNumbers) { .float64($0) }
  }
}

extension NumberSink where Number: BinaryFloatingPoint & BitwiseCopyable {
  fileprivate static func plainNumbers(
    _ reader: inout ByteReader, _ encoding: PageEncoding, _ count: Int
  ) throws(DecodingFault) -> [Number] {
    switch encoding {
    case .plain: return try Plain.decode(&reader, count: count, as: Number.self)
    case .byteStreamSplit: return try Plain.decodeSplit(&reader, count: count, as: Number.self)
    default: throw .unsupported("the encoding \(encoding.name) for floating-point numbers")
    }
  }
}

extension NumberSink<Int128> {
  /// Decimals as big-endian two's complement, of a fixed length or each of its own.
  static func decimals(length: Int?) -> NumberSink<Int128> {
    NumberSink(zero: 0) {
      (reader: inout ByteReader, encoding, count) throws(DecodingFault) in
      let strings = try ByteStrings.decode(&reader, encoding, length: length, count: count)
      var numbers: [Int128] = []
      numbers.reserveCapacity(count)
      for index in 0..<count {
        let range = strings.offsets[index]..<strings.offsets[index + 1]
        guard range.count <= 16 else {
          throw .unrepresentable("a decimal has \(range.count) bytes, more than 16")
        }
        let isNegative = !range.isEmpty && strings.bytes[range.lowerBound] >= 128
        var number: Int128 = isNegative ? -1 : 0
        for place in range { number = number << 8 | Int128(strings.bytes[place]) }
        numbers.append(number)
      }
      return numbers
    } convert: { (numbers) in
      let narrow = numbers.compactMap { Int64(exactly: $0) }
      return narrow.count == numbers.count ? .int64(narrow) : .int128(numbers)
    }
  }
}
