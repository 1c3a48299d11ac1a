package import AlmanacCore
import Postgres

/// Which intervals a run computes and writes again though nothing about them changed
/// (DECISIONS.md, D-559).
package enum Redo: Sendable, Equatable {
  /// None.
  case nothing
  /// All, those of rollups up to the logical date.
  case everything
  /// Those with a day of the range.
  case days(ClosedRange<CalendarDate>)

  /// Whether any interval may be computed again.
  package var isAny: Bool { self != .nothing }

  /// The range, where the run is a backfill of one.
  package var range: ClosedRange<CalendarDate>? {
    if case .days(let range) = self { range } else { nil }
  }
}

/// Which intervals of one stage, or of one grain of it, a run computes again.
struct RedoneIntervals: Sendable {
  /// What was asked for.
  let redo: Redo
  /// The first days of intervals that an earlier, unfinished run of the same backfill has written.
  let done: Set<CalendarDate>

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
    case .days(let range):
      start <= range.upperBound && end > range.lowerBound && !done.contains(start)
    }
  }
}

extension RunContext {
  /// Which intervals this run computes again.
  ///
  /// - Parameter stage: the name under which the intervals are kept in the ledger.
  /// - Returns: the intervals.
  /// - Throws: `PostgresError`.
  func redone(_ stage: String) throws -> RedoneIntervals {
    guard redo.range != nil, !unfinishedBackfill.isEmpty else {
      return RedoneIntervals(redo: redo, done: [])
    }
    let rows = try lock.connection.query(
      """
      SELECT interval_start FROM almanac.intervals
      WHERE stage = $1 AND run_id = ANY ($2::uuid[])
      """, [stage, array(unfinishedBackfill.map(\.description))])
    return RedoneIntervals(
      redo: redo,
      done: Set(
        (0..<rows.count).compactMap { rows[$0, "interval_start"].flatMap { CalendarDate($0) } }))
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
}
