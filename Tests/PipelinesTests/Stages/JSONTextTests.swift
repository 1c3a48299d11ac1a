import AlmanacCore
import Foundation
import Pipelines
import Testing

@Suite("JSON text")
struct JSONTextTests {
  private func parsed(_ object: JSONText) throws -> [String: Any] {
    let data = Data(object.finish().utf8)
    return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  @Test("keeps its members in order")
  func order() {
    var object = JSONText()
    #expect(object.finish() == "{}")
    object.add("b", integer: -7)
    object.add("a", texts: ["x", "\"y\""])
    object.add("none", text: nil)
    object.add("raw", raw: "[1]")
    #expect(object.finish() == #"{"b":-7,"a":["x","\"y\""],"none":null,"raw":[1]}"#)
  }

  @Test("comes back from a parser as it went in", arguments: UInt64(0)..<64)
  func texts(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    // Every control character, the characters JSON escapes, and any other plane.
    let special = (0..<0x20).compactMap { Unicode.Scalar($0) } + ["\"", "\\", "/", "\u{7F}"]
    func text() -> String {
      var text = String.UnicodeScalarView()
      for _ in 0..<Int.random(in: 0...40, using: &random) {
        let any = Unicode.Scalar(UInt32.random(in: 0...0x10FFFF, using: &random))
        let isSpecial = Bool.random(using: &random)
        text.append(isSpecial ? special.randomElement(using: &random) ?? "a" : any ?? "é")
      }
      return String(text)
    }
    let (key, value, items) = (text(), text(), [text(), text()])
    var object = JSONText()
    object.add(key, text: value)
    object.add(key + "s", texts: items)
    let line = object.finish()
    #expect(!line.utf8.contains { $0 < 0x20 })
    let members = try parsed(object)
    func scalars(_ text: String?) -> [Unicode.Scalar]? { text.map { Array($0.unicodeScalars) } }
    #expect(members.count == 2)
    let found = members.first { scalars($0.key) == scalars(key) }?.value as? String
    #expect(scalars(found) == scalars(value))
    let list = members.first { scalars($0.key) == scalars(key + "s") }?.value as? [String]
    #expect(list?.map { scalars($0) } == items.map { scalars($0) })
  }

  @Test(
    "writes numbers that come back bit by bit",
    arguments: [
      0, 1, -1.5, 0.1, 1e-7, .leastNonzeroMagnitude, 1e16, 123_456_789.125, .pi,
      .greatestFiniteMagnitude,
    ])
  func numbers(value: Double) throws {
    var object = JSONText()
    object.add("n", number: value)
    #expect((try parsed(object)["n"] as? NSNumber)?.doubleValue == value)
  }

  @Test("writes null for what is no number", arguments: [Double.nan, .infinity, -.infinity, nil])
  func noNumbers(value: Double?) {
    var object = JSONText()
    object.add("n", number: value)
    #expect(object.finish() == #"{"n":null}"#)
  }

  @Test("holds a stage's facts as texts and its notices as a list")
  func detail() throws {
    var outcome = StageOutcome()
    outcome.note("days", 739)
    let plain = try #require(
      try JSONSerialization.jsonObject(with: Data(outcome.detailJSON.utf8)) as? [String: String])
    #expect(plain == ["days": "739"])
    outcome.notices = ["a \"quoted\"\nline"]
    let noted = try #require(
      try JSONSerialization.jsonObject(with: Data(outcome.detailJSON.utf8)) as? [String: Any])
    #expect(noted["notices"] as? [String] == outcome.notices)
  }
}
