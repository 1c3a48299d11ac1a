/// Finds the seasons of a series.
package enum SeasonDetection {
  /// The fewest whole seasons a series must hold for one to be looked for.
  package static let fewestSeasons = 3

  /// Those of the candidate lengths at which the series repeats, ascending.
  ///
  /// A candidate counts if the series without shorter seasons, and without its trend, is correlated
  /// with itself one season earlier by more than chance allows; see ``isSeasonal(_:length:)``. Of
  /// candidates where one divides the other, the longer counts only for what the shorter leaves.
  ///
  /// - Parameters:
  ///   - values: without gaps.
  ///   - candidates: lengths in periods.
  /// - Returns: the lengths found.
  package static func seasons(_ values: [Double], candidates: [Int]) -> [Int] {
    var found: [Int] = []
    var rest = values
    for length in candidates.sorted() where length >= 2 {
      guard values.count >= fewestSeasons * length else { continue }
      let trend = centredMovingAverage(rest, length: length)
      let detrended = rest.indices.filter { !trend[$0].isNaN }.map { rest[$0] - trend[$0] }
      guard isSeasonal(detrended, length: length, share: smallestShare) else { continue }
      found.append(length)
      guard candidates.contains(where: { $0 > length && values.count >= fewestSeasons * $0 }) else {
        break
      }
      rest = SeasonalAdjustment(values, lengths: found).adjusted(values)
    }
    return found
  }

  /// The smallest autocorrelation one season apart that is worth a season: below it the indices
  /// cost more in noise than they explain.
  private static let smallestShare = 0.2

  private static func isSeasonal(_ values: [Double], length: Int, share: Double) -> Bool {
    guard values.count >= 2 * length else { return false }
    let correlations = autocorrelations(values, through: length)
    guard let last = correlations.last, last > share else { return false }
    // A season stands out from its neighbours; a slow wave does not.
    let limit = 1.645 / Double(values.count).squareRoot()
    let neighbours = length > 3 ? correlations[length - 2] : -1
    return last > limit && last >= neighbours
  }
}
