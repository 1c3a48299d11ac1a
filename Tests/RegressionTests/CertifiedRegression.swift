import LinearAlgebra
import Testing

/// A set of NIST's with certified coefficients.
struct CertifiedRegression: Sendable, CustomTestStringConvertible {
  enum Shape: Sendable, Equatable {
    /// An intercept and the columns.
    case columns
    /// One column without intercept.
    case throughOrigin
    /// An intercept and the powers of one column.
    case polynomial(Int)
  }

  let name: String
  let shape: Shape
  let target: [Double]
  /// One row per observation, without the intercept.
  let predictors: [[Double]]
  /// The intercept first.
  let coefficients: [Double]
  let standardErrors: [Double]
  let residualSumOfSquares: Double
  let rSquared: Double
  let fStatistic: Double

  var testDescription: String { name }

  init(
    name: String, shape: Shape, width: Int, target: String, predictors: String,
    coefficients: String, standardErrors: String, residualSumOfSquares: Double, rSquared: Double,
    fStatistic: Double
  ) {
    self.name = name
    self.shape = shape
    self.target = numbers(target)
    let values = numbers(predictors)
    self.predictors = stride(from: 0, to: values.count, by: width).map {
      Array(values[$0..<($0 + width)])
    }
    self.coefficients = numbers(coefficients)
    self.standardErrors = numbers(standardErrors)
    self.residualSumOfSquares = residualSumOfSquares
    self.rSquared = rSquared
    self.fStatistic = fStatistic
  }

  static let norris = CertifiedText.norris
  static let longley = CertifiedText.longley

  /// The design with a column of ones in front unless the set has none, and what rounding left
  /// over of its powers.
  func exactDesign() throws -> (high: Matrix, low: Matrix) {
    let ones = [Double](repeating: 1, count: target.count)
    let zeros = [Double](repeating: 0, count: target.count)
    let columns = (0..<(predictors.first?.count ?? 0)).map { column in
      predictors.map { $0[column] }
    }
    switch shape {
    case .columns:
      return (
        try Matrix(columns: [ones] + columns),
        try Matrix(columns: [zeros] + columns.map { _ in zeros })
      )
    case .throughOrigin:
      return (try Matrix(columns: columns), try Matrix(columns: columns.map { _ in zeros }))
    case .polynomial(let degree):
      let powers = polynomialColumns(of: columns[0], degree: degree)
      return (
        try Matrix(columns: [ones] + powers.high), try Matrix(columns: [zeros] + powers.low)
      )
    }
  }

  /// The design as doubles.
  func design() throws -> Matrix { try exactDesign().high }
}

/// A series of NIST's with certified moments.
struct CertifiedSummary: Sendable, CustomTestStringConvertible {
  let name: String
  let mean: Double
  let standardDeviation: Double
  let autocorrelation: Double
  let values: [Double]

  var testDescription: String { name }

  init(
    name: String, mean: Double, standardDeviation: Double, autocorrelation: Double, values: String
  ) {
    self.init(
      name: name, mean: mean, standardDeviation: standardDeviation,
      autocorrelation: autocorrelation, series: numbers(values))
  }

  init(
    name: String, mean: Double, standardDeviation: Double, autocorrelation: Double,
    series: [Double]
  ) {
    self.name = name
    self.mean = mean
    self.standardDeviation = standardDeviation
    self.autocorrelation = autocorrelation
    values = series
  }

  /// `NumAcc1` to `NumAcc4`, whose values follow a rule printed in their files.
  static let accuracy = [
    CertifiedSummary(
      name: "NumAcc1", mean: 10_000_002, standardDeviation: 1, autocorrelation: -0.5,
      series: [10_000_001, 10_000_003, 10_000_002]),
    CertifiedSummary(
      name: "NumAcc2", mean: 1.2, standardDeviation: 0.1, autocorrelation: -0.999,
      series: [1.2] + (0..<1000).map { $0 % 2 == 0 ? 1.1 : 1.3 }),
    CertifiedSummary(
      name: "NumAcc3", mean: 1_000_000.2, standardDeviation: 0.1, autocorrelation: -0.999,
      series: [1_000_000.2] + (0..<1000).map { $0 % 2 == 0 ? 1_000_000.1 : 1_000_000.3 }),
    CertifiedSummary(
      name: "NumAcc4", mean: 10_000_000.2, standardDeviation: 0.1, autocorrelation: -0.999,
      series: [10_000_000.2] + (0..<1000).map { $0 % 2 == 0 ? 10_000_000.1 : 10_000_000.3 }),
  ]
}

/// The numbers of a text, separated by spaces and line breaks.
private func numbers(_ text: String) -> [Double] {
  text.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
}

/// The number of correct decimal digits of a value, at most 15; a certified zero is scored by the
/// absolute error.
func correctDigits(_ value: Double, _ certified: Double) -> Double {
  let error = abs(value - certified) / (certified == 0 ? 1 : abs(certified))
  return error == 0 ? 15 : min(15, -logarithm10(error))
}
