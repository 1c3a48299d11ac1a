import AlmanacCore
import Files
import Forecasting
import Foundation
import Testing

@testable import AlmanacCommands

@Suite("Files of series")
struct SeriesFileTests {
  /// Runs the program on a file with this text.
  private func run(
    _ text: String, _ arguments: [String]
  ) throws -> (status: AlmanacCore.ExitStatus, out: [String], error: [String]) {
    let path = FileManager.default.temporaryDirectory.path + "/series-\(UUID().uuidString).csv"
    try FileSystem.writeAtomically([UInt8](text.utf8), to: path)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let transcript = Transcript()
    let program = Program(
      arguments: [arguments[0], "--data", path] + arguments.dropFirst(), environment: [:],
      setting: CommandSetting(
        console: transcript.console, host: "host", processID: 1, processors: 2))
    let status = program.run()
    let out = transcript.out.flatMap { line in
      line.split(separator: "\n", omittingEmptySubsequences: false).map { String($0) }
    }
    return (status, out, transcript.error)
  }

  /// Lines of a series of months from January 2020.
  private func months(_ id: String, _ count: Int, _ value: (Int) -> Double) -> String {
    (0..<count).map { month in
      let text = month % 12 < 9 ? "0\(month % 12 + 1)" : "\(month % 12 + 1)"
      return "\(id),\(2020 + month / 12)-\(text)-01,\(value(month))\n"
    }.joined()
  }

  private func wave(_ month: Int) -> Double {
    let angle: Double = 2 * .pi * Double(month) / 12
    return 100 + Double(month) + 20 * sin(angle)
  }

