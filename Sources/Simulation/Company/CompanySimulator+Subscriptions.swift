import AlmanacCore
import Billing

// What happens to subscriptions (D-204): every change is a row with its sequence, and an event.
extension CompanySimulator {
  /// The contract's plan of a subscription at present.
  private func planID(_ subscription: SubscriptionState) -> UUIDValue {
    Catalogue.planID(
      tier: subscription.tier, interval: subscription.interval, currency: profile.currencyIndex,
      isLegacy: subscription.isLegacy)
  }

  /// Makes the row of a subscription that begins.
  func start(_ index: Int, at: Int64, migratedFrom: UUIDValue?) {
    guard let record else { return }
    let subscription = state.subscriptions[index]
    let recordedAt = recorded(.subscription, subscription.ordinal, at)
    record.subscriptions.append(
      SubscriptionRow(
        id: identifier(.subscription, subscription.ordinal), startedAt: at,
        migratedFrom: migratedFrom, recordedAt: recordedAt, planID: planID(subscription),
        quantity: subscription.seats, status: subscription.status, changedAt: recordedAt))
    update(index, at: at)
  }

  /// Brings the row of a subscription to its present state.
  func update(_ index: Int, at: Int64) {
    guard let record else { return }
    let subscription = state.subscriptions[index]
    var row = record.subscriptions[subscription.ordinal]
    row.planID = planID(subscription)
    row.quantity = subscription.seats
    row.status =
      subscription.status == .active && subscription.overdue > 0 ? .pastDue : subscription.status
    row.trialEndsAt = subscription.trialEndsAt
    row.periodStart = subscription.periodEnd > 0 ? subscription.periodStart : nil
    row.periodEnd = subscription.periodEnd > 0 ? subscription.periodEnd : nil
    row.cancelAt = subscription.cancelAt
    row.canceledAt = subscription.canceledAt
    row.endedAt = subscription.endedAt
    row.cancelReason = subscription.cancelReason
    row.changedAt = max(row.changedAt, CompanySimulator.known(row.recordedAt, at))
    record.subscriptions[subscription.ordinal] = row
  }

  /// Adds a row to the changes of a subscription and updates the subscription's own.
  mutating func change(
    _ index: Int, _ kind: ChangeKind, at: Int64, effectiveAt: Int64? = nil,
    module: Int? = nil, recurring: Int64? = nil
  ) {
    state.subscriptions[index].sequence += 1
    let ordinal = state.changeCount
    state.changeCount += 1
    if let record {
      let subscription = state.subscriptions[index]
      record.changes.append(
        ChangeRow(
          id: identifier(.change, ordinal),
          subscriptionID: identifier(.subscription, subscription.ordinal),
          sequence: subscription.sequence, change: kind, planID: planID(subscription),
          module: module, quantity: subscription.seats,
          recurringAmount: recurring ?? subscription.recurring, interval: subscription.interval,
          requestedAt: at, effectiveAt: effectiveAt ?? at,
          recordedAt: recorded(.change, ordinal, at)))
    }
    update(index, at: at)
  }

  /// The whole amount of a period of a subscription as it is.
  private func price(_ subscription: SubscriptionState) -> Int64 {
    Catalogue.recurringAmount(
      tier: subscription.tier, interval: subscription.interval, currency: profile.currency,
      isLegacy: subscription.isLegacy, seats: subscription.seats, modules: subscription.modules,
      discountPercent: subscription.discountPercent)
  }

  // MARK: Begin, renewal, end

  /// Begins to charge for a subscription: its first period, or the first after a break.
  mutating func activate(_ index: Int, _ kind: ChangeKind, at: Int64) {
    state.subscriptions[index].status = .active
    state.subscriptions[index].generation += 1
    state.subscriptions[index].anchor = at
    state.subscriptions[index].period = 0
    setPeriod(index)
    writeBeginning(index, kind, at: at)
    emit(.subscriptionActivated, at: at, user: anyUser(at))
    if state.activatedAt == nil { state.activatedAt = at }
    bill(index, at: at, reason: .create)
    planRenewal(index)
  }

  /// Writes down that a subscription begins or goes on.
  ///
  /// One that begins has no modules yet for a reader of its changes (D-161), so each of those it is
  /// bought with is a change of the same instant.
  private mutating func writeBeginning(
    _ index: Int, _ kind: ChangeKind, at: Int64
  ) {
    let owned = state.subscriptions[index].modules
    let isNew = kind == .new || kind == .trialConvert
    if isNew { state.subscriptions[index].modules = 0 }
    state.subscriptions[index].recurring = price(state.subscriptions[index])
    change(index, kind, at: at)
    for module in Catalogue.modules.indices where isNew && owned >> UInt8(module) & 1 == 1 {
      state.subscriptions[index].modules |= 1 << UInt8(module)
      state.subscriptions[index].recurring = price(state.subscriptions[index])
      change(index, .moduleAdded, at: at, module: module)
      emit(.moduleSubscribed, at: at, user: anyUser(at), module: module)
    }
  }

