import AlmanacCore
import LinearAlgebra
import Regression
import TestSupport
import Testing

@Suite struct RidgeRegressionTests {
  /// A design with an intercept, a target that depends on it, and weights.
  private func problem(
    seed: UInt64
  ) throws -> (design: Matrix, target: [Double], weights: [Double]) {
    var random = SplitMix64(seed: seed)
    let rows = 30
    var columns = [[Double](repeating: 1, count: rows)]
    for _ in 0..<4 { columns.append((0..<rows).map { _ in random.nextUnit() * 2 - 1 }) }
    let design = try Matrix(columns: columns)
    let signal = try design.times([3, 2, -1, 0.5, 0])
    let target = signal.map { $0 + random.nextUnit() - 0.5 }
    return (design, target, (0..<rows).map { _ in 0.5 + random.nextUnit() })
  }

  @Test("leaves residuals orthogonal to the design at penalty zero", arguments: UInt64(0)..<8)
  func orthogonal(seed: UInt64) throws {
    let (design, target, weights) = try problem(seed: seed)
    let fitted = try RidgeRegression(penalty: 0).fit(design, target, weights: weights)
    let products = try design.moments(with: fitted.residuals, weights: weights)
    #expect(products.allSatisfy { abs($0) < 1e-11 })
    #expect(isClose(fitted.effectiveDegreesOfFreedom, 5, relative: 1e-12))
  }

  @Test("equals least squares at penalty zero, standard errors included", arguments: UInt64(0)..<8)
  func ordinary(seed: UInt64) throws {
    let (design, target, _) = try problem(seed: seed)
    let ridge = try RidgeRegression(penalty: 0).fit(design, target)
    let plain = try LinearRegression().fit(design, target)
    for column in 0..<5 {
      #expect(isClose(ridge.coefficients[column], plain.coefficients[column], absolute: 1e-11))
      let ridgeError = try #require(ridge.standardErrors)[column]
      let plainError = try #require(plain.standardErrors)[column]
      #expect(isClose(ridgeError, plainError, relative: 1e-10))
    }
  }

  @Test("equals least squares on the design with penalty rows below", arguments: UInt64(0)..<8)
  func augmented(seed: UInt64) throws {
    let (design, target, _) = try problem(seed: seed)
    let factors: [Double] = [0, 1, 1, 4, 0.25]
    let penalty = 2.5
    let fitted = try RidgeRegression(penalty: penalty, penaltyFactors: factors)
      .fit(design, target)
    let augmented = try Matrix(
      columns: (0..<5).map { column in
        design.column(column)
          + (0..<5).map { $0 == column ? (penalty * factors[column]).squareRoot() : 0 }
      })
    let oracle = try augmented.leastSquares(
      target: target + [Double](repeating: 0, count: 5))
    for (value, expected) in zip(fitted.coefficients, oracle.coefficients) {
      #expect(isClose(value, expected, absolute: 1e-11))
    }
  }

  @Test("minimises the penalised sum of squares", arguments: UInt64(0)..<8)
  func minimum(seed: UInt64) throws {
    let (design, target, weights) = try problem(seed: seed)
    let factors: [Double] = [0, 1, 2, 3, 4]
    let fitted = try RidgeRegression(penalty: 3, penaltyFactors: factors)
      .fit(design, target, weights: weights)
    func objective(_ coefficients: [Double]) throws -> Double {
      let values = try design.times(coefficients)
      let loss = target.indices.reduce(0.0) {
        $0 + weights[$1] * (target[$1] - values[$1]) * (target[$1] - values[$1])
      }
      return coefficients.indices.reduce(loss) {
        $0 + 3 * factors[$1] * coefficients[$1] * coefficients[$1]
      }
    }
    let best = try objective(fitted.coefficients)
    for column in 0..<5 {
      for step in [-1e-3, 1e-3] {
        var moved = fitted.coefficients
        moved[column] += step
        #expect(try objective(moved) > best)
      }
    }
  }

  @Test("shrinks monotonically along the path and frees the unpenalised", arguments: UInt64(0)..<8)
  func path(seed: UInt64) throws {
    let (design, target, _) = try problem(seed: seed)
    let path = try RidgePath(design: design, penaltyFactors: [0, 1, 1, 1, 1])
    var previous = Double.infinity
    var degrees = Double.infinity
    for penalty in [0, 0.1, 1, 10, 100, 1e6] {
      let fitted = try path.fit(target, penalty: penalty)
      let norm = fitted.coefficients.dropFirst().reduce(0) { $0 + $1 * $1 }
      #expect(norm < previous)
      #expect(fitted.effectiveDegreesOfFreedom < degrees)
      (previous, degrees) = (norm, fitted.effectiveDegreesOfFreedom)
    }
    let flat = try path.fit(target, penalty: 1e9).coefficients
    let mean = target.reduce(0, +) / Double(target.count)
    #expect(isClose(flat[0], mean, relative: 1e-6))
    #expect(flat.dropFirst().allSatisfy { abs($0) < 1e-6 })
  }

