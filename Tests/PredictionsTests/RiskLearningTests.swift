import AlmanacCore
import Glibc
import Simulation
import Testing

@testable import Predictions
@testable import Regression

/// What a learning with shared work says, beside one that does each step by itself for every window.
@Suite("Shared work of a learning")
struct RiskLearningTests {
  private static let end = CalendarDate(daysSinceEpoch: 20_453)

  /// Months of a simulated world, with a column of texts, one with gaps and one that is rarely set.
  private static let shared = Result {
    let data = try SimulatedChurn(
      World(
        WorldSettings(companies: 500, months: 15, seed: 8, kind: .logistic, end: end),
        zone: { _ in .utc })
    ).data
    var random = SplitMix64(seed: 3)
    var table = data.table
    // Two levels with rows enough, and several that are pooled.
    table.add(
      "kind",
      .texts(
        codes: data.rows.map { row in
          random.next() % 10 == 0
            ? -1 : Int32(row.company % 40 < 38 ? row.company % 2 : 2 + row.company % 60)
        }, levels: (0..<62).map { "k\($0)" }))
    table.add(
      "gaps",
      .numbers(data.rows.map { _ in random.next() % 5 == 0 ? .nan : random.nextUnit() }))
    table.add("rare", .numbers(data.rows.indices.map { $0 % 401 == 0 ? 1 : 0 }))
    return RiskRows(
      rows: data.rows, table: table, outcomes: data.outcomes, segments: data.segments,
      asOf: data.asOf, maturity: data.maturity, terms: ["kind": CategoryPooling.term])
  }

  private static func learned(
    _ data: RiskRows, within limits: ParallelLimits = ParallelLimits()
  ) throws -> RiskModel {
    guard
      case .model(let model) = try RiskRecipe(limits: limits)
        .learn(data, by: end.adding(days: 1).startUTC)
    else { throw RegressionError.unusableRows("no model") }
    return model
  }

  @Test("judged log-odds and gains are those of windows that share nothing")
  func judged() throws {
    try check(try Self.shared.get(), tolerance: 1e-10)
  }

  @Test(
    "so are those of many events, of groups that lean on each other and of outcomes known by row",
    arguments: UInt64(1)...4)
  func judgedOfMuch(seed: UInt64) throws {
    let drawn = DrawnRisk(seed: seed, end: Self.end)
    let plain = try check(drawn.rows, tolerance: 1e-8)
    // The worlds reach what they are drawn for.
    #expect(plain.calibrated > 0, "seed \(seed)")
    #expect(drawn.rows.groups == nil || plain.widestDeviation > 0.05, "seed \(seed)")
    #expect((drawn.rows.groups != nil) == (seed % 2 == 0))
  }

  @discardableResult
  private func check(_ data: RiskRows, tolerance: Double) throws -> PlainLearning {
    let model = try Self.learned(data)
    let plain = try PlainLearning(data, by: Self.end.adding(days: 1).startUTC)
    #expect(model.judged.map(\.row) == plain.judged.map(\.row))
    let farthest = zip(model.judged, plain.judged).reduce(0) { most, pair in
      max(most, abs(pair.0.logOdds - pair.1.logOdds))
    }
    #expect(farthest < tolerance)
    // What is published of all rows.
    let scores = try model.scores(data.table, groups: data.groups)
    let apart = zip(scores, plain.published).reduce(0) { most, pair in
      max(most, abs(logit(pair.0.probability) - pair.1))
    }
    // It is calibrated, by a fit that stops at 1e-10.
    #expect(apart < max(tolerance, 1e-8))
    func mean(_ probabilities: [Double]) -> Double {
      zip(plain.judged, probabilities).reduce(0) { sum, pair in
        let outcome = data.outcomes[pair.0.row]
        return sum + RiskGate.loss(outcome, logit(pair.1))
          - RiskGate.loss(outcome, pair.0.logOdds)
      } / Double(probabilities.count)
    }
    for (baseline, probabilities) in plain.baselines {
      let gain = try #require(model.gate.gains[baseline])
      #expect(abs(gain.estimate - mean(probabilities)) < 1e-8, "\(baseline)")
      #expect(gain.lower < gain.estimate && gain.estimate < gain.upper)
    }
    return plain
  }

