import AlmanacCore
import LinearAlgebra
import TestSupport
import Testing

@Suite struct MatrixTests {
  @Test("stores elements column after column")
  func layout() throws {
    var matrix = try Matrix(columns: [[1, 2], [3, 4], [5, 6]])
    #expect(matrix.rowCount == 2)
    #expect(matrix.columnCount == 3)
    #expect(matrix.columnMajor == [1, 2, 3, 4, 5, 6])
    #expect(matrix[1, 2] == 6)
    matrix[0, 1] = 9
    #expect(matrix.column(1) == [9, 4])
    #expect(matrix.withColumn(1) { $0[0] } == 9)
  }

  @Test("refuses elements that do not fill the shape")
  func wrongCount() {
    #expect(throws: LinearAlgebraError.shapeMismatch(expected: 6, actual: 5)) {
      try Matrix(rowCount: 2, columnCount: 3, columnMajor: [1, 2, 3, 4, 5])
    }
    #expect(throws: LinearAlgebraError.shapeMismatch(expected: 2, actual: 1)) {
      try Matrix(columns: [[1, 2], [3]])
    }
  }

  @Test(
    "refuses shapes that LAPACK cannot index",
    arguments: [(-1, 2), (2, -1), (1 << 31, 0), (Int.max, Int.max)])
  func unsupportedShape(rowCount: Int, columnCount: Int) {
    #expect(
      throws: LinearAlgebraError.unsupportedShape(rowCount: rowCount, columnCount: columnCount)
    ) {
      try Matrix(rowCount: rowCount, columnCount: columnCount, columnMajor: [])
    }
  }

  @Test("products equal plain loops", arguments: UInt64(0)..<16)
  func products(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let (n, p, q) = (Int(seed % 7) + 1, Int(seed % 5) + 1, Int(seed % 3) + 1)
    let left = try random.matrix(n, p)
    let right = try random.matrix(p, q)
    let vector = random.vector(p)
    let product = try left.times(right)
    for row in 0..<n {
      for column in 0..<q {
        let expected = (0..<p).reduce(0) { $0 + left[row, $1] * right[$1, column] }
        #expect(isClose(product[row, column], expected, absolute: 1e-14))
      }
    }
    let image = try left.times(vector)
    for row in 0..<n {
      let expected = (0..<p).reduce(0) { $0 + left[row, $1] * vector[$1] }
      #expect(isClose(image[row], expected, absolute: 1e-14))
    }
  }

  @Test("the weighted Gram and moments equal plain loops", arguments: UInt64(0)..<16)
  func gram(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let (n, p) = (Int(seed) * 3 + 1, Int(seed % 6) + 1)
    let design = try random.matrix(n, p)
    let weights = (0..<n).map { _ in random.nextUnit() }
    let target = random.vector(n)
    let gram = try design.gram(weights: weights)
    let moments = try design.moments(with: target, weights: weights)
    for row in 0..<p {
      for column in 0..<p {
        let expected = (0..<n).reduce(0) {
          $0 + weights[$1] * design[$1, row] * design[$1, column]
        }
        #expect(isClose(gram[row, column], expected, absolute: 1e-13))
        #expect(gram[row, column] == gram[column, row])
      }
      let expected = (0..<n).reduce(0) { $0 + weights[$1] * design[$1, row] * target[$1] }
      #expect(isClose(moments[row], expected, absolute: 1e-13))
    }
  }

  @Test("refuses operands that do not fit")
  func mismatch() throws {
    let matrix = try Matrix(columns: [[1, 2, 3], [4, 5, 6]])
    #expect(throws: LinearAlgebraError.shapeMismatch(expected: 2, actual: 3)) {
      try matrix.times([1, 2, 3])
    }
    #expect(throws: LinearAlgebraError.shapeMismatch(expected: 3, actual: 2)) {
      try matrix.transposedTimes([1, 2])
    }
    #expect(throws: LinearAlgebraError.shapeMismatch(expected: 2, actual: 3)) {
      try matrix.times(matrix)
    }
    #expect(throws: LinearAlgebraError.shapeMismatch(expected: 3, actual: 1)) {
      try matrix.gram(weights: [1])
    }
  }

  @Test("products of empty matrices are empty or zero")
  func empty() throws {
    let tall = Matrix(zeroRowCount: 3, columnCount: 0)
    #expect(try tall.times([]) == [0, 0, 0])
    #expect(try tall.gram().columnMajor.isEmpty)
    let flat = Matrix(zeroRowCount: 0, columnCount: 2)
    #expect(try flat.gram().columnMajor == [0, 0, 0, 0])
  }

  @Test("keeps BLAS at one thread, under a name")
  func oneThread() throws {
    _ = try Matrix.identity(2).times([1, 2])
    #expect(BLASLibrary.threadCount == 1)
    #expect(!BLASLibrary.kernelName.isEmpty)
  }

  @Test("gives the same bytes from concurrent callers")
  func sameBytes() async throws {
    var random = SplitMix64(seed: 7)
    let design = try random.matrix(400, 30)
    let expected = try design.gram()
    let results = try await withThrowingTaskGroup(of: Matrix.self) { group in
      for _ in 0..<16 { group.addTask { try design.gram() } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(results.allSatisfy { $0 == expected })
  }
}