  @Test("solves several targets as it solves one")
  func severalTargets() throws {
    let (design, target, weights) = try problem(seed: 1)
    let path = try RidgePath(design: design, weights: weights)
    let other = target.map { $0 * $0 }
    let moments = try Matrix(columns: [path.moments(of: target), path.moments(of: other)])
    let together = try path.coefficients(moments: moments, penalty: 0.7)
    #expect(
      try path.fit(target, penalty: 0.7).coefficients.elementsEqual(together.column(0)) {
        isClose($0, $1, relative: 1e-12)
      })
    #expect(
      try path.fit(other, penalty: 0.7).coefficients.elementsEqual(together.column(1)) {
        isClose($0, $1, relative: 1e-12)
      })
  }

  @Test(
    "a design given by its columns is the matrix of them, and columns of two lengths are refused")
  func designOfColumns() throws {
    let (design, target, weights) = try problem(seed: 2)
    let columns = (0..<design.columnCount).map { Array(design.column($0)) }
    let factors = columns.indices.map { $0 == 0 ? 0.0 : 1 }
    let ours = try RidgePath(
      columns: columns, weights: weights, penaltyFactors: factors, standardisesColumns: true)
    let other = try RidgePath(
      design: design, weights: weights, penaltyFactors: factors, standardisesColumns: true)
    #expect(
      try ours.fit(target, penalty: 0.3).coefficients
        == other.fit(target, penalty: 0.3).coefficients)
    #expect(throws: RegressionError.self) { try RidgePath(columns: [[1, 2], [3]]) }
  }

  @Test("a whole weight counts as that many rows")
  func weightsAreRepetitions() throws {
    let (design, target, _) = try problem(seed: 2)
    let weights = target.indices.map { Double($0 % 3) }
    let rows = target.indices.flatMap { [Int](repeating: $0, count: $0 % 3) }
    let repeated = try Matrix(
      columns: (0..<5).map { column in rows.map { design[$0, column] } })
    let weighted = try RidgeRegression(penalty: 1).fit(design, target, weights: weights)
    let plain = try RidgeRegression(penalty: 1).fit(repeated, rows.map { target[$0] })
    for (left, right) in zip(weighted.coefficients, plain.coefficients) {
      #expect(isClose(left, right, absolute: 1e-11))
    }
  }

  @Test("standardised, the fit does not depend on the unit of a column")
  func standardised() throws {
    let (design, target, _) = try problem(seed: 4)
    let scaled = try design.scaledColumns(by: [1, 1000, 1, 1, 1])
    let settings = RidgeRegression(penalty: 5, standardisesColumns: true)
    let plain = try settings.fit(design, target).coefficients
    let other = try settings.fit(scaled, target).coefficients
    #expect(isClose(other[1] * 1000, plain[1], relative: 1e-10))
    #expect(isClose(other[2], plain[2], relative: 1e-10))
  }

  @Test("predicts fitted values as target less residual")
  func predicts() throws {
    let (design, target, _) = try problem(seed: 6)
    let fitted = try RidgeRegression(penalty: 1).fit(design, target)
    let values = try fitted.predict(design)
    for row in target.indices {
      #expect(isClose(values[row], target[row] - fitted.residuals[row], absolute: 1e-13))
    }
  }

  @Test("refuses what does not fit")
  func refusals() throws {
    let design = try Matrix(columns: [[1, 1, 1], [1, 1, 1]])
    let target: [Double] = [1, 2, 3]
    #expect(throws: RegressionError.linearAlgebra(.notPositiveDefinite(order: 2))) {
      try RidgeRegression(penalty: 0).fit(design, target)
    }
    #expect(throws: RegressionError.invalidPenalty) {
      try RidgeRegression(penalty: -1).fit(design, target)
    }
    #expect(throws: RegressionError.invalidPenalty) {
      try RidgeRegression(penalty: 1, penaltyFactors: [1, .nan]).fit(design, target)
    }
    #expect(throws: RegressionError.penaltyFactorCount(columns: 2, factors: 1)) {
      try RidgeRegression(penalty: 1, penaltyFactors: [1]).fit(design, target)
    }
    #expect(throws: RegressionError.shapeMismatch(designRows: 3, otherRows: 2)) {
      try RidgeRegression(penalty: 1).fit(design, [1, 2])
    }
    #expect(throws: RegressionError.invalidWeights) {
      try RidgeRegression(penalty: 1).fit(design, target, weights: [0, 0, 0])
    }
    #expect(throws: RegressionError.linearAlgebra(.notFinite)) {
      try RidgeRegression(penalty: 1).fit(design, [1, .nan, 3])
    }
  }

  @Test("describes an error in one line and gives it an exit status")
  func descriptions() {
    let errors: [(RegressionError, AlmanacCore.ExitStatus)] = [
      (.invalidPenalty, .configuration), (.invalidWeights, .badData),
      (.shapeMismatch(designRows: 1, otherRows: 2), .internalError),
      (.linearAlgebra(.notPositiveDefinite(order: 1)), .badData),
      (.linearAlgebra(.outOfMemory(routine: .dpotrf)), .internalError),
    ]
    for (error, status) in errors {
      #expect(error.exitStatus == status)
      #expect(!error.description.isEmpty && !error.description.contains("\n"))
    }
  }
}
