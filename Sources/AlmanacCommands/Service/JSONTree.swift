/// A JSON value whose members keep their order.
indirect enum JSONTree: Sendable, ExpressibleByStringLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  case text(String)
  case truth(Bool)
  case integer(Int)
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

  private var isPlain: Bool {
    switch self {
    case .array, .object: false
    default: true
    }
  }
}
