import AlmanacCore
import Foundation
import LinearAlgebra
import Regression
import TestSupport
import Testing

/// Where the public tables are.
private enum RealData {
  static let folder: URL =
    ProcessInfo.processInfo.environment["ALMANAC_TEST_DATA"].map { URL(filePath: $0) }
    ?? URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "shared/data")

  static let exists = [
    "credit-default/credit-card-default.csv.zst", "telco-churn/telco-customer-churn.csv",
  ].allSatisfy { FileManager.default.fileExists(atPath: folder.appending(path: $0).path) }
}

/// Fits of public tables held against statsmodels', to eight digits of coefficients and errors.
///
/// The tables are no part of the repository. They are looked for in `ALMANAC_TEST_DATA`, else beside
/// the repository.
@Suite(
  .enabled(
    if: ProcessInfo.processInfo.environment["ALMANAC_TEST_PEERS"] != nil && RealData.exists,
    "needs ALMANAC_TEST_PEERS, and the tables in ALMANAC_TEST_DATA"))
struct RealDataTests {
  private struct Answer: Decodable {
    var estimates: [Double]
    var errors: [Double]
    var logLikelihood: Double
  }

  @Test("the unscaled credit design, of condition number 2e6, has statsmodels' digits")
  func credit() throws {
    let unpacked = try runProcess(
      URL(filePath: "/usr/bin/env"),
      [
        "zstd", "-dcq",
        RealData.folder.appending(path: "credit-default/credit-card-default.csv.zst").path,
      ])
    try #require(unpacked.status == 0, "\(unpacked.stderr)")
    // The identifier comes first and the outcome last.
    let rows = unpacked.stdout.split(whereSeparator: \.isNewline).dropFirst().map { line in
      line.split(separator: ",").compactMap { Double($0) }
    }
    let width = try #require(rows.first).count
    #expect(rows.count == 30_000)
    try expectPeers(
      columns: (1..<(width - 1)).map { column in rows.map { $0[column] } },
      outcome: rows.map { $0[width - 1] })
  }

  @Test("the churn table has statsmodels' digits")
  func churn() throws {
    let text = try String(
      contentsOf: RealData.folder.appending(path: "telco-churn/telco-customer-churn.csv"),
      encoding: .utf8)
    let lines = text.split(whereSeparator: \.isNewline).map {
      $0.split(separator: ",", omittingEmptySubsequences: false)
        .map { $0.trimmingCharacters(in: .whitespaces) }
    }
    let names = try #require(lines.first)
    func column(_ name: String) throws -> [String] {
      let position = try #require(names.firstIndex(of: name))
      return lines.dropFirst().map { $0[position] }
    }
    var columns: [[Double]] = []
    for name in ["SeniorCitizen", "tenure", "MonthlyCharges", "TotalCharges"] {
      columns.append(try column(name).map { Double($0) ?? 0 })
    }
    for (name, levels) in [
      ("Contract", ["One year", "Two year"]), ("InternetService", ["DSL", "No"]),
      ("PaymentMethod", ["Electronic check", "Mailed check", "Credit card (automatic)"]),
      ("Partner", ["Yes"]), ("PaperlessBilling", ["Yes"]), ("OnlineSecurity", ["Yes"]),
    ] {
      let cells = try column(name)
      for level in levels { columns.append(cells.map { $0 == level ? 1 : 0 }) }
    }
    try expectPeers(columns: columns, outcome: column("Churn").map { $0 == "Yes" ? 1 : 0 })
  }

  private func expectPeers(columns: [[Double]], outcome: [Double]) throws {
    let python = try #require(ProcessInfo.processInfo.environment["ALMANAC_TEST_PEERS"])
    let answers = try withTemporaryDirectory { folder in
      let file = folder.appending(path: "rows.csv")
      let text = outcome.indices.map { row in
        (["\(outcome[row])", "\(row % 31)"] + columns.map { "\($0[row])" }).joined(separator: ",")
      }.joined(separator: "\n")
      try Data((text + "\n").utf8).write(to: file)
      let script = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Peers/regression_peer.py")
      return try ["logistic", "linear"].map { family in
        let result = try runProcess(URL(filePath: python), [script.path, family, file.path])
        try #require(result.status == 0, "\(result.stderr)")
        return try JSONDecoder().decode(Answer.self, from: Data(result.stdout.utf8))
      }
    }
    let design = try Matrix(columns: [[Double](repeating: 1, count: outcome.count)] + columns)
    let logistic = try GeneralizedLinearModel(family: .logistic).fit(design, outcome)
    #expect(logistic.status == .converged)
    expectEqual(logistic.coefficients, answers[0].estimates)
    expectEqual(try #require(logistic.standardErrors), answers[0].errors)
    #expect(isClose(logistic.logLikelihood, answers[0].logLikelihood, relative: 1e-10))
    let linear = try LinearRegression().fit(design, outcome)
    expectEqual(linear.coefficients, answers[1].estimates)
    expectEqual(try #require(linear.standardErrors), answers[1].errors)
  }

  private func expectEqual(_ left: [Double], _ right: [Double]) {
    #expect(left.count == right.count)
    for (column, (a, b)) in zip(left, right).enumerated() {
      #expect(isClose(a, b, relative: 1e-8), "column \(column): \(a) and \(b)")
    }
  }
}
