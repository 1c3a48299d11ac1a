package import AlmanacCore
import Billing
import Columns
package import Postgres
import Rollups

/// Metrics, cohorts and funnels as a run made at an earlier instant would have found them
/// (DECISIONS.md, D-404): computed from what had happened and been recorded by then.
package struct AsOfReading {
  /// What is looked for.
  package enum Subject: Sendable, Equatable {
    /// One metric, or all of them.
    case metric(String?)
    /// Retention of all kinds.
    case cohorts
    /// All funnels.
    case funnels
  }

  /// The instant that is looked back to.
  package enum Moment: Sendable, Equatable {
    /// The end of a date in the pipeline's zone.
    case date(CalendarDate)
    /// An instant of the source's clock; dates count up to the last one that was over then.
    case instant(Timestamp)
  }

  /// The last date that counts.
  package let date: CalendarDate
  /// Lines for a person: what has to be taken from later versions.
  package let notices: [String]
  private let inputs: StageInputs

  /// Reads what had been recorded by then.
  var reader: PartReader { inputs.reader }

  /// Whose days count.
  var zones: CompanyZones { inputs.zones }

  /// A reading of what a data directory holds.
  ///
  /// - Parameters:
  ///   - project: the definitions; those of now, not those of then.
  ///   - pipeline: whose zone and currency count.
  ///   - directory: the snapshots.
  ///   - moment: what to look back to.
  ///   - last: the last date that counts, where it is an earlier one than the moment tells.
  ///   - jobs: threads.
  ///   - zones: finds the rules of a zone.
  /// - Throws: ``PipelineError/unknownZone(name:)``, ``PipelineError/noCompanyZones(reason:)``,
  ///   ``PipelineError/notYetKnown(moment:lastCut:)``, and what reading companies throws.
  package init(
    _ project: Project, _ pipeline: PipelineDefinition, _ directory: DataDirectoryReading,
    at moment: Moment, through last: CalendarDate? = nil, jobs: Int, zones: (String) -> ZoneRules?
  ) throws {
    guard let zone = pipeline.countsCompanyDays ? .utc : zones(pipeline.zone) else {
      throw PipelineError.unknownZone(name: pipeline.zone)
    }
    let instant: Timestamp
    try moment.requireKnown(by: directory, zone)
    switch moment {
    case .date(let day):
      date = last ?? day
      instant = Timestamp(microseconds: zone.start(of: day.adding(days: 1)).microseconds - 1)
    case .instant(let given):
      instant = given
      date =
        last ?? zone.localDate(at: Timestamp(microseconds: given.microseconds + 1)).adding(days: -1)
    }
    let reader = directory.reader.looking(back: instant, project)
    inputs = StageInputs(
      project: project, pipeline: pipeline, reader: reader, zone: zone,
      zones: try project.zones(
        of: pipeline, in: directory.manifest, reader, find: zones
      ).zones, jobs: jobs)
    let late = directory.manifest.datasets.filter { name, entry in
      project.dataset(name)?.mode != .append
        && entry.firstCut.flatMap { Timestamp($0) }.map { $0 > instant } ?? false
    }
    notices =
      late.isEmpty
      ? []
      : [
        "\(late.keys.sorted().joined(separator: ", ")): first read after that time; their rows are "
          + "taken as they were first seen, by the dates in them"
      ]
  }

  /// The names of all metrics, as they are defined now.
  package func metricNames() throws -> [String] {
    let plan = try MetricsPlan(inputs.project.metrics, inputs, through: date, closed: nil)
    return plan.bookNames + plan.byDay.map(\.name)
  }

  /// The names of all funnels, as they are defined now.
  package var funnelNames: [String] { inputs.project.funnels.funnels.map(\.definition.name) }

  /// Computes a subject into temporary tables of the session, named and built like those of schema
  /// `analytics`.
  ///
  /// - Parameters:
  ///   - subject: what to compute.
  ///   - days: of metrics that are made by day the days wanted; `nil` for all.
  ///   - connection: the session.
  /// - Throws: `BillingError`, ``PipelineError``, `PostgresError`.
  package func fill(
    _ subject: Subject, days: ClosedRange<CalendarDate>? = nil, on connection: Connection
  ) throws {
    var tables: [(name: String, batch: Batch)] = []
    switch subject {
    case .metric(let name): tables = try metrics(name, days)
    case .cohorts: tables = [("cohort_retention", try cohorts())]
    case .funnels: tables = [("funnels", try funnels())]
    }
    for (name, batch) in tables {
      try connection.run("CREATE TEMPORARY TABLE \(name) (LIKE analytics.\(name))")
      let schema = try connection.query(
        "SELECT nspname FROM pg_namespace WHERE oid = pg_my_temp_schema()")
      try connection.copyIn(
        batch, into: QualifiedName(schema: schema[0, 0] ?? "pg_temp", name: name))
    }
  }

  private func metrics(
    _ name: String?, _ wanted: ClosedRange<CalendarDate>?
  ) throws -> [(name: String, batch: Batch)] {
    var plan = try MetricsPlan(inputs.project.metrics, inputs, through: date, closed: nil)
    var rows: [MetricPeriods.Grain: [MetricTableRow]] = [:]
    func add(_ periods: [MetricPeriod], _ grain: MetricPeriods.Grain) {
      let found = periods.flatMap { $0.rows.map { MetricTableRow($0) } + $0.declared }
      rows[grain, default: []] += found.filter { name == nil || $0.name == name }
    }
    if name.map(plan.bookNames.contains) ?? true {
      let records = try BillingRecords(inputs, plan.settings, end: inputs.end(of: date))
      let books = try plan.books(records)
      for grain in [MetricPeriods.Grain.day, .month] { add(plan.periods(of: books, grain), grain) }
    }
    if let name { plan.byDay = plan.byDay.filter { $0.isPart(of: name, in: plan.byDay) } }
    if !plan.byDay.isEmpty {
      let all = try days(of: plan)
      let months = Set(plan.months(of: all))
      let days = all.filter { wanted?.contains($0) ?? true }
      let computed = try plan.compute(days, months.intersection(days.map(\.monthStart)))
      for output in computed {
        add(output.days, .day)
        add(output.months, .month)
      }
    }
    let settings = SettingsDigests(plan.settingsDigest, inputs.zones)
    return [MetricPeriods.Grain.day, .month].map { grain in
      (
        grain == .day ? "daily_metrics" : "monthly_metrics",
        metricBatch(
          rows[grain] ?? [], dateColumn: grain == .day ? "date" : "month",
          currency: plan.settings.currency, settings: settings)
      )
    }
  }

  /// Every day from the first one that had a row by then.
  private func days(of plan: MetricsPlan) throws -> [CalendarDate] {
    let names = Set(plan.byDay.filter { !$0.isRatio }.map(\.dataset.name)).sorted()
    var firsts: [CalendarDate] = []
    for name in names {
      guard let recorded = inputs.project.dataset(name)?.timeColumn else { continue }
      for day in inputs.manifest.days(of: name).dates.sorted() {
        let local = inputs.zones.dates(ofUTCDay: day).lowerBound
        if local < MetricsPlan.earliest(date) { continue }
        let batches = try inputs.reader.read(name, days: day...day, columns: [recorded])
        guard batches.contains(where: { $0.rowCount > 0 }) else { continue }
        firsts.append(local)
        break
      }
    }
    guard let first = firsts.min(), first <= date else { return [] }
    return Array(first...date)
  }

  private func cohorts() throws -> Batch {
    let settings = inputs.project.metrics.ledgerSettings(inputs.pipeline.currency)
    let records = try BillingRecords(inputs, settings, end: inputs.end(of: date))
    return CohortsStage.retentionBatch(
      try CohortsStage.retention(records), settings.currency,
      CohortsStage.settingsDigest(settings, zone: inputs.zoneName))
  }

  private func funnels() throws -> Batch {
    let definition = inputs.project.funnels
    let digest = SettingsDigests(
      FunnelsStage.settingsDigest(definition, zone: inputs.zoneName), inputs.zones)
    guard let events = inputs.project.dataset(RollupStage.dataset),
      try inputs.hasDataset(events.name)
    else { return FunnelsStage.batch([], [], digest) }
    let hasUsers = try inputs.hasDataset(FunnelsDefinition.Funnel.usersDataset)
    let funnels = definition.funnels.filter { hasUsers || !$0.needsUsers }
    let found = try FunnelsStage.rows(
      funnels, events: events, before: inputs.end(of: date), in: inputs
    ).rows
    let rows = found.enumerated().flatMap { index, rows in rows.map { (index, $0) } }
    return FunnelsStage.batch(funnels, rows, digest)
  }
}

