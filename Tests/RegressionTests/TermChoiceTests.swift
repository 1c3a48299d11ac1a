import AlmanacCore
import Glibc
import TestSupport
import Testing

@testable import Regression

/// Which curves and interactions a model without declared terms has, and what is added to it.
@Suite struct TermChoiceTests {
  @Test("columns that say nothing are held back until they add nothing")
  func noise() throws {
    var random = SplitMix64(seed: 12)
    var table = Table(rowCount: 300)
    for column in 0..<120 {
      table.add("x\(column)", .numbers((0..<300).map { _ in random.nextUnit() }))
    }
    table.add("y", .numbers((0..<300).map { Double($0 % 2) }))
    let terms = (0..<120).map { TermSpecification(column: "x\($0)", kind: .numeric) }
    let model = try ModelSpecification(target: "y", terms: terms, interactions: false).fit(table)
    // Half and half has a loss of log 2, and a row that is left out takes 1/300 from its own class.
    #expect((model.scores?.logLoss ?? 1) < 0.6931471805599453 + 1.0 / 300 + 0.001)
  }

  private struct Drawn {
    var table: Table
    var probabilities: [Double]
    var outcomes: [Double]
  }

  /// Rows whose outcome follows a predictor of two numbers and a category.
  private func drawn(
    _ seed: UInt64, rows: Int, _ predictor: (Double, Double, Int) -> Double
  ) -> Drawn {
    var random = SplitMix64(seed: seed)
    var left: [Double] = []
    var right: [Double] = []
    var kinds: [Int32] = []
    var probabilities: [Double] = []
    for _ in 0..<rows {
      left.append(random.nextUnit() * 10)
      right.append(random.nextUnit() * 2 - 1)
      kinds.append(Int32(random.next() % 4))
      let row = left.count - 1
      probabilities.append(
        ModelFamily.logistic.mean(predictor(left[row], right[row], Int(kinds[row]))))
    }
    let outcomes = probabilities.map { random.nextUnit() < $0 ? 1.0 : 0 }
    var table = Table(rowCount: rows)
    table.add("left", .numbers(left))
    table.add("right", .numbers(right))
    table.add("kind", .texts(codes: kinds, levels: ["a", "b", "c", "d"]))
    table.add("y", .numbers(outcomes))
    return Drawn(table: table, probabilities: probabilities, outcomes: outcomes)
  }

  private func says(_ model: FittedModel, _ start: String, _ end: String) -> Bool {
    model.notes.contains { $0.contains(start) && $0.contains(end) }
  }

  @Test(
    "finer curves are chosen where an effect turns often, and only there", arguments: UInt64(0)..<4)
  func curves(seed: UInt64) throws {
    let waves = drawn(seed, rows: 3000) { left, _, _ in 2 * sin(3 * left) }
    let model = try ModelSpecification(target: "y").fit(waves.table)
    #expect(says(model, "curves of 15 knots", "are in the model"), "seed \(seed): \(model.notes)")
    let fresh = drawn(seed + 50, rows: 3000) { left, _, _ in 2 * sin(3 * left) }
    let area = try BinaryScores.areaUnderROC(
      model.predict(fresh.table).map(\.value), fresh.outcomes)
    let best = try BinaryScores.areaUnderROC(fresh.probabilities, fresh.outcomes)
    #expect(area > best - 0.02, "seed \(seed): \(area) of \(best)")
  }

