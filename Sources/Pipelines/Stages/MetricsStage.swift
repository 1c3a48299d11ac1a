import AlmanacCore
import Billing
import Codecs
import Postgres

/// Computes the named metrics by day and month, and the movements of MRR.
///
/// What is made of billing records is computed whole and compared by period with what was written;
/// what is made of rows that are kept by day is computed for the days whose input changed. Either way
/// only periods that differ are replaced, each in the transaction that records it.
package struct MetricsStage: Stage {
  package let name = "metrics"
  /// Settings, and the metrics that users declare.
  package let definition: MetricsDefinition

  /// The version of the computation: another one computes everything again.
  static let version = 2

  /// A stage with the given definition.
  package init(definition: MetricsDefinition) {
    self.definition = definition
  }

  package func run(in context: RunContext) throws -> StageOutcome {
    var outcome = StageOutcome()
    let plan = try MetricsPlan(definition, in: context)
    outcome.notices += plan.notices
    outcome.note(plan.over, through: plan.newest)
    let moves = try ZoneMoves(name, plan.zones, table: "daily_metrics", in: context)
    try plan.forgetOthers(in: context)
    let books = try plan.writeBooks(in: context, &outcome)
    let days = try plan.writeDays(in: context, moves, &outcome)
    try moves.finish(in: context)
    outcome.rowsOut = books.rows + days.rows
    outcome.note("periods_written", books.periods + days.periods)
    let restatements = books.restatements + days.restatements
    if restatements > 0 {
      outcome.note("restatements", restatements)
      outcome.notices.append("\(restatements) values of closed months changed and were restated")
    }
    context.log(
      .info, "metrics: \(books.periods + days.periods) periods written, \(outcome.rowsOut) rows")
    return outcome
  }
}

/// Which metrics a run computes, and from what.
struct MetricsPlan {
  let inputs: StageInputs
  let definition: MetricsDefinition
  let settings: LedgerSettings
  /// The digest of everything besides the rows that a number depends on.
  let settingsDigest: String
  /// Whose days count.
  let zones: CompanyZones
  /// The last date that is computed: the logical date, or a later one that an earlier run computed
  /// (DECISIONS.md, D-403).
  let newest: CalendarDate
  /// Which dates are over when it ends.
  let over: DatesOver
  /// Declared metrics of datasets that are kept by day, and ratios of them.
  var byDay: [DeclaredMetric] = []
  /// Declared metrics of other datasets or other times, and ratios of them.
  var whole: [DeclaredMetric] = []
  /// Months up to this one are closed.
  let closed: CalendarDate?
  var notices: [String] = []

  /// The plan of a run.
  ///
  /// - Throws: what reading zones and the ledger throws.
  init(_ definition: MetricsDefinition, in context: RunContext) throws {
    try self.init(
      definition, try context.inputs(), through: try context.newestDate(of: "metrics"),
      closed: try context.closedMonth(of: "metrics"))
  }

  /// The plan for metrics up to a date.
  ///
  /// - Throws: ``PipelineError/notExtracted(dataset:)``.
  init(
    _ definition: MetricsDefinition, _ context: StageInputs, through newest: CalendarDate,
    closed: CalendarDate?
  ) throws {
    inputs = context
    self.definition = definition
    settings = definition.ledgerSettings(context.pipeline.currency)
    zones = context.zones
    self.newest = newest
    over = context.datesOver(through: newest)
    settingsDigest = SHA256.hexadecimalDigest(
      of: "metrics \(MetricsStage.version)\nzone \(context.zoneName)\n\(settings.canonicalText)\n"
        + "margin \(definition.margin)\n\(definition.canonicalText)\n")
    self.closed = closed
    var off: [String: [String]] = [:]
    for metric in definition.declared {
      if case .ratio = metric.measure { continue }
      guard try context.hasDataset(metric.dataset.name) else {
        off[metric.dataset.name, default: []].append(metric.name)
        continue
      }
      if context.project.readsByDay(metric) { byDay.append(metric) } else { whole.append(metric) }
    }
    for metric in definition.declared {
      guard case .ratio(let above, _) = metric.measure else { continue }
      if byDay.contains(where: { $0.name == above.name }) {
        byDay.append(metric)
      } else if whole.contains(where: { $0.name == above.name }) {
        whole.append(metric)
      }
    }
    for (dataset, names) in off.sorted(by: { $0.key < $1.key }) {
      notices.append("\(dataset): is not there; \(names.joined(separator: ", ")) are switched off")
    }
  }