  /// The bounds of the present period, counted from the anchor by months of the calendar (UTC).
  private mutating func setPeriod(_ index: Int) {
    let subscription = state.subscriptions[index]
    func bound(_ period: Int) -> Int64 {
      let anchor = Timestamp(microseconds: subscription.anchor)
      let date = anchor.dateUTC
      let month = date.monthStart(adding: period * subscription.interval.rawValue)
      let day = month.adding(days: min(date.day, month.daysInMonth) - 1)
      return day.startUTC.microseconds + subscription.anchor - date.startUTC.microseconds
    }
    state.subscriptions[index].periodStart = bound(subscription.period)
    state.subscriptions[index].periodEnd = bound(subscription.period + 1)
  }

  private mutating func planRenewal(_ index: Int) {
    let subscription = state.subscriptions[index]
    state.plan(
      .renew(index, generation: subscription.generation), at: subscription.periodEnd)
  }

  /// Begins the next period, on a lower plan or another subscription where that was planned.
  mutating func renew(_ index: Int, generation: Int, at: Int64) {
    guard state.subscriptions[index].generation == generation,
      state.subscriptions[index].isBilled
    else { return }
    if state.subscriptions[index].migratesAtRenewal {
      migrate(index, at: at)
      return
    }
    if state.subscriptions[index].hasPlannedDowngrade {
      state.subscriptions[index].hasPlannedDowngrade = false
      lower(index)
    }
    state.subscriptions[index].period += 1
    setPeriod(index)
    update(index, at: at)
    emit(.subscriptionRenewed, at: at)
    bill(index, at: at, reason: .cycle)
    planRenewal(index)
  }

  /// Moves a customer to a new subscription, which continues the old one.
  private mutating func migrate(_ index: Int, at: Int64) {
    let old = state.subscriptions[index]
    end(index, .migration, at: at)
    var new = SubscriptionState(
      ordinal: state.subscriptions.count, status: .active, tier: old.tier, interval: old.interval,
      seats: old.seats)
    new.modules = old.modules
    new.discountPercent = old.discountPercent
    state.subscriptions.append(new)
    state.main = new.ordinal
    start(new.ordinal, at: at, migratedFrom: identifier(.subscription, old.ordinal))
    emit(.subscriptionCreated, at: at, user: anyUser(at))
    activate(new.ordinal, .new, at: at)
  }

  /// Ends one subscription at once; `isPlanned` if the change was written down before.
  private mutating func end(
    _ index: Int, _ reason: CancelReason, at: Int64, isPlanned: Bool = false
  ) {
    state.subscriptions[index].status = .canceled
    state.subscriptions[index].generation += 1
    state.subscriptions[index].recurring = 0
    state.subscriptions[index].endedAt = at
    state.subscriptions[index].cancelReason = reason
    if state.subscriptions[index].canceledAt == nil { state.subscriptions[index].canceledAt = at }
    if isPlanned { update(index, at: at) } else { change(index, .cancel, at: at) }
    emit(.subscriptionCanceled, at: at, user: reason == .payment ? nil : anyUser(at))
  }

  /// Ends every subscription of the company.
  mutating func cancelAll(_ reason: CancelReason, at: Int64) {
    let live = state.subscriptions.indices.filter { state.subscriptions[$0].status != .canceled }
    guard !live.isEmpty else { return }
    for index in live {
      state.subscriptions[index].cancelAt = nil
      end(index, reason, at: at)
    }
    fall(at: at)
  }

  /// Plans what may follow the end of all subscriptions: the company's deletion.
  private mutating func fall(at: Int64) {
    state.lastFall = at
    guard profile.script == nil, draws.unit(.lifecycle, state.changeCount, 20) < 0.12 else {
      return
    }
    state.plan(
      .delete,
      at: later(
        at, days: 10 + 50 * draws.unit(.lifecycle, state.changeCount, 21), state.changeCount, 22))
  }

