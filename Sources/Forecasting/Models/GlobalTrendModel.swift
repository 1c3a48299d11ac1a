import AlmanacCore
import Glibc

/// Exponential smoothing with a local and a global trend, averaged over what a series leaves open.
///
/// A level `l`, a slope `b` and errors `ε` of Student's distribution with four degrees of freedom:
///
///     y(t) = l(t−1) + γ·l(t−1)^ρ + λ·b(t−1) + (σ·l(t−1) + δ)·ε(t)
///     l(t) = α·y(t) + (1 − α)·l(t−1)
///     b(t) = β·(l(t) − l(t−1)) + (1 − β)·b(t−1)
///
/// With `ρ` between −½ and 1 growth lies anywhere between slowing, a straight line and a constant
/// rate, and errors grow with the level. Short series say little about eight parameters, so none is
/// chosen: their posterior distribution is sampled by a random walk whose steps take the shape of
/// what it has found. The walk begins with the same random numbers each time, so that forecasts are equal on every run.
///
/// - SeeAlso: Smyl, Bergmeir, Dokumentov, Long, Wibowo & Schmidt, *International Journal of
///   Forecasting* 41(1), 2025, doi:10.1016/j.ijforecast.2024.03.006; Haario, Saksman & Tamminen,
///   *Bernoulli* 7(2), 2001, doi:10.2307/3318737.
struct FittedGlobalTrend: Sendable {
  /// The most values it is meant for: a longer series says enough for other models, and its walk takes long.
  static let mostValues = 128
  /// The longest season of series it is meant for: of months it extrapolates too far (DECISIONS.md, D-592).
  static let longestSeason = 4

  /// Where the walk is, and the shape of its steps; the next origin goes on from there.
  private(set) var walk: GlobalTrendWalk
  private let forecasts: [Double]

  /// Samples the posterior distribution; `nil` where there are too few values, one is not positive,
  /// or all are equal.
  ///
  /// - Parameters:
  ///   - values: two or more, all finite and positive, without a season.
  ///   - start: the walk of a shorter part of the series; `nil` to begin anew.
  ///   - horizon: the number of periods ahead.
  init?(_ values: [Double], start: GlobalTrendWalk?, horizon: Int) {
    guard let posterior = GlobalTrendPosterior(values) else { return nil }
    var walk = start ?? GlobalTrendWalk(posterior)
    var random = NormalDraws(seed: 1)
    walk.warmUp(posterior, isNew: start == nil, random: &random)
    var paths: [[Double]] = []
    for _ in 0..<FittedGlobalTrend.draws {
      for _ in 0..<FittedGlobalTrend.stepsPerDraw { walk.step(posterior, random: &random) }
      paths.append(posterior.path(walk.point, horizon: horizon, random: &random))
    }
    forecasts = (0..<horizon).map { ahead in
      medianOfKnown(paths.map { $0[ahead] }) ?? .nan
    }
    self.walk = walk
  }

  /// The forecasts: the median of the paths that draws of the parameters and of errors lead to.
  func forecast() -> [Double] { forecasts }

  private static let draws = 200
  private static let stepsPerDraw = 5
}
