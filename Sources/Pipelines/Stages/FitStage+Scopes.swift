import AlmanacCore
import Billing
import Columns
import Forecasting
import Predictions

extension RunContext {
  /// Fits a model for every scope it names, by day and month.
  func fitScopes(_ model: ModelDefinition) throws -> FittedModel {
    let (main, alternative, read) = try revenueSources(model.series)
    var notices = read
    let records = try knownBilling(model)
    let segments = try knownSegments()
    let revenue = try CompanyAmounts.revenue(
      main: main, alternative: alternative, through: date, zone: zone, currency: pipeline.currency,
      rates: try exchangeRates(), segments: segments, ledger: records?.ledger)
    var rowsRead = (main.batches + (alternative?.batches ?? [])).reduce(0) { $0 + $1.rowCount }
    if revenue.daysLeftOut > 0 {
      notices.append(
        "\(model.series.dataset.name): \(revenue.daysLeftOut) days more than ten years back are "
          + "left out of the forecast")
    }
    var amounts: [(ForecastMeasure, [CompanyAmounts])] = []
    for measure in model.measures {
      switch measure {
      case .revenue: amounts.append((.revenue, revenue.companies))
      case .mrr:
        guard let records, let ledger = records.ledger else { continue }
        rowsRead += records.changes.count
        amounts.append(
          (
            .mrr,
            CompanyAmounts.recurring(
              ledger, through: date, zones: records.zones, segments: segments)
          ))
      }
    }
    var scoped: [ScopedForecast] = []
    var memo = FitMemo(
      model: model.name, dataset: model.series.dataset.name, in: directory.path)
    for (measure, companies) in amounts {
      for (grain, horizon) in [(Grain.day, model.horizon.days), (.month, model.horizon.months)] {
        guard
          var series = ScopedSeries(
            companies, measure: measure, grain: grain, scopes: model.scopes, through: date)
        else { continue }
        var settings = model.settings(measure, grain, horizon: horizon)
        if grain == .day, measure == .revenue { settings.summed = date.daysLeftInMonth }
        // MRR is a level, which no day moves for itself.
        if measure == .revenue, !model.holidays.isEmpty {
          settings.special = SpecialPeriods(
            grain: grain, start: series.start, count: series.input.count, horizon: horizon,
            holidays: model.holidays)
        }
        if measure == .revenue, grain == .month {
          settings.months = MonthDays(
            from: series.start, count: series.input.count + horizon)
        }
        if measure == .mrr, grain == .month, let input = records?.ledgerInput {
          series = try withMovements(
            series, input, segments: segments, settings: settings)
        }
        // Every night has another last day, but months end once in a month.
        let made = try forecast(series, settings, known: grain == .month ? memo : nil)
        memo.keep(made.nodes)
        let found = ScopedForecast(measure: measure, series: series, forecast: made.forecast)
        let days = scoped.last { $0.measure == measure && $0.series.grain == .day }
        scoped.append(days.map { found.withRunningMonth(of: $0) } ?? found)
      }
    }
    memo.write(models: Set(project.models.map(\.name)))
    let first = revenue.companies.compactMap { $0.entries.first?.day }.min() ?? date
    var data = amounts.map { RunContext.text(of: $0.1, $0.0) }.joined()
    if amounts.contains(where: { $0.0 == .mrr }) { data += RunContext.text(of: records?.changes) }
    var fitted = FittedModel(
      model, scoped: scoped, data: data,
      rowsRead: rowsRead, trainingStart: first, trainingEnd: date.adding(days: 1))
    fitted.notices = notices
    return fitted
  }

  /// The series of monthly MRR with forecasts from movements and from what is scheduled.
  ///
  /// A ledger from invoices has nothing scheduled, and every service in it ends with its last period.
  private func withMovements(
    _ series: ScopedSeries, _ input: LedgerInput, segments: [UUIDValue: String],
    settings: HierarchySettings
  ) throws -> ScopedSeries {
    guard input.source == .changes else { return series }
    let count = series.input.count
    // The end of each month, and of the last what was known by the logical date.
    let knownAt =
      (1..<count).map { end(of: series.start.monthStart(adding: $0).adding(days: -1)) }
      + [knowledgeEnd]
    let history = MovementHistory(
      input, settings: project.metrics.ledgerSettings(pipeline.currency), start: series.start,
      knownAt: knownAt, horizon: settings.horizon, segments: segments)
    let left = date.daysLeftInMonth
    return try series.withMovements(
      history, ends: settings.ends(count: count), horizon: settings.horizon,
      remaining: left == 0 ? 1 : Double(left) / Double(left + date.day))
  }

