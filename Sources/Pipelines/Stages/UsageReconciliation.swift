import AlmanacCore
import Billing
import Columns
import Postgres

/// Holds what was read of events against the daily rollups, which were made of them by other code
/// (DECISIONS.md, D-180).
struct UsageReconciliation {
  let connection: Connection
  let counts: UsageCounts
  let over: DatesOver

  /// Checks that the calls of all agents are those of each company and day.
  ///
  /// - Throws: ``PipelineError/usageMismatch(what:company:period:counted:rolledUp:)``.
  func checkCalls(on dates: Set<CalendarDate>) throws {
    guard let first = dates.min(), let last = dates.max() else { return }
    var counted: [CompanyDay: CallSums] = [:]
    for (key, sums) in counts.calls {
      counted[CompanyDay(company: key.company, date: key.date), default: CallSums()].add(sums)
    }
    var rolledUp: [CompanyDay: CallSums] = [:]
    let names = CallSums.types.map(\.rawValue)
    try rollups(of: names, on: "date BETWEEN '\(first)' AND '\(last)'") { row in
      guard dates.contains(row.date) else { return }
      rolledUp[CompanyDay(company: row.company, date: row.date), default: CallSums()]
        .add(row.type, count: row.count, duration: row.duration)
    }
    let keys = Set(counted.keys).union(rolledUp.keys)
      .filter { counted[$0] != rolledUp[$0] }
      .sorted { ($0.date, $0.company) < ($1.date, $1.company) }
    guard let key = keys.first else { return }
    let (ours, theirs) = (counted[key] ?? CallSums(), rolledUp[key] ?? CallSums())
    let type = names.indices.first { ours.counts[$0] != theirs.counts[$0] }
    throw PipelineError.usageMismatch(
      what: type.map { "\(names[$0]) events" } ?? "milliseconds of calls", company: key.company,
      period: key.date.description,
      counted: type.map { String(ours.counts[$0]) } ?? text(ours.duration),
      rolledUp: type.map { String(theirs.counts[$0]) } ?? text(theirs.duration))
  }

  /// Checks that the use of each module in each period is that of its days.
  ///
  /// - Throws: ``PipelineError/usageMismatch(what:company:period:counted:rolledUp:)``.
  func checkModules(of periods: [UsagePeriod]) throws {
    let spans = companySpans(of: periods)
    guard let first = spans.map(\.first).min(), let last = spans.map(\.last).max() else { return }
    let index = PeriodIndex(periods, over)
    // A year of one company is no reason to read a year of all.
    let condition = """
      date BETWEEN '\(first)' AND '\(last)' AND EXISTS (
        SELECT FROM unnest(\(quoteLiteral(array(spans.map(\.company.description))))::uuid[],
          \(quoteLiteral(array(spans.map(\.first.description))))::date[],
          \(quoteLiteral(array(spans.map(\.last.description))))::date[]) AS s (company, first, last)
        WHERE s.company = company_id AND date BETWEEN s.first AND s.last)
      """
    var rolledUp: [PeriodModule: ModuleSums] = [:]
    try rollups(of: [EventType.moduleUsed.rawValue], on: condition) { row in
      index.forEach(of: row.company, on: row.date) { period in
        rolledUp[PeriodModule(period: period, module: row.module), default: ModuleSums()]
          .add(count: row.count, duration: row.duration)
      }
    }
    let keys = Set(counts.modules.keys).union(rolledUp.keys)
      .filter { key in
        let (ours, theirs) = (counts.modules[key], rolledUp[key])
        return ours?.count != theirs?.count || ours?.duration != theirs?.duration
      }
      .sorted { ($0.period, $0.module) < ($1.period, $1.module) }
    guard let key = keys.first else { return }
    let (ours, theirs) = (counts.modules[key], rolledUp[key])
    let period = periods[key.period]
    let areEvents = ours?.count != theirs?.count
    throw PipelineError.usageMismatch(
      what: (areEvents ? "module_used events" : "milliseconds") + " of module \(key.module)",
      company: period.company,
      period: "\(period.start) to \(period.end(over).adding(days: -1))",
      counted: areEvents ? String(ours?.count ?? 0) : text(ours?.duration),
      rolledUp: areEvents ? String(theirs?.count ?? 0) : text(theirs?.duration))
  }

  /// The days from the first to the last one of each company's periods, as far as they are over.
  private func companySpans(
    of periods: [UsagePeriod]
  ) -> [(company: UUIDValue, first: CalendarDate, last: CalendarDate)] {
    var spans: [UUIDValue: (first: CalendarDate, last: CalendarDate)] = [:]
    for period in periods {
      let last = period.end(over).adding(days: -1)
      guard period.start <= last else { continue }
      let known = spans[period.company] ?? (period.start, last)
      spans[period.company] = (min(known.first, period.start), max(known.last, last))
    }
    return spans.sorted { $0.key < $1.key }.map { ($0.key, $0.value.first, $0.value.last) }
  }

  private func text(_ duration: Int128?) -> String { duration.map { "\($0)" } ?? "none" }

  private struct RollupRow {
    var company: UUIDValue
    /// The place among the types that were asked for.
    var type: Int
    var module: UUIDValue
    var date: CalendarDate
    var count: Int
    var duration: Int128?
  }

  private func rollups(
    of types: [String], on condition: String, _ body: (RollupRow) -> Void
  ) throws {
    let query = """
      SELECT company_id, event_type, module_id, date, event_count, duration_ms_sum
      FROM analytics.daily_rollups
      WHERE event_type IN (\(types.map { quoteLiteral($0) }.joined(separator: ", ")))
        AND \(condition)
      """
    let fields = [
      Field("company_id", .uuid), Field("event_type", .text), Field("module_id", .uuid),
      Field("date", .date), Field("event_count", .int64),
      Field("duration_ms_sum", .decimal(scale: 0), isNullable: true),
    ]
    try connection.copyOut(query, fields: fields, source: "analytics.daily_rollups") { batch in
      guard case .uuid(let companies) = batch.columns[0].storage,
        case .text(let words) = batch.columns[1].storage,
        case .uuid(let modules) = batch.columns[2].storage,
        case .int32(let dates) = batch.columns[3].storage,
        case .int64(let counts) = batch.columns[4].storage
      else { return }
      let durations = batch.columns[5]
      let entries = (0..<words.entryCount).map {
        types.firstIndex(of: String(decoding: words.entry($0), as: UTF8.self))
      }
      for row in 0..<batch.rowCount {
        guard let type = entries[words.codes.map { Int($0[row]) } ?? row] else { continue }
        var duration: Int128?
        if !durations.isNull(row) {
          switch durations.storage {
          case .int64(let values): duration = Int128(values[row])
          case .int128(let values): duration = values[row]
          default: break
          }
        }
        body(
          RollupRow(
            company: companies.row(row), type: type,
            module: modules.row(row), date: CalendarDate(daysSinceEpoch: dates[row]),
            count: Int(counts[row]), duration: duration))
      }
    }
  }
}
