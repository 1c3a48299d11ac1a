import AlmanacCore
import Billing

/// MRR by asking, for one instant after the other, what the rows say: no timelines, no state that
/// is carried along, every answer from all rows again.
struct LedgerOracle {
  let input: LedgerInput
  let settings: LedgerSettings
  /// The rows of each subscription in the order in which they count, and where another one takes
  /// over: the same for every question.
  private var ordered: [UUIDValue: [Dated]] = [:]
  private var handOvers: [UUIDValue: Timestamp] = [:]

  init(input: LedgerInput, settings: LedgerSettings) {
    self.input = input
    self.settings = settings
    let subscriptions = Set(input.changes.map(\.subscription))
    for subscription in subscriptions { ordered[subscription] = dated(subscription) }
    for subscription in subscriptions { handOvers[subscription] = handOver(subscription) }
  }

  /// A change and the instant at which it counts.
  private typealias Dated = (at: Timestamp, change: SubscriptionChange)

  /// What a subscription is worth, with the plan and the modules' parts.
  struct Worth: Equatable {
    var amount: Int128 = 0
    var plan = UUIDValue.zero
    var modules: [UUIDValue: Int128] = [:]
  }

  private static let starting: Set<ChangeKind> = [.new, .trialConvert, .reactivate]
  private static let silent: Set<ChangeKind> = [.pause, .cancel, .cancelWithdrawn]

  private func known(_ subscription: UUIDValue) -> [SubscriptionChange] {
    input.changes.filter { change in
      change.subscription == subscription
        && (input.knownBy.map { change.recordedAt <= $0 } ?? true)
    }.sorted { $0.sequence < $1.sequence }
  }

  /// The rows that ever count, in the order in which they do.
  private func dated(_ subscription: UUIDValue) -> [Dated] {
    let rows = known(subscription)
    let counting = rows.filter { row in
      if row.kind == .cancelWithdrawn { return false }
      if row.kind != .cancel { return true }
      return !rows.contains {
        $0.kind == .cancelWithdrawn && $0.sequence > row.sequence
          && $0.effectiveAt < row.effectiveAt
      }
    }
    let placed: [Dated] = counting.map { row in
      guard row.kind == .cancel, settings.churnAt == .cancellation, let asked = row.requestedAt
      else { return (row.effectiveAt, row) }
      let begun = rows.filter {
        LedgerOracle.starting.contains($0.kind) && $0.sequence < row.sequence
      }.map(\.effectiveAt).max()
      if let begun, asked <= begun { return (row.effectiveAt, row) }
      return (min(row.effectiveAt, asked), row)
    }
    return placed.sorted { ($0.at, $0.change.sequence) < ($1.at, $1.change.sequence) }
  }

  /// Whether the rows up to one say that service is paid for, and whether it is paused.
  private func isActive(_ rows: ArraySlice<Dated>) -> Bool {
    let turning = LedgerOracle.starting.union([.trialStart, .cancel])
    guard let last = rows.last(where: { turning.contains($0.change.kind) }) else {
      return !rows.isEmpty
    }
    return LedgerOracle.starting.contains(last.change.kind)
  }

  private func isPaused(_ rows: ArraySlice<Dated>) -> Bool {
    let turning = LedgerOracle.starting.union([.trialStart, .cancel, .pause, .resume])
    return rows.last { turning.contains($0.change.kind) }?.change.kind == .pause
  }

  private func serviceStart(_ subscription: UUIDValue) -> Timestamp? {
    let rows = ordered[subscription] ?? []
    return rows.indices.first { isActive(rows[...$0]) }.map { rows[$0].at }
  }

  /// The instant at which another subscription takes over.
  private func handOver(_ subscription: UUIDValue) -> Timestamp? {
    guard let own = serviceStart(subscription),
      let company = known(subscription).first?.company
    else { return nil }
    return input.origins.filter { origin in
      origin.predecessor == subscription && known(origin.subscription).first?.company == company
        && !isRing(origin.subscription)
    }.compactMap { serviceStart($0.subscription) }.filter { $0 >= own }.min()
  }

  /// Whether a subscription is its own predecessor through others that begin with it.
  private func isRing(_ subscription: UUIDValue) -> Bool {
    var current = subscription
    for _ in 0..<20 {
      guard let origin = input.origins.first(where: { $0.subscription == current }) else {
        return false
      }
      current = origin.predecessor
      if current == subscription { return true }
      if serviceStart(current) != serviceStart(subscription) { return false }
    }
    return false
  }

