package import AlmanacCore
import Postgres
import Rollups
import Synchronization

/// What a stage would do in a run, as far as the ledger and the data folder tell before it.
package struct StageOutlook: Sendable, Equatable {
  /// How much is known to be done.
  package enum Action: String, Sendable {
    /// The stage has work.
    case run
    /// The stage looks for changes, and none is known.
    case look
    /// The stage writes nothing.
    case nothing
  }

  /// The stage's name.
  package var name: String
  /// What it would do.
  package var action: Action
  /// Why, in words.
  package var reasons: [String]
  /// The days that it would compute: how many, the first and the last; `nil` where it does not go by
  /// days, or does not know them yet.
  package var days: Days?
  /// Those of the days whose rows came late and are in the source only, ascending.
  package var lateDates: [CalendarDate] = []
  /// About how many rows it would read; `nil` where nothing tells.
  package var rows: Int?
  /// About how many seconds it would take; `nil` where no run tells.
  package var seconds: Double?

  /// Some days of a stage.
  package struct Days: Sendable, Equatable {
    package var count: Int
    package var first: CalendarDate
    package var last: CalendarDate
  }

  /// An outlook without estimates.
  package init(_ name: String, _ action: Action, _ reasons: [String]) {
    self.name = name
    self.action = action
    self.reasons = reasons
  }
}

extension Stage {
  /// A stage that knows nothing better does its work in every run.
  package func outlook(in context: RunContext) throws -> StageOutlook {
    StageOutlook(name, .run, ["is done in every run"])
  }
}

extension ExtractStage {
  package func outlook(in context: RunContext) throws -> StageOutlook {
    let held = context.directory.manifest.datasets
    func named(_ names: [String]) -> String {
      names.count > 3
        ? names.prefix(2).joined(separator: ", ") + " and \(names.count - 2) more"
        : names.joined(separator: ", ")
    }
    var reasons: [String] = []
    let missing = datasets.filter { held[$0.name] == nil && !$0.isOptional }.map(\.name)
    let changed = datasets.filter { dataset in
      held[dataset.name].map { $0.definitionDigest != dataset.digest } ?? false
    }.map(\.name)
    let known = datasets.compactMap { held[$0.name]?.watermark.takenAt }
    if !missing.isEmpty { reasons.append("reads \(named(missing)) for the first time") }
    if !changed.isEmpty { reasons.append("the definition of \(named(changed)) changed") }
    if let cut = known.min() { reasons.append("reads what the source wrote since \(cut)") }
    if case .counted = context.memo.glance.withLock(\.self) {
      let rows = context.memo.glance.withLock { $0?.rowCount ?? 0 }
      reasons.append("\(counted(rows, "row")) of \(RollupStage.dataset) among it by now")
    }
    return StageOutlook(name, .run, reasons)
  }
}

extension CheckStage {
  package func outlook(in context: RunContext) throws -> StageOutlook {
    StageOutlook(name, .run, ["checks what was extracted"])
  }
}

extension RollupStage {
  package func outlook(in context: RunContext) throws -> StageOutlook {
    guard let definition = context.project.dataset(RollupStage.dataset) else {
      throw PipelineError.notExtracted(dataset: RollupStage.dataset)
    }
    _ = try context.extracted(RollupStage.dataset)
    let content = context.directory.manifest.days(of: RollupStage.dataset)
    let first = try content.range().map { try context.zones().dates(ofUTCDay: $0.lowerBound) }
    let plan = try plan(
      on: definition, from: first?.lowerBound ?? context.date, in: context)
    let glance = context.memo.glance.withLock(\.self)
    let late =
      glance?.lateDates(
        plan.work.settings.zones, through: context.date, known: Set(plan.known.keys),
        pending: Set(plan.pending.map(\.date))) ?? []
    let dates = (plan.pending.map(\.date) + late).sorted()
    guard let start = dates.first, let end = dates.last else {
      return StageOutlook(name, .look, ["no day is known to differ"])
    }
    var outlook = StageOutlook(name, .run, [])
    outlook.days = StageOutlook.Days(count: dates.count, first: start, last: end)
    outlook.lateDates = late
    for reason in RollupPlan.Reason.allCases {
      let days = zip(plan.pending, plan.reasons).filter { $0.1 == reason }.map(\.0.date)
      guard let first = days.first, let last = days.last else { continue }
      let span = first == last ? "\(first)" : "\(counted(days.count, "day")), \(first) to \(last)"
      outlook.reasons.append("\(span): \(reason.words)")
    }
    if !late.isEmpty {
      outlook.reasons.append("\(RollupStage.span(of: late)): rows came late to the source")
    }
    outlook.rows = plan.pending.reduce(0) { $0 + $1.rows }
    let zones = plan.work.settings.zones
    if let glance, case .counted = glance {
      let days = dates.reduce(into: Set<CalendarDate>()) {
        $0.formUnion(zones.rollupDays(of: $1...$1))
      }
      outlook.rows? +=
        glance.rowCount(on: days)
        + late.reduce(0) { $0 + content.rowCount(zones.rollupDays(of: $1...$1)) }
    } else {
      outlook.rows? += estimatedRows(plan.pending, after: content.dates.max(), in: content)
    }
    return outlook
  }

