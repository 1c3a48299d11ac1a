import AlmanacCore
package import Pipelines
package import Postgres

/// Renders what a run did, and what it forecast, for a terminal of 80 columns.
package struct RunSummary {
  private let report: RunReport
  private let forecast: ForecastReading?
  private let tables: [(name: String, rows: String, what: String)]
  private let target: ConnectionSettings
  private let dataPath: String

  /// A summary of a run, with its forecast read from the target.
  package init(_ report: RunReport, target: ConnectionSettings, dataPath: String) throws {
    self.report = report
    self.target = target
    self.dataPath = dataPath
    let connection = try Connection(target, purpose: .target)
    let reading = try ForecastReading(connection, run: report.run)
    forecast = reading.methods.isEmpty ? nil : reading
    tables = try [
      ("analytics.hourly_rollups", "events by company, type, module, hour"),
      ("analytics.daily_rollups", "the same by day"),
      ("predictions.revenue_forecasts", "every forecast, keyed by run"),
    ].map { name, what in
      let rows = try connection.query("SELECT count(*) AS rows FROM \(name)")
      return (name, rows[0, "rows"].flatMap { Int($0) }.map { Display.count($0) } ?? "", what)
    }
  }

  /// The lines.
  package func lines() -> [String] {
    var lines: [String] = []
    if report.wasFinished {
      lines.append(
        "\(report.pipeline) for \(report.date) is finished: run \(report.run.prefix(8)), "
          + (report.finishedAt ?? ""))
      lines.append("Nothing was done; --force does it again.")
    } else {
      let seconds = report.stages.reduce(0) { $0 + $1.seconds }
      lines.append(
        "\(report.pipeline) for \(report.date): run \(report.run.prefix(8)), "
          + "\(Display.seconds(seconds))")
      lines += [""] + stageLines()
    }
    if !report.notices.isEmpty {
      lines += ["", "Noticed"] + report.notices.flatMap { wrapped($0) }
    }
    if let forecast { lines += [""] + forecastLines(forecast) }
    lines += [""] + tableLines()
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
    case "rollup": return "\(fact("days_computed")) of \(fact("days")) days"
    case "publish": return "publication \(fact("publication"))"
    default: return ""
    }
  }

  private func forecastLines(_ forecast: ForecastReading) -> [String] {
    var table = TextTable([
      ("month", .left), ("revenue", .right), ("80 % interval", .right),
      ("95 % interval", .right),
    ])
    for month in forecast.months {
      table.add([
        month.month, Display.wholeUnits(month.predicted),
        "\(Display.wholeUnits(month.lower80)) to \(Display.wholeUnits(month.upper80))",
        "\(Display.wholeUnits(month.lower95)) to \(Display.wholeUnits(month.upper95))",
      ])
    }
    var lines = ["Revenue forecast, all companies, \(forecast.currency)"] + table.lines()
    var methods = TextTable([
      ("by", .left), ("published", .left), ("model error", .right),
      ("seasonal naive", .right), ("origins", .right),
    ])
    for method in forecast.methods {
      methods.add([
        method.grain, method.modelUsed, Display.percent(method.modelError),
        Display.percent(method.baselineError), method.origins.map { String($0) } ?? "-",
      ])
    }
    lines += ["", "Backtest: sum of absolute errors / sum of revenue, rolling origins"]
    lines += methods.lines()
    for method in forecast.methods {
      if let reason = method.fallbackReason { lines += wrapped("\(method.grain): \(reason)") }
    }
    return lines
  }

  private func tableLines() -> [String] {
    var table = TextTable([("table", .left), ("rows", .right), ("holds", .left)])
    for entry in tables { table.add([entry.name, entry.rows, entry.what]) }
    table.add(["api.revenue_forecast_v1", "", "what readers see: the published run"])
    return ["Written to \(target.display)"] + table.lines()
  }
}
