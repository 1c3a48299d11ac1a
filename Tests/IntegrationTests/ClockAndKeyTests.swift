import AlmanacCore
import Columns
import Postgres
import TestSupport
import Testing

@testable import Pipelines

/// A column that dates or identifies rows and arrives as text, and the line that mends it.
private struct TextRole: CustomTestStringConvertible, Sendable {
  var role: String
  var column: String
  var mend: String
  /// What the file says instead.
  var wrong: String

  var testDescription: String { "\(role): \(wrong)" }
}

@Suite("What dates and identifies rows", .database)
struct ClockAndKeyTests {
  private static let table = """
    CREATE SCHEMA app;
    CREATE TABLE app.events (
      id text, at text, recorded text, changed text, j jsonb NOT NULL, value text NOT NULL);
    """

  private static let definition = """
    from: app.events
    time: at
    recorded: recorded
    updated: changed
    overlap: 2d
    key: [id]
    mode: overlap
    columns:
      value: text
      id: int = (j->>'id')::bigint
      at: timestamp = (j->>'at')::timestamptz
      recorded: timestamp = (j->>'recorded')::timestamptz
      changed: timestamp = (j->>'changed')::timestamptz
    """

  private static let roles = [
    TextRole(
      role: "time", column: "at", mend: "at: timestamp = (j->>'at')::timestamptz",
      wrong: "at: timestamp = j->>'at'"),
    TextRole(
      role: "recorded", column: "recorded",
      mend: "recorded: timestamp = (j->>'recorded')::timestamptz",
      wrong: "recorded: timestamp = j->>'recorded'"),
    TextRole(
      role: "updated", column: "changed",
      mend: "changed: timestamp = (j->>'changed')::timestamptz",
      wrong: "changed: timestamp = j->>'changed'"),
    TextRole(
      role: "key", column: "id", mend: "id: int = (j->>'id')::bigint", wrong: "id: int = j->>'id'"),
    TextRole(
      role: "time", column: "at", mend: "at: timestamp = \"at\"::timestamptz",
      wrong: "at: timestamp"),
    TextRole(role: "key", column: "id", mend: "id: uuid = \"id\"::uuid", wrong: "id: uuid"),
  ]

  private static func place(_ role: TextRole, line: String) throws -> AppendSource {
    let lines = definition.split(separator: "\n").map { part in
      part.hasPrefix("  \(role.column): ") ? "  " + line : String(part)
    }
    return try AppendSource(table, definition: lines.joined(separator: "\n"))
  }

  private static func insert(_ number: Int, _ at: String) -> String {
    let id = "00000000-0000-4000-8000-00000000000\(number)"
    return """
      INSERT INTO app.events SELECT '\(id)', j->>'at', j->>'recorded', j->>'changed', j, '\(number)'
      FROM (SELECT jsonb_build_object('id', \(number), 'at', '\(at)', 'recorded', now(),
        'changed', now()) AS j) AS made;
      """
  }

