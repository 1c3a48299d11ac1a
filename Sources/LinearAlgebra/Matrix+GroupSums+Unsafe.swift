import CLAPACK
import Dispatch
import Synchronization

extension Matrix {
  /// For each group of rows `ZᵀWZ`, where `Z` is the matrix with the target as one more column.
  ///
  /// One pass over the rows costs as much as the Gram matrix of all of them together. Rows fall into
  /// chunks by their number alone and chunks are added in order, so the result has the same bytes
  /// for any number of threads.
  ///
  /// - Parameters:
  ///   - groups: the group of each row, from 0; rows of a negative group are left out.
  ///   - groupCount: the number of groups.
  ///   - target: one value per row.
  ///   - weights: one per row, not negative; `nil` for 1.
  ///   - jobs: the number of threads at most; `nil` for one per processor.
  /// - Returns: one matrix per group, of one row and column more than this has columns, both
  ///   triangles filled.
  /// - Throws: `.shapeMismatch` unless groups, target and weights have one value per row.
  /// - Complexity: O(n·p²) time; a block of rows per thread and eight times the result in memory.
  package func groupSums(
    _ groups: [Int], groupCount: Int, target: [Double], weights: [Double]? = nil, jobs: Int? = nil
  ) throws(LinearAlgebraError) -> [Matrix] {
    for count in [groups.count, target.count, weights?.count ?? rowCount] where count != rowCount {
      throw .shapeMismatch(expected: rowCount, actual: count)
    }
    precondition(groups.allSatisfy { $0 < groupCount }, "a group beyond \(groupCount)")
    let chunkRows = max(1024, (rowCount + 7) / 8)
    let chunkCount = (rowCount + chunkRows - 1) / chunkRows
    let results = Mutex([[Matrix]](repeating: [], count: chunkCount))
    BLASLibrary.useOneThread
    let width = max(1, min(chunkCount, jobs ?? Int.max))
    DispatchQueue.concurrentPerform(iterations: width) { worker in
      for chunk in stride(from: worker, to: chunkCount, by: width) {
        let rows = (chunk * chunkRows)..<min(rowCount, (chunk + 1) * chunkRows)
        let sums = chunkGroupSums(rows, groups, groupCount, target, weights)
        results.withLock { $0[chunk] = sums }
      }
    }
    let order = columnCount + 1
    var sums = (0..<groupCount).map { _ in Matrix(zeroRowCount: order, columnCount: order) }
    for chunk in results.withLock({ $0 }) {
      for (group, part) in chunk.enumerated() {
        for position in part.columnMajor.indices {
          sums[group].columnMajor[position] += part.columnMajor[position]
        }
      }
    }
    for group in sums.indices {
      for column in 0..<order {
        for row in 0..<column { sums[group][column, row] = sums[group][row, column] }
      }
    }
    return sums
  }

  /// The sums of one chunk, of which only the upper triangles are filled.
  private func chunkGroupSums(
    _ rows: Range<Int>, _ groups: [Int], _ groupCount: Int, _ target: [Double],
    _ weights: [Double]?
  ) -> [Matrix] {
    let order = columnCount + 1
    // Windows stay in the cache while the groups are picked out of them.
    let windowRows = min(512 * max(1, groupCount), 4096)
    var sums = (0..<groupCount).map { _ in Matrix(zeroRowCount: order, columnCount: order) }
    var picked = [Double](repeating: 0, count: windowRows * order)
    for start in stride(from: rows.lowerBound, to: rows.upperBound, by: windowRows) {
      var members = [[Int]](repeating: [], count: groupCount)
      for row in start..<min(start + windowRows, rows.upperBound) where groups[row] >= 0 {
        members[groups[row]].append(row)
      }
      for (group, members) in members.enumerated() where !members.isEmpty {
        let roots = members.map { (weights?[$0] ?? 1).squareRoot() }
        let count = members.count
        unsafe picked.withUnsafeMutableBufferPointer { picked in
          unsafe columnMajor.withUnsafeBufferPointer { matrix in
            // members lie below rowCount and count ≤ windowRows, so both indices are inside.
            for column in 0..<columnCount {
              let source = column * rowCount
              let place = column * count
              for (position, row) in members.enumerated() {
                unsafe picked[place + position] = unsafe matrix[source + row] * roots[position]
              }
            }
          }
          for (position, row) in members.enumerated() {
            unsafe picked[columnCount * count + position] = target[row] * roots[position]
          }
          unsafe sums[group].columnMajor.withUnsafeMutableBufferPointer { result in
            unsafe cblas_dsyrk(
              CblasColMajor, CblasUpper, CblasTrans, Int32(order), Int32(count), 1,
              picked.baseAddress, Int32(count), 1, result.baseAddress, Int32(order))
          }
        }
      }
    }
    return sums
  }
}