  /// Forecasts each series on `jobs` threads, but for those that are known, then all together; the
  /// result depends neither on the number of threads nor on what is known.
  private func forecast(
    _ series: ScopedSeries, _ settings: HierarchySettings, known: FitMemo?
  ) throws -> (forecast: HierarchyForecast, nodes: [FitMemo.Mark: NodeForecast]) {
    let forecaster = try HierarchyForecaster(series.input, settings: settings)
    let nodes = try mapConcurrently(
      Array(0..<forecaster.count), jobs: jobs, context: { forecaster },
      work: { forecaster, node -> (mark: FitMemo.Mark?, forecast: NodeForecast) in
        guard let known, let words = forecaster.identity(of: node) else {
          return (nil, try forecaster.node(node))
        }
        let mark = FitMemo.mark(words)
        return (mark, try known.forecast(mark) ?? forecaster.node(node))
      })
    let jobs = jobs
    let forecast = try forecaster.combined(nodes.map(\.forecast)) { count, work in
      try mapConcurrently(
        Array(0..<count), jobs: jobs, context: {}, work: { _, part in try work(part) })
    }
    var marked: [FitMemo.Mark: NodeForecast] = [:]
    for node in nodes { if let mark = node.mark { marked[mark] = node.forecast } }
    return (forecast, marked)
  }

  /// The billing records up to the logical date, where the model needs them and all are there.
  private func knownBilling(_ model: ModelDefinition) throws -> BillingRecords? {
    let isNeeded =
      model.measures.contains(.mrr) || model.scopes.contains { $0 == .plan || $0 == .module }
    let held = directory.manifest.datasets
    let areThere = RunContext.billingDatasets.allSatisfy { name in
      guard let dataset = project.dataset(name) else { return true }
      return held[name] != nil || dataset.isOptional
    }
    guard isNeeded, areThere else { return nil }
    let settings = project.metrics.ledgerSettings(pipeline.currency)
    let records = try billing(settings, through: date)
    // A forecast knows what was recorded by the end of its date (DECISIONS.md, D-010).
    guard records.changes.contains(where: { $0.recordedAt > knowledgeEnd }) else { return records }
    return try BillingRecords(try inputs(), settings, end: knowledgeEnd, knownBy: knowledgeEnd)
  }

  /// The segments of companies, none where the dataset has no such column.
  private func knownSegments() throws -> [UUIDValue: String] {
    guard directory.manifest.datasets["companies"] != nil,
      let dataset = project.dataset("companies"), dataset[column: "segment"]?.type == .text
    else { return [:] }
    return try CompanySegments.read(try rows(of: "companies", ["id", "segment"]))
  }

  /// What a digest of changes is made of: movements depend on when each was recorded, too.
  private static func text(of changes: [SubscriptionChange]?) -> String {
    (changes ?? []).lazy.map { change in
      "\(change.id) \(change.recordedAt.microseconds) \(change.effectiveAt.microseconds)\n"
    }.sorted().joined()
  }

  /// What a digest of the data is made of.
  private static func text(of companies: [CompanyAmounts], _ measure: ForecastMeasure) -> String {
    var text = "\(measure.rawValue)\n"
    for company in companies {
      text += "\(company.company) \(company.segment ?? "")\n"
      for entry in company.entries { text += "\(entry.day) \(entry.amount)\n" }
      for split in company.splits {
        text += "\(split.day)"
        for part in split.parts { text += " \(part.plan) \(part.module) \(part.weight)" }
        text += "\n"
      }
    }
    return text
  }
}

extension ModelDefinition {
  /// How the series of a measure are forecast.
  ///
  /// MRR always has to beat its last value as well, which is hard to beat (DECISIONS.md, D-493).
  func settings(_ measure: ForecastMeasure, _ grain: Grain, horizon: Int) -> HierarchySettings {
    var baselines = beats.map(\.member)
    if measure == .mrr {
      baselines.removeAll { $0 == .naive }
      baselines.insert(.naive, at: 0)
    }
    return HierarchySettings(
      horizon: horizon, season: grain.seasonLength, longerSeason: grain == .day ? 365 : nil,
      isLevel: measure == .mrr, levels: levels.map { Double($0) / 100 }, baselines: baselines)
  }
}

extension ModelDefinition.Baseline {
  /// The method.
  fileprivate var member: EnsembleMember {
    switch self {
    case .seasonalNaive: .seasonalNaive
    case .naive: .naive
    case .drift: .drift
    }
  }
}

extension FittedModel {
  /// Rows of one batch at most.
  private static let batchRows = 100_000

  /// The rows of all forecasts in the order of the table's key.
  func batches(_ builder: RevenueForecastRows) throws -> [Batch] {
    var single: [(grain: String, forecast: Forecast)] = []
    var rows: [ForecastRow] = []
    for grain in grains {
      switch grain.content {
      case .single(let forecast): single.append((grain.grain.rawValue, forecast))
      case .scoped(let scoped): rows += try scoped.rows()
      }
    }
    if rows.isEmpty { return [try builder.batch(single, runningMonth: runningMonth)] }
    let order = ForecastRow.order(of: rows)
    return stride(from: 0, to: rows.count, by: FittedModel.batchRows).map { start in
      builder.batch(
        order[start..<min(rows.count, start + FittedModel.batchRows)].lazy.map { rows[$0] })
    }
  }
}
