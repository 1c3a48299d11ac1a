package import AlmanacCore

/// What a subscription says about where it came from: part of a row of `billing.subscriptions`.
package struct SubscriptionOrigin: Hashable, Sendable {
  /// The subscription.
  package var subscription: UUIDValue
  /// The one it continues (`migrated_from`).
  package var predecessor: UUIDValue
  /// When its row was recorded, which says what it continues from then on and for good; `nil` where that
  /// is not known, as if it had always been.
  package var recordedAt: Timestamp?

  /// A subscription that continues another.
  package init(
    subscription: UUIDValue, predecessor: UUIDValue, recordedAt: Timestamp? = nil
  ) {
    self.subscription = subscription
    self.predecessor = predecessor
    self.recordedAt = recordedAt
  }

  /// Whether it was recorded before an instant.
  package func isKnown(before instant: Timestamp) -> Bool {
    recordedAt.map { $0 < instant } ?? true
  }
}

/// Everything the MRR ledger is made of.
package struct LedgerInput: Sendable {
  /// The rows of `subscription_changes`, in any order.
  package var changes: [SubscriptionChange]
  /// Where these come from.
  package var source: LedgerSource
  /// The subscriptions that continue another.
  package var origins: [SubscriptionOrigin]
  /// When companies were deleted.
  package var deletions: [UUIDValue: Timestamp]
  /// The prices of modules.
  package var modules: [UUIDValue: ModulePrice]
  /// The exchange rates, as known at the cut, or before an earlier instant.
  package var rates: ExchangeRates
  /// Whose months count.
  package var zones: CompanyZones
  /// Changes recorded after it are not known; `nil` for no limit.
  package var knownBy: Timestamp?
  /// Where time ends: changes that take effect at it or later do not count yet.
  package var end: Timestamp

  /// The given parts.
  package init(
    changes: [SubscriptionChange], source: LedgerSource = .changes,
    origins: [SubscriptionOrigin] = [],
    deletions: [UUIDValue: Timestamp] = [:], modules: [UUIDValue: ModulePrice] = [:],
    rates: ExchangeRates, zones: CompanyZones, knownBy: Timestamp? = nil, end: Timestamp
  ) {
    self.changes = changes
    self.source = source
    self.origins = origins
    self.deletions = deletions
    self.modules = modules
    self.rates = rates
    self.zones = zones
    self.knownBy = knownBy
    self.end = end
  }

  /// The same as it was known before an instant, with time ending there: by the changes, rates and
  /// origins recorded before it, and the deletions dated before it (DECISIONS.md, D-516, D-583).
  package func known(before instant: Timestamp) -> LedgerInput {
    var input = self
    input.knownBy = Timestamp(microseconds: instant.microseconds - 1)
    input.end = instant
    input.rates = rates.known(before: instant)
    input.origins = origins.filter { $0.isKnown(before: instant) }
    input.deletions = deletions.filter { $0.value < instant }
    return input
  }
}

/// What the rows of a ledger left to be wished for; none of it stops a run.
package struct LedgerNotes: Hashable, Sendable {
  /// Subscriptions whose first row shows that they began before it (DECISIONS.md, D-152).
  package var startsInTheMiddle = 0
  /// `migrated_from` that names no earlier subscription of the same company (D-159).
  package var unusableOrigins = 0
  /// Modules without a known price, whose revenue therefore belongs to plans (D-161).
  package var unpricedModules: Set<UUIDValue> = []

  /// Nothing to be wished for.
  package init() {}
}

