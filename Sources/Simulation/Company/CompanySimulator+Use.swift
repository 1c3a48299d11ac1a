import AlmanacCore
import Billing
import Glibc

// What users do on a day (D-203): how much is part of the state, the single events are not.
extension CompanySimulator {
  /// The level of use of a day from the one before: it returns to the usual one, except while the
  /// company loses interest.
  private mutating func moveVigour(_ step: Int) {
    let block = draws.block(.vigour, step)
    let changes = unit(block.words.0) < (state.isDeclining ? 1 / 70.0 : 1 / 160.0)
    if changes { state.isDeclining.toggle() }
    let noise = normalQuantile(block.secondUnit)
    let pull = state.isDeclining ? -0.025 : -0.03 * state.vigour
    state.vigour = min(1, max(-3, state.vigour + pull + 0.05 * noise))
  }

  /// Lives through the use of a local day.
  mutating func use(on day: CalendarDate) {
    let step = Int(day.daysSinceEpoch)
    moveVigour(step)
    state.use[step & 63] = 0
    guard state.isInService, !state.activeUsers.isEmpty else { return }
    let level = profile.season(day) * exp(state.vigour)
    let block = draws.block(.activity, step)
    let active = binomial(
      trials: state.activeUsers.count, probability: min(0.96, profile.activeShare * level),
      unit: block.unit)
    if active > 0 {
      let mean = Double(active) * profile.eventsPerUser * max(0.3, exp(0.5 * state.vigour))
      let count = active + poisson(mean: mean, unit: block.secondUnit)
      state.use[step & 63] = Int32(truncatingIfNeeded: count)
      state.monthUse += count
      if includesUse { emitUse(day, active: active, count: count) }
    }
    moreOf(day, step)
  }

  /// Notices of the quota, tickets, and what else happens now and then.
  private mutating func moreOf(_ day: CalendarDate, _ step: Int) {
    let at = localStart(day) + 12 * microsecondsPerHour
    if let record { addOddEvents(record, step: step, at: at) }
    let main = state.subscriptions[state.main]
    let quota = Catalogue.tierQuotas[main.tier] * Double(main.seats)
    let share = Double(state.monthUse) / quota
    if state.quotaNotices == 0, share > 0.8 {
      state.quotaNotices = 1
      emit(.quotaWarning, at: at)
    }
    if state.quotaNotices == 1, share > 1 {
      state.quotaNotices = 2
      emit(.quotaExceeded, at: at + microsecondsPerHour)
    }
    let luck = draws.block(.daily, step)
    let ticketChance = 0.012 * sqrt(Double(state.activeUsers.count)) * (state.isDeclining ? 1.8 : 1)
    if luck.unit < ticketChance {
      let next = day.adding(days: 1).startUTC.microseconds
      state.plan(
        .openTicket, at: next + Int64(luck.secondUnit * 20 * Double(microsecondsPerHour)))
    }
    let rare = draws.block(.daily, step, 1).words
    if unit(rare.0) < 0.004 { emit(.userRoleChanged, at: at, user: anyUser(at)) }
    if unit(rare.1) < 0.006 {
      emit(
        .npsSubmitted, at: at + microsecondsPerMinute, user: anyUser(at), details: .score,
        value: Int64(choice(rare.2, below: 11)))
    }
    if unit(rare.3) < 0.006 {
      emit(.agentCreated, at: at + 2 * microsecondsPerMinute, user: anyUser(at), module: 3)
    }
  }

  /// Opens a ticket, which is closed some days later.
  mutating func openTicket(at: Int64) {
    let ticket = state.ticketCount
    state.ticketCount += 1
    state.tickets.append(at)
    emit(.ticketOpened, at: at, user: anyUser(at))
    state.plan(
      .closeTicket,
      at: at + Int64((2 + 90 * draws.unit(.timing, ticket, 13)) * Double(microsecondsPerHour)))
  }

  /// Midnight of a day in the company's zone, with the offset in force at noon.
  private func localStart(_ day: CalendarDate) -> Int64 {
    let midnight = day.startUTC.microseconds
    let noon = Timestamp(microseconds: midnight + microsecondsPerDay / 2)
    return midnight - Int64(zone.offsetSeconds(at: noon)) * 1_000_000
  }

  /// Kinds of event of ordinary use, up to a share of 65,536; what is left are uses of modules.
  private static let kinds: [(type: EventType, below: UInt32)] = {
    let shares: [(EventType, UInt32)] = [
      (.callStarted, 4_600), (.callCompleted, 4_100), (.callFailed, 500), (.agentUsed, 5_200),
      (.reportExported, 2_000), (.slowRequest, 1_300), (.errorOccurred, 1_100),
      (.userLoginFailed, 1_000), (.moduleUsageAlert, 250), (.moduleEnabled, 120),
      (.moduleDisabled, 100),
    ]
    var sum: UInt32 = 0
    return shares.map { type, share in
      sum += share
      return (type, sum)
    }
  }()

