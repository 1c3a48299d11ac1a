package import AlmanacCore

/// A label of the models, as far as it looks ahead from the end of a month.
package enum Label: String, CaseIterable, Sendable {
  /// Revenue falls to 0 within 30 days and is still 0 seven days later.
  case churn30 = "churn_30d"
  /// The same from day 31 to 90.
  case churn90 = "churn_31_90d"
  /// A higher tier within 90 days.
  case tier = "upsell_tier_90d"
  /// A module that is not owned is owned within 90 days.
  case module = "upsell_module_90d"
}

/// The probability of a label, as the share of forward simulations in which it came true.
package struct LabelProbability: Sendable {
  package let label: Label
  /// The end of a month, midnight UTC, in microseconds since 1970.
  package let at: Int64
  /// The module, for ``Label/module``.
  package let module: Int?
  package let probability: Double
  package let simulations: Int
}

extension World {
  /// The number of courses a label's probability is estimated from.
  package static let simulations = 1_000
  /// The number of pairs of company and end of a month for which that is done, about.
  package static let sampledPairs = 150

  /// The probabilities of a company's labels at those ends of months that are in the sample.
  ///
  /// From a sampled instant on, copies of the company go on with draws of their own for 97 days. A
  /// company is in the sample only while it pays and no cancellation is scheduled.
  ///
  /// - Parameters:
  ///   - index: the company.
  ///   - start: only instants after this one; `nil` for all.
  ///   - simulations: the number of copies, up to 65,535; with 0 there are no probabilities.
  /// - Returns: the probabilities, by instant; none where the company is not in the sample.
  package func labelProbabilities(
    of index: Int, after start: Timestamp? = nil, simulations: Int = World.simulations
  ) -> [LabelProbability] {
    let sampled = sampledMonthEnds(of: index).filter { $0.startUTC > start ?? .distantPast }
    guard let last = sampled.last, simulations > 0 else { return [] }
    var simulator = simulator(of: index)
    simulator.record = nil
    var found: [LabelProbability] = []
    for day in simulator.firstDay..<last.adding(days: 1) {
      if sampled.contains(day) {
        found += labels(of: simulator, at: day, simulations: simulations)
      }
      if day < last { simulator.live(day) }
    }
    return found
  }

  /// The days whose midnight is a sampled end of a month of a company.
  private func sampledMonthEnds(of index: Int) -> [CalendarDate] {
    let draws = Draws(seed: settings.seed, entity: index)
    let profile = CompanyProfile(index: index, in: settings)
    let share = Double(World.sampledPairs) / Double(settings.companies * settings.months)
    var month = profile.signUp.dateUTC.monthStart(adding: 1)
    var days: [CalendarDate] = []
    while month <= settings.end.adding(days: 1) {
      if draws.unit(.profile, 1_000, Int(month.daysSinceEpoch)) < 2 * share { days.append(month) }
      month = month.monthStart(adding: 1)
    }
    return days
  }

  /// The shares of copies in which each label comes true.
  private func labels(
    of simulator: CompanySimulator, at day: CalendarDate, simulations: Int
  ) -> [LabelProbability] {
    let main = simulator.state.subscriptions[simulator.state.main]
    guard simulator.state.hasRevenue, main.isBilled,
      simulator.state.subscriptions.allSatisfy({ $0.cancelAt == nil || $0.status == .canceled })
    else { return [] }
    var churn30 = 0
    var churn90 = 0
    var tier = 0
    var modules = [Int](repeating: 0, count: Catalogue.modules.count)
    for replicate in 1...simulations {
      let future = Future(of: simulator, from: day, replicate: UInt16(replicate))
      if future.falls(from: 0, to: 30) {
        churn30 += 1
      } else if future.falls(from: 30, to: 90) {
        churn90 += 1
      }
      if future.isUpgraded { tier += 1 }
      for module in modules.indices where future.modules >> UInt8(module) & 1 == 1 {
        modules[module] += 1
      }
    }
    func probability(_ label: Label, _ count: Int, module: Int? = nil) -> LabelProbability {
      LabelProbability(
        label: label, at: day.startUTC.microseconds, module: module,
        probability: Double(count) / Double(simulations), simulations: simulations)
    }
    var found = [probability(.churn30, churn30), probability(.churn90, churn90)]
    if main.tier < Catalogue.tiers.count - 1 { found.append(probability(.tier, tier)) }
    for module in modules.indices where main.modules >> UInt8(module) & 1 == 0 {
      found.append(probability(.module, modules[module], module: module))
    }
    return found
  }
}

/// One possible course of the 97 days after an instant.
private struct Future {
  /// Whether there was revenue at the end of each day, the instant itself first.
  private var hasRevenue = [true]
  /// Whether the company moved to a higher tier within 90 days.
  private(set) var isUpgraded = false
  /// The modules owned at the end of any of the 90 days.
  private(set) var modules: UInt8 = 0

  init(of simulator: CompanySimulator, from day: CalendarDate, replicate: UInt16) {
    var copy = simulator
    copy.draws.replicate = replicate
    let start = day.startUTC.microseconds
    for back in 0..<97 {
      copy.live(day.adding(days: back))
      hasRevenue.append(copy.state.hasRevenue)
      if back < 90 {
        isUpgraded = copy.state.lastUpgrade ?? .min >= start
        modules |= copy.state.subscriptions[copy.state.main].modules
      }
    }
  }

  /// Whether revenue falls to 0 on a day of a span and is still 0 seven days later.
  func falls(from first: Int, to end: Int) -> Bool {
    (first..<end).contains { hasRevenue[$0] && !hasRevenue[$0 + 1] && !hasRevenue[min(97, $0 + 8)] }
  }
}

extension Timestamp {
  fileprivate static let distantPast = Timestamp(microseconds: .min)
}