  /// A period without the rows of companies for which it is not over yet.
  func withoutPending(
    _ period: MetricPeriod, _ grain: MetricPeriods.Grain
  ) -> MetricPeriod {
    let last = grain == .day ? period.start : period.start.monthStart(adding: 1).adding(days: -1)
    if last <= over.last { return period }
    var period = period
    period.rows.removeAll { !over.isOver(last, $0.company) }
    period.declared.removeAll { !over.isOver(last, $0.company) }
    period.movements.removeAll { !over.isOver(last, $0.company) }
    return period
  }

  /// The names of the metrics that ``writeBooks(in:_:)`` writes.
  var bookNames: [String] { Metric.allCases.map(\.name) + whole.map(\.name) }

  /// Removes the rows of metrics that are not computed any more: not declared, or of a dataset that
  /// is not there (DECISIONS.md, D-172).
  ///
  /// All companies have rows of every metric, so their names are those of the table; they are found
  /// by jumping from one to the next in its key.
  func forgetOthers(in context: RunContext) throws {
    let names = array(bookNames + byDay.map(\.name))
    try context.lock.write { connection in
      for table in ["daily_metrics", "monthly_metrics"] {
        let others = try connection.query(
          """
          WITH RECURSIVE found AS (
            (SELECT metric_name AS name FROM analytics.\(table) WHERE company_id = $2
             ORDER BY metric_name LIMIT 1)
            UNION ALL
            SELECT (SELECT metric_name FROM analytics.\(table)
              WHERE company_id = $2 AND metric_name > found.name ORDER BY metric_name LIMIT 1)
            FROM found WHERE found.name IS NOT NULL)
          SELECT name FROM found WHERE NOT name = ANY ($1::text[])
          """, [names, UUIDValue.zero.description])
        if others.count == 0 { continue }
        try connection.run(
          "DELETE FROM analytics.\(table) WHERE metric_name = ANY ($1::text[])",
          [array((0..<others.count).compactMap { others[$0, "name"] })])
      }
    }
  }

  /// What writes the periods of a grain under a name of the ledger.
  func writing(
    _ grain: MetricPeriods.Grain, stage: String, names: [String], source: LedgerSource?,
    writesMovements: Bool, in context: RunContext
  ) -> MetricWriting {
    MetricWriting(
      grain: grain, names: names, ledger: IntervalLedger(stage: stage, run: context.run),
      settings: SettingsDigests(settingsDigest, zones), currency: settings.currency, source: source,
      writesMovements: writesMovements, closed: closed, fence: context.lock.fence)
  }

  /// The first day that is looked at: ten years back at most (DECISIONS.md, D-017).
  static func earliest(_ date: CalendarDate) -> CalendarDate {
    date.adding(days: 1 - RollupStage.continuousDays)
  }
}

extension Project {
  /// Whether a declared metric is made of rows that are kept by the day on which they count.
  func readsByDay(_ metric: DeclaredMetric) -> Bool {
    guard let time = dataset(metric.dataset.name)?.timeColumn else { return false }
    return metric.timeColumn.map { $0.name == time } ?? true
  }
}

/// Rows of ratios from the rows of their parts.
func ratioRows(
  _ ratios: [DeclaredMetric], of rows: [MetricTableRow], on date: CalendarDate
) -> [MetricTableRow] {
  var known: [String: [UUIDValue: Int128]] = [:]
  for row in rows where row.dimension.isEmpty {
    known[row.name, default: [:]][row.company] = row.numerator
  }
  return ratios.flatMap { metric -> [MetricTableRow] in
    guard case .ratio(let above, let below) = metric.measure, let numerators = known[above.name],
      let denominators = known[below.name]
    else { return [] }
    return numerators.compactMap { company, numerator in
      if company != .zero, numerator == 0 { return nil }
      let denominator = denominators[company] ?? 0
      let value =
        denominator == 0
        ? nil
        : scaledHalfEven(
          denominator < 0 ? -numerator : numerator, by: 10_000_000_000,
          over: denominator.magnitude)
      return MetricTableRow(
        company: company, name: metric.name, date: date, value: value, numerator: numerator,
        denominator: denominator, unit: .ratio)
    }
  }
}
