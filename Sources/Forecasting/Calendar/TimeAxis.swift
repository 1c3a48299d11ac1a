import AlmanacCore

/// The distance between the periods of a series.
package enum AxisStep: Hashable, Sendable {
  /// Whole numbers that far apart.
  case count(Int)
  /// Seconds.
  case seconds(Int)
  /// Days.
  case days(Int)
  /// Calendar months.
  case months(Int)

  /// The lengths of the seasons that periods of this length usually have, shortest first.
  package var usualSeasons: [Int] {
    switch self {
    case .count: [4, 7, 12, 24]
    case .months(let months): months < 12 && 12 % months == 0 ? [12 / months] : []
    case .days(1): [7, 365]
    case .days(7): [52]
    case .days: []
    case .seconds(let seconds):
      // Days of more than 288 periods would cost far more time than they tell.
      86_400 % seconds == 0 && (300...43_200).contains(seconds)
        ? [86_400 / seconds, 7 * (86_400 / seconds)] : []
    }
  }

  /// The lengths of the waves of a series with seasons: a year of days is 365.25 of them, and looked
  /// for beside a week even where fewer years than a season needs are known.
  package func waves(of seasons: [Int]) -> [Double] {
    var waves = Set(seasons.map(Double.init))
    switch self {
    case .days(1):
      if waves.remove(365) != nil || waves.contains(7) { waves.insert(365.25) }
    case .days(7):
      if waves.remove(52) != nil { waves.insert(365.25 / 7) }
    default: break
    }
    return waves.sorted()
  }

  /// The multiple of a given season at which a longer one is looked for: days to weeks, weeks to
  /// years.
  package static func longerSeason(than season: Int) -> Int? {
    switch season {
    case 7: 365
    case 24, 48, 96: 7 * season
    default: nil
    }
  }
}

/// A label of a period: a whole number, a date or a moment.
package enum AxisKind: Hashable, Sendable {
  /// Whole numbers.
  case number
  /// Days since 1970-01-01.
  case date
  /// Seconds since 1970-01-01T00:00.
  case moment
}

/// Why the labels of a series make no axis.
package enum AxisError: Error, Equatable, Sendable {
  /// Two values have the same label.
  case duplicate(position: Int)
  /// The distances are no multiples of one step.
  case irregular
  /// The gaps are far longer than the series.
  case sparse
}

