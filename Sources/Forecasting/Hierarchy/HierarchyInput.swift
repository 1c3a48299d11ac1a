/// Series that add up, to be forecast together.
///
/// Totals come first and what they are made of last: node 0 is the total of all.
package struct HierarchyInput: Equatable, Sendable {
  /// What a node is.
  package enum Role: Equatable, Sendable {
    /// A sum of others, or a part that is forecast with as much care as one.
    case aggregate
    /// One of many at the bottom, such as a company, which begins with its first value that is not
    /// zero.
    case leaf
    /// What those of the leaves will bring that have not begun yet.
    case newcomers(of: [Int])
  }

  /// One series.
  package struct Node: Equatable, Sendable {
    /// What it is.
    package var role: Role
    /// Its values, equally many in every node and all known; of newcomers none is read.
    package var values: [Double]
    /// Nodes of one group have their coverage counted together.
    package var group: Int
    /// What the first period to forecast comes to at least.
    package var floor: Double
    /// Forecasts of it that were made from more than its values; `nil` for none.
    package var supplied: SuppliedForecasts?

    /// A series.
    package init(role: Role, values: [Double], group: Int, floor: Double = 0) {
      self.role = role
      self.values = values
      self.group = group
      self.floor = floor
    }
  }

  /// The nodes: aggregates, then leaves and newcomers.
  package let nodes: [Node]
  /// The sums among all nodes.
  package let hierarchy: Hierarchy
  /// The number of aggregates.
  let aggregateCount: Int
  /// The sums among aggregates alone, for origins at which leaves are not looked at.
  let upper: Hierarchy
  /// The period in which each leaf begins; 0 for aggregates.
  let firsts: [Int]

  /// Series with their sums.
  ///
  /// - Precondition: at least one node, an aggregate; aggregates before all others; equally many
  ///   values.
  package init(nodes: [Node], sums: [Hierarchy.Sum]) {
    let isAggregate = nodes.map { $0.role == .aggregate }
    let count = isAggregate.count { $0 }
    precondition(
      count > 0 && isAggregate.prefix(count).allSatisfy { $0 }
        && nodes.allSatisfy {
          $0.values.count == nodes[0].values.count || $0.role != .aggregate && $0.role != .leaf
        }, "a hierarchy whose aggregates do not come first or whose series differ in length")
    self.nodes = nodes
    aggregateCount = count
    hierarchy = Hierarchy(count: nodes.count, sums: sums)
    upper = Hierarchy(
      count: count,
      sums: sums.filter { sum in sum.total < count && sum.parts.allSatisfy { $0 < count } })
    firsts = nodes.map { node in
      node.role == .leaf ? node.values.firstIndex { $0 != 0 } ?? node.values.count : 0
    }
  }

  /// The number of periods.
  package var count: Int { nodes[0].values.count }

  /// What followed an origin, as far as it is known: NaN for a leaf that had not begun by then.
  func actual(_ node: Int, from end: Int, horizon: Int) -> [Double] {
    let reach = min(horizon, count - end)
    switch nodes[node].role {
    case .aggregate: return Array(nodes[node].values[end..<(end + reach)])
    case .leaf:
      return firsts[node] < end
        ? Array(nodes[node].values[end..<(end + reach)])
        : [Double](repeating: .nan, count: reach)
    case .newcomers(let leaves):
      var sums = [Double](repeating: 0, count: reach)
      for leaf in leaves where firsts[leaf] >= end && firsts[leaf] < end + reach {
        for period in firsts[leaf]..<(end + reach) {
          sums[period - end] += nodes[leaf].values[period]
        }
      }
      return sums
    }
  }
}

/// How series that add up are forecast.
package struct HierarchySettings: Equatable, Sendable {
  /// The number of periods to forecast.
  package var horizon: Int
  /// The season that a series of this step has where it holds two of them.
  package var season: Int
  /// A longer season that is looked for; `nil` for none.
  package var longerSeason: Int?
  /// Whether values are levels that stay until they change, such as MRR, rather than sums of a
  /// period; a level has only the seasons that are found in it.
  package var isLevel: Bool
  /// The levels of the intervals, ascending.
  package var levels: [Double]
  /// The naive methods that have to be beaten, at least one; the first stands in where nothing can
  /// be judged.
  package var baselines: [EnsembleMember]
  /// Whether values below zero are impossible.
  package var isNonnegative = true
  /// The fewest origins a forecast is judged by.
  package var minimumOrigins = 4
  /// The most rolling origins.
  package var origins = 12
  /// How many of the first periods are wanted as one sum with an interval of its own; none where it
  /// is 0 or more than the horizon.
  package var summed: Int?
  /// Which periods of the series, and of the horizon, are unlike others; `nil` for none.
  package var special: SpecialPeriods?
  /// The days of all series' months, and of the horizon's; `nil` for days, and for levels.
  package var months: MonthDays?

  /// Settings with the usual numbers of origins.
  package init(
    horizon: Int, season: Int, longerSeason: Int? = nil, isLevel: Bool = false,
    levels: [Double] = [0.8, 0.95], baselines: [EnsembleMember] = [.seasonalNaive]
  ) {
    precondition(!baselines.isEmpty, "nothing to beat")
    self.horizon = horizon
    self.season = season
    self.longerSeason = longerSeason
    self.isLevel = isLevel
    self.levels = levels
    self.baselines = baselines
  }

  /// The number of periods between origins: whole short seasons, so that each position of one is
  /// met at the same distance from every origin.
  var step: Int {
    let third = max(1, horizon / 3)
    return season > 1 && third >= season ? third / season * season : third
  }

  /// The rolling origins of series of a length, as numbers of periods before them; ascending.
  package func ends(count: Int) -> [Int] {
    var ends: [Int] = []
    var end = count - step
    while end >= shortest, ends.count < origins {
      ends.append(end)
      end -= step
    }
    return ends.reversed()
  }

  /// The shortest history before an origin: what seasonal naive needs, and one period more.
  var shortest: Int { max(season + 1, 8) }
}
