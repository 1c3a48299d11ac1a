import AlmanacCore
import Foundation
import LinearAlgebra
import Regression
import TestSupport
import Testing

/// Fits held against statsmodels, on drawn rows whose columns differ in size by a factor of a
/// million.
@Suite(
  .enabled(
    if: ProcessInfo.processInfo.environment["ALMANAC_TEST_PEERS"] != nil,
    "ALMANAC_TEST_PEERS names the Python with the peers; make setup installs them"))
struct PeerTests {
  private struct Answer: Decodable {
    var estimates: [Double]
    var errors: [Double]
    var logLikelihood: Double
    var rSquared: Double?
    var fStatistic: Double?
    var robust: [Double]?
    var clustered: [Double]?
    var ratios: [Double]?
    var inflation: [Double]?
  }

  private struct Rows {
    var outcome: [Double] = []
    var groups: [Int] = []
    var columns: [[Double]] = [[], [], []]

    init(_ family: ModelFamily, seed: UInt64) {
      var random = SplitMix64(seed: seed)
      for row in 0..<500 {
        let values = [random.nextUnit() * 1e6, random.nextUnit() - 0.5, Double(random.next() % 4)]
        for (column, value) in values.enumerated() { columns[column].append(value) }
        groups.append(row % 23)
        let predictor = values[0] / 1e6 - values[1] + values[2] / 4 - 0.7
        switch family {
        case .linear: outcome.append(predictor + random.nextUnit() * (1 + values[2]))
        case .logistic:
          outcome.append(random.nextUnit() < ModelFamily.logistic.mean(predictor) ? 1 : 0)
        case .poisson:
          outcome.append((ModelFamily.poisson.mean(predictor) * 2 * random.nextUnit()).rounded())
        }
      }
    }

    func design() throws -> Matrix {
      try Matrix(columns: [[Double](repeating: 1, count: outcome.count)] + columns)
    }

    /// The same rows, with columns "0", "1", "2" and the outcome "y".
    var table: Table {
      var table = Table(rowCount: outcome.count)
      for (name, column) in columns.enumerated() { table.add("\(name)", .numbers(column)) }
      table.add("y", .numbers(outcome))
      return table
    }

    var text: String {
      outcome.indices.map { row in
        (["\(outcome[row])", "\(groups[row])"] + columns.map { "\($0[row])" })
          .joined(separator: ",")
      }.joined(separator: "\n") + "\n"
    }
  }

  private func ask(_ family: ModelFamily, _ rows: Rows) throws -> Answer {
    let python = try #require(ProcessInfo.processInfo.environment["ALMANAC_TEST_PEERS"])
    return try withTemporaryDirectory { folder in
      let file = folder.appending(path: "rows.csv")
      try Data(rows.text.utf8).write(to: file)
      let script = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Peers/regression_peer.py")
      let result = try runProcess(
        URL(filePath: python), [script.path, family.rawValue, file.path])
      try #require(result.status == 0, "\(result.stderr)")
      return try JSONDecoder().decode(Answer.self, from: Data(result.stdout.utf8))
    }
  }

  private func expectEqual(_ left: [Double], _ right: [Double], _ what: String) {
    #expect(left.count == right.count)
    for (a, b) in zip(left, right) {
      #expect(isClose(a, b, relative: 1e-8), "\(what): \(a) and \(b)")
    }
  }

  @Test("least squares and its robust errors equal statsmodels'")
  func linear() throws {
    let rows = Rows(.linear, seed: 1)
    let answer = try ask(.linear, rows)
    let design = try rows.design()
    let fitted = try LinearRegression().fit(design, rows.outcome)
    expectEqual(fitted.coefficients, answer.estimates, "coefficients")
    expectEqual(try #require(fitted.standardErrors), answer.errors, "errors")
    expectEqual(
      try #require(try fitted.robustStandardErrors(design: design)), try #require(answer.robust),
      "HC1")
    expectEqual(
      try #require(try fitted.clusteredStandardErrors(design: design, groups: rows.groups)),
      try #require(answer.clustered), "clustered")
    expectEqual(
      [try #require(fitted.rSquared), try #require(fitted.fTest).statistic],
      [try #require(answer.rSquared), try #require(answer.fStatistic)], "R² and F")
    let inflation = try #require(answer.inflation)
    expectEqual(Array(fitted.inflationFactors(design: design).dropFirst()), inflation, "VIF")
    expectEqual(try varianceInflationFactors(Matrix(columns: rows.columns)), inflation, "VIF")
  }

  @Test(
    "logistic and Poisson regression equal statsmodels'",
    arguments: [
      ModelFamily.logistic, .poisson,
    ])
  func generalised(family: ModelFamily) throws {
    let rows = Rows(family, seed: 2)
    let answer = try ask(family, rows)
    let fitted = try GeneralizedLinearModel(family: family == .logistic ? .logistic : .poisson)
      .fit(rows.design(), rows.outcome)
    expectEqual(fitted.coefficients, answer.estimates, "coefficients")
    expectEqual(try #require(fitted.standardErrors), answer.errors, "errors")
    #expect(isClose(fitted.logLikelihood, answer.logLikelihood, relative: 1e-9))
    let terms = (0..<3).map { TermSpecification(column: "\($0)", kind: .numeric) }
    let model = try ModelSpecification(
      target: "y", family: family, terms: terms, penalty: .fixed(0)
    ).fit(rows.table)
    let tests = try #require(model.likelihoodRatios)
    let statistics = (tests.terms + [tests.model]).compactMap { $0?.statistic }
    expectEqual(statistics, try #require(answer.ratios), "likelihood ratios")
  }
}
