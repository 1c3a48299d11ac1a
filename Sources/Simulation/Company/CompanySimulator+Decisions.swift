import AlmanacCore
import Glibc

// What a company decides at the end of a month for the 28 days that follow (D-202).
extension CompanySimulator {
  /// The span of days within which a decision takes effect.
  static let decisionDays = 28.0

  /// The covariates of churn, upgrade and adoption at midnight UTC of a day.
  ///
  /// Use counts the company's local days up to the one before. All else is known before the
  /// instant.
  func covariates(_ question: Question, module: Int = 0, at day: CalendarDate) -> [Double] {
    let main = state.subscriptions[state.main]
    let recent = Double(state.use(before: day, from: 1, through: 30))
    switch question {
    case .churn:
      let former = Double(state.use(before: day, from: 31, through: 60))
      let quiet = (1...30).count { state.use(before: day, from: $0, through: $0) == 0 }
      let at = day.startUTC.microseconds
      let months =
        Double(at - (state.activatedAt ?? at)) / Double(microsecondsPerDay) / 30.4375
      let drop = former == 0 ? 0 : log((former + 10) / (recent + 10))
      return [
        min(2, max(-1.5, drop)), Double(quiet) / 30, Double(min(5, state.tickets.count)),
        Double(min(4, state.refusals.count)), log(1 + max(0, months)), main.tier == 1 ? 1 : 0,
        main.tier == 2 ? 1 : 0, main.tier == 3 ? 1 : 0,
      ]
    case .upgrade:
      let quota = Catalogue.tierQuotas[main.tier] * Double(main.seats)
      return [
        min(2, recent / quota), log(Double(main.seats)),
        Double(main.modules.nonzeroBitCount) / Double(Catalogue.modules.count),
      ]
    case .adoption:
      let companions = Catalogue.companions(of: module)
      let owned = companions.count { main.modules >> UInt8($0) & 1 == 1 }
      return [
        Double(owned) / Double(companions.count),
        log(1 + recent / Double(main.seats) / 30), main.tier >= 2 ? 1 : 0,
      ]
    case .paymentFailure: preconditionFailure("payment failure depends on an attempt")
    }
  }

  /// The probability of yes, by the kind of world.
  func probability(of question: Question, _ covariates: [Double], at: Int64) -> Double {
    var terms: HardTerms?
    if settings.kind == .hard {
      let middle = settings.start.adding(days: settings.firstDays / 2).startUTC.microseconds
      let position = Question.allCases.firstIndex(of: question) ?? 0
      terms = HardTerms(companyEffect: profile.effects[position], isShifted: at >= middle)
    }
    return Hazard.of(question).probability(covariates, hard: terms)
  }

  /// Draws a decision and writes it down.
  private func draw(
    _ question: Question, module: Int? = nil, at day: CalendarDate, _ stream: DrawStream
  ) -> Bool {
    let at = day.startUTC.microseconds
    let values = covariates(question, module: module ?? 0, at: day)
    let probability = probability(of: question, values, at: at)
    let outcome =
      draws.unit(stream, Int(day.daysSinceEpoch), 10 + (module ?? 0)) < probability
    record?.decisions.append(
      Decision(
        question: question, at: at, module: module, attempt: nil, covariates: values,
        probability: probability, outcome: outcome))
    return outcome
  }

  /// An instant within the days after a decision.
  private func time(_ index: Int, after day: CalendarDate) -> Int64 {
    let start = day.startUTC.microseconds
    return draws.instant(
      from: start, to: start + Int64(CompanySimulator.decisionDays * Double(microsecondsPerDay)),
      .timing, Int(day.daysSinceEpoch), index)
  }

