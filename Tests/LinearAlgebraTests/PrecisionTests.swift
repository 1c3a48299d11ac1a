import AlmanacCore
import LinearAlgebra
import TestSupport
import Testing

@Suite struct PrecisionTests {
  @Test("double-doubles hold sums and products exactly", arguments: UInt64(0)..<32)
  func exactArithmetic(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let left = random.nextUnit() * 1e10
    let right = random.nextUnit()
    let sum = DoubleDouble(left, plus: right)
    #expect((sum - DoubleDouble(left)).rounded == right)
    let product = DoubleDouble(left, times: right)
    #expect((product / DoubleDouble(right)).rounded == left)
    let root = product.squareRoot()
    let rest = (root * root - product).rounded
    #expect(abs(rest) <= 1e-29 * product.high)
  }

  @Test("powers carry what rounding leaves over")
  func powers() {
    // 3^40 needs 64 bits: the two parts together are the whole number itself.
    let (high, low) = polynomialColumns(of: [3], degree: 40)
    let whole = (0..<40).reduce(Int128(1)) { power, _ in power * 3 }
    #expect(Int128(high[39][0]) + Int128(low[39][0]) == whole)
  }

  @Test("the later of two equal columns yields, whatever comes between", arguments: UInt64(0)..<16)
  func declaredOrder(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let first = random.vector(30)
    let second = random.vector(30)
    let mixed = first.indices.map { 2 * first[$0] - 3 * second[$0] }
    let design = try Matrix(columns: [first, first, second, mixed, random.vector(30)])
    let factors = try OrderedQR(design)
    #expect(factors.kept == [0, 2, 4])
    #expect(factors.aliased == [1, 3])
    let solution = try design.leastSquares(target: random.vector(30))
    #expect(solution.aliased == [1, 3])
    #expect(solution.coefficients[1] == 0 && solution.coefficients[3] == 0)
    let products = try design.transposedTimes(solution.residuals)
    #expect(products.allSatisfy { abs($0) < 1e-12 })
  }

  @Test("singular values and vectors make the matrix again", arguments: UInt64(0)..<16)
  func singularValues(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let matrix = try random.matrix(9, Int(seed % 5) + 2)
    let parts = try SingularValues(matrix)
    #expect(parts.values == parts.values.sorted(by: >))
    for row in 0..<matrix.rowCount {
      for column in 0..<matrix.columnCount {
        let value = parts.values.indices.reduce(0) {
          $0 + parts.left[row, $1] * parts.values[$1] * parts.right[column, $1]
        }
        #expect(isClose(value, matrix[row, column], absolute: 1e-12))
      }
    }
    let eigen = try SymmetricEigen(matrix.gram())
    for (value, root) in zip(eigen.values.reversed(), parts.values) {
      #expect(isClose(value, root * root, relative: 1e-10, absolute: 1e-12))
    }
  }

  @Test("block sums are the plain sums, with the same bytes for any number of threads")
  func blockSums() throws {
    var random = SplitMix64(seed: 3)
    let design = try random.matrix(20_011, 7)
    let coefficients = random.vector(7)
    let weights = random.vector(20_011).map { abs($0) }
    func sums(_ jobs: Int?) throws -> BlockSums {
      try design.blockSums(coefficients: coefficients, formsGram: true, jobs: jobs) { block in
        for (position, row) in block.rows.enumerated() {
          block.rootWeights[position] = weights[row].squareRoot()
          block.residuals[position] = block.linearPredictor[position]
        }
        return block.linearPredictor.reduce(0, +)
      }
    }
    let one = try sums(1)
    for jobs in [2, 3, 64] {
      let many = try sums(jobs)
      #expect(many.gram == one.gram && many.moments == one.moments && many.total == one.total)
    }
    let gram = try design.gram(weights: weights)
    let fitted = try design.times(coefficients)
    let moments = try design.transposedTimes(fitted)
    for column in 0..<7 {
      #expect(isClose(one.moments[column], moments[column], relative: 1e-10))
      for row in 0..<7 {
        #expect(isClose(one.gram[row, column], gram[row, column], relative: 1e-10, absolute: 1e-9))
      }
    }
  }
}
