import AlmanacCore
package import Pipelines
package import Postgres

/// Renders what a run did, and what it forecast, for a terminal of 80 columns.
package struct RunSummary {
  private let report: RunReport
  private let forecast: ForecastReading?
  private let tableRows: [Int]
  private let target: String
  private let dataPath: String

  /// A summary of a run, with its forecast read from the target.
  package init(_ report: RunReport, target: ConnectionSettings, dataPath: String) throws {
    let connection = try Connection(target, purpose: .target)
    let reading = try ForecastReading(connection, run: report.run)
    let tables = try RunSummary.tables.map { name in
      let rows = try connection.query("SELECT count(*) AS rows FROM \(name)")
      return rows[0, "rows"].flatMap { Int($0) } ?? 0
    }
    self.init(
      report, forecast: reading.methods.isEmpty ? nil : reading, tableRows: tables,
      target: target.display, dataPath: dataPath)
  }

  /// A summary of the given parts; `tableRows` are the rows of ``tables``.
  package init(
    _ report: RunReport, forecast: ForecastReading?, tableRows: [Int], target: String,
    dataPath: String
  ) {
    self.report = report
    self.forecast = forecast
    self.tableRows = tableRows
    self.target = target
    self.dataPath = dataPath
  }

  /// The tables whose rows are counted.
  package static let tables = [
    "analytics.hourly_rollups", "analytics.daily_rollups", "predictions.revenue_forecasts",
  ]
  private static let contents = [
    "per company, type, module, hour", "the same by day", "every forecast, keyed by run",
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
    var lines = monthLines(forecast)
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

  /// The months, in thousands or more where whole units would be too wide.
  private func monthLines(_ forecast: ForecastReading) -> [String] {
    let units: [(unit: Int128, name: String)] = [
      (1, ""), (1_000, "thousand "), (1_000_000, "million "), (1_000_000_000, "billion "),
      (1_000_000_000_000, "trillion "), (1_000_000_000_000_000, "quadrillion "),
    ]
    var lines: [String] = []
    for (unit, name) in units {
      func amount(_ decimal: String) -> String { Display.wholeUnits(decimal, per: unit) }
      var table = TextTable([
        ("month", .left), ("revenue", .right), ("80 % interval", .right),
        ("95 % interval", .right),
      ])
      for month in forecast.months {
        table.add([
          month.month, amount(month.predicted),
          "\(amount(month.lower80)) to \(amount(month.upper80))",
          "\(amount(month.lower95)) to \(amount(month.upper95))",
        ])
      }
      lines = ["Revenue forecast, all companies, \(name)\(forecast.currency)"] + table.lines()
      if table.fits() { break }
    }
    return lines
  }

  private func tableLines() -> [String] {
    var table = TextTable([("table", .left), ("rows", .right), ("holds", .left)])
    for (index, name) in RunSummary.tables.enumerated() {
      table.add([name, Display.count(tableRows[index]), RunSummary.contents[index]])
    }
    table.add(["api.revenue_forecast_v1", "", "what readers see: the published run"])
    return wrapped("Written to \(target)", indent: "") + table.lines()
  }
}
