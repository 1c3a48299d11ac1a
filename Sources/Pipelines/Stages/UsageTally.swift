import AlmanacCore
import Columns

/// What events add up to.
struct UsageCounts: Sendable {
  /// The calls, by company, agent and day.
  var calls: [(key: AgentDay, value: CallSums)] = []
  /// The use of modules.
  var modules: [PeriodModule: ModuleSums] = [:]
}

/// What events add up to while they are read: identifiers are numbers here, and who used what is a list
/// that is sorted now and then, since a set of identifiers for each module and period takes far longer.
struct UsageTally: Sendable {
  /// The identifiers of calls and of use, each kind with numbers of its own.
  struct Identifiers: Sendable {
    var companies = Numbering<UUIDValue>()
    var agents = Numbering<UUIDValue>()
    var users = Numbering<UUIDValue>()
    var modules = Numbering<UUIDValue>()
  }

  /// The rows that were read.
  var rows = 0
  private var identifiers = Identifiers()
  /// The days of which calls are counted, ascending, and the number of each.
  private let dates: [CalendarDate]
  private let days: [CalendarDate: Int32]
  /// By company, agent and day from high to low bits, 20, 27 and 17 of them.
  private var calls: [UInt64: CallSums] = [:]
  /// The place in ``uses``, by period and module, 32 bits each.
  private var places: [UInt64: Int] = [:]
  private var uses: [(key: UInt64, sums: ModuleSums)] = []
  /// Place and user, 32 bits each, with repetitions.
  private var sightings: [UInt64] = []

  /// Sightings that are held at the most before repetitions are taken out, unless more are different.
  private static let maximumSightings = 4_000_000
  private var nextCompaction = UsageTally.maximumSightings

  /// Nothing; calls will be of some dates.
  init(_ dates: Set<CalendarDate>) {
    self.dates = dates.sorted()
    precondition(dates.count < 1 << 17, "days of 17 bits")
    days = Dictionary(uniqueKeysWithValues: zip(self.dates, 0...))
  }

  /// The number of a day of which calls are counted, `nil` for another one.
  func day(_ date: CalendarDate) -> Int32? { days[date] }

  /// The number of each row's identifier, -1 for null; `nil` without a column.
  mutating func numbers(
    of column: Column?, as kind: WritableKeyPath<Identifiers, Numbering<UUIDValue>>
  ) -> [Int32]? {
    column.map { identifiers[keyPath: kind].numbers(of: $0) }
  }

  /// The number of each row's identifier, -1 for null.
  mutating func numbers(
    of column: Column, as kind: WritableKeyPath<Identifiers, Numbering<UUIDValue>>
  ) -> [Int32] {
    identifiers[keyPath: kind].numbers(of: column)
  }

  /// Counts a call; an agent of -1 is none.
  mutating func addCall(
    _ type: Int, company: Int32, agent: Int32, day: Int32, duration: Int128?
  ) {
    let agent = agent < 0 ? identifiers.agents.number(of: .zero) : agent
    let key = UsageTally.callKey(company, agent, day)
    calls[key, default: CallSums()].add(type, count: 1, duration: duration)
  }

  /// Counts the use of a module in a period; a module of -1 is none, a user of -1 is not known.
  mutating func addUse(period: Int, module: Int32, user: Int32, duration: Int128?) {
    let module = module < 0 ? identifiers.modules.number(of: .zero) : module
    let place = self.place(UInt64(period) << 32 | UInt64(module))
    uses[place].sums.add(count: 1, duration: duration)
    guard user >= 0 else { return }
    sightings.append(UInt64(place) << 32 | UInt64(user))
    if sightings.count >= nextCompaction { compact() }
  }

