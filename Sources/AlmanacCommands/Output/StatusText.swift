import AlmanacCore
package import Pipelines

/// Renders the ledger's state for a terminal of 80 columns.
package struct StatusText {
  private let status: StatusReading

  /// A rendering of what was read.
  package init(_ status: StatusReading) {
    self.status = status
  }

  /// The lines in a format: in CSV the runs, in JSON one object with everything.
  package func lines(_ format: OutputFormat) -> [String] {
    switch format {
    case .table: lines()
    case .csv:
      ["run,pipeline,date,started_at,seconds,status,error"]
        + status.runs.map { run in
          [
            run.id, run.pipeline, run.date, run.startedAt, "\(run.seconds)", run.status,
            run.error ?? "",
          ].map { CellText.csv($0) }.joined(separator: ",")
        }
    case .json: [tree.lines()]
    }
  }

  private var tree: JSONTree {
    let runs = status.runs.map { run in
      JSONTree.object([
        ("run", .text(run.id)), ("pipeline", .text(run.pipeline)), ("date", .text(run.date)),
        ("started_at", .text(run.startedAt)), ("seconds", .number(run.seconds)),
        ("status", .text(run.status)), ("error", .optional(run.error)),
      ])
    }
    let stages = status.stages.map { stage in
      JSONTree.object([
        ("stage", .text(stage.name)), ("status", .text(stage.status)),
        ("rows_in", stage.rowsIn.map { .integer($0) } ?? .null),
        ("rows_out", stage.rowsOut.map { .integer($0) } ?? .null),
        ("seconds", .number(stage.seconds)),
      ])
    }
    let publication = status.publication.map { publication in
      JSONTree.object([
        ("publication", .text(publication.id)), ("run", .text(publication.run)),
        ("as_of", .text(publication.asOf)), ("published_at", .text(publication.publishedAt)),
        ("is_stale", .truth(publication.isStale)),
      ])
    }
    let contracts = status.contracts.map { contracts in
      JSONTree.object([
        ("checks", .integer(contracts.checks)),
        ("failed", .array(contracts.failed.map { .text($0) })),
        ("warned", .array(contracts.warned.map { .text($0) })),
      ])
    }
    let rollups = status.rollupDays.map { days in
      JSONTree.object([
        ("days", .integer(days.count)), ("first", .text(days.first)), ("last", .text(days.last)),
      ])
    }
    return [
      "runs": .array(runs), "stages": .array(stages), "contracts": contracts ?? .null,
      "publication": publication ?? .null, "rollups": rollups ?? .null,
      "missing_days": .array(status.missingDays.map { .text($0) }),
      "days_behind": .integer(status.daysBehind),
    ]
  }

  /// The lines for people.
  package func lines() -> [String] {
    guard let newest = status.runs.first else {
      return ["No run yet. Start one with `almanac run nightly`."]
    }
    var runs = TextTable([
      ("run", .left), ("pipeline", .left), ("date", .left), ("started (UTC)", .left),
      ("took", .right), ("status", .left),
    ])
    for run in status.runs {
      runs.add([
        String(run.id.prefix(8)), run.pipeline, run.date, run.startedAt,
        Display.seconds(run.seconds), run.status,
      ])
    }
    var lines = ["Runs"] + runs.lines()
    if let error = newest.error { lines += wrapped("\(newest.id.prefix(8)) failed: \(error)") }
    lines += ["", "Stages of run \(newest.id.prefix(8))"] + stageLines()
    if let contracts = status.contracts { lines.append(line(contracts)) }
    lines.append("")
    if let publication = status.publication {
      lines.append(
        "Published: run \(publication.run.prefix(8)) as of \(publication.asOf), "
          + "\(publication.publishedAt) UTC, number \(publication.id)")
      if publication.isStale { lines.append("  stale: no newer night has been published since") }
    } else {
      lines.append("Published: nothing yet")
    }
    return lines + missingLines()
  }

  private func stageLines() -> [String] {
    var stages = TextTable([
      ("stage", .left), ("status", .left), ("rows in", .right), ("rows out", .right),
      ("took", .right),
    ])
    for stage in status.stages {
      stages.add([
        stage.name, stage.status, stage.rowsIn.map { Display.count($0) } ?? "-",
        stage.rowsOut.map { Display.count($0) } ?? "-", Display.seconds(stage.seconds),
      ])
    }
    return stages.isEmpty ? ["  none"] : stages.lines()
  }

  /// The contracts in one line, the first that broke by name.
  private func line(_ contracts: StatusReading.Contracts) -> String {
    var line = "Contracts: \(Display.count(contracts.checks)) checks"
    for (names, verb) in [(contracts.failed, "failed"), (contracts.warned, "warned")] {
      guard let first = names.first else { continue }
      line += ", \(Display.count(names.count)) \(verb): \(first)"
      if names.count > 1 { line += ", …" }
    }
    if contracts.failed.isEmpty, contracts.warned.isEmpty { line += ", none broken" }
    return Display.cut(line, to: TextTable.maximumWidth - 2)
  }

  private func missingLines() -> [String] {
    guard let days = status.rollupDays else { return ["Rollups:   no day yet"] }
    var lines = ["Rollups:   \(Display.counted(days.count, "day")), \(days.first) to \(days.last)"]
    if let first = status.missingDays.first {
      lines.append(
        "Missing:   \(counted(status.missingDays.count, "day")) in between, the first \(first); "
          + "the next run fills them")
    } else if status.daysBehind > 0 {
      lines.append(
        "Missing:   \(Display.counted(status.daysBehind, "day")) after \(days.last), up to yesterday"
      )
    } else {
      lines.append("Missing:   nothing")
    }
    return lines
  }
}

/// Text broken into lines of at most 78 characters, the indent included.
///
/// A word that is longer than a line, such as a path, is broken too.
func wrapped(_ text: String, indent: String = "  ") -> [String] {
  let width = TextTable.maximumWidth - 2 - indent.count
  var lines: [String] = []
  var line = ""
  for word in text.split(whereSeparator: \.isWhitespace) {
    if !line.isEmpty, line.count + word.count + 1 > width {
      lines.append(indent + line)
      line = ""
    }
    line += (line.isEmpty ? "" : " ") + word
    while line.count > width {
      lines.append(indent + line.prefix(width))
      line = String(line.dropFirst(width))
    }
  }
  return line.isEmpty ? lines : lines + [indent + line]
}
