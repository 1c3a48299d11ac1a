/// Sums over the errors of a fit of at most four weights: their squares, and the derivatives that
/// the equations of Gauss and Newton are made of.
struct ErrorSums {
  /// The sum of squared errors.
  private(set) var squares = 0.0
  /// The sum of errors times their derivatives.
  private(set) var gradient = SIMD4<Double>()
  /// The rows of the sums of products of derivatives.
  private(set) var first = SIMD4<Double>()
  private(set) var second = SIMD4<Double>()
  private(set) var third = SIMD4<Double>()
  private(set) var fourth = SIMD4<Double>()

  /// Adds an error with its derivative by each weight.
  @inline(__always)
  mutating func add(_ error: Double, _ slope: SIMD4<Double>) {
    squares += error * error
    gradient += error * slope
    first += slope[0] * slope
    second += slope[1] * slope
    third += slope[2] * slope
    fourth += slope[3] * slope
  }

  /// The sums of products, row after row.
  var products: [SIMD4<Double>] { [first, second, third, fourth] }
}

/// The step in the direction of one weight.
enum WeightUnit {
  @inline(__always) static var first: SIMD4<Double> { SIMD4(1, 0, 0, 0) }
  @inline(__always) static var second: SIMD4<Double> { SIMD4(0, 1, 0, 0) }
  @inline(__always) static var third: SIMD4<Double> { SIMD4(0, 0, 1, 0) }
  @inline(__always) static var fourth: SIMD4<Double> { SIMD4(0, 0, 0, 1) }
}

/// Minimises a sum of squared errors over at most four bounded weights, from their derivatives.
///
/// The method of Levenberg and Marquardt: a step of Gauss and Newton, shortened until it leads down.
/// A weight at a bound that it is drawn beyond takes no part in a step. A recursion with its
/// derivatives costs about three without, and ten of them do what takes a search by values alone two
/// hundred. It draws no random numbers, so equal input gives equal output.
///
/// - SeeAlso: Marquardt, *SIAM Journal on Applied Mathematics* 11(2), 1963, doi:10.1137/0111030.
struct LevenbergMarquardt {
  /// The smallest value of each weight.
  let lower: [Double]
  /// The largest value of each weight.
  let upper: [Double]
  /// The most evaluations of the sums.
  var evaluations = 60
  /// The search ends when a step lowers the sum by less than this share of it.
  var tolerance = 1e-6

  /// The number of values from which on recursions are fitted so.
  ///
  /// A sum of as many squares is smooth, and time counts; on fewer a search by values alone finds its
  /// way out of small valleys.
  static let longFrom = 200

  /// The best point found and its sum of squares; infinite where none is finite.
  ///
  /// - Parameters:
  ///   - start: where to begin; moved into the bounds.
  ///   - sums: the sums of errors at a point; a point that has fewer than four weights is filled with
  ///     zeros, and so have its derivatives to be.
  /// - Returns: the best point and its sum.
  func minimize(
    start: [Double], _ sums: (SIMD4<Double>) -> ErrorSums
  ) -> (point: [Double], value: Double) {
    let count = start.count
    var point = SIMD4<Double>()
    for index in 0..<count { point[index] = clamped(start[index], index) }
    var best = sums(point)
    var used = 1
    var damping = 1e-3
    while used < evaluations, best.squares.isFinite, best.squares > 0 {
      guard let step = step(at: point, best, damping: damping, count: count) else { break }
      var trial = point
      for index in 0..<count { trial[index] = clamped(point[index] + step[index], index) }
      guard trial != point else { break }
      let found = sums(trial)
      used += 1
      if found.squares < best.squares {
        let gain = best.squares - found.squares
        let isDone = gain <= tolerance * best.squares
        (point, best) = (trial, found)
        if isDone { break }
        damping = max(damping / 10, 1e-12)
      } else {
        damping *= 10
        if damping > 1e8 { break }
      }
    }
    let value = best.squares.isFinite ? best.squares : .infinity
    return ((0..<count).map { point[$0] }, value)
  }

  private func clamped(_ value: Double, _ index: Int) -> Double {
    min(max(value, lower[index]), upper[index])
  }

  /// The damped step of the weights that are free to move; `nil` where none is.
  private func step(
    at point: SIMD4<Double>, _ sums: ErrorSums, damping: Double, count: Int
  ) -> SIMD4<Double>? {
    let rows = sums.products
    let free = (0..<count).filter { index in
      let slope = sums.gradient[index]
      let isHeld =
        (slope > 0 && point[index] <= lower[index]) || (slope < 0 && point[index] >= upper[index])
      return rows[index][index] > 0 && !isHeld
    }
    guard !free.isEmpty else { return nil }
    // Cholesky's factor of the free part, and the two triangles solved.
    var factor = [[Double]](repeating: [Double](repeating: 0, count: free.count), count: free.count)
    for row in free.indices {
      for column in 0...row {
        var sum = rows[free[row]][free[column]]
        if row == column { sum += damping * sum }
        for inner in 0..<column { sum -= factor[row][inner] * factor[column][inner] }
        if row == column {
          // Weights that do the same have one direction, which damping alone tells apart.
          factor[row][row] = max(sum, 1e-14 * rows[free[row]][free[row]]).squareRoot()
        } else {
          factor[row][column] = sum / factor[column][column]
        }
      }
    }
    var solution = free.map { -sums.gradient[$0] }
    for row in free.indices {
      for inner in 0..<row { solution[row] -= factor[row][inner] * solution[inner] }
      solution[row] /= factor[row][row]
    }
    for row in free.indices.reversed() {
      for inner in (row + 1)..<max(row + 1, free.count) {
        solution[row] -= factor[inner][row] * solution[inner]
      }
      solution[row] /= factor[row][row]
    }
    var step = SIMD4<Double>()
    for (position, index) in free.enumerated() { step[index] = solution[position] }
    return step
  }
}
