import AlmanacCore
import Columns

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
