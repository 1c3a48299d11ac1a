import AlmanacCore
import LinearAlgebra
import Regression

/// What share of an error a forecast saves against a naive one, with the interval of a bootstrap.
package struct ForecastSkill: Equatable, Sendable {
  /// The naive method.
  package let baseline: EnsembleMember
  /// One minus the ratio of both mean absolute errors.
  package let value: Double
  /// The ends of its 95 % interval.
  package let low: Double, high: Double

  private static let draws = 1_000

  /// The skill from the mean absolute errors of both at each origin, or of each series, which are
  /// drawn; `nil` where the naive method made no error.
  package init?(baseline: EnsembleMember, errors: [Double], naive: [Double]) {
    let total = naive.reduce(0, +)
    guard total > 0, errors.count == naive.count else { return nil }
    self.baseline = baseline
    value = 1 - errors.reduce(0, +) / total
    var random = SplitMix64(seed: 1)
    var drawn: [Double] = []
    for _ in 0..<ForecastSkill.draws {
      var (ours, theirs) = (0.0, 0.0)
      for _ in errors.indices {
        let index = Int(random.nextUnit() * Double(errors.count))
        ours += errors[index]
        theirs += naive[index]
      }
      drawn.append(theirs > 0 ? 1 - ours / theirs : value)
    }
    drawn.sort()
    (low, high) = (drawn[ForecastSkill.draws / 40], drawn[ForecastSkill.draws * 39 / 40])
  }
}

/// How often the intervals of a group held what followed, at origins whose intervals rest on earlier
/// ones only.
package struct RealisedCoverage: Equatable, Sendable {
  /// The number of forecasts looked at that do not overlap: origins times series.
  package var count = 0
  /// Per level the share at each horizon that lay inside; NaN where none is known.
  package var shares: [[Double]]

  /// The mean over horizons of a level.
  package func mean(_ level: Int) -> Double? {
    let known = shares[level].filter { !$0.isNaN }
    return known.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
  }
}

/// The forecasts of a hierarchy, which add up, with their intervals.
package struct HierarchyForecast: Equatable, Sendable {
  /// Per node one forecast per period.
  package private(set) var points: [[Double]]
  /// Per level and node the lower ends.
  package private(set) var lower: [[[Double]]]
  /// Per level and node the upper ends.
  package private(set) var upper: [[[Double]]]
  /// Per node what was used.
  package let models: [String]
  /// Per node why that is something else than the combination; `nil` for it.
  package let reasons: [String?]
  /// The periods of the total whose values stand alone and were left out of the fits.
  package let pulses: [Int]
  /// The shares of the members in the combination of the total, published or not.
  package let weights: [MemberWeight]
  /// Whether the combination is published rather than a naive method.
  package let modelPasses: Bool
  /// The naive method of the least error.
  package let baseline: EnsembleMember
  /// The conditions of the gate.
  package let checks: [GateCheck]
  /// The scores of the total from all origins, of the combination and of ``baseline``.
  package let scores: (model: ForecastScores?, baseline: ForecastScores?)
  /// The skill over each naive method.
  package let skills: [ForecastSkill]
  /// The number of origins.
  package let origins: Int
  /// Per group how often intervals held.
  package let coverage: [Int: RealisedCoverage]
  /// How the widths of the total's intervals were found.
  package let intervalMethod: IntervalMethod
  /// Per level and node the half-width of the interval of the sum of the first periods, as many as
  /// ``HierarchySettings/summed`` says; `nil` where none was asked for.
  package let summedHalfWidths: [[Double]]?
  /// The processor kernel of BLAS; bytes are equal only between machines with the same one.
  package let kernelName: String

  /// The same with another first period.
  ///
  /// - Parameters:
  ///   - points: one per node, which have to add up.
  ///   - halfWidths: per level one per node.
  ///   - floors: what the first period comes to at least, per node.
  /// - Returns: the forecast whose other periods are as before.
  package func replacingFirstPeriod(
    by points: [Double], halfWidths: [[Double]], floors: [Double]
  ) -> HierarchyForecast {
    var result = self
    for node in points.indices {
      result.points[node][0] = points[node]
      for level in lower.indices {
        result.lower[level][node][0] = max(floors[node], points[node] - halfWidths[level][node])
        result.upper[level][node][0] = points[node] + halfWidths[level][node]
      }
    }
    return result
  }

  package static func == (left: HierarchyForecast, right: HierarchyForecast) -> Bool {
    left.points == right.points && left.lower == right.lower && left.upper == right.upper
      && left.models == right.models && left.checks == right.checks
  }
}

