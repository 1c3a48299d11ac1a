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

/// The order of a column of numbers, found once for fits of more and more of its rows: what each of them
/// would sort for takes one pass then.
package struct ColumnOrder: Sendable {
  /// The numbers of rows that have one, ascending.
  private let values: [Double]
  /// From which part on the row of each is in, doubled, and one more where its outcome is yes.
  private let marks: [UInt16]

  /// A row that is in no part.
  package static let never = UInt16.max / 2

  /// The order of a column.
  ///
  /// - Parameters:
  ///   - column: its values, NaN where missing.
  ///   - since: for each row the number of the first part that it is in, and in all later ones; or
  ///     ``never``, below which numbers must be.
  ///   - outcomes: 1 for yes, one per row.
  /// - Complexity: O(n).
  package init(_ column: [Double], since: [UInt16], outcomes: [Double]) {
    precondition(column.count == since.count && column.count == outcomes.count)
    let ordered = ascendingRows(column)
    var values: [Double] = []
    var marks: [UInt16] = []
    values.reserveCapacity(column.count)
    marks.reserveCapacity(column.count)
    for place in ordered {
      let row = Int(place)
      // Missing values come last.
      if column[row].isNaN { break }
      guard since[row] < ColumnOrder.never else { continue }
      values.append(column[row])
      marks.append(2 * since[row] + (outcomes[row] == 1 ? 1 : 0))
    }
    self.values = values
    self.marks = marks
  }

  /// What the rows of a part have of the column.
  package struct Part: Sendable {
    /// The finite numbers, ascending.
    package var ascending: [Double] = []
    /// The area under the ROC curve of the numbers; `nil` unless both outcomes occur among rows with a
    /// number.
    package var areaUnderROC: Double?
  }

  /// The rows that are in the part of a number.
  ///
  /// - Complexity: O(n).
  package func part(_ number: Int) -> Part {
    let end = 2 * (number + 1)
    var part = Part()
    part.ascending.reserveCapacity(values.count)
    var last = Double.nan
    var (below, yes, no) = (0.0, 0.0, 0.0)
    var (positives, pairs) = (0.0, 0.0)
    for (place, mark) in marks.enumerated() where mark < end {
      let value = values[place]
      if value != last {
        // Of equal numbers each counts as half above the other.
        pairs += yes * (below + no / 2)
        positives += yes
        below += no
        (yes, no) = (0, 0)
        last = value
      }
      if mark & 1 == 1 { yes += 1 } else { no += 1 }
      if value.isFinite { part.ascending.append(value) }
    }
    pairs += yes * (below + no / 2)
    positives += yes
    below += no
    if positives > 0, below > 0 { part.areaUnderROC = pairs / positives / below }
    return part
  }
}
