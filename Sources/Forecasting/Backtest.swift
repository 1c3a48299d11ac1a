package import AlmanacCore

/// The forecasts made from one earlier point in time, and their errors.
package struct BacktestOrigin: Equatable, Sendable {
  /// The number of periods before the origin.
  package let end: Int
  /// The first day of the last period before the origin.
  package let trainingEnd: CalendarDate
  /// Whether the origin judges: the model's penalty was chosen from targets before it.
  package let isJudging: Bool
  /// The penalty chosen for the origin; `nil` where the model was not fitted or nothing was chosen.
  package let penalty: Double?
  /// The scale chosen for the origin; `nil` as for ``penalty``.
  package let scale: ResponseScale?
  /// The trend damping chosen for the origin; `nil` as for ``penalty``.
  package let trendDamping: Double?
  /// Actual minus predicted of the model, one per horizon; `nil` where the actual value is unknown
  /// or lies in the future, and everywhere before the first judging origin.
  package let modelErrors: [Double?]
  /// Actual minus predicted of the baseline, one per horizon.
  package let baselineErrors: [Double?]
}

/// The scores of model and baseline at one horizon, from the same judging origins.
package struct HorizonScores: Equatable, Sendable {
  /// The number of periods ahead.
  package let horizon: Int
  /// The model's scores; `nil` without a backtest of it.
  package let model: ForecastScores?
  /// The baseline's scores.
  package let baseline: ForecastScores?
}

/// The errors of model and baseline from rolling origins.
///
/// At each origin both see only what came before it. The model's penalty and scale at an origin are
/// those with the smallest mean absolute error, averaged per horizon and then over horizons, among
/// the forecasts of earlier origins whose targets lie before it. The first origins therefore only
/// choose; the later ones judge.
package struct Backtest: Equatable, Sendable {
  /// The origins, earliest first.
  package let origins: [BacktestOrigin]
  /// The scores per horizon over judging origins, or over all origins without a model.
  package let horizons: [HorizonScores]
  /// The model's scores over all horizons; `nil` without a backtest of it.
  package let model: ForecastScores?
  /// The baseline's scores over all horizons, from the same forecasts.
  package let baseline: ForecastScores?
}

/// Where backtests begin and how far apart.
struct OriginPlan: Equatable {
  /// The number of periods before each origin, ascending.
  let ends: [Int]
  /// The number of earliest origins that only choose.
  let choosing: Int

  /// The origins for the model, or `nil` if the series is too short for any.
  ///
  /// The last origin lies one step before the last known value. With the default step of a week,
  /// each horizon meets the same weekday from every origin, the weekday it has in the forecast
  /// itself. The step shrinks to one period where it would leave fewer than eight origins. Origins
  /// reach back to where yearly terms come in, so that all judge the model that is published; if
  /// that leaves fewer than sixteen, to the middle of the series.
  static func model(_ series: TimeSeries, settings: ForecastSettings) -> OriginPlan? {
    guard let first = series.firstKnown, let last = series.lastKnown else { return nil }
    let length = last + 1 - first
    let requirements = HarmonicDesign.Requirements(series.grain)
    let shortest = max(requirements.slope, series.grain == .day ? 28 : 12)
    guard length > shortest else { return nil }
    func ends(after minimum: Int) -> [Int] {
      let wide = ends(
        from: first + minimum, through: last + 1, step: min(settings.originStep, settings.horizon),
        limit: settings.origins)
      guard wide.count < 8 else { return wide }
      return ends(from: first + minimum, through: last + 1, step: 1, limit: settings.origins)
    }
    func ends(from: Int, through: Int, step: Int, limit: Int) -> [Int] {
      Array(stride(from: through - step, through: from, by: -step).prefix(limit).reversed())
    }
    var chosen = length > requirements.yearly ? ends(after: requirements.yearly) : []
    if chosen.count < 16 { chosen = ends(after: max(shortest, length / 2)) }
    guard !chosen.isEmpty else { return nil }
    return OriginPlan(ends: chosen, choosing: max(3, chosen.count / 4))
  }

  /// The origins of a backtest of the baseline alone: one period apart, over the later half.
  static func baseline(_ series: TimeSeries, settings: ForecastSettings) -> OriginPlan {
    guard let first = series.firstKnown, let last = series.lastKnown else {
      return OriginPlan(ends: [], choosing: 0)
    }
    let length = last + 1 - first
    let shortest = max(1, min(series.grain.seasonLength, length / 2))
    let ends = stride(from: last, through: first + shortest, by: -1).prefix(settings.origins)
    return OriginPlan(ends: ends.reversed(), choosing: 0)
  }
}

extension TimeSeries {
  /// The first period with a known value.
  var firstKnown: Int? { values.firstIndex { !$0.isNaN } }
  /// The last period with a known value.
  var lastKnown: Int? { values.lastIndex { !$0.isNaN } }
}
