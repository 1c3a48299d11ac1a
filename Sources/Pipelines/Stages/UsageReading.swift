import AlmanacCore
import Billing
import Columns
import Postgres

/// Counts and durations of an agent's events of a day, or of all of a company.
struct CallSums: Equatable, Sendable {
  /// The kinds of event that are counted, in the order of ``counts``.
  static let types: [EventType] = [.callStarted, .callCompleted, .callFailed, .agentUsed]

  /// The number of events of each kind.
  var counts = [Int](repeating: 0, count: CallSums.types.count)
  /// Milliseconds; `nil` where no event has any.
  var duration: Int128?

  mutating func add(_ type: Int, count: Int, duration: Int128?) {
    counts[type] += count
    if let duration { self.duration = (self.duration ?? 0) + duration }
  }

  mutating func add(_ other: CallSums) {
    for (index, count) in other.counts.enumerated() {
      add(index, count: count, duration: index == 0 ? other.duration : nil)
    }
  }
}

/// Use of a module in a billing period.
struct ModuleSums: Sendable {
  var count = 0
  /// Milliseconds; `nil` where no event has any.
  var duration: Int128?
  var users: Set<UUIDValue> = []

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

/// What events, or daily rollups, add up to.
struct UsageTally: Sendable {
  var calls: [AgentDay: CallSums] = [:]
  var modules: [PeriodModule: ModuleSums] = [:]
  var rows = 0

  mutating func add(_ other: UsageTally) {
    calls.merge(other.calls) { sums, more in
      var sums = sums
      sums.add(more)
      return sums
    }
    for (key, more) in other.modules {
      modules[key, default: ModuleSums()].add(count: more.count, duration: more.duration)
      modules[key]?.users.formUnion(more.users)
    }
    rows += other.rows
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
    var tally = UsageTally()
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
      case .uuid(let companies)? = batch[tenant]?.storage
    else { return }
    let used = CallSums.types.count
    let wanted = CallSums.types.map(\.rawValue) + [EventType.moduleUsed.rawValue]
    let entries = (0..<words.entryCount).map {
      wanted.firstIndex(of: String(decoding: words.entry($0), as: UTF8.self))
    }
    let agents = identifiers(agent.flatMap { batch[$0] })
    let users = identifiers(batch["user_id"])
    let modules = identifiers(batch["module_id"])
    let durations = batch["duration_ms"]
    func duration(_ row: Int) -> Int128? {
      guard let durations, !durations.isNull(row) else { return nil }
      switch durations.storage {
      case .int64(let values): return Int128(values[row])
      case .int32(let values): return Int128(values[row])
      default: return nil
      }
    }
    for row in 0..<batch.rowCount where !types.isNull(row) {
      guard let type = entries[words.codes.map { Int($0[row]) } ?? row] else { continue }
      let company = companies.row(row)
      let date = zones.zone(of: company).localDate(at: Timestamp(microseconds: times[row]))
      if type < used {
        guard dates.contains(date), over.isOver(date, company) else { continue }
        let key = AgentDay(company: company, agent: agents(row) ?? .zero, date: date)
        tally.calls[key, default: CallSums()].add(type, count: 1, duration: duration(row))
        continue
      }
      periods.forEach(of: company, on: date) { period in
        let key = PeriodModule(period: period, module: modules(row) ?? .zero)
        tally.modules[key, default: ModuleSums()].add(count: 1, duration: duration(row))
        if let user = users(row) { tally.modules[key]?.users.insert(user) }
      }
    }
  }

  private func identifiers(_ column: Column?) -> (Int) -> UUIDValue? {
    guard let column, case .uuid(let values) = column.storage else { return { _ in nil } }
    return { column.isNull($0) ? nil : values.row($0) }
  }
}
