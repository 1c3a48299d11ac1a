import AlmanacCore
import Forecasting

/// The scores of a backtest, added up over series and origins.
struct BacktestScores {
  /// The levels of the intervals.
  let levels: [Double]
  /// The number of forecasts scored.
  private(set) var count = 0
  private var names: [String] = []
  private var sums: [String: Sums] = [:]
  private var intervals: [Intervals]
  /// Per series the MASE of the combination and of seasonal naive at each origin.
  private var perSeries: [Int: (ours: [Double], naive: [Double])] = [:]

  private struct Sums {
    var smape = 0.0
    var mase = 0.0
    var scaled = 0.0
    var rmsse = 0.0
    var error = 0.0
    var size = 0.0
    var count = 0.0
  }

  private struct Intervals {
    var inside = 0.0
    var values = 0.0
    var pinball = 0.0
    var msis = 0.0
    var count = 0.0
  }

  init(levels: [Double]) {
    self.levels = levels
    intervals = [Intervals](repeating: Intervals(), count: levels.count)
  }

  /// Scores one forecast against what followed; unknown values are left out.
  mutating func add(_ result: SeriesResult, series: Int) {
    let known = result.actual.indices.filter { !result.actual[$0].isNaN }
    guard !known.isEmpty else { return }
    count += 1
    let actual = known.map { result.actual[$0] }
    let season = result.seasonLengths.first ?? 1
    let training = filled(result.values, seasonLength: season)
    let scale = changeScale(result.values, seasonLength: season)
    func pick(_ values: [Double]) -> [Double] { known.map { values[$0] } }
    let forecast = result.forecast
    let horizon = forecast.points.count
    var all = [("combination", forecast.points)]
    if forecast.ensemble.members.count > 1 {
      for (member, points) in zip(forecast.ensemble.members, forecast.ensemble.memberPoints) {
        all.append((member.rawValue, points))
      }
    }
    let naive = SimpleForecasts.seasonalNaive(
      training, length: result.seasonLengths.last ?? 1, horizon: horizon)
    all.append(("seasonal naive", naive))
    all.append(("naive", SimpleForecasts.naive(training, horizon: horizon)))
    all.append(("drift", SimpleForecasts.drift(training, horizon: horizon)))
    all.append(("growth of 3", SimpleForecasts.recentGrowth(training, horizon: horizon)))
    for (name, points) in all {
      let predicted = pick(points)
      if sums[name] == nil { names.append(name) }
      var sum = sums[name] ?? Sums()
      sum.count += 1
      sum.smape += ForecastMeasures.smape(actual: actual, predicted: predicted)
      if let mase = ForecastMeasures.mase(actual: actual, predicted: predicted, scale: scale),
        let rmsse = ForecastMeasures.rmsse(
          actual: actual, predicted: predicted, training: training,
          seasonLength: training.count > season ? season : 1)
      {
        sum.mase += mase
        sum.rmsse += rmsse
        sum.scaled += 1
        if name == "combination" { perSeries[series, default: ([], [])].ours.append(mase) }
        if name == "seasonal naive" { perSeries[series, default: ([], [])].naive.append(mase) }
      }
      for (value, point) in zip(actual, predicted) {
        sum.error += abs(value - point)
        sum.size += abs(value)
      }
      sums[name] = sum
    }
    for index in levels.indices {
      let lower = pick(forecast.lower[index])
      let upper = pick(forecast.upper[index])
      let number = Double(actual.count)
      intervals[index].inside +=
        number * ForecastMeasures.coverage(actual: actual, lower: lower, upper: upper)
      intervals[index].values += number
      guard
        let msis = ForecastMeasures.msis(
          actual: actual, lower: lower, upper: upper, level: levels[index], scale: scale)
      else { continue }
      let tail = (1 - levels[index]) / 2
      let losses = [
        ForecastMeasures.pinball(actual: actual, quantile: lower, level: tail),
        ForecastMeasures.pinball(actual: actual, quantile: upper, level: 1 - tail),
      ]
      intervals[index].pinball += (losses[0] + losses[1]) / 2 / scale
      intervals[index].msis += msis
      intervals[index].count += 1
    }
  }

  /// What a method scores over all forecasts.
  private struct MethodScores {
    let name: String
    let smape: Double
    let mase: Double
    let rmsse: Double
    let wape: Double
    let owa: Double
  }

  /// What the intervals of one level score over all forecasts.
  private struct LevelScores {
    let level: Double
    let coverage: Double
    let pinball: Double
    let msis: Double
  }

