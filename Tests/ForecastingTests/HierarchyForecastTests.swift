import AlmanacCore
import Testing

@testable import Forecasting

/// Forecasts of series that add up.
@Suite("Forecasts of a hierarchy")
struct HierarchyForecastTests {
  /// Companies in two segments below a total, each with sales that grow and repeat.
  private static func business(
    seed: UInt64, companies: Int, periods: Int, floor: Double = 0
  ) -> HierarchyInput {
    var random = SplitMix64(seed: seed)
    let series = (0..<companies).map { _ -> [Double] in
      let first = Int(random.nextUnit() * Double(periods) * 0.7)
      let size = 10 + 90 * random.nextUnit()
      return (0..<periods).map { period in
        period < first ? 0 : size * (1 + 0.2 * random.nextUnit() + 0.05 * Double(period % 12))
      }
    }
    func sum(_ chosen: [Int]) -> [Double] {
      (0..<periods).map { period in chosen.reduce(0) { $0 + series[$1][period] } }
    }
    let halves = [0, 1].map { half in (0..<companies).filter { $0 % 2 == half } }
    var nodes = [
      HierarchyInput.Node(
        role: .aggregate, values: sum(Array(0..<companies)), group: 0,
        floor: floor * Double(companies))
    ]
    for half in halves {
      nodes.append(
        HierarchyInput.Node(
          role: .aggregate, values: sum(half), group: 1, floor: floor * Double(half.count)))
    }
    var sums = [Hierarchy.Sum(total: 0, parts: [1, 2])]
    for (place, half) in halves.enumerated() {
      let leaves = half.map { company in
        nodes.append(
          HierarchyInput.Node(role: .leaf, values: series[company], group: 2, floor: floor))
        return nodes.count - 1
      }
      nodes.append(HierarchyInput.Node(role: .newcomers(of: leaves), values: [], group: 2))
      sums.append(Hierarchy.Sum(total: place + 1, parts: leaves + [nodes.count - 1]))
    }
    return HierarchyInput(nodes: nodes, sums: sums)
  }

  private static func forecast(
    _ input: HierarchyInput, _ settings: HierarchySettings
  ) throws -> HierarchyForecast {
    let forecaster = try HierarchyForecaster(input, settings: settings)
    return try forecaster.combined((0..<forecaster.count).map { try forecaster.node($0) })
  }

  @Test("add up, are not negative, and lie within their nested intervals", arguments: 1...3)
  func laws(seed: UInt64) throws {
    let input = Self.business(seed: seed, companies: 20, periods: 48)
    let result = try Self.forecast(input, HierarchySettings(horizon: 6, season: 12))
    for sum in input.hierarchy.sums {
      for ahead in 0..<6 {
        let parts = sum.parts.reduce(0) { $0 + result.points[$1][ahead] }
        let total = result.points[sum.total][ahead]
        #expect(abs(parts - total) <= 1e-9 * max(1, total), "seed \(seed)")
      }
    }
    for node in input.nodes.indices {
      for ahead in 0..<6 {
        let point = result.points[node][ahead]
        let ends = [
          0, result.lower[1][node][ahead], result.lower[0][node][ahead], point,
          result.upper[0][node][ahead], result.upper[1][node][ahead],
        ]
        #expect(ends == ends.sorted(), "seed \(seed), node \(node): \(ends)")
      }
    }
    #expect(result.origins >= 4)
    #expect(result.coverage[0] != nil)
  }

  @Test("a leaf is forecast from what was supplied only where something is supplied now")
  func suppliedLeaf() throws {
    let input = Self.business(seed: 5, companies: 4, periods: 36)
    let settings = HierarchySettings(horizon: 3, season: 12, isLevel: true)
    let leaf = try #require(input.nodes.firstIndex { $0.role == .leaf })
    let plain = try HierarchyForecaster(input, settings: settings).node(leaf)
    func forecast(_ supplied: [Int: [Double]]) throws -> NodeForecast {
      var nodes = input.nodes
      nodes[leaf].supplied = SuppliedForecasts(supplied)
      let given = HierarchyInput(nodes: nodes, sums: input.hierarchy.sums)
      return try HierarchyForecaster(given, settings: settings).node(leaf)
    }
    let once = try forecast([30: [1, 2, 3]])
    #expect(once == plain)
    #expect(once.model == "naive")
    let now = try forecast([30: [1, 2, 3], 36: [4, 5, 6]])
    #expect(now.model == "bottom_up")
    #expect(now.points == [4, 5, 6])
  }

  @Test("keep what is known of the first period, and still add up")
  func floors() throws {
    let input = Self.business(seed: 4, companies: 12, periods: 40, floor: 150)
    let result = try Self.forecast(input, HierarchySettings(horizon: 3, season: 12))
    for (node, entry) in input.nodes.enumerated() {
      #expect(result.points[node][0] >= entry.floor)
      #expect(result.lower[1][node][0] >= entry.floor)
    }
    for sum in input.hierarchy.sums {
      let parts = sum.parts.reduce(0) { $0 + result.points[$1][0] }
      #expect(abs(parts - result.points[sum.total][0]) < 1e-6)
    }
  }

