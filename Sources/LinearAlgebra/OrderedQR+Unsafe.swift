import CLAPACK

/// The QR factorisation of the columns of a matrix that are independent of the columns before them.
///
/// Rank is decided in declared order: a column that is a combination of earlier ones is left out,
/// so it is always the later of two equal columns that yields. The factorisation by LAPACK
/// `dgeqrf` does not reorder columns; which ones to keep is then read from its triangular factor,
/// which has the same geometry as the matrix at the size of its columns.
package struct OrderedQR: Sendable {
  /// The columns that were kept, ascending, counted from zero.
  package let kept: [Int]
  /// The columns that were left out, ascending, counted from zero.
  package let aliased: [Int]
  /// `R` in the upper triangle, the reflectors of `Q` below it, for the kept columns.
  private let factors: Matrix
  /// The scalar factors of the reflectors.
  private let reflectorScales: [Double]

  /// The number of columns that were kept.
  package var rank: Int { kept.count }

  /// Factors a matrix.
  ///
  /// - Parameters:
  ///   - matrix: columns of comparable length, or the tolerance means different things to them.
  ///   - tolerance: a column is left out where what the kept columns before it do not explain is
  ///     at most this share of its length; `nil` takes 16 roundoffs times the root of the larger
  ///     dimension.
  /// - Throws: `.notFinite` for a NaN or an infinity.
  /// - Complexity: O(n·p²), twice where a column is left out.
  package init(_ matrix: Matrix, tolerance: Double? = nil) throws(LinearAlgebraError) {
    guard matrix.isFinite else { throw .notFinite }
    let limit =
      tolerance ?? 0x1p-48 * Double(max(matrix.rowCount, matrix.columnCount)).squareRoot()
    let (all, allScales) = try OrderedQR.factored(matrix)
    let keeping = OrderedQR.independentColumns(of: all, tolerance: limit)
    kept = keeping
    if keeping.count == matrix.columnCount {
      aliased = []
      (factors, reflectorScales) = (all, allScales)
    } else {
      let isKept = Set(keeping)
      aliased = (0..<matrix.columnCount).filter { !isKept.contains($0) }
      (factors, reflectorScales) = try OrderedQR.factored(matrix.selecting(columns: keeping))
    }
  }

  /// The element of `R` at a row and column of the kept columns; zero below the diagonal.
  package func r(_ row: Int, _ column: Int) -> Double {
    row > column ? 0 : factors[row, column]
  }

  /// `Qᵀv`, or `Qv` where `transposes` is false; calls LAPACK `dormqr`.
  ///
  /// Throws `.shapeMismatch` unless the vector has one value per row, `.notFinite` for a NaN or
  /// an infinity.
  package func q(
    times vector: [Double], transposes: Bool
  ) throws(LinearAlgebraError) -> [Double] {
    guard vector.count == factors.rowCount else {
      throw .shapeMismatch(expected: factors.rowCount, actual: vector.count)
    }
    guard allFinite(vector) else { throw .notFinite }
    var product = vector
    guard factors.rowCount > 0, rank > 0 else { return product }
    BLASLibrary.useOneThread
    let rows = Int32(factors.rowCount)
    let info = unsafe factors.columnMajor.withUnsafeBufferPointer { elements in
      unsafe reflectorScales.withUnsafeBufferPointer { scales in
        unsafe product.withUnsafeMutableBufferPointer { product in
          unsafe LAPACKE_dormqr(
            columnMajorLayout, leftSide, transposes ? transposed : untransposed, rows, 1,
            Int32(scales.count), elements.baseAddress, rows, scales.baseAddress,
            product.baseAddress, rows)
        }
      }
    }
    if let error = LinearAlgebraError(info: info, from: .dormqr) { throw error }
    return product
  }

  /// Solves `Rx = b`, or `Rᵀx = b`, with as many values as columns were kept.
  ///
  /// Throws `.shapeMismatch` for another number of values.
  package func solveR(
    _ rightHandSide: [Double], transposes: Bool
  ) throws(LinearAlgebraError) -> [Double] {
    guard rightHandSide.count == rank else {
      throw .shapeMismatch(expected: rank, actual: rightHandSide.count)
    }
    var solution = rightHandSide
    if transposes {
      for column in 0..<rank {
        var value = solution[column]
        for row in 0..<column { value -= factors[row, column] * solution[row] }
        solution[column] = value / factors[column, column]
      }
    } else {
      for column in (0..<rank).reversed() {
        let value = solution[column] / factors[column, column]
        solution[column] = value
        for row in 0..<column { solution[row] -= factors[row, column] * value }
      }
    }
    return solution
  }

  /// Factors all columns; calls LAPACK `dgeqrf`.
  private static func factored(
    _ matrix: Matrix
  ) throws(LinearAlgebraError) -> (Matrix, [Double]) {
    var elements = matrix
    var scales = [Double](repeating: 0, count: min(matrix.rowCount, matrix.columnCount))
    guard !scales.isEmpty else { return (elements, scales) }
    BLASLibrary.useOneThread
    let rows = Int32(matrix.rowCount)
    let info = unsafe elements.columnMajor.withUnsafeMutableBufferPointer { elements in
      unsafe scales.withUnsafeMutableBufferPointer { scales in
        unsafe LAPACKE_dgeqrf(
          columnMajorLayout, rows, Int32(matrix.columnCount), elements.baseAddress, rows,
          scales.baseAddress)
      }
    }
    if let error = LinearAlgebraError(info: info, from: .dgeqrf) { throw error }
    return (elements, scales)
  }

  /// The columns of a triangular factor that are independent of the kept ones before them.
  ///
  /// Householder reflections of the small factor, where a column that is left out uses up no
  /// direction: LAPACK's own would spend one on its rounding errors.
  private static func independentColumns(of factors: Matrix, tolerance: Double) -> [Int] {
    let height = min(factors.rowCount, factors.columnCount)
    var diagonalIsLarge = height == factors.columnCount
    for column in 0..<height where diagonalIsLarge {
      var sum = 0.0
      for row in 0...column { sum += factors[row, column] * factors[row, column] }
      diagonalIsLarge = abs(factors[column, column]) > tolerance * sum.squareRoot() && sum > 0
    }
    if diagonalIsLarge { return Array(0..<factors.columnCount) }

    var kept: [Int] = []
    var reflectors: [[Double]] = []
    for column in 0..<factors.columnCount where kept.count < height {
      var vector = (0..<height).map { $0 <= column ? factors[$0, column] : 0 }
      let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
      for reflector in reflectors {
        var product = 0.0
        for row in 0..<height { product += reflector[row] * vector[row] }
        for row in 0..<height { vector[row] -= 2 * product * reflector[row] }
      }
      let start = kept.count
      var rest = vector[start...].reduce(0) { $0 + $1 * $1 }.squareRoot()
      guard rest > tolerance * length, length > 0 else { continue }
      var reflector = [Double](repeating: 0, count: height)
      for row in start..<height { reflector[row] = vector[row] }
      reflector[start] += vector[start] < 0 ? -rest : rest
      rest = reflector.reduce(0) { $0 + $1 * $1 }.squareRoot()
      for row in start..<height { reflector[row] /= rest }
      reflectors.append(reflector)
      kept.append(column)
    }
    return kept
  }
}

extension Matrix {
  /// The matrix of the given columns, in the given order.
  ///
  /// - Precondition: each is a column of the matrix.
  package func selecting(columns: [Int]) -> Matrix {
    var selected = Matrix(zeroRowCount: rowCount, columnCount: columns.count)
    for (position, column) in columns.enumerated() {
      selected.columnMajor.replaceSubrange(
        (position * rowCount)..<((position + 1) * rowCount),
        with: columnMajor[(column * rowCount)..<((column + 1) * rowCount)])
    }
    return selected
  }

  /// The matrix of the given rows, in the given order.
  ///
  /// - Precondition: each is a row of the matrix.
  package func selecting(rows: [Int]) -> Matrix {
    var selected = Matrix(zeroRowCount: rows.count, columnCount: columnCount)
    for column in 0..<columnCount {
      let start = column * rows.count
      for (position, row) in rows.enumerated() {
        selected.columnMajor[start + position] = columnMajor[column * rowCount + row]
      }
    }
    return selected
  }
}

private let leftSide = CChar(bitPattern: UInt8(ascii: "L"))
private let transposed = CChar(bitPattern: UInt8(ascii: "T"))
private let untransposed = CChar(bitPattern: UInt8(ascii: "N"))