/// The monthly recurring revenue of all companies, from `subscription_changes` or from invoices.
///
/// Definitions: DECISIONS.md, D-152 to D-162. The identities (MRR at the start + movements = MRR at
/// the end; the sum over plans = MRR) are checked for every company and month while it is made.
///
/// - Complexity: a sort of the changes, then linear in changes, and companies times months.
package struct RevenueLedger: Hashable, Sendable {
  /// The settings it was made with.
  package let settings: LedgerSettings
  /// Where it comes from: a ledger from invoices is labelled as such.
  package let source: LedgerSource
  /// The companies that ever had MRR, ordered by identifier.
  package let companies: [CompanyLedger]
  /// What the rows left to be wished for.
  package let notes: LedgerNotes
  /// The exchange rates it took, by date and currency.
  package let rateUses: [RateUse]

  /// Makes the ledger of the known changes.
  ///
  /// - Throws: ``BillingError``: a missing rate, terms that a change needs and nobody said, a
  ///   subscription of two companies, or a broken identity.
  package init(_ input: LedgerInput, settings: LedgerSettings) throws(BillingError) {
    self.settings = settings
    source = input.source
    let changes = RevenueLedger.ordered(input)
    var predecessors: [UUIDValue: UUIDValue] = [:]
    for origin in input.origins { predecessors[origin.subscription] = origin.predecessor }
    var builder = CompanyBuilder(
      input: input, settings: settings, predecessors: predecessors,
      earliest: changes.lazy.map(\.effectiveAt).min() ?? input.end)
    var companies: [CompanyLedger] = []
    var owners: [UUIDValue: UUIDValue] = [:]
    var start = 0
    while start < changes.count {
      let company = changes[start].company
      var end = start
      while end < changes.count, changes[end].company == company {
        let subscription = changes[end].subscription
        if end == start || changes[end - 1].subscription != subscription,
          owners.updateValue(company, forKey: subscription) != nil
        {
          throw .subscriptionOfTwoCompanies(subscription: subscription)
        }
        end += 1
      }
      let ledger = try builder.ledger(of: company, changes[start..<end])
      if !ledger.steps.isEmpty { companies.append(ledger) }
      start = end
    }
    self.companies = companies
    notes = builder.notes
    rateUses = builder.rateUses.sorted()
  }

  /// The known changes by company, subscription and sequence.
  static func ordered(_ input: LedgerInput) -> [SubscriptionChange] {
    struct Key {
      var company: UUIDValue
      var subscription: UUIDValue
      var sequence: Int64
      var row: Int
    }
    let changes = input.changes
    var keys: [Key] = []
    keys.reserveCapacity(changes.count)
    for (row, change) in changes.enumerated() {
      if let cut = input.knownBy, change.recordedAt > cut { continue }
      keys.append(
        Key(
          company: change.company, subscription: change.subscription, sequence: change.sequence,
          row: row))
    }
    keys.sort { left, right in
      if left.company != right.company { return left.company < right.company }
      if left.subscription != right.subscription { return left.subscription < right.subscription }
      if left.sequence != right.sequence { return left.sequence < right.sequence }
      // A sequence used twice is a fault of the source; its order must not depend on ours.
      let (first, second) = (changes[left.row], changes[right.row])
      return (first.recordedAt, first.id) < (second.recordedAt, second.id)
    }
    return keys.map { changes[$0.row] }
  }

  /// The first days of the months in which there is MRR, up to the last one that has begun in the
  /// zone of every company; empty without a company.
  package var months: [CalendarDate] {
    guard let first = companies.compactMap({ $0.levels.first?.month }).min(),
      let last = companies.compactMap({ $0.levels.last?.month }).min(), first <= last
    else { return [] }
    var months = [first]
    while let month = months.last, month < last { months.append(month.monthStart(adding: 1)) }
    return months
  }

  /// MRR of all companies at the end of each of ``months``, in ten-thousandths.
  package var totals: [Int128] {
    let months = months
    return months.map { month in companies.reduce(0) { $0 + $1.amount(ofMonth: month) } }
  }

  /// The ledger of a company; `nil` if it never had MRR.
  package func ledger(of company: UUIDValue) -> CompanyLedger? {
    var cursor = cursor
    return cursor.element(of: company)
  }

  /// What finds the ledgers of many companies.
  package var cursor: CompanyCursor<CompanyLedger> { CompanyCursor(companies) }
}

/// Makes the ledgers of one company after the other.
struct CompanyBuilder {
  let input: LedgerInput
  let settings: LedgerSettings
  let predecessors: [UUIDValue: UUIDValue]
  let earliest: Timestamp
  private(set) var notes = LedgerNotes()
  private(set) var rateUses: Set<RateUse> = []
  private var calendars: [String: LedgerCalendar] = [:]

