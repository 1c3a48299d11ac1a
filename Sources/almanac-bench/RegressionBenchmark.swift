import AlmanacCore
import FoundationEssentials
import Glibc
import LinearAlgebra
import Regression

/// Fits a penalised logistic regression of a million rows and 40 columns, beside glum and
/// scikit-learn's `newton-cholesky` on the same doubles.
///
/// The coefficients of all three have to agree before a time counts. The design is drawn with known
/// coefficients, so that the area under the ROC curve is about 0.86.
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
      try check(fitted, against: peers.glum, named: "glum")
      try check(fitted, against: peers.newtonCholesky, named: "newton-cholesky")
      glum.append(peers.glum.seconds)
      newtonCholesky.append(peers.newtonCholesky.seconds)
    }
    return [
      Figure(
        measure: "logistic L1M, against glum", ours: median(ours), peer: median(glum),
        comparison: .speed(atLeast: 4)),
      Figure(
        measure: "logistic L1M, against newton-cholesky", ours: median(ours),
        peer: median(newtonCholesky), comparison: .speed(atLeast: 5)),
    ]
  }

  /// Throws unless the fit converged and has the peer's coefficients to 1e-8.
  private func check(
    _ fitted: FittedGeneralizedLinearModel, against peer: Peer, named name: String
  ) throws(BenchmarkError) {
    let worst =
      zip(fitted.coefficients, peer.coefficients)
      .map { abs($0 - $1) / max(abs($1), 1e-3) }.max() ?? .infinity
    guard fitted.status == .converged, fitted.coefficients.count == peer.coefficients.count,
      worst <= 1e-8
    else {
      throw .wrongResult(
        of: "logistic L1M", found: "coefficients \(worst) apart from those of \(name)",
        expected: "at most 1e-8")
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
