import CLAPACK
import Dispatch
import Synchronization

/// Sums over the rows of a matrix, as ``Matrix/blockSums(coefficients:offset:formsGram:jobs:_:)``
/// gives them.
package struct BlockSums: Sendable {
  /// `XᵀWX`, both triangles; without rows and columns where it was not asked for.
  package var gram: Matrix
  /// `Xᵀr`, one value per column.
  package var moments: [Double]
  /// The sum of what the kernel returned.
  package var total: Double
}

/// What a kernel of ``Matrix/blockSums(coefficients:offset:formsGram:jobs:_:)`` sees of a block.
package struct RowBlock {
  /// The rows of the matrix the block holds.
  package internal(set) var rows: Range<Int>
  /// In: `Xβ` plus the offset, one value per row.
  package internal(set) var linearPredictor: [Double]
  /// Out: the square root of the weight of each row in the Gram matrix.
  package var rootWeights: [Double]
  /// Out: `r`, one value per row.
  package var residuals: [Double]
}

extension Matrix {
  /// One pass over the rows: `Xβ` block by block, then `XᵀWX`, `Xᵀr` and a sum, where `W`, `r` and
  /// the summands come from a kernel that sees one block of `Xβ` at a time.
  ///
  /// Rows fall into chunks by their number alone; each chunk is summed by itself and the chunks
  /// are added in order, so the result has the same bytes for any number of threads. Memory beyond
  /// the matrix: one block of rows per thread and one Gram matrix per chunk, of which there are at
  /// most 32.
  ///
  /// - Parameters:
  ///   - coefficients: `β`, one per column; `nil` for zeros.
  ///   - offset: one per row, or `nil`.
  ///   - formsGram: whether the Gram matrix is wanted; it is what costs.
  ///   - jobs: the number of threads at most; `nil` for one per processor.
  ///   - kernel: fills the weights and residuals of a block and returns its summand. It is called
  ///     from several threads at once.
  /// - Returns: the sums.
  /// - Throws: `.shapeMismatch` unless there is one coefficient per column and one offset per row.
  /// - Complexity: O(n·p²), or O(n·p) without the Gram matrix.
  package func blockSums(
    coefficients: [Double]?, offset: [Double]? = nil, formsGram: Bool, jobs: Int? = nil,
    _ kernel: @Sendable (inout RowBlock) -> Double
  ) throws(LinearAlgebraError) -> BlockSums {
    if let coefficients, coefficients.count != columnCount {
      throw .shapeMismatch(expected: columnCount, actual: coefficients.count)
    }
    if let offset, offset.count != rowCount {
      throw .shapeMismatch(expected: rowCount, actual: offset.count)
    }
    let chunkRows = max(1024, (rowCount + 31) / 32)
    let chunkCount = (rowCount + chunkRows - 1) / chunkRows
    let results = Mutex([BlockSums?](repeating: nil, count: chunkCount))
    BLASLibrary.useOneThread
    @Sendable func work(_ chunk: Int) {
      let rows = (chunk * chunkRows)..<min(rowCount, (chunk + 1) * chunkRows)
      let sums = chunkSums(rows, coefficients, offset, formsGram, kernel)
      results.withLock { $0[chunk] = sums }
    }
    let width = min(chunkCount, jobs ?? Int.max)
    if width <= 1 || rowCount * columnCount < 100_000 {
      for chunk in 0..<chunkCount { work(chunk) }
    } else if width >= chunkCount {
      DispatchQueue.concurrentPerform(iterations: chunkCount) { work($0) }
    } else {
      DispatchQueue.concurrentPerform(iterations: width) { worker in
        for chunk in stride(from: worker, to: chunkCount, by: width) { work(chunk) }
      }
    }
    let chunks = results.withLock { $0 }
    let order = formsGram ? columnCount : 0
    var sums = BlockSums(
      gram: Matrix(zeroRowCount: order, columnCount: order),
      moments: [Double](repeating: 0, count: columnCount), total: 0)
    for chunk in chunks {
      guard let chunk else { continue }
      sums.total += chunk.total
      for column in 0..<columnCount { sums.moments[column] += chunk.moments[column] }
      for column in 0..<order {
        for row in 0...column { sums.gram[row, column] += chunk.gram[row, column] }
      }
    }
    for column in 0..<order {
      for row in 0..<column { sums.gram[column, row] = sums.gram[row, column] }
    }
    return sums
  }

  /// The sums over the rows of one chunk; of the Gram matrix only the upper triangle is filled.
  private func chunkSums(
    _ rows: Range<Int>, _ coefficients: [Double]?, _ offset: [Double]?, _ formsGram: Bool,
    _ kernel: @Sendable (inout RowBlock) -> Double
  ) -> BlockSums {
    let blockRows = 512
    let order = formsGram ? columnCount : 0
    var sums = BlockSums(
      gram: Matrix(zeroRowCount: order, columnCount: order),
      moments: [Double](repeating: 0, count: columnCount), total: 0)
    var scaled = [Double](repeating: 0, count: formsGram ? blockRows * columnCount : 0)
    for start in stride(from: rows.lowerBound, to: rows.upperBound, by: blockRows) {
      let count = min(blockRows, rows.upperBound - start)
      let zeros = [Double](repeating: 0, count: count)
      var block = RowBlock(
        rows: start..<(start + count),
        linearPredictor: offset.map { Array($0[start..<(start + count)]) } ?? zeros,
        rootWeights: zeros, residuals: zeros)
      if let coefficients, columnCount > 0 {
        unsafe columnMajor.withUnsafeBufferPointer { matrix in
          unsafe coefficients.withUnsafeBufferPointer { coefficients in
            unsafe block.linearPredictor.withUnsafeMutableBufferPointer { result in
              unsafe cblas_dgemv(
                CblasColMajor, CblasNoTrans, Int32(count), Int32(columnCount), 1,
                matrix.baseAddress?.advanced(by: start), Int32(rowCount),
                coefficients.baseAddress, 1, 1, result.baseAddress, 1)
            }
          }
        }
      }
      sums.total += kernel(&block)
      guard columnCount > 0 else { continue }
      unsafe columnMajor.withUnsafeBufferPointer { matrix in
        unsafe block.residuals.withUnsafeBufferPointer { residuals in
          unsafe sums.moments.withUnsafeMutableBufferPointer { result in
            unsafe cblas_dgemv(
              CblasColMajor, CblasTrans, Int32(count), Int32(columnCount), 1,
              matrix.baseAddress?.advanced(by: start), Int32(rowCount), residuals.baseAddress, 1,
              1, result.baseAddress, 1)
          }
        }
        guard formsGram else { return }
        unsafe scaled.withUnsafeMutableBufferPointer { scaled in
          unsafe block.rootWeights.withUnsafeBufferPointer { weights in
            for column in 0..<columnCount {
              // Both ranges lie inside their buffers: start + count ≤ rowCount, count ≤ blockRows.
              let source = column * rowCount + start
              let target = column * count
              for row in 0..<count {
                unsafe scaled[target + row] = unsafe matrix[source + row] * weights[row]
              }
            }
          }
          unsafe sums.gram.columnMajor.withUnsafeMutableBufferPointer { result in
            unsafe cblas_dsyrk(
              CblasColMajor, CblasUpper, CblasTrans, Int32(columnCount), Int32(count), 1,
              scaled.baseAddress, Int32(count), 1, result.baseAddress, Int32(columnCount))
          }
        }
      }
    }
    return sums
  }
}
