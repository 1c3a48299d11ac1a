import Foundation
import TestSupport
import Testing

/// `almanac schedule print`.
@Suite("Schedules for cron and systemd")
struct ScheduleTests {
  /// The path of a project with one pipeline, in a folder of its own.
  private func project(
    in folder: URL, _ schedule: String, zone: String = "UTC", name: String = "project"
  ) throws -> String {
    let path = folder.path(percentEncoded: false) + "/" + name
    for kind in ["pipelines", "models", "datasets"] {
      try FileManager.default.createDirectory(
        atPath: "\(path)/\(kind)", withIntermediateDirectories: true)
    }
    let text = """
      {pipeline: nightly, schedule: "\(schedule)", zone: \(zone), currency: USD,
       stages: [extract: all]}

      """
    try text.write(toFile: path + "/pipelines/nightly.yaml", atomically: true, encoding: .utf8)
    return path
  }

  private func almanac(_ arguments: [String]) throws -> ProcessOutcome {
    try runProcess(try builtProgram(), ["schedule"] + arguments, environment: [:])
  }

  @Test("a line for cron calls the program in the project's folder, in words that the shell takes")
  func cron() throws {
    try withTemporaryDirectory { folder in
      let path = try project(in: folder, "15 2 * * mon-fri", name: "it's 5% mine")
      let result = try almanac(["print", "--format", "cron", "--project", path])
      #expect(result.status == 0, "\(result.stderr)")
      let line = result.stdout.split(separator: "\n").map(String.init)
      #expect(line.count == 1)
      #expect(line[0].hasPrefix("15 2 * * mon-fri cd "))
      // Cron passes the rest to the shell, with \% read as %.
      let command = line[0].dropFirst("15 2 * * mon-fri ".count).replacing("\\%", with: "%")
      let shell = try runProcess(
        URL(filePath: "/bin/sh"), ["-c", "\(command.prefix { $0 != "&" }) && pwd"], environment: [:]
      )
      #expect(shell.stdout.hasSuffix("/it's 5% mine\n"), "\(shell.stderr)")
      #expect(line[0].hasSuffix("/almanac run nightly --quiet --if-running wait"))
    }
  }

  @Test("a pipeline with a deadline and a webhook is looked at again when that is over")
  func deadlines() throws {
    try withTemporaryDirectory { folder in
      let path = try project(in: folder, "15 2 * * *")
      let file = path + "/pipelines/nightly.yaml"
      let text = try String(contentsOfFile: file, encoding: .utf8)
      try text.replacing(
        "currency: USD",
        with: "currency: USD, deadline: 4h, notify: {webhook: 'http://localhost:1'}"
      ).write(toFile: file, atomically: true, encoding: .utf8)
      let cron = try almanac(["print", "--format", "cron", "--project", path])
      let lines = cron.stdout.split(separator: "\n")
      #expect(lines.count == 2, "\(cron.stderr)")
      #expect(lines.last?.hasPrefix("15 2 * * * cd ") == true)
      #expect(lines.last?.contains(" && sleep 14460 && ") == true)
      #expect(lines.last?.hasSuffix("/almanac notify nightly") == true)
      let units = folder.path(percentEncoded: false)
      let systemd = try almanac(
        ["print", "--format", "systemd", "--to", units, "--project", path])
      #expect(systemd.status == 0, "\(systemd.stderr)")
      let late = try String(
        contentsOfFile: units + "/almanac-nightly-late.service", encoding: .utf8)
      #expect(late.contains("ExecStartPre=/usr/bin/sleep 14460\nExecStart="))
      if FileManager.default.isExecutableFile(atPath: Self.analyze) {
        let verified = try runProcess(
          URL(filePath: Self.analyze),
          [
            "verify", units + "/almanac-nightly-late.service",
            units + "/almanac-nightly-late.timer",
          ],
          environment: [:])
        #expect(verified.status == 0 && !verified.stderr.contains("almanac-nightly"), "\(verified)")
      }
    }
  }

  @Test("a zone that is not the system's is refused for cron, and named for systemd")
  func zones() throws {
    try withTemporaryDirectory { folder in
      let path = try project(in: folder, "0 4 * * *", zone: "Asia/Kathmandu")
      let cron = try almanac(["print", "--format", "cron", "--project", path])
      #expect(cron.status == 78)
      #expect(cron.stderr.contains("Asia/Kathmandu") && cron.stderr.contains("systemd"))
      let systemd = try almanac(["print", "nightly", "--format", "systemd", "--project", path])
      #expect(systemd.stdout.contains("OnCalendar=*-*-* 04:00:00 Asia/Kathmandu\n"))
      #expect(systemd.stdout.contains("# almanac-nightly.timer\n"))
    }
  }

