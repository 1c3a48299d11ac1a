import AlmanacCore
import Billing
import Columns
import Postgres

/// Writes periods of metrics whose rows differ from those that are there.
struct MetricWriting: Sendable {
  /// The length of the periods.
  let grain: MetricPeriods.Grain
  /// The names of the metrics that are written here; rows of others are left alone.
  let names: [String]
  let ledger: IntervalLedger
  let settings: SettingsDigests
  let currency: CurrencyCode
  /// Where the ledger of MRR comes from; `nil` where there is none and no movements are written.
  let source: LedgerSource?
  /// Whether movements are written with the months.
  let writesMovements: Bool
  /// Months up to this one are closed (DECISIONS.md, D-175); `nil` for none.
  let closed: CalendarDate?
  let fence: Fence

  /// Periods that one transaction replaces at most.
  static let longestChunk = 92
  /// Rows that one transaction writes, unless a single period has more.
  static let largestChunk = 400_000

  /// What was done.
  struct Result: Sendable {
    var periods = 0
    var rows = 0
    var restatements = 0
  }

  private var table: String { grain == .day ? "daily_metrics" : "monthly_metrics" }
  private var column: String { grain == .day ? "date" : "month" }

  /// The day after a period.
  private func end(of start: CalendarDate) -> CalendarDate {
    grain == .day ? start.adding(days: 1) : start.monthStart(adding: 1)
  }

  /// Replaces the periods whose digests differ from the recorded ones, in transactions of
  /// neighbours, and records what all were made from.
  ///
  /// - Parameters:
  ///   - periods: the periods, ascending, each with all of its rows.
  ///   - inputs: the digest of what each was made from.
  ///   - known: what is recorded.
  ///   - forgotten: recorded periods that there are no rows for any more.
  ///   - again: the periods that are replaced though they do not differ.
  ///   - jobs: how many transactions at once.
  ///   - target: the database.
  /// - Returns: how much was written.
  /// - Throws: `PostgresError`; ``PipelineError/lockLost``.
  func write(
    _ periods: [MetricPeriod], inputs: (CalendarDate) -> String,
    known: [CalendarDate: IntervalEntry], forgotten: [CalendarDate], again: RedoneIntervals,
    jobs: Int, target: ConnectionSettings
  ) throws -> Result {
    var changed: [(period: MetricPeriod, entry: IntervalEntry)] = []
    var unchanged: [IntervalEntry] = []
    for period in periods {
      let entry = IntervalEntry(
        start: period.start, end: end(of: period.start), inputs: inputs(period.start),
        settings: settings.shared, outputs: period.digest(settings),
        rows: period.rows.count + period.declared.count)
      if !again.concern(entry.start, entry.end), known.holds(entry) {
        if known[period.start] != entry { unchanged.append(entry) }
      } else {
        changed.append((period, entry))
      }
    }
    for start in forgotten {
      changed.append(
        (
          MetricPeriod(start: start),
          IntervalEntry(
            start: start, end: end(of: start), inputs: "", settings: settings.shared, outputs: "",
            rows: -1)
        ))
    }
    changed.sort { $0.period.start < $1.period.start }
    var chunks: [[(period: MetricPeriod, entry: IntervalEntry)]] = []
    var size = 0
    for item in changed {
      if let last = chunks.last?.last, last.entry.end == item.entry.start,
        chunks[chunks.count - 1].count < MetricWriting.longestChunk,
        size + item.entry.rows <= MetricWriting.largestChunk
      {
        chunks[chunks.count - 1].append(item)
        size += item.entry.rows
      } else {
        chunks.append([item])
        size = item.entry.rows
      }
    }
    let results = try mapConcurrently(
      chunks, jobs: jobs, context: { try Connection(target, purpose: .target) },
      work: { connection, chunk in try replace(chunk, on: connection) })
    if !unchanged.isEmpty {
      let connection = try Connection(target, purpose: .target)
      try fence.write(on: connection) { try ledger.record(unchanged, on: $0) }
    }
    var result = Result(periods: changed.count)
    for part in results {
      result.rows += part.rows
      result.restatements += part.restatements
    }
    return result
  }

