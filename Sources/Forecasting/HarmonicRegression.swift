import LinearAlgebra
import Regression

/// One choice of scale, trend damping and penalty.
struct Candidate: Equatable {
  let scale: ResponseScale
  /// The position of the damping among those of the settings.
  let damping: Int
  let penalty: Double
}

/// Fits of one training window for every candidate, from one Gram matrix.
struct HarmonicRegression {
  let series: TimeSeries
  let settings: ForecastSettings
  let basis: SeasonalBasis
  /// Every combination, stronger damping and larger penalties first, so that ties go to the calmer
  /// model.
  let candidates: [Candidate]

  init(series: TimeSeries, settings: ForecastSettings) {
    self.series = series
    var settings = settings
    settings.trendDampings.sort()
    settings.penalties.sort(by: >)
    self.settings = settings
    basis = SeasonalBasis(series: series, settings: settings)
    candidates = settings.scales.flatMap { scale in
      settings.trendDampings.indices.flatMap { damping in
        settings.penalties.map { Candidate(scale: scale, damping: damping, penalty: $0) }
      }
    }
  }

  /// The forecasts from an origin: one per candidate, `nil` where the scale is not open.
  ///
  /// `end` is the number of periods before the origin; no value at or after it is read.
  func forecasts(end: Int) throws(ForecastingError) -> [[Double]?] {
    let closed = ClosedWeekdays(series, end: end)
    let window = TrainingWindow(series, end: end, without: closed)
    var forecasts = [[Double]?](repeating: nil, count: candidates.count)
    try wrappingRegression { () throws(RegressionError) in
      let design = try design(for: window)
      let path = try RidgePath(design: design.training, penaltyFactors: design.penaltyFactors)
      // One factorisation per penalty serves every scale, and one solution every damping.
      let targets = settings.scales.map { scale in
        scale.admits(window.values, isNonnegative: settings.isNonnegative)
          ? window.values.map(scale.transform) : nil
      }
      var columns: [[Double]] = []
      for case let target? in targets { columns.append(try path.moments(of: target)) }
      let moments = try wrapping { () throws(LinearAlgebraError) in try Matrix(columns: columns) }
      for penalty in settings.penalties {
        let solutions = try path.coefficients(moments: moments, penalty: penalty)
        var column = 0
        for (scale, target) in zip(settings.scales, targets) {
          guard let target else { continue }
          let coefficients = solutions.column(column)
          column += 1
          let predictions = try predict(
            design, coefficients: coefficients, target: target, window: window, scale: scale,
            closed: closed)
          for (index, candidate) in candidates.enumerated()
          where candidate.scale == scale && candidate.penalty == penalty {
            forecasts[index] = predictions[candidate.damping]
          }
        }
      }
    }
    return forecasts
  }

  /// The forecast of one candidate with its full fit.
  func fit(
    _ candidate: Candidate, end: Int
  ) throws(ForecastingError) -> (
    names: [String], fitted: FittedRidgeRegression, forecast: [Double]
  ) {
    let closed = ClosedWeekdays(series, end: end)
    let window = TrainingWindow(series, end: end, without: closed)
    return try wrappingRegression { () throws(RegressionError) in
      let design = try design(for: window)
      let target = window.values.map(candidate.scale.transform)
      let path = try RidgePath(design: design.training, penaltyFactors: design.penaltyFactors)
      let fitted = try path.fit(target, penalty: candidate.penalty)
      let forecasts = try predict(
        design, coefficients: fitted.coefficients, target: target, window: window,
        scale: candidate.scale, closed: closed)
      return (design.names, fitted, forecasts[candidate.damping])
    }
  }

  private func design(for window: TrainingWindow) throws(RegressionError) -> HarmonicDesign {
    try wrapping { () throws(LinearAlgebraError) in
      try HarmonicDesign(
        series: series, basis: basis, settings: settings, rows: window.rows, end: window.end)
    }
  }

  /// The mean forecasts on the original scale, one series per damping.
  ///
  /// On the model's scale they are held within the range of the training data, widened on either
  /// side by its own width, and on the original scale within ten times its largest size, so that
  /// no extrapolation can run away and none is infinite. Closed weekdays are zero.
  private func predict(
    _ design: HarmonicDesign, coefficients: [Double], target: [Double], window: TrainingWindow,
    scale: ResponseScale, closed: ClosedWeekdays
  ) throws(RegressionError) -> [[Double]] {
    var correction = 0.0
    if scale != .level {
      let fitted = try wrapping { () throws(LinearAlgebraError) in
        try design.training.times(coefficients)
      }
      let residuals = target.indices.map { target[$0] - fitted[$0] }
      correction = scale.correction(residuals: residuals.span)
    }
    let low = target.min() ?? 0
    let high = target.max() ?? 0
    let largest = window.values.reduce(0) { max($0, abs($1)) }
    let range = (low - (high - low))...(high + (high - low))
    var forecasts: [[Double]] = []
    for future in design.futures {
      let images = try wrapping { () throws(LinearAlgebraError) in try future.times(coefficients) }
      forecasts.append(
        images.indices.map { ahead in
          if closed.contains(period: window.end + ahead) { return 0 }
          let held = min(max(images[ahead], range.lowerBound), range.upperBound)
          let inverse = scale.invert(held, correction: correction)
          let value = min(max(inverse, -10 * largest), 10 * largest)
          return settings.isNonnegative ? max(0, value) : value
        })
    }
    return forecasts
  }
}

private func wrapping<Result>(
  _ body: () throws(LinearAlgebraError) -> Result
) throws(RegressionError) -> Result {
  do {
    return try body()
  } catch {
    throw .linearAlgebra(error)
  }
}

private func wrappingRegression<Result>(
  _ body: () throws(RegressionError) -> Result
) throws(ForecastingError) -> Result {
  do {
    return try body()
  } catch {
    throw .regression(error)
  }
}