extension HierarchyForecaster {
  /// The forecasts of all nodes together.
  ///
  /// Forecasts of nodes are moved as little as their errors at earlier origins ask for until every
  /// sum holds, at the end and at each origin alike, so that the intervals rest on the errors of
  /// what is published. The combination is published if the total beats every naive method at the
  /// origins, and if its intervals hold as often as they say; else the best naive method is, for
  /// all nodes (D-490 to D-496).
  ///
  /// - Parameters:
  ///   - nodes: the forecasts of each node, in order.
  ///   - map: does work that is numbered from 0 to below a count, in any order or side by side, and
  ///     gives the results in order of the numbers.
  /// - Returns: the forecasts with their intervals and what they were judged by.
  /// - Throws: what `map` throws.
  package func combined(
    _ nodes: [NodeForecast], map: OriginMap = { count, work in try (0..<count).map(work) }
  ) throws -> HierarchyForecast {
    let chain = try chain(nodes, map)
    let judged = Judgement(self, chain: chain)
    let forecast = try judged.modelPasses ? chain : naiveChain(judged.baseline, like: nodes, map)
    let ensembles = forecast.ensembles
    let (widths, method) = halfWidths(forecast, horizon: settings.horizon, isAdapted: true)
    var summed: [[Double]]?
    if let count = settings.summed, count > 0, count <= settings.horizon {
      let sums = Chain(ensembles: ensembles.map { $0.summed(over: count) })
      let found = halfWidths(sums, horizon: 1, isAdapted: false).widths
      summed = settings.levels.indices.map { level in found.map { $0[level][0] } }
    }
    let isFallback = !judged.modelPasses
    func end(_ node: Int, _ level: Int, _ sign: Double) -> [Double] {
      let floor = settings.isNonnegative ? input.nodes[node].floor : -.infinity
      return ensembles[node].points.indices.map { ahead in
        let value = ensembles[node].points[ahead] + sign * widths[node][level][ahead]
        return ahead == 0 ? max(floor, value) : settings.isNonnegative ? max(0, value) : value
      }
    }
    return HierarchyForecast(
      points: ensembles.map(\.points),
      lower: settings.levels.indices.map { level in
        ensembles.indices.map { end($0, level, -1) }
      },
      upper: settings.levels.indices.map { level in
        ensembles.indices.map { end($0, level, 1) }
      },
      models: isFallback
        ? nodes.map { _ in judged.baseline.rawValue } : nodes.map(\.model),
      reasons: isFallback ? nodes.map { _ in judged.reason } : nodes.map(\.reason),
      pulses: nodes[0].pulses, weights: nodes[0].weights,
      modelPasses: judged.modelPasses, baseline: judged.baseline, checks: judged.checks,
      scores: judged.scores, skills: judged.skills, origins: ends.count,
      coverage: judged.modelPasses ? judged.coverage : coverage(forecast), intervalMethod: method,
      summedHalfWidths: summed,
      kernelName: BLASLibrary.kernelName)
  }

