import AlmanacCore

extension Column {
  /// The rows of several columns of one field, one column after the other; there is at least one.
  ///
  /// Dictionaries are merged entry by entry, in order of first appearance, unless they are equal,
  /// as those of batches cut from one are; the result is plain
  /// where a part is, or where the merged dictionary does not pay.
  static func concatenating(_ columns: [Column]) -> Column {
    let field = columns[0].field
    for column in columns {
      precondition(column.field.type == field.type, "\(field.name): columns of different types")
    }
    let storage: ColumnStorage
    switch field.type {
    case .bool: storage = .bool(columns.flatMap(\.bools))
    case .int16, .int32, .date: storage = .int32(columns.flatMap(\.int32s))
    case .int64, .timestamp, .decimal:
      if columns.contains(where: \.isWide) {
        storage = .int128(columns.flatMap(\.int128s))
      } else {
        storage = .int64(columns.flatMap(\.int64s))
      }
    case .float32: storage = .float32(columns.flatMap(\.floats))
    case .float64: storage = .float64(columns.flatMap(\.doubles))
    case .text, .json, .bytes: storage = .text(concatenatedTexts(columns))
    case .uuid:
      storage = .uuid(
        concatenatedIdentifiers(columns.map { (rows: $0.identifiers, validity: $0.validity) }))
    case .uuidList: storage = .uuidList(concatenatedLists(columns.map(\.lists)))
    }
    return Column(field, storage, validity: concatenatedValidity(columns))
  }

  private static func concatenatedValidity(_ columns: [Column]) -> ValidityBitmap? {
    guard columns.contains(where: { $0.validity != nil }) else { return nil }
    var bits = ValidityBitmap(repeating: true, count: 0)
    for column in columns {
      bits.append(
        contentsOf: column.validity ?? ValidityBitmap(repeating: true, count: column.rowCount))
    }
    return bits
  }

  private static func concatenatedTexts(_ columns: [Column]) -> TextStorage {
    let parts = columns.map(\.texts)
    let validity = concatenatedValidity(columns)
    guard !parts.contains(where: { $0.codes == nil }) else {
      var plain = TextStorage()
      for (column, part) in zip(columns, parts) {
        let rows = part.plain(validity: column.validity)
        let start = plain.bytes.count
        plain.bytes += rows.bytes
        plain.offsets += rows.offsets.dropFirst().map { start + $0 }
      }
      return plain
    }
    var merged = TextStorage(codes: [])
    var known: [ArraySlice<UInt8>: UInt32] = [:]
    for (column, part) in zip(columns, parts) {
      if part.offsets == merged.offsets, part.bytes == merged.bytes {
        merged.codes? += cleared(part.codes ?? [], column.validity)
        continue
      }
      let table = (0..<part.entryCount).map { index in
        let entry = part.entry(index)
        if let code = known[entry] { return code }
        let code = UInt32(merged.entryCount)
        known[entry] = code
        merged.bytes += entry
        merged.offsets.append(merged.bytes.count)
        return code
      }
      merged.codes? += translated(part.codes ?? [], column.validity, by: table)
    }
    let pays = ColumnBuilder.dictionaryPays(entries: merged.entryCount, rows: merged.rowCount)
    return pays ? merged : merged.plain(validity: validity)
  }

  private static func concatenatedIdentifiers(
    _ parts: [(rows: UUIDStorage, validity: ValidityBitmap?)]
  ) -> UUIDStorage {
    func plain() -> UUIDStorage {
      UUIDStorage(values: parts.flatMap { $0.rows.plain(validity: $0.validity).values })
    }
    guard !parts.contains(where: { $0.rows.codes == nil }) else { return plain() }
    var merged = UUIDStorage(codes: [])
    var known = IdentifierCodes()
    for (part, validity) in parts {
      if part.values == merged.values {
        merged.codes? += cleared(part.codes ?? [], validity)
        continue
      }
      let table = part.values.map { known.code(of: $0, in: &merged.values) }
      merged.codes? += translated(part.codes ?? [], validity, by: table)
    }
    let pays = ColumnBuilder.dictionaryPays(entries: merged.values.count, rows: merged.rowCount)
    return pays ? merged : plain()
  }

