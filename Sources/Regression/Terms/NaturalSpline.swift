import LinearAlgebra

/// From this many knots on an equal penalty of a curve's bends weighs those more that turn faster, so
/// that knots close to each other cost little where the curve is smooth.
let slopePenaltyKnots = 7

/// The natural cubic spline basis of values: the values themselves and one column per knot but the
/// last two.
///
/// - SeeAlso: Hastie, Tibshirani & Friedman, *The Elements of Statistical Learning*, 2nd edition,
///   section 5.2.1.
func rawSplines(_ values: [Double], _ knots: [Double]) -> [[Double]] {
  let first = knots[0]
  let width = knots[knots.count - 1] - first
  let positions = knots.map { ($0 - first) / width }
  let last = positions.count - 1
  let scaled = values.map { ($0 - first) / width }
  func slopes(_ index: Int) -> [Double] {
    let start = positions[index]
    let end = positions[last]
    return scaled.map { value in
      let left = max(0, value - start)
      let right = max(0, value - end)
      return (left * left * left - right * right * right) / (end - start)
    }
  }
  let reference = slopes(last - 1)
  return [scaled]
    + (0..<(last - 1)).map { index in
      var column = slopes(index)
      for row in column.indices { column[row] -= reference[row] }
      return column
    }
}

/// Weights that make columns of mean 0 and deviation 1, each uncorrelated with those before, out
/// of a raw basis; a constant comes first.
func orthogonalWeights(_ basis: [[Double]]) -> [[Double]] {
  let width = basis.count
  let rows = basis.first ?? []
  let count = Double(rows.count)
  var columns = basis
  var weights = (0..<width).map { column in
    (0...width).map { $0 == column + 1 ? 1.0 : 0.0 }
  }
  var kept: [Int] = []
  for column in 0..<width {
    let original = moments(columns[column]).deviation
    let mean = columns[column].reduce(0, +) / count
    for row in rows.indices { columns[column][row] -= mean }
    weights[column][0] -= mean
    // Twice, since one round leaves rounding errors of near-collinear columns behind.
    for _ in 0..<2 {
      for other in kept {
        var product = 0.0
        for row in rows.indices { product += columns[column][row] * columns[other][row] }
        product /= count
        for row in rows.indices { columns[column][row] -= product * columns[other][row] }
        for index in weights[column].indices {
          weights[column][index] -= product * weights[other][index]
        }
      }
    }
    let deviation =
      (columns[column].reduce(0) { $0 + $1 * $1 } / count).squareRoot()
    guard deviation > 1e-5 * original, original > 0 else { continue }
    for row in rows.indices { columns[column][row] /= deviation }
    for index in weights[column].indices { weights[column][index] /= deviation }
    kept.append(column)
  }
  return kept.map { weights[$0] }
}

/// The bends of a curve turned and scaled so that an equal penalty of their coefficients weighs each
/// by the root mean square of the slope that it adds; the line stays.
///
/// A penalty on the square of the slope would leave jumps of few rows out, one on size alone would
/// follow noise.
///
/// - Parameters:
///   - weights: those of ``orthogonalWeights(_:)``, the line first.
///   - knots: ascending.
/// - Returns: as many columns, those that turn most slowly first; the slowest has deviation 1.
/// - Throws: `.linearAlgebra(.notConverged)`.
/// - SeeAlso: Demmler & Reinsch, *Numerische Mathematik* 24, 1975, doi:10.1007/BF01437406; Wood,
///   *Generalized Additive Models*, 2nd edition, section 5.4.2.
func bendsBySlope(
  _ weights: [[Double]], knots: [Double]
) throws(RegressionError) -> [[Double]] {
  let bends = Array(weights.dropFirst())
  guard let line = weights.first, bends.count > 1 else { return weights }
  let slopes = slopeProducts(knots)
  let products = bends.map { left in
    bends.map { right in
      var sum = 0.0
      for (row, first) in left.dropFirst().enumerated() where first != 0 {
        for (column, second) in right.dropFirst().enumerated() {
          sum += first * second * slopes[row][column]
        }
      }
      return sum
    }
  }
  let eigen = try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
    try SymmetricEigen(Matrix(columns: products))
  }
  guard let least = eigen.values.first, least > 0 else { return weights }
  return [line]
    + bends.indices.map { index in
      let scale = (least / eigen.values[index]).squareRoot().squareRoot()
      var turned = [Double](repeating: 0, count: line.count)
      for (bend, source) in bends.enumerated() {
        let share = eigen.vectors[bend, index] * scale
        for position in turned.indices { turned[position] += share * source[position] }
      }
      return turned
    }
}

/// The integrals of the products of the slopes of each two columns of ``rawSplines(_:_:)`` between
/// the outer knots, on the scale where those are 0 and 1.
private func slopeProducts(_ knots: [Double]) -> [[Double]] {
  let width = knots[knots.count - 1] - knots[0]
  let positions = knots.map { ($0 - knots[0]) / width }
  let last = positions.count - 1
  func slope(_ index: Int, _ value: Double) -> Double {
    let left = max(0, value - positions[index])
    let right = max(0, value - positions[last])
    return 3 * (left * left - right * right) / (positions[last] - positions[index])
  }
  var sums = [[Double]](repeating: [Double](repeating: 0, count: last), count: last)
  // The slopes are quadratic between knots: three points of Gauss's rule are exact.
  let root = 0.6.squareRoot()
  for (start, end) in zip(positions, positions.dropFirst()) {
    for (node, weight) in [(-root, 5.0 / 9), (0, 8.0 / 9), (root, 5.0 / 9)] {
      let value = (start + end) / 2 + node * (end - start) / 2
      let slopes = [1] + (0..<(last - 1)).map { slope($0, value) - slope(last - 1, value) }
      for row in slopes.indices {
        for column in slopes.indices {
          sums[row][column] += weight * (end - start) / 2 * slopes[row] * slopes[column]
        }
      }
    }
  }
  return sums
}
