extension HierarchyForecaster {
  /// The most series that a pool or a count of coverage looks at.
  private static let mostSampled = 1_000
  /// How far a level moves for each origin whose misses differ from it.
  private static let adaptation = 0.02

  /// Evenly spaced nodes of a range.
  func sampled(_ nodes: Range<Int>) -> [Int] {
    let stride = max(1, nodes.count / HierarchyForecaster.mostSampled)
    return nodes.filter { ($0 - nodes.lowerBound) % stride == 0 }
  }

  /// How often intervals of each group held at origins that do not overlap.
  func coverage(_ chain: Chain) -> [Int: RealisedCoverage] {
    var result: [Int: RealisedCoverage] = [:]
    let aggregates = input.aggregateCount
    for pool in [0..<aggregates, aggregates..<input.nodes.count] where !pool.isEmpty {
      let nodes = sampled(pool)
      var hits: [Int: (count: Int, inside: [[Double]], known: [Double])] = [:]
      for judged in judgedOrigins(chain, pool: nodes) {
        for (node, inside) in judged {
          let group = input.nodes[node].group
          var entry =
            hits[group] ?? (
              0, settings.levels.map { _ in [Double](repeating: 0, count: settings.horizon) },
              [Double](repeating: 0, count: settings.horizon)
            )
          entry.count += 1
          for ahead in inside[0].indices {
            guard inside[0][ahead] != nil else { continue }
            entry.known[ahead] += 1
            for level in inside.indices where inside[level][ahead] == true {
              entry.inside[level][ahead] += 1
            }
          }
          hits[group] = entry
        }
      }
      for (group, entry) in hits {
        result[group] = RealisedCoverage(
          count: entry.count,
          shares: entry.inside.map { shares in
            zip(shares, entry.known).map { $1 > 0 ? $0 / $1 : .nan }
          })
      }
    }
    return result
  }

  /// The levels after a fixed step at each earlier origin: up where intervals held too seldom, down
  /// where they held too often (D-495).
  ///
  /// - SeeAlso: Gibbs & Candès, *NeurIPS* 34, 2021, arXiv:2106.00170.
  func adapted(_ chain: Chain, pool: Range<Int>) -> [Double] {
    var levels = settings.levels
    for judged in judgedOrigins(chain, pool: sampled(pool)) {
      for level in levels.indices {
        var (inside, known) = (0.0, 0.0)
        for (_, hits) in judged {
          for hit in hits[level] {
            guard let hit else { continue }
            known += 1
            inside += hit ? 1 : 0
          }
        }
        guard known > 0 else { continue }
        levels[level] += HierarchyForecaster.adaptation * (settings.levels[level] - inside / known)
      }
    }
    return levels.map { min(max($0, 0.01), 0.99) }
  }

  /// For each origin that does not overlap the next, and has origins whose targets all lie before
  /// it, per node and level whether each value lay inside; `nil` where it is unknown.
  private func judgedOrigins(
    _ chain: Chain, pool: [Int]
  ) -> [[(node: Int, inside: [[Bool?]])]] {
    var judged: [[(node: Int, inside: [[Bool?]])]] = []
    let last = ends.lastIndex { $0 + settings.horizon <= input.count } ?? -1
    // So many origins on, forecasts no longer overlap.
    let step = max(1, (settings.horizon + settings.step - 1) / settings.step)
    let chosen = ends.indices.filter { $0 <= last && (last - $0) % step == 0 }
    for index in chosen {
      let end = ends[index]
      var nodes: [Int] = []
      var before: [EnsembleForecast] = []
      var targets: [EnsembleOrigin] = []
      for node in pool {
        let origins = chain.ensembles[node].origins
        guard let target = origins.first(where: { $0.end == end }) else { continue }
        let earlier = origins.filter { $0.end + settings.horizon <= end }
        guard !earlier.isEmpty else { continue }
        nodes.append(node)
        targets.append(target)
        before.append(
          EnsembleForecast(
            points: target.predicted, members: [], weights: [], memberPoints: [],
            origins: earlier, scales: held(target.scales, node: node, to: earlier),
            isNonnegative: settings.isNonnegative))
      }
      guard
        let intervals = PooledIntervals(
          before, levels: settings.levels, horizon: settings.horizon)
      else { continue }
      judged.append(
        nodes.indices.map { place in
          let widths = intervals.halfWidths(before[place])
          return (
            nodes[place],
            widths.map { width in
              targets[place].predicted.indices.map { ahead -> Bool? in
                let error = targets[place].actual[ahead] - targets[place].predicted[ahead]
                return error.isNaN ? nil : abs(error) <= width[ahead]
              }
            }
          )
        })
    }
    return judged
  }
}
