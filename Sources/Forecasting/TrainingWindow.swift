/// The known values before an origin.
struct TrainingWindow {
  /// The number of periods before the origin.
  let end: Int
  /// The periods with a known value, ascending.
  let rows: [Int]
  /// Their values.
  let values: [Double]

  init(_ series: TimeSeries, end: Int, without closed: ClosedWeekdays = .none) {
    self.end = end
    rows = (0..<end).filter { !series.values[$0].isNaN && !closed.contains(period: $0) }
    values = rows.map { series.values[$0] }
  }
}

/// The weekdays on which nothing happens at all, such as the closing day of a shop.
///
/// A weekday is closed at an origin if its last 26 weeks hold at least eight known values, all of
/// them exactly zero, while some other weekday is not zero there. The model leaves closed weekdays
/// out of the fit and forecasts zero for them: a smooth seasonal curve can reach zero on average
/// only, and their zeros would rule out logarithms.
struct ClosedWeekdays: Equatable {
  /// Closed or not by the remainder of the period after division by 7; empty if none is closed.
  private let isClosed: [Bool]

  /// No closed weekday.
  static let none = ClosedWeekdays(isClosed: [])

  private init(isClosed: [Bool]) {
    self.isClosed = isClosed
  }

  init(_ series: TimeSeries, end: Int) {
    guard series.grain == .day else {
      self = .none
      return
    }
    var known = [Int](repeating: 0, count: 7)
    var zeros = known
    for period in max(0, end - 26 * 7)..<end where !series.values[period].isNaN {
      known[period % 7] += 1
      if series.values[period] == 0 { zeros[period % 7] += 1 }
    }
    let isClosed = (0..<7).map { known[$0] >= 8 && zeros[$0] == known[$0] }
    let isOpenSomewhere = zeros != known
    self.init(isClosed: isOpenSomewhere && isClosed.contains(true) ? isClosed : [])
  }

  /// Whether a period falls on a closed weekday.
  func contains(period: Int) -> Bool {
    !isClosed.isEmpty && isClosed[period % 7]
  }
}
