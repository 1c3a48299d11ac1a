import Glibc
import LinearAlgebra

/// A fitted harmonic regression: level, a slope that may change, waves of each season, and
/// autoregressive errors.
///
/// Changes of slope and waves each have a ridge penalty, chosen by generalised cross-validation in
/// which a degree of freedom counts 1.4 times; so is the scale, levels or logarithms, on which the
/// errors are compared as densities of the values. The order of the autoregression is chosen by
/// Akaike's corrected criterion. What holidays bring is taken out before and put in after (D-500).
///
/// - SeeAlso: Golub, Heath & Wahba, *Technometrics* 21(2), 1979,
///   doi:10.1080/00401706.1979.10489751; Kim & Gu, *Journal of the Royal Statistical Society B*
///   66(2), 2004, doi:10.1046/j.1369-7412.2003.05316.x; Taylor & Letham, *The American Statistician*
///   72(1), 2018, doi:10.1080/00031305.2017.1380080.
struct FittedHarmonics {
  /// Whether it was fitted to logarithms.
  let isLogarithmic: Bool
  /// The degrees of freedom of the fit.
  let freedom: Double
  /// The root of the mean squared error within the series, in units of the values.
  let deviation: Double
  /// The coefficients of the errors on those before, nearest first.
  let autoregression: [Double]
  private let forecasts: [Double]

  /// What a degree of freedom costs.
  private static let costOfFreedom = 1.4
  /// The largest order of the autoregression, and the values for each.
  private static let largestOrder = 14
  private static let valuesPerOrder = 10
  /// How far above the largest value a forecast on logarithms may rise, as a logarithm.
  private static let headroom = 1.0

  /// Fits values without gaps; `nil` where there are too few for a wave, or LAPACK fails.
  init?(_ values: [Double], waves: [Double], horizon: Int, bases: HarmonicBases) {
    guard let shortest = waves.first, Double(values.count) >= max(12, 2 * shortest - 1),
      let basis = bases.basis(
        HarmonicBasis.Shape(count: values.count, horizon: horizon, waves: waves))
    else { return nil }
    var best: (score: Double, fit: Fit, isLogarithmic: Bool)?
    for isLogarithmic in [false, true] {
      if isLogarithmic, !values.allSatisfy({ $0 > 0 }) { continue }
      let image = isLogarithmic ? values.map { log($0) } : values
      guard let fit = Fit(image, basis: basis) else { continue }
      // The density of a value is that of its logarithm over the value.
      let jacobian = isLogarithmic ? 2 * image.reduce(0, +) / Double(image.count) : 0
      let score = log(max(fit.score, .leastNormalMagnitude)) + jacobian
      if best.map({ score < $0.score }) ?? true { best = (score, fit, isLogarithmic) }
    }
    guard let best, let fitted = try? basis.training.times(best.fit.coefficients),
      let ahead = try? basis.future.times(best.fit.coefficients)
    else { return nil }
    isLogarithmic = best.isLogarithmic
    freedom = best.fit.freedom
    let image = best.isLogarithmic ? values.map { log($0) } : values
    let residuals = image.indices.map { image[$0] - best.fit.mean - fitted[$0] }
    autoregression = FittedHarmonics.autoregression(residuals)
    let square = residuals.reduce(0) { $0 + $1 * $1 } / Double(residuals.count)
    // An error on logarithms is a share of the level.
    deviation = square.squareRoot() * (best.isLogarithmic ? exp(best.fit.mean) : 1)
    var errors = residuals
    let highest = (image.max() ?? 0) + FittedHarmonics.headroom
    var forecasts: [Double] = []
    for value in ahead {
      var error = 0.0
      for (lag, share) in autoregression.enumerated() {
        error += share * errors[errors.count - 1 - lag]
      }
      errors.append(error)
      let sum = best.fit.mean + value + error
      forecasts.append(best.isLogarithmic ? exp(min(sum, highest)) : sum)
    }
    self.forecasts = forecasts
  }

  /// The forecasts of the periods after the values, as many as were asked for.
  func forecast(horizon: Int) -> [Double] { Array(forecasts.prefix(horizon)) }

  /// The best of a basis' penalties for a series.
  private struct Fit {
    let mean: Double
    let coefficients: [Double]
    let freedom: Double
    let score: Double

    init?(_ values: [Double], basis: HarmonicBasis) {
      let count = Double(values.count)
      let mean = values.reduce(0, +) / count
      let centred = values.map { $0 - mean }
      let square = centred.reduce(0) { $0 + $1 * $1 }
      // What is left of equal values is rounding.
      guard square > count * mean * mean * 1e-26,
        let moments = try? basis.training.transposedTimes(centred)
      else {
        return nil
      }
      var best: (score: Double, coefficients: [Double], freedom: Double)?
      for choice in basis.choices {
        let left = count - FittedHarmonics.costOfFreedom * choice.freedom
        guard left > 1, let coefficients = try? choice.inverse.times(moments) else { continue }
        // |y − Xβ|² = y'y − m'β − β'Dβ at the penalised solution.
        var residual = square
        for column in moments.indices {
          let value = coefficients[column]
          residual -= value * (moments[column] + choice.penalties[column] * value)
        }
        let score = count * max(residual, square * 1e-14) / (left * left)
        if best.map({ score < $0.score }) ?? true { best = (score, coefficients, choice.freedom) }
      }
      guard let best, best.score.isFinite else { return nil }
      self.mean = mean
      (score, coefficients, freedom) = best
    }
  }

  /// The autoregression of residuals by the recursion of Levinson and Durbin.
  private static func autoregression(_ residuals: [Double]) -> [Double] {
    let count = residuals.count
    let most = min(largestOrder, count / valuesPerOrder)
    guard most > 0 else { return [] }
    let covariances = (0...most).map { lag -> Double in
      var sum = 0.0
      for index in lag..<count { sum += residuals[index] * residuals[index - lag] }
      return sum / Double(count)
    }
    guard covariances[0] > 0 else { return [] }
    var coefficients: [Double] = []
    var variance = covariances[0]
    var best: (score: Double, coefficients: [Double]) = (log(variance), [])
    for order in 1...most {
      var partial = covariances[order]
      for (lag, share) in coefficients.enumerated() {
        partial -= share * covariances[order - 1 - lag]
      }
      partial /= variance
      coefficients =
        coefficients.indices.map { coefficients[$0] - partial * coefficients[order - 2 - $0] }
        + [partial]
      variance *= 1 - partial * partial
      guard variance > 0 else { break }
      let left = Double(count - order - 2)
      let score = log(variance) + 2 * Double(order + 1) / left
      if score < best.score { best = (score, coefficients) }
    }
    return best.coefficients
  }
}