  /// Asks for every subscription to end at a later instant.
  mutating func scheduleCancellation(for end: Int64, at: Int64) {
    for index in state.subscriptions.indices
    where state.subscriptions[index].status != .canceled
      && state.subscriptions[index].cancelAt == nil
    {
      state.subscriptions[index].cancelAt = end
      state.subscriptions[index].canceledAt = at
      change(index, .cancel, at: at, effectiveAt: end, recurring: 0)
      emit(.subscriptionCancelScheduled, at: at, user: anyUser(at))
    }
    state.plan(.cancelScheduled, at: end)
  }

  /// Takes a scheduled cancellation back.
  mutating func withdrawCancellation(at: Int64) {
    for index in state.subscriptions.indices
    where state.subscriptions[index].status != .canceled
      && state.subscriptions[index].cancelAt != nil
    {
      state.subscriptions[index].cancelAt = nil
      state.subscriptions[index].canceledAt = nil
      change(index, .cancelWithdrawn, at: at)
    }
  }

  /// Ends what was scheduled to end by now.
  mutating func cancelScheduled(at: Int64) {
    var hasEnded = false
    for index in state.subscriptions.indices
    where state.subscriptions[index].status != .canceled
      && state.subscriptions[index].cancelAt == at
    {
      end(index, .voluntary, at: at, isPlanned: true)
      hasEnded = true
    }
    if hasEnded, state.subscriptions.allSatisfy({ $0.status == .canceled }) { fall(at: at) }
  }

  /// Comes back to the main subscription after the end of all.
  mutating func reactivate(at: Int64) {
    let index = state.main
    guard state.subscriptions[index].status == .canceled else { return }
    state.subscriptions[index].endedAt = nil
    state.subscriptions[index].canceledAt = nil
    state.subscriptions[index].cancelAt = nil
    state.subscriptions[index].cancelReason = nil
    state.subscriptions[index].hasPlannedDowngrade = false
    state.subscriptions[index].trialEndsAt = nil
    emit(.subscriptionReactivated, at: at, user: anyUser(at))
    activate(index, .reactivate, at: at)
  }

  /// Begins a further, small subscription.
  mutating func addSubscription(at: Int64) {
    guard state.hasRevenue, state.subscriptions[state.main].cancelAt == nil else { return }
    let ordinal = state.subscriptions.count
    state.subscriptions.append(
      SubscriptionState(
        ordinal: ordinal, status: .active, tier: 0, interval: .month,
        seats: 1 + draws.choice(below: 5, .lifecycle, 0, 5)))
    start(ordinal, at: at, migratedFrom: nil)
    emit(.subscriptionCreated, at: at, user: anyUser(at))
    activate(ordinal, .new, at: at)
  }

  // MARK: Trials

  /// Gives a trial two more weeks.
  mutating func extendTrial(_ index: Int, at: Int64) {
    guard state.subscriptions[index].status == .trialing,
      let end = state.subscriptions[index].trialEndsAt
    else { return }
    state.subscriptions[index].trialEndsAt = end + 14 * microsecondsPerDay
    update(index, at: at)
    emit(.trialExtended, at: at, user: anyUser(at))
  }

  /// Ends a trial: it becomes a paid subscription, or nothing.
  mutating func endTrial(_ index: Int, at: Int64) {
    guard state.subscriptions[index].status == .trialing else { return }
    let converts =
      profile.script == .trialExtended
      || (profile.script == nil && draws.unit(.lifecycle, 0, 6) < 0.7)
    if converts {
      emit(.trialConverted, at: at, user: anyUser(at))
      activate(index, .trialConvert, at: at)
    } else {
      emit(.trialExpired, at: at)
      end(index, .other, at: at)
    }
  }

  // MARK: Changes of what is paid

  /// Applies a change of the price: writes it down and charges the rest of the period where it
  /// rose.
  private mutating func reprice(
    _ index: Int, _ kind: ChangeKind, module: Int? = nil, at: Int64
  ) {
    let before = state.subscriptions[index].recurring
    let after = price(state.subscriptions[index])
    state.subscriptions[index].recurring = after
    change(index, kind, at: at, module: module)
    let subscription = state.subscriptions[index]
    guard after > before, subscription.periodEnd > at else { return }
    let share =
      Double(subscription.periodEnd - at)
      / Double(subscription.periodEnd - subscription.periodStart)
    let rest = profile.currency.rounded(Double(after - before) * share)
    if rest > 0 { bill(index, at: at, reason: .update, amount: rest) }
  }

  /// Whether a change of a subscription can take place now.
  private func canChange(_ index: Int) -> Bool {
    let subscription = state.subscriptions[index]
    return subscription.isBilled && subscription.cancelAt == nil
      && !subscription.hasPlannedDowngrade
  }

