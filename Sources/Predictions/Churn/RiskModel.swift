package import AlmanacCore
import Glibc
package import Regression

/// A fitted and judged model of a yes or no per company and month.
package struct RiskModel: Sendable {
  /// The fit on all rows with a known outcome, calibrated on rows its windows had not seen.
  package var fitted: FittedModel
  /// What the latest known months add to the calibrated log-odds (DECISIONS.md, D-513).
  package var shift: Double
  /// The judgement of the recipe.
  package var gate: RiskGate
  /// The share of yes among all known rows, half a yes in one more row mixed in, so that it is never
  /// 0 or 1: the labelled baseline (DECISIONS.md, D-518).
  package var baseRate: Double
  /// The judged rows, by position, and their log-odds when judged.
  package var judged: [(row: Int, logOdds: Double)]
  /// Features left out because they do not differ.
  package var constantFeatures: [String]
  /// By how much the fits of groups differ from the common one, by the name of the group.
  ///
  /// The intercept's first, then those of the coefficients in order. Empty where there is one fit
  /// for all.
  package var deviations: [String: [Double]]

  /// A probability and what it is made of.
  package struct Score: Equatable, Sendable {
    package var probability: Double
    /// The calibrated log-odds of the average row, shift included.
    package var base: Double
    /// What each of ``RiskModel/reasonNames`` adds; with ``base`` they sum to the log-odds.
    package var contributions: [Double]
  }

  /// A model of parts that were kept.
  package init(
    fitted: FittedModel, shift: Double, gate: RiskGate, baseRate: Double,
    judged: [(row: Int, logOdds: Double)] = [], constantFeatures: [String],
    deviations: [String: [Double]] = [:]
  ) {
    self.fitted = fitted
    self.shift = shift
    self.gate = gate
    self.baseRate = baseRate
    self.judged = judged
    self.constantFeatures = constantFeatures
    self.deviations = deviations
  }

  /// The names of the contributions.
  package var reasonNames: [String] { fitted.reasonNames }

  /// The fits as one.
  var fit: RiskFit { RiskFit(common: fitted, deviations: deviations) }

  /// Scores rows of features, each by the fit of its group where there are groups.
  package func scores(
    _ table: Table, groups: RiskGroups? = nil
  ) throws(RegressionError) -> [Score] {
    try fit.predictions(table, groups).map { prediction in
      let base = prediction.base + shift
      let total = prediction.contributions.reduce(base, +)
      return Score(
        probability: ModelFamily.logistic.mean(total), base: base,
        contributions: prediction.contributions)
    }
  }
}

