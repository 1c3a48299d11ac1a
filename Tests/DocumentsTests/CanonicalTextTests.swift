import AlmanacCore
import Documents
import Testing

@Suite("The canonical text")
struct CanonicalTextTests {
  private func canonical(_ text: String) throws -> String { try parsed(text).canonicalText }

  @Test(
    "is the same for all ways to write the same",
    arguments: [
      "b: {y: 2, x: [p, q]}\na: one\n",
      "a: 'one'   # a comment\nb:\n  x:\n  - p\n  - q\n\n  y: \"2\"\n",
      "---\n{\"b\": {x: [p, 'q'], y: 2}, a: one}\n...\n",
      "a: >-\n  one\nb:\n    x: [ p,\n         q ]\n    y: 2\n",
    ])
  func same(_ text: String) throws {
    #expect(try canonical(text) == #"{"a":"one","b":{"x":["p","q"],"y":"2"}}"#)
  }

  @Test(
    "differs where the meaning does",
    arguments: [
      ("a: [p, q]", "a: [q, p]"), ("a: [p, q]", "a: 'p, q'"), ("a:", "a: ''"), ("a: ~", "a: '~'"),
      ("a: 1", "A: 1"), ("a: 1", "a: 1\nb: 2"), ("a: '\"b'", "a: '\\\"b'"), ("a: []", "a: {}"),
      ("a: '[\"b\"]'", "a: [b]"), ("a: {b: c}", "a: {b: [c]}"),
    ])
  func different(_ left: String, _ right: String) throws {
    #expect(try canonical(left) != canonical(right))
  }

  @Test("follows a variable's value")
  func variables() throws {
    #expect(
      try parsed("a: ${X}") { _ in "1" }.canonicalText
        != parsed("a: ${X}") { _ in "2" }.canonicalText)
    #expect(try parsed("a: ${X}") { _ in "1" }.canonicalText == canonical("a: 1"))
  }

  @Test(
    "survives printing a random tree in any style and reading it back", arguments: UInt64(0)..<64)
  func roundTrip(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let tree = RandomTree(using: &random, depth: 0)
    let first = try canonical(tree.yaml(using: &random))
    let second = try canonical(tree.yaml(using: &random))
    #expect(first == tree.canonical)
    #expect(second == tree.canonical)
  }
}

/// A random document, printed in a random style, with its canonical text computed from the tree.
private indirect enum RandomTree {
  case text(String)
  case list([RandomTree])
  case mapping([(String, RandomTree)])

  init(using random: inout SplitMix64, depth: Int) {
    let kind = depth == 0 ? 2 : depth > 3 ? 0 : Int.random(in: 0..<3, using: &random)
    let count = Int.random(in: 0..<4, using: &random)
    switch kind {
    case 1: self = .list((0..<count).map { _ in RandomTree(using: &random, depth: depth + 1) })
    case 2:
      self = .mapping(
        (0..<count).map { ("k\($0)", RandomTree(using: &random, depth: depth + 1)) })
    default:
      let letters = Array("ab é:#,[]{}'\"\\-?&*!|>%@`~\n")
      self = .text(
        String((0..<count * 2).map { _ in letters.randomElement(using: &random) ?? "a" }))
    }
  }

  /// The tree as flow YAML with double quotes, its keys shuffled and spaces strewn in.
  func yaml(using random: inout SplitMix64) -> String {
    let gap = ["", " ", "\n ", " # x\n "].randomElement(using: &random) ?? ""
    switch self {
    case .text(let text): return Self.quote(text)
    case .list(let items):
      return "[\(gap)" + items.map { $0.yaml(using: &random) }.joined(separator: ",\(gap)") + "]"
    case .mapping(let entries):
      let parts = entries.shuffled(using: &random).map {
        Self.quote($0.0) + ": " + $0.1.yaml(using: &random)
      }
      return "{\(gap)" + parts.joined(separator: ",\(gap)") + "}"
    }
  }

  var canonical: String {
    switch self {
    case .text(let text): return Self.escape(text)
    case .list(let items): return "[" + items.map(\.canonical).joined(separator: ",") + "]"
    case .mapping(let entries):
      return "{" + entries.map { Self.escape($0.0) + ":" + $0.1.canonical }.joined(separator: ",")
        + "}"
    }
  }

  private static func quote(_ text: String) -> String {
    escape(text).split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\\n")
  }

  private static func escape(_ text: String) -> String {
    "\"" + text.flatMap { $0 == "\"" || $0 == "\\" ? ["\\", $0] : [$0] } + "\""
  }
}
