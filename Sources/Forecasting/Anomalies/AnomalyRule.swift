/// Finds the values of a series that do not fit those before them (DECISIONS.md, D-361).
///
/// Each value is compared with what the last eight cycles let expect: a robust line (Theil and Sen)
/// through the medians of the cycles, and the median distance from its surroundings of the same
/// season. The distance is measured in robust standard deviations of earlier such distances. It is
/// an anomaly where it exceeds 2.5 times the 95 % quantile of earlier distances, their 99 %
/// quantile, and ``minimumScore``: the second makes that of stationary noise of any distribution
/// not more than about one value in a hundred is reported, the first that of normal noise next to
/// none is.
///
/// A value is judged by earlier ones alone, so adding values changes nothing of what was found
/// before but for the last ``runLength``: as many values in a row that stay on one side are one
/// shift of the level at their beginning, and the new level is what is expected from there on.
///
/// - SeeAlso: P. K. Sen, Estimates of the regression coefficient based on Kendall's tau, JASA
///   63(324), 1968, doi:10.1080/01621459.1968.10480934.
package struct AnomalyRule: Sendable {
  /// The number of periods after which the season repeats; 1 where there is none.
  package let seasonLength: Int
  /// Cycles that the expectation looks back on.
  static let cycles = 8
  /// Distances that the bounds look back on, unless eight cycles are more.
  static let memory = 365
  /// Values in a row on one side that make a shift of the level.
  package static let runLength = 7
  /// The least score of an anomaly.
  package static let minimumScore = 4.0

  /// A rule for a season; one below 1 is taken for none.
  package init(seasonLength: Int) {
    self.seasonLength = max(1, seasonLength)
  }

  /// The periods of a cycle: whole seasons of at least seven periods, so that its median is steady.
  var cycleLength: Int { seasonLength * ((7 + seasonLength - 1) / seasonLength) }

  /// The anomalies of a series, by position.
  ///
  /// - Parameter values: one value per period, oldest first; NaN where unknown. Infinite values
  ///   are taken for unknown.
  /// - Returns: at most one anomaly per position; none within the first five cycles.
  package func anomalies(in values: [Double]) -> [Anomaly] {
    var scan = AnomalyScan(rule: self, values: values.map { $0.isFinite ? $0 : .nan })
    for position in values.indices { scan.judge(position) }
    return scan.found
  }
}
