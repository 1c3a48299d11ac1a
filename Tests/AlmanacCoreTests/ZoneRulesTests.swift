import AlmanacCore
import Foundation
import Testing

/// Foundation brings zone data of its own, of another release than the system's, so the oracle is
/// the C library, asked through `date`.
@Suite("ZoneRules against the C library")
struct ZoneRulesTests {
  private static let names = [
    "UTC", "Europe/London", "Europe/Dublin", "America/New_York", "America/St_Johns",
    "America/Nuuk", "Asia/Kathmandu", "Asia/Kolkata", "Asia/Gaza", "Africa/Casablanca",
    "Pacific/Kiritimati", "Pacific/Apia", "Pacific/Kwajalein", "Australia/Lord_Howe",
    "Etc/GMT+12", "America/Sao_Paulo", "Asia/Beirut", "America/Toronto", "Europe/Moscow",
  ]

  private func rules(_ name: String) throws -> ZoneRules {
    let file = try Data(contentsOf: URL(fileURLWithPath: "/usr/share/zoneinfo/" + name))
    return try #require(ZoneRules(name: name, file: Array(file)))
  }

  /// The offsets that `date` prints for instants in seconds since the epoch.
  private func systemOffsets(_ name: String, at seconds: [Int64]) throws -> [Int] {
    let input = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try seconds.map { "@\($0)\n" }.joined().write(to: input, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(at: input) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/date")
    process.arguments = ["-f", input.path, "+%::z"]
    process.environment = ["TZ": name, "LC_ALL": "C"]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = String(
      decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    return text.split(separator: "\n").map { line in
      let parts = line.dropFirst().split(separator: ":").compactMap { Int($0) }
      return (parts[0] * 3600 + parts[1] * 60 + parts[2]) * (line.first == "-" ? -1 : 1)
    }
  }

  @Test("offsets at random from 1900 to 2150 and around each change", arguments: names)
  func offsets(name: String) throws {
    let rules = try rules(name)
    let range: ClosedRange<Int64> = -2_208_988_800...5_680_281_600
    var random = SplitMix64(seed: 11)
    var seconds = (0..<20_000).map { _ in Int64.random(in: range, using: &random) }
    let changes = rules.offsetChanges(
      from: Timestamp(microseconds: range.lowerBound * 1_000_000),
      to: Timestamp(microseconds: range.upperBound * 1_000_000))
    for change in changes.dropFirst() {
      let second = change.start.microseconds / 1_000_000
      seconds += [second - 1, second]
    }
    let expected = try systemOffsets(name, at: seconds)
    try #require(expected.count == seconds.count)
    for (second, expected) in zip(seconds, expected) {
      let offset = rules.offsetSeconds(at: Timestamp(microseconds: second * 1_000_000))
      guard offset == expected else {
        Issue.record("\(name) at \(second): \(offset), not \(expected)")
        return
      }
    }
  }

  @Test("the list of changes says what single questions say", arguments: names)
  func offsetChanges(name: String) throws {
    let rules = try rules(name)
    let start = try #require(Timestamp("1960-01-01T00:00Z"))
    let end = try #require(Timestamp("2070-01-01T00:00Z"))
    let changes = rules.offsetChanges(from: start, to: end)
    #expect(changes.first?.start == start)
    #expect(zip(changes, changes.dropFirst()).allSatisfy { $0.start < $1.start })
    var random = SplitMix64(seed: 12)
    for _ in 0..<2_000 {
      let instant = Timestamp(
        microseconds: Int64.random(in: start.microseconds..<end.microseconds, using: &random))
      let piece = try #require(changes.last { $0.start <= instant })
      guard piece.secondsEastOfUTC == rules.offsetSeconds(at: instant) else {
        Issue.record("\(name) at \(instant)")
        return
      }
    }
  }

  @Test("a day starts at the first instant that has its date", arguments: names)
  func startOfDay(name: String) throws {
    let rules = try rules(name)
    var random = SplitMix64(seed: 13)
    // Around changes of offset, where midnight may be skipped or repeated, and at random.
    let from = try #require(Timestamp("1930-01-01T00:00Z"))
    let until = try #require(Timestamp("2060-01-01T00:00Z"))
    var dates = rules.offsetChanges(from: from, to: until).dropFirst().flatMap { change in
      (-1...2).map { rules.localDate(at: change.start).adding(days: $0) }
    }
    dates += (0..<300).map { _ in
      CalendarDate(daysSinceEpoch: Int32.random(in: -14_000...32_000, using: &random))
    }
    for date in dates {
      let start = rules.start(of: date)
      let found = rules.localDate(at: start)
      let before = rules.localDate(at: Timestamp(microseconds: start.microseconds - 1))
      // Where clocks skip a whole day that day has no instant; its start is the next day's.
      let isSkipped = found > date && before < date
      guard (found == date && before < date) || isSkipped else {
        Issue.record("\(name) \(date) starts at \(start), which is \(found), after \(before)")
        return
      }
    }
  }

  @Test(
    "midnights that are skipped or repeated",
    arguments: [
      // Clocks of São Paulo went from 00:00 to 01:00, those of Toronto from 23:30 to 00:30.
      ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z"),
      ("America/Toronto", "1919-03-31", "1919-03-31T04:30:00Z"),
      ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z"),
      // In Havana 00:00 to 01:00 occurs twice on the first Sunday of November.
      ("America/Havana", "2023-11-05", "2023-11-05T04:00:00Z"),
    ])
  func midnights(name: String, date: String, start: String) throws {
    #expect(try rules(name).start(of: #require(CalendarDate(date))).description == start)
  }

  @Test("a local reading in a gap moves forward, a repeated one is the first")
  func readings() throws {
    let london = try rules("Europe/London")
    let gap = try #require(Timestamp("2024-03-31T01:30:00Z"))
    #expect(
      london.instant(localMicroseconds: gap.microseconds).description == "2024-03-31T01:30:00Z")
    let twice = try #require(Timestamp("2024-10-27T01:30:00Z"))
    #expect(
      london.instant(localMicroseconds: twice.microseconds).description == "2024-10-27T00:30:00Z")
  }

