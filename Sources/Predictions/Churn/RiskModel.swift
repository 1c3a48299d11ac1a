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
  /// The ridge penalty on standardised columns.
  package var penalty = 1.0
  /// Months whose rate the intercept follows.
  package var shiftMonths = 3
  /// Events that count as much as the model's own intercept.
  package var shiftPrior = 200.0

  /// The usual recipe.
  package init() {}

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
    guard !usable(data, known).isEmpty else { return .baseline(rate: rate, .noFeature) }

    var judged: [(row: Int, raw: Double, logOdds: Double)] = []
    var baselines: [RiskBaseline: [Double]] = [:]
    var start = firstMonths
    while start < periods.count {
      let window = periods[start..<min(start + windowMonths, periods.count)]
      start += windowMonths
      let opening = data.asOf[window[window.startIndex]]
      let training = data.known(by: opening)
      // Both outcomes are needed to learn, and so are features.
      guard min(data.events(training), training.count - data.events(training)) >= neededEvents / 2,
        !usable(data, training).isEmpty
      else { continue }
      var model = try pooled(data, training, describes: false)
      let earlier = judged.filter { data.isMature($0.row, by: opening) }
      model.common.calibration = try calibration(data, earlier.map { ($0.row, $0.raw) })
      let raw = try model.linearPredictor(data.table, data.groups)
      let simple = try oneFeature(data, training)
      let base = Double(data.events(training)) / Double(training.count)
      for period in window {
        let shift = shift(data, model.common, raw, at: data.asOf[period])
        let rates = segmentRates(data, at: data.asOf[period], base: base)
        for row in known where data.rows[row].period == period {
          judged.append((row, raw[row], model.common.calibration.logOdds(raw[row]) + shift))
          baselines[.baseRate, default: []].append(base)
          baselines[.segmentRate, default: []].append(rates[data.segments[row]] ?? base)
          baselines[.oneFeature, default: []].append(ModelFamily.logistic.mean(simple[row]))
        }
      }
    }
    let judgedEvents = data.events(judged.map(\.row))
    let judgedRarer = min(judgedEvents, judged.count - judgedEvents)
    guard judgedRarer > 0 else {
      return .baseline(rate: rate, .tooFewEvents(judgedRarer, needed: neededEvents))
    }
    let gate = try RiskGate(
      logOdds: judged.map(\.logOdds), outcomes: judged.map { data.outcomes[$0.row] },
      companies: judged.map { data.rows[$0.row].company }, baselines: baselines)
    var final = try pooled(data, known, describes: true)
    final.common = try final.common.clusteringErrors(
      data.table.selecting(rows: known), target: known.map { data.outcomes[$0] },
      groups: known.map { data.rows[$0].company })
    final.common.calibration = try calibration(data, judged.map { ($0.row, $0.raw) })
    let raw = try final.linearPredictor(data.table, data.groups)
    let kept = Set(usable(data, known))
    return .model(
      RiskModel(
        fitted: final.common, shift: shift(data, final.common, raw, at: cut), gate: gate,
        baseRate: rate ?? 0, judged: judged.map { ($0.row, $0.logOdds) },
        constantFeatures: data.table.names.filter { !kept.contains($0) },
        deviations: final.deviations))
  }

  /// A model that was fitted before, its intercept moved to the last months known by an instant
  /// (DECISIONS.md, D-513).
  package func refreshed(
    _ model: RiskModel, _ data: RiskRows, by cut: Timestamp
  ) throws(RegressionError) -> RiskModel {
    var model = model
    let raw = try model.fit.linearPredictor(data.table, data.groups)
    model.shift = shift(data, model.fitted, raw, at: cut)
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
        (period, shift(data, model.fitted, raw, at: data.asOf[period]))
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

  /// The features that differ between the given rows.
  private func usable(_ data: RiskRows, _ rows: [Int]) -> [String] {
    data.table.names.filter { name in
      guard let column = data.table[name] else { return false }
      if case .texts(let codes, _) = column {
        return Set(rows.lazy.map { codes[$0] }.filter { $0 >= 0 }).count > 1
      }
      let values = column.numbers
      guard let first = rows.first(where: { !values[$0].isNaN }) else { return false }
      return rows.contains { !values[$0].isNaN && values[$0] != values[first] }
    }
  }

  /// The fit to rows, and those of their groups that lean on it.
  private func pooled(
    _ data: RiskRows, _ rows: [Int], describes: Bool
  ) throws(RegressionError) -> RiskFit {
    let common = try fit(data, rows, describes: describes)
    guard let groups = data.groups?.selecting(rows) else {
      return RiskFit(common: common, deviations: [:])
    }
    let found = try common.groupDeviations(
      data.table.selecting(rows: rows), target: rows.map { data.outcomes[$0] }, groups: groups.of,
      count: groups.names.count)
    let present = Set(groups.of)
    return RiskFit(
      common: common,
      deviations: Dictionary(
        uniqueKeysWithValues: groups.names.indices.filter { present.contains($0) }.map {
          (groups.names[$0], found[$0])
        }))
  }

  private func fit(
    _ data: RiskRows, _ rows: [Int], features: [String]? = nil, describes: Bool
  ) throws(RegressionError) -> FittedModel {
    var table = Table(rowCount: rows.count)
    let names = features ?? usable(data, rows)
    for name in names {
      if let column = data.table[name] { table.add(name, column.selecting(rows)) }
    }
    table.add(RiskRecipe.target, .numbers(rows.map { data.outcomes[$0] }))
    let specification = ModelSpecification(
      target: RiskRecipe.target, family: .logistic, positive: "1",
      terms: names.map { name in
        TermSpecification(
          column: name, kind: data.terms[name] ?? .numeric,
          winsorises: RiskRecipe.hasSpread(table[name]?.numbers ?? []))
      },
      penalty: .fixed(penalty), interactions: false, calibrates: false)
    return try specification.fit(table, describes: describes)
  }

  /// Whether numbers still differ once the outer half percent on each side is drawn in: those of
  /// something rare do not, and nothing would be left of it.
  private static func hasSpread(_ values: [Double]) -> Bool {
    let sorted = values.filter(\.isFinite).sorted()
    return quantile(sorted, 0.005) < quantile(sorted, 0.995)
  }

  /// The map of earlier judged rows; none before there are enough of them.
  private func calibration(
    _ data: RiskRows, _ rows: [(row: Int, raw: Double)]
  ) throws(RegressionError) -> Calibration {
    guard data.events(rows.map(\.row)) >= 200 else { return .identity }
    return try Calibration.fitted(
      raw: rows.map(\.raw), outcomes: rows.map { data.outcomes[$0.row] })
  }

  /// By how much the latest months known at an instant differ from what the model says of them.
  private func shift(
    _ data: RiskRows, _ model: FittedModel, _ raw: [Double], at instant: Timestamp
  ) -> Double {
    let known = data.known(by: instant)
    let latest = Set(known.map { data.rows[$0].period }).sorted().suffix(shiftMonths)
    let rows = known.filter { latest.contains(data.rows[$0].period) }
    let events = Double(data.events(rows))
    guard events > 0, events < Double(rows.count) else { return 0 }
    let values = rows.map { model.calibration.logOdds(raw[$0]) }
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

  /// The rate of the last known month by segment, 20 rows of the base rate mixed in.
  private func segmentRates(
    _ data: RiskRows, at instant: Timestamp, base: Double
  ) -> [Int: Double] {
    let known = data.known(by: instant)
    let last = known.map { data.rows[$0].period }.max()
    var counts: [Int: (events: Double, rows: Double)] = [:]
    for row in known where data.rows[row].period == last {
      counts[data.segments[row], default: (0, 0)].events += data.outcomes[row]
      counts[data.segments[row], default: (0, 0)].rows += 1
    }
    return counts.mapValues { ($0.events + 20 * base) / ($0.rows + 20) }
  }

  /// The log-odds of all rows by the one feature that orders the training rows best.
  private func oneFeature(
    _ data: RiskRows, _ training: [Int]
  ) throws(RegressionError) -> [Double] {
    var best: (name: String, distance: Double)?
    for name in usable(data, training) {
      let values = data.table[name].map { ordered($0, data, training) } ?? []
      let rows = training.filter { !values[$0].isNaN }
      let events = data.events(rows)
      guard events > 0, events < rows.count else { continue }
      let area = try BinaryScores.areaUnderROC(
        rows.map { values[$0] }, rows.map { data.outcomes[$0] })
      if abs(area - 0.5) > best?.distance ?? -1 { best = (name, abs(area - 0.5)) }
    }
    guard let best else { throw .unusableRows("no feature differs") }
    return try fit(data, training, features: [best.name], describes: false)
      .linearPredictor(data.table)
  }

  /// Numbers as they are, and texts as the share of yes among the training rows with the same.
  ///
  /// Texts that the fit of the feature would not tell apart have the share of all of them: one text for
  /// each company would order the rows it was found in as nothing else does.
  private func ordered(_ column: TableColumn, _ data: RiskRows, _ training: [Int]) -> [Double] {
    guard case .texts(let codes, let levels) = column else { return column.numbers }
    var sums = [(yes: Double, rows: Double)](repeating: (0, 0), count: levels.count)
    for row in training where codes[row] >= 0 {
      sums[Int(codes[row])].yes += data.outcomes[row]
      sums[Int(codes[row])].rows += 1
    }
    let told = sums.indices.filter { sums[$0].rows >= Double(CategoryPooling.minimumCount) }
      .sorted { (-sums[$0].rows, $0) < (-sums[$1].rows, $1) }
      .prefix(CategoryPooling.maximumLevels)
    let others = Set(sums.indices).subtracting(told)
    let pooled = others.reduce(into: (yes: 0.0, rows: 0.0)) { pool, level in
      pool.yes += sums[level].yes
      pool.rows += sums[level].rows
    }
    for level in others { sums[level] = pooled }
    return codes.map { $0 < 0 ? .nan : sums[Int($0)].yes / max(1, sums[Int($0)].rows) }
  }

  private static let target = "the outcome"
}
