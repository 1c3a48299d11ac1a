import AlmanacCore
import Codecs
import Columns
import Postgres
import Rollups

/// A month to compute, as far as its days are computed.
struct RollupMonth: Sendable {
  /// The first day of the month, and the day after the last one that is computed.
  var dates: Range<CalendarDate>
  /// The digest of the inputs of its days.
  var inputs: String
  /// Events on the UTC days it draws on.
  var rows: Int
  /// Whether the month was closed by an earlier run, so that a change is a restatement
  /// (DECISIONS.md, D-402).
  var isClosed: Bool

  /// A month as far as its days are computed; `nil` where none is.
  ///
  /// - Parameters:
  ///   - start: its first day.
  ///   - days: the inputs of its days.
  ///   - content: the events that are held.
  ///   - zones: whose days count.
  ///   - earlierEnd: the day after the last one that an earlier run computed it with.
  ///   - closed: the last month that earlier runs closed.
  init?(
    _ start: CalendarDate, _ days: [CalendarDate: String], _ content: DatasetDays,
    _ zones: CompanyZones, earlierEnd: CalendarDate?, closed: CalendarDate?
  ) {
    guard let last = days.keys.max() else { return nil }
    dates = start..<last.adding(days: 1)
    inputs = RollupMonth.digest(of: days)
    rows = content.rowCount(zones.rollupDays(of: start...last))
    isClosed = closed.map { start <= $0 } ?? false && earlierEnd == start.monthStart(adding: 1)
  }

  /// The digest of the inputs of a month's days.
  static func digest(of inputs: [CalendarDate: String]) -> String {
    let lines = inputs.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)\n" }
    return SHA256.hexadecimalDigest(of: lines.joined())
  }
}

/// What a month's transaction did.
struct MonthResult: Sendable {
  var rows = 0
  var restated = 0
}

/// Computes and replaces months.
///
/// The distinct users of a month come from its events, a day at a time, never from its days' counts.
struct MonthWork: Sendable {
  /// The ledger's name of the months.
  static let stage = "rollup_month"
  /// Rows kept before they are reduced to groups and users.
  static let rowsBeforeReduction = 3_000_000
  /// Events of a month up to which several months are computed at once.
  static let maximumParallelRows = 5_000_000

  let work: RollupWork

  /// Reads the events of the month, aggregates them, and replaces its rows and ledger entry in one
  /// transaction; values of a closed month that differ are restated (DECISIONS.md, D-195).
  func replace(_ month: RollupMonth, on connection: Connection) throws -> MonthResult {
    var state = RollupState(
      .span(month.dates), settings: work.settings,
      rowsBeforeReduction: MonthWork.rowsBeforeReduction)
    let last = month.dates.upperBound.adding(days: -1)
    for day in work.settings.zones.rollupDays(of: month.dates.lowerBound...last) {
      for batch in try work.events(of: day...day).batches { try state.accumulate(batch) }
    }
    return try replace(month, nil, by: try state.finish().batch, on: connection)
  }

  /// Replaces only some groups of a month, by what all of their rows amount to.
  func replace(
    _ month: RollupMonth, _ groups: Set<RollupGroup>, of batches: [Batch],
    on connection: Connection
  ) throws -> MonthResult {
    var state = RollupState(.span(month.dates), settings: work.settings)
    for batch in batches { try state.accumulate(batch) }
    return try replace(month, groups, by: try state.finish().batch, on: connection)
  }

  private func replace(
    _ month: RollupMonth, _ groups: Set<RollupGroup>?, by table: Batch, on connection: Connection
  ) throws -> MonthResult {
    let start = month.dates.lowerBound
    let column = Column(
      Field("month", .date),
      .int32([Int32](repeating: start.daysSinceEpoch, count: table.rowCount)))
    let rows = Batch(table.columns + [column], rowCount: table.rowCount)
    return try work.fence.write(on: connection) { connection in
      var result = MonthResult()
      let earlier = month.isClosed ? try totals(of: start, groups, on: connection) : nil
      if let groups {
        try connection.delete(
          from: "monthly_rollups", groups.map { (start, $0) }, where: "t.month = g.day")
      } else {
        try connection.run(
          "DELETE FROM analytics.monthly_rollups WHERE month = $1", [start.description])
      }
      result.rows = try connection.copyIn(
        rows, into: QualifiedName(schema: "analytics", name: "monthly_rollups"))
      if let earlier {
        result.restated = try restate(
          start, from: earlier, to: try totals(of: start, groups, on: connection), on: connection)
      }
      try work.record(
        MonthWork.stage, month.dates, inputs: month.inputs, rows: month.rows, on: connection)
      return result
    }
  }

  /// Company and metric of a value.
  private struct Subject: Hashable {
    var company: String
    var metric: String
  }

