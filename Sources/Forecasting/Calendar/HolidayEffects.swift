import Glibc

/// How much more or less the special periods of a series bring than ordinary ones (D-500).
///
/// A special period is compared with the ordinary periods nearest to it that are as many cycles
/// away, two before and two after: with the same weekday of the weeks around it. Its effect is the
/// mean over the times it came, as a share where all ordinary values are above zero and as a
/// difference otherwise. As much of it is taken as is left when what ordinary periods differ by
/// chance is taken off: the positive part of the estimator of James and Stein.
///
/// - SeeAlso: Efron & Morris, *Journal of the American Statistical Association* 68(341), 1973,
///   doi:10.1080/01621459.1973.10481350.
struct HolidayEffects {
  /// Whether effects are factors; else they are added.
  let isFactor: Bool
  /// Per kind its effect, 1 or 0 for none.
  let effects: [Double]
  private let special: SpecialPeriods

  /// How many ordinary periods on each side one is compared with.
  private static let neighbours = 2
  /// How many cycles away they are looked for.
  private static let reach = 4
  /// The fewest ordinary periods that say what chance does.
  private static let fewestOrdinary = 8
  /// The largest factor.
  private static let largestFactor = 10.0
  /// A factor below which what is left of a value says little about the level.
  private static let smallestDivisor = 0.5

  /// The effects that a series shows.
  ///
  /// - Parameters:
  ///   - values: the series without gaps.
  ///   - isKnown: whether a value was filled in, which then is no evidence.
  ///   - special: which of its periods, and those after, are special.
  init(_ values: [Double], isKnown: (Int) -> Bool, special: SpecialPeriods) {
    self.special = special
    let ordinary = values.indices.filter { special.kinds[$0] < 0 && isKnown($0) }
    let isFactor = ordinary.allSatisfy { values[$0] > 0 }
    self.isFactor = isFactor
    let none = isFactor ? 1.0 : 0.0
    var sums = [Double](repeating: 0, count: special.kindCount)
    var counts = [Double](repeating: 0, count: special.kindCount)
    var chance: [Double] = []
    for period in values.indices where isKnown(period) {
      guard let usual = HolidayEffects.usual(values, period, special, isFactor: isFactor) else {
        continue
      }
      let deviation = isFactor ? values[period] / usual - 1 : values[period] - usual
      let kind = special.kinds[period]
      if kind < 0 {
        chance.append(abs(deviation))
      } else {
        sums[kind] += deviation
        counts[kind] += 1
      }
    }
    chance.sort()
    let isJudged = chance.count >= HolidayEffects.fewestOrdinary
    // The median of absolute deviations, as the standard deviation of normal errors.
    let spread = isJudged ? 1.4826 * chance[chance.count / 2] : .infinity
    effects = zip(sums, counts).map { sum, count in
      guard count > 0, isJudged else { return none }
      let mean = sum / count
      let kept = mean == 0 ? 0 : max(0, 1 - spread * spread / (count * mean * mean))
      let effect = none + kept * mean
      return isFactor ? min(max(0, effect), HolidayEffects.largestFactor) : effect
    }
  }

  /// Whether no period of the series differs.
  var isEmpty: Bool { effects.allSatisfy { $0 == (isFactor ? 1 : 0) } }

  /// The series as it would be without special periods.
  func removed(from values: [Double]) -> [Double] {
    var result = values
    for period in values.indices where special.kinds[period] >= 0 {
      let effect = effects[special.kinds[period]]
      if !isFactor {
        result[period] -= effect
      } else if effect >= HolidayEffects.smallestDivisor {
        result[period] /= effect
      } else if let usual = HolidayEffects.usual(values, period, special, isFactor: isFactor) {
        result[period] = usual
      }
    }
    return result
  }

  /// Forecasts with the effects of the periods from `end` on.
  func applied(to forecast: [Double], from end: Int) -> [Double] {
    forecast.indices.map { ahead in
      let period = end + ahead
      guard period < special.kinds.count, special.kinds[period] >= 0 else { return forecast[ahead] }
      let effect = effects[special.kinds[period]]
      return isFactor ? forecast[ahead] * effect : forecast[ahead] + effect
    }
  }

  /// What a period would bring if it were ordinary: the mean of its ordinary neighbours; `nil`
  /// without one, or where a share of it would say nothing.
  private static func usual(
    _ values: [Double], _ period: Int, _ special: SpecialPeriods, isFactor: Bool
  ) -> Double? {
    var sum = 0.0
    var count = 0.0
    for side in [-1, 1] {
      var taken = 0
      for step in 1...reach where taken < neighbours {
        let other = period + side * step * special.cycle
        guard values.indices.contains(other), special.kinds[other] < 0 else { continue }
        sum += values[other]
        count += 1
        taken += 1
      }
    }
    guard count > 0, !isFactor || sum > 0 else { return nil }
    return sum / count
  }
}