  @Test("do not look past an origin: later values change nothing of what is forecast there")
  func noPeeking() throws {
    let input = Self.business(seed: 5, companies: 8, periods: 48)
    let settings = HierarchySettings(horizon: 6, season: 12)
    let forecaster = try HierarchyForecaster(input, settings: settings)
    let end = try #require(forecaster.ends.first)
    var nodes = input.nodes
    for node in nodes.indices where nodes[node].role == .aggregate {
      for period in end..<nodes[node].values.count { nodes[node].values[period] *= 3 }
    }
    let other = try HierarchyForecaster(
      HierarchyInput(nodes: nodes, sums: input.hierarchy.sums), settings: settings)
    for node in 0..<3 {
      #expect(try forecaster.node(node).origins[0] == other.node(node).origins[0])
    }
  }

  /// Two years of months whose order repeats and is otherwise wild: only the value of the year before
  /// says anything, and the combination, which cannot have learnt the season by most origins, loses.
  private static func wildSeason(seed: UInt64) -> HierarchyInput {
    var random = SplitMix64(seed: seed)
    let parts = (0..<3).map { part -> [Double] in
      let season = (0..<12).map { _ in 100 + 900 * random.nextUnit() }
      return (0..<24).map { season[$0 % 12] * Double(part + 1) * (0.9 + 0.2 * random.nextUnit()) }
    }
    let total = (0..<24).map { period in parts.reduce(0) { $0 + $1[period] } }
    let nodes = [HierarchyInput.Node(role: .aggregate, values: total, group: 0)]
    return HierarchyInput(
      nodes: nodes + parts.map { HierarchyInput.Node(role: .aggregate, values: $0, group: 1) },
      sums: [Hierarchy.Sum(total: 0, parts: [1, 2, 3])])
  }

  @Test("of a naive method have intervals as wide as its errors at the origins were")
  func naiveIntervals() throws {
    var judged = 0
    for seed in UInt64(1)...6 {
      let input = Self.wildSeason(seed: seed)
      let result = try Self.forecast(input, HierarchySettings(horizon: 6, season: 12))
      guard !result.modelPasses else { continue }
      judged += 1
      for (node, entry) in input.nodes.enumerated() {
        // The differences to the year before are what seasonal naive was wrong by.
        let errors = (12..<24).map { abs(entry.values[$0] - entry.values[$0 - 12]) }
        let mean = errors.reduce(0, +) / 12
        let widths = (0..<6).map { result.upper[0][node][$0] - result.points[node][$0] }
        let width = widths.reduce(0, +) / 6
        #expect(width > mean && width < 5 * mean, "seed \(seed), node \(node): \(width), \(mean)")
      }
    }
    #expect(judged >= 3)
  }

  @Test("of a history too short to judge are naive ones, and say so")
  func shortHistory() throws {
    let input = Self.business(seed: 6, companies: 4, periods: 9)
    let result = try Self.forecast(input, HierarchySettings(horizon: 6, season: 12))
    #expect(!result.modelPasses)
    #expect(result.models[0] == "seasonal_naive")
    #expect(result.reasons[0]?.contains("too short to judge") == true)
    #expect(result.points[0] == [Double](repeating: input.nodes[0].values[8], count: 6))
  }

  @Test("answer series that are empty, constant or one spike")
  func degenerate() throws {
    var spike = [Double](repeating: 0, count: 30)
    spike[20] = 1e15
    let flat = [Double](repeating: 7, count: 30)
    let empty = [Double](repeating: 0, count: 30)
    let parts = [spike, flat, empty]
    let total = (0..<30).map { period in parts.reduce(0) { $0 + $1[period] } }
    let nodes =
      [HierarchyInput.Node(role: .aggregate, values: total, group: 0)]
      + parts.map { HierarchyInput.Node(role: .leaf, values: $0, group: 1) }
    let result = try Self.forecast(
      HierarchyInput(nodes: nodes, sums: [Hierarchy.Sum(total: 0, parts: [1, 2, 3])]),
      HierarchySettings(horizon: 6, season: 12))
    #expect(result.points.allSatisfy { $0.allSatisfy { $0.isFinite && $0 >= 0 } })
    let units = Hierarchy(count: 4, sums: [Hierarchy.Sum(total: 0, parts: [1, 2, 3])])
      .apportionedUnits(result.points.map { $0[0] })
    #expect(units[0] == units[1] + units[2] + units[3])
  }

  @Test("rounded from the top down add up and stay within a unit", arguments: 1...20)
  func rounding(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let leaves = (0..<7).map { _ in random.nextUnit() * 10 }
    let left = leaves[..<3].reduce(0, +)
    let right = leaves[3...].reduce(0, +)
    let exact = [left + right, left, right] + leaves
    let hierarchy = Hierarchy(
      count: 10,
      sums: [
        Hierarchy.Sum(total: 0, parts: [1, 2]), Hierarchy.Sum(total: 1, parts: [3, 4, 5]),
        Hierarchy.Sum(total: 2, parts: [6, 7, 8, 9]),
      ])
    let units = hierarchy.apportionedUnits(exact)
    for sum in hierarchy.sums {
      #expect(units[sum.total] == sum.parts.reduce(0) { $0 + units[$1] }, "seed \(seed)")
    }
    for (unit, value) in zip(units, exact) {
      #expect(abs(Double(unit) - value) < 1 && unit >= 0, "seed \(seed)")
    }
  }
}