  /// The half-widths of all nodes, per level and period, and how those of the aggregates were found.
  ///
  /// Levels adapt to how often the intervals of single periods held; those of a sum stay as they are.
  private func halfWidths(
    _ forecast: Chain, horizon: Int, isAdapted: Bool
  ) -> (widths: [[[Double]]], method: IntervalMethod) {
    let ensembles = forecast.ensembles
    let aggregates = input.aggregateCount
    var method = IntervalMethod.studentT
    var widths = [[[Double]]](repeating: [], count: ensembles.count)
    for pool in [0..<aggregates, aggregates..<ensembles.count] where !pool.isEmpty {
      let levels = isAdapted ? adapted(forecast, pool: pool) : settings.levels
      let members = sampled(pool)
      let found = PooledIntervals(
        members.map { ensembles[$0] }, levels: levels, horizon: horizon)
      if pool.lowerBound == 0, let found { method = found.method }
      for node in pool {
        widths[node] =
          found?.halfWidths(ensembles[node])
          ?? unjudgedWidths(ensembles[node], levels: levels, horizon: horizon)
      }
    }
    return (widths, method)
  }

  /// Coherent forecasts of all nodes at the end and at the origins.
  struct Chain {
    /// Per node, for intervals: points and, at each origin it takes part in, forecast and truth.
    var ensembles: [EnsembleForecast]
  }

  /// Does the work of each origin.
  package typealias OriginMap = (
    Int, @escaping @Sendable (Int) throws -> [[Double]]
  ) throws -> [[[Double]]]

  /// Reconciles the forecasts of the end and of each origin.
  func chain(_ nodes: [NodeForecast], _ map: OriginMap) throws -> Chain {
    // The later the origin, the more there is to do: the end is first.
    let made = try map(ends.count + 1) { place in coherent(nodes, at: ends.count - place) }
    var origins = [[EnsembleOrigin]](repeating: [], count: nodes.count)
    for (index, end) in ends.enumerated() {
      let reach = min(settings.horizon, input.count - end)
      for (node, predicted) in made[ends.count - index].enumerated() {
        origins[node].append(
          EnsembleOrigin(
            end: end, predicted: predicted,
            actual: input.actual(node, from: end, horizon: reach),
            scales: scales(nodes[node], at: index, reach: reach)))
      }
    }
    return Chain(
      ensembles: nodes.indices.map { node in
        EnsembleForecast(
          points: made[0][node], members: [], weights: [], memberPoints: [],
          origins: origins[node],
          scales: held(nodes[node].scales, node: node, to: origins[node]),
          isNonnegative: settings.isNonnegative)
      })
  }

  /// The forecasts from an origin, or from the end as the last, that keep every sum.
  private func coherent(_ nodes: [NodeForecast], at index: Int) -> [[Double]] {
    guard index < ends.count else {
      return reconciled(
        nodes.map(\.points), nodes: nodes, before: input.count, scales: nodes.map(\.scales),
        floors: input.nodes.map(\.floor))
    }
    let reach = min(settings.horizon, input.count - ends[index])
    let part = nodes.prefix(index >= firstLeafOrigin ? nodes.count : input.aggregateCount)
    return reconciled(
      part.map { $0.origins[index] ?? [Double](repeating: 0, count: reach) }, nodes: nodes,
      before: ends[index], scales: part.map { scales($0, at: index, reach: reach) }, floors: nil)
  }

  /// The sizes of errors that a node lets expect at an origin.
  private func scales(_ node: NodeForecast, at index: Int, reach: Int) -> [Double] {
    let known = node.originScales[index]
    return known.count < reach ? [Double](repeating: 0, count: reach) : known
  }

  /// The forecasts of a naive method, which add up by themselves but for floors.
  func naiveChain(
    _ method: EnsembleMember, like nodes: [NodeForecast], _ map: OriginMap
  ) throws -> Chain {
    var naive = nodes
    for node in nodes.indices {
      naive[node].points = baseline(method, node: node, end: input.count, settings.horizon)
      for (index, end) in ends.enumerated() where nodes[node].origins[index] != nil {
        naive[node].origins[index] = baseline(
          method, node: node, end: end, min(settings.horizon, input.count - end))
      }
      if let scales = naiveScales(method, node: node) {
        (naive[node].scales, naive[node].originScales) = scales
      }
    }
    return try chain(naive, map)
  }

