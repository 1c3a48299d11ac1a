import AlmanacCore
import LinearAlgebra
import Regression
import TestSupport
import Testing

@Suite struct ModelTests {
  /// A table with a curve, a category, an identifier, a constant, a copy and missing values.
  private func table(_ seed: UInt64, rows: Int) -> Table { drawnTable(seed, rows: rows).table }

  /// The table, and the probabilities its outcomes were drawn with.
  private func drawnTable(_ seed: UInt64, rows: Int) -> (table: Table, probabilities: [Double]) {
    var probabilities: [Double] = []
    var random = SplitMix64(seed: seed)
    var age: [Double] = []
    var plan: [Int32] = []
    var outcome: [Int32] = []
    for row in 0..<rows {
      let years = random.nextUnit() * 10
      let kind = Int(random.next() % 3)
      let mean = ModelFamily.logistic.mean(1 - years / 3 + [0, 0.8, -0.5][kind])
      probabilities.append(mean)
      outcome.append(random.nextUnit() < mean ? 1 : 0)
      age.append(row % 17 == 0 ? .nan : years)
      plan.append(Int32(kind))
    }
    var table = Table(rowCount: rows)
    table.add("id", .numbers((0..<rows).map { Double($0) }))
    table.add("age", .numbers(age))
    table.add("age again", .numbers(age))
    table.add("plan", .texts(codes: plan, levels: ["basic", "plus", "pro"]))
    table.add("one", .numbers([Double](repeating: 1, count: rows)))
    table.add("empty", .numbers([Double](repeating: .nan, count: rows)))
    table.add("left", .texts(codes: outcome, levels: ["no", "yes"]))
    return (table, probabilities)
  }

  @Test("finds a sound model in a table without being told anything", arguments: UInt64(0)..<2)
  func defaults(seed: UInt64) throws {
    let model = try ModelSpecification(target: "left").fit(table(seed, rows: 1500))
    #expect(model.family == .logistic && model.positive == "yes")
    let main = model.terms.prefix(2).map(\.name)
    #expect(main == ["age", "plan"])
    for column in ["id", "age again", "one", "empty"] {
      #expect(model.notes.contains { $0.contains("\"\(column)\" is left out") })
    }
    let (fresh, drawn) = drawnTable(seed + 100, rows: 1500)
    let outcomes = try #require(fresh["left"]).labels.map { $0 == "yes" ? 1.0 : 0.0 }
    let scores = try BinaryScores(
      probabilities: model.predict(fresh).map(\.value), outcomes: outcomes)
    // The rows were drawn with known probabilities, and no model tells them apart better.
    let best = try BinaryScores.areaUnderROC(drawn, outcomes)
    #expect(scores.rocAUC > best - 0.03)
    #expect(abs(scores.calibrationSlope - 1) < 0.2 && abs(scores.calibrationIntercept) < 0.2)
    // What is said of rows left out holds for new rows, within what chance allows.
    #expect(abs(scores.logLoss - (model.scores?.logLoss ?? 0)) < 0.05)
  }

  @Test("reasons add up to the prediction, calibrated or not", arguments: UInt64(0)..<4)
  func reasons(seed: UInt64) throws {
    var model = try ModelSpecification(target: "left").fit(table(seed, rows: 800))
    for calibration in [
      Calibration.identity, .platt(intercept: 0.3, slope: 1.4), .beta(a: 0.7, b: 1.5, c: -0.2),
    ] {
      model.calibration = calibration
      for prediction in try model.predict(table(seed + 9, rows: 50)) {
        let sum = prediction.contributions.reduce(prediction.base, +)
        #expect(isClose(ModelFamily.logistic.mean(sum), prediction.value, relative: 1e-12))
      }
    }
  }

  @Test("gives the same model for any number of threads, and scores unseen levels")
  func unseen() throws {
    let rows = table(5, rows: 800)
    let model = try ModelSpecification(target: "left").fit(rows, jobs: 1)
    let again = try ModelSpecification(target: "left").fit(rows, jobs: 5)
    #expect(again == model)
    var other = Table(rowCount: 2)
    other.add("age", .numbers([.infinity, .nan]))
    other.add("plan", .texts(codes: [0, -1], levels: ["never seen"]))
    let predictions = try model.predict(other)
    #expect(predictions.allSatisfy { $0.value > 0 && $0.value < 1 })
  }

  @Test("a linear model without penalty is ordinary least squares")
  func linear() throws {
    var random = SplitMix64(seed: 2)
    let x = (0..<60).map { _ in random.nextUnit() * 5 }
    let y = x.map { 3 - 2 * $0 + random.nextUnit() }
    var table = Table(rowCount: 60)
    table.add("x", .numbers(x))
    table.add("y", .numbers(y))
    let model = try ModelSpecification(
      target: "y", terms: [TermSpecification(column: "x", kind: .numeric)], penalty: .fixed(0)
    ).fit(table)
    let reference = try LinearRegression().fit(
      .init(columns: [[Double](repeating: 1, count: 60), x]), y)
    for (row, prediction) in try model.predict(table).enumerated() {
      #expect(isClose(prediction.value, y[row] - reference.residuals[row], relative: 1e-10))
      let interval = try #require(prediction.interval)
      #expect(interval.lower < prediction.value && prediction.value < interval.upper)
    }
  }

