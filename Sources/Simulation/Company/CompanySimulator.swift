import AlmanacCore
import Billing
import Glibc

/// The life of one company, day by day.
///
/// Each day has three parts, in this order: at the first of a month the decisions of the month that
/// begins, each by its ``Hazard``; the actions on the agenda, by time, which plan further ones; and
/// what the users do. Only the state and the draws decide what comes next, so a copy of the
/// simulator with another replicate has the same past and another future.
struct CompanySimulator {
  let settings: WorldSettings
  let profile: CompanyProfile
  let zone: ZoneRules
  var draws: Draws
  var state = CompanyState()
  /// Where rows go; `nil` in a forward simulation.
  var record: CompanyRecord?
  /// Whether the record holds the single events of daily use.
  var includesUse = true

  init(settings: WorldSettings, profile: CompanyProfile, zone: ZoneRules) {
    self.settings = settings
    self.profile = profile
    self.zone = zone
    draws = Draws(seed: settings.seed, entity: profile.index)
    record = CompanyRecord(
      profile, recordedAt: recorded(.company, 0, profile.signUp.microseconds))
  }

  /// The first day on which anything happens.
  var firstDay: CalendarDate { profile.signUp.dateUTC }

  /// Lives through one day.
  mutating func live(_ day: CalendarDate) {
    if day == firstDay { signUp() }
    if state.isDeleted { return }
    if day.day == 1, day > firstDay { decide(at: day) }
    let end = day.startUTC.microseconds + microsecondsPerDay
    while let (at, action) = state.next(before: end) { perform(action, at: at) }
    if firstDay.distance(to: day) >= 2 { use(on: day) }
  }

  /// Performs an action.
  private mutating func perform(_ action: Action, at: Int64) {
    switch action {
    case .extendTrial(let index): extendTrial(index, at: at)
    case .endTrial(let index): endTrial(index, at: at)
    case .renew(let index, let generation): renew(index, generation: generation, at: at)
    case .upgrade(let index): changeTier(index, by: 1, at: at)
    case .downgradeAtOnce(let index): changeTier(index, by: -1, at: at)
    case .planDowngrade(let index): planDowngrade(index, at: at)
    case .changeQuantity(let index, let change): changeQuantity(index, by: change, at: at)
    case .addModule(let module): addModule(module, at: at)
    case .removeModule(let module): removeModule(module, at: at)
    case .giveDiscount(let percent): giveDiscount(percent, at: at)
    case .pause(let days): pause(days: days, at: at)
    case .resume(let index, let generation): resume(index, generation: generation, at: at)
    case .scheduleCancellation(let end): scheduleCancellation(for: end, at: at)
    case .withdrawCancellation: withdrawCancellation(at: at)
    case .cancelScheduled: cancelScheduled(at: at)
    case .cancelAll(let reason): cancelAll(reason, at: at)
    case .reactivate: reactivate(at: at)
    case .addSubscription: addSubscription(at: at)
    case .collect(let invoice): collect(invoice, at: at)
    case .markOverdue(let invoice): markOverdue(invoice, at: at)
    case .giveUp(let invoice): giveUp(invoice, at: at)
    case .refund(let invoice, let percent): refund(invoice, percent: percent, at: at)
    case .settleRefund(let refund): settleRefund(refund, at: at)
    case .creditOpenInvoice(let invoice): creditOpenInvoice(invoice, at: at)
    case .dispute(let invoice): dispute(invoice, at: at)
    case .warnOfExpiry(let method): warnOfExpiry(method: method, at: at)
    case .renewCard(let method): renewCard(method, at: at)
    case .replaceMethod(let invoice): replaceMethod(retrying: invoice, at: at)
    case .removeMethod(let method): removeMethod(method, at: at)
    case .openTicket: openTicket(at: at)
    case .closeTicket: emit(.ticketClosed, at: at, user: anyUser(at))
    case .inviteUser: inviteUser(at: at)
    case .activateUser(let user): activateUser(user, at: at)
    case .deactivateUser: deactivateUser(at: at)
    case .specialInvoice(let script): issueSpecialInvoice(script, at: at)
    case .voidInvoice(let invoice): voidInvoice(invoice, at: at)
    case .delete:
      state.isDeleted = true
      record?.deletedAt = at
    }
  }

  // MARK: Recording

  /// The tables whose rows are recorded, each with ordinals of its own.
  enum Table: Int {
    case company, user, subscription, change, invoice, transaction, attempt, method, refund, credit
  }

  /// The identity of a row.
  func identifier(_ table: Table, _ ordinal: Int) -> UUIDValue {
    var present = draws
    present.replicate = 0
    return present.identifier(.identifier, table.rawValue, ordinal)
  }

  /// When a row about something that happened at an instant is recorded.
  func recorded(_ table: Table, _ ordinal: Int, _ at: Int64) -> Int64 {
    let words = draws.block(.recording, ordinal, table.rawValue).words
    return at + Recording.delay(words.0, words.1)
  }

  /// When a change of a row becomes known, which is not before the row itself.
  static func known(_ recordedAt: Int64, _ at: Int64) -> Int64 { max(recordedAt, at + 1_000) }

  /// Adds an event that is not part of a day's ordinary use.
  func emit(
    _ type: EventType, at: Int64, user: Int16? = nil, module: Int? = nil,
    details: SimulatedEvent.Details = .none, value: Int64 = 0, code: UInt8 = 0
  ) {
    guard let record else { return }
    add(
      to: record, type, at: at, user: user, module: module, details: details, value: value,
      code: code)
  }

  /// Adds an event, known or not, to a record.
  func add(
    to record: CompanyRecord, _ type: EventType?, at: Int64, user: Int16? = nil,
    module: Int? = nil, details: SimulatedEvent.Details = .none, value: Int64 = 0, code: UInt8 = 0,
    recordedAt: Int64? = nil, isOfUnknownCompany: Bool = false
  ) {
    let ordinal = record.eventCount
    record.eventCount += 1
    let words = draws.block(.recording, ordinal, 100).words
    let recorded = recordedAt ?? at + Recording.delay(words.0, words.1)
    record.events.append(
      SimulatedEvent(
        id: draws.identifier(.identifier, 100, ordinal), happenedAt: at, recordedAt: recorded,
        type: type, user: user, module: module.map { Int8($0) }, details: details, value: value,
        code: code, isMalformed: false, isOfUnknownCompany: isOfUnknownCompany,
        repeatedAt: Recording.repetition(of: recorded, words.2, words.3)))
  }

  /// One of the active users, by an instant; `nil` if there is none.
  func anyUser(_ at: Int64) -> Int16? {
    guard !state.activeUsers.isEmpty else { return nil }
    let seconds = Int(at / 1_000_000)
    return state.activeUsers[
      draws.choice(below: state.activeUsers.count, .timing, seconds, 900)]
  }
}
