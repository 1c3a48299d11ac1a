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
    let changes = SeriesLoops.changes(values)
    let usual = LevelChanges.median(changes)
    let deviations = SeriesLoops.distances(changes, from: usual)
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
    if count % 2 == 1 { return upper }
    // The other one in the middle is the largest of those before.
    var lower = values[0]
    for position in 1..<max(1, count / 2) { lower = Swift.max(lower, values[position]) }
    return (lower + upper) / 2
  }
}

extension [Double] {
  /// The value at a place of the ascending order, of values that are no NaN; those before it end up
  /// left of it and the others right of it.
  ///
  /// Whether a value is below the pivot moves a position instead of a branch, which processors
  /// could not foresee.
  ///
  /// - Complexity: O(n) on average.
  /// - SeeAlso: Hoare, *Communications of the ACM* 4(7), 1961, doi:10.1145/366622.366647; Edelkamp &
  ///   Weiss, *BlockQuicksort*, 2016, doi:10.4230/LIPIcs.ESA.2016.38, for partitions without branches.
  mutating func selected(_ place: Int) -> Double {
    var values = mutableSpan
    return selectedValue(&values, place)
  }
}

/// The value at a place of the ascending order, with the others on the sides where they belong.
private func selectedValue(_ values: inout MutableSpan<Double>, _ place: Int) -> Double {
  var (low, high) = (0, values.count)
  while high - low > 1 {
    let pivot = pivot(values, low, high)
    let middle = partition(&values, low, high) { $0 < pivot }
    if place < middle {
      high = middle
      continue
    }
    // Where few or none are below the pivot many may equal it, and one at least is taken off.
    if middle - low <= (high - low) / 8 {
      let end = partition(&values, middle, high) { $0 <= pivot }
      if place < end { return pivot }
      low = end
    } else {
      low = middle
    }
  }
  return values[place]
}

/// Puts the values that meet a condition before the others, and gives the first place of the others.
@inline(__always)
private func partition(
  _ values: inout MutableSpan<Double>, _ low: Int, _ high: Int, _ isBefore: (Double) -> Bool
) -> Int {
  var end = low
  for position in low..<high {
    let value = values[position]
    values[position] = values[end]
    values[end] = value
    end += isBefore(value) ? 1 : 0
  }
  return end
}

/// A value of a range that is near its median: of three, or of three such of three in a long one.
private func pivot(_ values: borrowing MutableSpan<Double>, _ low: Int, _ high: Int) -> Double {
  func median(_ first: Double, _ second: Double, _ third: Double) -> Double {
    max(min(first, second), min(max(first, second), third))
  }
  let count = high - low
  guard count > 64 else {
    return median(values[low], values[low + count / 2], values[high - 1])
  }
  let step = count / 9
  func medianOfThree(_ first: Int) -> Double {
    median(values[first], values[first + step], values[first + 2 * step])
  }
  return median(
    medianOfThree(low), medianOfThree(low + 3 * step), medianOfThree(low + 6 * step))
}
