import AlmanacCore

/// What a company will do, and when.
enum Action {
  case extendTrial(Int)
  case endTrial(Int)
  case renew(Int, generation: Int)
  case upgrade(Int)
  case downgradeAtOnce(Int)
  case planDowngrade(Int)
  case changeQuantity(Int, by: Int)
  case addModule(Int)
  case removeModule(Int)
  case giveDiscount(percent: Int)
  case pause(days: Int)
  case resume(Int, generation: Int)
  case scheduleCancellation(at: Int64)
  case withdrawCancellation
  case cancelScheduled
  case cancelAll(CancelReason)
  case reactivate
  case addSubscription
  case collect(invoice: Int)
  case markOverdue(invoice: Int)
  case giveUp(invoice: Int)
  case refund(invoice: Int, percent: Int)
  case settleRefund(Int)
  case creditOpenInvoice(invoice: Int)
  case dispute(invoice: Int)
  case warnOfExpiry(method: Int)
  case renewCard(Int)
  case replaceMethod(retrying: Int?)
  case removeMethod(Int)
  case openTicket
  case closeTicket
  case inviteUser
  case activateUser(Int)
  case deactivateUser
  case specialInvoice(Script)
  case voidInvoice(invoice: Int)
  case delete
}

/// A subscription as far as the future depends on it.
struct SubscriptionState {
  /// The position among the company's subscriptions.
  let ordinal: Int
  var status: SubscriptionStatus
  var tier: Int
  var interval: BillingInterval
  var isLegacy = false
  var seats: Int
  var modules: UInt8 = 0
  var discountPercent = 0
  var recurring: Int64 = 0
  var sequence = 0
  /// Grows whenever renewals that are planned no longer hold.
  var generation = 0
  var anchor: Int64 = 0
  var period = 0
  var periodStart: Int64 = 0
  var periodEnd: Int64 = 0
  var trialEndsAt: Int64?
  var cancelAt: Int64?
  var canceledAt: Int64?
  var endedAt: Int64?
  var cancelReason: CancelReason?
  var hasPlannedDowngrade = false
  var migratesAtRenewal = false
  /// Invoices that are past due.
  var overdue = 0

  /// Whether it is paid for at present.
  var isBilled: Bool { status == .active }
}

/// An invoice that is still to be paid.
struct Collection {
  let invoice: Int
  let subscription: Int
  var due: Int64
  var attempts = 0
  var failures = 0
  var firstFailure: Int64?
  var lastAttempt: Int64?
  var lastClass: DeclineKind?
  var isOverdue = false
}

/// The class of a refusal: `billing.payment_attempts.decline_class`.
enum DeclineKind: String, CaseIterable {
  case soft
  case technical
  case authentication
  case hard
  case never

  /// A code of the provider for the class.
  func code(isExpired: Bool, _ word: UInt32) -> String {
    let codes: [String]
    switch self {
    case .soft: codes = ["insufficient_funds", "do_not_honor", "card_velocity_exceeded"]
    case .technical: codes = ["processing_error", "issuer_not_available"]
    case .authentication: codes = ["authentication_required"]
    case .hard:
      codes = isExpired ? ["expired_card"] : ["incorrect_number", "card_not_supported"]
    case .never: codes = ["stolen_card", "pickup_card"]
    }
    return codes[choice(word, below: codes.count)]
  }
}

/// The payment method in use.
struct MethodState {
  var ordinal: Int
  var kind: MethodKind
  /// 0 credit, 1 debit, 2 prepaid.
  var funding: Int
  /// The instant from which on a card has expired.
  var expiresAt: Int64?
}

/// What a company's future depends on, besides its profile and the draws.
///
/// A value, so that forward simulations can begin from a copy.
struct CompanyState {
  var agenda: [(at: Int64, action: Action)] = []
  var subscriptions: [SubscriptionState] = []
  /// The position of the main subscription, whose plan and modules decisions are about.
  var main = 0
  var collections: [Collection] = []
  var method = MethodState(ordinal: 0, kind: .card, funding: 0, expiresAt: nil)
  var methodCount = 0
  var invoiceCount = 0
  var attemptCount = 0
  var creditCount = 0
  var refundCount = 0
  var changeCount = 0
  var ticketCount = 0
  /// The users who can log in, by position.
  var activeUsers: [Int16] = []
  var userCount = 0
  var activatedAt: Int64?
  var isDeleted = false
  var vigour = 0.0
  var isDeclining = false
  /// Events of the last 64 days, by day.
  var use = [Int32](repeating: 0, count: 64)
  /// Events of the present month, and how many notices of the quota it has given.
  var monthUse = 0
  var quotaNotices = 0
  /// When tickets were opened and payments refused, of the last month or so.
  var tickets: [Int64] = []
  var refusals: [Int64] = []
  var lastUpgrade: Int64?
  var lastFall: Int64?

  /// Adds an action to the agenda; of two at one instant the earlier planned one comes first.
  mutating func plan(_ action: Action, at: Int64) {
    var low = 0
    var high = agenda.count
    while low < high {
      let middle = (low + high) / 2
      if agenda[middle].at > at { low = middle + 1 } else { high = middle }
    }
    agenda.insert((at, action), at: low)
  }

  /// Takes the next action before an instant.
  mutating func next(before end: Int64) -> (at: Int64, action: Action)? {
    guard let last = agenda.last, last.at < end else { return nil }
    return agenda.removeLast()
  }

  /// Whether users have something to work with.
  var isInService: Bool {
    subscriptions.contains { $0.status == .active || $0.status == .trialing }
  }

  /// Whether anything is paid for at present.
  var hasRevenue: Bool { subscriptions.contains { $0.isBilled && $0.recurring > 0 } }

  /// The events of the days from `first` to `last` days before a day.
  func use(before day: CalendarDate, from first: Int, through last: Int) -> Int {
    (first...last).reduce(0) { sum, back in
      sum + Int(use[(Int(day.daysSinceEpoch) - back) & 63])
    }
  }
}