  @Test("the same rows give the same bits each time")
  func again() throws {
    let data = try Self.shared.get()
    let (one, other) = (try Self.learned(data), try Self.learned(data))
    #expect(one.fitted == other.fitted && one.gate == other.gate && one.shift == other.shift)
    #expect(one.judged.map(\.logOdds) == other.judged.map(\.logOdds))
  }

  @Test("neither threads nor memory have a say in what is learned", arguments: [UInt64(1), 2])
  func limits(seed: UInt64) throws {
    let data = DrawnRisk(seed: seed, end: Self.end).rows
    let alone = try Self.learned(data, within: ParallelLimits(jobs: 1))
    for limits in [
      ParallelLimits(jobs: 2), ParallelLimits(jobs: 5, memory: 2_000_000),
      ParallelLimits(jobs: 5, memory: 0),
    ] {
      let model = try Self.learned(data, within: limits)
      let what: Comment = "jobs \(limits.jobs), memory \(limits.memory), seed \(seed)"
      #expect(model.fitted == alone.fitted && model.gate == alone.gate, what)
      #expect(model.shift == alone.shift && model.deviations == alone.deviations, what)
      #expect(model.judged.map(\.row) == alone.judged.map(\.row), what)
      #expect(model.judged.map(\.logOdds) == alone.judged.map(\.logOdds), what)
    }
  }

  @Test("a fit is reckoned with as many bytes as its rows have columns, and groups with more")
  func memory() throws {
    func bytes(_ data: RiskRows, rows: Int) -> Int {
      RiskLearning(RiskRecipe(), data, known: [], windows: []).memory(ofRows: rows)
    }
    let data = DrawnRisk(seed: 1, end: Self.end).rows
    let one = bytes(data, rows: 1_000)
    #expect(bytes(data, rows: 5_000) == 5 * one && one > 8 * 1_000 * data.table.names.count)
    #expect(bytes(DrawnRisk(seed: 2, end: Self.end).rows, rows: 1_000) > one)
  }

  @Test("several sums are resampled as each is by itself")
  func bootstrap() {
    var random = SplitMix64(seed: 12)
    let counts = (0..<300).map { _ in Double(1 + random.next() % 9) }
    let sums = (0..<3).map { _ in counts.map { _ in random.nextUnit() - 0.4 } }
    let together = RiskGate.bootstrap(sums, counts)
    for (found, own) in zip(together, sums) {
      #expect(found == RiskGate.bootstrap(own, counts))
      // By the definition: clusters drawn one by one.
      var draws = SplitMix64(seed: 0x5eed)
      let ratios = (0..<RiskGate.resamples).map { _ -> Double in
        var (sum, count) = (0.0, 0.0)
        for _ in own.indices {
          let drawn = Int(draws.nextUnit() * Double(own.count))
          sum += own[drawn]
          count += counts[drawn]
        }
        return sum / count
      }.sorted()
      #expect(found.lower == quantile(ratios, 0.025) && found.upper == quantile(ratios, 0.975))
    }
  }
}

/// Company-months with many events, drawn from a seed: their outcomes are known row by row, and those
/// of even seeds are of three groups with intercepts and slopes of their own.
private struct DrawnRisk {
  let rows: RiskRows

  init(seed: UInt64, end: CalendarDate) {
    var random = SplitMix64(seed: seed)
    let hasGroups = seed % 2 == 0
    let names = hasGroups ? ["calls", "reports", "sync"] : ["all"]
    let own = names.indices.map { (intercept: 0.5 * Double($0) - 0.5, slope: 0.4 * Double($0)) }
    let instants = (0..<15).map { end.adding(days: 1).monthStart(adding: $0 - 14).startUTC }
    let day = 24 * Timestamp.microsecondsPerHour
    var rows: [PanelRow] = []
    var (groups, segments, outcomes): ([Int], [Int], [Double]) = ([], [], [])
    var known: [Timestamp] = []
    var (use, gaps): ([Double], [Double]) = ([], [])
    var kinds: [Int32] = []
    for company in 0..<(hasGroups ? 120 : 300) {
      let kind = random.next() % 10 == 0 ? -1 : Int32(random.next() % 5)
      for (period, instant) in instants.enumerated() {
        for group in names.indices {
          let (one, other) = (3 * random.nextUnit(), random.nextUnit())
          let isMissing = random.next() % 6 == 0
          let logOdds =
            -2.2 + (0.7 - own[group].slope) * one + own[group].intercept
            + (isMissing ? 0.3 : other) + (kind == 1 ? 0.6 : 0)
          rows.append(PanelRow(company: company, period: period))
          groups.append(group)
          segments.append(company % 3)
          use.append(one)
          gaps.append(isMissing ? .nan : other)
          kinds.append(kind)
          outcomes.append(random.nextUnit() < ModelFamily.logistic.mean(logOdds) ? 1 : 0)
          // Soon after, or long after the others.
          let days = random.next() % 8 == 0 ? 40 + random.next() % 80 : 1 + random.next() % 35
          known.append(Timestamp(microseconds: instant.microseconds + Int64(days) * day))
        }
      }
    }
    var table = Table(rowCount: rows.count)
    table.add("use", .numbers(use))
    table.add("gaps", .numbers(gaps))
    table.add("kind", .texts(codes: kinds, levels: (0..<5).map { "k\($0)" }))
    table.add("steps", .numbers(rows.indices.map { Double($0 % 7) }))
    self.rows = RiskRows(
      rows: rows, table: table, outcomes: outcomes, segments: segments, asOf: instants,
      // Later than any row's own, which decides.
      maturity: instants.map { Timestamp(microseconds: $0.microseconds + 200 * day) },
      groups: hasGroups ? RiskGroups(names: names, of: groups) : nil, known: known,
      terms: ["kind": CategoryPooling.term])
  }
}

