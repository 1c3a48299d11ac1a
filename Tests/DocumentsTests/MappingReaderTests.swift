import AlmanacCore
import Documents
import Testing

private enum Fruit: String, CaseIterable {
  case apple, pear, quince
}

/// What reading ended with, as an error's text.
private func failure<Value>(_ reader: ValueReader<Value>, _ text: String) throws -> String? {
  let node = try value("k", in: try parsed("k: \(text)"))
  do throws(DocumentError) {
    _ = try reader.read(node)
    return nil
  } catch {
    return error.description
  }
}

private func read<Value>(_ reader: ValueReader<Value>, _ text: String) throws -> Value {
  try reader.read(try value("k", in: try parsed("k: \(text)")))
}

@Suite("Reading values")
struct ValueReaderTests {
  @Test(
    "takes whole numbers in the range", arguments: [("1", 1), ("-5", -5), ("+7", 7), ("'9'", 9)])
  func integers(_ text: String, _ number: Int) throws {
    #expect(try read(.integer(in: -5...9), text) == number)
  }

  @Test(
    "refuses what is no whole number in the range",
    arguments: ["10", "-6", "1.0", "1e0", "0x1", "one", "''", "", "[1]", "99999999999999999999"])
  func noIntegers(_ text: String) throws {
    let message = try failure(.integer(in: -5...9), text)
    #expect(message?.hasSuffix("expected a whole number from -5 to 9") == true)
  }

  @Test("takes numbers", arguments: [("0.25", 0.25), ("1e-3", 0.001), ("-2", -2)])
  func numbers(_ text: String, _ number: Double) throws {
    #expect(try read(.number(in: -2...1), text) == number)
  }

  @Test("refuses other numbers", arguments: ["nan", "inf", "0x1p-2", "1,5", ".", "1.5", "1 "])
  func noNumbers(_ text: String) throws {
    #expect(try failure(.number(in: -2...1), "\"\(text)\"") != nil)
  }

  @Test("takes shares in per cent", arguments: [("0.1%", 0.001), ("100%", 1), ("0%", 0)])
  func percentages(_ text: String, _ share: Double) throws {
    #expect(abs(try read(.percentage, text) - share) < 1e-15)
  }

  @Test("refuses other shares", arguments: ["0.1", "101%", "-1%", "'%'", "1 %"])
  func noPercentages(_ text: String) throws {
    #expect(
      try failure(.percentage, text)?.hasSuffix("expected a percentage such as 0.1%") == true)
  }

  @Test(
    "takes lengths of time",
    arguments: [("7d", 604_800), ("26h", 93_600), ("10m", 600), ("30s", 30), ("0s", 0)])
  func durations(_ text: String, _ seconds: Int) throws {
    #expect(try read(.duration, text) == .seconds(seconds))
  }

  @Test(
    "refuses other lengths of time",
    arguments: ["7", "d", "7w", "-1d", "1.5h", "99999d", "7 d", "99999999999999999999s"])
  func noDurations(_ text: String) throws {
    #expect(try failure(.duration, text) != nil)
  }

  @Test("takes dates that exist")
  func dates() throws {
    #expect(try read(.date, "2024-02-29").description == "2024-02-29")
    #expect(
      try failure(.date, "2023-02-29")
        == "f.yaml:1:4: found \"2023-02-29\", expected a date such as 2026-01-31")
  }

  @Test("takes true and false, and suggests them for YAML's other words")
  func booleans() throws {
    #expect(try read(.boolean, "true"))
    #expect(try !read(.boolean, "false"))
    #expect(
      try failure(.boolean, "Yes")
        == "f.yaml:1:4: found \"Yes\", expected true or false (did you mean \"true\"?)")
    #expect(
      try failure(.boolean, "flase")
        == "f.yaml:1:4: found \"flase\", expected true or false (did you mean \"false\"?)")
  }

  @Test("takes currencies in capitals")
  func currencies() throws {
    #expect(try read(.currency, "EUR") == CurrencyCode("EUR"))
    for text in ["eur", "EURO", "E1R", "", "€"] { #expect(try failure(.currency, text) != nil) }
  }

  @Test("takes words of an enumeration and suggests the closest")
  func words() throws {
    #expect(try read(ValueReader<Fruit>.word, "pear") == .pear)
    #expect(
      try failure(ValueReader<Fruit>.word, "aple")
        == "f.yaml:1:4: found \"aple\", expected one of apple, pear, quince (did you mean \"apple\"?)"
    )
    #expect(
      try failure(ValueReader<Fruit>.word, "zzz")
        == "f.yaml:1:4: found \"zzz\", expected one of apple, pear, quince")
  }

  @Test("takes names that PostgreSQL keeps whole")
  func names() throws {
    #expect(try read(.name, "_a1") == "_a1")
    #expect(try read(.name, String(repeating: "n", count: 63)).count == 63)
    for text in ["1a", "a-b", "a b", "é", "''", String(repeating: "n", count: 64)] {
      #expect(try failure(.name, text) != nil)
    }
  }

  @Test("reads lists and places the item that is wrong")
  func lists() throws {
    #expect(try read(.list(of: .integer(in: 0...9)), "[3, 1, 3]") == [3, 1, 3])
    #expect(
      try failure(.list(of: .integer(in: 0...9)), "[3, x]")
        == "f.yaml:1:8: found \"x\", expected a whole number from 0 to 9")
    #expect(
      try failure(.list(of: .integer(in: 0...9)), "3")
        == "f.yaml:1:4: found \"3\", expected a list such as [a, b], each item a whole number "
        + "from 0 to 9")
  }

  @Test("reads sets without repetition")
  func sets() throws {
    #expect(try read(.set(of: ValueReader<Fruit>.word), "[pear, apple]") == [.pear, .apple])
    #expect(
      try failure(.set(of: ValueReader<Fruit>.word), "[pear, apple, pear]")
        == "f.yaml:1:18: found \"pear\" a second time, expected each item once")
    #expect(
      try failure(.set(of: ValueReader<Fruit>.word), "[]")
        == "f.yaml:1:4: found an empty list, expected at least one item, each one of apple, pear, "
        + "quince")
  }

  @Test("shows long and odd values on one short line")
  func found() throws {
    let long = String(repeating: "x", count: 100)
    #expect(
      try failure(.integer(in: 0...1), long)
        == "f.yaml:1:4: found \"\(long.prefix(60))…\", expected a whole number from 0 to 1")
    #expect(
      try failure(.integer(in: 0...1), "\"a\\nb\\e\"")
        == "f.yaml:1:4: found \"a\\nb\\u{1b}\", expected a whole number from 0 to 1")
  }
}