/// The periods of a series: its first label and the step between them.
package struct TimeAxis: Equatable, Sendable {
  /// What the labels are.
  package let kind: AxisKind
  /// The step.
  package let step: AxisStep
  /// The label of the first period; months count from year 0.
  private let first: Int
  /// The day of the month of monthly labels, 31 for the last day.
  private let monthDay: Int
  /// The number of periods.
  package let count: Int
  /// The period of each label, ascending.
  package var periods: [Int] { periodsWithGaps ?? Array(0..<count) }
  /// The same where periods are left out; `nil` where each has a label.
  private let periodsWithGaps: [Int]?

  /// The most periods for each value: with more gaps than that, a label is surely wrong.
  private static let longestSpine = 100

  /// The axis of labels in ascending order.
  ///
  /// The step is the greatest common divisor of the distances, in months where all dates fall on
  /// the same day of a month or on its last. A single label has the step 1.
  ///
  /// - Throws: ``AxisError``.
  package init(labels: [Int], kind: AxisKind) throws(AxisError) {
    precondition(!labels.isEmpty, "an axis of nothing")
    for index in labels.indices.dropFirst() where labels[index] <= labels[index - 1] {
      throw labels[index] == labels[index - 1] ? .duplicate(position: index) : .irregular
    }
    self.kind = kind
    // Most series have no gap, and their step needs no search.
    if labels.count > 1, let distance = TimeAxis.onlyDistance(labels),
      kind != .date || distance < 28
    {
      step =
        switch kind {
        case .number: .count(distance)
        case .moment: .seconds(distance)
        case .date: .days(distance)
        }
      first = labels[0]
      monthDay = 1
      count = labels.count
      periodsWithGaps = nil
      return
    }
    var positions = labels
    var isMonthly = false
    var monthDay = 1
    if kind == .date, labels.count > 1 {
      let shortest = zip(labels.dropFirst(), labels).map { $0 - $1 }.min() ?? 0
      let parts =
        shortest >= 28 ? labels.map { CalendarDate(daysSinceEpoch: Int32($0)) } : []
      let isSameDay = parts.allSatisfy { $0.day == parts[0].day }
      let isLastDay = parts.allSatisfy { $0.day == $0.daysInMonth }
      if shortest >= 28, isSameDay || isLastDay {
        isMonthly = true
        monthDay = isLastDay ? 31 : parts[0].day
        positions = parts.map { $0.year * 12 + $0.month - 1 }
      }
    }
    let distances = zip(positions.dropFirst(), positions).map { $0 - $1 }
    let divisor = distances.reduce(0) { TimeAxis.divisor($0, $1) }
    let step = max(1, divisor)
    let span = (positions[positions.count - 1] - positions[0]) / step + 1
    // A step far below the usual distance comes from labels of different frequencies.
    let usual = distances.sorted()
    if let middle = usual.isEmpty ? nil : usual[usual.count / 2], middle > 3 * step {
      throw .irregular
    }
    guard span <= TimeAxis.longestSpine * positions.count else { throw .sparse }
    self.step =
      switch kind {
      case .number: .count(step)
      case .moment: .seconds(step)
      case .date: isMonthly ? .months(step) : .days(step)
      }
    first = positions[0]
    self.monthDay = monthDay
    count = span
    periodsWithGaps = span == positions.count ? nil : positions.map { ($0 - positions[0]) / step }
  }

  /// The distance of each label from the one before; `nil` where they differ.
  private static func onlyDistance(_ labels: [Int]) -> Int? {
    let distance = labels[1] - labels[0]
    for index in labels.indices.dropFirst() where labels[index] - labels[index - 1] != distance {
      return nil
    }
    return distance
  }

  private static func divisor(_ left: Int, _ right: Int) -> Int {
    var (left, right) = (left, right)
    while right != 0 { (left, right) = (right, left % right) }
    return abs(left)
  }

  /// The label of a period, which may lie after the last.
  package func label(_ period: Int) -> Int {
    switch step {
    case .count(let step), .seconds(let step), .days(let step): return first + period * step
    case .months(let step):
      let month = first + period * step
      let start = CalendarDate(daysSinceEpoch: 0).monthStart(adding: month - 1970 * 12)
      return Int(start.daysSinceEpoch) + min(monthDay, start.daysInMonth) - 1
    }
  }

  /// Whether all labels, and those of `horizon` periods more, have a name: dates end with the year
  /// 9999 and begin with the year 1.
  package func fitsCalendar(horizon: Int) -> Bool {
    let size: Int =
      switch step {
      case .count(let size), .seconds(let size), .days(let size), .months(let size): size
      }
    let (reach, isTooFar) = (count + horizon).multipliedReportingOverflow(by: size)
    guard !isTooFar, reach < 1 << 61, abs(first) < 1 << 61 else { return false }
    let last = first + reach
    switch step {
    case .count: return true
    case .seconds: return first >= -719_162 * 86_400 && last < 2_932_000 * 86_400
    case .days: return first >= -719_162 && last < 2_932_000
    case .months: return first >= 12 && last < 9_999 * 12
    }
  }

  /// Values in the order of the labels on the spine of all periods; NaN where there is none.
  package func spread(_ values: [Double]) -> [Double] {
    guard let periodsWithGaps else { return values }
    var result = [Double](repeating: .nan, count: count)
    for (period, value) in zip(periodsWithGaps, values) { result[period] = value }
    return result
  }
}
