import AlmanacCore
import Postgres

extension RunContext {
  /// The last date a stage is to compute: the logical date, or a later one that an earlier run has
  /// computed, whose numbers are kept up and never taken back (DECISIONS.md, D-403).
  ///
  /// - Throws: `PostgresError`.
  func newestDate(of stage: String) throws -> CalendarDate {
    max(date, try newestSuccess(of: stage) ?? date)
  }

  /// The first day of the last month that an earlier run of a stage has closed, `nil` for none: one
  /// for a date three days or more after the month's end (DECISIONS.md, D-175).
  ///
  /// - Throws: `PostgresError`.
  func closedMonth(of stage: String) throws -> CalendarDate? {
    try newestSuccess(of: stage).map { newest in
      newest.adding(days: -3).adding(days: 1).monthStart(adding: -1)
    }
  }

  /// The latest logical date for which a stage has succeeded.
  func newestSuccess(of stage: String) throws -> CalendarDate? {
    let rows = try lock.connection.query(
      """
      SELECT max(r.logical_date) AS newest
      FROM almanac.stage_runs AS s JOIN almanac.runs AS r ON r.run_id = s.run_id
      WHERE s.stage = $1 AND s.status = 'succeeded'
      """, [stage])
    return rows[0, "newest"].flatMap { CalendarDate($0) }
  }
}
