import AlmanacCore
import LinearAlgebra
import TestSupport
import Testing

@Suite struct FactorizationTests {
  @Test("a Cholesky solution satisfies its system", arguments: UInt64(0)..<16)
  func cholesky(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let order = Int(seed % 8) + 1
    let matrix = try random.matrix(order + 5, order).gram()
    let vector = random.vector(order)
    let factor = try CholeskyFactor(matrix)
    let image = try matrix.times(factor.solve(vector))
    #expect(zip(image, vector).allSatisfy { isClose($0, $1, absolute: 1e-9) })
    let unit = try matrix.times(factor.inverse())
    for row in 0..<order {
      for column in 0..<order {
        #expect(isClose(unit[row, column], row == column ? 1 : 0, absolute: 1e-9))
      }
    }
  }

  @Test("names the minor that is not positive")
  func notPositiveDefinite() throws {
    let matrix = try Matrix(columns: [[1, 1, 0], [1, 1, 0], [0, 0, 1]])
    #expect(throws: LinearAlgebraError.notPositiveDefinite(order: 2)) {
      try CholeskyFactor(matrix)
    }
  }

  @Test("refuses NaN and infinities", arguments: [Double.nan, .infinity, -.infinity])
  func notFinite(value: Double) throws {
    let matrix = try Matrix(columns: [[1, value], [value, 1]])
    #expect(throws: LinearAlgebraError.notFinite) { try CholeskyFactor(matrix) }
    #expect(throws: LinearAlgebraError.notFinite) { try OrderedQR(matrix) }
    #expect(throws: LinearAlgebraError.notFinite) {
      try CholeskyFactor(Matrix.identity(1)).solve([value])
    }
    #expect(throws: LinearAlgebraError.notFinite) {
      try Matrix.identity(1).leastSquares(target: [value])
    }
  }

  @Test("least-squares residuals are orthogonal to the design", arguments: UInt64(0)..<16)
  func orthogonalResiduals(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let columns = Int(seed % 6) + 1
    let design = try random.matrix(20 + Int(seed), columns)
    let solution = try design.leastSquares(target: random.vector(design.rowCount))
    #expect(solution.rank == columns)
    #expect(solution.aliased.isEmpty)
    let products = try design.transposedTimes(solution.residuals)
    #expect(products.allSatisfy { abs($0) < 1e-13 })
  }

  @Test("least squares does not depend on the unit of a column", arguments: [1e-150, 1e-9, 1e150])
  func unitOfColumn(scale: Double) throws {
    var random = SplitMix64(seed: 5)
    let design = try random.matrix(12, 3)
    let target = random.vector(12)
    let plain = try design.leastSquares(target: target)
    let scaled = try design.scaledColumns(by: [1, scale, 1]).leastSquares(target: target)
    #expect(scaled.rank == 3)
    #expect(isClose(scaled.coefficients[1] * scale, plain.coefficients[1], relative: 1e-12))
  }

  @Test("drops a column that others make up, and says which")
  func rankDeficient() throws {
    var random = SplitMix64(seed: 3)
    let first = random.vector(10)
    let second = random.vector(10)
    let sum = zip(first, second).map { $0 + $1 }
    let design = try Matrix(columns: [first, second, sum])
    let target = random.vector(10)
    let solution = try design.leastSquares(target: target)
    #expect(solution.rank == 2)
    #expect(solution.aliased.count == 1)
    #expect(solution.aliased.allSatisfy { solution.coefficients[$0] == 0 })
    let two = try Matrix(columns: [first, second]).leastSquares(target: target)
    #expect(
      zip(solution.residuals, two.residuals).allSatisfy { isClose($0, $1, absolute: 1e-13) })
  }

  @Test("maps what LAPACK returns to an error")
  func info() {
    #expect(LinearAlgebraError(info: 0, from: .dpotrf) == nil)
    #expect(LinearAlgebraError(info: 3, from: .dpotrf) == .notPositiveDefinite(order: 3))
    #expect(LinearAlgebraError(info: 2, from: .dormqr) == .singular(position: 2))
    #expect(LinearAlgebraError(info: -1010, from: .dgeqrf) == .outOfMemory(routine: .dgeqrf))
    #expect(
      LinearAlgebraError(info: -4, from: .dormqr)
        == .invalidArgument(routine: .dormqr, position: 4))
  }
}
