import AlmanacCore
package import Columns

/// Single values as text for terminals, spreadsheets and programs.
package enum CellText {
  /// A value as plain text, with nothing escaped: decimals with all their decimals, instants in
  /// UTC, raw bytes in hexadecimal, lists in braces; bytes that are no UTF-8 are replaced.
  package static func plain(_ value: ColumnValue, as type: ColumnType) -> String {
    switch value {
    case .bool(let value): value ? "true" : "false"
    case .integer(let value):
      if case .decimal(let scale) = type { decimal(value, scale: scale) } else { String(value) }
    case .float(let value): type == .float32 ? "\(Float(value))" : "\(value)"
    case .bytes(let bytes):
      type == .bytes ? hexadecimal(bytes) : String(decoding: bytes, as: UTF8.self)
    case .uuid(let value): value.description
    case .uuids(let values): "{" + values.map(\.description).joined(separator: ",") + "}"
    case .date(let value): value.description
    case .timestamp(let value): value.description
    }
  }

  /// A value for a terminal: one line, without characters that drive it; null is empty.
  package static func table(_ value: ColumnValue?, as type: ColumnType) -> String {
    value.map { escaped(plain($0, as: type), keeping: []) } ?? ""
  }

  /// A value as a CSV cell; null is empty, empty text is `""`.
  ///
  /// Characters that drive a terminal are escaped, line feeds and tabs stay.
  package static func csv(_ value: ColumnValue?, as type: ColumnType) -> String {
    guard let value else { return "" }
    let text = plain(value, as: type)
    return text.isEmpty ? "\"\"" : csv(text)
  }

  /// Text as a CSV cell, harmless for spreadsheets.
  package static func csv(_ text: String) -> String {
    var cell = escaped(text, keeping: ["\n", "\t"])
    let dangerous: [Unicode.Scalar] = ["=", "+", "-", "@", "\t", "\n"]
    if let first = cell.unicodeScalars.first, dangerous.contains(first), !isPlainNumber(cell) {
      cell = "'" + cell
    }
    let special: [Unicode.Scalar] = [",", "\"", "\n"]
    guard cell.unicodeScalars.contains(where: { special.contains($0) }) else { return cell }
    // By scalars: a quote with an accent on it is another character, and still a quote for readers.
    var quoted = "\""
    for scalar in cell.unicodeScalars {
      if scalar == "\"" { quoted += "\"" }
      quoted.unicodeScalars.append(scalar)
    }
    return quoted + "\""
  }

  /// A value as JSON: numbers and truth values bare, lists as arrays, everything else a
  /// string.
  package static func json(_ value: ColumnValue?, as type: ColumnType) -> String {
    guard let value else { return "null" }
    let text = plain(value, as: type)
    switch value {
    case .bool, .integer: return text
    case .float(let number) where number.isFinite: return text
    case .uuids(let values):
      return "[" + values.map { json($0.description) }.joined(separator: ",") + "]"
    default: return json(text)
    }
  }

  /// Text as a JSON string; what drives a terminal is escaped.
  package static func json(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      default:
        if drivesTerminal(scalar) {
          // All of them are in the basic plane.
          let digits = String(scalar.value, radix: 16)
          result += "\\u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        } else {
          result.unicodeScalars.append(scalar)
        }
      }
    }
    return result + "\""
  }

  /// Text with characters that drive a terminal written as `\n`, `\t`, `\r` or `\u{1b}`.
  package static func escaped(_ text: String, keeping kept: [Unicode.Scalar]) -> String {
    guard text.unicodeScalars.contains(where: drivesTerminal) else { return text }
    var result = ""
    for scalar in text.unicodeScalars {
      if !drivesTerminal(scalar) || kept.contains(scalar) {
        result.unicodeScalars.append(scalar)
      } else {
        switch scalar {
        case "\n": result += "\\n"
        case "\r": result += "\\r"
        case "\t": result += "\\t"
        default: result += "\\u{\(String(scalar.value, radix: 16))}"
        }
      }
    }
    return result
  }

  /// Whether a character moves the cursor, starts a sequence or changes the direction of text.
  private static func drivesTerminal(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7F..<0xA0, 0x61C, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069: true
    default: false
    }
  }

  /// Whether a spreadsheet reads the text as a number and nothing else.
  private static func isPlainNumber(_ text: String) -> Bool {
    var bytes = Array(text.utf8)[...]
    func skipDigits() -> Bool {
      let rest = bytes.drop { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      defer { bytes = rest }
      return rest.count < bytes.count
    }
    func skipSign() {
      if bytes.first == UInt8(ascii: "+") || bytes.first == UInt8(ascii: "-") {
        bytes = bytes.dropFirst()
      }
    }
    skipSign()
    guard skipDigits() else { return false }
    if bytes.first == UInt8(ascii: ".") {
      bytes = bytes.dropFirst()
      guard skipDigits() else { return false }
    }
    if let mark = bytes.first, mark | 0x20 == UInt8(ascii: "e") {
      bytes = bytes.dropFirst()
      skipSign()
      guard skipDigits() else { return false }
    }
    return bytes.isEmpty
  }

  /// Scaled units as a decimal number with all decimals.
  private static func decimal(_ units: Int128, scale: Int) -> String {
    guard scale > 0 else { return String(units) }
    let digits = String(units.magnitude)
    let filled = String(repeating: "0", count: max(0, scale + 1 - digits.count)) + digits
    return (units < 0 ? "-" : "") + filled.dropLast(scale) + "." + filled.suffix(scale)
  }

  private static func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
