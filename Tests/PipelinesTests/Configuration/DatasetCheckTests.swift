import AlmanacCore
import Columns
import Documents
import Testing

@testable import Pipelines

@Suite("The checks of a dataset's definition")
struct DatasetCheckTests {
  /// The sample's dataset with checks, each a line of the list.
  private func checks(_ lines: String...) throws -> [DatasetCheck] {
    let text =
      Sample.dataset + "  paid_on: date?\n  share: float\nchecks:\n"
      + lines.map { "  - \($0)\n" }.joined()
    return try DatasetDefinition(node: try Sample.node(text)).checks
  }

  @Test("are read with their names, levels and limits")
  func everyKind() throws {
    let read = try checks(
      "{not_null: note}", "{unique: [company_id, paid_at], max_share: 1.5%}",
      "{accepted_values: {currency: [GBP, EUR], note: [x]}, level: warn}",
      "{foreign_key: {company_id: companies}}", "{foreign_key: {note: companies.name}}",
      "{range: amount, min: 0, max: 12.5}", "{max_bad: 0.1%}",
      "{not_in_future: paid_at, tolerance: 10m}", "{freshness: 26h}", "{minimum_rows: 3}",
      "{matches_source: count}", "{known_event_types: note}")
    #expect(
      read.map(\.name) == [
        "not_null(note)", "unique(company_id, paid_at)", "accepted_values(currency)",
        "accepted_values(note)", "foreign_key(company_id)", "foreign_key(note)",
        "range(amount, min 0, max 12.5)", "max_bad(0.1%)", "not_in_future(paid_at)",
        "freshness(26h)", "minimum_rows(3)", "matches_source(count)", "known_event_types(note)",
      ])
    #expect(
      read.map(\.level) == [
        .error, .error, .warn, .warn, .error, .error, .error, .error, .error, .error, .error,
        .error, .warn,
      ])
    #expect(read[1].maximumShare == 0.015)
    #expect(read[7].maximumShare == 0.001)
    #expect(read[2].rule == .acceptedValues(column: "currency", values: ["GBP", "EUR"]))
    #expect(
      read[6].rule
        == .range(
          column: "amount", minimum: .init(value: .integer(0), text: "0"),
          maximum: .init(value: .integer(125_000), text: "12.5")))
    #expect(read[8].rule == .notInFuture(column: "paid_at", tolerance: .seconds(600)))
    #expect(read[9].rule == .freshness(.seconds(26 * 3_600)))
  }

  @Test("are not part of the text that rows depend on")
  func digestText() throws {
    let plain = try DatasetDefinition(node: try Sample.node(Sample.dataset))
    let checked = try DatasetDefinition(
      node: try Sample.node(Sample.dataset + "checks: [{unique: id}]\n"))
    #expect(plain.canonicalText == checked.canonicalText)
    #expect(plain.checksText == "")
    #expect(checked.checksText != "")
  }

  @Test(
    "are refused with place and suggestion",
    arguments: [
      (
        "{uniqe: id}", "15:6: found unknown key \"uniqe\", expected one of not_null, unique, ", true
      ),
      ("{accepted: {note: [x]}}", "(did you mean \"accepted_values\"?)", false),
      ("{level: warn}", "15:6: found unknown key \"level\", expected one of not_null", true),
      ("unique", "15:5: found \"unique\", expected a check, such as - {unique: id}", true),
      (
        "{unique: id, not_null: note}",
        "15:18: found \"not_null\" besides \"unique\", expected each check as an item of its own",
        true
      ),
      (
        "{not_null: notte}",
        "15:16: found column \"notte\", which dataset payments has not, expected one of", true
      ),
      ("{not_null: notte}", "(did you mean \"note\"?)", false),
      ("{unique: [id, it]}", "15:19: found column \"it\"", true),
      (
        "{accepted_values: {amount: [x]}}",
        "15:24: found column \"amount\" as money(currency), expected a column of type text", true
      ),
      ("{range: note, min: 1}", "found column \"note\" as text?", false),
      ("{range: amount}", "found no key \"min\", expected it in the range, or max, or both", false),
      (
        "{range: amount, min: 2, max: 1}", "15:29: found max 1 below min 2", true
      ),
      ("{range: amount, min: x}", "found \"x\", expected a value of type money", false),
      ("{range: amount, min: 0.00001}", "expected a value of type money", false),
      ("{range: paid_on, min: 1}", "expected a value of type date", false),
      ("{unique: id, level: wran}", "expected error or warn (did you mean \"warn\"?)", false),
      ("{unique: id, max_share: 1}", "expected a percentage such as 0.1%", false),
      ("{freshness: 26h, max_share: 1%}", "found unknown key \"max_share\"", false),
      ("{max_bad: 200%}", "found \"200%\", expected a percentage", false),
      ("{not_in_future: note}", "expected a column of type timestamp", false),
      ("{foreign_key: {company_id: a.b.c}}", "expected a dataset or its column", false),
      ("{minimum_rows: 0}", "expected a whole number from 1", false),
      ("{matches_source: rows}", "found \"rows\", expected count", false),
    ])
  func broken(_ line: String, _ message: String, _ isStart: Bool) throws {
    let error = try #require(throws: DocumentError.self) { try checks(line) }
    if isStart {
      #expect(error.description.hasPrefix("f.yaml:" + message), "\(error)")
    } else {
      #expect(error.description.contains(message), "\(error)")
    }
  }

  @Test("are refused where one stands twice")
  func twice() throws {
    let error = try #require(throws: DocumentError.self) {
      try checks("{unique: id}", "{unique: id, level: warn}")
    }
    #expect(
      error.description == "f.yaml:16:6: found the check unique(id) a second time, "
        + "expected each check once (first in line 15)")
  }

  @Test("may only refer to columns of other datasets that suit")
  func foreignKeys() throws {
    func problems(_ target: String) throws -> [String] {
      let payments = try DatasetDefinition(
        node: try Sample.node(
          Sample.dataset + "checks: [{foreign_key: {note: \(target)}}]\n",
          file: "datasets/payments.yaml"))
      let companies = try DatasetDefinition(
        node: try Sample.node(
          "dataset: companies\nfrom: a.b\nkey: id\nmode: full\ncolumns: {name: text}\n",
          file: "datasets/companies.yaml"))
      return Project(pipelines: [], models: [], datasets: [payments, companies])
        .problems.map(\.description)
    }
    #expect(try problems("companies.name") == [])
    #expect(
      try problems("companies.nmae") == [
        "datasets/payments.yaml:12:31: found column \"nmae\", which dataset companies has not, "
          + "expected a column of type text (did you mean \"name\"?)"
      ])
    #expect(
      try problems("company").first?.contains("which no file defines, expected one of companies")
        != true)
    #expect(try problems("company").first?.contains("(did you mean \"companies\"?)") == true)
    #expect(
      try problems("companies").first?.contains("with the key id, expected a dataset with a key")
        == true)
  }

  @Test("stand in a pipeline behind the extraction and before everything else")
  func stage() throws {
    func stages(_ lines: String) throws -> PipelineDefinition {
      try PipelineDefinition(
        node: try Sample.node("pipeline: p\nschedule: \"0 2 * * *\"\ncurrency: GBP\n" + lines))
    }
    let all = try stages("stages: [extract: all, check]\n").stages[1]
    #expect(all.settings == .check(nil))
    let some = try stages("stages: [extract: all, check: [events]]\n").stages[1]
    guard case .check(let names) = some.settings else {
      Issue.record("no check")
      return
    }
    #expect(names?.map(\.name) == ["events"])
    let error = try #require(throws: DocumentError.self) {
      try stages("stages: [rollup: {grains: [day]}, check]\n")
    }
    #expect(error.description.contains("since nothing may be computed before it"))
  }
}