/// How a risk is learned and judged: the same steps at every window.
package struct RiskRecipe: Sendable {
  /// Months of history before the first judged one.
  package var firstMonths = 6
  /// Months that are judged by one fit.
  package var windowMonths = 3
  /// Months with known outcomes that a model needs.
  package var neededMonths = 8
  /// Rows of the rarer outcome that a model needs.
  package var neededEvents = 20
  /// Such rows among those that judge it, as many as a window's fit needs.
  var neededJudgedEvents: Int { neededEvents / 2 }
  /// The ridge penalty on standardised columns.
  package var penalty = 1.0
  /// Months whose rate the intercept follows.
  package var shiftMonths = 3
  /// Events that count as much as the model's own intercept.
  package var shiftPrior = 200.0

  /// What may go on side by side; nothing that is learned depends on it.
  package var limits: ParallelLimits

  /// The usual recipe.
  package init(limits: ParallelLimits = ParallelLimits()) {
    self.limits = limits
  }

  /// The outcome of learning.
  package enum Result: Sendable {
    /// A model with its judgement, which says whether it may be published.
    case model(RiskModel)
    /// No model: the share of yes stands in, as ``RiskModel/baseRate`` is one; `nil` where no outcome
    /// is known.
    case baseline(rate: Double?, RiskRefusal)
  }

  /// Learns from rows whose outcomes are known by an instant.
  ///
  /// Each window of months is judged by a fit to rows that had matured before its first instant,
  /// calibrated on earlier judged rows that had matured by then, its intercept moved each month.
  ///
  /// - Throws: what is no fault of the rows; a fit that they do not support is a refusal.
  /// - Complexity: one fit for each window and one for all rows.
  package func learn(_ data: RiskRows, by cut: Timestamp) throws(RegressionError) -> Result {
    let known = data.known(by: cut)
    let events = data.events(known)
    let rate = baseRate(data, by: cut)
    let companies = Set(known.map { data.rows[$0].company }).count
    let periods = Array(Set(known.map { data.rows[$0].period })).sorted()
    let rarer = min(events, known.count - events)
    if companies < 2 { return .baseline(rate: rate, .tooFewCompanies(companies)) }
    if periods.count < neededMonths {
      return .baseline(rate: rate, .shortHistory(months: periods.count, needed: neededMonths))
    }
    if rarer < neededEvents {
      return .baseline(rate: rate, .tooFewEvents(rarer, needed: neededEvents))
    }
    let windows = stride(from: firstMonths, to: periods.count, by: windowMonths).map {
      Array(periods[$0..<min($0 + windowMonths, periods.count)])
    }
    let learning = RiskLearning(self, data, known: known, windows: windows)
    guard !learning.usable(known).isEmpty else { return .baseline(rate: rate, .noFeature) }

    do throws(RegressionError) {
      return try judged(learning, data, rate: rate)
    } catch {
      // One model that cannot be fitted leaves the others as they are.
      guard let refusal = RiskRefusal(error) else { throw error }
      return .baseline(rate: rate, refusal)
    }
  }

  /// The fit to all rows with the judgement of the windows.
  private func judged(
    _ learning: RiskLearning, _ data: RiskRows, rate: Double?
  ) throws(RegressionError) -> Result {
    let fits = try learning.fits()
    let judged = try judged(data, fits.windows.compactMap(\.self))
    let events = data.events(judged.map(\.row))
    let rarer = min(events, judged.count - events)
    guard rarer >= neededJudgedEvents, let whole = fits.whole else {
      return .baseline(rate: rate, .tooFewJudgedEvents(rarer, needed: neededJudgedEvents))
    }
    let gate = try RiskGate(
      logOdds: judged.map(\.logOdds), outcomes: judged.map { data.outcomes[$0.row] },
      companies: judged.map { data.rows[$0.row].company },
      baselines: [
        .baseRate: judged.map(\.base), .segmentRate: judged.map(\.segment),
        .oneFeature: judged.map(\.simple),
      ], within: limits)
    var fitted = whole.fit.common
    fitted.calibration = try calibration(
      data, judged.map { ($0.row, $0.raw) }, jobs: limits.jobs)
    let kept = Set(whole.features)
    return .model(
      RiskModel(
        fitted: fitted, shift: shift(data, whole.latest, whole.latestRaw, fitted.calibration),
        gate: gate, baseRate: rate ?? 0, judged: judged.map { ($0.row, $0.logOdds) },
        constantFeatures: data.table.names.filter { !kept.contains($0) },
        deviations: whole.fit.deviations))
  }

  /// A row, and what was said of it before its outcome was known.
  private struct Judged {
    var row: Int
    /// Log-odds as fitted, and as calibrated and moved.
    var raw: Double
    var logOdds: Double
    /// The probabilities of the baselines.
    var base: Double
    var segment: Double
    var simple: Double
  }

  /// What the fits of windows say of their months: each calibrated by what earlier ones said of rows that
  /// had matured before it, its intercept moved each month.
  private func judged(
    _ data: RiskRows, _ windows: [RiskLearning.Window]
  ) throws(RegressionError) -> [Judged] {
    var said: [(row: Int, raw: Double)] = []
    var ends: [Int] = []
    for window in windows {
      ends.append(said.count)
      for month in window.months {
        said += zip(month.rows, month.raw).map { (row: $0, raw: $1) }
      }
    }
    let (all, starts) = (said, ends)
    let judged = try inParallel(windows.count, within: limits, largestLast: true) {
      (number) throws(RegressionError) -> [Judged] in
      let window = windows[number]
      let calibration = try calibration(
        data, all[..<starts[number]].filter { data.isMature($0.row, by: window.opening) }, jobs: 1)
      return window.months.flatMap { month in
        let shift = shift(data, month.latest, month.latestRaw, calibration)
        return month.rows.enumerated().map { place, row in
          Judged(
            row: row, raw: month.raw[place],
            logOdds: calibration.logOdds(month.raw[place]) + shift, base: window.base,
            segment: month.rates[data.segments[row]] ?? window.base,
            simple: ModelFamily.logistic.mean(month.simple[place]))
        }
      }
    }
    return Array(judged.joined())
  }

  /// A model that was fitted before, its intercept moved to the last months known by an instant
  /// (DECISIONS.md, D-513).
  package func refreshed(
    _ model: RiskModel, _ data: RiskRows, by cut: Timestamp
  ) throws(RegressionError) -> RiskModel {
    var model = model
    let latest = latest(data, data.known(by: cut))
    let raw = try model.fit.linearPredictor(
      data.table.selecting(rows: latest), data.groups?.selecting(latest))
    model.shift = shift(data, latest, raw, model.fitted.calibration)
    return model
  }

  /// What a model that was fitted before said of the months whose outcomes became known after an
  /// instant: the rows, by position, and their log-odds, the intercept moved at each month's end.
  func served(
    _ model: RiskModel, _ data: RiskRows, since cut: Timestamp
  ) throws(RegressionError) -> [(row: Int, logOdds: Double)] {
    let raw = try model.fit.linearPredictor(data.table, data.groups)
    let rows = data.rows.indices.filter { !data.isMature($0, by: cut) }
    let periods = Set(rows.map { data.rows[$0].period })
    let shifts = Dictionary(
      uniqueKeysWithValues: periods.map { period in
        let latest = latest(data, data.known(by: data.asOf[period]))
        return (period, shift(data, latest, latest.map { raw[$0] }, model.fitted.calibration))
      })
    return rows.map { row in
      (row, model.fitted.calibration.logOdds(raw[row]) + (shifts[data.rows[row].period] ?? 0))
    }
  }

  /// The share of yes among the rows known by an instant, as ``RiskModel/baseRate`` is one; `nil`
  /// where none is.
  func baseRate(_ data: RiskRows, by cut: Timestamp) -> Double? {
    let known = data.known(by: cut)
    return known.isEmpty ? nil : (Double(data.events(known)) + 0.5) / Double(known.count + 1)
  }

  /// The map of earlier judged rows; none before there are enough of them.
  private func calibration(
    _ data: RiskRows, _ rows: [(row: Int, raw: Double)], jobs: Int
  ) throws(RegressionError) -> Calibration {
    guard data.events(rows.map(\.row)) >= 200 else { return .identity }
    return try Calibration.fitted(
      raw: rows.map(\.raw), outcomes: rows.map { data.outcomes[$0.row] }, jobs: jobs)
  }

  /// Of known rows those of the latest months, which the intercept follows.
  func latest(_ data: RiskRows, _ known: [Int]) -> [Int] {
    var isKnown = [Bool](repeating: false, count: data.asOf.count)
    for row in known { isKnown[data.rows[row].period] = true }
    let first = isKnown.indices.filter { isKnown[$0] }.suffix(shiftMonths).first ?? 0
    return known.filter { data.rows[$0].period >= first }
  }

  /// By how much rows differ from what a model says of them.
  private func shift(
    _ data: RiskRows, _ rows: [Int], _ raw: [Double], _ calibration: Calibration
  ) -> Double {
    let events = Double(data.events(rows))
    guard events > 0, events < Double(rows.count) else { return 0 }
    let values = raw.map { calibration.logOdds($0) }
    var shift = 0.0
    for _ in 0..<30 {
      var sum = 0.0
      var weight = 0.0
      for value in values {
        let mean = ModelFamily.logistic.mean(value + shift)
        sum += mean
        weight += mean * (1 - mean)
      }
      let step = max(-1, min(1, (events - sum) / weight))
      shift += step
      if abs(step) < 1e-10 { break }
    }
    return shift * events / (events + shiftPrior)
  }

  /// The rate of the last month of known rows by segment, 20 rows of the base rate mixed in.
  func segmentRates(_ data: RiskRows, _ known: [Int], base: Double) -> [Int: Double] {
    let last = known.reduce(-1) { max($0, data.rows[$1].period) }
    var counts: [Int: (events: Double, rows: Double)] = [:]
    for row in known where data.rows[row].period == last {
      counts[data.segments[row], default: (0, 0)].events += data.outcomes[row]
      counts[data.segments[row], default: (0, 0)].rows += 1
    }
    return counts.mapValues { ($0.events + 20 * base) / ($0.rows + 20) }
  }
}