  @Test(
    "must not arrive as text of another type; the line that is named mends it", arguments: roles)
  fileprivate func roleAsText(role: TextRole) throws {
    let expected = PipelineError.roleAsText(
      dataset: "events", column: role.column, role: role.role, found: "text", mend: role.mend)
    let wrong = try Self.place(role, line: role.wrong)
    #expect(throws: expected) { try wrong.extract() }
    // `almanac check --source` resolves definitions by this.
    #expect(throws: expected) {
      _ = try DatasetPlan(wrong.place.dataset, on: wrong.connect())
    }
    #expect(expected.exitStatus == .badData)
    #expect(expected.description.contains("datasets/events.yaml: `\(role.mend)`"))
    #expect(expected.description.contains("`\(role.role)`"))
  }

  @Test("are read where the server casts them, from the first night on", arguments: roles)
  fileprivate func mended(role: TextRole) throws {
    let source = try Self.place(role, line: role.mend)
    try source.run(Self.insert(1, "2025-03-01T23:30:00.1234567-01:00"))
    try source.run(Self.insert(2, "2025-02-28T23:59:59Z"))
    try source.extract()
    #expect(source.entry?.parts.compactMap(\.date).sorted() == ["2025-02-28", "2025-03-02"])
    try source.run(Self.insert(3, "2025-03-05T00:00:00+05:45"))
    try source.extract()
    #expect(try source.held() == ["1", "2", "3"])
    try source.run(Self.insert(4, "yesterday in the evening"))
    guard role.column == "at" else { return }
    let error = try #require(throws: PostgresError.self) { try source.extract() }
    #expect(error.exitStatus == .badData)
    #expect(try source.held() == ["1", "2", "3"])
  }

  @Test("may be text where they are declared as text, but never null")
  func textKey() throws {
    let role = try #require(Self.roles.first { $0.column == "id" })
    let source = try Self.place(role, line: "id: text = j->>'id'")
    try source.run(Self.insert(1, "2025-03-01T00:00:00Z") + Self.insert(2, "2025-03-01T00:00:00Z"))
    try source.run("UPDATE app.events SET j = j || '{\"id\": \"x\"}' WHERE value = '2'")
    try source.extract()
    #expect(try source.held() == ["1", "2"])
    try source.run("UPDATE app.events SET j = j - 'id' WHERE value = '2'")
    let error = try #require(throws: PostgresError.self) { try source.extract() }
    guard case .unsuitableValue(let failure) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(failure.problem == .null)
    #expect(failure.column == "id")
    #expect(try source.held() == ["1", "2"])
  }

  @Test("may lie anywhere from the year 1 to the year 9999")
  func extremes() throws {
    let source = try AppendSource()
    try source.add(["a"], at: "'0001-01-01 00:00+00'")
    try source.add(["b"], at: "'9999-12-31 23:59:59.999999+00'")
    try source.extract()
    #expect(try source.held() == ["a", "b"])
    #expect(source.entry?.parts.compactMap(\.date).sorted() == ["0001-01-01", "9999-12-31"])
  }

  @Test(
    "must not lie outside these years: the row is named, and nothing of the night is kept",
    arguments: [
      "'57882-03-04 10:00+00'", "'10000-01-01 00:00+00'",
      "'0001-01-01 00:00+00'::timestamptz - interval '1 microsecond'", "'4713-01-01 BC'",
    ], [false, true])
  func outside(at: String, isIncrement: Bool) throws {
    let source = try AppendSource()
    try source.add(["a", "b"])
    if isIncrement { try source.extract() }
    try source.add(["c"])
    try source.add(["d"], at: at)
    let error = try #require(throws: PostgresError.self) { try source.extract() }
    guard case .unsuitableValue(let failure) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(failure.problem == .outsideCalendar)
    #expect(failure.column == "at")
    // An increment may read rows again that it holds.
    #expect(isIncrement ? (2...4).contains(failure.row) : failure.row == 4)
    #expect(failure.key?.hasPrefix("id=") == true)
    #expect(error.exitStatus == .badData)
    #expect(error.description.contains("at of app.events (dataset events) lies outside the years"))
    #expect(try source.held() == (isIncrement ? ["a", "b"] : []))
    try source.run("DELETE FROM app.events WHERE value = 'd'")
    try source.extract()
    #expect(try source.held() == ["a", "b", "c"])
  }

  @Test("are values in text read as the server's casts read them", arguments: UInt64(0)..<6)
  func oracle(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    func digits(_ count: ClosedRange<Int>, of alphabet: String = "0123456789") -> String {
      String(
        (0..<Int.random(in: count, using: &random)).map { _ in
          alphabet.randomElement(using: &random) ?? "0"
        })
    }
    let rows = (0..<200).map { _ in
      // Many ties, and runs of nines that carry.
      let alphabet = ["0123456789", "0005", "9995"].randomElement(using: &random) ?? "5"
      let sign = Bool.random(using: &random) ? "-" : ""
      let fraction = digits(1...12, of: alphabet)
      let float = Double(bitPattern: random.next())
      return "('2024-02-29T23:59:59.\(fraction)Z', "
        + "'\(sign)\(digits(1...25)).\(digits(0...9, of: alphabet))', "
        + "'\(float.isFinite ? float : 0.1)')"
    }
    let place = try RunPlace([
      "d": """
      query: >-
        SELECT row_number() OVER () AS id, v.*
        FROM (VALUES \(rows.joined(separator: ", "))) AS v (t, n, f)
      key: id
      mode: full
      columns:
        id: int
        lifted_t: timestamp? = t
        cast_t: timestamp? = t::timestamptz
        lifted_n: decimal(6)? = n
        cast_n: decimal(6)? = n::numeric
        lifted_f: float? = f
        cast_f: float? = f::float8
      """
    ])
    try migrate()
    let context = try place.context(run: RunPlace.firstRun)
    try place.extract(in: context)
    for name in ["t", "n", "f"] {
      let lifted = try place.values("d", "lifted_\(name)", in: context)
      #expect(lifted.count == 200 && !lifted.contains("null"), "seed \(seed)")
      #expect(try lifted == place.values("d", "cast_\(name)", in: context), "seed \(seed)")
    }
  }
}
