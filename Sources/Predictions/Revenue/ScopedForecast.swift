package import AlmanacCore
package import Forecasting

/// A row of `predictions.revenue_forecasts`, without what all rows of a run carry.
package struct ForecastRow: Hashable, Sendable {
  /// What is forecast.
  package var measure: ForecastMeasure
  /// Of what.
  package var subject: ForecastSubject
  /// `day` or `month`.
  package var grain: String
  /// The first day of the period.
  package var periodStart: CalendarDate
  /// How many periods ahead, from 1.
  package var horizon: Int
  /// The forecast with its intervals, in ten-thousandths.
  package var amounts: ForecastAmounts
  /// What made it.
  package var modelUsed: String
  /// Why that is not the combination.
  package var fallbackReason: String?
}

/// The forecast of one measure by day or month, for every subject.
package struct ScopedForecast: Sendable {
  /// What is forecast.
  package let measure: ForecastMeasure
  /// What it is made from.
  package let series: ScopedSeries
  /// The forecasts, which add up.
  package private(set) var forecast: HierarchyForecast
  /// Per node what made the first period where that is something else than the rest.
  private var firstModels: [String]?

  /// A forecast of series.
  package init(measure: ForecastMeasure, series: ScopedSeries, forecast: HierarchyForecast) {
    self.measure = measure
    self.series = series
    self.forecast = forecast
  }

  /// The same whose running month is what is known of it and the forecasts of its days to come.
  ///
  /// A forecast of whole months knows nothing of the days that are over: where they brought nearly as
  /// much as the month of the year before, it would leave nothing to the rest. Forecasts of days
  /// know them, and so both grains say the same (DECISIONS.md, D-499).
  ///
  /// - Parameter days: the forecast of the same measure by day, with the interval of the sum of the
  ///   days to come.
  /// - Returns: the same forecast where no month is running, days are not forecast to its end, or
  ///   they and the months are not of the same subjects.
  package func withRunningMonth(of days: ScopedForecast) -> ScopedForecast {
    guard let month = series.runningMonth, series.grain == .month else { return self }
    let left = month.daysToCome
    guard let reach = days.forecast.points.first?.count, left <= reach,
      let widths = days.forecast.summedHalfWidths
    else { return self }
    let nodes = Dictionary(
      zip(days.series.subjects, days.series.subjects.indices),
      uniquingKeysWith: { first, _ in first })
    var points: [Double] = []
    var models: [String] = []
    var halfWidths = [[Double]](repeating: [], count: widths.count)
    for (node, subject) in series.subjects.enumerated() {
      guard let same = nodes[subject] else { return self }
      points.append(series.known[node] + days.forecast.points[same][..<left].reduce(0, +))
      models.append(days.forecast.models[same])
      for level in widths.indices { halfWidths[level].append(widths[level][same]) }
    }
    let addsUp = series.input.hierarchy.sums.allSatisfy { sum in
      let parts = sum.parts.reduce(0) { $0 + points[$1] }
      return abs(parts - points[sum.total]) <= 1e-6 * max(1, abs(points[sum.total]))
    }
    guard addsUp else { return self }
    var result = self
    result.forecast = forecast.replacingFirstPeriod(
      by: points, halfWidths: halfWidths,
      floors: series.input.nodes.map { month.isFloor ? $0.floor : -.infinity })
    result.firstModels = models
    return result
  }

  /// Why the running month is not made by what the others are.
  private static let runningMonthReason = "what is known of the month, and its days to come"

  /// The number of ten-thousandths beyond which whole units of a double and of a table end.
  private static let largest = 4e18

  /// The rows by subject and period.
  ///
  /// Points are rounded to ten-thousandths so that sums hold exactly; an interval's ends are rounded
  /// outwards and hold the point (DECISIONS.md, D-494).
  ///
  /// - Throws: ``PredictionError/amountOutOfRange(period:)`` if a forecast is no amount of money.
  package func rows() throws(PredictionError) -> [ForecastRow] {
    let spine = TimeSeries(grain: series.grain, start: series.start, values: [])
    let count = series.input.count
    var rows: [ForecastRow] = []
    for ahead in (forecast.points.first ?? []).indices {
      let period = spine.periodStart(count + ahead)
      func scaled(_ value: Double) throws(PredictionError) -> Double {
        let units = value * Double(Money.scale)
        guard abs(units) < ScopedForecast.largest else { throw .amountOutOfRange(period: period) }
        return units
      }
      var exact: [Double] = []
      for points in forecast.points { exact.append(try scaled(points[ahead])) }
      let units = series.input.hierarchy.apportionedUnits(exact)
      for (node, subject) in series.subjects.enumerated() {
        func end(_ ends: [[[Double]]], _ level: Int) throws(PredictionError) -> Double {
          try scaled(ends[level][node][ahead])
        }
        let point = Int128(units[node])
        let lower80 = min(point, Int128(try end(forecast.lower, 0).rounded(.down)))
        let upper80 = max(point, Int128(try end(forecast.upper, 0).rounded(.up)))
        rows.append(
          ForecastRow(
            measure: measure, subject: subject, grain: series.grain.rawValue, periodStart: period,
            horizon: ahead + 1,
            amounts: ForecastAmounts(
              predicted: point, lower80: lower80, upper80: upper80,
              lower95: min(lower80, Int128(try end(forecast.lower, 1).rounded(.down))),
              upper95: max(upper80, Int128(try end(forecast.upper, 1).rounded(.up)))),
            modelUsed: (ahead == 0 ? firstModels?[node] : nil) ?? forecast.models[node],
            fallbackReason: ahead == 0 && firstModels != nil
              ? ScopedForecast.runningMonthReason : forecast.reasons[node]))
      }
    }
    return rows
  }
}

extension ForecastRow {
  /// The places of rows in the order of the table's key.
  ///
  /// To sort the rows themselves takes longer: a row is large, and each move of one counts references
  /// to its texts.
  package static func order(of rows: [ForecastRow]) -> [Int] {
    var places = rows.indices.map { (company: rows[$0].subject.company, row: $0) }
    places.sort { left, right in
      left.company == right.company
        ? isBefore(rows[left.row], rows[right.row]) : left.company < right.company
    }
    return places.map(\.row)
  }

  /// Whether a row comes before another in the key of the table.
  package static func isBefore(_ left: ForecastRow, _ right: ForecastRow) -> Bool {
    if left.subject.company != right.subject.company {
      return left.subject.company < right.subject.company
    }
    if left.measure != right.measure { return left.measure.rawValue < right.measure.rawValue }
    if left.subject.scope != right.subject.scope {
      return left.subject.scope.rawValue < right.subject.scope.rawValue
    }
    if left.subject.id != right.subject.id { return left.subject.id < right.subject.id }
    if left.grain != right.grain { return left.grain < right.grain }
    return left.periodStart < right.periodStart
  }
}
