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

  private static func learned(_ data: RiskRows) throws -> RiskModel {
    guard case .model(let model) = try RiskRecipe().learn(data, by: end.adding(days: 1).startUTC)
    else { throw RegressionError.unusableRows("no model") }
    return model
  }

  @Test("judged log-odds and gains are those of windows that share nothing")
  func judged() throws {
    let data = try Self.shared.get()
    let model = try Self.learned(data)
    let plain = try PlainLearning(data, by: Self.end.adding(days: 1).startUTC)
    #expect(model.judged.map(\.row) == plain.judged.map(\.row))
    for (found, expected) in zip(model.judged, plain.judged) {
      #expect(abs(found.logOdds - expected.logOdds) < 1e-10, "row \(found.row)")
    }
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
  }

  @Test("the same rows give the same bits each time")
  func again() throws {
    let data = try Self.shared.get()
    let (one, other) = (try Self.learned(data), try Self.learned(data))
    #expect(one.fitted == other.fitted && one.gate == other.gate && one.shift == other.shift)
    #expect(one.judged.map(\.logOdds) == other.judged.map(\.logOdds))
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

/// A learning that does every step of every window by itself, from the definition.
private struct PlainLearning {
  var judged: [(row: Int, logOdds: Double)] = []
  var baselines: [RiskBaseline: [Double]] = [:]

  init(_ data: RiskRows, by cut: Timestamp) throws {
    let recipe = RiskRecipe()
    func known(_ instant: Timestamp) -> [Int] {
      data.rows.indices.filter {
        data.maturity[data.rows[$0].period] <= instant && !data.outcomes[$0].isNaN
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
      let names = data.table.names.filter { name in
        Set(training.compactMap { data.table[name]?.labels[$0] }).count > 1
      }
      let raw = try Self.fit(data, training, names).linearPredictor(data.table)
      let earlier = raws.filter { data.maturity[data.rows[$0.row].period] <= opening }
      let calibration =
        earlier.count { data.outcomes[$0.row] == 1 } < 200
        ? Calibration.identity
        : try Calibration.fitted(
          raw: earlier.map(\.raw), outcomes: earlier.map { data.outcomes[$0.row] })
      let simple = try Self.best(data, training, names).linearPredictor(data.table)
      let base = Double(yes.count) / Double(training.count)
      for period in window {
        let known = known(data.asOf[period])
        let months = Set(known.map { data.rows[$0].period }).sorted()
        let latest = known.filter {
          months.suffix(recipe.shiftMonths).contains(data.rows[$0].period)
        }
        let shift = Self.shift(
          latest.map { calibration.logOdds(raw[$0]) }, latest.map { data.outcomes[$0] })
        let last = known.filter { data.rows[$0].period == months.last }
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