  /// The scores of each method, in the order in which they came.
  private var methods: [MethodScores] {
    let reference = sums["seasonal naive"] ?? Sums()
    return names.compactMap { name in
      guard let sum = sums[name] else { return nil }
      let smape = sum.smape / sum.count
      let mase = sum.mase / sum.scaled
      return MethodScores(
        name: name, smape: smape, mase: mase, rmsse: sum.rmsse / sum.scaled,
        wape: 100 * sum.error / sum.size,
        owa: ForecastMeasures.owa(
          smape: smape, mase: mase, referenceSMAPE: reference.smape / reference.count,
          referenceMASE: reference.mase / reference.scaled))
    }
  }

  /// The scores of each level's intervals.
  private var levelScores: [LevelScores] {
    zip(levels, intervals).map { level, interval in
      LevelScores(
        level: level, coverage: interval.inside / interval.values,
        pinball: interval.pinball / interval.count, msis: interval.msis / interval.count)
    }
  }

  /// The continuous ranked probability score by the quantiles there are, in units of the mean change
  /// over a season.
  private var rankedProbabilityScore: Double {
    let median = sums["combination"].map { $0.mase / $0.scaled } ?? .nan
    let losses = levelScores.reduce(0) { $0 + 2 * $1.pinball }
    return (2 * losses + median) / Double(2 * levels.count + 1)
  }

  /// The scores as lines of text.
  func lines(origins: Int, horizon: Int) -> [String] {
    var table = TextTable([
      ("method", .left), ("smape", .right), ("mase", .right), ("rmsse", .right), ("wape", .right),
      ("owa", .right),
    ])
    for method in methods {
      table.add([
        method.name, decimals(method.smape, 2), decimals(method.mase, 3),
        decimals(method.rmsse, 3), decimals(method.wape, 2), decimals(method.owa, 3),
      ])
    }
    var lines = ["\(count) forecasts of \(horizon) periods from up to \(origins) origins", ""]
    lines += table.lines(indent: 0)
    var second = TextTable([
      ("level", .left), ("coverage", .right), ("pinball", .right), ("msis", .right),
    ])
    for score in levelScores {
      second.add([
        "\(decimals(100 * score.level, 0)) %", decimals(100 * score.coverage, 1) + " %",
        decimals(score.pinball, 3), decimals(score.msis, 3),
      ])
    }
    lines += [""] + second.lines(indent: 0)
    lines += [
      "", "crps \(decimals(rankedProbabilityScore, 3)), in units of the mean change over a season",
    ]
    if let skill {
      lines.append(
        "skill over seasonal naive \(decimals(100 * skill.value, 1)) %"
          + (count > 1
            ? ", 95 % interval \(decimals(100 * skill.low, 1)) to \(decimals(100 * skill.high, 1)) %"
            : ""))
    }
    return lines
  }

  /// The scores as a JSON object, with all digits; shares are of 1.
  func json(origins: Int, horizon: Int) -> JSONTree {
    [
      "forecasts": .integer(count), "horizon": .integer(horizon), "origins": .integer(origins),
      "methods": .array(
        methods.map {
          [
            "method": .text($0.name), "smape": .number($0.smape / 100), "mase": .number($0.mase),
            "rmsse": .number($0.rmsse), "wape": .number($0.wape / 100), "owa": .number($0.owa),
          ]
        }),
      "intervals": .array(
        levelScores.map {
          [
            "level": .number($0.level), "coverage": .number($0.coverage),
            "pinball": .number($0.pinball), "msis": .number($0.msis),
          ]
        }),
      "crps": .number(rankedProbabilityScore),
      "skill": skill.map {
        ["value": .number($0.value), "lower_95": .number($0.low), "upper_95": .number($0.high)]
      } ?? .null,
    ]
  }

  /// The fewest series that a bootstrap draws from.
  private static let fewestSeries = 10

  /// What share of the MASE is saved, with the interval of a bootstrap over series, over forecasts where
  /// there are few.
  private var skill: ForecastSkill? {
    let series = perSeries.keys.sorted().compactMap { perSeries[$0] }
    if series.count >= BacktestScores.fewestSeries {
      return ForecastSkill(
        baseline: .seasonalNaive, errors: series.map { $0.ours.reduce(0, +) },
        naive: series.map { $0.naive.reduce(0, +) })
    }
    return ForecastSkill(
      baseline: .seasonalNaive, errors: series.flatMap(\.ours), naive: series.flatMap(\.naive))
  }

  /// A number with that many decimals; `-` where it is none.
  private func decimals(_ value: Double, _ count: Int) -> String {
    guard value.isFinite, abs(value) < 1e12 else { return "-" }
    var unit = 1
    for _ in 0..<count { unit *= 10 }
    let whole = Int((abs(value) * Double(unit)).rounded())
    let sign = value < 0 && whole > 0 ? "-" : ""
    guard count > 0 else { return sign + "\(whole)" }
    let fraction = "\(whole % unit)"
    let zeros = String(repeating: "0", count: count - fraction.count)
    return sign + "\(whole / unit)." + zeros + fraction
  }
}
