import AlmanacCore
package import Pipelines
package import Postgres

/// Renders what a run did, and what it forecast, for a terminal of 80 columns.
package struct RunSummary {
  private let report: RunReport
  private let forecast: ForecastReading?
  /// The rows of ``tables``, or why they could not be counted; `nil` where nothing was written.
  private let tableRows: Result<[RowCount], ReadingFailure>?
  private let target: String
  private let dataPath: String

  /// A summary of a run, with its forecast read from the target.
  ///
  /// The run is complete by then, so a target that cannot be read only leaves the figures out: a
  /// warning in their place says why.
  ///
  /// - Throws: an error that has no words for a user.
  package init(_ report: RunReport, target: ConnectionSettings, dataPath: String) throws {
    var forecast: ForecastReading?
    let tableRows: Result<[RowCount], ReadingFailure>?
    do {
      let connection = try Connection(target, purpose: .target)
      let reading = try ForecastReading(connection, run: report.run)
      let counts =
        report.wasFinished
        ? nil : try RunSummary.tables.map { try RowCount(of: $0, on: connection) }
      forecast = reading.methods.isEmpty ? nil : reading
      tableRows = counts.map { .success($0) }
    } catch let error as any ExitStatusConvertible {
      tableRows = .failure(ReadingFailure(description: error.description))
    }
    self.init(
      report, forecast: forecast, tableRows: tableRows, target: target.display, dataPath: dataPath)
  }

  /// A summary of the given parts; `tableRows` are the rows of ``tables``, `nil` for a run that wrote
  /// nothing.
  package init(
    _ report: RunReport, forecast: ForecastReading?, tableRows: Result<[RowCount], ReadingFailure>?,
    target: String, dataPath: String
  ) {
    self.report = report
    self.forecast = forecast
    self.tableRows = tableRows
    self.target = target
    self.dataPath = dataPath
  }

  /// The tables whose rows are counted.
  package static let tables = [
    "analytics.hourly_rollups", "analytics.daily_rollups", "analytics.daily_metrics",
    "analytics.monthly_metrics", "analytics.mrr_movements", "analytics.cohort_retention",
    "analytics.funnels", "analytics.agent_metrics", "analytics.module_usage_periods",
    "analytics.anomalies", "predictions.revenue_forecasts",
  ]
  private static let contents = [
    "per company, type, module, hour", "the same by day", "named metrics by company and day",
    "the same by month", "why MRR changed, by company and month", "who stayed, by month of start",
    "how far entrants came, by day", "calls by agent and day", "use by billing period",
    "days that do not fit", "every forecast, keyed by run",
  ]

  /// The lines.
  package func lines() -> [String] {
    var lines: [String] = []
    if report.wasFinished {
      lines += wrapped(
        "\(report.pipeline) for \(report.date) is finished: run \(report.run.prefix(8)), "
          + (report.finishedAt ?? ""), indent: "")
      lines.append("Nothing was done; --force does it again.")
    } else {
      let seconds = report.stages.reduce(0) { $0 + $1.seconds }
      lines += wrapped(
        "\(report.pipeline) for \(report.date): run \(report.run.prefix(8)), "
          + "\(Display.seconds(seconds))", indent: "")
      lines += [""] + stageLines()
    }
    if !report.notices.isEmpty {
      lines += ["", "Noticed"] + report.notices.flatMap { wrapped($0) }
    }
    if let forecast { lines += [""] + forecastLines(forecast) }
    switch tableRows {
    case nil: break
    case .success(let rows): lines += [""] + tableLines(rows)
    case .failure(let failure):
      lines += [""] + wrapped("Written to \(target)", indent: "")
      lines += wrapped(
        "warning: the run is complete, but its figures cannot be read: \(failure.description)",
        indent: "")
    }
    return lines
  }

  private func stageLines() -> [String] {
    var table = TextTable([
      ("stage", .left), ("rows in", .right), ("rows out", .right), ("took", .right),
      ("", .left),
    ])
    for stage in report.stages {
      table.add([
        stage.name, Display.count(stage.outcome.rowsIn), Display.count(stage.outcome.rowsOut),
        Display.seconds(stage.seconds), detail(of: stage),
      ])
    }
    var lines = table.lines()
    if let extract = report.stages.first(where: { $0.name == "extract" }) {
      let counts = extract.outcome.facts.map { fact in
        "\(fact.name) \(Int(fact.value).map { Display.count($0) } ?? fact.value)"
      }
      lines += ["", "Rows extracted"] + wrapped(counts.joined(separator: ", "))
    }
    return lines
  }

  private func detail(of stage: RunReport.StageReport) -> String {
    func fact(_ name: String) -> String {
      stage.outcome.facts.first { $0.name == name }?.value ?? ""
    }
    switch stage.name {
    case "extract": return "\(dataPath), \(Display.count(stage.outcome.bytes / 1_000)) kB"
    case "check":
      let warned = fact("warned")
      return "\(fact("checks")) checks" + (warned == "0" ? "" : ", \(warned) warned")
    case "rollup": return "\(fact("days_computed")) of \(fact("days")) days"
    case "metrics": return "\(fact("periods_written")) days and months written"
    case "cohorts": return "\(fact("cohorts_written")) of \(fact("cohorts")) months written"
    case "funnels": return "\(fact("months_written")) of \(fact("months")) months written"
    case "usage":
      return "\(fact("days_computed")) of \(fact("days")) days, \(fact("periods_computed")) periods"
    case "anomalies": return "in \(fact("series")) series of ninety days"
    case "publish": return "publication \(fact("publication"))"
    default: return ""
    }
  }

  private func forecastLines(_ forecast: ForecastReading) -> [String] {
    var lines = inFirstFittingUnit { unit, name in
      monthLines(forecast, unit: unit, name: name)
    }
    lines += [""]
    lines += inFirstFittingUnit { unit, name in
      methodLines(forecast, unit: unit, name: name)
    }
    for method in forecast.methods {
      if let reason = method.fallbackReason { lines += wrapped("\(method.grain): \(reason)") }
    }
    return lines
  }

  /// Lines with amounts in thousands or more where whole units would be too wide.
  private func inFirstFittingUnit(
    _ render: (_ unit: Int128, _ name: String) -> (lines: [String], fits: Bool)
  ) -> [String] {
    let units: [(unit: Int128, name: String)] = [
      (1, ""), (1_000, "thousand "), (1_000_000, "million "), (1_000_000_000, "billion "),
      (1_000_000_000_000, "trillion "), (1_000_000_000_000_000, "quadrillion "),
    ]
    var lines: [String] = []
    for (unit, name) in units {
      let rendered = render(unit, name)
      lines = rendered.lines
      if rendered.fits { break }
    }
    return lines
  }

  /// The months, and below them what is known of one that has begun.
  private func monthLines(
    _ forecast: ForecastReading, unit: Int128, name: String
  ) -> (lines: [String], fits: Bool) {
    func amount(_ decimal: String) -> String { Display.wholeUnits(decimal, per: unit) }
    var table = TextTable([
      ("month", .left), ("revenue", .right), ("80 % interval", .right),
      ("95 % interval", .right),
    ])
    var notes: [String] = []
    for month in forecast.months {
      table.add([
        month.month, amount(month.predicted),
        "\(amount(month.lower80)) to \(amount(month.upper80))",
        "\(amount(month.lower95)) to \(amount(month.upper95))",
      ])
      if let known = month.known {
        notes += wrapped(
          "\(month.month): \(amount(known.amount)) of it is known by \(known.through)")
      }
    }
    let title = "Revenue forecast, all companies, \(name)\(forecast.currency)"
    return ([title] + table.lines() + notes, table.fits())
  }

  /// What the gate decided by: mean absolute errors, and their ratio, which its reason names.
  private func methodLines(
    _ forecast: ForecastReading, unit: Int128, name: String
  ) -> (lines: [String], fits: Bool) {
    func amount(_ error: Double?) -> String {
      error.map { Display.wholeUnits($0, per: unit) } ?? "-"
    }
    var table = TextTable([
      ("by", .left), ("published", .left), ("model error", .right),
      ("seasonal naive", .right), ("ratio", .right), ("origins", .right),
    ])
    for method in forecast.methods {
      table.add([
        method.grain, method.modelUsed, amount(method.modelError), amount(method.baselineError),
        Display.percent(method.errorRatio), method.origins.map { String($0) } ?? "-",
      ])
    }
    let title = "Backtest: mean absolute error, averaged over horizons, \(name)\(forecast.currency)"
    return ([title] + table.lines(), table.fits())
  }

  private func tableLines(_ rows: [RowCount]) -> [String] {
    var table = TextTable([("table", .left), ("rows", .right), ("holds", .left)])
    for (index, name) in RunSummary.tables.enumerated() {
      table.add([name, rows[index].description, RunSummary.contents[index]])
    }
    table.add(["api.revenue_forecast_v1", "", "what readers see: the published run"])
    return wrapped("Written to \(target)", indent: "") + table.lines()
  }
}

/// Why the figures of a run could not be read, in words for a user.
package struct ReadingFailure: Error {
  /// One line that says what is wrong.
  package var description: String
}
