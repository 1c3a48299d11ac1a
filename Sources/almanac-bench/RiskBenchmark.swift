import AlmanacCore
import FoundationEssentials
import Glibc
import LinearAlgebra
import Pipelines
import Predictions
import Regression
import Simulation

/// Learns churn and failing payments from simulated worlds, beside the probabilities that the worlds
/// decide by and LightGBM on the same panels.
///
/// Seeds are pooled. `--companies` and `--seeds` make it smaller; targets hold for 5,000 companies of
/// 24 months and three seeds.
struct RiskBenchmark {
  /// The sizes and paths of the run.
  let options: BenchmarkOptions

  /// The companies of a world, and the worlds of each kind, for which the targets hold.
  static let targetCompanies = 5_000
  static let targetSeeds = 3
  private static let months = 24

  private var isAtTargetSize: Bool {
    options.companies >= RiskBenchmark.targetCompanies
      && options.seeds >= RiskBenchmark.targetSeeds
  }

  /// What was said of judged rows, of all seeds, with what the oracle and the base rate say.
  private struct Judged {
    var outcomes: [Double] = []
    var ours: [Double] = []
    var oracle: [Double] = []
    var base: [Double] = []
    var peer: [Double] = []
    var seconds: [Double] = []
    var peerSeconds: [Double] = []
    /// Seconds of all threads together.
    var processor: [Double] = []
    var peerProcessor: [Double] = []

    private func losses(_ logOdds: [Double]) -> Double {
      zip(logOdds, outcomes).reduce(0) { sum, pair in
        sum + log1p(exp(pair.1 == 1 ? -pair.0 : pair.0))
      } / Double(outcomes.count)
    }

    private func area(_ logOdds: [Double]) throws -> Double {
      try BinaryScores.areaUnderROC(logOdds, outcomes)
    }

    /// Our share of what the oracle gains over chance, by AUC and by log loss; our log loss by the
    /// peer's; calibration error and slope.
    func figures() throws -> (area: Double, loss: Double, ours: Double, peer: Double) {
      let gained = losses(base) - losses(ours)
      return (
        (try area(ours) - 0.5) / (try area(oracle) - 0.5),
        gained / (losses(base) - losses(oracle)), losses(ours), losses(peer)
      )
    }

    func calibration() throws -> (error: Double, slope: Double) {
      let scores = try BinaryScores(
        probabilities: ours.map { ModelFamily.logistic.mean($0) }, outcomes: outcomes)
      // A line through the outcomes' logit, without penalty.
      let design = try Matrix(columns: [[Double](repeating: 1, count: ours.count), ours])
      let line = try GeneralizedLinearModel(family: .logistic).fit(design, outcomes)
      return (scores.expectedCalibrationError, line.coefficients[1])
    }
  }

  /// The peer's answer.
  private struct Peer: Decodable {
    var seconds: Double
    /// Of ``seconds`` those of the fits that are judged.
    var windows: Double
    var processor: Double
    var probabilities: [Double]
  }

  /// Runs all worlds.
  func run() throws -> [Figure] {
    let project = try ProjectLoader(path: ".", environment: [:]).load()
    var figures: [Figure] = []
    for kind in WorldKind.allCases {
      var churn = Judged()
      var payments = Judged()
      var retries = RiskRetries()
      var (panels, scoring, counting, fits) = ([Double](), [Double](), [Double](), [Double]())
      for seed in options.firstSeed..<(options.firstSeed + options.seeds) {
        note("risk: world \(kind.rawValue), seed \(seed)")
        guard let end = CalendarDate("2026-06-30") else { preconditionFailure("a date") }
        let world = try RiskWorld(
          World(
            WorldSettings(
              companies: options.companies, months: RiskBenchmark.months, seed: UInt64(seed),
              kind: kind, end: end), zone: RiskWorld.zone), project)
        note(
          "risk: \(world.eventCount) events counted in \(rounded(world.counting)) s, "
            + "\(world.churn.first.rows.count) company-months, "
            + "\(world.payments.charges.count) charges")
        panels.append(world.panel)
        counting.append(world.counting)
        let times = [
          try learnChurn(world, project, into: &churn), try learnPayments(world, into: &payments),
          try learnUpsell(world),
        ]
        fits.append(times.reduce(0) { $0 + $1.fits })
        scoring.append(times.reduce(0) { $0 + $1.scoring })
        let months = world.payments.rows.asOf
        try retries.add(world, learnedBy: months[months.count * 3 / 4])
      }
      figures += try rows(kind, "churn", churn, isChurn: true)
      figures += try rows(kind, "payment failure", payments, isChurn: false)
      figures += [
        figure(
          "\(kind.rawValue): retries, share of what planning can gain over 1-3-5-7 days "
            + "(\(retries.count) refusals)", retries.share, atLeast: 0.6),
        figure("\(kind.rawValue): panel of company-months", median(panels), atMost: 10),
        Figure(measure: "\(kind.rawValue): counting events for it", ours: median(counting)),
        figure("\(kind.rawValue): all fits and gates", median(fits), atMost: 20),
        figure("\(kind.rawValue): scoring of a night", median(scoring), atMost: 2),
      ]
    }
    return figures
  }

