import AlmanacCore
import Forecasting
import Testing

@testable import Predictions

/// The series of all scopes.
@Suite("The series of scopes")
struct ScopedSeriesTests {
  private static func day(_ text: String) throws -> CalendarDate {
    try #require(CalendarDate(text))
  }

  private static func identifier(_ number: Int) throws -> UUIDValue {
    let digits = "\(number)"
    let zeros = String(repeating: "0", count: 12 - digits.count)
    return try #require(UUIDValue("00000000-0000-4000-8000-" + zeros + digits))
  }

  /// Two companies with plans, one without anything known of it.
  private static func companies() throws -> [CompanyAmounts] {
    let plan = try identifier(901)
    let module = try identifier(902)
    let split = CompanyAmounts.Split(
      day: try day("2025-01-01"),
      parts: [
        CompanyAmounts.Part(plan: plan, module: .zero, weight: 2),
        CompanyAmounts.Part(plan: plan, module: module, weight: 1),
      ])
    func entries(_ list: [(String, Int128)]) throws -> [CompanyAmounts.Entry] {
      try list.map { CompanyAmounts.Entry(day: try day($0.0), amount: $0.1) }
    }
    return [
      CompanyAmounts(
        company: try identifier(1), segment: "small",
        entries: try entries([("2025-01-01", 100), ("2025-02-03", 50), ("2025-03-02", 10)]),
        splits: [split]),
      CompanyAmounts(
        company: try identifier(2), segment: nil,
        entries: try entries([("2025-02-28", 100), ("2025-03-04", 7)]), splits: []),
    ]
  }

  @Test("hold every sum in every period, and what is known of the month that has begun")
  func sums() throws {
    let series = try #require(
      ScopedSeries(
        try Self.companies(), measure: .revenue, grain: .month, scopes: ForecastScope.allCases,
        through: try Self.day("2025-03-05")))
    #expect(series.missing == [])
    #expect(series.input.count == 2)
    #expect(series.input.nodes[0].values == [0.01, 0.015])
    #expect(series.runningMonth?.known == 17)
    for sum in series.input.hierarchy.sums {
      let parts = sum.parts.filter { series.input.nodes[$0].values.count == 2 }
      for period in 0..<2 {
        let total = parts.reduce(0) { $0 + series.input.nodes[$1].values[period] }
        #expect(abs(total - series.input.nodes[sum.total].values[period]) < 1e-12)
      }
      let known = parts.reduce(0) { $0 + series.input.nodes[$1].floor }
      #expect(abs(known - series.input.nodes[sum.total].floor) < 1e-12)
    }
    #expect(
      series.subjects.map { "\($0.scope) \($0.id.suffix(9))" } == [
        "total ", "segment none", "segment small", "plan 000000000", "plan 000000901",
        "module 000000000", "module 000000902", "company 000000001", "company 000000002",
        "company new:none", "company new:small",
      ])
  }

  @Test("of months and days agree on the month that has begun, and leave both alone otherwise")
  func runningMonth() throws {
    let start = try Self.day("2024-01-01")
    let through = try Self.day("2025-02-09")
    let companies = try (1...5).map { number in
      CompanyAmounts(
        company: try Self.identifier(number), segment: number % 2 == 0 ? "even" : "odd",
        entries: stride(from: number, to: start.distance(to: through) + 1, by: number + 1).map {
          CompanyAmounts.Entry(
            day: start.adding(days: $0), amount: Int128(10_000 * number + $0 % 7 * 1_111))
        }, splits: [])
    }
    func forecast(_ grain: Grain, horizon: Int) throws -> ScopedForecast {
      let series = try #require(
        ScopedSeries(
          companies, measure: .revenue, grain: grain, scopes: ForecastScope.allCases,
          through: through))
      var settings = HierarchySettings(horizon: horizon, season: grain.seasonLength)
      if grain == .day { settings.summed = 19 }
      let forecaster = try HierarchyForecaster(series.input, settings: settings)
      return ScopedForecast(
        measure: .revenue, series: series,
        forecast: try forecaster.combined((0..<forecaster.count).map { try forecaster.node($0) }))
    }
    let days = try forecast(.day, horizon: 28)
    let months = try forecast(.month, horizon: 3)
    let rows = try months.withRunningMonth(of: days).rows()
    let before = try months.rows()
    let daily = try days.rows().filter { $0.periodStart.month == 2 }
    for (row, old) in zip(rows, before) {
      guard row.horizon == 1 else {
        #expect(row == old)
        continue
      }
      let known =
        companies.filter { company in
          switch row.subject.scope {
          case .total: true
          case .segment: company.segment == row.subject.id
          default: company.company == row.subject.company
          }
        }.flatMap(\.entries).filter { $0.day.year == 2025 && $0.day.month == 2 }
        .reduce(0) { $0 + $1.amount }
      let left = daily.filter { $0.subject == row.subject }
      #expect(left.count == 19)
      let sum = known + left.reduce(0) { $0 + $1.amounts.predicted }
      #expect(abs(row.amounts.predicted - sum) <= 20, "\(row.subject)")
      #expect(row.amounts.lower95 >= known && row.amounts.lower95 <= row.amounts.lower80)
      #expect(row.modelUsed == left[0].modelUsed && row.fallbackReason?.contains("days") == true)
    }
    for sum in months.series.input.hierarchy.sums {
      let first = rows.filter { $0.horizon == 1 }.map(\.amounts.predicted)
      #expect(first[sum.total] == sum.parts.reduce(0) { $0 + first[$1] })
    }
    // Days that are not forecast to the end of the month say nothing of it.
    #expect(try months.withRunningMonth(of: forecast(.day, horizon: 7)).rows() == before)
  }

  @Test("of a level hold it until it changes")
  func levels() throws {
    let series = try #require(
      ScopedSeries(
        try Self.companies(), measure: .mrr, grain: .day, scopes: [.total],
        through: try Self.day("2025-03-05")))
    #expect(series.input.nodes.count == 1)
    let values = series.input.nodes[0].values
    #expect(values.count == 64)
    #expect(values[0] == 0.01 && values[32] == 0.01 && values[33] == 0.005)
    #expect(values[58] == 0.015 && values[63] == 0.0017)
  }

  @Test("leave out scopes of which nothing is known")
  func missing() throws {
    let series = try #require(
      ScopedSeries(
        [try Self.companies()[1]], measure: .revenue, grain: .day,
        scopes: ForecastScope.allCases, through: try Self.day("2025-03-05")))
    #expect(series.missing == [.segment, .plan, .module])
    #expect(series.subjects.map(\.id).last == "new")
  }

  @Test("share out amounts so that nothing is lost", arguments: 1...20)
  func shares(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let parts = (0..<5).map { _ in
      CompanyAmounts.Part(
        plan: .zero, module: .zero, weight: Int128(random.nextUnit() * 1e12) + 1)
    }
    let amount = Int128(random.nextUnit() * 1e15) * (seed % 2 == 0 ? 1 : -1)
    let shares = CompanyAmounts.shares(of: amount, by: parts)
    #expect(shares.reduce(0, +) == amount, "seed \(seed)")
    let total = parts.reduce(0) { $0 + $1.weight }
    for (share, part) in zip(shares, parts) {
      let exact = Double(amount) * (Double(part.weight) / Double(total))
      #expect(abs(Double(share) - exact) < 2, "seed \(seed)")
    }
  }
}
