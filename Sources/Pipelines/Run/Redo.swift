package import AlmanacCore
import Postgres

/// Which intervals a run computes and writes again though nothing about them changed
/// (DECISIONS.md, D-559).
package enum Redo: Sendable, Equatable {
  /// None.
  case nothing
  /// All, those of rollups up to the logical date.
  case everything
  /// Those with a day of the range; where companies are named, with one that holds numbers of them.
  case days(ClosedRange<CalendarDate>, companies: [UUIDValue] = [])

  /// Whether any interval may be computed again.
  package var isAny: Bool { self != .nothing }

  /// The companies whose days are done again; none stands for all.
  package var companies: [UUIDValue] {
    if case .days(_, let companies) = self { companies } else { [] }
  }

  /// The range, where the run is a backfill of one.
  package var range: ClosedRange<CalendarDate>? {
    if case .days(let range, _) = self { range } else { nil }
  }
}

/// What a run that does days again knows of them before its first stage.
package struct Backfill: Sendable {
  /// What stands for the digest of the definitions in its runs.
  var mark: String
  /// The runs that have done a part of the same backfill.
  var unfinished: [UUIDValue]
  /// The days that hold numbers of the companies it is about, `nil` where it is about all.
  var days: Set<CalendarDate>?
}

/// Which intervals of one stage, or of one grain of it, a run computes again.
struct RedoneIntervals: Sendable {
  /// What was asked for.
  let redo: Redo
  /// The first days of intervals that an earlier, unfinished run of the same backfill has written.
  var done: Set<CalendarDate> = []
  /// The days that hold numbers of the companies it is about, `nil` where it is about all.
  var days: Set<CalendarDate>?

  /// Whether an interval is computed again.
  ///
  /// - Parameters:
  ///   - start: its first day.
  ///   - end: the day after its last one.
  /// - Returns: whether it was asked for, and is not done by an unfinished run of the same backfill.
  func concern(_ start: CalendarDate, _ end: CalendarDate) -> Bool {
    switch redo {
    case .nothing: false
    case .everything: true
    case .days(let range, _):
      start <= range.upperBound && end > range.lowerBound && !done.contains(start)
        && holds(max(start, range.lowerBound), min(end, range.upperBound.adding(days: 1)))
    }
  }

  /// Whether a day of the range holds numbers of the companies it is about.
  private func holds(_ start: CalendarDate, _ end: CalendarDate) -> Bool {
    days?.contains { start <= $0 && $0 < end } ?? true
  }
}

extension RunContext {
  /// Which intervals this run computes again.
  ///
  /// - Parameter stage: the name under which the intervals are kept in the ledger.
  /// - Returns: the intervals.
  /// - Throws: `PostgresError`.
  func redone(_ stage: String) throws -> RedoneIntervals {
    guard let backfill else { return RedoneIntervals(redo: redo) }
    guard !backfill.unfinished.isEmpty else {
      return RedoneIntervals(redo: redo, days: backfill.days)
    }
    let rows = try lock.connection.query(
      """
      SELECT interval_start FROM almanac.intervals
      WHERE stage = $1 AND run_id = ANY ($2::uuid[])
      """, [stage, array(backfill.unfinished.map(\.description))])
    return RedoneIntervals(
      redo: redo,
      done: Set(
        (0..<rows.count).compactMap { rows[$0, "interval_start"].flatMap { CalendarDate($0) } }),
      days: backfill.days)
  }
}

extension LedgerReading {
  /// The runs of a backfill since it last ended well, which have done a part of it.
  ///
  /// - Parameters:
  ///   - mark: what stands for the digest of the definitions in runs of the backfill.
  ///   - pipeline: the pipeline's name.
  /// - Returns: their identifiers.
  /// - Throws: `PostgresError`.
  func unfinishedBackfill(_ mark: String, pipeline: String) throws -> [UUIDValue] {
    let rows = try connection.query(
      """
      SELECT run_id FROM almanac.runs
      WHERE pipeline = $1 AND settings_digest = $2 AND status <> 'succeeded'
        AND started_at > coalesce(
          (SELECT max(started_at) FROM almanac.runs
            WHERE pipeline = $1 AND settings_digest = $2 AND status = 'succeeded'), '-infinity')
      """, [pipeline, mark])
    return (0..<rows.count).compactMap { rows[$0, "run_id"].flatMap { UUIDValue($0) } }
  }

  /// The days for which the tables hold numbers of companies (DECISIONS.md, D-600).
  ///
  /// A part of the same backfill may have taken the numbers of a day away, so the days that it has
  /// written belong to them as well.
  ///
  /// - Parameters:
  ///   - companies: the companies.
  ///   - range: the days to look at.
  ///   - unfinished: the runs that have done a part of the same backfill.
  /// - Returns: the days.
  /// - Throws: ``PipelineError/noDaysOfCompanies(range:)`` where there is none, `PostgresError`.
  func days(
    of companies: [UUIDValue], in range: ClosedRange<CalendarDate>, unfinished: [UUIDValue]
  ) throws -> Set<CalendarDate> {
    let rows = try connection.query(
      """
      SELECT date FROM analytics.daily_rollups
      WHERE company_id = ANY ($1::uuid[]) AND date BETWEEN $2::date AND $3::date
      UNION
      SELECT date FROM analytics.daily_metrics
      WHERE company_id = ANY ($1::uuid[]) AND date BETWEEN $2::date AND $3::date
      UNION
      SELECT interval_start FROM almanac.intervals
      WHERE run_id = ANY ($4::uuid[]) AND interval_start BETWEEN $2::date AND $3::date
        AND interval_end = interval_start + 1 AND stage <> $5
      """,
      [
        array(companies.map(\.description)), "\(range.lowerBound)", "\(range.upperBound)",
        array(unfinished.map(\.description)), MetricsPlan.booksStage,
      ])
    let days = Set(
      (0..<rows.count).compactMap { rows[$0, "date"].flatMap { CalendarDate($0) } })
    if days.isEmpty { throw PipelineError.noDaysOfCompanies(range: range) }
    return days
  }
}