  /// What a naive method says of a node from its values before `end`.
  func baseline(_ method: EnsembleMember, node: Int, end: Int, _ horizon: Int) -> [Double] {
    if case .newcomers = input.nodes[node].role { return [Double](repeating: 0, count: horizon) }
    let values = Array(input.nodes[node].values[..<end])
    return switch method {
    case .seasonalNaive:
      SimpleForecasts.seasonalNaive(values, length: settings.season, horizon: horizon)
    case .drift: SimpleForecasts.drift(values, horizon: horizon)
    case .mean: SimpleForecasts.mean(values, horizon: horizon)
    default: SimpleForecasts.naive(values, horizon: horizon)
    }
  }

  /// Moves forecasts until the sums hold; `forecasts` are of all nodes or of the aggregates alone.
  private func reconciled(
    _ forecasts: [[Double]], nodes: [NodeForecast], before end: Int, scales: [[Double]],
    floors: [Double]?
  ) -> [[Double]] {
    let hierarchy = forecasts.count == input.nodes.count ? input.hierarchy : input.upper
    var result = forecasts
    guard let reach = forecasts.first?.count, !hierarchy.sums.isEmpty else {
      guard let floors else { return result }
      for node in result.indices { result[node][0] = max(result[node][0], floors[node]) }
      return result
    }
    let (variances, factors) = weights(nodes, count: forecasts.count, before: end, scales: scales)
    for ahead in 0..<reach {
      // What is known of the first period adds up already; what is still to come is moved.
      let known = ahead == 0 ? floors : nil
      let open = forecasts.indices.map { forecasts[$0][ahead] - (known?[$0] ?? 0) }
      let moved: [Double]
      do {
        moved = try hierarchy.reconciled(
          open, variances: variances, factors: factors, isNonnegative: settings.isNonnegative)
      } catch {
        // Nodes held at zero can leave sums that repeat each other: the total is shared out then.
        moved = hierarchy.sharedOut(open, isNonnegative: settings.isNonnegative)
      }
      for node in result.indices { result[node][ahead] = moved[node] + (known?[node] ?? 0) }
    }
    return result
  }

  /// The diagonal and shared part of the covariance of errors, from origins whose targets lie
  /// before `end`; from the expected sizes of errors where there are none.
  private func weights(
    _ nodes: [NodeForecast], count: Int, before end: Int, scales: [[Double]]
  ) -> (variances: [Double], factors: [[Double]]) {
    let from = count == input.nodes.count ? firstLeafOrigin : 0
    let used = ends.indices.filter { $0 >= from && ends[$0] < end }
    func size(_ node: Int) -> Double {
      let mean = scales[node].reduce(0, +) / Double(max(1, scales[node].count))
      return mean > 0 ? mean : 1e-9
    }
    guard !used.isEmpty else {
      return ((0..<count).map { size($0) * size($0) }, [])
    }
    let errors = (0..<count).map { node -> [Double] in
      let typical = size(node)
      return used.flatMap { index -> [Double] in
        let reach = min(settings.horizon, end - ends[index])
        let actual = input.actual(node, from: ends[index], horizon: reach)
        guard let predicted = nodes[node].origins[index] else {
          return actual.indices.map { $0 % 2 == 0 ? typical : -typical }
        }
        return actual.indices.map { ahead in
          let error = actual[ahead] - predicted[ahead]
          // A leaf that had not begun is as uncertain as its size says.
          return error.isNaN ? (ahead % 2 == 0 ? typical : -typical) : error
        }
      }
    }
    return Hierarchy.sharedErrors(errors)
  }
}
