import AlmanacCore
import Foundation
import Simulation
import TestSupport
import Testing

/// The decisions of a world, against the table of their coefficients.
@Suite("Hazards")
struct HazardTests {
  /// Decisions of a question in a seeded world.
  private static func decisions(_ kind: WorldKind) throws -> [Question: [Decision]] {
    let world = try world(companies: 700, months: 14, seed: 11, kind: kind)
    let all = (0..<world.companyCount).flatMap {
      world.company($0, includesUse: false).decisions
    }
    return Dictionary(grouping: all, by: \.question)
  }

  private static let logistic = Result { try decisions(.logistic) }
  private static let hard = Result { try decisions(.hard) }

  private static func decisions(_ question: Question, _ kind: WorldKind) throws -> [Decision] {
    try (kind == .logistic ? logistic : hard).get()[question] ?? []
  }

  @Test(
    "the true probability ranks outcomes with an AUC from 0.72 to 0.85",
    arguments: Question.allCases, WorldKind.allCases)
  func oracleAUC(question: Question, kind: WorldKind) throws {
    let decisions = try HazardTests.decisions(question, kind)
    let auc = rocAUC(decisions.map { ($0.probability, $0.outcome) })
    let yes = decisions.count { $0.outcome }
    #expect(
      auc >= 0.72 && auc <= 0.85,
      "\(question) in a \(kind) world: AUC \(auc) of \(decisions.count) decisions, \(yes) yes")
  }

  @Test(
    "as many decisions are yes as their probabilities add up to",
    arguments: Question.allCases, WorldKind.allCases)
  func rates(question: Question, kind: WorldKind) throws {
    let decisions = try HazardTests.decisions(question, kind)
    let expected = decisions.reduce(0) { $0 + $1.probability }
    let variance = decisions.reduce(0) { $0 + $1.probability * (1 - $1.probability) }
    let yes = Double(decisions.count { $0.outcome })
    #expect(abs(yes - expected) < 4 * variance.squareRoot(), "\(question): \(yes) of \(expected)")
  }

  /// The cells of those lines of DECISIONS.md that begin with the name of a question.
  private func documented() throws -> [[String]] {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(contentsOf: root.appending(path: "DECISIONS.md"), encoding: .utf8)
    let questions = Set(Question.allCases.map(\.rawValue))
    return text.split(separator: "\n").compactMap { line in
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      return cells.first.map(questions.contains) == true ? cells : nil
    }
  }

  @Test("D-210 documents every coefficient with its value, and no other")
  func documentation() throws {
    let lines = try documented()
    let terms = lines.filter { $0.count == 4 }.map { $0.prefix(3).joined(separator: " ") }
    #expect(
      terms == TruthRows.coefficients(.logistic).map { "\($0.question) \($0.term) \($0.value)" })
    let hard = lines.filter { $0.count == 5 }
    #expect(
      hard
        == Question.allCases.map { question in
          let hazard = Hazard.of(question)
          let name = question.covariates[hazard.threshold.covariate]
          return [
            question.rawValue, "\(hazard.companyEffect)",
            "`\(name)` above \(hazard.threshold.above)", "\(hazard.threshold.jump)",
            "\(hazard.shift)",
          ]
        })
  }

  @Test("statsmodels finds the coefficients again within 4.5 standard errors")
  func coefficients() throws {
    let python = try #require(
      ProcessInfo.processInfo.environment["ALMANAC_TEST_PEERS"],
      "ALMANAC_TEST_PEERS names the Python with the peers; make setup installs them")
    for question in Question.allCases {
      let decisions = try HazardTests.decisions(question, .logistic)
      let lines = decisions.map { decision in
        ([decision.outcome ? "1" : "0"] + decision.covariates.map { "\($0)" })
          .joined(separator: ",")
      }
      let fit = try withTemporaryDirectory { folder in
        let file = folder.appending(path: "decisions.csv")
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: file)
        let script = URL(filePath: #filePath).deletingLastPathComponent()
          .deletingLastPathComponent().appending(path: "Peers/logit_peer.py")
        let result = try runProcess(URL(filePath: python), [script.path, file.path])
        try #require(result.status == 0, "\(result.stderr)")
        return try JSONDecoder().decode([[Double]].self, from: Data(result.stdout.utf8))
      }
      let hazard = Hazard.of(question)
      let names = ["intercept"] + question.covariates
      let truth = [hazard.intercept] + hazard.coefficients
      try #require(fit.count == truth.count)
      for (index, estimate) in fit.enumerated() {
        let (value, error) = (estimate[0], estimate[1])
        #expect(
          abs(value - truth[index]) < 4.5 * error,
          "\(question) \(names[index]): \(value) with error \(error), truly \(truth[index])")
      }
    }
  }
}