extension AsOfReading.Moment {
  /// Refuses a moment after the last cut: what is known of it, nobody can tell yet.
  ///
  /// - Throws: ``PipelineError/notYetKnown(moment:lastCut:)``, or
  ///   ``PipelineError/notExtracted(dataset:)`` where there is no cut at all.
  fileprivate func requireKnown(
    by directory: DataDirectoryReading, _ zone: ZoneRules
  ) throws(PipelineError) {
    let cuts = directory.manifest.datasets.values.compactMap { Timestamp($0.watermark.takenAt) }
    guard let last = cuts.max() else { throw .notExtracted(dataset: RollupStage.dataset) }
    let (isKnown, text) =
      switch self {
      case .date(let day):
        // The first condition keeps days without a next one from the second.
        (
          day < last.dateUTC.adding(days: 2) && zone.start(of: day.adding(days: 1)) <= last,
          day.description
        )
      case .instant(let instant): (instant <= last, instant.description)
      }
    guard isKnown else { throw .notYetKnown(moment: text, lastCut: last.description) }
  }
}

extension PartReader {
  /// A reader of what had been recorded by an instant, by the columns that a project names.
  func looking(back instant: Timestamp, _ project: Project) -> PartReader {
    var reader = self
    var recorded: [String: String] = [:]
    for dataset in project.datasets { recorded[dataset.name] = dataset.recordedColumn }
    reader.known = (instant, recorded)
    return reader
  }
}

extension DeclaredMetric {
  /// Whether it is a metric of a name, or one that it is a ratio of.
  fileprivate func isPart(of wanted: String, in all: [DeclaredMetric]) -> Bool {
    if name == wanted { return true }
    return all.contains { other in
      guard other.name == wanted, case .ratio(let above, let below) = other.measure else {
        return false
      }
      return above.name == name || below.name == name
    }
  }
}
