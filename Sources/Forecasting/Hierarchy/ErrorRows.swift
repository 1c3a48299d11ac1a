/// The errors of nodes as rows of one length, laid out twice: sixteen rows beside each other for their
/// products with a vector, and each row by itself for sums of rows.
///
/// Every sum is in the order of the errors or of the rows, whatever is done beside it, so that results are
/// those of plain loops to the bit.
struct ErrorRows {
  private let rowCount: Int
  private let times: Int
  /// Sixteen rows after one another, time by time; what the last ones lack is zero.
  private let blocks: [[SIMD16<Double>]]
  /// Each row, eight times after one another; what the last ones lack is zero.
  private let rows: [[SIMD8<Double>]]

  /// Rows of equal length.
  init(_ rows: [[Double]]) {
    let times = rows.first?.count ?? 0
    rowCount = rows.count
    self.times = times
    blocks = stride(from: 0, to: rows.count, by: 16).map { first in
      var block = [SIMD16<Double>](repeating: .zero, count: times)
      for (place, row) in rows[first..<min(rows.count, first + 16)].enumerated() {
        for time in 0..<times { block[time][place] = row[time] }
      }
      return block
    }
    self.rows = rows.map { row in
      stride(from: 0, to: times, by: 8).map { first in
        var part = SIMD8<Double>.zero
        for time in first..<min(times, first + 8) { part[time - first] = row[time] }
        return part
      }
    }
  }

  /// The inner product of each row with a vector of the same length.
  func products(with vector: [Double]) -> [Double] {
    var products: [Double] = []
    products.reserveCapacity(16 * blocks.count)
    for block in blocks {
      var sums = SIMD16<Double>.zero
      for (part, value) in zip(block, vector) { sums += part * value }
      for place in 0..<16 { products.append(sums[place]) }
    }
    products.removeLast(products.count - rowCount)
    return products
  }

  /// The sum of the rows, each times its weight.
  func combined(_ weights: [Double]) -> [Double] {
    var sums = [SIMD8<Double>](repeating: .zero, count: (times + 7) / 8)
    var row = 0
    while row + 4 <= rowCount {
      let (first, second, third, fourth) = (rows[row], rows[row + 1], rows[row + 2], rows[row + 3])
      let (a, b, c, d) = (weights[row], weights[row + 1], weights[row + 2], weights[row + 3])
      for place in sums.indices {
        var sum = sums[place]
        sum += first[place] * a
        sum += second[place] * b
        sum += third[place] * c
        sum += fourth[place] * d
        sums[place] = sum
      }
      row += 4
    }
    for row in row..<rowCount {
      for place in sums.indices { sums[place] += rows[row][place] * weights[row] }
    }
    return (0..<times).map { sums[$0 / 8][$0 % 8] }
  }
}