  /// Some dates in words: each by itself where they are few.
  private static func span(of dates: [CalendarDate]) -> String {
    guard let first = dates.first, let last = dates.last, dates.count > 5 else {
      return dates.map(\.description).joined(separator: ", ")
    }
    return "\(counted(dates.count, "day")), \(first) to \(last)"
  }

  /// About how many events there are on days behind all that is held: the mean of the last 28 days.
  private func estimatedRows(
    _ days: [RollupDay], after last: CalendarDate?, in content: DatasetDays
  ) -> Int {
    guard let last else { return 0 }
    let ahead = days.count { $0.date > last }
    return content.rowCount(last.adding(days: -27)...last) * ahead / 28
  }
}

extension RollupPlan.Reason {
  /// The reason in words.
  fileprivate var words: String {
    switch self {
    case .missing: "not computed yet"
    case .definition: "zone, currency or grains changed"
    case .rows: "rows or rates came, went or changed"
    case .moved: "companies changed their zone"
    case .forced: "asked for"
    }
  }
}

extension MetricsStage {
  package func outlook(in context: RunContext) throws -> StageOutlook {
    let plan = try MetricsPlan(definition, in: context)
    var outlook = try context.outlook(
      name,
      intervals: [
        "metrics/day", "metrics/month", MetricsPlan.dayStage, MetricsPlan.monthStage,
      ], settings: plan.settingsDigest, kept: "models/metrics.yaml, zone or currency changed")
    let marks = IntervalLedger(stage: MetricsPlan.booksStage, run: context.run)
    if outlook.action == .look, try marks.entries(on: context.lock.connection).isEmpty {
      outlook = StageOutlook(name, .run, ["was not written to its end"])
    }
    return outlook
  }
}

extension CohortsStage {
  package func outlook(in context: RunContext) throws -> StageOutlook {
    let settings = context.project.metrics.ledgerSettings(context.pipeline.currency)
    return try context.outlook(
      name, intervals: [name],
      settings: CohortsStage.settingsDigest(settings, zone: context.zoneName),
      kept: "models/metrics.yaml, zone or currency changed")
  }
}

extension FunnelsStage {
  package func outlook(in context: RunContext) throws -> StageOutlook {
    try context.outlook(
      name, intervals: [name],
      settings: FunnelsStage.settingsDigest(definition, zone: context.zoneName),
      kept: "models/funnels.yaml or zone changed")
  }
}

extension UsageStage {
  package func outlook(in context: RunContext) throws -> StageOutlook {
    guard let events = context.project.dataset(RollupStage.dataset) else {
      return StageOutlook(name, .nothing, ["there is no dataset \(RollupStage.dataset)"])
    }
    return try context.outlook(
      name, intervals: ["usage/agents", "usage/periods"],
      settings: try UsageStage.settingsDigest(events, zone: context.zoneName),
      kept: "zone or the column of agents changed")
  }
}

extension FitStage {
  package func outlook(in context: RunContext) throws -> StageOutlook {
    StageOutlook(name, .run, ["fits \(models.map(\.name).joined(separator: ", "))"])
  }
}

extension PredictStage {
  package func outlook(in context: RunContext) throws -> StageOutlook {
    StageOutlook(
      name, .run,
      ["forecasts \(models.map(\.name).joined(separator: ", ")) as of \(context.date)"])
  }
}

extension PublishStage {
  package func outlook(in context: RunContext) throws -> StageOutlook {
    let published = try LedgerReading(context.lock.connection).publishedDate()
    guard let published else { return StageOutlook(name, .run, ["nothing is published yet"]) }
    if published > context.date {
      return StageOutlook(
        name, .nothing, ["readers keep the forecasts as of \(published), which are newer"])
    }
    return StageOutlook(name, .run, ["readers see the forecasts as of \(published)"])
  }
}

extension RunContext {
  /// The outlook of a stage that computes all of its intervals and replaces those that differ.
  ///
  /// - Parameters:
  ///   - name: the stage.
  ///   - intervals: the names under which its intervals are kept.
  ///   - settings: the digest of its present settings.
  ///   - kept: what to say where intervals have others.
  /// - Returns: the outlook, without days or rows.
  /// - Throws: `PostgresError`.
  fileprivate func outlook(
    _ name: String, intervals: [String], settings: String, kept: String
  ) throws -> StageOutlook {
    let rows = try lock.connection.query(
      """
      SELECT count(*) AS known, count(*) FILTER (WHERE settings_digest <> $2) AS others
      FROM almanac.intervals WHERE stage = ANY ($1::text[])
      """, [array(intervals), settings])
    let known = rows[0, "known"].flatMap { Int($0) } ?? 0
    let others = rows[0, "others"].flatMap { Int($0) } ?? 0
    let newest = try newestSuccess(of: name)
    var reasons: [String] = []
    if newest == nil {
      reasons.append("never done yet")
    } else if let newest, newest < date {
      reasons.append("\(date) is new, the last date is \(newest)")
    }
    if known > 0, others > 0 { reasons.append("\(counted(others, "period")): \(kept)") }
    if redo.isAny { reasons.append("asked for") }
    return reasons.isEmpty
      ? StageOutlook(name, .look, ["nothing is known to differ"])
      : StageOutlook(name, .run, reasons)
  }
}
