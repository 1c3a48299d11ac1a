import AlmanacCore
import FoundationEssentials
import Glibc
import LinearAlgebra
import Regression

/// Fits a penalised logistic regression of a million rows and 40 columns, beside glum and
/// scikit-learn's `newton-cholesky` on the same doubles.
///
/// Before a time counts, our coefficients have to be within 1e-8 of the maximum, which the peer finds
/// by itself in extended precision. The peers stop where their own tolerance lets them, which is
/// printed. The design is drawn with known coefficients, so that the area under the ROC curve is
/// about 0.86.
struct RegressionBenchmark {
  /// The sizes and paths of the run.
  let options: BenchmarkOptions

  private static let rowCount = 1_000_000
  private static let columnCount = 40
  private static let penalty = 1.0
  private static let tolerance = 1e-8

  private struct Peer: Decodable {
    var seconds: Double
    var coefficients: [Double]
  }

  private struct Peers: Decodable {
    var glum: Peer
    var newtonCholesky: Peer
    var maximum: Maximum
  }

  private struct Maximum: Decodable {
    var coefficients: [Double]
    /// The last step towards it, relative to the coefficients: how well it is known.
    var lastStep: Double
  }

  /// The seconds of the fit, and those of paths of penalties by the time of one fit.
  func run() throws -> [Figure] {
    let (columns, outcome) = drawn()
    let path = "\(options.folder)/regression.doubles"
    try write([outcome] + columns, to: path)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let ones = [Double](repeating: 1, count: outcome.count)
    let design = try Matrix(columns: [ones] + columns)
    let factors = [0] + [Double](repeating: 1, count: columns.count)
    let model = GeneralizedLinearModel(
      family: .logistic, penalty: RegressionBenchmark.penalty, penaltyFactors: factors,
      tolerance: RegressionBenchmark.tolerance)
    let memory = RegressionMemory(options: options)
    let memoryFigures = [
      try memory.fit(model, design, outcome), try memory.program(columns, outcome),
    ]
    var ours: [Double] = []
    var glum: [Double] = []
    var newtonCholesky: [Double] = []
    for run in 1...options.runs {
      note("regression: run \(run) of \(options.runs)")
      let (fitted, seconds) = try timed { try model.fit(design, outcome, infers: false) }
      ours.append(seconds)
      let peers: Peers = try options.runPeer(
        "bench_regression.py",
        [
          path, "\(outcome.count)", "\(columns.count)", "\(RegressionBenchmark.penalty)",
          "\(RegressionBenchmark.tolerance)",
        ])
      try check(fitted, beside: peers)
      glum.append(peers.glum.seconds)
      newtonCholesky.append(peers.newtonCholesky.seconds)
    }
    let paths = try pathFigures(design, outcome, factors, oneFit: median(ours))
    return [
      Figure(
        measure: "logistic L1M, against glum", ours: median(ours), peer: median(glum),
        comparison: .speed(atLeast: 4)),
      Figure(
        measure: "logistic L1M, against newton-cholesky", ours: median(ours),
        peer: median(newtonCholesky), comparison: .speed(atLeast: 5)),
    ] + paths + memoryFigures
  }