  @Test("bytes that are no zone file are refused")
  func malformed() throws {
    #expect(ZoneRules(name: "x", file: []) == nil)
    #expect(ZoneRules(name: "x", file: Array("TZif2".utf8)) == nil)
    let whole = Array(
      try Data(contentsOf: URL(fileURLWithPath: "/usr/share/zoneinfo/Europe/London")))
    for length in stride(from: 0, to: whole.count - 40, by: 7) {
      #expect(ZoneRules(name: "x", file: Array(whole.prefix(length))) == nil, "\(length) bytes")
    }
  }

  @Test("random damage never traps", arguments: UInt64(0)..<200)
  func damage(seed: UInt64) throws {
    var file = Array(
      try Data(contentsOf: URL(fileURLWithPath: "/usr/share/zoneinfo/Europe/London")))
    var random = SplitMix64(seed: seed)
    for _ in 0..<8 {
      file[Int.random(in: 0..<file.count, using: &random)] = UInt8.random(
        in: 0...255, using: &random)
    }
    let rules = ZoneRules(name: "x", file: file)
    let offset = rules?.offsetSeconds(at: Timestamp(microseconds: Int64(random.next() >> 12)))
    #expect((rules == nil) == (offset == nil))
  }

  @Test("UTC has no offset")
  func utc() {
    #expect(ZoneRules.utc.offsetSeconds(at: Timestamp(microseconds: 1 << 50)) == 0)
    #expect(
      ZoneRules.utc.start(of: CalendarDate(daysSinceEpoch: 3)).microseconds == 259_200_000_000)
  }
}