  /// Adds what another tally of the same dates and periods counted.
  mutating func add(_ other: UsageTally) {
    rows += other.rows
    func renumbered(
      _ kind: WritableKeyPath<Identifiers, Numbering<UUIDValue>>
    ) -> [Int32] {
      other.identifiers[keyPath: kind].values.map { identifiers[keyPath: kind].number(of: $0) }
    }
    let companies = renumbered(\.companies)
    let agents = renumbered(\.agents)
    let users = renumbered(\.users)
    let modules = renumbered(\.modules)
    for (key, sums) in other.calls {
      let key = UsageTally.callKey(
        companies[Int(key >> 44)], agents[Int(key >> 17 & 0x7FF_FFFF)], Int32(key & 0x1_FFFF))
      calls[key, default: CallSums()].add(sums)
    }
    let places = other.uses.map { key, sums in
      let place = self.place(key & ~0xFFFF_FFFF | UInt64(modules[Int(key & 0xFFFF_FFFF)]))
      uses[place].sums.add(count: sums.count, duration: sums.duration)
      return UInt64(place)
    }
    for sighting in other.sightings {
      sightings.append(
        places[Int(sighting >> 32)] << 32 | UInt64(users[Int(sighting & 0xFFFF_FFFF)]))
    }
    if sightings.count >= nextCompaction { compact() }
  }

  /// What was counted.
  consuming func counts() -> UsageCounts {
    compact()
    var counts = UsageCounts()
    for sighting in sightings { uses[Int(sighting >> 32)].sums.users += 1 }
    counts.modules.reserveCapacity(uses.count)
    for (key, sums) in uses {
      let module = identifiers.modules.values[Int(key & 0xFFFF_FFFF)]
      counts.modules[PeriodModule(period: Int(key >> 32), module: module)] = sums
    }
    // In the order of the identifiers: they get numbers of that order first.
    let companies = UsageTally.ranked(identifiers.companies.values)
    let agents = UsageTally.ranked(identifiers.agents.values)
    var ordered: [UInt64] = []
    ordered.reserveCapacity(calls.count)
    for key in calls.keys {
      ordered.append(
        UsageTally.callKey(
          companies.ranks[Int(key >> 44)], agents.ranks[Int(key >> 17 & 0x7FF_FFFF)],
          Int32(key & 0x1_FFFF)))
    }
    RadixOrder.sort(&ordered)
    counts.calls.reserveCapacity(ordered.count)
    for key in ordered {
      let (company, agent) = (Int(key >> 44), Int(key >> 17 & 0x7FF_FFFF))
      let day = Int32(key & 0x1_FFFF)
      let own = UsageTally.callKey(
        Int32(companies.order[company]), Int32(agents.order[agent]), day)
      counts.calls.append(
        (
          AgentDay(
            company: identifiers.companies.values[companies.order[company]],
            agent: identifiers.agents.values[agents.order[agent]],
            date: dates[Int(day)]), calls[own] ?? CallSums()
        ))
    }
    return counts
  }

  /// The values' order, and the place of each in it.
  private static func ranked(_ values: [UUIDValue]) -> (order: [Int], ranks: [Int32]) {
    let order = values.indices.sorted { values[$0] < values[$1] }
    var ranks = [Int32](repeating: 0, count: values.count)
    for (rank, index) in order.enumerated() { ranks[index] = Int32(rank) }
    return (order, ranks)
  }

  private static func callKey(_ company: Int32, _ agent: Int32, _ day: Int32) -> UInt64 {
    precondition(company < 1 << 20 && agent < 1 << 27, "identifiers of 20 and 27 bits")
    return UInt64(company) << 44 | UInt64(agent) << 17 | UInt64(day)
  }

  private mutating func place(_ key: UInt64) -> Int {
    if let known = places[key] { return known }
    places[key] = uses.count
    uses.append((key, ModuleSums()))
    return uses.count - 1
  }

  /// Takes out repetitions.
  private mutating func compact() {
    RadixOrder.sortUnique(&sightings)
    nextCompaction = max(UsageTally.maximumSightings, 2 * sightings.count)
  }
}
