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
    /// What of the month is known already, and the last day it is known by; `nil` for a month that
    /// had not begun.
    package var known: (amount: String, through: String)?
  }

  /// How one grain was forecast.
  package struct Method: Sendable {
    /// `day` or `month`.
    package var grain: String
    package var modelUsed: String
    package var fallbackReason: String?
    /// The model's mean absolute error in the backtest, averaged over horizons: what the gate
    /// decided by.
    package var modelError: Double?
    /// The same for seasonal naive.
    package var baselineError: Double?
    /// The number of origins both were tried from.
    package var origins: Int?
    /// The model's error over the baseline's; the gate asks for less than 1.
    package var errorRatio: Double? {
      guard let modelError, let baselineError, baselineError > 0 else { return nil }
      return modelError / baselineError
    }
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
      SELECT to_char(f.period_start, 'YYYY-MM') AS month, f.predicted, f.lower_80, f.upper_80,
        f.lower_95, f.upper_95, f.currency, r.running ->> 'known' AS known,
        r.running ->> 'known_through' AS known_through
      FROM predictions.revenue_forecasts f
      LEFT JOIN (
        SELECT model, model_version, specification -> 'running_month' AS running
        FROM almanac.model_versions
      ) r ON r.model = f.model AND r.model_version = f.model_version
        AND r.running ->> 'start' = to_char(f.period_start, 'YYYY-MM-DD')
      WHERE f.run_id = $1 AND f.scope = 'total' AND f.grain = 'month' AND f.measure = 'revenue'
        AND f.company_id = '00000000-0000-0000-0000-000000000000'
      ORDER BY f.model, f.period_start
      """, [run])
    months = (0..<rows.count).map { row in
      Month(
        month: rows[row, "month"] ?? "", predicted: rows[row, "predicted"] ?? "",
        lower80: rows[row, "lower_80"] ?? "", upper80: rows[row, "upper_80"] ?? "",
        lower95: rows[row, "lower_95"] ?? "", upper95: rows[row, "upper_95"] ?? "",
        known: rows[row, "known"].flatMap { amount in
          rows[row, "known_through"].map { (amount, $0) }
        })
    }
    currency = rows.count > 0 ? rows[0, "currency"] ?? "" : ""
    // The first month may be made from days: the last one names the method of its grain.
    let used = try connection.query(
      """
      SELECT DISTINCT ON (f.grain, f.model) f.grain, f.model_used, f.fallback_reason,
        v.gate -> f.grain ->> 'model_error' AS model_error,
        v.gate -> f.grain ->> 'baseline_error' AS baseline_error,
        v.scores -> f.grain ->> 'origins' AS origins
      FROM predictions.revenue_forecasts f
      LEFT JOIN almanac.model_versions v
        ON v.model = f.model AND v.model_version = f.model_version
      WHERE f.run_id = $1 AND f.scope = 'total' AND f.measure = 'revenue'
        AND f.company_id = '00000000-0000-0000-0000-000000000000'
      ORDER BY f.grain, f.model, f.period_start DESC
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