  private func replace(
    _ chunk: [(period: MetricPeriod, entry: IntervalEntry)], on connection: Connection
  ) throws -> Result {
    guard let first = chunk.first?.entry.start, let last = chunk.last?.entry else {
      return Result()
    }
    var rows: [MetricTableRow] = []
    rows.reserveCapacity(chunk.reduce(0) { $0 + max($1.entry.rows, 0) })
    for item in chunk {
      rows += item.period.rows.map { MetricTableRow($0) }
      rows += item.period.declared
    }
    let batch = metricBatch(
      rows, dateColumn: column, currency: currency, settings: settings)
    var result = Result(rows: batch.rowCount)
    let range = [first.description, last.end.description, array(names)]
    let rowsOfRange = """
      \(column) >= date '\(first)' AND \(column) < date '\(last.end)'
        AND metric_name = ANY (\(quoteLiteral(array(names)))::text[])
      """
    try fence.write(on: connection) { connection in
      let isRestating = grain == .month && closed.map { first <= $0 } ?? false
      if isRestating { try keepOld(range, on: connection) }
      // The key begins a row, without the column of a restatement, which only months have.
      try RowRenewal(table: QualifiedName(schema: "analytics", name: table), keyCount: 5)
        .renew(where: rowsOfRange, by: batch, comparing: grain == .day, on: connection)
      if isRestating { result.restatements = try restate(range, on: connection) }
      if writesMovements {
        try connection.run(
          "DELETE FROM analytics.mrr_movements WHERE month >= $1::date AND month < $2::date",
          Array(range.prefix(2)))
        result.rows += try connection.copyIn(
          movements(chunk.map(\.period)),
          into: QualifiedName(schema: "analytics", name: "mrr_movements"))
      }
      try ledger.record(chunk.map(\.entry).filter { $0.rows >= 0 }, on: connection)
      try ledger.forget(chunk.map(\.entry).filter { $0.rows < 0 }.map(\.start), on: connection)
    }
    return result
  }

  /// Keeps the closed months' values of metrics without a dimension until the new ones are there.
  private func keepOld(_ range: [String], on connection: Connection) throws {
    try connection.run(
      """
      CREATE TEMPORARY TABLE old_metrics ON COMMIT DROP AS
      SELECT company_id, metric_name, month, value, restated_at FROM analytics.monthly_metrics
      WHERE month >= $1::date AND month < $2::date AND metric_name = ANY ($3::text[])
        AND dimension = '' AND month <= $4::date
      """, range + [closed?.description ?? "-infinity"])
  }

  /// Writes what changed of closed months, and marks the rows.
  ///
  /// Only metrics that the month had before are restated: all companies have a row of each.
  private func restate(_ range: [String], on connection: Connection) throws -> Int {
    let count = try connection.run(
      """
      INSERT INTO analytics.restatements (company_id, metric_name, period, restated_at, old_value,
        new_value, cause_run_id)
      SELECT coalesce(n.company_id, o.company_id), coalesce(n.metric_name, o.metric_name),
        coalesce(n.month, o.month), now(),
        CASE WHEN o.company_id IS NULL THEN 0 ELSE o.value END,
        CASE WHEN n.company_id IS NULL THEN 0 ELSE n.value END, $1::uuid
      FROM (
        SELECT company_id, metric_name, month, value FROM analytics.monthly_metrics
        WHERE month >= $2::date AND month < $3::date AND metric_name = ANY ($4::text[])
          AND dimension = '' AND month <= $5::date
      ) AS n
      FULL JOIN old_metrics AS o USING (company_id, metric_name, month)
      WHERE CASE WHEN o.company_id IS NULL THEN 0 ELSE o.value END
          IS DISTINCT FROM CASE WHEN n.company_id IS NULL THEN 0 ELSE n.value END
        AND (metric_name, month) IN (
          SELECT a.metric_name, a.month FROM old_metrics AS a
          WHERE a.company_id = '00000000-0000-0000-0000-000000000000')
      """, [ledger.run.description] + range + [closed?.description ?? "-infinity"])
    try connection.run(
      """
      UPDATE analytics.monthly_metrics AS m SET restated_at = r.restated_at
      FROM (
        SELECT company_id, metric_name, period, max(restated_at) AS restated_at
        FROM analytics.restatements WHERE period >= $1::date AND period < $2::date
        GROUP BY company_id, metric_name, period
      ) AS r
      WHERE m.company_id = r.company_id AND m.metric_name = r.metric_name AND m.month = r.period
        AND m.dimension = '' AND m.metric_name = ANY ($3::text[])
      """, range)
    return count
  }

  private func movements(_ periods: [MetricPeriod]) -> Batch {
    var rows = periods.flatMap { period in period.movements.map { (period.start, $0) } }
    rows.sort {
      ($0.1.company, $0.0, $0.1.kind.rawValue) < ($1.1.company, $1.0, $1.1.kind.rawValue)
    }
    var company = ColumnBuilder(Field("company_id", .uuid))
    var month = ColumnBuilder(Field("month", .date))
    var kind = ColumnBuilder(Field("movement", .text))
    var amount = ColumnBuilder(Field("amount", .money))
    var money = ColumnBuilder(Field("currency", .text))
    var causes = ColumnBuilder(Field("cause_change_ids", .uuidList))
    var origin = ColumnBuilder(Field("source", .text))
    var digest = ColumnBuilder(Field("settings_digest", .text))
    for (start, row) in rows {
      company.append(row.company)
      month.append(start)
      kind.append(row.kind.rawValue)
      amount.append(integer: row.amount)
      money.append(currency.description)
      causes.append(row.causes)
      origin.append((source ?? .changes).rawValue)
      digest.append(settings.text(row.company))
    }
    return Batch([
      company.finish(), month.finish(), kind.finish(), amount.finish(), money.finish(),
      causes.finish(), origin.finish(), digest.finish(),
    ])
  }
}