  @Test("what makes no sense is refused in one line")
  func refused() throws {
    try withTemporaryDirectory { folder in
      let path = try project(in: folder, "0 4 * * *")
      for (arguments, status, words) in [
        (["print"], 64, "--format cron or systemd"), ([], 64, "schedule print"),
        (["prnt"], 64, "did you mean"), (["print", "--format", "anacron"], 64, "cron or systemd"),
        (["print", "--format", "cron", "--to", "x"], 64, "crontab"),
        (["print", "nigthly", "--format", "cron"], 78, "did you mean"),
        (["print", "--format", "systemd", "--to", path + "/none"], 73, "make it"),
      ] {
        let result = try almanac(arguments + ["--project", path])
        #expect(result.status == status, "\(arguments): \(result.stderr)")
        #expect(result.stderr.contains(words), "\(result.stderr)")
        #expect(result.stderr.split(separator: "\n").count == 1)
      }
    }
  }

  private static let analyze = "/usr/bin/systemd-analyze"

  @Test(
    "systemd accepts the units, and comes to the times that cron's rules give",
    .enabled(if: FileManager.default.isExecutableFile(atPath: analyze), "needs systemd-analyze"),
    arguments: [
      "15 2 * * *", "*/20 6-8 * * *", "0 0 1,15 * *", "30 23 31 * *", "5 4 * 2 sun",
      "0 12 13 * fri", "59 23 29 2 *",
    ])
  func systemd(schedule: String) throws {
    try withTemporaryDirectory { folder in
      let path = try project(in: folder, schedule)
      let units = folder.path(percentEncoded: false)
      let result = try almanac(
        ["print", "--format", "systemd", "--to", units, "--project", path])
      #expect(result.status == 0, "\(result.stderr)")
      let verified = try runProcess(
        URL(filePath: Self.analyze),
        ["verify", units + "/almanac-nightly.service", units + "/almanac-nightly.timer"],
        environment: [:])
      #expect(verified.status == 0 && !verified.stderr.contains("almanac-nightly"), "\(verified)")
      let timer = try String(contentsOfFile: units + "/almanac-nightly.timer", encoding: .utf8)
      let events = timer.split(separator: "\n").compactMap { line in
        line.hasPrefix("OnCalendar=") ? String(line.dropFirst("OnCalendar=".count)) : nil
      }
      var found: Set<String> = []
      for event in events {
        let answer = try runProcess(
          URL(filePath: Self.analyze),
          ["calendar", "--iterations=12", "--base-time=2027-01-30 00:00:00 UTC", event],
          environment: ["TZ": "UTC"])
        #expect(answer.status == 0, "\(answer.stderr)")
        for match in answer.stdout.matches(of: /(\d{4}-\d\d-\d\d \d\d:\d\d):00 UTC/) {
          found.insert(String(match.output.1))
        }
      }
      let expected = Self.times(schedule, count: 12)
      #expect(Array(found.sorted().prefix(12)) == expected)
    }
  }

  /// The times of a schedule from 30 January 2027 on, minute by minute by the rules of crontab(5).
  private static func times(_ schedule: String, count: Int) -> [String] {
    let fields = schedule.split(separator: " ").map(String.init)
    let words = ["sun": 0, "fri": 5]
    func matches(_ field: String, _ value: Int) -> Bool {
      field.split(separator: ",").contains { part in
        let halves = part.split(separator: "/")
        let step = halves.count == 2 ? Int(halves[1]) ?? 1 : 1
        if halves[0] == "*" { return value % step == 0 }
        let ends = halves[0].split(separator: "-").compactMap { words[String($0)] ?? Int($0) }
        return value >= ends[0] && value <= (ends.last ?? ends[0])
      }
    }
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = .gmt
    var found: [String] = []
    // 30 January 2027 in minutes since 1970.
    var day = 20_848
    while found.count < count, day < 40_000 {
      let date = Date(timeIntervalSince1970: Double(day) * 86_400)
      let parts = calendar.dateComponents([.year, .month, .day, .weekday], from: date)
      let (month, dayOfMonth) = (parts.month ?? 0, parts.day ?? 0)
      let isDay = matches(fields[2], dayOfMonth)
      let isWeekday = matches(fields[4], (parts.weekday ?? 1) - 1)
      let either = !fields[2].hasPrefix("*") && !fields[4].hasPrefix("*")
      if matches(fields[3], month), either ? isDay || isWeekday : isDay && isWeekday {
        for minute in 0..<1_440
        where matches(fields[1], minute / 60) && matches(fields[0], minute % 60) {
          found.append(
            String(
              format: "%04d-%02d-%02d %02d:%02d", parts.year ?? 0, month, dayOfMonth, minute / 60,
              minute % 60))
        }
      }
      day += 1
    }
    return Array(found.prefix(count))
  }
}
