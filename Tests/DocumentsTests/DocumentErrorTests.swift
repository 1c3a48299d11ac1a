import AlmanacCore
import Documents
import Testing

/// A broken text and the line an error has to print about it.
struct BrokenDocument: CustomTestStringConvertible, Sendable {
  let name: String
  let text: String
  let message: String

  init(_ name: String, _ text: String, _ message: String) {
    self.name = name
    self.text = text
    self.message = message
  }

  var testDescription: String { name }
}

/// What a parse ended with.
func parseError(_ bytes: [UInt8], lookup: (String) -> String? = { _ in nil }) -> DocumentError? {
  do throws(DocumentError) {
    _ = try Document.parse(bytes, file: "f.yaml", lookup: lookup)
    return nil
  } catch {
    return error
  }
}

@Suite("Errors of parsing")
struct DocumentErrorTests {
  static let broken: [BrokenDocument] = [
    BrokenDocument("empty file", "", "f.yaml:1:1: found an empty file, expected a mapping"),
    BrokenDocument(
      "only comments", "# nothing\n\n", "f.yaml:1:1: found an empty file, expected a mapping"),
    BrokenDocument(
      "tab as indentation", "a:\n\tb: 1\n",
      "f.yaml:2:1: found a tab, expected spaces, since YAML does not indent with tabs"),
    BrokenDocument(
      "tab before a key", "a: 1\n\tb: 2\n",
      "f.yaml:2:1: found a tab, expected spaces, since YAML does not indent with tabs"),
    BrokenDocument(
      "duplicate key", "a: 1\nb: 2\na: 3\n",
      #"f.yaml:3:1: found key "a" a second time, expected it only once (first in line 1)"#),
    BrokenDocument(
      "duplicate key in flow style", "a: {b: 1, b: 2}\n",
      #"f.yaml:1:11: found key "b" a second time, expected it only once (first in line 1)"#),
    BrokenDocument(
      "unterminated double quote", "a: 1\nb: \"two\nc: 3\n",
      "f.yaml:2:4: found a quote that is never closed, expected the same quote at the end of the text"
    ),
    BrokenDocument(
      "unterminated single quote", "a: 'one\n",
      "f.yaml:1:4: found a quote that is never closed, expected the same quote at the end of the text"
    ),
    BrokenDocument(
      "text behind a closed quote", "a: \"one\" two\n",
      "f.yaml:1:10: found text that continues no key of the mapping begun in line 1, expected the end of the line, or a key indented to column 1"
    ),
    BrokenDocument(
      "line without a colon", "a: 1\nbee\nc: 3\n",
      #"f.yaml:2:1: found text without a colon, expected "key: value" or an indented list item"#),
    BrokenDocument(
      "key without a space behind the colon", "a:1\nb: 2\n",
      #"f.yaml:2:2: found a colon that begins no value here, expected "key: value" with a space behind the colon, indented like its neighbours, and quotes around a value that holds ": ""#
    ),
    BrokenDocument(
      "indented too far", "a: 1\n  b: 2\n",
      #"f.yaml:2:4: found a colon that begins no value here, expected "key: value" with a space behind the colon, indented like its neighbours, and quotes around a value that holds ": ""#
    ),
    BrokenDocument(
      "indented too little", "a:\n    b: 1\n  c: 2\n",
      "f.yaml:3:3: found text that continues no key of the mapping begun in line 1, expected the end of the line, or a key indented to column 1"
    ),
    BrokenDocument(
      "colon in a plain value", "a: one: two\n",
      #"f.yaml:1:7: found a colon that begins no value here, expected "key: value" with a space behind the colon, indented like its neighbours, and quotes around a value that holds ": ""#
    ),
    BrokenDocument(
      "list item beside a mapping", "a: 1\n- b\n",
      "f.yaml:2:1: found text that continues no key of the mapping begun in line 1, expected the end of the line, or a key indented to column 1"
    ),
    BrokenDocument(
      "key beside a list", "a:\n  - b\n  c: 1\n",
      #"f.yaml:3:3: found text that continues no item of the list begun in line 2, expected the end of the line, or "- " indented to column 3"#
    ),
    BrokenDocument(
      "open flow mapping", "a: {b: 1\nc: 2\n",
      #"f.yaml:2:2: found text that neither continues nor ends the mapping begun in line 1, expected "," or "}""#
    ),
    BrokenDocument(
      "open flow list", "a: [b, c\nd: 2\n",
      #"f.yaml:2:2: found text that neither continues nor ends the list begun in line 1, expected "," or "]""#
    ),
    BrokenDocument(
      "flow list closed twice", "a: [b]]\n",
      "f.yaml:1:7: found text that continues no key of the mapping begun in line 1, expected the end of the line, or a key indented to column 1"
    ),
    BrokenDocument(
      "reserved character", "a: @b\n",
      #"f.yaml:1:4: found "@", expected quotes around a value that begins with this character"#),
    BrokenDocument(
      "percent sign", "a: %b\n",
      #"f.yaml:1:4: found "%", expected quotes around a value that begins with this character"#),
    BrokenDocument(
      "anchor", "a: &x 1\n",
      #"f.yaml:1:4: found the anchor "&x", expected the value itself, since anchors, aliases and tags are not accepted"#
    ),
    BrokenDocument(
      "alias", "a: 1\nb: *x\n",
      #"f.yaml:2:4: found the alias "*x", expected the value itself, since anchors, aliases and tags are not accepted"#
    ),
    BrokenDocument(
      "tag", "a: !!int 1\n",
      #"f.yaml:1:4: found the tag "!!int", expected the value itself, since anchors, aliases and tags are not accepted"#
    ),
    BrokenDocument(
      "undeclared tag", "a: !e!x 1\n",
      "f.yaml:1:4: found a tag, expected the value itself, since anchors, aliases and tags are not accepted"
    ),
    BrokenDocument(
      "local tag on a mapping", "a: !x\n  b: 1\n",
      #"f.yaml:1:4: found the tag "!x", expected the value itself, since anchors, aliases and tags are not accepted"#
    ),
    BrokenDocument(
      "second document", "a: 1\n---\nb: 2\n",
      "f.yaml:2:1: found a second document, expected one document in each file"),
    BrokenDocument(
      "list as a key", "[a, b]: 1\n",
      "f.yaml:1:1: found a list or mapping as a key, expected a name"),
    BrokenDocument(
      "empty key", "a: 1\n: 2\n",
      "f.yaml:2:1: found text that continues no key of the mapping begun in line 1, expected the end of the line, or a key indented to column 1"
    ),
    BrokenDocument(
      "unknown escape", "a: \"\\q\"\n",
      "f.yaml:1:5: found unknown escape character, expected valid YAML (while parsing a quoted scalar from line 1)"
    ),
    BrokenDocument(
      "zero character by escape", "a: \"\\0\"\n",
      "f.yaml:1:4: found a zero character, expected text without one"),
    BrokenDocument(
      "control character", "a: x\u{7}y\n",
      "f.yaml:1:5: found a byte that is no printable UTF-8 (control characters are not allowed), expected UTF-8 text without control characters"
    ),
    BrokenDocument(
      "unset variable", "a: 1\nb: ${NAME}\n",
      "f.yaml:2:4: found ${NAME}, expected the environment variable NAME to be set"),
    BrokenDocument(
      "variable without a name", "a: ${}\n",
      #"f.yaml:1:4: found "${" without a name and "}", expected ${NAME} for an environment variable, or $${ for the characters themselves"#
    ),
    BrokenDocument(
      "variable without an end", "a: ${NAME\n",
      #"f.yaml:1:4: found "${" without a name and "}", expected ${NAME} for an environment variable, or $${ for the characters themselves"#
    ),
    BrokenDocument(
      "variable with a digit in front", "a: \"${1A}\"\n",
      #"f.yaml:1:4: found "${" without a name and "}", expected ${NAME} for an environment variable, or $${ for the characters themselves"#
    ),
    BrokenDocument(
      "unknown directive version", "%YAML 3.0\n---\na: 1\n",
      "f.yaml:1:1: found incompatible YAML document, expected valid YAML"),
    BrokenDocument(
      "block text without indentation", "a: |\nb\n",
      #"f.yaml:2:1: found text without a colon, expected "key: value" or an indented list item"#),
    BrokenDocument(
      "nested too deeply", String(repeating: "[", count: 33) + String(repeating: "]", count: 33),
      "f.yaml:1:33: found lists and mappings nested deeper than 32, expected a flatter document"),
  ]

  @Test("names file, line, column, what was found and what was expected", arguments: broken)
  func message(_ document: BrokenDocument) throws {
    let error = try #require(parseError(Array(document.text.utf8)))
    #expect(error.description == document.message)
    #expect(error.exitStatus == .configuration)
  }
}
