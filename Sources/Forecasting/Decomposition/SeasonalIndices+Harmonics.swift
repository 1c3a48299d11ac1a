import Glibc
import LinearAlgebra

extension SeasonalIndices {
  /// From this length on, such as days in a year, a series holds too few values of each season
  /// position for an index of its own, and the season is a sum of a few waves.
  static let smoothFrom = 300
  /// The number of waves: six follow months, and not single weeks.
  private static let harmonics = 6

  /// The smooth season of a series by least squares on waves beside a straight line; `nil` for less
  /// than a season and a half.
  ///
  /// Each wave is shrunk by the share of its size that sampling alone explains, with errors taken
  /// for correlated as far as those of neighbouring periods are.
  init?(smooth values: [Double], length: Int, kind: Kind) {
    guard length >= 2 * SeasonalIndices.harmonics + 1, 2 * values.count >= 3 * length else {
      return nil
    }
    // Multiplicative waves are additive in logarithms.
    let target = kind == .additive ? values : values.map { log($0) }
    var columns = [[Double](repeating: 1, count: values.count)]
    columns.append(values.indices.map { Double($0) / Double(values.count) })
    for order in 1...SeasonalIndices.harmonics {
      let frequency = 2 * Double.pi * Double(order) / Double(length)
      columns.append(values.indices.map { cos(frequency * Double($0)) })
      columns.append(values.indices.map { sin(frequency * Double($0)) })
    }
    guard let solution = try? Matrix(columns: columns).leastSquares(target: target) else {
      return nil
    }
    let residuals = solution.residuals
    let squares = residuals.reduce(0) { $0 + $1 * $1 }
    let variance = squares / Double(max(1, values.count - columns.count))
    let correlation = min(0.95, max(0, autocorrelations(residuals, through: 1)[0]))
    let inflation = (1 + correlation) / (1 - correlation)
    let sampling = 4 * variance * inflation / Double(values.count)
    var curve = [Double](repeating: 0, count: length)
    for order in 1...SeasonalIndices.harmonics {
      let cosine = solution.coefficients[2 * order]
      let sine = solution.coefficients[2 * order + 1]
      let size = cosine * cosine + sine * sine
      let weight = size > 0 ? max(0, 1 - sampling / size) : 0
      let frequency = 2 * Double.pi * Double(order) / Double(length)
      for position in 0..<length {
        let angle = frequency * Double(position)
        curve[position] += weight * (cosine * cos(angle) + sine * sin(angle))
      }
    }
    self.init(kind: kind, indices: kind == .additive ? curve : curve.map { exp($0) })
  }
}
