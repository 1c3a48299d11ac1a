package import AlmanacCore

/// Collects the values of one column, row by row.
///
/// Text and identifiers are dictionary-coded until there are more than
/// ``maximumDictionaryEntries`` entries that save nothing; plain from then on. The
/// wire decoder has a faster builder of its own; this one serves loaders, aggregates and tests.
package struct ColumnBuilder: Sendable {
  /// Name, type and nullability of the column.
  package let field: Field
  /// The number of rows so far.
  package private(set) var rowCount = 0
  private var validity: ValidityBitmap?
  // One array in use for a column's type. They are properties of their own and not the payload of
  // one enum, because growing a payload in place would copy it.
  private var bools: [Bool] = []
  private var int32s: [Int32] = []
  private var int64s: [Int64] = []
  private var int128s: [Int128]?
  private var floats: [Float] = []
  private var doubles: [Double] = []
  private var text = TextStorage(codes: [])
  /// Identifiers, or the elements of lists of them.
  private var uuids = UUIDStorage(codes: [])
  private var listOffsets = [0]
  private var textEntries: [ArraySlice<UInt8>: UInt32] = [:]
  private var uuidEntries: [UUIDValue: UInt32] = [:]

  /// Entries above which a dictionary has to pay for itself.
  package static let maximumDictionaryEntries = 65_536

  /// Whether a dictionary of so many entries is worth its codes, or small enough not to matter.
  static func dictionaryPays(entries: Int, rows: Int) -> Bool {
    entries <= maximumDictionaryEntries || dictionarySaves(entries: entries, rows: rows)
  }

  /// Whether identifiers, or texts of about their length, take less memory with a dictionary of so
  /// many entries: there are at most three of them for four rows.
  static func dictionarySaves(entries: Int, rows: Int) -> Bool { 4 * entries <= 3 * rows }

  /// An empty column of a field.
  package init(_ field: Field) {
    self.field = field
  }

  /// Adds a null.
  package mutating func appendNull() {
    precondition(field.isNullable, "null in column \(field.name), which has none")
    if validity == nil { validity = ValidityBitmap(repeating: true, count: rowCount) }
    switch field.type {
    case .bool: bools.append(false)
    case .int16, .int32, .date: int32s.append(0)
    case .int64, .timestamp, .decimal:
      if int128s == nil { int64s.append(0) } else { int128s?.append(0) }
    case .float32: floats.append(0)
    case .float64: doubles.append(0)
    case .text, .json, .bytes:
      if text.codes == nil {
        text.offsets.append(text.bytes.count)
      } else {
        text.codes?.append(0)
      }
    case .uuid:
      if uuids.codes == nil { uuids.values.append(.zero) } else { uuids.codes?.append(0) }
    case .uuidList: listOffsets.append(uuids.rowCount)
    }
    validity?.append(false)
    rowCount += 1
  }

  /// Adds a boolean.
  package mutating func append(_ value: Bool) {
    guard field.type == .bool else { mismatch("a boolean") }
    bools.append(value)
    finishRow()
  }

  /// Adds a whole number, or the scaled units of a decimal; it must fit the column's type.
  package mutating func append(integer value: Int128) {
    switch field.type {
    case .int16, .int32, .date:
      guard let narrow = Int32(exactly: value), field.type != .int16 || Int16(exactly: value) != nil
      else { mismatch("\(value)") }
      int32s.append(narrow)
    case .decimal where int128s != nil: int128s?.append(value)
    case .int64, .timestamp, .decimal:
      if let narrow = Int64(exactly: value) {
        int64s.append(narrow)
      } else {
        guard case .decimal = field.type else { mismatch("\(value)") }
        int128s = int64s.map { Int128($0) } + [value]
        int64s = []
      }
    default: mismatch("a whole number")
    }
    finishRow()
  }

  /// Adds a whole number, or the scaled units of a decimal.
  package mutating func append(_ value: Int64) {
    append(integer: Int128(value))
  }

  /// Adds a floating-point number.
  package mutating func append(_ value: Double) {
    switch field.type {
    case .float32: floats.append(Float(value))
    case .float64: doubles.append(value)
    default: mismatch("a floating-point number")
    }
    finishRow()
  }

  /// Adds a date.
  package mutating func append(_ value: CalendarDate) {
    guard field.type == .date else { mismatch("a date") }
    int32s.append(value.daysSinceEpoch)
    finishRow()
  }

  /// Adds an instant.
  package mutating func append(_ value: Timestamp) {
    guard field.type == .timestamp else { mismatch("an instant") }
    int64s.append(value.microseconds)
    finishRow()
  }

  /// Adds text.
  package mutating func append(_ value: String) {
    append(bytes: Array(value.utf8)[...])
  }

  /// Adds raw bytes, or the bytes of a text.
  package mutating func append(bytes value: ArraySlice<UInt8>) {
    guard field.type == .text || field.type == .json || field.type == .bytes else {
      mismatch("text")
    }
    if text.codes == nil {
      text.bytes.append(contentsOf: value)
      text.offsets.append(text.bytes.count)
    } else if let code = textEntries[value] {
      text.codes?.append(code)
    } else {
      let code = UInt32(text.entryCount)
      text.bytes.append(contentsOf: value)
      text.offsets.append(text.bytes.count)
      text.codes?.append(code)
      // The key owns its bytes: a slice of a caller's buffer would keep all of that alive.
      textEntries[Array(value)[...]] = code
      if !ColumnBuilder.dictionaryPays(entries: text.entryCount, rows: text.rowCount) {
        text = text.plain(validity: validity)
        textEntries = [:]
      }
    }
    finishRow()
  }

  /// Adds an identifier.
  package mutating func append(_ value: UUIDValue) {
    guard field.type == .uuid else { mismatch("an identifier") }
    add(value)
    finishRow()
  }

  /// Adds a list of identifiers.
  package mutating func append(_ list: [UUIDValue]) {
    guard field.type == .uuidList else { mismatch("a list of identifiers") }
    for value in list { add(value) }
    listOffsets.append(uuids.rowCount)
    finishRow()
  }

  private mutating func add(_ value: UUIDValue) {
    if uuids.codes == nil {
      uuids.values.append(value)
    } else if let code = uuidEntries[value] {
      uuids.codes?.append(code)
    } else {
      let code = UInt32(uuids.values.count)
      uuids.values.append(value)
      uuids.codes?.append(code)
      uuidEntries[value] = code
      if !ColumnBuilder.dictionaryPays(entries: uuids.values.count, rows: uuids.rowCount) {
        uuids = uuids.plain(validity: field.type == .uuid ? validity : nil)
        uuidEntries = [:]
      }
    }
  }

  /// Adds a value of the column's kind, or a null.
  package mutating func append(_ value: ColumnValue?) {
    switch value {
    case nil: appendNull()
    case .bool(let value): append(value)
    case .integer(let value): append(integer: value)
    case .float(let value): append(value)
    case .bytes(let value): append(bytes: value[...])
    case .uuid(let value): append(value)
    case .uuids(let value): append(value)
    case .date(let value): append(value)
    case .timestamp(let value): append(value)
    }
  }

  /// The finished column; the builder is used up.
  package consuming func finish() -> Column {
    let storage: ColumnStorage
    switch field.type {
    case .bool: storage = .bool(bools)
    case .int16, .int32, .date: storage = .int32(int32s)
    case .int64, .timestamp, .decimal: storage = int128s.map { .int128($0) } ?? .int64(int64s)
    case .float32: storage = .float32(floats)
    case .float64: storage = .float64(doubles)
    case .text, .json, .bytes: storage = .text(text)
    case .uuid: storage = .uuid(uuids)
    case .uuidList:
      storage = .uuidList(UUIDListStorage(elements: uuids, offsets: listOffsets))
    }
    return Column(field, storage, validity: validity)
  }

  private mutating func finishRow() {
    validity?.append(true)
    rowCount += 1
  }

  private func mismatch(_ what: String) -> Never {
    preconditionFailure("\(what) in column \(field.name) of type \(field.type)")
  }
}

extension TextStorage {
  /// The same rows, each with an entry of its own; null rows get an empty one.
  ///
  /// `validity` may be one bit short, for the row being added.
  func plain(validity: ValidityBitmap?) -> TextStorage {
    guard let codes else { return self }
    var plain = TextStorage()
    for row in codes.indices {
      if validity.map({ row >= $0.count || $0[row] }) ?? true {
        plain.bytes.append(contentsOf: self.row(row))
      }
      plain.offsets.append(plain.bytes.count)
    }
    return plain
  }
}

extension UUIDStorage {
  /// The same rows, each with an entry of its own; null rows get the all-zero one.
  ///
  /// `validity` may be one bit short, for the row being added.
  func plain(validity: ValidityBitmap?) -> UUIDStorage {
    guard let codes else { return self }
    return UUIDStorage(
      values: codes.indices.map { row in
        validity.map { row >= $0.count || $0[row] } ?? true ? self.row(row) : .zero
      })
  }
}
