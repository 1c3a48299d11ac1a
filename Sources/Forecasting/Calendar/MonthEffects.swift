/// How much more a month brings for being longer, or for having more working days (D-501).
///
/// Each month is compared with the two before and the two after it, with a yearly season as a ratio
/// to the same month of the year before. What it differs by is explained by what its days differ by,
/// with least squares. Of each slope as much is taken as is left when what months differ by chance is
/// taken off: the positive part of the estimator of James and Stein, as for holidays. A level, which
/// no day adds to, so keeps slopes of 0.
///
/// - SeeAlso: Cleveland & Devlin, *Journal of the American Statistical Association* 77(379), 1982,
///   doi:10.1080/01621459.1982.10477854.
struct MonthEffects {
  /// The share of a month's relative length that its value moves by: 0 for a level, 1 where every
  /// day brings the same.
  let lengthSlope: Double
  /// The same of its share of working days: 1 where they bring everything, -2.5 where weekends do.
  let workingSlope: Double
  private let months: MonthDays

  /// The fewest known months that say something about days.
  private static let fewestMonths = 24
  /// How many months on each side one is compared with.
  private static let neighbours = 2

  /// The effects that a monthly series shows.
  ///
  /// - Parameters:
  ///   - values: the series without gaps.
  ///   - isKnown: whether a value was filled in, which then is no evidence.
  ///   - months: its months, and those after.
  ///   - isSeasonal: whether it is forecast with a yearly season.
  init(
    _ values: [Double], isKnown: (Int) -> Bool, months: MonthDays, isSeasonal: Bool
  ) {
    self.months = months
    let known = values.indices.filter(isKnown)
    guard known.count >= MonthEffects.fewestMonths, known.allSatisfy({ values[$0] > 0 }) else {
      (lengthSlope, workingSlope) = (0, 0)
      return
    }
    let lag = isSeasonal ? 12 : 0
    let usable = values.indices.filter { $0 >= lag && isKnown($0) && isKnown($0 - lag) }
    func compared(_ month: Int, _ quantity: (Int) -> Double) -> (own: Double, others: Double)? {
      let others = (1...MonthEffects.neighbours).flatMap { [month - $0, month + $0] }
        .filter { $0 >= lag && $0 < values.count && isKnown($0) && isKnown($0 - lag) }
      guard others.count >= 2 else { return nil }
      let sum = others.reduce(0) { $0 + quantity($1) }
      return (quantity(month), sum / Double(others.count))
    }
    var rows: [(deviation: Double, length: Double, working: Double)] = []
    for month in usable {
      let days = months
      guard
        let value = compared(month, { lag == 0 ? values[$0] : values[$0] / values[$0 - lag] }),
        let length = compared(
          month, { days.lengths[$0] - (lag == 0 ? 0 : days.lengths[$0 - lag]) }),
        let working = compared(
          month, { days.workingShares[$0] - (lag == 0 ? 0 : days.workingShares[$0 - lag]) })
      else { continue }
      rows.append(
        (value.own / value.others - 1, length.own - length.others, working.own - working.others))
    }
    let slopes = MonthEffects.slopes(rows)
    lengthSlope = min(max(0, slopes.length), 1)
    workingSlope = min(max(-2.5, slopes.working), 1)
  }

  /// Least squares without a constant, each slope less what chance does.
  private static func slopes(
    _ rows: [(deviation: Double, length: Double, working: Double)]
  ) -> (length: Double, working: Double) {
    var (ll, lw, ww, ld, wd) = (0.0, 0.0, 0.0, 0.0, 0.0)
    for row in rows {
      ll += row.length * row.length
      lw += row.length * row.working
      ww += row.working * row.working
      ld += row.length * row.deviation
      wd += row.working * row.deviation
    }
    let determinant = ll * ww - lw * lw
    guard rows.count >= 8, determinant > 1e-9 * max(ll, ww) * max(ll, ww) else { return (0, 0) }
    let length = (ww * ld - lw * wd) / determinant
    let working = (ll * wd - lw * ld) / determinant
    let residuals = rows.map { abs($0.deviation - length * $0.length - working * $0.working) }
      .sorted()
    // The median of absolute deviations, as the standard deviation of normal errors.
    let spread = 1.4826 * residuals[residuals.count / 2]
    func kept(_ slope: Double, variance: Double) -> Double {
      slope == 0 ? 0 : slope * max(0, 1 - variance / (slope * slope))
    }
    return (
      kept(length, variance: spread * spread * ww / determinant),
      kept(working, variance: spread * spread * ll / determinant)
    )
  }

  /// What a month's value is multiplied by for its days.
  private func factor(_ month: Int) -> Double {
    guard month < months.lengths.count else { return 1 }
    return 1 + lengthSlope * months.lengths[month] + workingSlope * months.workingShares[month]
  }

  /// The series as it would be if all months had the same days.
  func removed(from values: [Double]) -> [Double] {
    values.indices.map { values[$0] / factor($0) }
  }

  /// Forecasts with the days of the months from `end` on.
  func applied(to forecast: [Double], from end: Int) -> [Double] {
    forecast.indices.map { forecast[$0] * factor(end + $0) }
  }
}