  private func figure(_ measure: String, _ ours: Double, atMost bound: Double) -> Figure {
    Figure(
      measure: measure, ours: ours, comparison: .share(atMost: bound),
      isAtTargetSize: isAtTargetSize)
  }

  private func figure(_ measure: String, _ ours: Double, atLeast bound: Double) -> Figure {
    Figure(
      measure: measure, ours: ours, comparison: .value(atLeast: bound),
      isAtTargetSize: isAtTargetSize)
  }

  private func rows(
    _ kind: WorldKind, _ name: String, _ judged: Judged, isChurn: Bool
  ) throws -> [Figure] {
    let (area, loss, ours, peer) = try judged.figures()
    let (error, slope) = try judged.calibration()
    let isPlain = kind == .logistic
    // A share of 0 would be no better than the base rate, and one far above 1 no oracle.
    guard area.isFinite, loss.isFinite, (0...1.3).contains(area) else {
      throw BenchmarkError.wrongResult(
        of: "\(name), \(kind.rawValue)", found: "\(area) of the oracle's AUC", expected: "0 to 1.3")
    }
    let title = "\(kind.rawValue): \(name)"
    note("risk: \(title): \(judged.outcomes.count) judged rows, calibration slope \(slope)")
    return [
      figure("\(title), AUC by the oracle's", area, atLeast: isPlain ? 0.93 : 0.85),
      figure("\(title), log-loss gain by the oracle's", loss, atLeast: isPlain ? 0.85 : 0.7),
      figure("\(title), expected calibration error", error, atMost: 0.015),
      figure("\(title), calibration slope's distance from 1", abs(slope - 1), atMost: 0.1),
      Figure(
        measure: "\(title), log loss (peer: LightGBM)", ours: ours, peer: peer,
        comparison: .share(atMost: isPlain ? 1 : 1.003), isAtTargetSize: isAtTargetSize),
      Figure(
        measure: "\(title), seconds to learn (peer: LightGBM)", ours: median(judged.seconds),
        peer: median(judged.peerSeconds), comparison: .speed(atLeast: 10),
        isAtTargetSize: isAtTargetSize),
      Figure(
        measure: "\(title), processor seconds of that (peer: LightGBM)",
        ours: median(judged.processor), peer: median(judged.peerProcessor),
        comparison: .speed(atLeast: nil)),
    ]
  }

  // MARK: Learning

  /// The seconds that the fits of one model take with their gates, and those of a night that scores
  /// with them.
  private typealias Times = (fits: Double, scoring: Double)

  private func learnChurn(
    _ world: RiskWorld, _ project: Project, into judged: inout Judged
  ) throws -> Times {
    guard let definition = project.risk("churn") else { return (0, 0) }
    let data = world.churn.first
    let (forecast, seconds) = try timed {
      try ChurnForecast(
        world.churn, features: definition.features, bands: definition.bands)
    }
    guard let model = forecast.first.fitted else { throw noModel("churn", forecast.first.reason) }
    note("risk: churn: \(forecast.first.reason ?? "passes its gate")")
    // The peer learns the first 30 days alone.
    _ = try learned(data, by: world.churn.cut, into: &judged)
    try add(model, data, by: world.churn.cut, to: &judged) { row in
      world.churnTruth[
        RiskWorld.Place(
          company: world.churn.companies[data.rows[row].company],
          instant: data.asOf[data.rows[row].period].microseconds)]
    }
    let scoring = try timed {
      try ChurnForecast(
        world.churn, features: definition.features, kept: (forecast.first, forecast.second),
        bands: definition.bands)
    }
    return (seconds, scoring.seconds)
  }

  /// Learns, and keeps how long it took.
  private func learned(
    _ data: RiskRows, by cut: Timestamp, into judged: inout Judged
  ) throws -> (result: RiskRecipe.Result, seconds: Double) {
    let before = processorSeconds()
    let found = try timed { try RiskRecipe().learn(data, by: cut) }
    judged.processor.append(processorSeconds() - before)
    judged.seconds.append(found.seconds)
    return found
  }

  private func learnPayments(_ world: RiskWorld, into judged: inout Judged) throws -> Times {
    let panel = world.payments
    let (result, seconds) = try learned(panel.rows, by: panel.cut, into: &judged)
    guard case .model(let model) = result else { throw noModel("payment failure", "\(result)") }
    note("risk: payment failure: \(model.gate.failures)")
    try add(model, panel.rows, by: panel.cut, to: &judged) { row in
      panel.charges[row].decidedBy.flatMap { world.attemptTruth[$0]?.probability }
    }
    let scoring = try timed {
      try PaymentForecast(panel, policy: RetryPolicy(), kept: RiskSource(result))
    }
    return (seconds, scoring.seconds)
  }