  /// The values of a month that are restated: events and amounts of each company and type, of all or
  /// of those that some groups are part of.
  private func totals(
    of month: CalendarDate, _ groups: Set<RollupGroup>?, on connection: Connection
  ) throws -> [Subject: String] {
    let sums =
      "SELECT company_id, event_type, sum(event_count) AS events, sum(amount_sum) AS amount"
    let rows =
      if let groups {
        try connection.query(
          """
          \(sums) FROM analytics.monthly_rollups
          JOIN (SELECT DISTINCT c, t FROM unnest($2::uuid[], $3::text[]) AS g (c, t)) AS g
            ON company_id = c AND event_type = t
          WHERE month = $1 GROUP BY 1, 2
          """, [month.description] + RollupGroup.arrays(Array(groups)).prefix(2))
      } else {
        try connection.query(
          "\(sums) FROM analytics.monthly_rollups WHERE month = $1 GROUP BY 1, 2",
          [month.description])
      }
    var totals: [Subject: String] = [:]
    for row in 0..<rows.count {
      guard let company = rows[row, "company_id"], let type = rows[row, "event_type"] else {
        continue
      }
      totals[Subject(company: company, metric: "rollup_events:\(type)")] = rows[row, "events"]
      totals[Subject(company: company, metric: "rollup_amount:\(type)")] = rows[row, "amount"]
    }
    return totals
  }

  private func restate(
    _ month: CalendarDate, from old: [Subject: String], to new: [Subject: String],
    on connection: Connection
  ) throws -> Int {
    let changed = Set(old.keys).union(new.keys).filter { old[$0] != new[$0] }
      .sorted { ($0.company, $0.metric) < ($1.company, $1.metric) }
    // One statement: a late correction may change the month of every company and event type.
    return try connection.run(
      """
      INSERT INTO analytics.restatements (company_id, metric_name, period, restated_at, old_value,
        new_value, cause_run_id)
      SELECT company, metric, $1::date, now(), old, new, $2::uuid
      FROM unnest($3::uuid[], $4::text[], $5::numeric[], $6::numeric[])
        WITH ORDINALITY AS changed (company, metric, old, new, place)
      ORDER BY place
      """,
      [
        month.description, work.run.description, array(changed.map(\.company)),
        array(changed.map(\.metric)), array(changed.map { old[$0] }),
        array(changed.map { new[$0] }),
      ])
  }
}

extension RollupStage {
  /// Computes the months whose days changed, or removes all months where none are asked for.
  ///
  /// `inputs` are the digests of the computed days' inputs, `forced` the days that were computed only
  /// because the run was told to, `done` what was done for months whose days only gained rows.
  func updateMonths(
    _ work: RollupWork, inputs: [CalendarDate: String], forced: Set<CalendarDate>,
    done: [MonthResult], in context: RunContext, outcome: inout StageOutcome
  ) throws {
    let ledger = LedgerReading(context.lock.connection)
    let known = try ledger.intervals(of: MonthWork.stage)
    guard grains.contains(.month) else {
      if !known.isEmpty { try removeMonths(known.keys.sorted(), in: context) }
      return
    }
    let ends = try ledger.intervalEnds(of: MonthWork.stage)
    let closed = try context.closedMonth(of: name)
    let content = context.directory.manifest.days(of: RollupStage.dataset)
    let byMonth = Dictionary(grouping: inputs, by: \.key.monthStart)
    let again = try context.redone(MonthWork.stage)
    var pending: [RollupMonth] = []
    for (start, days) in byMonth {
      let days = Dictionary(uniqueKeysWithValues: days)
      guard
        let month = RollupMonth(
          start, days, content, work.settings.zones, earlierEnd: ends[start], closed: closed)
      else { continue }
      let digests = IntervalDigests(inputs: month.inputs, settings: work.settingsDigest)
      let isAskedFor =
        context.redo.range != nil && again.concern(start, start.monthStart(adding: 1))
      if known[start] == digests, forced.isDisjoint(with: days.keys), !isAskedFor { continue }
      pending.append(month)
    }
    let gone = known.keys.filter { byMonth[$0] == nil }.sorted()
    if !gone.isEmpty { try removeMonths(gone, in: context) }
    pending.sort { $0.dates.lowerBound < $1.dates.lowerBound }
    let target = context.lock.settings
    let months = MonthWork(work: work)
    // Groups and users of a large month fill memory: there is one of them at a time.
    let isLarge = pending.contains { $0.rows > MonthWork.maximumParallelRows }
    let results =
      try done
      + mapConcurrently(
        pending, jobs: isLarge ? 1 : context.jobs,
        context: { try Connection(target, purpose: .target) },
        work: { connection, month in try months.replace(month, on: connection) })
    outcome.note("months_computed", pending.count + done.count)
    outcome.note("monthly_rollups", results.reduce(0) { $0 + $1.rows })
    outcome.rowsOut += results.reduce(0) { $0 + $1.rows }
    let restated = results.reduce(0) { $0 + $1.restated }
    if restated > 0 {
      outcome.note("restated", restated)
      outcome.notices.append(
        "\(restated) values of closed months changed; see analytics.restatements")
    }
  }

  private func removeMonths(_ months: [CalendarDate], in context: RunContext) throws {
    let list = array(months.map(\.description))
    try context.lock.write { connection in
      try connection.run(
        "DELETE FROM analytics.monthly_rollups WHERE month = ANY ($1::date[])", [list])
      try connection.run(
        """
        DELETE FROM almanac.intervals
        WHERE stage = '\(MonthWork.stage)' AND interval_start = ANY ($1::date[])
        """, [list])
    }
  }
}
