import AlmanacCore
import Billing

// How a company begins, and the stories that are placed into some.
extension CompanySimulator {
  /// The instant `days` after another, at a drawn time of the day.
  func later(_ at: Int64, days: Double, _ step: Int, _ index: Int) -> Int64 {
    at + Int64(days * Double(microsecondsPerDay))
      + Int64(draws.unit(.timing, step, index) * 8 * Double(microsecondsPerHour))
  }

  /// Signs up: users, a payment method, and the first subscription as a trial or at once.
  mutating func signUp() {
    let at = profile.signUp.microseconds
    inviteUser(at: at)
    activateUser(0, at: at)
    for user in 1..<max(1, profile.seats) {
      state.plan(.inviteUser, at: later(at, days: draws.unit(.timing, user, 1) * 9, user, 2))
    }
    if profile.script == nil, draws.unit(.lifecycle, 0, 1) < 0.12 {
      state.plan(
        .addSubscription, at: later(at, days: 30 + 170 * draws.unit(.lifecycle, 0, 2), 0, 3))
    }
    addMethod(at: at, isFirst: true)
    let trialDays: Int64 = profile.hasTrial ? 14 : 0
    let end = at + trialDays * microsecondsPerDay
    state.subscriptions.append(
      SubscriptionState(
        ordinal: 0, status: profile.hasTrial ? .trialing : .active, tier: profile.tier,
        interval: profile.interval, seats: profile.seats))
    state.subscriptions[0].modules = profile.modules
    if profile.script == .migration || (profile.script == nil && profile.index % 16 == 3) {
      state.subscriptions[0].isLegacy = true
      state.subscriptions[0].tier = 1
      state.subscriptions[0].migratesAtRenewal = profile.script == .migration
    }
    start(0, at: at, migratedFrom: nil)
    emit(.subscriptionCreated, at: at, user: 0)
    if profile.hasTrial {
      state.subscriptions[0].trialEndsAt = end
      change(0, .trialStart, at: at)
      emit(.trialStarted, at: at, user: 0)
      planTrial(from: at, end: end)
    } else {
      activate(0, .new, at: at)
    }
    followScript(from: at)
  }

  /// Plans how a trial goes on.
  private mutating func planTrial(from at: Int64, end: Int64) {
    let isExtended =
      profile.script == .trialExtended
      || (profile.script == nil && draws.unit(.lifecycle, 0, 4) < 0.08)
    if isExtended { state.plan(.extendTrial(0), at: at + 10 * microsecondsPerDay) }
    state.plan(.endTrial(0), at: isExtended ? end + 14 * microsecondsPerDay : end)
  }

  /// Plans the story of the company's script, counted from its sign-up.
  private mutating func followScript(from at: Int64) {
    func day(_ days: Double) -> Int64 { later(at, days: days, 1, Int(days)) }
    switch profile.script {
    case .secondSubscription: state.plan(.addSubscription, at: day(5))
    case .pause: state.plan(.pause(days: 21), at: day(12))
    case .withdrawnCancellation:
      state.plan(.scheduleCancellation(at: day(24)), at: day(10))
      state.plan(.withdrawCancellation, at: day(15))
    case .scheduledCancellation:
      state.plan(.scheduleCancellation(at: day(22)), at: day(11))
    case .twoChangesInOneDay:
      let noon =
        (at / microsecondsPerDay + 8) * microsecondsPerDay + 9 * microsecondsPerHour
      state.plan(.upgrade(0), at: noon)
      state.plan(.downgradeAtOnce(0), at: noon + 6 * microsecondsPerHour)
    case .refundAndCredit:
      state.plan(.specialInvoice(.refundAndCredit), at: day(3))
      state.plan(.refund(invoice: 0, percent: 40), at: day(20))
    case .deletion:
      state.plan(.cancelAll(.voluntary), at: day(18))
      state.plan(.delete, at: day(23))
    case .zeroAmount: state.plan(.specialInvoice(.zeroAmount), at: day(7))
    case .negativeAmount: state.plan(.specialInvoice(.negativeAmount), at: day(7))
    case .fifteenDigits: state.plan(.specialInvoice(.fifteenDigits), at: day(7))
    case .reactivation:
      state.plan(.cancelAll(.voluntary), at: day(8))
      state.plan(.reactivate, at: day(24))
    case nil, .quarterlyPlan, .yearlyPlan, .migration, .pastDue, .trialExtended, .trialExpired,
      .farZone, .threeDecimals, .uncollectible:
      break
    }
  }

  // MARK: Users

  /// Invites a user, who becomes active some hours later.
  mutating func inviteUser(at: Int64) {
    let user = state.userCount
    state.userCount += 1
    if let record {
      let role = user == 0 ? "owner" : user % 7 == 1 ? "admin" : "member"
      let recordedAt = recorded(.user, user, at)
      record.users.append(
        UserRow(
          id: identifier(.user, user), role: role, invitedAt: at, recordedAt: recordedAt,
          changedAt: recordedAt))
    }
    if user > 0 {
      emit(.userInvited, at: at, user: 0)
      state.plan(
        .activateUser(user),
        at: at + Int64(draws.unit(.timing, user, 4) * 30 * Double(microsecondsPerHour)))
    }
  }

  /// Lets an invited user begin.
  mutating func activateUser(_ user: Int, at: Int64) {
    state.activeUsers.append(Int16(user))
    if let record {
      record.users[user].activatedAt = at
      record.users[user].changedAt = CompanySimulator.known(record.users[user].recordedAt, at)
    }
    emit(.userActivated, at: at, user: Int16(user))
  }

  /// Ends the account of the user who came last, unless only one is left.
  mutating func deactivateUser(at: Int64) {
    guard state.activeUsers.count > 1 else { return }
    let user = Int(state.activeUsers.removeLast())
    if let record {
      record.users[user].deactivatedAt = at
      record.users[user].changedAt = CompanySimulator.known(record.users[user].recordedAt, at)
    }
    emit(.userDeactivated, at: at, user: Int16(user))
  }
}
