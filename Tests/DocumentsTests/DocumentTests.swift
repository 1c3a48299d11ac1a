import AlmanacCore
import Documents
import Testing

/// The node of a text that is expected to be right.
func parsed(_ text: String, lookup: (String) -> String? = { _ in nil }) throws -> Node {
  try Document.parse(Array(text.utf8), file: "f.yaml", lookup: lookup)
}

/// The value of a key of a mapping.
func value(_ key: String, in node: Node) throws -> Node {
  guard case .mapping(let entries) = node.content else {
    throw node.unexpected("a mapping")
  }
  return try #require(entries.first { $0.key == key }).value
}

/// The one value of a node.
func scalar(_ node: Node) throws -> Node.Scalar {
  guard case .scalar(let scalar) = node.content else { throw node.unexpected("a scalar") }
  return scalar
}

@Suite("Documents")
struct DocumentTests {
  @Test("keep keys in order, with the place of each key and value")
  func places() throws {
    let node = try parsed("# first\nzebra: 1\napple:\n  - é: [x,  yy]\n    b: ''\n")
    guard case .mapping(let entries) = node.content else {
      Issue.record("no mapping")
      return
    }
    #expect(entries.map(\.key) == ["zebra", "apple"])
    #expect(entries[0].keyMark == Mark(file: "f.yaml", line: 2, column: 1))
    #expect(entries[0].value.mark == Mark(file: "f.yaml", line: 2, column: 8))
    guard case .sequence(let items) = entries[1].value.content else {
      Issue.record("no list")
      return
    }
    #expect(entries[1].value.mark == Mark(file: "f.yaml", line: 4, column: 3))
    guard case .sequence(let letters) = try value("é", in: items[0]).content else {
      Issue.record("no inner list")
      return
    }
    // The column counts the one character é, not its two bytes.
    #expect(letters[1].mark == Mark(file: "f.yaml", line: 4, column: 13))
    #expect(try scalar(try value("b", in: items[0])).isQuoted)
  }

  @Test("tell nothing from an empty text", arguments: ["a:", "a: ~", "a: null"])
  func nothing(_ text: String) throws {
    #expect(try scalar(try value("a", in: try parsed(text))).isNothing)
  }

  @Test("take quoted and block values as text", arguments: ["a: ''", "a: \"null\"", "a: |\n  ~"])
  func quotedText(_ text: String) throws {
    let scalar = try scalar(try value("a", in: try parsed(text)))
    #expect(scalar.isQuoted)
    #expect(!scalar.isNothing)
  }

  @Test("skip a byte order mark without moving columns")
  func byteOrderMark() throws {
    let node = try Document.parse([0xEF, 0xBB, 0xBF] + Array("a: 1".utf8), file: "f.yaml")
    #expect(try value("a", in: node).mark == Mark(file: "f.yaml", line: 1, column: 4))
  }

  @Test("count lines that end as on Windows")
  func carriageReturns() throws {
    let node = try parsed("a: 1\r\nb: 2\r\n")
    #expect(try value("b", in: node).mark == Mark(file: "f.yaml", line: 2, column: 4))
  }

  @Test("refuse bytes that are no UTF-8, at their place")
  func invalidBytes() throws {
    let error = try #require(parseError(Array("a: 1\nbé: ".utf8) + [0xFF, 0x41]))
    #expect(
      error.description
        == "f.yaml:2:5: found a byte that is no printable UTF-8 (invalid leading UTF-8 octet), "
        + "expected UTF-8 text without control characters")
  }

  @Test("refuse UTF-16, which other tools may write")
  func wideCharacters() throws {
    let error = try #require(parseError([0xFF, 0xFE, 0x61, 0, 0x3A, 0, 0x20, 0, 0x31, 0]))
    #expect(error.description.hasPrefix("f.yaml:1:1: found a byte that is no printable UTF-8"))
  }

  @Test("refuse a file above the limit before reading it")
  func size() throws {
    let error = try #require(parseError([UInt8](repeating: 32, count: Document.byteLimit + 1)))
    #expect(
      error.description
        == "f.yaml:1:1: found 1048577 bytes, expected a configuration file of at most 1048576")
  }

  @Test("take the deepest nesting that is allowed")
  func depth() throws {
    let count = Document.depthLimit - 1
    let node = try parsed(
      String(repeating: "[", count: count) + "x" + String(repeating: "]", count: count))
    #expect(node.canonicalText.hasSuffix("\"x\"" + String(repeating: "]", count: count)))
  }

  @Test("stop at a file of opening brackets alone")
  func brackets() throws {
    let error = try #require(parseError([UInt8](repeating: UInt8(ascii: "["), count: 1 << 20)))
    #expect(error.mark == Mark(file: "f.yaml", line: 1, column: Document.depthLimit + 1))
  }
}

@Suite("Variables in documents")
struct SubstitutionTests {
  private let environment = ["A": "one", "B_2": "${A} \"x\": [", "EMPTY": ""]

  private func replaced(_ text: String) throws -> String {
    try scalar(try value("k", in: try parsed("k: \(text)") { environment[$0] })).text
  }

  @Test(
    "are replaced by their value",
    arguments: [
      ("${A}", "one"), ("\"${A}\"", "one"), ("'x${A}y${A}z'", "xoneyonez"),
      ("$A $ {A}", "$A $ {A}"),
      ("$${A}", "${A}"), ("'$$${A}'", "$${A}"), ("'${EMPTY}'", ""), ("é${A}é", "éoneé"),
    ])
  func replace(_ written: String, _ text: String) throws {
    #expect(try replaced(written) == text)
  }

  @Test("are never read as YAML or replaced again")
  func once() throws {
    #expect(try replaced("${B_2}") == "${A} \"x\": [")
  }

  @Test("that are empty are an empty text, not nothing")
  func empty() throws {
    let node = try value("k", in: try parsed("k: ${EMPTY}") { environment[$0] })
    #expect(try !scalar(node).isNothing)
  }

  @Test("leave keys alone")
  func keys() throws {
    #expect(try scalar(try value("${A}", in: try parsed("${A}: 1"))).text == "1")
  }

  @Test("never show their value in an error")
  func secret() throws {
    let node = try value("k", in: try parsed("k: x${A}") { _ in "hunter2" })
    let error = #expect(throws: DocumentError.self) {
      try ValueReader.integer(in: 1...9).read(node)
    }
    #expect(
      error?.description
        == "f.yaml:1:4: found \"x${A}\", expected a whole number from 1 to 9")
    let suggesting = #expect(throws: DocumentError.self) {
      try ValueReader.oneOf(["hunter": 1]).read(node)
    }
    #expect(suggesting?.description == "f.yaml:1:4: found \"x${A}\", expected hunter")
  }
}
