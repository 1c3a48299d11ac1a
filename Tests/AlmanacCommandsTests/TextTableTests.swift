import AlmanacCore
import Testing

@testable import AlmanacCommands

@Suite("Text tables")
struct TextTableTests {
  @Test("align words left and numbers right, with no space at the end of a line")
  func alignment() {
    var table = TextTable([("name", .left), ("rows", .right), ("", .left)])
    table.add(["a", "1,000,000", "x"])
    table.add(["longer", "7", ""])
    #expect(
      table.lines() == [
        "  name         rows", "  a       1,000,000  x", "  longer          7",
      ])
    #expect(table.lines(indent: 0).first == "name         rows")
  }

  @Test("count characters, not bytes")
  func characters() {
    var table = TextTable([("é", .left), ("n", .right)])
    table.add(["naïve", "1"])
    table.add(["plain", "22"])
    #expect(table.lines(indent: 0) == ["é       n", "naïve   1", "plain  22"])
  }

  @Test("know whether they have rows")
  func empty() {
    var table = TextTable([("a", .left)])
    #expect(table.isEmpty)
    #expect(table.lines() == ["  a"])
    table.add(["x"])
    #expect(!table.isEmpty)
  }

  @Test("fit 80 columns by cutting words, never numbers", arguments: UInt64(0)..<64)
  func width(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    func word(_ longest: Int) -> String {
      String(repeating: "w", count: Int.random(in: 0...longest, using: &random))
    }
    var table = TextTable([("one", .left), ("number", .right), ("two", .left)])
    var rows: [[String]] = []
    for _ in 0..<5 {
      let row = [
        word(100), Display.count(Int64.random(in: .min ... .max, using: &random)), word(60),
      ]
      table.add(row)
      rows.append(row)
    }
    let lines = table.lines()
    #expect(lines.allSatisfy { $0.count <= 80 })
    for (line, row) in zip(lines.dropFirst(), rows) { #expect(line.contains(row[1])) }
    #expect(table.fits() == !lines.joined().contains("…"))
  }
}

@Suite("Numbers for people")
struct DisplayTests {
  @Test(
    "have commas between thousands",
    arguments: [
      (Int64(0), "0"), (7, "7"), (999, "999"), (1_000, "1,000"), (-1_000, "-1,000"),
      (-999, "-999"), (123_456_789, "123,456,789"), (.max, "9,223,372,036,854,775,807"),
      (.min, "-9,223,372,036,854,775,808"),
    ])
  func counts(value: Int64, text: String) {
    #expect(Display.count(value) == text)
  }

  @Test(
    "round decimals to whole units half away from zero, exactly at any size",
    arguments: [
      ("0", "0"), ("0.4999", "0"), ("0.5000", "1"), ("-0.5000", "-1"), ("-0.4999", "0"),
      ("1234.5", "1,235"), ("9007199254740993.0000", "9,007,199,254,740,993"),
      ("99999999999999999999999999.4999", "99,999,999,999,999,999,999,999,999"),
      ("12.", "12"), ("NaN", "NaN"), ("Infinity", "Infinity"), ("-Infinity", "-Infinity"),
      ("", ""), ("-", "-"), (".5", ".5"), ("0x10", "0x10"), ("1e3", "1e3"), ("1.2.3", "1.2.3"),
    ])
  func wholeUnits(decimal: String, text: String) {
    #expect(Display.wholeUnits(decimal) == text)
  }

  @Test(
    "round decimals to larger units in one step",
    arguments: [
      ("1499.9999", Int128(1_000), "1"), ("1500", 1_000, "2"), ("-1500.0000", 1_000, "-2"),
      ("499999.9999", 1_000_000, "0"), ("1234567890123.4567", 1_000_000, "1,234,568"),
    ])
  func largerUnits(decimal: String, unit: Int128, text: String) {
    #expect(Display.wholeUnits(decimal, per: unit) == text)
  }

  @Test(
    "round measured numbers to whole or larger units",
    arguments: [
      (0.4, Int128(1), "0"), (0.5, 1, "1"), (-2.5, 1, "-3"), (24_681.7, 1, "24,682"),
      (1_499_999, 1_000_000, "1"), (2.5e15, 1_000_000_000, "2,500,000"),
      (.nan, 1, "nan"), (-.infinity, 1, "-inf"), (1e300, 1, "1e+300"),
    ])
  func measured(value: Double, unit: Int128, text: String) {
    #expect(Display.wholeUnits(value, per: unit) == text)
  }

  @Test(
    "show durations, none of them 60 seconds",
    arguments: [
      (0, "0.00 s"), (0.004, "0.00 s"), (0.005, "0.01 s"), (0.9949, "0.99 s"), (0.995, "1.0 s"),
      (9.96, "10.0 s"), (59.94, "59.9 s"), (59.95, "1 min 00 s"), (119.4, "1 min 59 s"),
      (119.5, "2 min 00 s"), (125, "2 min 05 s"), (86_400, "1440 min 00 s"), (-1.5, "-1.50 s"),
      (.nan, "nan s"), (.infinity, "inf s"), (1e300, "1e+300 s"),
    ])
  func seconds(value: Double, text: String) {
    #expect(Display.seconds(value) == text)
  }

  @Test(
    "show shares as percentages and a dash for nothing",
    arguments: [
      (nil, "-"), (0, "0.0 %"), (0.12345, "12.3 %"), (1, "100.0 %"), (-0.0004, "0.0 %"),
      (-0.5, "-50.0 %"), (123.4, "12340.0 %"), (.nan, "nan %"), (.infinity, "inf %"),
    ] as [(Double?, String)])
  func percents(share: Double?, text: String) {
    #expect(Display.percent(share) == text)
  }

  @Test(
    "have a fixed number of decimals",
    arguments: [
      (1.005, 0, "1"), (0.05, 1, "0.1"), (-0.04, 1, "0.0"), (1.0, 3, "1.000"), (0.007, 2, "0.01"),
      (1e16, 2, "1e+16"),
    ])
  func fixed(value: Double, decimals: Int, text: String) {
    #expect(Display.fixed(value, decimals: decimals) == text)
  }
}

@Suite("Wrapped text")
struct WrappedTextTests {
  @Test("keeps every word in order within 78 columns", arguments: UInt64(0)..<32)
  func law(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let words = (0..<60).map { _ in
      String(repeating: "w", count: Int.random(in: 1...30, using: &random))
    }
    let lines = wrapped(words.joined(separator: " "))
    #expect(lines.allSatisfy { $0.hasPrefix("  ") && $0.count <= 78 })
    #expect(lines.flatMap { $0.split(separator: " ") } == words.map { $0[...] })
    // No line has room for the first word of the next.
    for (line, next) in zip(lines, lines.dropFirst()) {
      let word = next.split(separator: " ").first ?? ""
      #expect(line.count + 1 + word.count > 78)
    }
  }

  @Test("breaks words longer than a line, and lines at any white space")
  func longWords() {
    let path = String(repeating: "p", count: 200)
    let lines = wrapped("open \(path)\n\tor not")
    #expect(lines.allSatisfy { $0.count <= 78 })
    #expect(lines.map { $0.dropFirst(2) }.joined() == "open\(path) or not")
    #expect(wrapped(" \n ").isEmpty)
  }
}