  /// Takes the decisions of the month that begins with a day.
  mutating func decide(at day: CalendarDate) {
    let at = day.startUTC.microseconds
    let month = at - 30 * microsecondsPerDay
    state.tickets.removeAll { $0 < month }
    state.refusals.removeAll { $0 < month }
    state.monthUse = 0
    state.quotaNotices = 0
    if let record { record.monthStates.append(monthState(at: at)) }
    let step = Int(day.daysSinceEpoch)
    let main = state.subscriptions[state.main]
    if main.status == .canceled {
      if profile.script == nil, let fall = state.lastFall, at - fall > 14 * microsecondsPerDay,
        draws.unit(.lifecycle, step, 40) < 0.04
      {
        state.plan(.reactivate, at: time(100, after: day))
      }
      return
    }
    guard state.hasRevenue, main.isBilled, main.cancelAt == nil, mayDecide(at: at) else { return }
    if draw(.churn, at: day, .churn) {
      let end = time(101, after: day)
      if draws.unit(.churn, step, 2) < 0.55 {
        state.plan(.cancelAll(.voluntary), at: end)
      } else {
        let asked = at + Int64(draws.unit(.churn, step, 3) * Double(end - at))
        state.plan(.scheduleCancellation(at: end), at: asked)
      }
      return
    }
    if main.tier < Catalogue.tiers.count - 1, !main.migratesAtRenewal,
      draw(.upgrade, at: day, .upgrade)
    {
      state.plan(.upgrade(state.main), at: time(102, after: day))
    }
    for module in Catalogue.modules.indices where main.modules >> UInt8(module) & 1 == 0 {
      if draw(.adoption, module: module, at: day, .adoption) {
        state.plan(.addModule(module), at: time(110 + module, after: day))
      }
    }
    decideTheRest(at: day)
  }

  /// Whether the company's story leaves it free to decide: not before its script is over.
  private func mayDecide(at: Int64) -> Bool {
    profile.script == nil || at > profile.signUp.microseconds + 26 * microsecondsPerDay
  }

  /// What happens at fixed chances and no model is asked about.
  private mutating func decideTheRest(at day: CalendarDate) {
    let step = Int(day.daysSinceEpoch)
    func chance(_ index: Int) -> Double { draws.unit(.lifecycle, step, index) }
    let main = state.subscriptions[state.main]
    if chance(41) < 0.01 { state.plan(.planDowngrade(state.main), at: time(120, after: day)) }
    if chance(42) < 0.14 {
      let size = max(1, Int((Double(main.seats) * 0.15 * chance(43)).rounded(.up)))
      state.plan(
        .changeQuantity(state.main, by: chance(44) < 0.68 ? size : -size), at: time(121, after: day)
      )
    }
    if chance(45) < 0.02, main.modules != 0 {
      let owned = Catalogue.modules.indices.filter { main.modules >> UInt8($0) & 1 == 1 }
      state.plan(
        .removeModule(owned[Int(chance(46) * Double(owned.count))]), at: time(122, after: day))
    }
    if chance(47) < 0.02 {
      let percent = [0, 10, 15, 20, 30][Int(chance(48) * 5)]
      state.plan(.giveDiscount(percent: percent), at: time(123, after: day))
    }
    if chance(49) < 0.006 {
      state.plan(.pause(days: 20 + Int(chance(50) * 40)), at: time(124, after: day))
    }
    if chance(51) < 0.015 {
      let asked = time(125, after: day)
      let end = asked + Int64((8 + 15 * chance(52)) * Double(microsecondsPerDay))
      state.plan(.scheduleCancellation(at: end), at: asked)
      state.plan(
        .withdrawCancellation,
        at: asked + Int64((1 + 6 * chance(53)) * Double(microsecondsPerDay)))
    }
    if chance(54) < 0.15, main.isLegacy {
      state.subscriptions[state.main].migratesAtRenewal = true
    }
    if chance(55) < 0.03 { state.plan(.replaceMethod(retrying: nil), at: time(126, after: day)) }
  }

  /// The state at an instant, for the truth.
  func monthState(at: Int64) -> MonthState {
    let main = state.subscriptions[state.main]
    let units = state.subscriptions.filter(\.isBilled).reduce(0.0) { sum, subscription in
      sum + Double(subscription.recurring) / 10_000 / Double(subscription.interval.rawValue)
    }
    return MonthState(
      at: at, mrrDollars: units / profile.currency.perDollar, tier: main.tier, seats: main.seats,
      modules: main.modules, vigour: state.vigour,
      isCancelScheduled: state.subscriptions.contains {
        $0.status != .canceled && $0.cancelAt != nil
      })
  }
}
