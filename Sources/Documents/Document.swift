/// Reads YAML text into nodes that know where they stand.
///
/// The accepted part of YAML is what a configuration needs: mappings, lists and plain, quoted or
/// block values. Anchors, aliases and tags are refused, so a small file cannot unfold into a large
/// one; so are a second document, keys that are not plain text, and a key given twice.
package enum Document {
  /// The most bytes a file may have.
  package static let byteLimit = 1 << 20
  /// How deep lists and mappings may be nested.
  package static let depthLimit = 32

  /// Reads a document.
  ///
  /// `${NAME}` in a value is replaced by what `lookup` gives for the name; `$${` stands for a plain
  /// `${`. Keys are left as they are.
  ///
  /// - Parameters:
  ///   - bytes: the file's content, UTF-8 with or without a byte order mark.
  ///   - file: the name errors begin with.
  ///   - lookup: the value of an environment variable, or `nil` if it is not set.
  /// - Returns: the document's one top value.
  /// - Throws: `DocumentError` with the place of the first fault.
  package static func parse(
    _ bytes: [UInt8], file: String, lookup: (String) -> String? = { _ in nil }
  ) throws(DocumentError) -> Node {
    guard bytes.count <= byteLimit else {
      throw .tooLarge(file: file, byteCount: bytes.count, limit: byteLimit)
    }
    let hasByteOrderMark = bytes.starts(with: [0xEF, 0xBB, 0xBF])
    let content = hasByteOrderMark ? Array(bytes.dropFirst(3)) : bytes
    guard let parser = EventParser(content) else { throw .outOfMemory(file: file) }
    var builder = NodeBuilder(parser: parser, bytes: content, file: file)
    return try builder.document(lookup)
  }
}

/// Builds nodes from the steps of a text.
private struct NodeBuilder: ~Copyable {
  var parser: EventParser
  let bytes: [UInt8]
  let file: String

  init(parser: consuming EventParser, bytes: [UInt8], file: String) {
    self.parser = parser
    self.bytes = bytes
    self.file = file
  }

  /// The whole stream: exactly one document.
  mutating func document(_ lookup: (String) -> String?) throws(DocumentError) -> Node {
    _ = try next()
    let start = try next()
    if case .streamEnd = start.kind {
      throw .malformed(
        Mark(file: file, line: 1, column: 1), found: "an empty file", expected: "a mapping")
    }
    let root = try node(try next(), depth: 1, lookup)
    _ = try next()
    let end = try next()
    guard case .streamEnd = end.kind else {
      throw .malformed(
        mark(end), found: "a second document", expected: "one document in each file")
    }
    return root
  }

  private mutating func node(
    _ event: Event, depth: Int, _ lookup: (String) -> String?
  ) throws(DocumentError) -> Node {
    let mark = mark(event)
    try refuseReuse(event)
    guard depth <= Document.depthLimit else {
      throw .malformed(
        mark, found: "lists and mappings nested deeper than \(Document.depthLimit)",
        expected: "a flatter document")
    }
    switch event.kind {
    case .scalar(let written, let isQuoted):
      guard !written.unicodeScalars.contains("\0") else {
        throw .malformed(mark, found: "a zero character", expected: "text without one")
      }
      let text = try substituting(written, at: mark, lookup)
      return Node(.scalar(Node.Scalar(text, written: written, isQuoted: isQuoted)), at: mark)
    case .sequenceStart:
      var items: [Node] = []
      while true {
        let event = try next()
        if case .sequenceEnd = event.kind { return Node(.sequence(items), at: mark) }
        items.append(try node(event, depth: depth + 1, lookup))
      }
    case .mappingStart:
      return Node(.mapping(try entries(depth: depth, lookup)), at: mark)
    default:
      preconditionFailure("a value cannot begin with \(event.kind)")
    }
  }

  private mutating func entries(
    depth: Int, _ lookup: (String) -> String?
  ) throws(DocumentError) -> [Node.Entry] {
    var entries: [Node.Entry] = []
    var lines: [String: Int] = [:]
    while true {
      let event = try next()
      if case .mappingEnd = event.kind { return entries }
      let keyMark = mark(event)
      try refuseReuse(event)
      guard case .scalar(let key, _) = event.kind else {
        throw .malformed(keyMark, found: "a list or mapping as a key", expected: "a name")
      }
      if let first = lines[key] {
        throw .duplicateKey(keyMark, key: key, firstLine: first)
      }
      lines[key] = keyMark.line
      let value = try node(try next(), depth: depth + 1, lookup)
      entries.append(Node.Entry(key: key, keyMark: keyMark, value: value))
    }
  }

  private func refuseReuse(_ event: Event) throws(DocumentError) {
    let found: String
    if case .alias(let name) = event.kind {
      found = "the alias \(quoted("*" + name))"
    } else if let property = event.property {
      let standard = "tag:yaml.org,2002:"
      found =
        property.hasPrefix("&")
        ? "the anchor " + quoted(property)
        : "the tag "
          + quoted(
            property.hasPrefix(standard) ? "!!" + property.dropFirst(standard.count) : property)
    } else {
      return
    }
    throw .malformed(mark(event), found: found, expected: noReuse)
  }

  private func mark(_ event: Event) -> Mark {
    Mark(file: file, line: event.line, column: event.column)
  }

  private mutating func next() throws(DocumentError) -> Event {
    do {
      return try parser.next()
    } catch {
      throw DocumentError(error, bytes: bytes, file: file)
    }
  }
}
