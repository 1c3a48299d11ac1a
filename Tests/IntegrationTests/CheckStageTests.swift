import AlmanacCore
import Columns
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Pipelines

/// A source whose rows are sound, and a change of it that breaks one check.
private struct Breach: CustomTestStringConvertible, Sendable {
  var check: String
  var name: String
  var sql: String
  var observed: String
  var badRows: Int
  var keys: [String]

  var testDescription: String { name }
}

@Suite("The check stage", .database)
struct CheckStageTests {
  private static func id(_ number: Int) -> String {
    "00000000-0000-4000-8000-" + String(repeating: "0", count: 12 - "\(number)".count) + "\(number)"
  }

  /// Payments 1 to 6 of two companies on the last three days before the logical date's end, which
  /// is 2026-01-01 24:00 UTC, one of them recorded at 2026-01-01 20:00.
  private static let source = """
    CREATE SCHEMA app;
    CREATE TABLE app.companies (id uuid, name text);
    INSERT INTO app.companies VALUES ('\(id(101))', 'one'), ('\(id(102))', 'two');
    CREATE TABLE app.payments (id uuid, company_id uuid, status text, amount numeric(12,4),
      rate float8, note text, meta jsonb, at timestamptz, recorded timestamptz);
    INSERT INTO app.payments
    SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid,
      CASE WHEN n % 2 = 0 THEN '\(id(101))'::uuid ELSE '\(id(102))' END,
      CASE WHEN n % 2 = 0 THEN 'paid' ELSE 'open' END, n, n, 'note', '{"ms": "7"}',
      '2025-12-30 12:00Z'::timestamptz + make_interval(days => (n - 1) / 2),
      '2025-12-30 20:00Z'::timestamptz + make_interval(days => (n - 1) / 2)
    FROM generate_series(1, 6) n;
    """

  private static func payments(_ checks: String, mode: String = "append") -> String {
    """
    from: app.payments
    time: at
    recorded: recorded
    key: id
    mode: \(mode)
    columns:
      company_id: uuid?
      status: text
      amount: decimal(4)
      rate: float
      note: text?
      ms: int? = meta->>'ms'
    checks: [\(checks)]
    """
  }

  private func place(_ checks: String, mode: String = "append") throws -> RunPlace {
    try migrate()
    try TestDatabase.current.connect().runScript(Self.source)
    return try RunPlace([
      "companies": "from: app.companies\nkey: id\nmode: full\ncolumns: {name: text}",
      "payments": Self.payments(checks, mode: mode),
    ])
  }

  /// The context of the run behind another one, on the same folder and with the same lock.
  private func next(after context: RunContext) -> RunContext {
    let run = UUIDValue(high: context.run.high + 1, low: context.run.low)
    return RunContext(
      run: run, project: context.project, pipeline: context.pipeline, date: context.date,
      zone: context.zone, jobs: 2, source: context.source, lock: context.lock,
      ledger: Ledger(context.lock, run: run), directory: context.directory, log: context.log)
  }

