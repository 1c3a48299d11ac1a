import AlmanacCore
import Billing
import Forecasting
import Testing

@testable import Predictions

/// MRR from its movements.
@Suite("MRR from its movements")
struct BottomUpRevenueTests {
  /// Subscriptions that begin, change, are cancelled ahead of time, and come back.
  struct World {
    static let months = 36
    var changes: [SubscriptionChange] = []
    var segments: [UUIDValue: String] = [:]
    let start: CalendarDate
    private var random: SplitMix64

    private let newMonths: Int

    /// Companies that begin in one of the first months.
    init(seed: UInt64, companies: Int, newMonths: Int = World.months) throws {
      self.newMonths = newMonths
      start = try #require(CalendarDate("2022-01-01"))
      random = SplitMix64(seed: seed)
      for company in 1...companies {
        let id = UUIDValue(high: 1, low: UInt64(company))
        if company % 3 > 0 { segments[id] = company % 3 == 1 ? "small" : "large" }
        live(id, number: UInt64(company))
      }
    }

    func instant(_ month: Int, day: Int) -> Timestamp {
      start.monthStart(adding: month).adding(days: day).startUTC
    }

    /// The time after each month.
    var knownAt: [Timestamp] { (1...World.months).map { instant($0, day: 0) } }

    private mutating func live(_ company: UUIDValue, number: UInt64) {
      var sequence: Int64 = 0
      var amount = Int128(20 + 400 * random.nextUnit()) * 10_000
      func row(
        _ kind: ChangeKind, _ amount: Int128, recorded: Timestamp, effective: Timestamp
      ) -> SubscriptionChange {
        SubscriptionChange(
          id: UUIDValue(high: 3, low: number << 16 | UInt64(sequence)),
          subscription: UUIDValue(high: 2, low: number), company: company, sequence: sequence,
          kind: kind, plan: UUIDValue(high: 4, low: 1), quantity: 1, recurringAmount: amount,
          periodMonths: 1, currency: CurrencyCode("USD"), effectiveAt: effective,
          recordedAt: recorded)
      }
      func add(_ kind: ChangeKind, _ month: Int, day: Int, effective: Timestamp? = nil) {
        sequence += 1
        let at = instant(month, day: day)
        changes.append(row(kind, amount, recorded: at, effective: effective ?? at))
      }
      var month = Int(random.nextUnit() * Double(newMonths))
      add(.new, month, day: 3)
      var isActive = true
      month += 1
      while month < World.months {
        let draw = random.nextUnit()
        if isActive, draw < 0.04 {
          let ahead = 1 + Int(random.nextUnit() * 3)
          add(.cancel, month, day: 10, effective: instant(month + ahead, day: 0))
          if random.nextUnit() < 0.2 {
            add(.cancelWithdrawn, month, day: 20)
          } else {
            isActive = false
            month += ahead
          }
        } else if isActive, draw < 0.09 {
          amount = amount * 5 / 4
          add(.upgrade, month, day: 12)
        } else if isActive, draw < 0.11 {
          amount = amount * 4 / 5
          add(.downgrade, month, day: 12, effective: instant(month + 1, day: 0))
        } else if !isActive, draw < 0.05 {
          add(.reactivate, month, day: 15)
          isActive = true
        }
        month += 1
      }
    }

    var input: LedgerInput {
      LedgerInput(
        changes: changes, rates: ExchangeRates([]), zones: CompanyZones(.utc),
        end: instant(World.months, day: 0))
    }

    func history(horizon: Int) throws -> MovementHistory {
      MovementHistory(
        input, settings: try BottomUpRevenueTests.settings(), start: start, knownAt: knownAt,
        horizon: horizon, segments: segments)
    }
  }

  private static func settings() throws -> LedgerSettings {
    LedgerSettings(currency: try #require(CurrencyCode("USD")))
  }

  @Test(
    "what was known after each month is the ledger of what was recorded by then", arguments: [1, 2])
  func snapshots(seed: UInt64) throws {
    let world = try World(seed: seed, companies: 120)
    let horizon = 4
    let history = try world.history(horizon: horizon)
    var scheduled = 0
    for months in 1...World.months {
      var input = world.input
      input.knownBy = Timestamp(microseconds: world.knownAt[months - 1].microseconds - 1)
      input.end = world.instant(World.months + horizon + 1, day: 0)
      let ledger = try RevenueLedger(input, settings: try Self.settings())
      var sums: [String: [[Int128]]] = [:]
      for company in ledger.companies {
        for movement in company.movements {
          let (year, month, _) = movement.month.parts
          let row = (year - 2022) * 12 + month
          let segment = world.segments[company.company] ?? ForecastSubject.unknownSegment
          if row > months { scheduled += 1 }
          for name in ["", segment] {
            if sums[name] == nil {
              sums[name] = [[Int128]](
                repeating: [Int128](repeating: 0, count: 6), count: World.months + horizon + 2)
            }
            sums[name]?[row][movement.kind.column] += movement.amount
          }
        }
      }
      for (name, rows) in sums {
        let found = name.isEmpty ? history.total : try #require(history.segments[name])
        for (row, amounts) in found[months - 1].rows.enumerated() {
          #expect(
            amounts == rows[row].map { Double($0) / 10_000 }, "seed \(seed), \(name) row \(row)")
        }
      }
    }
    #expect(scheduled > 50)
  }

