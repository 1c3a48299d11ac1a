package import AlmanacCore

/// The methods a forecast can come from.
package enum ForecastMethod: String, CaseIterable, Sendable {
  /// Ridge regression on harmonics and a piecewise-linear trend.
  case harmonicRidge = "harmonic_ridge"
  /// The value one season earlier.
  case seasonalNaive = "seasonal_naive"
  /// The last value.
  case naive
  /// The mean of all values.
  case mean
}

/// A prediction interval of one level.
package struct ForecastInterval: Equatable, Sendable {
  /// The share of actual values the interval is meant to hold.
  package let level: Double
  /// The lower end, included.
  package let lower: Double
  /// The upper end, included.
  package let upper: Double
}

/// The forecast of one period.
package struct ForecastPoint: Equatable, Sendable {
  /// The first day of the period.
  package let periodStart: CalendarDate
  /// The number of periods after the last one of the series, from 1.
  package let horizon: Int
  /// The forecast.
  package let predicted: Double
  /// One interval per level asked for, narrowest first; each holds the ones before it.
  package let intervals: [ForecastInterval]

  /// The interval of a level, or `nil` if it was not asked for.
  package func interval(_ level: Double) -> ForecastInterval? {
    intervals.first { $0.level == level }
  }
}

/// One coefficient of the published model.
package struct ForecastCoefficient: Equatable, Sendable {
  /// The name of the term.
  package let name: String
  /// The coefficient, on the scale of the model.
  package let value: Double
  /// Its standard error, or `nil` where no residual degree of freedom remains.
  package let standardError: Double?
}

/// One condition of the gate.
package struct GateCheck: Equatable, Sendable {
  /// What is checked.
  package let name: String
  /// Whether it holds.
  package let passed: Bool
  /// The figures it was decided by.
  package let detail: String
}

/// The decision between model and baseline, and what it rests on.
package struct GateResult: Equatable, Sendable {
  /// Whether the model is published.
  package let modelPasses: Bool
  /// The baseline the model was held against.
  package let baseline: ForecastMethod
  /// The model's mean absolute error per horizon, averaged over horizons; `nil` without a backtest.
  package let modelError: Double?
  /// The same of the baseline, from the same origins.
  package let baselineError: Double?
  /// The number of judging origins.
  package let judgingOrigins: Int
  /// The conditions, in the order they were checked.
  package let checks: [GateCheck]
}

/// A forecast of one series with all that is needed to judge it.
package struct Forecast: Equatable, Sendable {
  /// One point per period of the horizon.
  package let points: [ForecastPoint]
  /// The method of the points.
  package let modelUsed: ForecastMethod
  /// Why a baseline was published in place of the model, in words; `nil` for the model.
  package let fallbackReason: String?
  /// The decision between model and baseline.
  package let gate: GateResult
  /// The errors of both from rolling origins.
  package let backtest: Backtest
  /// How the widths of the intervals were found.
  package let intervalMethod: IntervalMethod
  /// The coefficients of the model, also where the baseline is published; empty without a fit.
  package let coefficients: [ForecastCoefficient]
  /// The penalty of the model; `nil` without a fit.
  package let penalty: Double?
  /// The scale of the model; `nil` without a fit.
  package let scale: ResponseScale?
  /// The damping of the model's trend; `nil` without a fit.
  package let trendDamping: Double?
  /// The first day of the first period with a known value.
  package let trainingStart: CalendarDate
  /// The first day of the last period of the series.
  package let trainingEnd: CalendarDate
  /// The processor kernel of BLAS; bytes are equal only between machines with the same one.
  package let kernelName: String
}
