import AlmanacCore
import Columns

/// Keys as 128 bits, so that many of them fit into memory and compare at once.
///
/// A key of one `uuid` column is itself. Others are hashed by two chains of the finalizer of
/// SplitMix64 over type and bytes of each value: among 10⁹ different keys two agree with a
/// probability of 10⁻²¹.
enum KeyFingerprint {
  /// The fingerprint of each row; `nil` where a column of the key has no value.
  static func fingerprints(of batch: Batch, key: [String]) -> [UUIDValue?] {
    let columns = key.compactMap { batch[$0] }
    guard columns.count == key.count else { return [] }
    if columns.count == 1, case .uuid(let storage) = columns[0].storage {
      return (0..<batch.rowCount).map { columns[0].isNull($0) ? nil : storage.row($0) }
    }
    return (0..<batch.rowCount).map { row in
      var hash = UUIDValue(high: 0x243F_6A88_85A3_08D3, low: 0x1319_8A2E_0370_7344)
      for column in columns {
        guard let value = column.value(row) else { return nil }
        absorb(value, into: &hash)
      }
      return hash
    }
  }

  /// A number of 64 bits that depends on every bit of a fingerprint.
  static func slot(of key: UUIDValue) -> UInt64 { mixed(key.high ^ mixed(key.low)) }

  private static func absorb(_ value: ColumnValue, into hash: inout UUIDValue) {
    func take(_ word: UInt64) {
      hash.high = mixed(hash.high ^ word)
      hash.low = mixed(hash.low &+ word &* 0x9E37_79B9_7F4A_7C15)
    }
    switch value {
    case .bool(let flag): take(flag ? 1 : 2)
    case .integer(let number):
      take(UInt64(truncatingIfNeeded: number))
      take(UInt64(truncatingIfNeeded: number >> 64))
    case .float(let number): take(number.bitPattern)
    case .date(let date): take(UInt64(bitPattern: Int64(date.daysSinceEpoch)))
    case .timestamp(let instant): take(UInt64(bitPattern: instant.microseconds))
    case .uuid(let identifier):
      take(identifier.high)
      take(identifier.low)
    case .uuids(let identifiers):
      take(UInt64(identifiers.count))
      for identifier in identifiers {
        take(identifier.high)
        take(identifier.low)
      }
    case .bytes(let bytes):
      take(UInt64(bytes.count))
      var word: UInt64 = 0
      for (index, byte) in bytes.enumerated() {
        word = word << 8 | UInt64(byte)
        if index % 8 == 7 {
          take(word)
          word = 0
        }
      }
      if bytes.count % 8 != 0 { take(word) }
    }
  }

  private static func mixed(_ word: UInt64) -> UInt64 {
    var word = word &+ 0x9E37_79B9_7F4A_7C15
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }
}

extension Batch {
  /// The key of a row as text, its columns separated by commas.
  func keyText(_ row: Int, key: [String]) -> String {
    key.map { self[$0]?.text(row) ?? "null" }.joined(separator: ",")
  }
}

extension Column {
  /// The value of a row as text; `nil` where there is none.
  fileprivate func text(_ row: Int) -> String? {
    switch value(row) {
    case nil: nil
    case .bool(let flag)?: String(flag)
    case .integer(let number)?:
      if case .decimal(let scale) = field.type { decimal(number, scale) } else { String(number) }
    case .float(let number)?: String(number)
    case .uuid(let identifier)?: identifier.description
    case .uuids(let identifiers)?:
      "{" + identifiers.map(\.description).joined(separator: ",") + "}"
    case .date(let date)?: date.description
    case .timestamp(let instant)?: instant.description
    case .bytes(let bytes)?: String(decoding: bytes.prefix(64), as: UTF8.self)
    }
  }

  /// Units of `10^-scale` as a decimal number.
  private func decimal(_ units: Int128, _ scale: Int) -> String {
    let digits = String(units.magnitude)
    let padded = String(repeating: "0", count: max(0, scale + 1 - digits.count)) + digits
    return (units < 0 ? "-" : "") + padded.dropLast(scale)
      + (scale == 0 ? "" : "." + padded.suffix(scale))
  }
}