  @Test(
    "effects that depend on each other are found, and their reasons add up",
    arguments: UInt64(0)..<4)
  func interactions(seed: UInt64) throws {
    func predictor(_ left: Double, _ right: Double, _ kind: Int) -> Double {
      (left - 5) / 4 + right + (kind < 2 ? 2.5 : -2.5) * right
    }
    let rows = drawn(seed, rows: 3000, predictor)
    let model = try ModelSpecification(target: "y").fit(rows.table, jobs: 1)
    #expect(says(model, "interactions", "are in the model"), "seed \(seed): \(model.notes)")
    #expect(try ModelSpecification(target: "y").fit(rows.table, jobs: 3) == model)
    let fresh = drawn(seed + 50, rows: 2000, predictor)
    let predictions = try model.predict(fresh.table)
    let area = try BinaryScores.areaUnderROC(predictions.map(\.value), fresh.outcomes)
    let best = try BinaryScores.areaUnderROC(fresh.probabilities, fresh.outcomes)
    #expect(area > best - 0.02, "seed \(seed): \(area) of \(best)")
    let raw = try model.linearPredictor(fresh.table)
    for (row, prediction) in predictions.enumerated() {
      let sum = prediction.contributions.reduce(prediction.base, +)
      #expect(isClose(ModelFamily.logistic.mean(sum), prediction.value, relative: 1e-10))
      #expect(
        isClose(
          ModelFamily.logistic.mean(model.calibration.logOdds(raw[row])), prediction.value,
          relative: 1e-9))
    }
    // A pair is one term, so that it is one reason.
    #expect(Set(model.reasonNames).count == model.reasonNames.count)
  }

  @Test(
    "bends of a fine curve are centred, have no line in them, and count less the faster they turn")
  func bends() throws {
    var random = SplitMix64(seed: 9)
    let values = (0..<400).map { _ in random.nextUnit() * random.nextUnit() * 7 }
    var table = Table(rowCount: 400)
    table.add("x", .numbers(values))
    let term = try FittedTerm(
      TermSpecification(column: "x", kind: .spline(knots: 15)), training: table)
    let columns = try term.columns(of: table)
    #expect(columns.count == 14)
    let deviations = columns.map { moments($0).deviation }
    #expect(isClose(deviations[0], 1, relative: 1e-9) && isClose(deviations[1], 1, relative: 1e-6))
    for (slower, faster) in zip(deviations.dropFirst(), deviations.dropFirst(2)) {
      #expect(faster < slower)
    }
    for left in columns.indices {
      #expect(abs(columns[left].reduce(0, +)) / 400 < 1e-6)
      for right in 0..<left {
        let product = zip(columns[left], columns[right]).reduce(0) { $0 + $1.0 * $1.1 } / 400
        #expect(abs(product) < 1e-6 * deviations[right])
      }
    }
  }

  @Test(
    "an offset of the same size in all rows moves the intercept alone",
    arguments: [ModelFamily.logistic, .poisson, .linear])
  func constantOffset(family: ModelFamily) throws {
    let rows = drawn(3, rows: 400) { left, right, _ in left / 5 - 1 + right }
    var table = rows.table
    table.add("same", .numbers([Double](repeating: 0.7, count: 400)))
    func fit(_ offset: String?) throws -> FittedModel {
      try ModelSpecification(
        target: "y", family: family,
        terms: [
          TermSpecification(column: "left", kind: .numeric),
          TermSpecification(column: "right", kind: .numeric),
        ], penalty: .fixed(2), offset: offset
      ).fit(table)
    }
    let plain = try fit(nil)
    let moved = try fit("same")
    #expect(isClose(moved.intercept, plain.intercept - 0.7, absolute: 1e-6))
    for (a, b) in zip(moved.coefficients.joined(), plain.coefficients.joined()) {
      #expect(isClose(a, b, absolute: 1e-6))
    }
    for (a, b) in zip(try moved.predict(table), try plain.predict(table)) {
      #expect(isClose(a.value, b.value, relative: 1e-6))
      #expect(isClose(a.base, b.base, absolute: 1e-6))
    }
    #expect(moved.sources.contains("same"))
    #expect(throws: RegressionError.missingColumn("same")) { try moved.predict(rows.table) }
  }

  @Test("an offset is the exposure of a count, and belongs to the base")
  func exposure() throws {
    var random = SplitMix64(seed: 8)
    let exposure = (0..<4000).map { _ in 1 + random.nextUnit() * 19 }
    let x = exposure.map { _ in random.nextUnit() - 0.5 }
    // The sum of many rare events is nearly a Poisson count.
    let counts = zip(exposure, x).map { exposure, x in
      let rate = exposure * exp(x) / 10
      return Double((0..<100).count { _ in random.nextUnit() < rate / 100 })
    }
    var table = Table(rowCount: 4000)
    table.add("x", .numbers(x))
    table.add("exposure", .numbers(exposure.map { log($0) }))
    table.add("count", .numbers(counts))
    let model = try ModelSpecification(
      target: "count", family: .poisson,
      terms: [TermSpecification(column: "x", kind: .numeric)], penalty: .fixed(0),
      offset: "exposure"
    ).fit(table)
    let predictions = try model.predict(table)
    for (row, prediction) in predictions.enumerated() {
      let rate = exposure[row] * exp(x[row]) / 10
      #expect(abs(log(prediction.value / rate)) < 0.1)
      #expect(isClose(prediction.base - log(exposure[row]), log(0.1), absolute: 0.1))
    }
    table.add("gap", .numbers(exposure.indices.map { $0 == 5 ? .nan : 0 }))
    #expect(throws: RegressionError.self) {
      try ModelSpecification(target: "count", family: .poisson, offset: "gap").fit(table)
    }
  }

  @Test("rows in the order of a time give the window of the fit")
  func window() throws {
    var table = drawn(1, rows: 600) { left, _, _ in left / 5 - 1 }.table
    table.add("day", .numbers((0..<600).map { Double(20_000 + $0 / 5) }))
    let model = try ModelSpecification(
      target: "y", validation: .rolling(column: "day", origins: 5)
    ).fit(table)
    #expect(model.window == FittedModel.Window(column: "day", first: 20_000, last: 20_119))
    #expect(model.scores?.count == 500)
    #expect(!model.sources.contains("day"))
  }
}
