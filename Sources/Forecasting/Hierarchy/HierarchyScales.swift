extension HierarchyForecaster {
  /// The sizes of errors to expect of a naive method for a node, after all values and at each
  /// origin; `nil` for newcomers.
  ///
  /// What the combination lets expect does not fit: it falls as soon as two seasons are known, while
  /// a naive method learns nothing from them, so that errors of early origins, divided by what was
  /// expected then, would look small and the intervals of the end would be too narrow. Here a size
  /// follows the mean of the last season alone; how large changes are against it is taken once, from
  /// all values of the node (D-498).
  func naiveScales(
    _ method: EnsembleMember, node: Int
  ) -> (end: [Double], origins: [[Double]])? {
    if case .newcomers = input.nodes[node].role { return nil }
    let first = min(input.firsts[node], input.count - 1)
    let values = Array(input.nodes[node].values[first...])
    let lag = method == .seasonalNaive || method == .mean ? settings.season : 1
    let change = changeScale(values, seasonLength: lag)
    let mean = values.reduce(0) { $0 + abs($1) } / Double(values.count)
    guard mean > 0 else { return nil }
    func scales(before end: Int, reach: Int) -> [Double] {
      let size = recentSize(node, before: end)
      return [Double](repeating: change * (size > 0 ? size / mean : 1), count: reach)
    }
    return (
      scales(before: input.count, reach: settings.horizon),
      ends.map { scales(before: $0, reach: min(settings.horizon, input.count - $0)) }
    )
  }

  /// The mean size of a node's values in the season before `end`; 0 where it had not begun.
  func recentSize(_ node: Int, before end: Int) -> Double {
    let first = min(input.firsts[node], input.count - 1)
    let last = input.nodes[node].values[max(first, end - settings.season)..<max(end, first)]
    return last.reduce(0) { $0 + abs($1) } / Double(max(1, last.count))
  }

  /// The sizes of errors to expect of a node, not below those that half of its origins expected.
  ///
  /// That a sum has become easier to forecast than it was at most of the origins that its intervals
  /// rest on is not known before it has shown (D-498). One of many at the bottom keeps its own size,
  /// which follows what it still brings.
  func held(_ scales: [Double], node: Int, to origins: [EnsembleOrigin]) -> [Double] {
    guard input.nodes[node].role == .aggregate else { return scales }
    return scales.indices.map { ahead in
      let earlier = origins.compactMap { ahead < $0.scales.count ? $0.scales[ahead] : nil }.sorted()
      return earlier.isEmpty ? scales[ahead] : max(scales[ahead], earlier[(earlier.count - 1) / 2])
    }
  }
}

extension EnsembleForecast {
  /// The same as a forecast of the sum of the first periods, judged at the origins that hold them all.
  func summed(over count: Int) -> EnsembleForecast {
    func sum(_ values: [Double]) -> [Double] { [values.prefix(count).reduce(0, +)] }
    return EnsembleForecast(
      points: sum(points), members: [], weights: [], memberPoints: [],
      origins: origins.filter { $0.predicted.count >= count && $0.scales.count >= count }.map {
        EnsembleOrigin(
          end: $0.end, predicted: sum($0.predicted), actual: sum($0.actual), scales: sum($0.scales))
      }, scales: sum(scales), isNonnegative: isNonnegative)
  }
}
