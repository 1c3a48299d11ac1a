import AlmanacCore
import Columns

/// Numbers distinct identifiers in order of first appearance.
///
/// An open-addressing table with linear probing, at most half full. A slot holds 32 bits of the
/// hash and the code plus one, so that most probes decide without looking at the identifier.
struct IdentifierDictionary: Sendable {
  /// The identifiers, at the index of their code.
  private(set) var values: [UUIDValue] = []
  private var slots = [UInt64](repeating: 0, count: 64)
  /// The last list of entries whose codes were asked for, and these.
  private var lastEntries: [UUIDValue] = []
  private var lastTable: [UInt32] = []

  /// The codes of the entries of a column's dictionary; 0 for entries that no row has.
  ///
  /// Batches cut from one share their dictionary, so that its codes are only looked up once; of a
  /// dictionary with more entries than rows only those that occur are.
  mutating func table(of entries: [UUIDValue], rows: [UInt32], validity: ValidityBitmap?)
    -> [UInt32]
  {
    if entries == lastEntries { return lastTable }
    if entries.count <= rows.count {
      lastEntries = entries
      lastTable = entries.map { code(of: $0) }
      return lastTable
    }
    var table = [UInt32](repeating: 0, count: entries.count)
    var isKnown = [Bool](repeating: false, count: entries.count)
    for (row, entry) in rows.enumerated() where validity.map({ $0[row] }) ?? true {
      let entry = Int(entry)
      if !isKnown[entry] {
        isKnown[entry] = true
        table[entry] = code(of: entries[entry])
      }
    }
    return table
  }

  /// The code of an identifier, a new one if it has not been seen.
  mutating func code(of value: UUIDValue) -> UInt32 {
    let hash = IdentifierDictionary.hash(value)
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash >> 32) & mask
    while slots[slot] != 0 {
      if slots[slot] >> 32 == hash & 0xFFFF_FFFF {
        let code = UInt32(truncatingIfNeeded: slots[slot]) - 1
        if values[Int(code)] == value { return code }
      }
      slot = (slot + 1) & mask
    }
    let code = UInt32(values.count)
    values.append(value)
    slots[slot] = hash << 32 | UInt64(code + 1)
    if values.count * 2 > slots.count { grow() }
    return code
  }

  private mutating func grow() {
    var larger = [UInt64](repeating: 0, count: slots.count * 4)
    let mask = larger.count - 1
    for (code, value) in values.enumerated() {
      let hash = IdentifierDictionary.hash(value)
      var slot = Int(truncatingIfNeeded: hash >> 32) & mask
      while larger[slot] != 0 { slot = (slot + 1) & mask }
      larger[slot] = hash << 32 | UInt64(code + 1)
    }
    slots = larger
  }

  /// Both halves through multiplications that carry every bit of input to the upper half.
  private static func hash(_ value: UUIDValue) -> UInt64 {
    var mixed = value.high &* 0x9E37_79B9_7F4A_7C15 ^ value.low
    mixed = (mixed ^ mixed >> 32) &* 0xD6E8_FEB8_6659_FD93
    mixed = (mixed ^ mixed >> 32) &* 0xD6E8_FEB8_6659_FD93
    return mixed ^ mixed >> 32
  }

  /// The codes in ascending order of their identifiers.
  func sortedCodes() -> [UInt32] {
    (0..<UInt32(values.count)).sorted { values[Int($0)] < values[Int($1)] }
  }
}

/// Numbers distinct texts in order of first appearance.
struct TextDictionary: Sendable {
  /// The texts, at the index of their code.
  private(set) var values: [[UInt8]] = []
  private var codes: [ArraySlice<UInt8>: UInt32] = [:]

  /// The code of a text, a new one if it has not been seen.
  mutating func code(of value: ArraySlice<UInt8>) -> UInt32 {
    if let code = codes[value] { return code }
    let code = UInt32(values.count)
    let owned = Array(value)
    values.append(owned)
    codes[owned[...]] = code
    return code
  }

  /// The codes in ascending order of the texts' bytes, PostgreSQL's `C` collation.
  func sortedCodes() -> [UInt32] {
    (0..<UInt32(values.count)).sorted {
      values[Int($0)].lexicographicallyPrecedes(values[Int($1)])
    }
  }
}

/// The position of each code in a list that names every code once.
func ranks(of order: [UInt32]) -> [UInt32] {
  var ranks = [UInt32](repeating: 0, count: order.count)
  for (rank, code) in order.enumerated() { ranks[Int(code)] = UInt32(rank) }
  return ranks
}
