package import AlmanacCore
package import Regression

/// Company-months, or what else happens to companies, to learn a yes or no from: rows of a panel with
/// their outcomes.
package struct RiskRows: Sendable {
  /// The company and instant of each row.
  package let rows: [PanelRow]
  /// The features of each row.
  package let table: Table
  /// 0 or 1 for each row, NaN where it is not known yet.
  package let outcomes: [Double]
  /// What each row is about besides its company, such as a module, where fits of one kind lean on a
  /// common one; `nil` where rows are about their company alone.
  package let groups: RiskGroups?
  /// What each row is about where a company has several of an instant, such as its charges; `nil`
  /// where it has one, or one of each group.
  package let subjects: [UUIDValue]?
  /// A group of each row, such as its plan, for the baseline of last month's rate by group.
  package let segments: [Int]
  /// The instants, ascending.
  package let asOf: [Timestamp]
  /// When the outcomes of each instant are known for good.
  package let maturity: [Timestamp]
  /// When the outcome of each row is known, where that is not the same for all of an instant; `nil`
  /// for ``maturity``.
  package let known: [Timestamp]?
  /// What becomes of columns that are no plain numbers.
  package let terms: [String: TermSpecification.Kind]

  /// Rows of the given parts, each with one entry per row or instant.
  package init(
    rows: [PanelRow], table: Table, outcomes: [Double], segments: [Int], asOf: [Timestamp],
    maturity: [Timestamp], groups: RiskGroups? = nil, subjects: [UUIDValue]? = nil,
    known: [Timestamp]? = nil,
    terms: [String: TermSpecification.Kind] = [:]
  ) {
    precondition(rows.count == table.rowCount && rows.count == outcomes.count)
    precondition(rows.count == segments.count && asOf.count == maturity.count)
    precondition(groups.map { $0.of.count == rows.count } ?? true)
    precondition(known.map { $0.count == rows.count } ?? true)
    precondition(subjects.map { $0.count == rows.count } ?? true)
    self.rows = rows
    self.groups = groups
    self.subjects = subjects
    self.table = table
    self.outcomes = outcomes
    self.segments = segments
    self.asOf = asOf
    self.maturity = maturity
    self.known = known
    self.terms = terms
  }

  /// Whether the outcome of a row is known for good by an instant.
  func isMature(_ row: Int, by instant: Timestamp) -> Bool {
    (known?[row] ?? maturity[rows[row].period]) <= instant
  }

  /// The rows with an outcome that was known by an instant.
  func known(by instant: Timestamp) -> [Int] {
    rows.indices.filter { isMature($0, by: instant) && !outcomes[$0].isNaN }
  }

  /// The same rows with their outcomes dealt anew among those of each instant.
  ///
  /// Nothing of them can then be foretold better than by chance, so a model that is better learned what
  /// it could not know.
  ///
  /// - Parameter generator: deals.
  /// - Returns: the rows; those without an outcome stay without.
  package func dealingOutcomes(using generator: inout some RandomNumberGenerator) -> RiskRows {
    var places: [Int: [Int]] = [:]
    for row in rows.indices where !outcomes[row].isNaN {
      places[rows[row].period, default: []].append(row)
    }
    var dealt = outcomes
    for (_, own) in places.sorted(by: { $0.key < $1.key }) {
      for (row, other) in zip(own, own.shuffled(using: &generator)) { dealt[row] = outcomes[other] }
    }
    return with(outcomes: dealt)
  }

  /// The same rows with other outcomes.
  package func with(outcomes: [Double]) -> RiskRows {
    RiskRows(
      rows: rows, table: table, outcomes: outcomes, segments: segments, asOf: asOf,
      maturity: maturity, groups: groups, subjects: subjects, known: known, terms: terms)
  }

  /// The number of rows whose outcome is yes.
  func events(_ positions: [Int]) -> Int { positions.count { outcomes[$0] == 1 } }
}

/// What rows are about besides their companies.
package struct RiskGroups: Equatable, Sendable {
  /// The name of each, ascending.
  package var names: [String]
  /// That of each row, by position.
  package var of: [Int]

  /// Groups of the given names.
  package init(names: [String], of: [Int]) {
    self.names = names
    self.of = of
  }

  /// The groups of some rows.
  package func selecting(_ rows: [Int]) -> RiskGroups {
    RiskGroups(names: names, of: rows.map { of[$0] })
  }
}

/// Why a model was not fitted; its baseline stands in.
package enum RiskRefusal: Equatable, Sendable {
  /// Fewer months with known outcomes than a judgement needs.
  case shortHistory(months: Int, needed: Int)
  /// All rows are of one company, or there are none.
  case tooFewCompanies(Int)
  /// Too few rows have the rarer outcome.
  case tooFewEvents(Int, needed: Int)
  /// Too few rows that judge a model have the rarer outcome (DECISIONS.md, D-483).
  case tooFewJudgedEvents(Int, needed: Int)
  /// No feature differs between rows.
  case noFeature
  /// The rows do not support a fit, and why.
  case notFitted(String)

  /// The refusal that an error of a fit is; `nil` for one that is no fault of the rows.
  init?(_ error: RegressionError) {
    guard error.isOfRows else { return nil }
    self = .notFitted(error.description)
  }
}

extension RiskRefusal: CustomStringConvertible {
  /// One line.
  package var description: String {
    switch self {
    case .shortHistory(let months, let needed):
      "\(months) months have a known outcome, a model needs \(needed); wait for more history"
    case .tooFewCompanies(let count):
      "the history is of \(count) \(count == 1 ? "company" : "companies"), a model needs at least 2"
    case .tooFewEvents(let count, let needed):
      "the rarer outcome occurred \(count) times, a model needs \(needed)"
    case .tooFewJudgedEvents(let count, let needed):
      "the rarer outcome occurred \(count) times in the months that judge a model, which takes "
        + "\(needed); wait for more history"
    case .notFitted(let reason): "its rows do not support a fit: \(reason)"
    case .noFeature: "no feature differs between companies, so nothing tells them apart"
    }
  }
}
