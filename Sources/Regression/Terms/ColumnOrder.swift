/// Rows in the ascending order of their numbers, in time linear in the rows.
///
/// - Parameter values: NaN where missing.
/// - Returns: every row once: ascending by value, equal ones by row, those of missing values last.
func ascendingRows(_ values: [Double]) -> [Int32] {
  // Doubles order as their bits do, once those of negative ones are turned round; 0 and −0 are equal.
  let keys = values.map { value -> UInt64 in
    guard !value.isNaN else { return .max }
    let bits = (value + 0).bitPattern
    return bits >> 63 == 1 ? ~bits : bits | 1 << 63
  }
  var rows = values.indices.map { Int32($0) }
  var target = rows
  let digits = 1 << 11
  let common = keys.first ?? 0
  let varying = keys.reduce(0) { $0 | ($1 ^ common) }
  var shift = UInt64(varying.trailingZeroBitCount)
  while shift < 64, varying >> shift != 0 {
    defer { shift += 11 }
    let mask = UInt64(digits - 1)
    if varying >> shift & mask == 0 { continue }
    var places = [Int](repeating: 0, count: digits)
    for key in keys { places[Int(key >> shift & mask)] += 1 }
    var start = 0
    for digit in 0..<digits {
      let count = places[digit]
      places[digit] = start
      start += count
    }
    for row in rows {
      let digit = Int(keys[Int(row)] >> shift & mask)
      target[places[digit]] = row
      places[digit] += 1
    }
    swap(&rows, &target)
  }
  return rows
}

/// The order of a column of numbers, found once for fits of many of its parts: what each of them would
/// sort for takes one pass then.
package struct ColumnOrder: Sendable {
  /// The rows with a number, ascending by it.
  private let rows: [Int32]
  /// Their numbers.
  private let values: [Double]

  /// The order of a column.
  ///
  /// - Parameter column: its values, NaN where missing.
  /// - Complexity: O(n).
  package init(_ column: [Double]) {
    let ordered = ascendingRows(column)
    let missing = column.count { $0.isNaN }
    rows = Array(ordered.dropLast(missing))
    values = rows.map { column[Int($0)] }
  }

  /// The finite numbers of some rows, ascending.
  ///
  /// - Parameter isChosen: whether a row is one of them, for every row of the column.
  /// - Returns: as many as there are.
  package func ascending(_ isChosen: [Bool]) -> [Double] {
    var found: [Double] = []
    found.reserveCapacity(rows.count)
    for (place, row) in rows.enumerated() where isChosen[Int(row)] {
      let value = values[place]
      if value.isFinite { found.append(value) }
    }
    return found
  }

  /// The area under the ROC curve of the numbers of some rows.
  ///
  /// - Parameters:
  ///   - outcomes: 1 for yes, one per row of the column.
  ///   - isChosen: whether a row is one of them, for every row.
  /// - Returns: the area; `nil` unless both outcomes occur among chosen rows with a number.
  package func areaUnderROC(_ outcomes: [Double], _ isChosen: [Bool]) -> Double? {
    var groups: [(positives: Double, negatives: Double)] = []
    var last = Double.nan
    for (place, row) in rows.enumerated().reversed() where isChosen[Int(row)] {
      let value = values[place]
      if value != last {
        groups.append((0, 0))
        last = value
      }
      if outcomes[Int(row)] == 1 {
        groups[groups.count - 1].positives += 1
      } else {
        groups[groups.count - 1].negatives += 1
      }
    }
    return BinaryScores.areaUnderROC(descending: groups)
  }
}