  private static let breaches: [Breach] = [
    Breach(
      check: "{not_null: note}", name: "not_null(note)",
      sql: "UPDATE app.payments SET note = NULL WHERE amount IN (2, 5)",
      observed: "2 of 6 rows without a value", badRows: 2, keys: [id(2), id(5)]),
    Breach(
      check: "{unique: id}", name: "unique(id)",
      sql: "INSERT INTO app.payments SELECT id, company_id, status, 7, rate, note, meta, "
        + "at + interval '1 day', recorded FROM app.payments WHERE amount = 2",
      observed: "1 of 7 rows repeat another one", badRows: 1, keys: [id(2)]),
    Breach(
      check: "{unique: [note, amount]}", name: "unique(note, amount)",
      sql: "UPDATE app.payments SET amount = 3 WHERE amount IN (1, 6)",
      observed: "2 of 6 rows repeat another one", badRows: 2, keys: ["note,3.0000"]),
    Breach(
      check: "{accepted_values: {status: [open, paid]}}", name: "accepted_values(status)",
      sql: "UPDATE app.payments SET status = 'lost' WHERE amount = 4",
      observed: "1 of 6 rows with another value", badRows: 1, keys: [id(4)]),
    Breach(
      check: "{foreign_key: {company_id: companies}}", name: "foreign_key(company_id)",
      sql: "DELETE FROM app.companies WHERE name = 'two'",
      observed: "3 of 6 rows without a row in companies", badRows: 3,
      keys: [id(1), id(3), id(5)]),
    Breach(
      check: "{range: amount, min: 1, max: 6}", name: "range(amount, min 1, max 6)",
      sql: "UPDATE app.payments SET amount = 6.0001 WHERE amount = 6",
      observed: "1 of 6 rows outside", badRows: 1, keys: [id(6)]),
    Breach(
      check: "{range: rate, max: 6}", name: "range(rate, max 6)",
      sql: "UPDATE app.payments SET rate = 7 WHERE amount = 6",
      observed: "1 of 6 rows outside", badRows: 1, keys: [id(6)]),
    Breach(
      check: "{not_in_future: at, tolerance: 1h}", name: "not_in_future(at)",
      sql: "UPDATE app.payments SET at = now() + interval '2 hours' WHERE amount = 3",
      observed: "1 of 6 rows dated after the cut", badRows: 1, keys: [id(3)]),
    Breach(
      check: "{freshness: 5h}", name: "freshness(5h)",
      sql: "DELETE FROM app.payments WHERE amount >= 5",
      observed: "newest row of 2025-12-31T20:00:00Z, 28 h before 2026-01-02T00:00:00Z",
      badRows: 0, keys: []),
    Breach(
      check: "{minimum_rows: 6}", name: "minimum_rows(6)",
      sql: "DELETE FROM app.payments WHERE amount = 1", observed: "5 rows", badRows: 0, keys: []),
    Breach(
      check: "{max_bad: 20%}", name: "max_bad(20%)",
      sql: "UPDATE app.payments SET meta = '{\"ms\": \"x\"}' WHERE amount < 3",
      observed: "2 of 6 values of ms malformed", badRows: 2,
      keys: [id(1) + " (no int)", id(2) + " (no int)"]),
    Breach(
      check: "{known_event_types: status}", name: "known_event_types(status)",
      sql: "UPDATE app.payments SET status = 'invoice_eaten'",
      observed: "6 of 6 rows of unknown types (invoice_eaten)", badRows: 6,
      keys: [id(1), id(2), id(3)]),
  ]

  private func results(_ place: RunPlace) throws -> [String] {
    try TestDatabase.current.connect().values(
      """
      SELECT check_name || ' ' || level || ' ' || status || ' ' || coalesce(passed::text, '-')
        || ': ' || observed || ' | ' || rows_bad || ' | ' || array_to_string(example_keys, ' ')
      FROM almanac.source_contract_results WHERE dataset = 'payments'
      ORDER BY checked_at, check_name
      """)
  }