  /// What a subscription is worth just before an instant; `closing` says whether a month that ends
  /// there was valued again.
  func worth(
    _ subscription: UUIDValue, before instant: Timestamp, closing: Bool, months: [Timestamp],
    zone: ZoneRules
  ) throws -> Worth {
    var rows = ordered[subscription] ?? []
    if let handOver = handOvers[subscription] {
      if instant > handOver { return Worth() }
      rows.removeAll { $0.at >= handOver }
      let lastStart = rows.lastIndex {
        LedgerOracle.starting.contains($0.change.kind) || $0.change.kind == .trialStart
      }
      rows = rows.enumerated().filter { index, row in
        row.change.kind != .cancel || index < lastStart ?? -1
      }.map(\.element)
    }
    if let company = rows.first?.change.company, let deleted = input.deletions[company],
      instant > deleted
    {
      return Worth()
    }
    rows.removeAll { $0.at >= instant || $0.at >= input.end }
    guard isCounted(rows[...]) else { return Worth() }
    return try value(rows, before: instant, closing: closing, months: months, zone: zone)
  }

  private func isCounted(_ rows: ArraySlice<Dated>) -> Bool {
    isActive(rows) && !(settings.pause == .zero && isPaused(rows))
  }

  private struct Price: Equatable {
    var amount: Int128?
    var months: Int?
    var currency: CurrencyCode?
  }

  /// The rows whose terms are read: all but those that end or pause, unless they come first.
  private func speaking(_ rows: ArraySlice<Dated>) -> [Dated] {
    rows.indices.filter {
      $0 == rows.startIndex || !LedgerOracle.silent.contains(rows[$0].change.kind)
    }.map { rows[$0] }
  }

  private func price(_ rows: ArraySlice<Dated>) -> Price {
    let terms = speaking(rows)
    return Price(
      amount: terms.last { $0.change.recurringAmount != nil }?.change.recurringAmount,
      months: terms.last { $0.change.periodMonths != nil }?.change.periodMonths,
      currency: terms.last { $0.change.currency != nil }?.change.currency)
  }

  private func value(
    _ rows: [Dated], before instant: Timestamp, closing: Bool, months: [Timestamp],
    zone: ZoneRules
  ) throws -> Worth {
    let present = price(rows[...])
    guard let amount = present.amount, let period = present.months,
      let currency = present.currency
    else { return Worth() }
    // The row from which on the same price has counted without a break.
    var since = rows.count - 1
    while since > 0, isCounted(rows[..<since]), price(rows[..<since]) == present { since -= 1 }
    var date = zone.localDate(at: rows[since].at)
    var partsDate = zone.localDate(at: rows[rows.count - 1].at)
    if settings.fx == .monthEnd, currency != settings.currency {
      let ends = months.filter { end in
        end > rows[since].at && end <= input.end && (end < instant || (closing && end == instant))
      }
      if let last = ends.max() {
        date = zone.localDate(at: last).adding(days: -1)
        if last > rows[rows.count - 1].at { partsDate = date }
      }
    }
    var worth = Worth(
      amount: try input.rates.convert(
        amount, from: currency, to: settings.currency, on: date, dividedBy: period))
    let terms = speaking(rows[...])
    worth.plan = terms.last { $0.change.plan != nil }?.change.plan ?? .zero
    let quantity = terms.last { $0.change.quantity != nil }?.change.quantity ?? 1
    var rest = max(0, worth.amount)
    for module in owned(rows) {
      guard let unit = input.modules[module] else { continue }
      let part = try input.rates.convert(
        unit.unitAmount * Int128(quantity), from: unit.currency, to: settings.currency,
        on: partsDate, dividedBy: period)
      let taken = min(rest, max(0, part))
      rest -= taken
      if taken > 0 { worth.modules[module] = taken }
    }
    return worth
  }

  /// The modules owned after the rows, by when they were added and not removed since.
  private func owned(_ rows: [Dated]) -> [UUIDValue] {
    let since = rows.lastIndex { $0.change.kind == .new }.map { $0 + 1 } ?? 0
    let recent = rows[since...]
    let modules = Set(recent.compactMap(\.change.module))
    let added = modules.compactMap { module -> (Int, UUIDValue)? in
      let removed =
        recent.lastIndex { $0.change.kind == .moduleRemoved && $0.change.module == module }
        ?? since - 1
      let first = recent.indices.first {
        $0 > removed && rows[$0].change.kind == .moduleAdded && rows[$0].change.module == module
      }
      return first.map { ($0, module) }
    }
    return added.sorted { $0.0 < $1.0 }.map(\.1)
  }

