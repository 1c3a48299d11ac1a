package import Postgres

/// The published revenue forecast with its backtest, for a person to read.
package struct ForecastReading: Sendable {
  /// One month.
  package struct Month: Sendable {
    /// The month as `YYYY-MM`.
    package var month: String
    package var predicted: String
    package var lower80: String
    package var upper80: String
    package var lower95: String
    package var upper95: String
  }

  /// How one grain was forecast.
  package struct Method: Sendable {
    /// `day` or `month`.
    package var grain: String
    package var modelUsed: String
    package var fallbackReason: String?
    /// The share of revenue by which the model missed in the backtest.
    package var modelError: Double?
    /// The same for seasonal naive.
    package var baselineError: Double?
    /// The number of origins both were tried from.
    package var origins: Int?
  }

  /// The months ahead.
  package var months: [Month]
  /// The methods, by day first.
  package var methods: [Method]
  /// The reporting currency.
  package var currency: String
}

extension ForecastReading {
  /// Reads the forecast of a run.
  package init(_ connection: Connection, run: String) throws {
    let rows = try connection.query(
      """
      SELECT to_char(period_start, 'YYYY-MM') AS month, predicted, lower_80, upper_80, lower_95,
        upper_95, currency
      FROM predictions.revenue_forecasts
      WHERE run_id = $1 AND scope = 'total' AND grain = 'month'
        AND company_id = '00000000-0000-0000-0000-000000000000'
      ORDER BY model, period_start
      """, [run])
    months = (0..<rows.count).map { row in
      Month(
        month: rows[row, "month"] ?? "", predicted: rows[row, "predicted"] ?? "",
        lower80: rows[row, "lower_80"] ?? "", upper80: rows[row, "upper_80"] ?? "",
        lower95: rows[row, "lower_95"] ?? "", upper95: rows[row, "upper_95"] ?? "")
    }
    currency = rows.count > 0 ? rows[0, "currency"] ?? "" : ""
    let used = try connection.query(
      """
      SELECT DISTINCT f.grain, f.model_used, f.fallback_reason,
        v.scores -> f.grain -> 'model' ->> 'wape' AS model_error,
        v.scores -> f.grain -> 'baseline' ->> 'wape' AS baseline_error,
        v.scores -> f.grain ->> 'origins' AS origins
      FROM predictions.revenue_forecasts f
      LEFT JOIN almanac.model_versions v
        ON v.model = f.model AND v.model_version = f.model_version
      WHERE f.run_id = $1 AND f.scope = 'total'
      ORDER BY f.grain
      """, [run])
    methods = (0..<used.count).map { row in
      Method(
        grain: used[row, "grain"] ?? "", modelUsed: used[row, "model_used"] ?? "",
        fallbackReason: used[row, "fallback_reason"],
        modelError: used[row, "model_error"].flatMap { Double($0) },
        baselineError: used[row, "baseline_error"].flatMap { Double($0) },
        origins: used[row, "origins"].flatMap { Int($0) })
    }
  }
}
