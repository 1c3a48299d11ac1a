/// How good intervals of one level were: narrow ones that hold what happens score low.
package struct IntervalScore: Equatable, Sendable {
  /// Winkler's score: the mean of the width, plus `2/(1 − level)` times the distance from the
  /// interval where a value lies outside.
  package let winkler: Double
  /// The share of values inside, the ends included.
  package let coverage: Double
  /// The mean width.
  package let meanWidth: Double

  /// Scores intervals against actual values.
  ///
  /// Throws `.shapeMismatch` for different lengths, `.unusableRows` for none.
  ///
  /// - SeeAlso: Winkler, *JASA* 67(337), 1972, doi:10.1080/01621459.1972.10481224.
  /// - Precondition: the level is between 0 and 1, both excluded.
  package init(
    _ intervals: [(lower: Double, upper: Double)], actual: [Double], level: Double
  ) throws(RegressionError) {
    precondition(level > 0 && level < 1, "level \(level)")
    guard intervals.count == actual.count else {
      throw .shapeMismatch(designRows: intervals.count, otherRows: actual.count)
    }
    guard !actual.isEmpty else { throw .unusableRows("scores need at least one row") }
    let price = 2 / (1 - level)
    var sum = 0.0
    var width = 0.0
    var inside = 0
    for (interval, value) in zip(intervals, actual) {
      width += interval.upper - interval.lower
      let outside = max(interval.lower - value, value - interval.upper, 0)
      sum += interval.upper - interval.lower + price * outside
      if outside == 0 { inside += 1 }
    }
    let count = Double(actual.count)
    winkler = sum / count
    coverage = Double(inside) / count
    meanWidth = width / count
  }
}