  @Test("what is recorded at the instant a month ends is known from the next month on")
  func boundary() throws {
    let world = try World(seed: 10, companies: 40)
    let plain = try world.history(horizon: 4)
    let months = 20
    let end = world.knownAt[months - 1]
    var recorded = world
    recorded.changes.append(
      SubscriptionChange(
        id: UUIDValue(high: 5, low: 1), subscription: UUIDValue(high: 6, low: 1),
        company: UUIDValue(high: 1, low: 1_000), sequence: 1, kind: .new,
        plan: UUIDValue(high: 4, low: 1), quantity: 1, recurringAmount: 9_000_000,
        periodMonths: 1, currency: CurrencyCode("USD"), effectiveAt: world.instant(5, day: 3),
        recordedAt: end))
    let active = try #require(
      RevenueLedger(world.input, settings: try Self.settings()).companies.first {
        $0.amount(atEnd: end) > 0 && $0.amount(atEnd: world.instant(months + 1, day: 0)) > 0
      }?.company)
    var input = world.input
    input.deletions = [active: end]
    let deleted = MovementHistory(
      input, settings: try Self.settings(), start: world.start, knownAt: world.knownAt,
      horizon: 4, segments: world.segments)
    for history in [try recorded.history(horizon: 4), deleted] {
      #expect(history.total[..<months] == plain.total[..<months])
      #expect(history.total[months] != plain.total[months])
      for (name, tables) in plain.segments {
        #expect(history.segments[name]?[..<months] == tables[..<months])
      }
    }
  }

  @Test(
    "of a month that has begun, what happened is told from what is scheduled", arguments: [11, 12])
  func begun(seed: UInt64) throws {
    var world = try World(seed: seed, companies: 200)
    let months = 30
    let now = world.instant(months, day: 14)
    for (number, day) in [(UInt64(1), 8), (2, 25)] {
      let company = UUIDValue(high: 1, low: 1_000 + number)
      world.segments[company] = "large"
      for (sequence, kind) in [(Int64(1), ChangeKind.new), (2, .cancel)] {
        world.changes.append(
          SubscriptionChange(
            id: UUIDValue(high: 5, low: number << 8 | UInt64(sequence)),
            subscription: UUIDValue(high: 6, low: number), company: company, sequence: sequence,
            kind: kind, plan: UUIDValue(high: 4, low: 1), quantity: 1, recurringAmount: 9_000_000,
            periodMonths: 1, currency: CurrencyCode("USD"),
            effectiveAt: sequence == 1 ? world.instant(2, day: 0) : world.instant(months, day: day),
            recordedAt: sequence == 1 ? world.instant(2, day: 0) : world.instant(months, day: 5)))
      }
    }
    let history = MovementHistory(
      world.input, settings: try Self.settings(), start: world.start,
      knownAt: world.knownAt[..<(months - 1)] + [now], horizon: 4, segments: world.segments)
    // The oracle: a ledger that ends now.
    var input = world.input
    input.knownBy = now
    input.end = now
    let ledger = try RevenueLedger(input, settings: try Self.settings())
    var happened: [String: [Double]] = [:]
    for company in ledger.companies {
      let segment = world.segments[company.company] ?? ForecastSubject.unknownSegment
      for movement in company.movements
      where movement.month == world.start.monthStart(adding: months) {
        for name in ["", segment] {
          happened[name, default: [Double](repeating: 0, count: 6)][movement.kind.column] +=
            Double(movement.amount) / 10_000
        }
      }
    }
    #expect(happened.count > 1)
    for (name, amounts) in happened {
      let found = name.isEmpty ? history.total : try #require(history.segments[name])
      let realised = try #require(found.last).realised
      for (ours, other) in zip(realised, amounts) {
        #expect(abs(ours - other) < 1e-6, "seed \(seed), \(name)")
      }
      #expect(found.dropLast().allSatisfy { $0.realised.allSatisfy { $0 == 0 } })
    }
    let last = try #require(history.total.last)
    let rest = zip(last.rows[months + 1], last.realised).map { $0 - $1 }
    #expect(rest[MovementKind.churned.column] == -900, "seed \(seed)")
    #expect(last.realised[MovementKind.churned.column] <= -900, "seed \(seed)")
  }

  @Test("what happened in a month that has begun counts whole, and only the rest may be withdrawn")
  func realised() throws {
    // Two fifths of what is scheduled a month ahead are withdrawn, and nothing else churns.
    var random = SplitMix64(seed: 13)
    let due = (0...31).map { _ in -(20 + 60 * random.nextUnit()) }
    let rows = (0...31).map { row in
      row == 0 ? [2_000.0, 0, 0, 0, 0, 0] : [30, 0, 0, 0.6 * due[row], 0, 0]
    }
    func forecast(realised: Double, scheduled: Double) throws -> Double {
      let none = [Double](repeating: 0, count: 6)
      let tables = (1...30).map { months in
        var table = MovementTable(
          rows: rows[...months] + [[Double]](repeating: none, count: 32 - months))
        table.rows[months + 1][3] = months < 30 ? due[months + 1] : realised + scheduled
        if months == 30 { table.realised[3] = realised }
        return table
      }
      return try BottomUpRevenue.forecast(tables[...], horizon: 1, remaining: 0.5)[0]
    }
    let (begun, both) = (
      try forecast(realised: -500, scheduled: 0), try forecast(realised: -500, scheduled: -100)
    )
    let (nothing, scheduled) = (
      try forecast(realised: 0, scheduled: 0), try forecast(realised: 0, scheduled: -100)
    )
    // A part of what is scheduled is expected to be withdrawn, nothing of what happened.
    #expect(nothing - scheduled > 50 && nothing - scheduled < 75)
    #expect(abs(begun - (nothing - 500)) < 1e-6)
    #expect(abs(both - (scheduled - 500)) < 1e-6)
  }

  @Test("rates that hold are continued, what is scheduled is added, and neither counts twice")
  func recursion() throws {
    // 100 new a month, 2 % of MRR lost in every month: the sum of a geometric series.
    var rows = [[Double](repeating: 0, count: 6)]
    var level = 0.0
    for _ in 1...30 {
      rows.append([100, 0, 0, -0.02 * level, 0, 0])
      level += 100 - 0.02 * level
    }
    func tables(ahead: Int, scheduled: Double = 0) -> [MovementTable] {
      (1...30).map { months in
        let future = (1...ahead).map { lead -> [Double] in
          lead == 2 && months == 30 ? [0, scheduled, 0, 0, 0, 0] : [0, 0, 0, 0, 0, 0]
        }
        let later = [[Double]](repeating: [Double](repeating: 0, count: 6), count: 30 - months)
        return MovementTable(rows: rows[...months] + future + later)
      }
    }
    let plain = try BottomUpRevenue.forecast(tables(ahead: 6)[...], horizon: 6)
    var expected = level
    for value in plain {
      expected += 100 - 0.02 * expected
      #expect(abs(value - expected) < 1e-6 * expected)
    }
    let more = try BottomUpRevenue.forecast(tables(ahead: 6, scheduled: 500)[...], horizon: 6)
    #expect(more[0] == plain[0])
    #expect(abs(more[1] - plain[1] - 500) < 1e-6)
    #expect(abs(more[2] - plain[2] - 490) < 1e-6)
    // Half of the first month is over.
    let half = try BottomUpRevenue.forecast(tables(ahead: 6)[...], horizon: 1, remaining: 0.5)
    #expect(abs(half[0] - level - (plain[0] - level) / 2) < 1e-6)
    // Two months say nothing of rates: MRR stays, but for what is scheduled.
    let short = try BottomUpRevenue.forecast(tables(ahead: 6)[..<2], horizon: 3)
    #expect(short == [Double](repeating: rows[1][0] + rows[2].reduce(0, +), count: 3))
  }

  @Test("churn that is mostly known a month ahead is neither missed nor counted twice")
  func leads() throws {
    // 3 % of MRR leave each month; all of it is known one month ahead, a third two months ahead.
    var rows = [[1_000.0, 0, 0, 0, 0, 0]]
    var level = 1_000.0
    for _ in 1...46 {
      rows.append([30, 0, 0, -0.03 * level, 0, 0])
      level += 30 - 0.03 * level
    }
    let tables = (1...40).map { months in
      MovementTable(
        rows: rows.enumerated().map { row, amounts in
          let lead = row - months
          let share = lead <= 1 ? 1.0 : lead == 2 ? 1.0 / 3 : 0
          return lead <= 0 ? amounts : [0, 0, 0, share * amounts[3], 0, 0]
        })
    }
    let found = try BottomUpRevenue.forecast(tables[...], horizon: 6)
    var expected = 1_000.0
    for row in 1...40 { expected += rows[row].reduce(0, +) }
    for (lead, value) in found.enumerated() {
      expected += rows[41 + lead].reduce(0, +)
      #expect(abs(value - expected) < 0.01 * expected, "\(lead + 1) ahead: \(value), \(expected)")
    }
  }

  @Test("forecasts of an origin stay as they are whatever is recorded later", arguments: [3, 4])
  func noPeeking(seed: UInt64) throws {
    let world = try World(seed: seed, companies: 150)
    let whole = try world.history(horizon: 6)
    for months in [12, 24, 30] {
      var part = world
      part.changes.removeAll { $0.recordedAt >= world.knownAt[months - 1] }
      let known = try part.history(horizon: 6)
      #expect(known.total[..<months] == whole.total[..<months], "seed \(seed)")
      #expect(
        try BottomUpRevenue.forecast(known.total[..<months], horizon: 6)
          == BottomUpRevenue.forecast(whole.total[..<months], horizon: 6))
    }
  }

  @Test(
    "errors are smaller than those of the last value, and of the mean change once growth ends",
    arguments: 5...8, [World.months, 18])
  func skill(seed: UInt64, newMonths: Int) throws {
    let world = try World(seed: seed, companies: 600, newMonths: newMonths)
    let history = try world.history(horizon: 6)
    let last = try #require(history.total.last)
    let truth = (1...World.months).map { last.level($0) }
    var errors = [0.0, 0.0, 0.0]
    for end in stride(from: 14, through: World.months - 6, by: 2) {
      let ours = try BottomUpRevenue.forecast(history.total[..<end], horizon: 6)
      let values = Array(truth[..<end])
      let others = [
        ours, SimpleForecasts.naive(values, horizon: 6),
        SimpleForecasts.drift(values, horizon: 6),
      ]
      for (place, forecast) in others.enumerated() {
        for lead in 0..<6 { errors[place] += abs(forecast[lead] - truth[end + lead]) }
      }
    }
    let other = newMonths < World.months ? errors[2] : errors[1]
    #expect(errors[0] < 0.7 * other, "seed \(seed), \(newMonths): \(errors)")
  }

  @Test("of scopes take part in the combination, and a company's scheduled end is foretold")
  func scopes() throws {
    var world = try World(seed: 9, companies: 60)
    let leaving = UUIDValue(high: 1, low: 1_000)
    for (sequence, kind, month) in [(1, ChangeKind.new, 2), (2, .cancel, 38)] {
      world.changes.append(
        SubscriptionChange(
          id: UUIDValue(high: 5, low: UInt64(sequence)), subscription: UUIDValue(high: 6, low: 1),
          company: leaving, sequence: Int64(sequence), kind: kind,
          plan: UUIDValue(high: 4, low: 1), quantity: 1, recurringAmount: 9_000_000,
          periodMonths: 1, currency: CurrencyCode("USD"),
          effectiveAt: world.instant(month, day: 0),
          recordedAt: world.instant(min(month, 35), day: 5)))
    }
    var ledgerInput = world.input
    ledgerInput.knownBy = world.knownAt.last
    let ledger = try RevenueLedger(ledgerInput, settings: try Self.settings())
    let date = try #require(CalendarDate("2024-12-31"))
    let companies = CompanyAmounts.recurring(
      ledger, through: date, zones: CompanyZones(.utc), segments: world.segments)
    let plain = try #require(
      ScopedSeries(
        companies, measure: .mrr, grain: .month, scopes: [.total, .segment, .company],
        through: date))
    let settings = HierarchySettings(
      horizon: 6, season: 12, isLevel: true, baselines: [.naive, .seasonalNaive])
    let history = MovementHistory(
      ledgerInput, settings: try Self.settings(), start: plain.start,
      knownAt: (1...plain.input.count).map { plain.start.monthStart(adding: $0).startUTC },
      horizon: 6, segments: world.segments)
    let series = try plain.withMovements(
      history, ends: settings.ends(count: plain.input.count), horizon: 6, remaining: 1)
    // What is known at the end is what the series are.
    let last = try #require(history.total.last)
    for (period, value) in plain.input.nodes[0].values.enumerated() {
      #expect(abs(last.level(period + 1) - value) < 1e-6)
    }
    let place = try #require(series.subjects.firstIndex { $0.company == leaving })
    func forecast(_ series: ScopedSeries) throws -> (NodeForecast, NodeForecast) {
      let forecaster = try HierarchyForecaster(series.input, settings: settings)
      return (try forecaster.node(0), try forecaster.node(place))
    }
    let (total, company) = try forecast(series)
    #expect(company.points == [900, 900, 0, 0, 0, 0])
    #expect(company.model == "bottom_up")
    let (totalBefore, companyBefore) = try forecast(plain)
    #expect(companyBefore.points == [Double](repeating: 900, count: 6))
    #expect(total.points != totalBefore.points)
  }
}
