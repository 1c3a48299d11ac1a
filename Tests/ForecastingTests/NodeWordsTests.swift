import AlmanacCore
import Testing

@testable import Forecasting

/// Forecasts of single series that are kept from night to night.
@Suite("Forecasts of nodes as words")
struct NodeWordsTests {
  /// A total of months above companies, one of them younger, and those still to come.
  private static func input(seed: UInt64 = 1, periods: Int = 40) -> HierarchyInput {
    var random = SplitMix64(seed: seed)
    let companies = (0..<3).map { company in
      (0..<periods).map { period -> Double in
        period < 9 * company
          ? 0 : 80 + 2 * Double(period) + 15 * Double(period % 12) + 20 * random.nextUnit()
      }
    }
    let total = (0..<periods).map { period in companies.reduce(0) { $0 + $1[period] } }
    var nodes = [
      HierarchyInput.Node(role: .aggregate, values: total, group: 0),
      HierarchyInput.Node(role: .aggregate, values: companies[0], group: 1),
    ]
    nodes += companies.map { HierarchyInput.Node(role: .leaf, values: $0, group: 2) }
    nodes.append(HierarchyInput.Node(role: .newcomers(of: [2, 3, 4]), values: [], group: 2))
    return HierarchyInput(nodes: nodes, sums: [.init(total: 0, parts: [2, 3, 4, 5])])
  }

  private static let settings = HierarchySettings(horizon: 6, season: 12)

  @Test("are the same to the bit when they are read again", arguments: UInt64(1)...2)
  func again(seed: UInt64) throws {
    let forecaster = try HierarchyForecaster(
      Self.input(seed: seed, periods: 28), settings: Self.settings)
    for node in 0..<forecaster.count {
      let forecast = try forecaster.node(node)
      let read = try #require(NodeForecast(words: forecast.words), "seed \(seed), node \(node)")
      #expect(read == forecast, "seed \(seed), node \(node)")
      #expect(read.words == forecast.words, "seed \(seed), node \(node)")
    }
  }

  @Test("are none where words are missing, left over or of another form")
  func damaged() throws {
    let forecaster = try HierarchyForecaster(
      Self.input(periods: 28), settings: Self.settings)
    for node in [0, 2, 5] {
      let words = try forecaster.node(node).words
      for count in stride(from: 0, to: words.count, by: 3) {
        #expect(NodeForecast(words: Array(words[..<count])) == nil, "\(count) of \(words.count)")
      }
      #expect(NodeForecast(words: words + [0]) == nil)
      #expect(NodeForecast(words: [.max, .max] + words.dropFirst(2)) == nil)
    }
  }

  @Test("equal identities mean equal forecasts, and all that a node looks at is in its identity")
  func identity() throws {
    let input = Self.input()
    let plain = try HierarchyForecaster(input, settings: Self.settings)
    #expect(plain.identity(of: 5) == nil)
    func identities(
      _ nodes: [HierarchyInput.Node], _ settings: HierarchySettings
    ) throws -> [[UInt32]?] {
      let forecaster = try HierarchyForecaster(
        HierarchyInput(nodes: nodes, sums: input.hierarchy.sums), settings: settings)
      return (0..<forecaster.count).map { forecaster.identity(of: $0) }
    }
    let known = (0..<plain.count).map { plain.identity(of: $0) }
    /// The nodes whose identity a change makes another one.
    func changed(_ change: (inout [HierarchyInput.Node]) -> Void) throws -> [Int] {
      var nodes = input.nodes
      change(&nodes)
      let others = try identities(nodes, Self.settings)
      return known.indices.filter { known[$0] != others[$0] }
    }
    #expect(try changed { _ in } == [])
    #expect(try changed { for node in $0.indices { $0[node].floor = 7 } } == [])
    #expect(try changed { for node in $0.indices { $0[node].group = 9 } } == [])
    // The total is the parent of the other aggregates.
    #expect(try changed { $0[0].values[3] += 1e-9 } == [0, 1])
    #expect(try changed { $0[1].values[39] += 1e-9 } == [1])
    #expect(try changed { $0[3].values[20] += 1e-9 } == [3])
    #expect(try changed { $0[4].supplied = SuppliedForecasts([40: [1, 2, 3, 4, 5, 6]]) } == [4])
    #expect(try changed { $0[2].role = .aggregate } == [2])
    // One value below zero makes all possible below zero.
    #expect(try changed { $0[1].values[0] = -1 } == [0, 1, 2, 3, 4])
  }

