import AlmanacCore

/// Reads a mapping key by key, then refuses what was not asked for.
///
///     var reader = try MappingReader(node, of: "the horizon")
///     let days = try reader.required("day", as: .integer(in: 1...730))
///     let months = try reader.optional("month", as: .integer(in: 1...36))
///     try reader.finish()
///
/// A missing key is reported as a misspelt one where an unread key resembles it.
package struct MappingReader {
  /// Where the mapping begins.
  package let mark: Mark
  private let owner: String
  private let entries: [Node.Entry]
  private var asked: [String] = []

  /// A reader over a mapping.
  ///
  /// - Parameters:
  ///   - node: the mapping.
  ///   - owner: what it is, as an error says it: `the dataset`.
  /// - Throws: `DocumentError.unexpected` if the node is no mapping.
  package init(_ node: Node, of owner: String) throws(DocumentError) {
    guard case .mapping(let entries) = node.content else {
      throw node.unexpected("a mapping (key: value) for \(owner)")
    }
    self.mark = node.mark
    self.owner = owner
    self.entries = entries
  }

  /// The keys of the mapping in order, read or not.
  package var keys: [String] { entries.map(\.key) }

  /// The value of a key that has to be there.
  ///
  /// - Parameters:
  ///   - key: the key.
  ///   - reader: how to read its value.
  /// - Returns: the value.
  /// - Throws: `DocumentError` if the key is missing or its value wrong.
  package mutating func required<Value>(
    _ key: String, as reader: ValueReader<Value>
  ) throws(DocumentError) -> Value {
    if let value = try optional(key, as: reader) { return value }
    let unread = entries.filter { !asked.contains($0.key) }
    if let misspelt = unread.first(where: { Suggestion.closest(to: $0.key, among: [key]) != nil }) {
      throw .unknownKey(misspelt.keyMark, key: misspelt.key, allowed: [key], suggestion: key)
    }
    throw .missingKey(mark, key: key, owner: owner)
  }

  /// The value of a key, or `nil` if the key is absent.
  ///
  /// A key with nothing behind it is an error, so that a value forgotten is noticed.
  ///
  /// - Parameters:
  ///   - key: the key.
  ///   - reader: how to read its value.
  /// - Returns: the value, or `nil`.
  /// - Throws: `DocumentError` if the value is wrong.
  package mutating func optional<Value>(
    _ key: String, as reader: ValueReader<Value>
  ) throws(DocumentError) -> Value? {
    asked.append(key)
    guard let entry = entries.first(where: { $0.key == key }) else { return nil }
    return try reader.read(entry.value)
  }

  /// Refuses a key that is known but that this version cannot obey.
  ///
  /// - Parameters:
  ///   - key: the key.
  ///   - instead: what to write instead, as an error says it.
  /// - Throws: `DocumentError.notSupported` if the key is there.
  package func refuse(_ key: String, instead: String) throws(DocumentError) {
    guard let entry = entries.first(where: { $0.key == key }) else { return }
    throw .notSupported(entry.keyMark, found: "the key \(quoted(key))", instead: instead)
  }

  /// Where a key stands, or where the mapping begins if the key is absent.
  package func mark(of key: String) -> Mark {
    entries.first { $0.key == key }?.keyMark ?? mark
  }

  /// Refuses the first key that was never asked for.
  ///
  /// - Throws: `DocumentError.unknownKey` with the keys that are known and the closest of them.
  package func finish() throws(DocumentError) {
    guard let unknown = entries.first(where: { !asked.contains($0.key) }) else { return }
    throw .unknownKey(
      unknown.keyMark, key: unknown.key, allowed: asked,
      suggestion: Suggestion.closest(to: unknown.key, among: asked))
  }
}

extension Node.Entry {
  /// The key of an entry whose keys the user chooses, which has to be a name as
  /// ``ValueReader/name`` reads it.
  ///
  /// - Throws: `DocumentError.unexpected` with the place of the key.
  package var chosenName: String {
    get throws(DocumentError) {
      guard isName(key) else {
        throw .unexpected(
          keyMark, found: quoted(key), expected: "a name of letters, digits and underscores",
          suggestion: nil)
      }
      return key
    }
  }
}

extension Node {
  /// The entries of a mapping whose keys the user chooses, each read with its key.
  ///
  /// - Parameters:
  ///   - owner: what the mapping is, as an error says it.
  ///   - body: reads one entry.
  /// - Returns: what `body` gave, in order.
  /// - Throws: `DocumentError` if the node is no mapping, or from `body`.
  package func entries<Value>(
    of owner: String, _ body: (Entry) throws(DocumentError) -> Value
  ) throws(DocumentError) -> [Value] {
    guard case .mapping(let entries) = content else {
      throw unexpected("a mapping (key: value) for \(owner)")
    }
    var values: [Value] = []
    for entry in entries { values.append(try body(entry)) }
    return values
  }
}
