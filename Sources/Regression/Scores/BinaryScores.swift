import Glibc
import LinearAlgebra

/// How well probabilities tell a yes from a no.
package struct BinaryScores: Codable, Equatable, Sendable {
  /// The mean of `−log p` of what happened, probabilities held within 1e-15 and 1 − 1e-15.
  package var logLoss: Double
  /// The mean squared difference of probability and outcome.
  package var brierScore: Double
  /// The probability that a yes has a larger value than a no, ties counting half.
  package var rocAUC: Double
  /// The 95 % interval of ``rocAUC`` after DeLong.
  package var rocAUCInterval: [Double]
  /// The area under precision over recall, by steps.
  package var prAUC: Double
  /// The largest difference between the distributions of the yes and the no.
  package var kolmogorovSmirnov: Double
  /// The mean difference of frequency and probability over ten bins of equal count.
  package var expectedCalibrationError: Double
  /// The slope of the outcomes' logit on that of the probabilities; 1 is calibrated.
  package var calibrationSlope: Double
  /// The intercept of the outcomes' logit with the slope held at 1; 0 is calibrated.
  package var calibrationIntercept: Double
  /// The share of yes.
  package var prevalence: Double
  /// The number of rows.
  package var count: Int

  /// Scores probabilities against outcomes of 0 and 1.
  ///
  /// Throws `.unusableRows` unless both outcomes occur, `.shapeMismatch` for different lengths.
  package init(probabilities: [Double], outcomes: [Double]) throws(RegressionError) {
    guard probabilities.count == outcomes.count else {
      throw .shapeMismatch(designRows: probabilities.count, otherRows: outcomes.count)
    }
    let positives = outcomes.count { $0 == 1 }
    guard positives > 0, positives < outcomes.count else {
      throw .unusableRows("scores need rows of both classes; all rows have the same outcome")
    }
    count = outcomes.count
    prevalence = Double(positives) / Double(count)
    var loss = 0.0
    var squares = 0.0
    for (probability, outcome) in zip(probabilities, outcomes) {
      let bounded = min(max(probability, 1e-15), 1 - 1e-15)
      loss -= outcome == 1 ? log(bounded) : log1p(-bounded)
      squares += (probability - outcome) * (probability - outcome)
    }
    logLoss = loss / Double(count)
    brierScore = squares / Double(count)
    let order = ascendingRows(probabilities)
    let ranking = Ranking(probabilities, outcomes, ascending: order)
    rocAUC = ranking.rocAUC
    let error = ranking.deLongVariance.squareRoot()
    rocAUCInterval = [
      max(0, rocAUC - 1.959963984540054 * error), min(1, rocAUC + 1.959963984540054 * error),
    ]
    prAUC = ranking.prAUC
    kolmogorovSmirnov = ranking.kolmogorovSmirnov
    expectedCalibrationError =
      calibrationTable(probabilities, outcomes, ascending: order).reduce(0) {
        $0 + Double($1.count) * abs($1.meanProbability - $1.frequency)
      } / Double(count)
    let logits = probabilities.map { logit($0) }
    (calibrationIntercept, calibrationSlope) = try calibrationLine(logits, outcomes)
  }
}

extension BinaryScores {
  /// The area under the ROC curve alone.
  ///
  /// Throws `.unusableRows` unless both outcomes occur.
  package static func areaUnderROC(
    _ values: [Double], _ outcomes: [Double]
  ) throws(RegressionError) -> Double {
    guard values.count == outcomes.count else {
      throw .shapeMismatch(designRows: values.count, otherRows: outcomes.count)
    }
    let positives = outcomes.count { $0 == 1 }
    guard positives > 0, positives < outcomes.count else {
      throw .unusableRows("an area needs rows of both classes")
    }
    return Ranking(values, outcomes, ascending: ascendingRows(values)).rocAUC
  }

  /// The area under the ROC curve of counts.
  ///
  /// - Parameter groups: the yes and the no of each distinct value, the largest value first.
  /// - Returns: the area; `nil` unless both outcomes occur.
  package static func areaUnderROC(
    descending groups: [(positives: Double, negatives: Double)]
  ) -> Double? {
    let ranking = Ranking(groups)
    return ranking.hasBoth ? ranking.rocAUC : nil
  }
}

/// The logit of a probability held within 1e-6 and 1 − 1e-6.
package func logit(_ probability: Double) -> Double {
  let bounded = min(max(probability, 1e-6), 1 - 1e-6)
  return log(bounded) - log1p(-bounded)
}

/// Intercept at slope 1, and slope, of the outcomes on log-odds.
private func calibrationLine(
  _ logits: [Double], _ outcomes: [Double]
) throws(RegressionError) -> (Double, Double) {
  let ones = [Double](repeating: 1, count: logits.count)
  let free = GeneralizedLinearModel(family: .logistic, firth: .never)
  let both = try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
    try Matrix(columns: [ones, logits])
  }
  let one = try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
    try Matrix(columns: [ones])
  }
  // Probabilities worth scoring are not far from calibrated.
  let slope = try free.fit(both, outcomes, start: [0, 1], infers: false).coefficients[1]
  let intercept = try free.fit(one, outcomes, offset: logits, infers: false).coefficients[0]
  return (intercept, slope)
}

