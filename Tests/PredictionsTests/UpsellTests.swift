import AlmanacCore
import Billing
import Predictions
import Regression
import Testing

/// Upsell against what the world's own facts say, and where there is little to learn from.
@Suite("Upsell")
struct UpsellTests {
  /// What a company has at an instant, by facts alone.
  private func state(
    _ facts: [UpsellWorld.Fact], effectiveBefore end: Timestamp, knownBefore known: Timestamp
  ) -> (tier: Int, modules: Set<Int>) {
    let seen = facts.filter { $0.effective < end && $0.recorded < known }
    return (seen.last?.tier ?? 0, Set(seen.compactMap(\.module)))
  }

  @Test("rows and labels are what the facts say of the 90 days after, as known then and now")
  func labels() throws {
    let world = UpsellWorld()
    let panel = try world.panel()
    let byCompany = Dictionary(grouping: world.facts().facts, by: \.company)
    let instants = world.instants.map(\.startUTC)
    let now = try #require(instants.last)
    // A module is sold from when on somebody has it.
    let sold = instants.map { instant in
      Set(
        byCompany.values.joined().filter { $0.effective < instant && $0.recorded < instant }
          .compactMap(\.module))
    }
    var tiers: [String] = []
    var modules: [String] = []
    for (period, instant) in instants.enumerated() {
      let end = world.instants[period].adding(days: 90).startUTC
      let isKnown = end <= now
      for company in 0..<world.companies {
        let facts = byCompany[company] ?? []
        let then = state(facts, effectiveBefore: instant, knownBefore: instant)
        guard then.tier > 0 else { continue }
        let planned = state(facts, effectiveBefore: end, knownBefore: instant)
        let later = state(facts, effectiveBefore: min(end, now), knownBefore: now)
        func label(_ isYes: Bool) -> String { isKnown ? (isYes ? "1.0" : "0.0") : "nan" }
        if then.tier < 3, planned.tier == then.tier {
          tiers.append("\(company) \(period) \(label(later.tier > then.tier))")
        }
        for module in 0..<4 where !planned.modules.contains(module) {
          guard (world.prerequisites[module] ?? []).allSatisfy({ then.modules.contains($0) })
          else { continue }
          guard period == instants.count - 1 || sold[period].contains(module) else { continue }
          modules.append("\(company) \(period) \(module) \(label(later.modules.contains(module)))")
        }
      }
    }
    #expect(tiers.count > 1_000 && modules.count > 3_000)
    #expect(
      panel.tier.rows.indices.map {
        "\(panel.tier.rows[$0].company) \(panel.tier.rows[$0].period) \(panel.tier.outcomes[$0])"
      } == tiers)
    let groups = try #require(panel.modules.groups)
    #expect(groups.names == (0..<4).map { UpsellWorld.module($0).description })
    #expect(
      panel.modules.rows.indices.map {
        let row = panel.modules.rows[$0]
        return "\(row.company) \(row.period) \(groups.of[$0]) \(panel.modules.outcomes[$0])"
      } == modules)
  }

  @Test(
    "nothing that happened, was recorded or was rewritten after an instant changes its features")
  func noLeakage() throws {
    let full = try UpsellWorld().panel()
    let period = 9
    var past = UpsellWorld()
    let cut = past.instants[period].startUTC
    past.omits = { $0.recorded >= cut }
    // Prices and deletions are of now.
    past.prices = UpsellWorld.prices(scale: 7)
    past.deletions = [UpsellWorld.id(3): past.instants[period + 1].startUTC]
    let then = try past.panel(months: period + 1)
    for (one, other) in [(full.tier, then.tier), (full.modules, then.modules)] {
      let rows = one.rows.indices.filter { one.rows[$0].period <= period }
      let others = other.rows.indices.filter { other.rows[$0].period <= period }
      // What is on offer now alone is not known to have been then.
      let asOf = rows.filter { one.rows[$0].period < period }
      let othersAsOf = others.filter { other.rows[$0].period < period }
      #expect(asOf.map { one.rows[$0] } == othersAsOf.map { other.rows[$0] })
      #expect(asOf.count > 500)
      for name in one.table.names {
        let left = try #require(one.table[name]).numbers
        let right = try #require(other.table[name]).numbers
        #expect(asOf.map { left[$0] } == othersAsOf.map { right[$0] }, "\(name)")
      }
    }
  }

  @Test("rates that are corrected later leave the features of earlier instants equal")
  func laterRates() throws {
    var world = UpsellWorld()
    world.companies = 40
    world.months = 8
    let (euro, dollar) = (try #require(CurrencyCode("EUR")), try #require(CurrencyCode("USD")))
    let last = try #require(world.instants.last).startUTC
    let day = Timestamp.microsecondsPerDay
    world.rates = (0..<270).map { offset in
      let date = UpsellWorld.start.adding(days: offset)
      return ExchangeRate(
        base: euro, quote: dollar, date: date, tenBillionths: 11_000_000_000 + Int128(offset),
        recordedAt: Timestamp(microseconds: date.startUTC.microseconds + day / 4))
    }
    let usual = try world.panel()
    func disturbed(from instant: Timestamp) throws -> UpsellPanel {
      var other = world
      other.rates += world.rates.map { row in
        var row = row
        row.tenBillionths *= 2
        row.recordedAt = max(
          instant, Timestamp(microseconds: row.recordedAt.microseconds + day))
        return row
      }
      return try other.panel()
    }
    func labels(_ rows: RiskRows) -> [[String]] {
      rows.table.names.sorted().map { name in
        (rows.table[name]?.labels ?? []).map { $0.map { "\($0)" } ?? "" }
      }
    }
    let later = try disturbed(from: last)
    #expect(labels(usual.tier) == labels(later.tier))
    #expect(labels(usual.modules) == labels(later.modules))
    #expect(labels(usual.tier).joined().count > 500)
    // Recorded before the last instant, they are known at it.
    let known = try disturbed(from: Timestamp(microseconds: last.microseconds - day))
    #expect(labels(usual.tier) != labels(known.tier))
  }

  @Test("probabilities of models are explained, and ranked by uplift")
  func model() throws {
    let world = UpsellWorld()
    let panel = try world.panel()
    // What was learned, whatever the gates say of it.
    let learned = try UpsellForecast(panel, convert: UpsellWorld.convert)
    let forecast = try UpsellForecast(
      panel,
      kept: (
        .model(try #require(learned.tier.fitted)), .model(try #require(learned.modules.fitted))
      ), convert: UpsellWorld.convert)
    #expect(Set(forecast.rows.map(\.kind)) == [.tier, .module])
    for row in forecast.rows {
      let sum = row.reasons.reduce(0) { $0 + $1.contribution }
      #expect(abs(sum - logit(row.probability)) < 1e-9)
      #expect(row.reasons.last?.feature == "base")
      #expect(row.reasons.contains { $0.feature == "affinity" } == (row.kind == .module))
    }
    let tier = try #require(forecast.rows.first { $0.kind == .tier })
    // Two seats from 10 to 25, or from 25 to 60.
    let gain = tier.target == UpsellWorld.plan(2) ? 300_000.0 : 700_000.0
    #expect(abs(Double(tier.expectedUplift ?? 0) - gain * tier.probability) <= 0.5)
    for (_, rows) in Dictionary(grouping: forecast.rows, by: \.company) {
      #expect(rows.map(\.rank) == Array(1...rows.count))
      for (one, next) in zip(rows, rows.dropFirst()) {
        #expect(try #require(one.expectedUplift) >= #require(next.expectedUplift))
      }
    }
    // A module that goes with another is more likely for those who have that.
    let likely = forecast.rows.filter { $0.target == UpsellWorld.module(1) }
    let facts = Dictionary(grouping: world.facts().facts, by: \.company)
    func mean(_ rows: [UpsellForecast.Row]) -> Double {
      rows.reduce(0) { $0 + $1.probability } / Double(rows.count)
    }
    func owns(_ row: UpsellForecast.Row) -> Bool {
      facts[Int(row.company.low)]?.contains { $0.module == 0 } ?? false
    }
    #expect(mean(likely.filter { owns($0) }) > mean(likely.filter { !owns($0) }))
  }

  @Test("of kept models is what they said, while nothing new is known")
  func kept() throws {
    let panel = try UpsellWorld().panel()
    let forecast = try UpsellForecast(panel, convert: UpsellWorld.convert)
    let again = try UpsellForecast(
      panel, kept: (forecast.tier, forecast.modules), convert: UpsellWorld.convert)
    #expect(again.rows.map(\.probability) == forecast.rows.map(\.probability))
    #expect(again.rows.map(\.target) == forecast.rows.map(\.target))
  }

  @Test("what is on its way or needs another module is not offered")
  func offers() throws {
    var world = UpsellWorld()
    let now = try #require(world.instants.last)
    let soon = now.adding(days: 40).startUTC
    func fact(_ company: Int, _ kind: ChangeKind, module: Int? = nil) -> UpsellWorld.Fact {
      UpsellWorld.Fact(
        company: company, kind: kind, effective: soon, recorded: now.adding(days: -2).startUTC,
        tier: kind == .upgrade ? 2 : 1, module: module)
    }
    world.rises = (0, 0)
    world.firstTier = { _ in 1 }
    world.firstModules = { $0 == 3 ? [2] : [] }
    world.more = [
      fact(0, .upgrade), fact(1, .cancel), fact(2, .moduleAdded, module: 0),
      fact(3, .moduleRemoved, module: 2),
    ]
    world.omits = { fact in
      fact.company < 4 && fact.kind == .moduleAdded && fact.effective < soon
        && !(fact.company == 3 && fact.module == 2)
    }
    let rows = try world.forecast().rows
    func targets(_ company: Int) -> Set<UUIDValue> {
      Set(rows.filter { $0.company == UpsellWorld.id(company) }.map(\.target))
    }
    func modules(_ numbers: [Int]) -> Set<UUIDValue> { Set(numbers.map { UpsellWorld.module($0) }) }
    #expect(targets(0) == modules([0, 1, 2]))
    #expect(targets(1).isEmpty)
    #expect(targets(2) == modules([1, 2]).union([UpsellWorld.plan(2)]))
    // It loses the module that another one needs.
    #expect(targets(3) == modules([0, 1]).union([UpsellWorld.plan(2)]))
  }

  @Test("without moves, companies, modules to add or prices a share or nothing is said, by name")
  func poor() throws {
    var world = UpsellWorld()
    world.rises = (0, 0)
    var forecast = try world.forecast()
    #expect(forecast.tier.reason?.hasPrefix("the rarer outcome occurred 0 times") == true)
    let tiers = forecast.rows.filter { $0.kind == .tier }
    #expect(Set(tiers.map(\.probability)).count == 1 && tiers.allSatisfy { $0.probability < 0.01 })
    #expect(tiers.allSatisfy { $0.reasons.map(\.feature) == ["base_rate", "base"] })

    world.companies = 1
    forecast = try world.forecast()
    #expect(forecast.tier.reason?.contains("1 company") == true)
    #expect(forecast.modules.reason != nil)

    world = UpsellWorld()
    world.firstTier = { _ in 3 }
    world.firstModules = { _ in [0, 1, 2, 3] }
    forecast = try world.forecast()
    #expect(forecast.rows.isEmpty)
    #expect(forecast.tier.reason != nil && forecast.modules.reason != nil)

    world = UpsellWorld()
    world.months = 7
    forecast = try world.forecast()
    #expect(forecast.tier.reason?.contains("months have a known outcome") == true)

    world = UpsellWorld()
    world.prices.modules = [:]
    for plan in world.prices.plans.keys { world.prices.plans[plan]?.unitAmount = nil }
    forecast = try world.forecast()
    #expect(!forecast.rows.isEmpty && forecast.rows.allSatisfy { $0.expectedUplift == nil })
    for (_, rows) in Dictionary(grouping: forecast.rows, by: \.company) {
      for (one, next) in zip(rows, rows.dropFirst()) {
        #expect(one.probability >= next.probability && one.rank + 1 == next.rank)
      }
    }
  }
}
