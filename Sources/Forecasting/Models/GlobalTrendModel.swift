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
/// chosen: their posterior distribution is sampled by four random walks whose steps and jumps take the shape of
/// what they have found. The walks begin with the same random numbers each time, so that forecasts are equal on
/// every run.
///
/// - SeeAlso: Smyl, Bergmeir, Dokumentov, Long, Wibowo & Schmidt, *International Journal of
///   Forecasting* 41(1), 2025, doi:10.1016/j.ijforecast.2024.03.006; Haario, Saksman & Tamminen,
///   *Bernoulli* 7(2), 2001, doi:10.2307/3318737; Tierney, *The Annals of Statistics* 22(4), 1994,
///   doi:10.1214/aos/1176325750, for walks that also jump.
struct FittedGlobalTrend: Sendable {
  /// The most values it is meant for: a longer series says enough for other models, and its walks take long.
  static let mostValues = 128
  /// The longest season of series it is meant for: of months it extrapolates too far (DECISIONS.md, D-592).
  static let longestSeason = 4

  /// Where the walks are, and the shape of their steps; the next origin goes on from there.
  private(set) var walk: GlobalTrendWalk
  private let forecasts: [Double]

  /// Samples the posterior distribution; `nil` where there are too few values, one is not positive,
  /// or all are equal.
  ///
  /// - Parameters:
  ///   - values: two or more, all finite and positive, without a season.
  ///   - start: the walks of a shorter part of the series; `nil` to begin anew.
  ///   - horizon: the number of periods ahead.
  init?(_ values: [Double], start: GlobalTrendWalk?, horizon: Int) {
    guard let posterior = GlobalTrendPosterior(values) else { return nil }
    var walk = start ?? GlobalTrendWalk(posterior)
    var random = LaneRandom(seeds: SIMD4(1, 2, 3, 4))
    let rounds = start == nil ? FittedGlobalTrend.newRounds : FittedGlobalTrend.furtherRounds
    walk.warmUp(posterior, rounds: rounds, isNew: start == nil, random: &random)
    var paths = GlobalTrendPaths(posterior)
    for _ in 0..<FittedGlobalTrend.draws {
      walk.walk(posterior, rounds: FittedGlobalTrend.roundsPerDraw, random: &random)
      paths.add(walk, posterior)
    }
    forecasts = (0..<horizon).map { _ in paths.next(&random) }
    self.walk = walk
  }

  /// The forecasts: the median of the paths that draws of the parameters and of errors lead to.
  func forecast() -> [Double] { forecasts }

  /// The rounds of new walks, and of walks that go on, before places are kept.
  private static let (newRounds, furtherRounds) = (400, 100)
  /// How often the places of all four walks are kept, and the rounds from one time to the next.
  private static let (draws, roundsPerDraw) = (100, 3)
}