@Suite("Reading mappings")
struct MappingReaderTests {
  /// Reads `day`, the optional `month` and the optional mapping `inner` with its `flag`.
  private func readSample(_ text: String) throws -> (day: Int, month: Int?, flag: Bool?) {
    var reader = try MappingReader(try parsed(text), of: "the sample")
    let day = try reader.required("day", as: .integer(in: 1...31))
    let month = try reader.optional("month", as: .integer(in: 1...12))
    let flag = try reader.optional(
      "inner",
      as: .mapping("the inner one") { (inner) throws(DocumentError) -> Bool in
        try inner.required("flag", as: .boolean)
      })
    try reader.refuse("week", instead: "days")
    try reader.finish()
    return (day, month, flag)
  }

  @Test("gives required, optional and nested values")
  func values() throws {
    let all = try readSample("inner: {flag: true}\nmonth: 2\nday: 3\n")
    #expect(all.day == 3)
    #expect(all.month == 2)
    #expect(all.flag == true)
    let few = try readSample("day: 3")
    #expect(few.month == nil)
    #expect(few.flag == nil)
  }

  @Test(
    "says what is wrong and where",
    arguments: [
      ("month: 2\n", "f.yaml:1:1: found no key \"day\", expected it in the sample"),
      (
        "dya: 2\n",
        "f.yaml:1:1: found unknown key \"dya\", expected day (did you mean \"day\"?)"
      ),
      ("day:\n", "f.yaml:1:5: found nothing, expected a whole number from 1 to 31"),
      ("day: 3\nmonth: ~\n", "f.yaml:2:8: found nothing, expected a whole number from 1 to 12"),
      (
        "day: 3\nmnoth: 2\n",
        "f.yaml:2:1: found unknown key \"mnoth\", expected one of day, month, inner "
          + "(did you mean \"month\"?)"
      ),
      (
        "day: 3\nquite_else: 2\n",
        "f.yaml:2:1: found unknown key \"quite_else\", expected one of day, month, inner"
      ),
      (
        "day: 3\ninner: {flag: true, flog: false}\n",
        "f.yaml:2:21: found unknown key \"flog\", expected flag (did you mean \"flag\"?)"
      ),
      ("day: 3\ninner: {}\n", "f.yaml:2:8: found no key \"flag\", expected it in the inner one"),
      (
        "day: 3\ninner: [flag]\n",
        "f.yaml:2:8: found a list, expected a mapping (key: value) for the inner one"
      ),
      (
        "day: 3\ninner: flag\n",
        "f.yaml:2:8: found \"flag\", expected a mapping (key: value) for the inner one"
      ),
      (
        "day: 3\nweek: 2\n",
        "f.yaml:2:1: found the key \"week\", which this version does not support, expected days"
      ),
      ("- day: 3\n", "f.yaml:1:1: found a list, expected a mapping (key: value) for the sample"),
      ("day\n", "f.yaml:1:1: found \"day\", expected a mapping (key: value) for the sample"),
      ("day: {}\n", "f.yaml:1:6: found a mapping, expected a whole number from 1 to 31"),
    ])
  func errors(_ text: String, _ message: String) throws {
    let error = #expect(throws: DocumentError.self) { try readSample(text) }
    #expect(error?.description == message)
    #expect(error?.exitStatus == .configuration)
  }

  @Test("does not take a key that was read for a misspelling of another")
  func presentKey() throws {
    // "day" is read already, so it is no misspelling of "days".
    var reader = try MappingReader(try parsed("day: 1"), of: "the sample")
    _ = try reader.required("day", as: .integer(in: 1...31))
    let error = #expect(throws: DocumentError.self) {
      try reader.required("days", as: .integer(in: 1...31))
    }
    #expect(error?.description == "f.yaml:1:1: found no key \"days\", expected it in the sample")
  }

  @Test("reads the entries of a mapping with free keys in order")
  func entries() throws {
    let pairs = try parsed("b: 1\na: 2\n").entries(of: "the sample") {
      (entry) throws(DocumentError) in
      (entry.key, try ValueReader.integer(in: 0...9).read(entry.value))
    }
    #expect(pairs.map(\.0) == ["b", "a"])
    #expect(pairs.map(\.1) == [1, 2])
  }
}