/// A learning that does every step of every window by itself, from the definition.
private struct PlainLearning {
  var judged: [(row: Int, logOdds: Double)] = []
  var baselines: [RiskBaseline: [Double]] = [:]
  /// The windows whose log-odds were calibrated.
  var calibrated = 0
  /// The largest deviation of a group.
  var widestDeviation = 0.0
  /// The log-odds that all rows together give each.
  var published: [Double] = []

  init(_ data: RiskRows, by cut: Timestamp) throws {
    let recipe = RiskRecipe()
    func isKnown(_ row: Int, _ instant: Timestamp) -> Bool {
      (data.known?[row] ?? data.maturity[data.rows[row].period]) <= instant
    }
    func known(_ instant: Timestamp) -> [Int] {
      data.rows.indices.filter { isKnown($0, instant) && !data.outcomes[$0].isNaN }
    }
    /// What a calibration makes of the latest months known, and how far it is moved for them.
    func shift(_ known: [Int], _ raw: [Double], _ calibration: Calibration) -> Double {
      let months = Set(known.map { data.rows[$0].period }).sorted()
      let latest = known.filter {
        months.suffix(recipe.shiftMonths).contains(data.rows[$0].period)
      }
      return Self.shift(
        latest.map { calibration.logOdds(raw[$0]) }, latest.map { data.outcomes[$0] })
    }
    func names(_ rows: [Int]) -> [String] {
      data.table.names.filter { name in
        Set(rows.compactMap { data.table[name]?.labels[$0] }).count > 1
      }
    }
    let now = known(cut)
    let periods = Set(now.map { data.rows[$0].period }).sorted()
    var raws: [(row: Int, raw: Double)] = []
    for start in stride(from: recipe.firstMonths, to: periods.count, by: recipe.windowMonths) {
      let window = periods[start..<min(start + recipe.windowMonths, periods.count)]
      let opening = data.asOf[window[window.startIndex]]
      let training = known(opening)
      let yes = training.filter { data.outcomes[$0] == 1 }
      guard min(yes.count, training.count - yes.count) >= recipe.neededEvents / 2 else { continue }
      let names = names(training)
      let raw = try self.raw(data, training, names)
      let calibration = try Self.calibration(data, raws.filter { isKnown($0.row, opening) })
      if calibration != .identity { calibrated += 1 }
      let simple = try Self.best(data, training, names).linearPredictor(data.table)
      let base = Double(yes.count) / Double(training.count)
      for period in window {
        let known = known(data.asOf[period])
        let shift = shift(known, raw, calibration)
        let month = known.map { data.rows[$0].period }.max()
        let last = known.filter { data.rows[$0].period == month }
        for row in now where data.rows[row].period == period {
          raws.append((row, raw[row]))
          judged.append((row, calibration.logOdds(raw[row]) + shift))
          baselines[.baseRate, default: []].append(base)
          let alike = last.filter { data.segments[$0] == data.segments[row] }
          let share = alike.reduce(20 * base) { $0 + data.outcomes[$1] }
          baselines[.segmentRate, default: []].append(share / Double(alike.count + 20))
          baselines[.oneFeature, default: []].append(1 / (1 + exp(-simple[row])))
        }
      }
    }
    let raw = try self.raw(data, now, names(now))
    let calibration = try Self.calibration(data, raws)
    let moved = shift(now, raw, calibration)
    published = raw.map { calibration.logOdds($0) + moved }
  }

