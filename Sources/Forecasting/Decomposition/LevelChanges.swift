/// Periods at which a series jumps: to a new level, or for one value only.
package struct LevelChanges: Equatable, Sendable {
  /// The first periods of new levels.
  package private(set) var shifts: [Int] = []
  /// How far each shift went: the difference of the medians after and before it, less the usual drift.
  package private(set) var steps: [Double] = []
  /// The periods of values that stand alone.
  package private(set) var pulses: [Int] = []
  /// How far each pulse lies from the median of its neighbours.
  package private(set) var sizes: [Double] = []

  /// A jump of fewer robust standard deviations is none.
  private static let threshold = 5.0
  /// The most values on either side that a jump is held against, and the fewest.
  static let window = 12
  private static let fewest = 3

  /// The jumps of a series without its seasons.
  ///
  /// The unit is the robust standard deviation of the changes from period to period. Where a change
  /// is larger than five, the medians of the values before and after it decide: if they differ by
  /// more than five too, the level has shifted; if not, and the value lies that far from its
  /// neighbours on both sides, it is a pulse. With fewer than three values after it a jump is
  /// neither, since nothing tells yet.
  ///
  /// - Parameter values: without gaps and seasons.
  package init(_ values: [Double]) {
    guard values.count > 2 * LevelChanges.fewest else { return }
    let changes = zip(values.dropFirst(), values).map { $0 - $1 }
    let usual = LevelChanges.median(changes)
    let deviations = changes.map { abs($0 - usual) }
    // 1.4826 makes the median deviation that of a normal distribution; a change has two errors.
    var unit = 1.4826 * LevelChanges.median(deviations) / 2.0.squareRoot()
    if unit == 0 { unit = deviations.reduce(0, +) / Double(deviations.count) }
    guard unit > 0 else { return }
    let limit = LevelChanges.threshold * unit
    for period in LevelChanges.fewest...(values.count - LevelChanges.fewest)
    where deviations[period - 1] > limit {
      let before = values[max(0, period - LevelChanges.window)..<period]
      let after = values[period..<min(values.count, period + LevelChanges.window)]
      let step = LevelChanges.median(Array(after)) - LevelChanges.median(Array(before))
      let drift = usual * Double(before.count + after.count) / 2
      if abs(step - drift) > limit {
        // The value before a new level may itself be odd: the larger jump of neighbours counts.
        if let last = shifts.last, period - last < LevelChanges.fewest {
          if deviations[period - 1] > deviations[last - 1] {
            shifts[shifts.count - 1] = period
            steps[steps.count - 1] = step - drift
          }
        } else {
          shifts.append(period)
          steps.append(step - drift)
        }
        continue
      }
      let sides = Array(before) + after.dropFirst()
      let size = abs(values[period] - LevelChanges.median(sides))
      if size > limit {
        pulses.append(period)
        sizes.append(size)
      }
    }
  }

  /// Values of the same periods with all levels before a shift raised to the one after it.
  package func levelled(_ values: [Double]) -> [Double] {
    var result = values
    for (period, step) in zip(shifts, steps) {
      for index in 0..<period { result[index] += step }
    }
    return result
  }

  private static func median(_ values: [Double]) -> Double {
    var values = values
    let count = values.count
    let upper = values.selected(count / 2)
    return count % 2 == 1 ? upper : (values.selected(count / 2 - 1) + upper) / 2
  }
}

extension [Double] {
  /// The value at a place of the ascending order, of values that are no NaN; those before it end up
  /// left of it and the others right of it.
  ///
  /// - Complexity: O(n) on average.
  /// - SeeAlso: Hoare, *Communications of the ACM* 4(7), 1961, doi:10.1145/366622.366647.
  mutating func selected(_ place: Int) -> Double {
    var (low, high) = (0, count - 1)
    while low < high {
      let pivot = self[low + (high - low) / 2]
      var (left, right) = (low, high)
      while left <= right {
        while self[left] < pivot { left += 1 }
        while self[right] > pivot { right -= 1 }
        if left <= right {
          swapAt(left, right)
          left += 1
          right -= 1
        }
      }
      if place <= right {
        high = right
      } else if place >= left {
        low = left
      } else {
        break
      }
    }
    return self[place]
  }
}