  private static func concatenatedLists(_ parts: [UUIDListStorage]) -> UUIDListStorage {
    var offsets = [0]
    for part in parts {
      let start = offsets[offsets.count - 1]
      offsets += part.offsets.dropFirst().map { start + $0 }
    }
    return UUIDListStorage(
      elements: concatenatedIdentifiers(parts.map { (rows: $0.elements, validity: nil) }),
      offsets: offsets)
  }

  /// The codes replaced by their entries in a table; null rows get 0.
  private static func translated(
    _ codes: [UInt32], _ validity: ValidityBitmap?, by table: [UInt32]
  ) -> [UInt32] {
    guard let validity else { return codes.map { table[Int($0)] } }
    return codes.indices.map { validity[$0] ? table[Int(codes[$0])] : 0 }
  }

  /// The codes with those of null rows set to 0.
  private static func cleared(_ codes: [UInt32], _ validity: ValidityBitmap?) -> [UInt32] {
    guard let validity else { return codes }
    return codes.indices.map { validity[$0] ? codes[$0] : 0 }
  }

  // The values as one type of storage; the field's type has been checked to fit it.

  private var isWide: Bool { if case .int128 = storage { true } else { false } }
  private var bools: [Bool] { if case .bool(let values) = storage { values } else { [] } }
  private var int32s: [Int32] { if case .int32(let values) = storage { values } else { [] } }
  private var int64s: [Int64] { if case .int64(let values) = storage { values } else { [] } }
  private var int128s: [Int128] {
    if case .int128(let values) = storage { values } else { int64s.map { Int128($0) } }
  }
  private var floats: [Float] { if case .float32(let values) = storage { values } else { [] } }
  private var doubles: [Double] { if case .float64(let values) = storage { values } else { [] } }
  private var texts: TextStorage {
    if case .text(let values) = storage { values } else { TextStorage() }
  }
  private var identifiers: UUIDStorage {
    if case .uuid(let values) = storage { values } else { UUIDStorage() }
  }
  private var lists: UUIDListStorage {
    if case .uuidList(let values) = storage { values } else { UUIDListStorage() }
  }
}

/// Numbers different identifiers in order of first appearance: an open-addressing table, of whose
/// slots half are in use at most.
private struct IdentifierCodes {
  /// The number of an identifier plus one, 0 for a free slot.
  private var slots = [UInt32](repeating: 0, count: 256)
  private var mask = 255
  /// Drawn for each program, so that nobody can choose identifiers that meet in one slot.
  private static let seed = UInt64.random(in: .min ... .max)

  /// The number of an identifier, which is added to the numbered ones if it is not among them.
  @inline(__always)
  mutating func code(of value: UUIDValue, in values: inout [UUIDValue]) -> UInt32 {
    var slot = hash(value) & mask
    while slots[slot] != 0 {
      let code = slots[slot] - 1
      if values[Int(code)] == value { return code }
      slot = (slot + 1) & mask
    }
    values.append(value)
    slots[slot] = UInt32(values.count)
    if 2 * values.count > mask { grow(values) }
    return UInt32(values.count - 1)
  }

  private mutating func grow(_ values: [UUIDValue]) {
    mask = mask * 2 + 1
    slots = [UInt32](repeating: 0, count: mask + 1)
    for (index, value) in values.enumerated() {
      var slot = hash(value) & mask
      while slots[slot] != 0 { slot = (slot + 1) & mask }
      slots[slot] = UInt32(index + 1)
    }
  }

  @inline(__always)
  private func hash(_ value: UUIDValue) -> Int {
    let first = (value.high ^ IdentifierCodes.seed)
      .multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
    let second = (value.low ^ first.high ^ first.low)
      .multipliedFullWidth(by: 0xE703_7ED1_A0B4_28DB)
    return Int(truncatingIfNeeded: second.high ^ second.low)
  }
}