  init(
    input: LedgerInput, settings: LedgerSettings, predecessors: [UUIDValue: UUIDValue],
    earliest: Timestamp
  ) {
    self.input = input
    self.settings = settings
    self.predecessors = predecessors
    self.earliest = earliest
  }

  private mutating func calendar(of company: UUIDValue) -> LedgerCalendar {
    let zone = input.zones.zone(of: company)
    if let known = calendars[zone.name] { return known }
    let calendar = LedgerCalendar(zone: zone, first: earliest, end: input.end)
    calendars[zone.name] = calendar
    return calendar
  }

  /// What takes effect in each subscription of one company, from its changes, ordered by subscription
  /// and sequence.
  mutating func effects(
    of company: UUIDValue, _ changes: ArraySlice<SubscriptionChange>
  ) -> [SubscriptionEffects] {
    var subscriptions: [UUIDValue] = []
    var effects: [SubscriptionEffects] = []
    var start = changes.startIndex
    while start < changes.endIndex {
      let subscription = changes[start].subscription
      var end = start
      while end < changes.endIndex, changes[end].subscription == subscription { end += 1 }
      subscriptions.append(subscription)
      effects.append(SubscriptionEffects(changes[start..<end], churnAt: settings.churnAt))
      start = end
    }
    notes.startsInTheMiddle += effects.count { $0.beginsInTheMiddle }
    handOver(subscriptions, &effects)
    if let deleted = input.deletions[company] {
      for index in effects.indices { effects[index].end(at: deleted) }
    }
    return effects
  }

  /// The ledger of one company from its changes, ordered by subscription and sequence.
  mutating func ledger(
    of company: UUIDValue, _ changes: ArraySlice<SubscriptionChange>
  ) throws(BillingError) -> CompanyLedger {
    let effects = effects(of: company, changes)
    let context = ValuationContext(
      rates: input.rates, modules: input.modules, settings: settings,
      calendar: calendar(of: company))
    var timelines: [[SubscriptionStep]] = []
    for effects in effects {
      let timeline = try SubscriptionTimeline(effects, in: context)
      timelines.append(timeline.steps)
      rateUses.formUnion(timeline.rateUses)
      notes.unpricedModules.formUnion(timeline.unpricedModules)
    }
    return try CompanyLedger(
      company: company, subscriptions: timelines, calendar: context.calendar,
      recognition: settings.recognition)
  }

  /// Lets each successor take over where its own service begins (DECISIONS.md, D-159).
  private mutating func handOver(
    _ subscriptions: [UUIDValue], _ effects: inout [SubscriptionEffects]
  ) {
    let successors = subscriptions.indices.filter { predecessors[subscriptions[$0]] != nil }
    if successors.isEmpty { return }
    let starts = effects.map(\.firstService)
    var places: [UUIDValue: Int] = [:]
    for (place, subscription) in subscriptions.enumerated() { places[subscription] = place }
    func predecessor(_ place: Int) -> Int? {
      predecessors[subscriptions[place]].flatMap { places[$0] }
    }
    // Successors by their start: of several that continue one subscription the first takes over.
    var moves: [(instant: Timestamp, cause: UUIDValue, from: Int)] = []
    for successor in successors {
      guard let start = starts[successor] else { continue }
      guard let from = predecessor(successor), let before = starts[from],
        before.instant <= start.instant,
        !isAncestor(successor, of: from, starts: starts.map { $0?.instant }, predecessor)
      else {
        notes.unusableOrigins += 1
        continue
      }
      moves.append((start.instant, start.cause, from))
    }
    var done: Set<Int> = []
    for move in moves.sorted(by: { ($0.instant, $0.cause) < ($1.instant, $1.cause) })
    where done.insert(move.from).inserted {
      effects[move.from].hand(over: move.instant, cause: move.cause)
    }
  }

  /// Whether the predecessors of a subscription lead back to another without going back in time:
  /// a ring, of which no part came first.
  private func isAncestor(
    _ place: Int, of start: Int, starts: [Timestamp?], _ predecessor: (Int) -> Int?
  ) -> Bool {
    var current = start
    for _ in starts.indices {
      if current == place { return true }
      guard let next = predecessor(current), starts[next] == starts[current] else { return false }
      current = next
    }
    return false
  }
}
