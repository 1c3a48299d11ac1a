import Pipelines

/// A call of the program at the times of a pipeline's schedule.
struct ScheduledCall {
  /// The pipeline.
  let pipeline: PipelineDefinition
  /// The absolute path of the program.
  let program: String
  /// The absolute path of the project's folder, in which the program is called.
  let project: String

  /// The zone in which the schedule's hours are counted: that of the pipeline, UTC where its days are
  /// those of each company.
  var zone: String { pipeline.countsCompanyDays ? "UTC" : pipeline.zone }

  /// The words of the command line.
  ///
  /// It waits for a run of another pipeline, which does not do what this one does.
  var words: [String] { [program, "run", pipeline.name, "--quiet", "--if-running", "wait"] }

  /// The call that looks, a minute after the deadline, whether the night is late: the words, and the
  /// seconds to wait from the time that the night is due; `nil` without a deadline or anybody to tell.
  ///
  /// A night that never began tells nobody by itself.
  var lateness: (words: [String], seconds: Int64)? {
    guard let deadline = pipeline.deadline, pipeline.notify != nil else { return nil }
    return ([program, "notify", pipeline.name], deadline.components.seconds + 60)
  }

  // MARK: Cron

  /// The lines of a crontab.
  var crontabLines: [String] {
    let late = lateness.map { call in
      crontabLine("sleep \(call.seconds) && ", call.words)
    }
    return [crontabLine("", words)] + (late.map { [$0] } ?? [])
  }

  private func crontabLine(_ before: String, _ words: [String]) -> String {
    let command =
      "cd \(Self.shellQuoted(project)) && \(before)"
      + words.map(Self.shellQuoted).joined(separator: " ")
    // Cron takes a plain percent sign for the end of the line.
    let escaped = command.split(separator: "%", omittingEmptySubsequences: false)
      .joined(separator: "\\%")
    return "\(pipeline.schedule.text) \(escaped)"
  }

  private static func shellQuoted(_ word: String) -> String {
    let isPlain = word.utf8.allSatisfy { byte in
      (byte | 32 >= UInt8(ascii: "a") && byte | 32 <= UInt8(ascii: "z"))
        || (byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9"))
        || "/._-+=:,@%".utf8.contains(byte)
    }
    if isPlain, !word.isEmpty { return word }
    return "'"
      + word.split(separator: "'", omittingEmptySubsequences: false)
      .joined(separator: "'\\''") + "'"
  }

  // MARK: systemd

  /// The name of the units, without `.service` and `.timer`.
  var unitName: String { "almanac-\(pipeline.name)" }

  /// The units, each with its file's name.
  var units: [(name: String, lines: [String])] {
    var units = [
      ("\(unitName).service", serviceUnit(serviceLines)),
      ("\(unitName).timer", timerUnit),
    ]
    if let lateness {
      let name = "\(unitName)-late"
      let lines = [
        "ExecStartPre=/usr/bin/sleep \(lateness.seconds)",
        "ExecStart=" + lateness.words.map(Self.unitQuoted).joined(separator: " "),
      ]
      units += [("\(name).service", serviceUnit(lines)), ("\(name).timer", timerUnit)]
    }
    return units
  }

  private var serviceLines: [String] {
    ["ExecStart=" + words.map(Self.unitQuoted).joined(separator: " ")]
  }

  private func serviceUnit(_ lines: [String]) -> [String] {
    [
      "[Unit]",
      "Description=Almanac pipeline \(pipeline.name)",
      "Wants=network-online.target",
      "After=network-online.target postgresql.service",
      "",
      "[Service]",
      "Type=oneshot",
      "WorkingDirectory=\(Self.escaped(project))",
      "# ALMANAC_SOURCE and ALMANAC_TARGET; passwords belong into ~/.pgpass.",
      "EnvironmentFile=-/etc/almanac/environment",
    ] + lines
  }

  /// The unit that says when.
  var timerUnit: [String] {
    [
      "[Unit]",
      "Description=Times of the Almanac pipeline \(pipeline.name)",
      "",
      "[Timer]",
    ] + calendarEvents.map { "OnCalendar=\($0)" } + [
      "# A time at which the machine was off is made up for.",
      "Persistent=true",
      "",
      "[Install]",
      "WantedBy=timers.target",
    ]
  }

  /// The times as systemd writes them; more than one where cron takes either of two days.
  var calendarEvents: [String] {
    let schedule = pipeline.schedule
    let time =
      Self.list(schedule.hours, of: 0...23) + ":" + Self.list(schedule.minutes, of: 0...59) + ":00"
    func event(days: Set<Int>, weekdays: Set<Int>) -> String {
      var parts: [String] = []
      if weekdays.count < 7 {
        parts.append(weekdays.sorted().map { Self.weekdays[$0] }.joined(separator: ","))
      }
      parts.append(
        "*-" + Self.list(schedule.months, of: 1...12) + "-" + Self.list(days, of: 1...31))
      return (parts + [time, zone]).joined(separator: " ")
    }
    if schedule.matchesEitherDay {
      return [
        event(days: schedule.days, weekdays: Set(0...6)),
        event(days: Set(1...31), weekdays: schedule.weekdays),
      ]
    }
    return [event(days: schedule.days, weekdays: schedule.weekdays)]
  }

  private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]

  private static func list(_ values: Set<Int>, of all: ClosedRange<Int>) -> String {
    if values.count == all.count { return "*" }
    return values.sorted().map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ",")
  }

  /// A value of a unit, in which a percent sign begins a specifier.
  private static func escaped(_ text: String) -> String {
    text.split(separator: "%", omittingEmptySubsequences: false).joined(separator: "%%")
  }

  /// A word of a command line of a unit.
  private static func unitQuoted(_ word: String) -> String {
    var quoted = ""
    for scalar in escaped(word).unicodeScalars {
      switch scalar {
      case "\"", "\\": quoted += "\\\(scalar)"
      case "$": quoted += "$$"
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    let isPlain =
      !word.isEmpty && word.unicodeScalars.allSatisfy { !" \t'\"\\;".unicodeScalars.contains($0) }
    return isPlain ? quoted : "\"\(quoted)\""
  }
}
