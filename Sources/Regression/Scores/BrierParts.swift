/// The Brier score taken apart over bins of equal count, `reliability − resolution + uncertainty`
/// plus what varies inside bins.
///
/// - SeeAlso: Stephenson, Coelho & Jolliffe, *Weather and Forecasting* 23(4), 2008,
///   doi:10.1175/2007WAF2006116.1.
package struct BrierParts: Equatable, Sendable {
  /// The mean squared difference of frequency and mean probability of a bin; 0 is calibrated.
  package let reliability: Double
  /// The mean squared difference of a bin's frequency from that of all rows; large is good.
  package let resolution: Double
  /// The variance of the outcomes, which no model changes.
  package let uncertainty: Double
  /// The variance of probabilities inside bins, less twice their covariance with the outcomes.
  package let withinBins: Double

  /// The Brier score, which the parts sum up to.
  package var total: Double { reliability - resolution + uncertainty + withinBins }

  /// Takes the score of probabilities apart.
  ///
  /// - Parameters:
  ///   - probabilities: one per row.
  ///   - outcomes: 0 or 1, one per row.
  ///   - bins: the number of bins; ties stay in file order.
  /// - Throws: `.shapeMismatch` for different lengths, `.unusableRows` for none.
  package init(
    probabilities: [Double], outcomes: [Double], bins: Int = 10
  ) throws(RegressionError) {
    guard probabilities.count == outcomes.count else {
      throw .shapeMismatch(designRows: probabilities.count, otherRows: outcomes.count)
    }
    guard !outcomes.isEmpty else { throw .unusableRows("scores need at least one row") }
    let count = Double(outcomes.count)
    let rate = mean(outcomes)
    var reliability = 0.0
    var resolution = 0.0
    var between = 0.0
    for bin in calibrationTable(probabilities, outcomes, bins: bins) {
      let share = Double(bin.count) / count
      let error = bin.meanProbability - bin.frequency
      reliability += share * error * error
      resolution += share * (bin.frequency - rate) * (bin.frequency - rate)
      between += share * (error * error + bin.frequency * (1 - bin.frequency))
    }
    let score =
      zip(probabilities, outcomes).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } / count
    self.reliability = reliability
    self.resolution = resolution
    uncertainty = rate * (1 - rate)
    withinBins = score - between
  }
}

/// The probabilities that isotonic regression makes of predicted ones: the monotone map with the
/// least squared error on the very rows it is judged by, so a bound on what recalibration can gain.
///
/// It serves to judge a model only: its steps have no additive explanation, and reach 0 and 1.
///
/// - Parameters:
///   - probabilities: one per row; equal ones get equal values.
///   - outcomes: 0 or 1, one per row.
/// - Returns: one value per row, in the order of the rows.
/// - Complexity: O(n log n).
/// - SeeAlso: Barlow, Bartholomew, Bremner & Brunk, *Statistical Inference under Order
///   Restrictions*, 1972, section 1.2.
package func isotonicRecalibration(
  _ probabilities: [Double], _ outcomes: [Double]
) -> [Double] {
  precondition(probabilities.count == outcomes.count, "one outcome per probability")
  let order = probabilities.indices.sorted {
    (probabilities[$0], $0) < (probabilities[$1], $1)
  }
  /// Neighbouring rows with one value: how many, and the sum of their outcomes.
  var blocks: [(count: Double, sum: Double, rows: Int)] = []
  var position = 0
  while position < order.count {
    var end = position
    var sum = 0.0
    while end < order.count, probabilities[order[end]] == probabilities[order[position]] {
      sum += outcomes[order[end]]
      end += 1
    }
    blocks.append((Double(end - position), sum, end - position))
    while blocks.count > 1 {
      let last = blocks[blocks.count - 1]
      let before = blocks[blocks.count - 2]
      // Means compared without dividing: sums of outcomes are whole numbers, so ties are exact.
      guard before.sum * last.count >= last.sum * before.count else { break }
      blocks.removeLast(2)
      blocks.append((before.count + last.count, before.sum + last.sum, before.rows + last.rows))
    }
    position = end
  }
  var values = [Double](repeating: 0, count: order.count)
  var start = 0
  for block in blocks {
    for place in start..<(start + block.rows) { values[order[place]] = block.sum / block.count }
    start += block.rows
  }
  return values
}