  /// Twenty penalties judged by five folds of a ridge, and twenty judged by leaving rows out of a
  /// logistic fit, by the time of one fit each.
  private func pathFigures(
    _ design: Matrix, _ outcome: [Double], _ factors: [Double], oneFit: Double
  ) throws -> [Figure] {
    let penalties = (0..<20).map { 250_000 * pow(1e-6, Double($0) / 19) }
    let plan = ValidationPlan(folds: 5, rowCount: outcome.count, seed: 1)
    var ridge: [Double] = []
    var ridgePath: [Double] = []
    var logisticPath: [Double] = []
    for _ in 1...options.runs {
      let (fitted, seconds) = try timed {
        try RidgePath(design: design, penaltyFactors: factors).fit(outcome, penalty: 1)
      }
      ridge.append(seconds)
      let (errors, pathSeconds) = try timed {
        let validation = try RidgeValidation(design: design, target: outcome, plan: plan)
        return try penalties.map { penalty in
          try validation.meanSquaredError(penalties: factors.map { $0 * penalty })
        }
      }
      ridgePath.append(pathSeconds)
      // Rows left out are predicted a little worse than those of the fit, and no more than that.
      let inside = fitted.residualSumOfSquares / Double(outcome.count)
      guard let least = errors.min(), least > inside, least < inside * 1.001 else {
        throw BenchmarkError.wrongResult(
          of: "ridge path", found: "\(errors.min() ?? 0)", expected: "just above \(inside)")
      }
      let (points, logisticSeconds) = try timed {
        try logisticPathLosses(
          design, outcome, penalties: penalties, penaltyFactors: factors)
      }
      logisticPath.append(logisticSeconds)
      guard points.count >= 10, points.allSatisfy({ $0.isFinite }), points[0] > points.min() ?? 0
      else {
        throw BenchmarkError.wrongResult(
          of: "logistic path", found: "\(points)", expected: "losses with a least one inside")
      }
    }
    return [
      Figure(
        measure: "ridge path of 20, 5 folds, by one fit", ours: median(ridgePath),
        peer: median(ridge), comparison: .share(atMost: 1.5)),
      Figure(
        measure: "logistic path of 20, by one fit", ours: median(logisticPath), peer: oneFit,
        comparison: .share(atMost: 5)),
    ]
  }

  /// Throws unless the fit converged to the maximum within 1e-8, and the peers fitted the same.
  private func check(
    _ fitted: FittedGeneralizedLinearModel, beside peers: Peers
  ) throws(BenchmarkError) {
    func distance(_ coefficients: [Double]) -> Double {
      guard coefficients.count == peers.maximum.coefficients.count else { return .infinity }
      return zip(coefficients, peers.maximum.coefficients)
        .map { abs($0 - $1) / max(abs($1), 1e-3) }.max() ?? .infinity
    }
    let ours = distance(fitted.coefficients)
    let glum = distance(peers.glum.coefficients)
    let newtonCholesky = distance(peers.newtonCholesky.coefficients)
    note(
      "regression: relative distance from the maximum (itself known to \(peers.maximum.lastStep)): "
        + "ours \(ours), glum \(glum), newton-cholesky \(newtonCholesky)")
    guard fitted.status == .converged, ours <= 1e-8, peers.maximum.lastStep <= 1e-12 else {
      throw .wrongResult(
        of: "logistic L1M", found: "coefficients \(ours) from the maximum",
        expected: "at most 1e-8")
    }
    // Farther apart than this the peers would have been given another problem.
    guard max(glum, newtonCholesky) <= 1e-5 else {
      throw .wrongResult(
        of: "the peers of logistic L1M",
        found: "coefficients \(max(glum, newtonCholesky)) from the maximum",
        expected: "at most 1e-5")
    }
  }

  private func drawn() -> (columns: [[Double]], outcome: [Double]) {
    var random = SplitMix64(seed: 42)
    let columns = (0..<RegressionBenchmark.columnCount).map { _ in
      // The sum of three uniform draws is nearly normal, of deviation 1 once doubled.
      (0..<RegressionBenchmark.rowCount).map { _ in
        2 * (random.nextUnit() + random.nextUnit() + random.nextUnit() - 1.5)
      }
    }
    var predictor = [Double](repeating: -0.5, count: RegressionBenchmark.rowCount)
    for column in columns {
      let coefficient = (random.nextUnit() - 0.5) * 1.1
      for row in predictor.indices { predictor[row] += coefficient * column[row] }
    }
    return (columns, predictor.map { random.nextUnit() < 1 / (1 + exp(-$0)) ? 1 : 0 })
  }

  /// Writes doubles one after the other, as they are in memory.
  private func write(_ columns: [[Double]], to path: String) throws(BenchmarkError) {
    var bytes = Data(capacity: columns.reduce(0) { $0 + 8 * $1.count })
    for column in columns {
      for value in column {
        var bits = value.bitPattern
        for _ in 0..<8 {
          bytes.append(UInt8(truncatingIfNeeded: bits))
          bits >>= 8
        }
      }
    }
    do {
      try bytes.write(to: URL(filePath: path))
    } catch {
      throw .cannotWrite(path: path)
    }
  }
}