  @Test("names what cannot be fitted")
  func badTables() {
    func message(_ columns: [(String, TableColumn)], target: String = "y") -> String {
      var table = Table(rowCount: columns.first?.1.rowCount ?? 0)
      for (name, column) in columns { table.add(name, column) }
      do {
        let model = try ModelSpecification(target: target).fit(table)
        return "fitted with \(model.terms.count) terms"
      } catch {
        return "\(error)"
      }
    }
    let rows = (0..<40).map { Double($0 % 7) }
    let half = (0..<40).map { Double($0 % 2) }
    #expect(message([("x", .numbers(rows))]).contains("no column \"y\""))
    #expect(
      message([("x", .numbers(rows)), ("y", .numbers(rows.map { _ in 1 }))])
        .contains("one value only"))
    #expect(
      message([("y", .numbers(half)), ("x", .numbers(half.map { _ in .nan }))])
        .contains("no column is left"))
    #expect(message([]).contains("no rows"))
  }

  @Test(
    "extreme values, few rows, separation and a leaked target give finite fits",
    arguments: ["huge", "tiny", "wide", "leak"])
  func extremes(kind: String) throws {
    var random = SplitMix64(seed: 7)
    let rows = kind == "wide" ? 12 : 120
    var table = Table(rowCount: rows)
    let outcome = (0..<rows).map { Double($0 % 2) }
    table.add("y", .numbers(outcome))
    switch kind {
    case "huge":
      table.add("x", .numbers((0..<rows).map { _ in (random.nextUnit() - 0.5) * 1e300 }))
    case "tiny":
      table.add(
        "x",
        .numbers(
          (0..<rows).map { _ in random.nextUnit() * 100 * Double.leastNonzeroMagnitude * 1e10 }))
    case "wide":
      for column in 0..<40 {
        table.add("x\(column)", .numbers((0..<rows).map { _ in random.nextUnit() }))
      }
    default:
      table.add("x", .numbers(outcome.map { $0 * 2 + random.nextUnit() }))
    }
    let model = try ModelSpecification(target: "y").fit(table)
    #expect(model.intercept.isFinite && model.coefficients.joined().allSatisfy { $0.isFinite })
    let predictions = try model.predict(table)
    #expect(predictions.allSatisfy { $0.value.isFinite })
    if kind == "leak" { #expect(model.notes.contains { $0.contains("AUC above 0.99") }) }
    if kind == "wide" { #expect(model.notes.contains { $0.contains("columns for 12 rows") }) }
  }
}

@Suite struct BinaryScoresTests {
  @Test("agrees with counting pairs, ties halved", arguments: UInt64(0)..<8)
  func pairs(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let values = (0..<60).map { _ in Double(random.next() % 10) / 10 + 0.05 }
    let outcomes = (0..<60).map { _ in random.nextUnit() < 0.4 ? 1.0 : 0.0 }
    var wins = 0.0
    var pairs = 0.0
    for (yes, outcome) in zip(values, outcomes) where outcome == 1 {
      for (no, other) in zip(values, outcomes) where other == 0 {
        wins += yes > no ? 1 : yes == no ? 0.5 : 0
        pairs += 1
      }
    }
    let scores = try BinaryScores(probabilities: values, outcomes: outcomes)
    #expect(isClose(scores.rocAUC, wins / pairs, relative: 1e-12))
    #expect(scores.rocAUCInterval[0] <= scores.rocAUC && scores.rocAUC <= scores.rocAUCInterval[1])
  }

  @Test("tails of the distributions are those of the tables")
  func distributions() {
    // Closed forms: t with one and two degrees, F with (2, d), χ² with two degrees.
    #expect(isClose(Distributions.studentTwoSided(1, degreesOfFreedom: 1), 0.5, relative: 1e-13))
    #expect(
      isClose(
        Distributions.studentTwoSided(2, degreesOfFreedom: 2), 1 - 2 / 6.0.squareRoot(),
        relative: 1e-12))
    #expect(isClose(Distributions.fUpper(3, 2, 10), 1 / 1.6.pow(5), relative: 1e-12))
    #expect(
      isClose(
        Distributions.chiSquareUpper(2, degreesOfFreedom: 2), 0.36787944117144233,
        relative: 1e-13))
    for probability in [1e-12, 0.001, 0.3, 0.5, 0.975, 0.9999] {
      let value = Distributions.normalQuantile(probability)
      #expect(isClose(Distributions.normalCDF(value), probability, relative: 1e-11))
    }
  }
}

extension Double {
  fileprivate func pow(_ exponent: Int) -> Double {
    (0..<exponent).reduce(1) { product, _ in product * self }
  }
}
