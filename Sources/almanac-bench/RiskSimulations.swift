import AlmanacCore
import Glibc
import Pipelines
import Predictions
import Regression
import Simulation

/// Whether coefficients are found with honest errors, and nothing where there is nothing to find.
struct RiskSimulations {
  /// The sizes and paths of the run.
  let options: BenchmarkOptions

  /// The worlds whose coefficients are found again.
  private static let simulations = 200
  /// The companies of each.
  private static let companies = 1_000
  /// The worlds without signal.
  private static let silentWorlds = 100
  /// The companies of the panel whose outcomes are drawn or dealt anew.
  private static let panelCompanies = 500
  /// How often judged outcomes are dealt anew for the interval of chance.
  private static let permutations = 2_000
  private static let months = 24

  /// A share of the sizes, so that a small run has small ones; the targets hold for all.
  private var share: Double { min(1, Double(options.companies) / 5_000) }
  private func scaled(_ size: Int, least: Int) -> Int {
    max(least, Int((Double(size) * share).rounded()))
  }

  private func settings(_ companies: Int, _ seed: Int) throws -> WorldSettings {
    guard let end = CalendarDate("2026-06-30") else { preconditionFailure("a date") }
    return WorldSettings(
      companies: companies, months: Self.months, seed: UInt64(seed), kind: .logistic, end: end)
  }

  /// Runs all of them.
  func run() throws -> [Figure] { try coverage() + silence() }

  // MARK: Coefficients

  /// How often 95 % intervals of unpenalised fits hold the coefficients that worlds decide by.
  private func coverage() throws -> [Figure] {
    let count = scaled(Self.simulations, least: 10)
    let companies = scaled(Self.companies, least: 200)
    let questions: [Question] = [.churn, .paymentFailure]
    var covered: [String: (inside: Int, all: Int)] = [:]
    for batch in stride(from: 1, through: count, by: 2) {
      let seeds = [batch, batch + 1].filter { $0 <= count }
      let found = try inParallel(seeds) { seed in
        let world = try World(try settings(companies, 10_000 + seed), zone: RiskWorld.zone)
        return try questions.map { ($0, try inside($0, world)) }
      }
      for (question, names) in found.joined() {
        for (name, holds) in names {
          covered["\(question.rawValue) \(name)", default: (0, 0)].all += 1
          if holds { covered["\(question.rawValue) \(name)", default: (0, 0)].inside += 1 }
        }
      }
    }
    note("risk: coefficients of \(count) worlds of \(companies) companies")
    let isFull = share == 1
    return questions.flatMap { question -> [Figure] in
      let own = covered.filter { $0.key.hasPrefix(question.rawValue + " ") }
      let inside = own.values.reduce(0) { $0 + $1.inside }
      let all = own.values.reduce(0) { $0 + $1.all }
      let shares = own.mapValues { Double($0.inside) / Double($0.all) }
        .sorted { ($0.value, $0.key) < ($1.value, $1.key) }
      for (name, share) in shares { note("risk: coverage of \(name): \(share)") }
      let title = "\(question.rawValue): coefficients within 95 % intervals"
      let pooled = Double(inside) / Double(max(1, all))
      return [
        Figure(
          measure: title + ", distance from 0.95", ours: abs(pooled - 0.95),
          comparison: .share(atMost: 0.02), isAtTargetSize: isFull),
        Figure(
          measure: title + ", the least", ours: shares.first?.value ?? 0,
          comparison: .value(atLeast: 0.89), isAtTargetSize: isFull),
        Figure(
          measure: title + ", the most", ours: shares.last?.value ?? 0,
          comparison: .share(atMost: 0.99), isAtTargetSize: isFull),
      ]
    }
  }

