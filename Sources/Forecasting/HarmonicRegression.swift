import LinearAlgebra
import Regression

/// One choice of scale and penalty.
struct Candidate: Equatable {
  let scale: ResponseScale
  let penalty: Double
}

/// Fits of one training window for every candidate, from one Gram matrix.
struct HarmonicRegression {
  let series: TimeSeries
  let settings: ForecastSettings
  let basis: SeasonalBasis
  /// Every pair of scale and penalty, larger penalties first, so that ties go to the calmer model.
  let candidates: [Candidate]

  init(series: TimeSeries, settings: ForecastSettings) {
    self.series = series
    self.settings = settings
    basis = SeasonalBasis(series: series, settings: settings)
    let penalties = settings.penalties.sorted(by: >)
    candidates = settings.scales.flatMap { scale in
      penalties.map { Candidate(scale: scale, penalty: $0) }
    }
  }

  /// The forecasts from an origin: one per candidate, `nil` where the scale is not open.
  ///
  /// `end` is the number of periods before the origin; no value at or after it is read.
  func forecasts(end: Int) throws(ForecastingError) -> [[Double]?] {
    let window = TrainingWindow(series, end: end)
    var forecasts = [[Double]?](repeating: nil, count: candidates.count)
    try wrappingRegression { () throws(RegressionError) in
      let design = try design(for: window)
      let path = try RidgePath(design: design.training, penaltyFactors: design.penaltyFactors)
      for scale in settings.scales
      where scale.admits(window.values, isNonnegative: settings.isNonnegative) {
        let target = window.values.map(scale.transform)
        let moments = try matrix(path.moments(of: target))
        for (index, candidate) in candidates.enumerated() where candidate.scale == scale {
          let coefficients = try path.coefficients(moments: moments, penalty: candidate.penalty)
          forecasts[index] = try predict(
            design, coefficients: coefficients.columnMajor, target: target,
            values: window.values, scale: scale)
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
    let window = TrainingWindow(series, end: end)
    return try wrappingRegression { () throws(RegressionError) in
      let design = try design(for: window)
      let target = window.values.map(candidate.scale.transform)
      let path = try RidgePath(design: design.training, penaltyFactors: design.penaltyFactors)
      let fitted = try path.fit(target, penalty: candidate.penalty)
      let forecast = try predict(
        design, coefficients: fitted.coefficients, target: target, values: window.values,
        scale: candidate.scale)
      return (design.names, fitted, forecast)
    }
  }

  private func design(for window: TrainingWindow) throws(RegressionError) -> HarmonicDesign {
    try wrapping { () throws(LinearAlgebraError) in
      try HarmonicDesign(
        series: series, basis: basis, settings: settings, rows: window.rows, end: window.end)
    }
  }

  /// The mean forecasts on the original scale.
  ///
  /// On the model's scale they are held within the range of the training data, widened on either
  /// side by its own width, and on the original scale within ten times its largest size, so that
  /// no extrapolation can run away and none is infinite.
  private func predict(
    _ design: HarmonicDesign, coefficients: [Double], target: [Double], values: [Double],
    scale: ResponseScale
  ) throws(RegressionError) -> [Double] {
    try wrapping { () throws(LinearAlgebraError) in
      let images = try design.future.times(coefficients)
      var correction = 0.0
      if scale != .level {
        let fitted = try design.training.times(coefficients)
        let residuals = target.indices.map { target[$0] - fitted[$0] }
        correction = scale.correction(residuals: residuals.span)
      }
      let low = target.min() ?? 0
      let high = target.max() ?? 0
      let largest = values.reduce(0) { max($0, abs($1)) }
      let range = (low - (high - low))...(high + (high - low))
      return images.map { image in
        let held = min(max(image, range.lowerBound), range.upperBound)
        let inverse = scale.invert(held, correction: correction)
        let value = min(max(inverse, -10 * largest), 10 * largest)
        return settings.isNonnegative ? max(0, value) : value
      }
    }
  }

  private func matrix(_ column: [Double]) throws(RegressionError) -> Matrix {
    try wrapping { () throws(LinearAlgebraError) in
      try Matrix(rowCount: column.count, columnCount: 1, columnMajor: column)
    }
  }
}

/// The known values before an origin.
struct TrainingWindow {
  /// The number of periods before the origin.
  let end: Int
  /// The periods with a known value, ascending.
  let rows: [Int]
  /// Their values.
  let values: [Double]

  init(_ series: TimeSeries, end: Int) {
    self.end = end
    rows = (0..<end).filter { !series.values[$0].isNaN }
    values = rows.map { series.values[$0] }
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
