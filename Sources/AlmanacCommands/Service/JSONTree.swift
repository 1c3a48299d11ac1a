/// A JSON value whose members keep their order.
indirect enum JSONTree: Sendable, ExpressibleByStringLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  case text(String)
  case truth(Bool)
  case integer(Int)
  case number(Double)
  case null
  case array([JSONTree])
  case object([(String, JSONTree)])

  init(stringLiteral value: String) { self = .text(value) }
  init(booleanLiteral value: Bool) { self = .truth(value) }
  init(integerLiteral value: Int) { self = .integer(value) }
  init(arrayLiteral elements: JSONTree...) { self = .array(elements) }
  init(dictionaryLiteral elements: (String, JSONTree)...) { self = .object(elements) }

  /// The value over several lines, two spaces a level; arrays of plain values take one line.
  func lines(indent: String = "") -> String {
    switch self {
    case .text(let text): return CellText.json(text)
    case .truth(let value): return value ? "true" : "false"
    case .integer(let value): return String(value)
    case .number(let value): return value.isFinite ? "\(value)" : "null"
    case .null: return "null"
    case .array(let elements) where elements.allSatisfy(\.isPlain):
      return "[" + elements.map { $0.lines() }.joined(separator: ", ") + "]"
    case .array(let elements):
      let inner = elements.map { "\(indent)  " + $0.lines(indent: indent + "  ") }
      return "[\n" + inner.joined(separator: ",\n") + "\n\(indent)]"
    case .object(let members) where members.isEmpty: return "{}"
    case .object(let members):
      let inner = members.map { name, value in
        "\(indent)  \(CellText.json(name)): " + value.lines(indent: indent + "  ")
      }
      return "{\n" + inner.joined(separator: ",\n") + "\n\(indent)}"
    }
  }

  /// The value in one line.
  func line() -> String {
    switch self {
    case .array(let elements):
      "[" + elements.map { $0.line() }.joined(separator: ", ") + "]"
    case .object(let members):
      "{" + members.map { "\(CellText.json($0)): \($1.line())" }.joined(separator: ", ") + "}"
    default: lines()
    }
  }

  /// A number, or null where there is none.
  static func optional(_ number: Double?) -> JSONTree { number.map { .number($0) } ?? .null }

  /// Text, or null where there is none.
  static func optional(_ text: String?) -> JSONTree { text.map { .text($0) } ?? .null }

  private var isPlain: Bool {
    switch self {
    case .array, .object: false
    default: true
    }
  }
}
