package import AlmanacCore
package import Columns
package import Forecasting

/// Turns forecasts of total revenue into rows of `predictions.revenue_forecasts`.
package struct RevenueForecastRows: Sendable {
  private let run: ColumnValue
  private let model: ColumnValue
  private let modelVersion: ColumnValue
  private let featureDigest: ColumnValue
  private let asOf: ColumnValue
  private let recordedCut: ColumnValue
  private let validUntil: ColumnValue
  private let currency: ColumnValue

  /// What every row of a run carries.
  ///
  /// - Parameters:
  ///   - run: the run that predicts.
  ///   - model: the model's name.
  ///   - modelVersion: the version that predicts.
  ///   - featureDigest: the digest of the series the forecast is made from.
  ///   - asOf: the logical date.
  ///   - recordedCut: rows recorded later had no influence.
  ///   - validUntil: when a newer forecast should have taken its place.
  ///   - currency: the reporting currency.
  package init(
    run: UUIDValue, model: String, modelVersion: String, featureDigest: String,
    asOf: CalendarDate, recordedCut: Timestamp, validUntil: Timestamp, currency: CurrencyCode
  ) {
    self.run = .uuid(run)
    self.model = .text(model)
    self.modelVersion = .text(modelVersion)
    self.featureDigest = .text(featureDigest)
    self.asOf = .date(asOf)
    self.recordedCut = .timestamp(recordedCut)
    self.validUntil = .timestamp(validUntil)
    self.currency = .text(currency.description)
  }

  /// The columns of the table, in the order of its key and then its values.
  package static let fields = [
    Field("company_id", .uuid), Field("run_id", .uuid), Field("scope", .text),
    Field("scope_id", .text), Field("grain", .text), Field("period_start", .date),
    Field("horizon", .int64), Field("predicted", .money), Field("lower_80", .money),
    Field("upper_80", .money), Field("lower_95", .money), Field("upper_95", .money),
    Field("currency", .text), Field("model_used", .text),
    Field("fallback_reason", .text, isNullable: true), Field("as_of", .date),
    Field("recorded_cut", .timestamp), Field("model", .text), Field("model_version", .text),
    Field("feature_digest", .text), Field("valid_until", .timestamp), Field("measure", .text),
  ]

  /// The rows of forecasts of revenue for all companies together, in key order.
  ///
  /// Amounts are rounded half-even to ten-thousandths; an interval's ends are widened to hold the
  /// rounded point. The forecast of a month that has begun is at least what is known of it.
  ///
  /// - Parameters:
  ///   - forecasts: a forecast for each grain, `day` before `month`.
  ///   - runningMonth: the month that has begun; `nil` if none has.
  /// - Returns: one row a point.
  /// - Throws: ``PredictionError/amountOutOfRange(period:)`` if a forecast is no amount of money.
  package func batch(
    _ forecasts: [(grain: String, forecast: Forecast)], runningMonth: RunningMonth?
  ) throws(PredictionError) -> Batch {
    var builders = RevenueForecastRows.fields.map { ColumnBuilder($0) }
    let subject = ForecastSubject(scope: .total, id: "", company: .zero)
    for (grain, forecast) in forecasts {
      for point in forecast.points {
        var amounts = try amounts(of: point)
        if grain == Grain.month.rawValue, let floor = runningMonth?.floor(of: point.periodStart) {
          amounts = amounts.raised(to: floor)
        }
        append(
          ForecastRow(
            measure: .revenue, subject: subject, grain: grain, periodStart: point.periodStart,
            horizon: point.horizon, amounts: amounts, modelUsed: forecast.modelUsed.rawValue,
            fallbackReason: forecast.fallbackReason), to: &builders)
      }
    }
    return Batch(builders.map { $0.finish() })
  }

  /// The rows as a batch, in the given order.
  package func batch(_ rows: some Sequence<ForecastRow>) -> Batch {
    var builders = RevenueForecastRows.fields.map { ColumnBuilder($0) }
    for row in rows { append(row, to: &builders) }
    return Batch(builders.map { $0.finish() })
  }

  private func append(_ row: ForecastRow, to builders: inout [ColumnBuilder]) {
    let amounts = row.amounts
    let values: [ColumnValue?] = [
      .uuid(row.subject.company), run, .text(row.subject.scope.rawValue),
      .text(row.subject.id), .text(row.grain), .date(row.periodStart),
      .integer(Int128(row.horizon)), .integer(amounts.predicted), .integer(amounts.lower80),
      .integer(amounts.upper80), .integer(amounts.lower95), .integer(amounts.upper95),
      currency, .text(row.modelUsed), row.fallbackReason.map { .text($0) }, asOf, recordedCut,
      model, modelVersion, featureDigest, validUntil, .text(row.measure.rawValue),
    ]
    for (index, value) in values.enumerated() { builders[index].append(value) }
  }

  private func amounts(of point: ForecastPoint) throws(PredictionError) -> ForecastAmounts {
    let predicted = try money(point.predicted, at: point.periodStart)
    let (lower80, upper80) = try ends(0.8, of: point, around: (predicted, predicted))
    let (lower95, upper95) = try ends(0.95, of: point, around: (lower80, upper80))
    return ForecastAmounts(
      predicted: predicted, lower80: lower80, upper80: upper80, lower95: lower95, upper95: upper95)
  }

  /// The ends of an interval, which hold the inner one whatever rounding does.
  private func ends(
    _ level: Double, of point: ForecastPoint, around inner: (lower: Int128, upper: Int128)
  ) throws(PredictionError) -> (lower: Int128, upper: Int128) {
    guard let interval = point.interval(level) else { return inner }
    return (
      min(try money(interval.lower, at: point.periodStart), inner.lower),
      max(try money(interval.upper, at: point.periodStart), inner.upper)
    )
  }

  private func money(
    _ units: Double, at period: CalendarDate
  ) throws(PredictionError) -> Int128 {
    guard let amount = Money.tenThousandths(units: units) else {
      throw .amountOutOfRange(period: period)
    }
    return Int128(amount)
  }
}