  @Test("passes what holds, and names what does not with rows and keys", arguments: breaches)
  private func breach(_ breach: Breach) throws {
    let level = breach.name.hasPrefix("known") ? ", level: error" : ""
    let place = try place(String(breach.check.dropLast()) + level + "}", mode: "full")
    let context = try place.context(run: RunPlace.firstRun)
    let connection = try TestDatabase.current.connect()
    if breach.name.hasPrefix("known") {
      try connection.run("UPDATE app.payments SET status = 'invoice_paid'")
    }
    try place.extract(in: context)
    let outcome = try CheckStage(datasets: nil).run(in: context)
    #expect(outcome.notices == [])
    let passed = try #require(try results(place).first)
    #expect(passed.hasPrefix("\(breach.name) error passed true: "), "\(passed)")
    #expect(passed.hasSuffix(" | 0 | "), "\(passed)")

    try connection.runScript("TRUNCATE almanac.source_contract_results; \(breach.sql)")
    let again = next(after: context)
    try place.extract(in: again)
    let error = try #require(throws: ContractError.self) {
      try CheckStage(datasets: nil).run(in: again)
    }
    #expect(error.exitStatus == .badData)
    #expect(error.description.hasPrefix("dataset payments: \(breach.name): \(breach.observed)"))
    #expect(error.description.contains(breach.keys.joined(separator: ", ")))
    let failed = try #require(try results(place).first)
    #expect(failed.hasPrefix("\(breach.name) error failed false: \(breach.observed)"), "\(failed)")
    #expect(
      failed.hasSuffix(" | \(breach.badRows) | \(breach.keys.joined(separator: " "))"),
      "\(failed)")
  }

  @Test("evaluates and records everything before it stops, and warns without stopping")
  func levels() throws {
    let place = try place(
      "{not_null: note}, {range: amount, max: 1, level: warn}, {minimum_rows: 9}, {unique: id}")
    try TestDatabase.current.connect().run("UPDATE app.payments SET note = NULL WHERE amount = 1")
    let context = try place.context(run: RunPlace.firstRun)
    try place.extract(in: context)
    let error = try #require(throws: ContractError.self) {
      try CheckStage(datasets: nil).run(in: context)
    }
    #expect(error.count == 2)
    #expect(error.description.contains("; 1 more check failed; nothing was computed"))
    #expect(
      try results(place).map { $0.prefix { $0 != ":" } } == [
        "minimum_rows(9) error failed false", "not_null(note) error failed false",
        "range(amount, max 1) warn warned false", "unique(id) error passed true",
      ])
    #expect(try StatusReading(context.lock.connection, last: 1).contracts == nil)
  }

  @Test("counts the rows that readers see in mode changes, not the versions of them")
  func versions() throws {
    let checks = "{accepted_values: {status: [open]}, max_share: 20%}, {minimum_rows: 6}"
    let place = try place(checks, mode: "changes\ndeletes: key_sweep")
    let connection = try TestDatabase.current.connect()
    try connection.run("UPDATE app.payments SET status = 'open'")
    var context = try place.context(run: RunPlace.firstRun)
    for night in 1...3 {
      try place.extract(in: context)
      _ = try CheckStage(datasets: nil).run(in: context)
      try connection.run("UPDATE app.payments SET note = 'night \(night)'")
      context = next(after: context)
    }
    try connection.run("UPDATE app.payments SET status = 'lost' WHERE amount <= 3")
    try place.extract(in: context)
    let error = try #require(throws: ContractError.self) {
      try CheckStage(datasets: nil).run(in: context)
    }
    #expect(error.first.observed == "3 of 6 rows with another value")
    try connection.runScript(
      "UPDATE app.payments SET status = 'open'; DELETE FROM app.payments WHERE amount = 6")
    context = next(after: context)
    try place.extract(in: context)
    let second = try #require(throws: ContractError.self) {
      try CheckStage(datasets: nil).run(in: context)
    }
    #expect(second.first.observed == "5 rows")
  }

  @Test("names a key that one cut shows more than once in mode changes")
  func keyOfSeveralRows() throws {
    let place = try place("{unique: id}, {matches_source: count}", mode: "changes")
    let connection = try TestDatabase.current.connect()
    let context = try place.context(run: RunPlace.firstRun)
    try place.extract(in: context)
    _ = try CheckStage(datasets: nil).run(in: context)
    // Versions that two cuts saw are no repetition.
    try connection.run("UPDATE app.payments SET note = 'second' WHERE amount < 4")
    let second = next(after: context)
    try place.extract(in: second)
    _ = try CheckStage(datasets: nil).run(in: second)
    for amount in [7, 8] {
      try connection.run(
        "INSERT INTO app.payments SELECT id, company_id, status, \(amount), rate, note, meta, at, "
          + "recorded FROM app.payments WHERE amount = 2")
    }
    let third = next(after: second)
    try place.extract(in: third)
    let error = try #require(throws: ContractError.self) {
      try CheckStage(datasets: nil).run(in: third)
    }
    #expect(error.first.check == "unique(id)")
    #expect(error.first.observed == "1 of 6 rows repeat another one")
    #expect(error.first.examples == [Self.id(2)])
  }

  @Test("counts a malformed value once, however often its row is sent")
  func malformedOnce() throws {
    let place = try place("{max_bad: 20%}")
    let connection = try TestDatabase.current.connect()
    // An open transaction has every later row sent again by each night.
    let open = try TestDatabase.current.connect()
    try open.run("BEGIN")
    _ = try open.query("SELECT txid_current()")
    try connection.run("UPDATE app.payments SET meta = '{\"ms\": \"x\"}' WHERE amount = 1")
    var context = try place.context(run: RunPlace.firstRun)
    for night in 1...3 {
      let notices = try place.extract(in: context).notices
      #expect(notices.contains { $0.contains("malformed") } == (night == 1), "\(night): \(notices)")
      _ = try CheckStage(datasets: nil).run(in: context)
      context = next(after: context)
    }
    try open.run("ROLLBACK")
  }

  @Test("lets a share of the rows break a rule")
  func share() throws {
    let place = try place("{range: amount, max: 5, max_share: 17%}")
    let context = try place.context(run: RunPlace.firstRun)
    try place.extract(in: context)
    _ = try CheckStage(datasets: nil).run(in: context)
    #expect(
      try results(place) == [
        "range(amount, max 5) error passed true: 1 of 6 rows outside | 1 | \(Self.id(6))"
      ])
  }

  @Test("reads nothing again where nothing changed, and only what changed where something did")
  func unchanged() throws {
    let place = try place("{not_null: note}, {unique: id}, {foreign_key: {company_id: companies}}")
    let context = try place.context(run: RunPlace.firstRun)
    try place.extract(in: context)
    func check(_ context: RunContext) throws -> [String: String] {
      let outcome = try CheckStage(datasets: nil).run(in: context)
      return Dictionary(uniqueKeysWithValues: outcome.facts.map { ($0.name, $0.value) })
    }
    #expect(try check(context)["units_read"] == "3")
    let second = next(after: context)
    try place.extract(in: second)
    let quiet = try check(second)
    #expect(quiet["units_read"] == "0")
    #expect(quiet["checks"] == "3" && quiet["passed"] == "3")
    #expect(try results(place).count == 6)

    let connection = try TestDatabase.current.connect()
    try connection.run(
      "INSERT INTO app.payments SELECT gen_random_uuid(), company_id, status, 9, rate, NULL, meta, "
        + "at, recorded FROM app.payments WHERE amount = 4")
    let third = next(after: second)
    try place.extract(in: third)
    #expect(throws: ContractError.self) { try CheckStage(datasets: nil).run(in: third) }
    // A day that broke a rule is read until it breaks none.
    let fourth = next(after: third)
    #expect(throws: ContractError.self) { try CheckStage(datasets: nil).run(in: fourth) }
    #expect(
      try connection.value(
        "SELECT count(*) FROM almanac.intervals WHERE stage = 'check:payments'") == "3")
    #expect(try results(place).count == 12)
  }

  @Test("counts the keys of the days that changed under the cut of the extraction")
  func matchesSource() throws {
    let place = try place("{matches_source: count}")
    let context = try place.context(run: RunPlace.firstRun)
    try place.extract(in: context)
    #expect(
      context.memo.findings.withLock { $0["payments"]?.sourceCounts?.keysByDay } == [
        "2025-12-30": 2, "2025-12-31": 2, "2026-01-01": 2,
      ])
    _ = try CheckStage(datasets: nil).run(in: context)
    #expect(try results(place).first?.contains("all 6 keys of the source") == true)
    var findings = context.memo.findings.withLock { $0 }
    findings["payments"]?.sourceCounts?.keysByDay["2025-12-31"] = 3
    let again = next(after: context)
    again.memo.findings.withLock { $0 = findings }
    let error = try #require(throws: ContractError.self) {
      try CheckStage(datasets: nil).run(in: again)
    }
    #expect(error.first.observed == "2 keys on 2025-12-31, the source has 3")
  }

  @Test("skips what only the extraction knows where this run did not extract, and says so")
  func skipped() throws {
    let place = try place("{matches_source: count}, {max_bad: 1%, level: warn}")
    let context = try place.context(run: RunPlace.firstRun)
    try place.extract(in: context)
    let again = next(after: context)
    let outcome = try CheckStage(datasets: nil).run(in: again)
    #expect(
      outcome.notices == [
        "payments: matches_source(count) was skipped: this run did not extract"
      ])
    #expect(
      try results(place).map { $0.prefix { $0 != ":" } } == [
        "matches_source(count) error skipped -", "max_bad(1%) warn skipped -",
      ])
  }

  @Test("checks a dataset without a time as a whole")
  func undated() throws {
    let place = try place("{unique: id}")
    try TestDatabase.current.connect().run(
      "INSERT INTO app.companies SELECT * FROM app.companies")
    let context = try place.context(run: RunPlace.firstRun)
    try place.extract(in: context)
    let definition = try #require(place.project.dataset("companies"))
    var checked = definition
    checked.checks = try #require(place.project.dataset("payments")).checks
    let contract = try DatasetContract(
      definition: checked, project: place.project, reader: context.directory.reader,
      cut: context.knowledgeEnd, knowledgeEnd: context.knowledgeEnd, findings: nil,
      memory: .init(),
      memo: ContractMemo(
        dataset: "companies", in: context.directory.path, isEmpty: true), jobs: 2)
    let result = try #require(try contract.evaluate().results.first)
    #expect(result.status == .failed)
    #expect(result.badRows == 2)
    #expect(result.rows == 4)
  }
}
