import AlmanacCore
import Billing
import Columns
import Postgres

/// Counts and durations of an agent's events of a day, or of all of a company.
struct CallSums: Equatable, Sendable {
  /// The kinds of event that are counted, in the order of ``counts``.
  static let types: [EventType] = [.callStarted, .callCompleted, .callFailed, .agentUsed]

  /// The number of events of each kind, as many as ``types``.
  var counts: SIMD4<Int> = .zero
  /// Milliseconds; `nil` where no event has any.
  var duration: Int128?

  mutating func add(_ type: Int, count: Int, duration: Int128?) {
    counts[type] += count
    if let duration { self.duration = (self.duration ?? 0) + duration }
  }

  mutating func add(_ other: CallSums) {
    // As one by one, where a sum that is too large for a number ends the program.
    for type in CallSums.types.indices {
      add(type, count: other.counts[type], duration: type == 0 ? other.duration : nil)
    }
  }
}

/// Use of a module in a billing period.
struct ModuleSums: Sendable {
  var count = 0
  /// Milliseconds; `nil` where no event has any.
  var duration: Int128?
  /// The number of different users.
  var users = 0

  mutating func add(count: Int, duration: Int128?) {
    self.count += count
    if let duration { self.duration = (self.duration ?? 0) + duration }
  }
}

/// A company's local day.
struct CompanyDay: Hashable, Sendable {
  var company: UUIDValue
  var date: CalendarDate
}

/// An agent of a company on a local day.
struct AgentDay: Hashable, Sendable {
  var company: UUIDValue
  var agent: UUIDValue
  var date: CalendarDate
}

/// A module in the period of an index.
struct PeriodModule: Hashable, Sendable {
  var period: Int
  var module: UUIDValue
}

/// The billing periods to compute, found by company and day.
struct PeriodIndex: Sendable {
  private var byCompany: [UUIDValue: [(days: Range<CalendarDate>, period: Int)]] = [:]

  /// The periods as far as their days are over.
  init(_ periods: [UsagePeriod], _ over: DatesOver) {
    for (index, period) in periods.enumerated() {
      byCompany[period.company, default: []].append((period.start..<period.end(over), index))
    }
  }

  /// The periods of a company, with their days.
  func periods(of company: UUIDValue) -> [(days: Range<CalendarDate>, period: Int)] {
    byCompany[company] ?? []
  }

  /// Does something for each period of a company that holds a day.
  func forEach(of company: UUIDValue, on date: CalendarDate, _ body: (Int) -> Void) {
    for entry in byCompany[company] ?? [] where entry.days.contains(date) { body(entry.period) }
  }
}

extension UsagePeriod {
  /// The day after the last one that is over.
  func end(_ over: DatesOver) -> CalendarDate {
    max(start, min(end, over.last(company).adding(days: 1)))
  }
}

/// Reads events from the day partitions, as the rollups do, for some days and periods.
struct UsageReading: Sendable {
  let events: DatasetDefinition
  let reader: PartReader
  let zones: CompanyZones
  let over: DatesOver
  /// The local days of which calls are counted.
  let dates: Set<CalendarDate>
  /// The periods of which use is counted.
  let periods: PeriodIndex

  /// The column that names a call's agent: `agent_id` where it is declared, else the user
  /// (DECISIONS.md, D-178).
  static func agentColumn(_ events: DatasetDefinition) throws -> String? {
    if let column = events[column: "agent_id"] {
      guard column.type == .uuid else {
        throw PipelineError.wrongType(
          dataset: events.name, table: events.displayedSource, column: column.name,
          found: column.typeText, expected: "uuid")
      }
      return column.name
    }
    return events[column: "user_id"] == nil ? nil : "user_id"
  }

  /// What the events of some UTC days add up to, a day at a time.
  func tally(_ days: [CalendarDate]) throws -> UsageTally {
    var tally = UsageTally(self.dates)
    guard let time = events.timeColumn, let tenant = events.tenantColumn else { return tally }
    let agent = try UsageReading.agentColumn(events)
    func declared(_ name: String) -> String? { events[column: name] == nil ? nil : name }
    let columns = Set(
      [time, tenant, "event_type"]
        + [agent, declared("user_id"), declared("module_id"), declared("duration_ms")]
        .compactMap(\.self)
    ).sorted()
    for day in days {
      let batches = try reader.readDeduplicated(events, days: day...day, columns: columns).batches
      for batch in batches { add(batch, time, tenant, agent, to: &tally) }
    }
    return tally
  }

  private func add(
    _ batch: Batch, _ time: String, _ tenant: String, _ agent: String?, to tally: inout UsageTally
  ) {
    tally.rows += batch.rowCount
    guard let types = batch["event_type"], case .text(let words) = types.storage,
      case .int64(let times)? = batch[time]?.storage,
      let tenants = batch[tenant], case .uuid(let companies) = tenants.storage
    else { return }
    let used = CallSums.types.count
    let wanted = CallSums.types.map(\.rawValue) + [EventType.moduleUsed.rawValue]
    let entries = (0..<words.entryCount).map {
      wanted.firstIndex(of: String(decoding: words.entry($0), as: UTF8.self)) ?? -1
    }
    if !entries.contains(where: { $0 >= 0 }) { return }
    // Once for each different company.
    let owners = companies.values.map { company in
      Owner(
        zone: zones.zone(of: company), periods: periods.periods(of: company),
        last: over.last(company))
    }
    let owned = tally.numbers(of: tenants, as: \.companies)
    let agents = tally.numbers(of: agent.flatMap { batch[$0] }, as: \.agents)
    let users = tally.numbers(of: batch["user_id"], as: \.users)
    let modules = tally.numbers(of: batch["module_id"], as: \.modules)
    let duration = durations(batch["duration_ms"])
    let hasNulls = types.validity != nil
    // Rows are in order of time: the day of one is mostly that of the row before.
    var last: (date: CalendarDate, day: Int32?)?
    for row in 0..<batch.rowCount {
      if hasNulls, types.isNull(row) { continue }
      let type = entries[words.codes.map { Int($0[row]) } ?? row]
      if type < 0 { continue }
      let owner = companies.codes.map { Int($0[row]) } ?? row
      if type == used, owners[owner].periods.isEmpty { continue }
      let date = owners[owner].zone.localDate(at: Timestamp(microseconds: times[row]))
      if type < used {
        if last?.date != date { last = (date, tally.day(date)) }
        guard date <= owners[owner].last, let day = last?.day else { continue }
        tally.addCall(
          type, company: owned[row], agent: agents?[row] ?? -1, day: day, duration: duration(row))
        continue
      }
      for (days, period) in owners[owner].periods where days.contains(date) {
        tally.addUse(
          period: period, module: modules?[row] ?? -1, user: users?[row] ?? -1,
          duration: duration(row))
      }
    }
  }

  /// What is known of the company of rows.
  private struct Owner {
    var zone: ZoneRules
    var periods: [(days: Range<CalendarDate>, period: Int)]
    /// The last date that is over.
    var last: CalendarDate
  }

  private func durations(_ column: Column?) -> (Int) -> Int128? {
    guard let column else { return { _ in nil } }
    switch column.storage {
    case .int64(let values): return { column.isNull($0) ? nil : Int128(values[$0]) }
    case .int32(let values): return { column.isNull($0) ? nil : Int128(values[$0]) }
    default: return { _ in nil }
    }
  }
}