  /// Which intervals of one fit hold the coefficient.
  private func inside(_ question: Question, _ world: World) throws -> [(String, Bool)] {
    var rows: [(company: Int, decision: Decision)] = []
    for company in 0..<world.companyCount {
      let record = world.company(company, includesUse: false)
      rows += record.decisions.filter { $0.question == question }.map { (company, $0) }
    }
    let hazard = Hazard.of(question)
    var table = Table(rowCount: rows.count)
    let names = question.covariates
    for (index, name) in names.enumerated() {
      table.add(name, .numbers(rows.map { $0.decision.covariates[index] }))
    }
    let outcomes = rows.map { $0.decision.outcome ? 1.0 : 0 }
    table.add("outcome", .numbers(outcomes))
    let model = try ModelSpecification(
      target: "outcome", family: .logistic, positive: "1",
      terms: names.map { TermSpecification(column: $0, kind: .numeric, winsorises: false) },
      penalty: .fixed(0), interactions: false, calibrates: false
    ).fit(table).clusteringErrors(table, target: outcomes, groups: rows.map(\.company))
    return zip(names, model.terms).enumerated().compactMap { index, pair in
      guard case .numeric(_, _, let deviation) = pair.1.state,
        model.standardErrors.indices.contains(index + 1)
      else { return nil }
      let error = model.standardErrors[index + 1] / deviation
      let found = model.coefficients[index][0] / deviation
      return (pair.0, abs(found - hazard.coefficients[index]) <= 1.959964 * error)
    }
  }

  // MARK: Nothing to find

  /// How many models are published where outcomes are drawn by each month's rate alone, and whether
  /// outcomes that are dealt anew can be foretold.
  private func silence() throws -> [Figure] {
    let project = try ProjectLoader(path: ".", environment: [:]).load()
    let companies = scaled(Self.panelCompanies, least: 200)
    let world = try RiskWorld(
      World(try settings(companies, 77), zone: RiskWorld.zone), project)
    let parts =
      [("churn", world.churn.first, world.churn.cut)]
      + [("payment failure", world.payments.rows, world.payments.cut)]
    let count = scaled(Self.silentWorlds, least: 10)
    var figures: [Figure] = []
    for (name, rows, cut) in parts {
      let published = try inParallel(Array(1...count)) { seed in
        var random = SplitMix64(seed: UInt64(seed))
        guard case .model(let model) = try RiskRecipe().learn(drawn(rows, &random), by: cut) else {
          return 0
        }
        return model.gate.failures.isEmpty ? 1 : 0
      }
      figures.append(
        Figure(
          measure: "\(name): models published of \(count) worlds without signal",
          ours: Double(published.reduce(0, +)),
          comparison: .share(atMost: 0.05 * Double(count)), isAtTargetSize: share == 1))
      figures.append(try dealt(name, rows, cut))
    }
    return figures
  }

  /// The rows with outcomes that are drawn by the rate of each instant.
  private func drawn(_ rows: RiskRows, _ random: inout SplitMix64) -> RiskRows {
    var counts: [Int: (yes: Double, all: Double)] = [:]
    for row in rows.rows.indices where !rows.outcomes[row].isNaN {
      counts[rows.rows[row].period, default: (0, 0)].yes += rows.outcomes[row]
      counts[rows.rows[row].period, default: (0, 0)].all += 1
    }
    var outcomes = rows.outcomes
    for row in outcomes.indices where !outcomes[row].isNaN {
      let own = counts[rows.rows[row].period] ?? (0, 1)
      outcomes[row] = random.nextUnit() < own.yes / own.all ? 1 : 0
    }
    return rows.with(outcomes: outcomes)
  }

  /// Where the AUC of dealt outcomes lies in the 99 % interval of chance: −1 and 1 are its ends.
  private func dealt(_ name: String, _ rows: RiskRows, _ cut: Timestamp) throws -> Figure {
    var random = SplitMix64(seed: 4_711)
    let rows = rows.dealingOutcomes(using: &random)
    guard case .model(let model) = try RiskRecipe().learn(rows, by: cut) else {
      throw BenchmarkError.wrongResult(
        of: "\(name) of dealt outcomes", found: "no model", expected: "a fitted one")
    }
    let scores = model.judged.map(\.logOdds)
    let judged = model.judged.map(\.row)
    let area = try BinaryScores.areaUnderROC(scores, judged.map { rows.outcomes[$0] })
    var areas: [Double] = []
    for _ in 0..<Self.permutations {
      let other = rows.dealingOutcomes(using: &random)
      areas.append(
        try BinaryScores.areaUnderROC(scores, judged.map { other.outcomes[$0] }))
    }
    areas.sort()
    let low = areas[Int(0.005 * Double(areas.count))]
    let high = areas[Int(0.995 * Double(areas.count)) - 1]
    note("risk: \(name): AUC of dealt outcomes \(area), chance from \(low) to \(high)")
    return Figure(
      measure: "\(name): AUC of outcomes dealt within months, by the 99 % interval of chance",
      ours: abs(area - (low + high) / 2) / ((high - low) / 2), comparison: .share(atMost: 1),
      isAtTargetSize: share == 1)
  }
}
