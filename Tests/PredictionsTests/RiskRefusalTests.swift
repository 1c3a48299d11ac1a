import AlmanacCore
import Regression
import Testing

@testable import Predictions

/// What rows that say too little, or too much, make of a model.
@Suite("Rows that are no good to a model")
struct RiskRefusalTests {
  private static let end = CalendarDate(daysSinceEpoch: 20_453).adding(days: 1)

  /// 200 companies over 14 months, one in ten of which has the outcome, by one feature.
  private static func rows(
    _ columns: [(name: String, column: (_ row: Int, _ outcome: Double) -> TableColumn.Cell)] = [],
    outcome: (_ period: Int, _ drawn: Double) -> Double = { $1 }
  ) -> RiskRows {
    var random = SplitMix64(seed: 21)
    let instants = (0..<14).map { end.monthStart(adding: $0 - 13).startUTC }
    var (rows, outcomes, use): ([PanelRow], [Double], [Double]) = ([], [], [])
    for company in 0..<200 {
      for period in instants.indices {
        rows.append(PanelRow(company: company, period: period))
        use.append(2 * random.nextUnit())
        let chance = ModelFamily.logistic.mean(1.5 * use[use.count - 1] - 4)
        outcomes.append(outcome(period, random.nextUnit() < chance ? 1 : 0))
      }
    }
    var table = Table(rowCount: rows.count)
    table.add("use", .numbers(use))
    for (name, cell) in columns {
      table.add(name, TableColumn.made(outcomes.indices.map { cell($0, outcomes[$0]) }))
    }
    let month = 30 * 24 * Timestamp.microsecondsPerHour
    return RiskRows(
      rows: rows, table: table, outcomes: outcomes, segments: rows.map { _ in 0 }, asOf: instants,
      maturity: instants.map { Timestamp(microseconds: $0.microseconds + month) },
      terms: ["words": CategoryPooling.term])
  }

  private static func learned(_ data: RiskRows) throws -> RiskRecipe.Result {
    try RiskRecipe().learn(data, by: end.startUTC)
  }

  private static func model(_ data: RiskRows) throws -> RiskModel {
    guard case .model(let model) = try learned(data) else {
      throw RegressionError.unusableRows("no model")
    }
    return model
  }

  @Test("no outcome among the months that judge a model is a refusal that says so, with the rate")
  func nothingJudged() throws {
    for kept in [0, 4] {
      var left = kept
      let data = Self.rows(outcome: { period, drawn in
        guard period >= 6, drawn == 1 else { return drawn }
        left -= 1
        return left >= 0 ? 1 : 0
      })
      guard case .baseline(let rate?, let refusal) = try Self.learned(data) else {
        Issue.record("a model, or no rate")
        return
      }
      #expect(refusal == .tooFewJudgedEvents(kept, needed: 10))
      #expect(
        refusal.description
          == "the rarer outcome occurred \(kept) times in the months that judge a model, which takes "
          + "10; wait for more history")
      let known = data.known(by: Self.end.startUTC)
      #expect(rate == (Double(data.events(known)) + 0.5) / Double(known.count + 1))
    }
  }

  @Test("rows that no fit can be made of are a refusal that names the reason, with the rate")
  func notFitted() throws {
    // Texts that nothing says to be such.
    let data = Self.rows([("tone", { row, _ in .text(row % 3 == 0 ? "warm" : "cool") })])
    guard case .baseline(_?, .notFitted(let reason)) = try Self.learned(data) else {
      Issue.record("a model, or another refusal")
      return
    }
    #expect(reason.contains("\"tone\" cannot be used"), "\(reason)")
    #expect(
      RiskRefusal.notFitted(reason).description == "its rows do not support a fit: \(reason)")
    // Faults of the program are none of the rows.
    #expect(RiskRefusal(.shapeMismatch(designRows: 1, otherRows: 2)) == nil)
    #expect(RiskRefusal(.missingColumn("x")) == nil)
  }

  @Test("a feature that is never a number is left out, whatever stands for it")
  func endless() throws {
    let plain = try Self.model(Self.rows())
    let model = try Self.model(
      Self.rows([
        ("endless", { row, _ in .number(row % 2 == 0 ? .infinity : -.infinity) }),
        ("missing", { _, _ in .number(.nan) }),
      ]))
    #expect(model.constantFeatures == ["endless", "missing"])
    #expect(model.judged.map(\.logOdds) == plain.judged.map(\.logOdds))
  }

  @Test("texts of which each is rare, such as one for each company, are learned from all the same")
  func rareTexts() throws {
    let model = try Self.model(Self.rows([("words", { row, _ in .text("company \(row / 14)") })]))
    #expect(model.reasonNames.contains("words") && model.gate.scores.count > 0)
  }

  @Test("a feature of the future is named, by its value, by its words and by being there at all")
  func leaks() throws {
    let honest = try Self.model(
      Self.rows([("noise", { row, _ in .number(Double(row * 7 % 11)) })]))
    #expect(honest.fitted.notes.isEmpty, "\(honest.fitted.notes)")
    let planted: [(String, (Int, Double) -> TableColumn.Cell)] = [
      // One row in a thousand is not as the outcome.
      ("next_month", { row, outcome in .number(row % 1_000 == 1 ? 1 - outcome : outcome) }),
      ("words", { _, outcome in .text(outcome == 1 ? "closed" : "open") }),
      ("days_left", { row, outcome in .number(outcome == 1 ? Double(row % 30) : .nan) }),
    ]
    for (name, cell) in planted {
      let model = try Self.model(Self.rows([(name, cell)]))
      #expect(
        model.fitted.notes.contains(
          "feature \"\(name)\" alone tells the outcomes apart (AUC above 0.99): it may be known only "
            + "after the outcome"), "\(name): \(model.fitted.notes)")
      #expect(!model.fitted.notes.contains { $0.hasPrefix("feature \"use\"") })
    }
  }

  @Test("a feature that tells more than is usual is named in other words, a strong one is not")
  func unusual() throws {
    // So many rows in a hundred are not as the outcome: the area is about 1 less that share.
    for (wrong, isNamed) in [(3, true), (12, false)] {
      let model = try Self.model(
        Self.rows([
          (
            "next_month",
            { row, outcome in .number(row * 37 % 100 < wrong ? 1 - outcome : outcome) }
          )
        ]))
      #expect(
        model.fitted.notes
          == (isNamed
            ? [
              "feature \"next_month\" alone tells the outcomes apart unusually well (AUC above 0.95): "
                + "look whether it was known before the outcome"
            ] : []),
        "\(wrong): \(model.fitted.notes)")
    }
  }
}

extension TableColumn {
  /// One value of a column.
  fileprivate enum Cell {
    case number(Double)
    case text(String)
  }

  /// A column of values of one kind.
  fileprivate static func made(_ cells: [Cell]) -> TableColumn {
    var levels: [String: Int32] = [:]
    var (names, codes, numbers): ([String], [Int32], [Double]) = ([], [], [])
    for cell in cells {
      switch cell {
      case .number(let value): numbers.append(value)
      case .text(let text):
        if levels[text] == nil {
          levels[text] = Int32(names.count)
          names.append(text)
        }
        codes.append(levels[text] ?? -1)
      }
    }
    return names.isEmpty ? .numbers(numbers) : .texts(codes: codes, levels: names)
  }
}