  @Test("parts without a season neither look at their total nor have it in their identity")
  func noSeason() throws {
    let input = Self.input(periods: 22)
    var nodes = input.nodes
    nodes[0].values[3] += 50
    let plain = try HierarchyForecaster(input, settings: Self.settings)
    let other = try HierarchyForecaster(
      HierarchyInput(nodes: nodes, sums: input.hierarchy.sums), settings: Self.settings)
    #expect(plain.identity(of: 1) == other.identity(of: 1))
    #expect(try plain.node(1).words == other.node(1).words)
    #expect(try plain.node(1).model == "ensemble")
    // A total that is no part is forecast without a parent, even of the same values.
    #expect(plain.identity(of: 0) != other.identity(of: 0))
  }

  @Test("every setting is in the identity, or is one that single nodes do not look at")
  func settings() throws {
    let input = Self.input()
    let known = try HierarchyForecaster(input, settings: Self.settings).identity(of: 1)
    func isChanged(_ change: (inout HierarchySettings) -> Void) throws -> Bool {
      var settings = Self.settings
      change(&settings)
      return try HierarchyForecaster(input, settings: settings).identity(of: 1) != known
    }
    let looked: [String: (inout HierarchySettings) -> Void] = [
      "horizon": { $0.horizon = 5 }, "season": { $0.season = 4 },
      "longerSeason": { $0.longerSeason = 13 }, "isLevel": { $0.isLevel = true },
      "isNonnegative": { $0.isNonnegative = false }, "origins": { $0.origins = 3 },
      "special": {
        $0.special = SpecialPeriods(
          kinds: [Int](repeating: -1, count: 46), kindCount: 1, cycle: 1)
      },
      "months": { $0.months = MonthDays(from: CalendarDate(daysSinceEpoch: 0), count: 46) },
    ]
    for (name, change) in looked { #expect(try isChanged(change), "\(name)") }
    let apart: [String: (inout HierarchySettings) -> Void] = [
      "levels": { $0.levels = [0.5] }, "baselines": { $0.baselines = [.drift] },
      "minimumOrigins": { $0.minimumOrigins = 1 }, "summed": { $0.summed = 2 },
    ]
    for (name, change) in apart { #expect(try !isChanged(change), "\(name)") }
    let all = Mirror(reflecting: Self.settings).children.compactMap(\.label)
    #expect(Set(all) == Set(looked.keys).union(apart.keys))
  }

  @Test("are the ones that the version of their arithmetic stands for")
  func version() throws {
    let forecaster = try HierarchyForecaster(Self.input(), settings: Self.settings)
    let sums = try (0..<forecaster.count).map { node -> Double in
      let forecast = try forecaster.node(node)
      return (forecast.points + forecast.origins.flatMap { $0 ?? [] }).reduce(0, +)
    }
    // Where these are others on purpose, HierarchyForecaster.arithmetic goes up by one, and they are
    // recorded again: else a night would mix forecasts of both kinds.
    let recorded = [
      50_421.181_545_751_1, 16_696.764_736_506_9, 16_564.906_866_231_2, 16_351.354_830_326_8,
      14_695.916_056_864, 4_262.766_839_470_78,
    ]
    for (found, expected) in zip(sums, recorded) {
      #expect(abs(found - expected) <= 1e-6 * abs(expected), "\(sums)")
    }
  }
}