  /// What the ledger says of one company.
  struct Expected: Equatable {
    /// Month, MRR, whether the month was over, and the parts by plan and module.
    var levels: [String] = []
    /// Month, kind and amount.
    var movements: [String] = []
  }

  /// The local months of a company's zone that begin before the end, with one more.
  func months(of company: UUIDValue) -> [(day: CalendarDate, start: Timestamp)] {
    let zone = input.zones.own[company] ?? input.zones.standard
    guard let first = input.changes.map(\.effectiveAt).min() else { return [] }
    var months = [zone.localDate(at: first).adding(days: -40).monthStart]
    while zone.start(of: months[months.count - 1]) < input.end {
      months.append(months[months.count - 1].monthStart(adding: 1))
    }
    return months.map { ($0, zone.start(of: $0)) }
  }

  /// MRR of a company just before an instant.
  func amount(
    _ company: UUIDValue, before instant: Timestamp, closing: Bool = true
  ) throws -> Int128 {
    try worths(company, before: instant, closing: closing).reduce(0) { $0 + $1.amount }
  }

  private func worths(
    _ company: UUIDValue, before instant: Timestamp, closing: Bool
  ) throws -> [Worth] {
    let zone = input.zones.own[company] ?? input.zones.standard
    let starts = months(of: company).map(\.start)
    let own = Set(input.changes.filter { $0.company == company }.map(\.subscription))
    return try own.map {
      try worth($0, before: instant, closing: closing, months: starts, zone: zone)
    }
  }

  /// Levels and movements of a company by walking over its months.
  func expected(_ company: UUIDValue) throws -> Expected {
    let months = months(of: company)
    let instants = instants(of: company)
    var expected = Expected()
    var had = false
    var hasBegun = false
    for index in months.indices.dropLast() {
      let (start, end) = (months[index].start, min(months[index + 1].start, input.end))
      let isComplete = months[index + 1].start <= input.end
      var sums: [MovementKind: Int128] = [:]
      let inside = instants.filter { $0 >= start && $0 < end }
      var pairs = [
        (try amount(company, before: start), try amount(company, before: end, closing: false))
      ]
      if settings.recognition == .event {
        pairs = try inside.map {
          (
            try amount(company, before: $0),
            try amount(company, before: Timestamp(microseconds: $0.microseconds + 1))
          )
        }
      }
      for (before, after) in pairs {
        if before != after {
          let kind: MovementKind =
            before <= 0 && after > 0
            ? (had ? .reactivation : .new)
            : before > 0 && after <= 0 ? .churned : after > before ? .expansion : .contraction
          sums[kind, default: 0] += after - before
        }
        if after > 0 { had = true }
      }
      let open = try amount(company, before: end, closing: false)
      let closed = isComplete ? try amount(company, before: end) : open
      if closed != open { sums[.fx] = closed - open }
      let moved = try inside.contains {
        let after = try amount(company, before: Timestamp(microseconds: $0.microseconds + 1))
        return try amount(company, before: $0) != after
      }
      hasBegun = hasBegun || moved
      guard hasBegun else { continue }
      expected.levels.append(
        LedgerOracle.levelLine(
          months[index].day, closed, isComplete,
          parts(try worths(company, before: end, closing: isComplete))))
      for kind in MovementKind.allCases {
        if let sum = sums[kind] {
          expected.movements.append("\(months[index].day) \(kind) \(sum)")
        }
      }
    }
    return expected
  }

  /// Every instant at which something may change.
  private func instants(of company: UUIDValue) -> [Timestamp] {
    let rows = input.changes.filter { $0.company == company }
    let all = rows.map(\.effectiveAt) + rows.compactMap(\.requestedAt)
    return Set(all + [input.deletions[company]].compactMap(\.self)).sorted()
  }

  private func parts(_ worths: [Worth]) -> [String] {
    var sums: [[UUIDValue]: Int128] = [:]
    for worth in worths {
      let modules = worth.modules.values.reduce(0, +)
      for (module, amount) in worth.modules.map({ ($0, $1) }) + [(.zero, worth.amount - modules)] {
        sums[[worth.plan, module], default: 0] += amount
      }
    }
    return sums.filter { $0.value != 0 }.map { LedgerOracle.partLine($0[0], $0[1], $1) }.sorted()
  }

  static func partLine(_ plan: UUIDValue, _ module: UUIDValue, _ amount: Int128) -> String {
    "\(plan) \(module) \(amount)"
  }

  static func levelLine(
    _ month: CalendarDate, _ amount: Int128, _ isComplete: Bool, _ parts: [String]
  ) -> String {
    "\(month) \(amount) \(isComplete) \(parts)"
  }
}
