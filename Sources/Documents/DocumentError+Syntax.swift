extension DocumentError {
  /// What libyaml met, in words that say what to change.
  ///
  /// libyaml's own words are kept for faults that are not listed here.
  init(_ failure: ParserFailure, bytes: [UInt8], file: String) {
    if failure.isOutOfMemory {
      self = .outOfMemory(file: file)
      return
    }
    if let index = failure.invalidByteAt {
      self = .malformed(
        Mark(ofByte: index, in: bytes, file: file),
        found: "a byte that is no printable UTF-8 (\(failure.problem))",
        expected: "UTF-8 text without control characters")
      return
    }
    let place = Mark(file: file, line: failure.line, column: failure.column)
    let start = Mark(file: file, line: failure.contextLine, column: failure.contextColumn)
    switch (failure.context, failure.problem) {
    case ("while scanning a quoted scalar", "found unexpected end of stream"),
      ("while scanning a quoted scalar", "found unexpected document indicator"):
      self = .malformed(
        start, found: "a quote that is never closed",
        expected: "the same quote at the end of the text")
    case ("while scanning a simple key", _):
      self = .malformed(
        start, found: "text without a colon", expected: "\"key: value\" or an indented list item")
    case (_, "mapping values are not allowed in this context"):
      self = .malformed(
        place, found: "a colon that begins no value here",
        expected: "\"key: value\" with a space behind the colon, indented like its neighbours, and "
          + "quotes around a value that holds \": \"")
    case ("while scanning an alias", _), ("while scanning an anchor", _):
      self = .malformed(
        start, found: "a value that begins with \"*\" or \"&\"", expected: "quotes around it")
    case (_, "found a tab character that violates indentation"):
      self = .malformed(place, found: "a tab", expected: noTabs)
    case (_, "found undefined tag handle"):
      self = .malformed(place, found: "a tag", expected: noReuse)
    case ("while parsing a block mapping", _):
      self = .malformed(
        place, found: "text that continues no key of the mapping begun in line \(start.line)",
        expected: "the end of the line, or a key indented to column \(start.column)")
    case ("while parsing a block collection", _):
      self = .malformed(
        place, found: "text that continues no item of the list begun in line \(start.line)",
        expected: "the end of the line, or \"- \" indented to column \(start.column)")
    case ("while parsing a flow mapping", _):
      self = .malformed(
        place,
        found: "text that neither continues nor ends the mapping begun in line \(start.line)",
        expected: "\",\" or \"}\"")
    case ("while parsing a flow sequence", _):
      self = .malformed(
        place, found: "text that neither continues nor ends the list begun in line \(start.line)",
        expected: "\",\" or \"]\"")
    case (_, "found character that cannot start any token"):
      let character = scalar(at: failure.offset, in: bytes)
      self = .malformed(
        place, found: character == "\t" ? "a tab" : quoted(character.map { String($0) } ?? ""),
        expected: character == "\t"
          ? noTabs
          : "quotes around a value that begins with this character")
    default:
      self = .malformed(
        place,
        found: failure.problem.hasPrefix("found ")
          ? String(failure.problem.dropFirst("found ".count))
          : "text where YAML " + failure.problem,
        expected: "valid YAML"
          + (failure.context.isEmpty ? "" : " (\(failure.context) from line \(start.line))"))
    }
  }
}

extension Mark {
  /// The place of a byte; columns count the characters in front of it.
  fileprivate init(ofByte index: Int, in bytes: [UInt8], file: String) {
    let before = bytes.prefix(index)
    let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    // A continuation byte of UTF-8 begins with the bits 10 and starts no character.
    self.init(
      file: file, line: before.count { $0 == UInt8(ascii: "\n") } + 1,
      column: before[lineStart...].count { $0 & 0xC0 != 0x80 } + 1)
  }
}

/// What an error expects in place of a tab.
private let noTabs = "spaces, since YAML does not indent with tabs"

/// What an error expects in place of an anchor, alias or tag.
let noReuse = "the value itself, since anchors, aliases and tags are not accepted"

/// The character at an offset counted in characters.
private func scalar(at offset: Int, in bytes: [UInt8]) -> Unicode.Scalar? {
  String(decoding: bytes, as: UTF8.self).unicodeScalars.dropFirst(offset).first
}
