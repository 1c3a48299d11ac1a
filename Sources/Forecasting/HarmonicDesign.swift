import AlmanacCore
import Glibc
import LinearAlgebra

/// The seasonal columns of a series and its horizon, computed once for all origins.
struct SeasonalBasis {
  /// One entry per column: its name and the order of its harmonic.
  struct Term {
    let name: String
    let order: Int
  }

  let weeklyTerms: [Term]
  let yearlyTerms: [Term]
  /// Values per period, weekly columns first, in the order of the terms.
  let columns: [[Double]]

  init(series: TimeSeries, settings: ForecastSettings) {
    let weeklyCount = series.grain == .day ? settings.weeklyHarmonics : 0
    // At the shortest period a sine is zero everywhere and further harmonics repeat earlier ones.
    let yearlyLimit = series.grain == .day ? 182 : 5
    let yearlyCount = min(settings.yearlyHarmonics, yearlyLimit)
    weeklyTerms = SeasonalBasis.terms("weekly", count: weeklyCount)
    yearlyTerms = SeasonalBasis.terms("yearly", count: yearlyCount)

    let periods = series.values.count + settings.horizon
    var columns = [[Double]](
      repeating: [Double](repeating: 0, count: periods), count: 2 * (weeklyCount + yearlyCount))
    for period in 0..<periods {
      let features = CalendarFeatures(
        periodStart: series.periodStart(period), grain: series.grain)
      var column = 0
      for (count, phase) in [
        (weeklyCount, Double(features.weekday - 1) / 7), (yearlyCount, features.yearPhase),
      ] where count > 0 {
        for order in 1...count {
          let angle = 2 * Double.pi * phase * Double(order)
          columns[column][period] = cos(angle)
          columns[column + 1][period] = sin(angle)
          column += 2
        }
      }
    }
    self.columns = columns
  }

  private static func terms(_ season: String, count: Int) -> [Term] {
    (0..<count).flatMap { index in
      ["cos", "sin"].map { Term(name: "\(season)_\($0)_\(index + 1)", order: index + 1) }
    }
  }
}

/// The design of a harmonic regression with a piecewise-linear trend for one training window.
///
/// Columns are an intercept, the slope, one hinge per changepoint, then weekly and yearly
/// harmonics. Time is in years and zero at the last training period. Terms that the window is too
/// short for are left out: see ``init(series:basis:settings:rows:end:)``.
struct HarmonicDesign {
  /// The name of each column.
  let names: [String]
  /// The share of the penalty each column bears.
  ///
  /// Intercept and slope bear none. A hinge bears 1, with time in years. A harmonic bears the
  /// square of its order, which penalises the slope of the seasonal curve: fast wiggles need more
  /// evidence than slow ones.
  let penaltyFactors: [Double]
  /// One row per training period with a known value.
  let training: Matrix
  /// One row per period of the horizon, one matrix per damping of the settings.
  let futures: [Matrix]

  /// The rows of training data at which each kind of term comes in.
  struct Requirements {
    /// A slope.
    let slope: Int
    /// The distance between changepoints.
    let changepointSpacing: Int
    /// Weekly harmonics: two weeks.
    let weekly: Int
    /// Yearly harmonics: a year and a half, since with less a season looks like a trend.
    let yearly: Int

    init(_ grain: Grain) {
      switch grain {
      case .day: (slope, changepointSpacing, weekly, yearly) = (28, 45, 14, 548)
      case .month: (slope, changepointSpacing, weekly, yearly) = (8, 4, .max, 18)
      }
    }
  }

  /// The design for the known periods `rows` before `end`.
  ///
  /// The length of the window runs from its first known period. The slope of the trend fades after
  /// the end: `h` periods ahead the trend has moved on by `φ + φ² + … + φʰ` periods, with `φ` the
  /// damping, which is what time means in the rows of the future.
  init(
    series: TimeSeries, basis: SeasonalBasis, settings: ForecastSettings, rows: [Int], end: Int
  ) throws(LinearAlgebraError) {
    let requirements = Requirements(series.grain)
    let first = rows.first ?? 0
    let length = end - first
    let perYear = series.grain.periodsPerYear
    let trainingTime = rows.map { Double($0 - (end - 1)) / perYear }
    let futureTimes = settings.trendDampings.map { damping in
      var step = 1.0
      var elapsed = 0.0
      return (0..<settings.horizon).map { _ in
        step *= damping
        elapsed += step
        return elapsed / perYear
      }
    }

    var names = ["intercept"]
    var factors = [0.0]
    var training = [[Double](repeating: 1, count: rows.count)]
    var futures = [[[Double]]](
      repeating: [[Double](repeating: 1, count: settings.horizon)], count: futureTimes.count)
    if length >= requirements.slope, rows.count >= requirements.slope / 2 {
      names.append("slope_per_year")
      factors.append(0)
      training.append(trainingTime)
      for index in futures.indices { futures[index].append(futureTimes[index]) }
      let count = min(settings.changepoints, max(0, length / requirements.changepointSpacing - 1))
      for index in 0..<count {
        let position = first + length * (index + 1) / (count + 1)
        let time = Double(position - (end - 1)) / perYear
        names.append("slope_change_\(series.periodStart(position))")
        factors.append(1)
        training.append(trainingTime.map { max(0, $0 - time) })
        for index in futures.indices {
          futures[index].append(futureTimes[index].map { max(0, $0 - time) })
        }
      }
    }
    var column = 0
    for (terms, needed) in [
      (basis.weeklyTerms, requirements.weekly), (basis.yearlyTerms, requirements.yearly),
    ] {
      for term in terms {
        if length >= needed {
          names.append(term.name)
          factors.append(Double(term.order * term.order))
          training.append(rows.map { basis.columns[column][$0] })
          let ahead = Array(basis.columns[column][end..<(end + settings.horizon)])
          for index in futures.indices { futures[index].append(ahead) }
        }
        column += 1
      }
    }
    self.names = names
    self.penaltyFactors = factors
    self.training = try Matrix(columns: training)
    var matrices: [Matrix] = []
    for columns in futures { matrices.append(try Matrix(columns: columns)) }
    self.futures = matrices
  }
}
