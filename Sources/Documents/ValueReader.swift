package import AlmanacCore

/// How to read one kind of value from a node, and what to call it in an error.
///
/// Readers are combined: `.list(of: .integer(in: 1...99))`.
package struct ValueReader<Value> {
  /// What the value has to be, as an error says it after "expected".
  package let expected: String
  private let body: (Node) throws(DocumentError) -> Value

  /// A reader that reads with `body`.
  ///
  /// - Parameters:
  ///   - expected: what the value has to be, such as `a whole number`.
  ///   - body: reads the value or throws what is wrong with it.
  package init(_ expected: String, _ body: @escaping (Node) throws(DocumentError) -> Value) {
    self.expected = expected
    self.body = body
  }

  /// The value of a node.
  package func read(_ node: Node) throws(DocumentError) -> Value { try body(node) }

  /// A reader of one written value.
  ///
  /// `parse` gives the value of a text, or `nil` for a text that is not one; it is not asked about
  /// nothing (an empty value, `~`, `null`). The closest of `words` is suggested in the error.
  package static func scalar(
    _ expected: String, suggesting words: [String] = [], _ parse: @escaping (String) -> Value?
  ) -> ValueReader {
    ValueReader(expected) { (node) throws(DocumentError) -> Value in
      guard case .scalar(let scalar) = node.content, !scalar.isNothing,
        let value = parse(scalar.text)
      else { throw node.unexpected(expected, suggesting: words) }
      return value
    }
  }
}

extension Node {
  /// The error that this node is not what its place asks for; the closest of `words` is suggested.
  package func unexpected(_ expected: String, suggesting words: [String] = []) -> DocumentError {
    var suggestion: String?
    if case .scalar(let scalar) = content, !scalar.isNothing {
      suggestion = Suggestion.closest(to: scalar.written, among: words)
    }
    return .unexpected(
      mark, found: shortDescription, expected: expected, suggestion: suggestion)
  }
}

extension ValueReader where Value == Node {
  /// Any value, not looked into.
  package static var node: ValueReader {
    ValueReader("a value") { (node) throws(DocumentError) -> Node in node }
  }
}

extension ValueReader where Value == String {
  /// Any text that is not empty.
  package static var text: ValueReader {
    .scalar("a text") { $0.isEmpty ? nil : $0 }
  }

  /// A name: a letter or underscore, then letters, digits and underscores, at most 63 bytes, which
  /// is what PostgreSQL keeps of one.
  package static var name: ValueReader {
    .scalar("a name of letters, digits and underscores") { isName($0) ? $0 : nil }
  }
}

/// Whether a text is a name as ``ValueReader/name`` reads it.
package func isName(_ text: some StringProtocol) -> Bool {
  let bytes = Array(text.utf8)
  guard let first = bytes.first, bytes.count <= 63 else { return false }
  return isNameByte(first) && !isDigit(first) && bytes.allSatisfy(isNameByte)
}

extension ValueReader where Value == Bool {
  /// `true` or `false`.
  package static var boolean: ValueReader {
    let meanings = ["yes": "true", "on": "true", "no": "false", "off": "false"]
    return ValueReader("true or false") { (node) throws(DocumentError) -> Bool in
      guard case .scalar(let scalar) = node.content else { throw node.unexpected("true or false") }
      switch scalar.text {
      case "true": return true
      case "false": return false
      default:
        let meant = meanings[scalar.written.lowercased()]
        throw .unexpected(
          node.mark, found: node.shortDescription, expected: "true or false",
          suggestion: meant ?? Suggestion.closest(to: scalar.written, among: ["true", "false"]))
      }
    }
  }
}

extension ValueReader where Value == CurrencyCode {
  /// A currency code in capitals, such as `EUR`.
  package static var currency: ValueReader<CurrencyCode> {
    .scalar("a currency code of three capital letters, such as EUR") { text in
      CurrencyCode(text).flatMap { $0.description == text ? $0 : nil }
    }
  }
}

extension ValueReader {
  /// One of a set of words, each standing for a value.
  package static func oneOf(_ words: KeyValuePairs<String, Value>) -> ValueReader {
    let names = words.map(\.key)
    return .scalar(listed(names), suggesting: names) { text in
      words.first { $0.key == text }?.value
    }
  }

  /// A list, with no limit on its length.
  package static func list<Element>(of element: ValueReader<Element>) -> ValueReader
  where Value == [Element] {
    ValueReader("a list") { (node) throws(DocumentError) -> [Element] in
      guard case .sequence(let items) = node.content else {
        throw node.unexpected("a list such as [a, b], each item \(element.expected)")
      }
      var values: [Element] = []
      for item in items { values.append(try element.read(item)) }
      return values
    }
  }

  /// A list with at least one item and no item twice.
  package static func set<Element: Hashable>(of element: ValueReader<Element>) -> ValueReader
  where Value == [Element] {
    ValueReader("a list") { (node) throws(DocumentError) -> [Element] in
      let values = try ValueReader.list(of: element).read(node)
      guard case .sequence(let items) = node.content, !items.isEmpty else {
        throw .unexpected(
          node.mark, found: "an empty list",
          expected: "at least one item, each \(element.expected)",
          suggestion: nil)
      }
      var seen: Set<Element> = []
      for (value, item) in zip(values, items) where !seen.insert(value).inserted {
        throw .unexpected(
          item.mark, found: "\(item.shortDescription) a second time", expected: "each item once",
          suggestion: nil)
      }
      return values
    }
  }

  /// A mapping, read by `body` key by key; keys that it does not ask for are refused.
  ///
  /// `owner` is what the mapping is, as an error says it: `the horizon`.
  package static func mapping(
    _ owner: String, _ body: @escaping (inout MappingReader) throws(DocumentError) -> Value
  ) -> ValueReader {
    ValueReader("a mapping") { (node) throws(DocumentError) -> Value in
      var reader = try MappingReader(node, of: owner)
      let value = try body(&reader)
      try reader.finish()
      return value
    }
  }
}

extension ValueReader where Value: CaseIterable & RawRepresentable<String> {
  /// A word of an enumeration.
  package static var word: ValueReader {
    let words = Value.allCases.map(\.rawValue)
    return .scalar(listed(words), suggesting: words) { Value(rawValue: $0) }
  }
}