  /// Moves to another tier at once.
  mutating func changeTier(_ index: Int, by steps: Int, at: Int64) {
    let tier = state.subscriptions[index].tier + steps
    guard canChange(index), Catalogue.tiers.indices.contains(tier) else { return }
    state.subscriptions[index].tier = tier
    state.subscriptions[index].isLegacy = false
    if steps > 0 { state.lastUpgrade = at }
    emit(
      steps > 0 ? .subscriptionUpgraded : .subscriptionDowngraded, at: at, user: anyUser(at))
    reprice(index, steps > 0 ? .upgrade : .downgrade, at: at)
  }

  /// Asks for a lower tier from the end of the period on.
  mutating func planDowngrade(_ index: Int, at: Int64) {
    guard canChange(index), state.subscriptions[index].tier > 0,
      !state.subscriptions[index].migratesAtRenewal
    else { return }
    let present = state.subscriptions[index]
    lower(index)
    change(index, .downgrade, at: at, effectiveAt: present.periodEnd)
    state.subscriptions[index].tier = present.tier
    state.subscriptions[index].isLegacy = present.isLegacy
    state.subscriptions[index].recurring = present.recurring
    state.subscriptions[index].hasPlannedDowngrade = true
    update(index, at: at)
    emit(.subscriptionDowngraded, at: at, user: anyUser(at))
  }

  /// Puts a subscription on the next lower tier.
  private mutating func lower(_ index: Int) {
    state.subscriptions[index].tier -= 1
    state.subscriptions[index].isLegacy = false
    state.subscriptions[index].recurring = price(state.subscriptions[index])
  }

  /// Adds or removes seats.
  mutating func changeQuantity(_ index: Int, by change: Int, at: Int64) {
    let seats = min(400, max(1, state.subscriptions[index].seats + change))
    guard canChange(index), seats != state.subscriptions[index].seats else { return }
    let added = seats - state.subscriptions[index].seats
    state.subscriptions[index].seats = seats
    emit(.subscriptionQuantityChanged, at: at, user: anyUser(at))
    reprice(index, .quantity, at: at)
    for user in 0..<min(20, abs(added)) where index == state.main {
      let time = later(at, days: Double(user) / 4, state.userCount + user, 6)
      state.plan(added > 0 ? .inviteUser : .deactivateUser, at: time)
    }
  }

  /// Adds a module to the main subscription.
  mutating func addModule(_ module: Int, at: Int64) {
    let bit = UInt8(1) << UInt8(module)
    guard canChange(state.main), state.subscriptions[state.main].modules & bit == 0 else { return }
    state.subscriptions[state.main].modules |= bit
    emit(.moduleSubscribed, at: at, user: anyUser(at), module: module)
    emit(.moduleEnabled, at: at + 1_000_000, user: anyUser(at), module: module)
    reprice(state.main, .moduleAdded, module: module, at: at)
  }

  /// Removes a module from the main subscription.
  mutating func removeModule(_ module: Int, at: Int64) {
    let bit = UInt8(1) << UInt8(module)
    guard canChange(state.main), state.subscriptions[state.main].modules & bit != 0 else { return }
    state.subscriptions[state.main].modules &= ~bit
    emit(.moduleDisabled, at: at, user: anyUser(at), module: module)
    emit(.moduleUnsubscribed, at: at, user: anyUser(at), module: module)
    reprice(state.main, .moduleRemoved, module: module, at: at)
  }

  /// Lowers the price by some percent.
  mutating func giveDiscount(_ percent: Int, at: Int64) {
    guard canChange(state.main), state.subscriptions[state.main].discountPercent != percent else {
      return
    }
    state.subscriptions[state.main].discountPercent = percent
    reprice(state.main, .discount, at: at)
  }

  // MARK: Pauses

  /// Pauses the main subscription; nothing is charged or used until it goes on.
  mutating func pause(days: Int, at: Int64) {
    let index = state.main
    guard canChange(index) else { return }
    state.subscriptions[index].status = .paused
    state.subscriptions[index].generation += 1
    change(index, .pause, at: at)
    emit(.subscriptionPaused, at: at, user: anyUser(at))
    state.plan(
      .resume(index, generation: state.subscriptions[index].generation),
      at: at + Int64(days) * microsecondsPerDay)
  }

  /// Goes on after a pause, with a period of its own.
  mutating func resume(_ index: Int, generation: Int, at: Int64) {
    guard state.subscriptions[index].status == .paused,
      state.subscriptions[index].generation == generation
    else { return }
    emit(.subscriptionResumed, at: at, user: anyUser(at))
    activate(index, .resume, at: at)
  }
}