/// One bin of a calibration table.
package struct CalibrationBin: Codable, Equatable, Sendable {
  /// The number of rows.
  package var count: Int
  /// The mean of their probabilities.
  package var meanProbability: Double
  /// The share of them where the outcome is yes.
  package var frequency: Double
}

/// Probabilities and frequencies in bins of equal count, ascending; ties stay in file order.
package func calibrationTable(
  _ probabilities: [Double], _ outcomes: [Double], bins: Int = 10
) -> [CalibrationBin] {
  calibrationTable(probabilities, outcomes, bins: bins, ascending: ascendingRows(probabilities))
}

/// The same where the rows' order is known.
private func calibrationTable(
  _ probabilities: [Double], _ outcomes: [Double], bins: Int = 10, ascending order: [Int32]
) -> [CalibrationBin] {
  (0..<bins).compactMap { bin in
    let rows = order[(bin * order.count / bins)..<((bin + 1) * order.count / bins)]
    guard !rows.isEmpty else { return nil }
    return CalibrationBin(
      count: rows.count,
      meanProbability: rows.reduce(0) { $0 + probabilities[Int($1)] } / Double(rows.count),
      frequency: rows.reduce(0) { $0 + outcomes[Int($1)] } / Double(rows.count))
  }
}

/// Lift and gain of the share of rows with the largest probabilities; ties in file order.
package func liftAndGain(
  _ probabilities: [Double], _ outcomes: [Double], share: Double
) -> (lift: Double, gain: Double) {
  let order = probabilities.indices.sorted {
    (-probabilities[$0], $0) < (-probabilities[$1], $1)
  }
  let taken = max(1, Int((share * Double(order.count)).rounded()))
  let caught = order.prefix(taken).reduce(0) { $0 + outcomes[$1] }
  let total = outcomes.reduce(0, +)
  let rate = total / Double(max(1, outcomes.count))
  return (caught / Double(taken) / rate, caught / total)
}

/// Yes and no counted at each distinct value.
private struct Ranking {
  /// For each distinct value, descending: the yes and the no that have it.
  private let groups: [(positives: Double, negatives: Double)]
  private let positives: Double
  private let negatives: Double

  /// Counts of each distinct value, the largest first.
  init(_ groups: [(positives: Double, negatives: Double)]) {
    self.groups = groups
    positives = groups.reduce(0) { $0 + $1.positives }
    negatives = groups.reduce(0) { $0 + $1.negatives }
  }

  /// Counts of values whose order is known.
  init(_ values: [Double], _ outcomes: [Double], ascending order: [Int32]) {
    var groups: [(positives: Double, negatives: Double)] = []
    var last = Double.nan
    for index in order.lazy.reversed().map({ Int($0) }) {
      if values[index] != last {
        groups.append((0, 0))
        last = values[index]
      }
      if outcomes[index] == 1 {
        groups[groups.count - 1].positives += 1
      } else {
        groups[groups.count - 1].negatives += 1
      }
    }
    self.init(groups)
  }

  /// Whether there are a yes and a no.
  var hasBoth: Bool { positives > 0 && negatives > 0 }

  var rocAUC: Double {
    var above = 0.0
    var pairs = 0.0
    for group in groups {
      pairs += group.negatives * (above + group.positives / 2)
      above += group.positives
    }
    return pairs / positives / negatives
  }

  /// The variance of the area from the ranks of each class in the other.
  ///
  /// - SeeAlso: DeLong, DeLong & Clarke-Pearson, *Biometrics* 44(3), 1988, doi:10.2307/2531595.
  var deLongVariance: Double {
    let area = rocAUC
    var positivesAbove = 0.0
    var negativesAbove = 0.0
    var overPositives = 0.0
    var overNegatives = 0.0
    for group in groups {
      let below = negatives - negativesAbove - group.negatives
      let placement = (below + group.negatives / 2) / negatives - area
      overPositives += group.positives * placement * placement
      let other = (positivesAbove + group.positives / 2) / positives - area
      overNegatives += group.negatives * other * other
      positivesAbove += group.positives
      negativesAbove += group.negatives
    }
    return overPositives / max(1, positives - 1) / positives
      + overNegatives / max(1, negatives - 1) / negatives
  }

  var prAUC: Double {
    var area = 0.0
    var caught = 0.0
    var taken = 0.0
    for group in groups {
      caught += group.positives
      taken += group.positives + group.negatives
      area += group.positives / positives * (caught / taken)
    }
    return area
  }

  var kolmogorovSmirnov: Double {
    var largest = 0.0
    var caught = 0.0
    var missed = 0.0
    for group in groups {
      caught += group.positives / positives
      missed += group.negatives / negatives
      largest = max(largest, abs(caught - missed))
    }
    return largest
  }
}