  /// Learns upsell, and says whether its gates let it through.
  private func learnUpsell(_ world: RiskWorld) throws -> Times {
    let (forecast, seconds) = try timed {
      // Prices decide no gate.
      try UpsellForecast(world.upsell) { amount, _, _ in amount }
    }
    for (part, source) in zip(world.upsell.parts, forecast.sources) {
      let rows = part.rows.outcomes.filter { !$0.isNaN }
      let area = source.fitted.map { "AUC \($0.gate.scores.rocAUC), " } ?? ""
      note(
        "risk: upsell, \(part.name): \(area)\(source.reason ?? "passes its gate"); "
          + "\(rows.count) rows, \(rows.count { $0 == 1 }) moves; both parts in \(rounded(seconds)) s"
      )
    }
    let scoring = try timed {
      try UpsellForecast(
        world.upsell, kept: (forecast.sources[0], forecast.sources[1])
      ) { amount, _, _ in amount }
    }
    return (seconds, scoring.seconds)
  }

  private func noModel(_ name: String, _ reason: String?) -> BenchmarkError {
    .wrongResult(of: name, found: reason ?? "no model", expected: "a fitted model")
  }

  /// Adds the judged rows of a model whose truth is known, and the peer's on the same rows.
  private func add(
    _ model: RiskModel, _ data: RiskRows, by cut: Timestamp, to judged: inout Judged,
    truth: (Int) -> Double?
  ) throws {
    let rows = model.judged.compactMap { row, logOdds in
      truth(row).map { (row: row, ours: logOdds, oracle: log($0 / (1 - $0))) }
    }
    // Windows of three months from the seventh on, as the recipe has them.
    let recipe = RiskRecipe()
    let answered = data.rows.indices.filter { !data.outcomes[$0].isNaN }
    let periods = Set(answered.map { data.rows[$0].period }).sorted()
    var opening: [Int: Int] = [:]
    for (place, period) in periods.enumerated() where place >= recipe.firstMonths {
      let start = place - (place - recipe.firstMonths) % recipe.windowMonths
      opening[period] = periods[start]
    }
    var bases: [Int: Double] = [:]
    for start in Set(opening.values) {
      let known = data.outcomes.indices.filter { row in
        !data.outcomes[row].isNaN
          && (data.known?[row] ?? data.maturity[data.rows[row].period]) <= data.asOf[start]
      }
      let yes = known.count { data.outcomes[$0] == 1 }
      bases[start] = log(Double(yes) / Double(known.count - yes))
    }
    let peer = try fitPeer(data, rows.map(\.row), opening, by: cut)
    note(
      "risk: LightGBM learned in \(peer.seconds) s, of which \(peer.windows) s for the judged fits; "
        + "ours took \(judged.seconds.last ?? .nan) s, gates and baselines included")
    judged.peerSeconds.append(peer.seconds)
    judged.peerProcessor.append(peer.processor)
    for (index, row) in rows.enumerated() {
      judged.outcomes.append(data.outcomes[row.row])
      judged.ours.append(row.ours)
      judged.oracle.append(row.oracle)
      judged.base.append(opening[data.rows[row.row].period].flatMap { bases[$0] } ?? 0)
      let probability = Swift.min(Swift.max(peer.probabilities[index], 1e-9), 1 - 1e-9)
      judged.peer.append(log(probability / (1 - probability)))
    }
  }

  /// Fits the peer to the rows of each window, asks it about the judged rows, and fits it to all rows
  /// known by an instant.
  private func fitPeer(
    _ data: RiskRows, _ judged: [Int], _ opening: [Int: Int], by cut: Timestamp
  ) throws -> Peer {
    let path = "\(options.folder)/risk.doubles"
    defer { try? FileManager.default.removeItem(atPath: path) }
    var place = [Double](repeating: -1, count: data.rows.count)
    for (position, row) in judged.enumerated() { place[row] = Double(position) }
    let known = data.rows.indices.map { row -> Double in
      let instant = data.known?[row] ?? data.maturity[data.rows[row].period]
      return Double(data.asOf.firstIndex { $0 >= instant } ?? data.asOf.count)
    }
    let windows = data.rows.map { Double(opening[$0.period] ?? -1) }
    let names = data.table.names
    let features = names.map { name -> [Double] in
      guard case .texts(let codes, _)? = data.table[name] else {
        return data.table[name]?.numbers ?? []
      }
      return codes.map { $0 < 0 ? .nan : Double($0) }
    }
    let now = data.rows.indices.map { row in
      (data.known?[row] ?? data.maturity[data.rows[row].period]) <= cut ? 1.0 : 0
    }
    let header = [data.outcomes, data.rows.map { Double($0.period) }, known, windows, place, now]
    var bytes: [UInt8] = []
    bytes.reserveCapacity(8 * data.rows.count * (features.count + 6))
    for value in (header + features).joined() {
      for shift in stride(from: 0, to: 64, by: 8) {
        bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> UInt64(shift)))
      }
    }
    try writeFile(bytes, to: path)
    let texts = names.enumerated().compactMap { index, name -> String? in
      if case .texts? = data.table[name] { return "\(index)" }
      return nil
    }
    return try options.runPeer(
      "bench_risk.py",
      [path, "\(data.rows.count)", "\(features.count)", texts.joined(separator: ",")])
  }

  private func rounded(_ value: Double) -> Double { (value * 10).rounded() / 10 }
}