  @Test("months go on with months, and the season with them")
  func monthly() throws {
    let text = "unique_id,ds,y\n" + months("a", 60, wave)
    let (status, out, error) = try run(text, ["forecast", "--horizon", "12"])
    #expect(status == .ok && error == [])
    #expect(
      out.first == "unique_id,ds,yhat,lo_80,hi_80,lo_95,hi_95,model_used,fallback_reason")
    let rows = out.dropFirst().map { $0.split(separator: ",", omittingEmptySubsequences: false) }
    #expect(rows.count == 12)
    #expect(rows.first?[1] == "2025-01-01" && rows.last?[1] == "2025-12-01")
    for (ahead, row) in rows.enumerated() {
      let value = try #require(Double(String(row[2])))
      #expect(abs(value - wave(60 + ahead)) < 6, "\(row)")
      let ends = [5, 3, 2, 4, 6].compactMap { Double(String(row[$0])) }
      #expect(ends == ends.sorted() && ends.count == 5)
    }
  }

  @Test("one bad series does not stop the others")
  func badSeries() throws {
    let text =
      "unique_id,ds,y\n" + months("good", 40, wave) + "twice,2020-01-01,1\ntwice,2020-01-01,2\n"
      + "word,2020-01-01,many\n" + "empty,2020-01-01,\n" + "mixed,1,5\nmixed,2020-01-01,5\n"
      + "huge,1,inf\nhuge,2,1\n" + "one,1,5\n" + "flat,1,3\nflat,2,3\nflat,3,3\n"
    let (status, out, error) = try run(text, ["forecast", "--horizon", "2"])
    #expect(status == .ok)
    #expect(error.count == 1 && error[0].contains("5 of 8"))
    func rows(_ id: String) -> [String] { out.filter { $0.hasPrefix(id + ",") } }
    #expect(rows("good").count == 2 && rows("one").count == 2 && rows("flat").count == 2)
    for (id, reason) in [
      ("twice", "two values have the ds 2020-01-01"), ("word", "y is no number"),
      ("empty", "0 known values"), ("mixed", "another kind"), ("huge", "infinite"),
    ] {
      #expect(rows(id).count == 1 && rows(id)[0].contains(reason), "\(rows(id))")
    }
    #expect(rows("one")[0].hasSuffix("naive,only one value is known"))
    #expect(rows("flat")[0].contains(",3.0,3.0,3.0,3.0,3.0,naive,"))
  }

  @Test("the result does not depend on threads or on the order of lines")
  func sameBytes() throws {
    let lines = (0..<5).map { id in
      months("s\(id)", 36 + id) { month in wave(month) + Double((month * 7 + id * 13) % 11) }
    }
    let text = "unique_id,ds,y\n" + lines.joined()
    let one = try run(text, ["forecast", "--horizon", "6", "--jobs", "1"])
    let three = try run(text, ["forecast", "--horizon", "6", "--jobs", "3"])
    #expect(one.out == three.out && one.out.count == 31)
    let shuffled =
      "unique_id,ds,y\n"
      + lines.map { $0.split(separator: "\n").reversed().joined(separator: "\n") + "\n" }.joined()
    let reversed = try run(shuffled, ["forecast", "--horizon", "6"])
    #expect(reversed.out == one.out)
  }

  @Test("holidays of a file are forecast, in a backtest too, and whole numbers have none")
  func holidays() throws {
    let start = try #require(CalendarDate("2024-01-01"))
    let lines = (0..<400).map { day -> String in
      let date = start.adding(days: day)
      let isPayday = date.day == date.daysInMonth
      return "a,\(date),\((isPayday ? 300 : 100) + day % 7)\n"
    }
    let text = "unique_id,ds,y\n" + lines.joined()
    let path = FileManager.default.temporaryDirectory.path + "/holidays-\(UUID().uuidString).yaml"
    defer { try? FileManager.default.removeItem(atPath: path) }
    func declare(_ rule: String) throws {
      try FileSystem.writeAtomically([UInt8]("holidays:\n  payday: \(rule)\n".utf8), to: path)
    }
    try declare("{day: last}")
    let (status, out, error) = try run(
      text, ["forecast", "--horizon", "28", "--holidays", path])
    #expect(status == .ok && error == [])
    for row in out.dropFirst().map({ $0.split(separator: ",") }) {
      let value = try #require(Double(String(row[2])))
      let expected = row[1] == "2025-02-28" ? 300.0 : 103
      #expect(abs(value - expected) < 15, "\(row)")
    }
    let plain = try run(text, ["backtest", "--horizon", "28"]).out
    let better = try run(text, ["backtest", "--horizon", "28", "--holidays", path]).out
    func smape(_ lines: [String]) throws -> Double {
      let line = try #require(lines.first { $0.hasPrefix("combination") })
      return try #require(Double(String(line.split(separator: " ")[1])))
    }
    #expect(try smape(better) < 0.5 * smape(plain))

    let numbers = "unique_id,ds,y\n" + (0..<30).map { "n,\($0),\($0 % 5)\n" }.joined()
    let without = try run(numbers, ["forecast", "--horizon", "2"])
    let with = try run(numbers, ["forecast", "--horizon", "2", "--holidays", path])
    #expect(with.out == without.out)
    #expect(with.error.count == 1 && with.error[0].contains("of no use for 1 of 1 series"))

    for (rule, problem) in [
      ("{day: lst}", "did you mean \"last\"?"), ("{easter: soon}", "days after Easter Sunday"),
      ("{date: 02-30}", "a month and day such as 12-25"),
      ("{}", "holiday payday without a rule"),
      ("{date: 12-25, day: 1}", "date: and day: for one holiday"),
      ("{weekday: monday, nth: 0, month: 5}", "a number from 1 to 5"),
      ("{date: 12-25, bfore: 1}", "did you mean \"before\"?"),
    ] {
      try declare(rule)
      let refused = try run(text, ["forecast", "--horizon", "2", "--holidays", path])
      #expect(refused.out == [] && refused.status != .ok)
      #expect(refused.error.first?.contains(problem) ?? false, "\(rule): \(refused.error)")
    }
  }

  @Test("a backtest ranks the combination above naive and prints coverage and skill")
  func backtest() throws {
    let text =
      "unique_id,ds,y\n"
      + (0..<4).map { id in
        months("s\(id)", 84) { month in wave(month) + Double((month * 31 + id * 17) % 7) }
      }.joined()
    let (status, out, _) = try run(text, ["backtest", "--horizon", "6", "--origins", "2"])
    #expect(status == .ok)
    #expect(out.first == "8 forecasts of 6 periods from up to 2 origins")
    func number(_ name: String) throws -> Double {
      let line = try #require(out.first { $0.hasPrefix(name) })
      return try #require(
        Double(String(line.dropFirst(name.count).split(separator: " ").first ?? "")))
    }
    #expect(try number("combination") < number("seasonal naive"))
    #expect(out.contains { $0.hasPrefix("80 %") } && out.contains { $0.hasPrefix("skill") })

    let json = try run(
      text, ["backtest", "--horizon", "6", "--origins", "2", "--format", "json"])
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let found = try decoder.decode(
      Backtest.self, from: Data(json.out.joined(separator: "\n").utf8))
    #expect(found.forecasts == 8 && found.horizon == 6 && found.origins == 2)
    for method in found.methods {
      #expect(try abs(number(method.method) - 100 * method.smape) < 0.00501, "\(method.method)")
    }
    #expect(found.methods.first?.method == "combination" && found.intervals.count == 2)
    #expect(found.skill.lower95 <= found.skill.value && found.skill.value <= found.skill.upper95)
  }

  /// What `backtest --format json` prints.
  private struct Backtest: Decodable {
    struct Method: Decodable {
      var method: String
      var smape: Double
      var mase: Double
      var owa: Double
    }
    struct Interval: Decodable {
      var level: Double
      var coverage: Double
    }
    struct Skill: Decodable {
      var value: Double
      var lower95: Double
      var upper95: Double
    }
    var forecasts: Int
    var horizon: Int
    var origins: Int
    var methods: [Method]
    var intervals: [Interval]
    var skill: Skill
  }

  @Test("takes series apart, names jumps, and goes on after a bad one")
  func decompose() throws {
    let text =
      "unique_id,ds,y\n"
      + months("a", 72) { month in
        wave(month) + Double((month * 7) % 5) + (month >= 40 ? 80 : 0) + (month == 20 ? 90 : 0)
      } + "word,2020-01-01,many\n"
    let (status, out, error) = try run(text, ["decompose"])
    #expect(status == .ok && error.count == 1)
    #expect(out.first == "unique_id,ds,y,trend,season_12,remainder,note")
    let rows = out.dropFirst().map {
      $0.split(separator: ",", omittingEmptySubsequences: false).map { String($0) }
    }
    #expect(rows.count == 73)
    for row in rows.dropLast() {
      let numbers = row[2..<6].compactMap { Double($0) }
      let sum = numbers.dropFirst().reduce(0, +)
      #expect(numbers.count == 4 && abs(sum - numbers[0]) < 1e-9)
    }
    #expect(rows.filter { $0[6] == "shift" }.map { $0[1] } == ["2023-05-01"])
    #expect(rows.filter { $0[6] == "pulse" }.map { $0[1] } == ["2021-09-01"])
    #expect(rows.last?[6] == "not taken apart: line 74: y is no number")
  }

  @Test(
    "JSON holds the rows, names and digits of CSV, and null for what is empty",
    arguments: [["forecast", "--horizon", "3", "--level", "80"], ["decompose"]])
  func json(arguments: [String]) throws {
    let text =
      "unique_id,ds,y\n" + months("\"a, \"\"b\"\"\"", 60, wave) + "word,2020-01-01,many\n"
      + (0..<40).map { "n,\($0),\($0 == 7 ? "" : "\($0 % 4)")\n" }.joined()
    let csv = try run(text, arguments).out
    let json = try run(text, arguments + ["--format", "json"]).out
    #expect(json.first == "[" && json.last == "]" && json.count == csv.count + 1)
    let rows = try #require(
      try JSONSerialization.jsonObject(with: Data(json.joined(separator: "\n").utf8))
        as? [[String: Any]])
    let bytes = [UInt8](csv.joined(separator: "\n").utf8)
    var lines = LineReader(bytes, in: 0..<bytes.count)
    func next() throws -> [String] {
      var cells: [ArraySlice<UInt8>] = []
      let hasLine = lines.next(&cells)
      try #require(hasLine)
      return cells.map { String(decoding: $0, as: UTF8.self) }
    }
    let names = try next()
    var kinds: Set<String> = []
    for (row, line) in zip(rows, json.dropFirst()) {
      let cells = try next()
      #expect(Set(row.keys) == Set(names))
      for (name, cell) in zip(names, cells) {
        switch row[name] {
        case is NSNull: #expect(cell.isEmpty)
        case let text as String:
          #expect(text == cell)
        case is Double:
          // By the text: not every reader of JSON takes the nearest number.
          let member = "\"\(name)\": \(cell)"
          #expect(
            line.contains(member + ",") || line.contains(member + "}"), "\(name): \(cell)")
        default: Issue.record("\(name): \(cell)")
        }
        kinds.insert("\(name) \(row[name] is NSNull)")
      }
    }
    #expect(kinds.contains("ds true") && kinds.contains("ds false"))
    #expect(try run("unique_id,ds,y\n", arguments + ["--format", "json"]).out == ["[]"])
  }

  @Test("JSON and a drawing do not go to one place")
  func plotted() throws {
    let call = ["forecast", "--horizon", "2", "--plot", "--format", "json"]
    let (status, out, error) = try run("unique_id,ds,y\na,1,1\n", call)
    #expect(status == .usage && out.isEmpty && error.first?.contains("give --out FILE") == true)
  }

  @Test("the strength of parts is JSON beside a file of JSON")
  func strengths() throws {
    let file = FileManager.default.temporaryDirectory.path + "/parts-\(UUID().uuidString).json"
    defer { try? FileManager.default.removeItem(atPath: file) }
    let call = ["decompose", "--out", file, "--format", "json"]
    let (status, out, _) = try run("unique_id,ds,y\n" + months("a", 60, wave), call)
    #expect(status == .ok)
    let found = try #require(
      try JSONSerialization.jsonObject(with: Data(out.joined(separator: "\n").utf8))
        as? [[String: Any]])
    #expect(found.count == 1 && found[0]["unique_id"] as? String == "a")
    let seasons = try #require(found[0]["seasons"] as? [[String: Double]])
    #expect(seasons.map { $0["length"] } == [12])
    #expect(seasons.allSatisfy { (0.9...1).contains($0["strength"] ?? 0) })
    let rows =
      try JSONSerialization.jsonObject(
        with: Data(contentsOf: URL(filePath: file))) as? [[String: Any]]
    #expect(rows?.count == 60)
  }

  @Test(
    "says what is wrong with the command line or the file",
    arguments: [
      (["forecast"], "unique_id,ds,y\n", "--horizon N is needed"),
      (["forecast", "--horizon", "2", "--models", "arima"], "unique_id,ds,y\n", "no model"),
      (["forecast", "--horizon", "2", "--season", "x"], "unique_id,ds,y\n", "--season is auto or"),
      (["forecast", "--horizon", "2"], "", "is empty"),
      (["forecast", "--horizon", "2"], "unique_id,day,y\n", "has no column ds"),
      (["backtest", "--horizon", "2"], "unique_id,ds,y\n", "no series"),
      (
        ["backtest", "--horizon", "2", "--format", "jsn"], "unique_id,ds,y\n",
        "--format is text or json, found \"jsn\""
      ),
    ] as [([String], String, String)])
  func refusals(arguments: [String], text: String, message: String) throws {
    let (status, _, error) = try run(text, arguments)
    #expect(status != .ok)
    #expect(error.count == 1 && error.first?.contains(message) == true, "\(error)")
  }

  @Test(
    "reads labels of every form",
    arguments: [
      ("17", AxisKind.number, 17, "17"), ("-3", .number, -3, "-3"),
      ("1970-01-03", .date, 2, "1970-01-03"), ("1970-02", .date, 31, "1970-02-01"),
      ("1970-01-01 01:00", .moment, 3_600, "1970-01-01 01:00:00"),
      ("1970-01-01T01:00:00.000Z", .moment, 3_600, "1970-01-01T01:00:00Z"),
      ("1970-01-01T01:00:00+01:00", .moment, 0, "1970-01-01T00:00:00Z"),
    ])
  func labels(text: String, kind: AxisKind, value: Int, written: String) throws {
    let label = try #require(SeriesLabel([UInt8](text.utf8)[...]))
    #expect(label.kind == kind && label.value == value)
    #expect(SeriesLabel.text(value, kind: kind, style: label.style) == written)
    var bytes: [UInt8] = []
    SeriesLabel.append(value, kind: kind, style: label.style, to: &bytes)
    #expect(String(decoding: bytes, as: UTF8.self) == written)
  }

  /// Columns in another order are read field by field, which is the oracle.
  @Test("plain lines are read as fields are", arguments: UInt64(0)..<8)
  func plainLines(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    func any(_ texts: [String]) -> String { texts[Int(random.next() % UInt64(texts.count))] }
    var (plain, fields) = ("unique_id,ds,y\n", "ds,y,unique_id\n")
    for _ in 0..<400 {
      let id = any(["a", "ab", "a b", "", "ä", "\"q\"", "a\"b"])
      let month = 1 + random.next() % 13
      let ds = any([
        "2024-02-29", "2023-02-29", "2024-0\(month % 10)-31", "2024-01-0\(random.next() % 10)",
        "0000-01-01", "2024-1-1", "17", "2024-01-01 10:00", "20x4-01-01", "",
      ])
      let y = any([
        "\(random.nextUnit() * 1_000)", "-\(random.next() % 1_000)", "1.5e3", "", "nan", ".5", "5.",
        "12345678901234567890", "1234567890.123456789", "--1", "x", "-", "7 ", "inf",
      ])
      let end = any(["\n", "\n", "\n", "\r\n"])
      plain += "\(id),\(ds),\(y)\(end)"
      fields += "\(ds),\(y),\(id)\(end)"
    }
    let found = try LongFormFile([UInt8](plain.utf8), path: "x.csv").series
    let expected = try LongFormFile([UInt8](fields.utf8), path: "x.csv").series
    #expect(found.map(\.id) == expected.map(\.id), "seed \(seed)")
    #expect(found.map(\.labels) == expected.map(\.labels), "seed \(seed)")
    #expect(found.map(\.problem) == expected.map(\.problem), "seed \(seed)")
    for (one, other) in zip(found, expected) {
      #expect(
        one.values.map(\.bitPattern) == other.values.map(\.bitPattern), "seed \(seed): \(one.id)")
    }
  }

  @Test("harmonic regressions of blocks of series are the same bytes for any number of threads")
  func harmonicBlocks() throws {
    let start = try #require(CalendarDate("2024-01-01"))
    let lines = (0..<37).map { id in
      (0..<(200 + id / 20)).map { day in
        let week = Double((day * (id + 3)) % 7)
        return "s\(id),\(start.adding(days: day)),\(100 + week + Double((day * 31 + id) % 11))\n"
      }.joined()
    }
    let text = "unique_id,ds,y\n" + lines.joined() + "bad,2024-01-01,many\n"
    let words = ["forecast", "--horizon", "9", "--models", "harmonic", "--jobs"]
    let one = try run(text, words + ["1"])
    let three = try run(text, words + ["3"])
    #expect(one.out == three.out && one.out.count == 37 * 9 + 2)
    #expect(one.out.contains { $0.contains(",harmonic,") })
  }

  @Test(
    "refuses labels that are none",
    arguments: ["", "x", "2020-13-01", "2020-02-30", "2020-01-01 25:00", "1.5", "2020-01-01x"])
  func badLabels(text: String) {
    #expect(SeriesLabel([UInt8](text.utf8)[...]) == nil)
  }

  @Test("reads quoted fields, CRLF and a byte order mark")
  func quoting() throws {
    let text = "\u{FEFF}y,unique_id,ds\r\n5,\"a, \"\"b\"\"\",1\r\n6,\"a, \"\"b\"\"\",2\r\n"
    let file = try LongFormFile([UInt8](text.utf8), path: "x.csv")
    #expect(file.series.count == 1)
    #expect(file.series.first?.id == "a, \"b\"" && file.series.first?.values == [5, 6])
    #expect(csvField("a, \"b\"") == "\"a, \"\"b\"\"\"")
  }

  /// Parts are a megabyte or more.
  @Test("is read by several threads as by one", arguments: [false, true])
  func threads(isMixed: Bool) throws {
    var text = "unique_id,ds,y\n"
    for number in 0..<60_000 {
      // Series go on in other parts, and some lines are wrong.
      let name = "series number \(number % 7 * 1_000 + number / 20_000)"
      text += "\(name),\(number),\(Double(number) / 7)\n"
      if number % 9_999 == 0 { text += "series number \(number % 3),x,1\n" }
    }
    if isMixed { text += "series number 0,2020-01-01,5\n" }
    let bytes = [UInt8](text.utf8)
    #expect(bytes.count > 2 << 20)
    let one = try LongFormFile(bytes, path: "x.csv").series
    let many = try LongFormFile(bytes, path: "x.csv", jobs: 3).series
    #expect(one.map(\.id) == many.map(\.id) && one.map(\.labels) == many.map(\.labels))
    #expect(one.map(\.values) == many.map(\.values) && one.map(\.problem) == many.map(\.problem))
    #expect(one.contains { $0.problem != nil } && one.map(\.kind) == many.map(\.kind))
  }

  @Test("moments with an offset and without one are not put on one axis")
  func offsets() throws {
    let lines = (0..<48).map { hour in
      let time = hour % 24 < 10 ? "0\(hour % 24)" : "\(hour % 24)"
      return "a,2024-01-0\(1 + hour / 24) \(time):00:00\(hour < 40 ? "" : "+02:00"),\(hour)\n"
    }
    let (status, out, _) = try run(
      "unique_id,ds,y\n" + lines.joined(), ["forecast", "--horizon", "2"])
    #expect(status == .ok)
    #expect(out.last?.contains("line 42: moments with an offset from UTC and without one") == true)
  }

  /// One series at several origins: the interval is that of its forecasts.
  @Test("the skill of one series has an interval of some width")
  func skillOfOne() throws {
    let (_, out, _) = try run(
      "unique_id,ds,y\n" + months("a", 72, wave),
      ["backtest", "--horizon", "4", "--origins", "5"])
    let line = try #require(out.first { $0.hasPrefix("skill") })
    let ends = line.split(separator: " ").compactMap { Double($0) }
    #expect(ends.count == 4 && ends[2] < ends[3], "\(line)")
  }
}
