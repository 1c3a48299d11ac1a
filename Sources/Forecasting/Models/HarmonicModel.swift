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
  static let costOfFreedom = 1.4
  /// The largest order of the autoregression, and the values for each.
  private static let largestOrder = 14
  private static let valuesPerOrder = 10
  /// How far above the largest value a forecast on logarithms may rise, as a logarithm.
  private static let headroom = 1.0

  /// Fits values without gaps; `nil` where there are too few for a wave, or LAPACK fails.
  init?(_ values: [Double], waves: [Double], horizon: Int, bases: HarmonicBases) {
    let fits = FittedHarmonics.fits(
      [values], waves: waves, horizon: horizon, bases: bases, width: 1)
    guard let fit = fits[0] else { return nil }
    self = fit
  }

  /// Fits several series of one length, each for itself, with products of matrices that hold all of
  /// them (D-590).
  ///
  /// - Parameters:
  ///   - series: values without gaps, as many of each.
  ///   - logarithms: those of series that they begin as, where they are known.
  ///   - waves: the lengths of the waves, ascending.
  ///   - horizon: the number of periods ahead.
  ///   - bases: what series of one shape share.
  ///   - width: the number of series that the matrices are made for, at least those there are: the
  ///     order in which a product is summed may depend on its size, and so does not on how many there
  ///     are.
  /// - Returns: the fits in the order of the series; `nil` as for one alone.
  static func fits(
    _ series: [[Double]], logarithms: [KnownLogarithms?]? = nil, waves: [Double], horizon: Int,
    bases: HarmonicBases, width: Int
  ) -> [FittedHarmonics?] {
    let count = series.first?.count ?? 0
    precondition(
      series.count <= width && series.allSatisfy { $0.count == count }, "series of other shapes")
    guard let shortest = waves.first, Double(count) >= max(12, 2 * shortest - 1),
      let basis = bases.basis(
        HarmonicBasis.Shape(count: count, horizon: horizon, waves: waves)),
      let fits = try? HarmonicBatch(
        series, logarithms: logarithms ?? series.map { _ in nil }, basis: basis, width: width
      ).fits()
    else { return series.map { _ in nil } }
    return fits
  }

  /// The rest of a fit, from its regression.
  ///
  /// - Parameters:
  ///   - image: the image of the series with the chosen regression.
  ///   - residuals: what the regression leaves of the image.
  ///   - ahead: the regression in the periods ahead, less the mean.
  init(_ image: HarmonicBatch.Image, residuals: [Double], ahead: [Double]) {
    isLogarithmic = image.isLogarithmic
    freedom = image.freedom
    let products = laggedProducts(
      residuals,
      through: min(FittedHarmonics.largestOrder, residuals.count / FittedHarmonics.valuesPerOrder))
    let autoregression = FittedHarmonics.autoregression(products, count: residuals.count)
    self.autoregression = autoregression
    // An error on logarithms is a share of the level.
    deviation =
      (products[0] / Double(residuals.count)).squareRoot()
      * (image.isLogarithmic ? exp(image.mean) : 1)
    var errors = Array(residuals.suffix(autoregression.count))
    errors.reserveCapacity(errors.count + ahead.count)
    let highest = image.highest + FittedHarmonics.headroom
    forecasts = ahead.map { value in
      var error = 0.0
      for (lag, share) in autoregression.enumerated() {
        error += share * errors[errors.count - 1 - lag]
      }
      errors.append(error)
      let sum = image.mean + value + error
      return image.isLogarithmic ? exp(min(sum, highest)) : sum
    }
  }

  /// The forecasts of the periods after the values, as many as were asked for.
  func forecast(horizon: Int) -> [Double] { Array(forecasts.prefix(horizon)) }

  /// The autoregression of residuals by the recursion of Levinson and Durbin, from their sums of lagged
  /// products.
  private static func autoregression(_ products: [Double], count: Int) -> [Double] {
    let most = products.count - 1
    guard most > 0 else { return [] }
    let covariances = products.map { $0 / Double(count) }
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
