/// Values to come of ``FittedGlobalTrend``, drawn period by period with the parameters of places of a walk.
///
/// With each path goes another that has the opposite errors, so that the median of both depends on the errors the
/// less.
struct GlobalTrendPaths {
  /// Four paths, and four with the opposite errors.
  private struct Path {
    /// What they are drawn with.
    let parameters: GlobalTrendPosterior.Parameters
    /// Where the path is, and where that with the opposite errors.
    var upper: GlobalTrendPosterior.State
    var lower: GlobalTrendPosterior.State
  }

  /// The unit of the series in that of the model.
  private let unit: Double
  /// Where all paths are.
  private var paths: [Path] = []
  /// The values of one period.
  private var values: [Double] = []

  /// The range that drawn values are held in, so that no path ends in infinity or at zero.
  private static let least = GlobalTrendPosterior.size * 1e-6
  private static let most = GlobalTrendPosterior.size * 1e4

  /// No paths yet, of series with the unit of a posterior distribution.
  init(_ posterior: GlobalTrendPosterior) { unit = posterior.unit }

  /// Begins paths at the end of the series, with the parameters of the present places of a walk.
  mutating func add(_ walk: GlobalTrendWalk, _ posterior: GlobalTrendPosterior) {
    paths.append(
      Path(
        parameters: posterior.parameters(walk.point), upper: walk.place.state,
        lower: walk.place.state))
  }

  /// Goes on by a period.
  ///
  /// - Returns: the median of its values, in the unit of the series.
  mutating func next(_ random: inout LaneRandom) -> Double {
    values.removeAll(keepingCapacity: true)
    for index in paths.indices {
      let errors = random.nextStudent()
      var path = paths[index]
      let above = GlobalTrendPaths.drawn(errors, &path.upper, path.parameters)
      let below = GlobalTrendPaths.drawn(-errors, &path.lower, path.parameters)
      paths[index] = path
      for lane in 0..<4 {
        values.append(above[lane])
        values.append(below[lane])
      }
    }
    let upper = values.selected(values.count / 2)
    // All that are smaller are before it.
    let lower = values[..<(values.count / 2)].max() ?? upper
    return (lower + upper) / 2 * unit
  }

  /// Goes on by values with errors, and gives them.
  @inline(__always)
  private static func drawn(
    _ errors: Lanes, _ state: inout GlobalTrendPosterior.State,
    _ parameters: GlobalTrendPosterior.Parameters
  ) -> Lanes {
    var drawn = state.expected(parameters) + state.scale(parameters) * errors
    drawn.replace(with: least, where: drawn .< least)
    drawn.replace(with: most, where: drawn .> most)
    state.add(drawn, parameters)
    return drawn
  }
}
