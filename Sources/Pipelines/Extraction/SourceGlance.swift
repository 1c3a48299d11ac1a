package import AlmanacCore
import Postgres

/// What a plan finds of a dataset in the source without extracting it (DECISIONS.md, D-616).
package enum SourceGlance: Sendable, Equatable {
  /// The rows recorded since the last cut, by UTC day.
  case counted([CalendarDate: Int], since: String)
  /// Why they were not counted, in words without a full stop.
  case unknown(reason: String)

  /// The most that the server may expect counting to cost, in its own units, of which reading a page of
  /// 8 kB in order is one: some tenths of a second.
  static let maximumCost = 50_000.0
  /// Milliseconds that counting may take.
  static let patience = 1_000
  /// Milliseconds that it may wait for a lock.
  static let lockPatience = 100
}

extension SourceGlance {
  /// Counts the rows of a dataset that the next extraction brings, by their recorded clock.
  ///
  /// Rows of transactions that were under way at the last cut may be counted though they are held; those
  /// that were recorded earlier by their own clock are not, which only reading finds. Not counted is what
  /// is read whole or by a window of time anyway, what has a clock without an index, and what takes the
  /// server too long.
  ///
  /// - Parameters:
  ///   - definition: the dataset.
  ///   - held: what is held of it.
  ///   - newest: the recorded clock of the newest row that is held; where that is behind the cut, rows
  ///     recorded since then are looked at.
  ///   - connection: a connection to the source, outside of any transaction.
  init(
    of definition: DatasetDefinition, held: Manifest.Dataset, newest: Timestamp?,
    on connection: Connection
  ) {
    do {
      let moment = try SourceMoment(connection)
      self = try connection.transaction(.repeatableReadReadOnly(snapshot: nil)) {
        try connection.runScript(
          "SET LOCAL statement_timeout = \(SourceGlance.patience); "
            + "SET LOCAL lock_timeout = \(SourceGlance.lockPatience)")
        let plan = try DatasetPlan(definition, on: connection)
        let cut = try SourceCut(connection, isShared: false, after: moment)
        return try SourceGlance.count(
          plan, held: held, newest: newest, at: cut, on: connection)
      }
    } catch PostgresError.server(let failure) where failure.state == .queryCancelled {
      self = .unknown(
        reason: "counting them in the source took more than \(SourceGlance.patience) ms")
    } catch {
      self = .unknown(reason: error.words)
    }
  }

  private static func count(
    _ plan: DatasetPlan, held: Manifest.Dataset, newest: Timestamp?, at cut: SourceCut,
    on connection: Connection
  ) throws -> SourceGlance {
    let (definition, mark) = (plan.definition, held.watermark)
    guard let time = definition.timeColumn.flatMap({ definition[column: $0] }) else {
      return .unknown(reason: "its rows have no days")
    }
    guard definition.mode == .append,
      let recorded = definition.recordedColumn.flatMap({ definition[column: $0] })
    else { return .unknown(reason: "in mode \(definition.mode.rawValue) only reading finds them") }
    if mark.isAhead(ofStandby: cut) {
      return .unknown(reason: "the standby has not replayed yet what was read before")
    }
    switch DatasetExtent(plan, held: held, repair: nil, at: cut) {
    case .whole(let reason):
      return .unknown(reason: "it will be read whole" + (reason.map { ", since \($0)" } ?? ""))
    case .recent: return .unknown(reason: "only reading finds them")
    case .increment(let horizon, let fresh):
      if !fresh.isEmpty {
        return .unknown(reason: "a part of \(definition.displayedSource) is new and read whole")
      }
      let since = [mark.takenAt, mark.oldestTransaction, newest?.description].compactMap(\.self)
        .compactMap { Timestamp($0) }.min { $0.microseconds < $1.microseconds }
      guard let since else { return .unknown(reason: "the last cut has no clock") }
      let written = try CutSession(connection, cut: cut).condition(
        horizon: mark.horizon ?? horizon)
      let query = """
        SELECT ((\(time.sql)) AT TIME ZONE 'UTC')::pg_catalog.date AS day, count(*) AS rows
        FROM \(definition.sqlSource)
        WHERE \(recorded.sql) >= '\(since)'::pg_catalog.timestamptz AND \(written) GROUP BY 1
        """
      guard try cost(of: query, on: connection) <= maximumCost else {
        return .unknown(
          reason: "\(definition.displayedSource) is large and no index on \(recorded.name) finds "
            + "them")
      }
      let found = try connection.query(query)
      var rows: [CalendarDate: Int] = [:]
      for row in 0..<found.count {
        guard let day = found[row, "day"].flatMap({ CalendarDate($0) }) else { continue }
        rows[day] = found[row, "rows"].flatMap { Int($0) }
      }
      return .counted(rows, since: mark.takenAt)
    }
  }

  /// What the server expects a query to cost.
  private static func cost(of query: String, on connection: Connection) throws -> Double {
    let plan = try connection.query("EXPLAIN (FORMAT JSON) \(query)")[0, 0] ?? ""
    // The first node is the whole of it.
    guard let start = plan.firstRange(of: "\"Total Cost\": ")?.upperBound else { return .infinity }
    return Double(plan[start...].prefix { $0.isNumber || $0 == "." }) ?? .infinity
  }
}

extension SourceGlance {
  /// The dates that are computed again, or for the first time, for the rows that were counted.
  ///
  /// - Parameters:
  ///   - zones: whose days count.
  ///   - last: the last date that is computed.
  ///   - known: the dates that are computed already.
  ///   - pending: the dates that are computed anyway.
  /// - Returns: the dates, ascending; none where nothing was counted.
  func lateDates(
    _ zones: CompanyZones, through last: CalendarDate, known: Set<CalendarDate>,
    pending: Set<CalendarDate>
  ) -> [CalendarDate] {
    guard case .counted(let rows, _) = self else { return [] }
    var dates: Set<CalendarDate> = []
    for day in rows.keys {
      for date in [day.adding(days: -1), day, day.adding(days: 1)]
      where zones.rollupDays(of: date...date).contains(day) {
        dates.insert(date)
      }
    }
    return dates.filter { ($0 <= last || known.contains($0)) && !pending.contains($0) }.sorted()
  }

  /// The rows that were counted on some UTC days.
  func rowCount(on days: Set<CalendarDate>) -> Int {
    guard case .counted(let rows, _) = self else { return 0 }
    return days.reduce(0) { $0 + (rows[$1] ?? 0) }
  }

  /// The rows that were counted in all.
  package var rowCount: Int {
    guard case .counted(let rows, _) = self else { return 0 }
    return rows.values.reduce(0, +)
  }
}