  /// Raw log-odds of all rows by a fit to some, each by that of its group.
  private mutating func raw(
    _ data: RiskRows, _ training: [Int], _ names: [String]
  ) throws -> [Double] {
    let fit = try Self.fit(data, training, names)
    var raw = try fit.linearPredictor(data.table)
    guard let groups = data.groups else { return raw }
    let deviations = try fit.groupDeviations(
      data.table.selecting(rows: training), target: training.map { data.outcomes[$0] },
      groups: training.map { groups.of[$0] }, count: groups.names.count)
    for (group, deviation) in deviations.enumerated() {
      widestDeviation = deviation.reduce(widestDeviation) { max($0, abs($1)) }
      let own = try fit.adding(deviation).linearPredictor(data.table)
      for row in raw.indices where groups.of[row] == group { raw[row] = own[row] }
    }
    return raw
  }

  private static func calibration(
    _ data: RiskRows, _ said: [(row: Int, raw: Double)]
  ) throws -> Calibration {
    said.count { data.outcomes[$0.row] == 1 } < 200
      ? .identity
      : try Calibration.fitted(
        raw: said.map(\.raw), outcomes: said.map { data.outcomes[$0.row] })
  }

  private static func fit(_ data: RiskRows, _ rows: [Int], _ names: [String]) throws -> FittedModel
  {
    var table = Table(rowCount: rows.count)
    for name in names { table.add(name, try #require(data.table[name]).selecting(rows)) }
    table.add("y", .numbers(rows.map { data.outcomes[$0] }))
    return try ModelSpecification(
      target: "y", family: .logistic, positive: "1",
      terms: names.map { name in
        let sorted = (table[name]?.numbers ?? []).filter(\.isFinite).sorted()
        return TermSpecification(
          column: name, kind: data.terms[name] ?? .numeric,
          winsorises: quantile(sorted, 0.005) < quantile(sorted, 0.995))
      }, penalty: .fixed(1), interactions: false, calibrates: false
    ).fit(table)
  }

  /// The fit of the one feature that orders rows best, texts by their share of yes.
  private static func best(
    _ data: RiskRows, _ rows: [Int], _ names: [String]
  ) throws -> FittedModel {
    var best = (name: "", distance: -1.0)
    for name in names {
      let column = try #require(data.table[name])
      var values = column.numbers
      if case .texts(let codes, _) = column {
        let sizes = Dictionary(grouping: rows.filter { codes[$0] >= 0 }) { codes[$0] }
        let told = Set(
          sizes.filter { $0.value.count >= 30 }
            .sorted { (-$0.value.count, $0.key) < (-$1.value.count, $1.key) }
            .prefix(20).map(\.key))
        func share(_ rows: [Int]) -> Double {
          rows.reduce(0) { $0 + data.outcomes[$1] } / Double(max(1, rows.count))
        }
        let rest = share(sizes.filter { !told.contains($0.key) }.flatMap(\.value))
        let shares = sizes.mapValues { share($0) }
        values = codes.map { code in
          code < 0 ? .nan : told.contains(code) ? shares[code] ?? rest : rest
        }
      }
      let own = rows.filter { !values[$0].isNaN }
      guard Set(own.map { data.outcomes[$0] }).count == 2 else { continue }
      let area = try BinaryScores.areaUnderROC(
        own.map { values[$0] }, own.map { data.outcomes[$0] })
      if abs(area - 0.5) > best.distance { best = (name, abs(area - 0.5)) }
    }
    return try fit(data, rows, [best.name])
  }

  /// The shift at which as many are expected as there were, shrunk, by bisection.
  private static func shift(_ logOdds: [Double], _ outcomes: [Double]) -> Double {
    let events = outcomes.reduce(0, +)
    guard events > 0, events < Double(outcomes.count) else { return 0 }
    var (low, high) = (-30.0, 30.0)
    for _ in 0..<100 {
      let middle = (low + high) / 2
      let expected = logOdds.reduce(0) { $0 + 1 / (1 + exp(-$1 - middle)) }
      if expected < events { low = middle } else { high = middle }
    }
    return low * events / (events + 200)
  }
}