  /// Writes down the single events of a day.
  private func emitUse(_ day: CalendarDate, active: Int, count: Int) {
    guard let record else { return }
    let step = Int(day.daysSinceEpoch)
    let users = chooseUsers(active, step: step)
    let start = localStart(day) + 6 * microsecondsPerHour
    let owned = Catalogue.modules.indices.filter {
      state.subscriptions[state.main].modules >> UInt8($0) & 1 == 1
    }
    let seen = record.events.count
    for index in 0..<count {
      let shape = draws.block(.eventShape, step, index).words
      let recording = draws.block(.eventRecording, step, index).words
      let place = (unit(shape.0) + unit(shape.1)) / 2
      let at = start + Int64(place * 14 * Double(microsecondsPerHour))
      let recordedAt = at + Recording.delay(recording.0, recording.1)
      let isLogin = index < active
      let type: EventType =
        isLogin
        ? .userLoggedIn
        : CompanySimulator.kinds.first { shape.2 >> 16 < $0.below }?.type ?? .moduleUsed
      let user = users[isLogin ? index : choice(shape.2 << 16, below: active)]
      let details = CompanySimulator.details(of: type)
      let hasModule = details == .request && !isLogin && !owned.isEmpty
      let size = unit(shape.3)
      record.events.append(
        SimulatedEvent(
          id: draws.identifier(.eventIdentity, step, index), happenedAt: at,
          recordedAt: recordedAt, type: type, user: user,
          module: hasModule ? Int8(owned[choice(shape.1 << 16, below: owned.count)]) : nil,
          details: details, value: CompanySimulator.duration(of: type, size),
          code: UInt8(truncatingIfNeeded: shape.0 & 0xFF),
          isMalformed: details != .none && unit(shape.1 ^ shape.3) < Recording.malformedShare,
          isOfUnknownCompany: false,
          repeatedAt: Recording.repetition(of: recordedAt, recording.2, recording.3)))
    }
    noteSeen(record, from: seen)
  }

  /// Users of a day, distinct, by Knuth's selection sampling (TAOCP 2, 3.4.2, algorithm S).
  private func chooseUsers(_ count: Int, step: Int) -> [Int16] {
    var chosen: [Int16] = []
    chosen.reserveCapacity(count)
    let total = state.activeUsers.count
    for (position, user) in state.activeUsers.enumerated() where chosen.count < count {
      let place = unit(draws.block(.activity, step, 1 + position).words.0)
      if place * Double(total - position) < Double(count - chosen.count) { chosen.append(user) }
    }
    return chosen
  }

  /// Notes when users were last seen.
  private func noteSeen(_ record: CompanyRecord, from first: Int) {
    let cut = settings.cut.microseconds
    for event in record.events[first...] where event.recordedAt < cut {
      guard let user = event.user.map(Int.init) else { continue }
      if event.happenedAt > record.users[user].lastSeenAt ?? .min {
        record.users[user].lastSeenAt = event.happenedAt
        record.users[user].changedAt = max(
          record.users[user].changedAt,
          CompanySimulator.known(record.users[user].recordedAt, event.recordedAt))
      }
    }
  }

  private static func details(of type: EventType) -> SimulatedEvent.Details {
    switch type {
    case .errorOccurred, .callFailed, .userLoginFailed: .failure
    case .moduleUsageAlert, .moduleEnabled, .moduleDisabled, .callStarted: .none
    default: .request
    }
  }

  /// Milliseconds that a request, a call or a slow request takes, by a number from 0 to 1.
  private static func duration(of type: EventType, _ size: Double) -> Int64 {
    switch type {
    case .callCompleted: Int64(-log(size) * 180_000)
    case .slowRequest: 3_000 + Int64(-log(size) * 4_000)
    default: 5 + Int64(-log(size) * 120)
    }
  }

  /// Events that readers have to cope with: of an unknown type or company, or dated in the future.
  ///
  /// They come by chance, and surely in the first weeks of every company with a script.
  private func addOddEvents(_ record: CompanyRecord, step: Int, at: Int64) {
    let age = step - Int(firstDay.daysSinceEpoch)
    let words = draws.block(.daily, step, 2).words
    let isPlaced = profile.script != nil
    if unit(words.0) < 0.002 || (isPlaced && age == 4) {
      add(to: record, nil, at: at, user: anyUser(at))
    }
    if unit(words.1) < 0.001 || (isPlaced && age == 5) {
      add(to: record, .moduleUsed, at: at, isOfUnknownCompany: true)
    }
    if unit(words.2) < 0.001 || (isPlaced && age == 6) {
      // A clock that is wrong: the event is recorded now and dated up to a year ahead.
      let ahead = 1 + choice(words.3, below: 400)
      add(
        to: record, .moduleUsed, at: at + Int64(ahead) * microsecondsPerDay, user: anyUser(at),
        recordedAt: at)
    }
  }
}
