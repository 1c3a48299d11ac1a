import Foundation
import Postgres
import TestSupport
import Testing

/// What administrators do to a table between two nights, after which its rows must still be held
/// exactly once.
@Suite("Extraction of a table that was changed between nights", .database)
struct ExtractionTableChangeTests {
  /// A change that leaves the rows as they are.
  enum Change: String, CaseIterable, CustomTestStringConvertible {
    case freeze = "VACUUM FREEZE"
    case rewriteType = "ALTER TABLE that rewrites for a type"
    case addConstant = "ALTER TABLE that adds a column"
    case addVolatile = "ALTER TABLE that rewrites for a default"
    case vacuumFull = "VACUUM FULL"
    case cluster = "CLUSTER"
    case moveRows = "an UPDATE that changes nothing"
    case moveRowsAndVacuum = "an UPDATE that changes nothing, twice, with VACUUM between"
    case truncateAndReload = "TRUNCATE and the same rows again"
    case truncateAndReloadAtOnce = "TRUNCATE and the same rows again in one transaction"
    case deleteAndReload = "DELETE and the same rows again"
    case recreate = "DROP, CREATE and the same rows again"
    case swap = "a copy that takes the table's name"
    case burn = "2,000 identifiers of other transactions"

    var testDescription: String { rawValue }

    /// The statements, each in a transaction of its own.
    var statements: [String] {
      let keep = "CREATE TABLE app.kept AS TABLE app.rows"
      let reload = "INSERT INTO app.rows SELECT * FROM app.kept ON CONFLICT DO NOTHING"
      switch self {
      case .freeze: return ["VACUUM (FREEZE) app.rows"]
      case .rewriteType: return ["ALTER TABLE app.rows ALTER amount TYPE numeric(30,6)"]
      case .addConstant: return ["ALTER TABLE app.rows ADD more int DEFAULT 7"]
      case .addVolatile: return ["ALTER TABLE app.rows ADD more uuid DEFAULT gen_random_uuid()"]
      case .vacuumFull: return ["VACUUM FULL app.rows"]
      case .cluster: return ["CLUSTER app.rows USING rows_pkey"]
      case .moveRows: return ["UPDATE app.rows SET note = note"]
      case .moveRowsAndVacuum:
        return [
          "UPDATE app.rows SET note = note WHERE n % 2 = 0", "VACUUM app.rows",
          "UPDATE app.rows SET note = note WHERE n % 3 = 0",
        ]
      case .truncateAndReload: return [keep, "TRUNCATE app.rows", reload]
      case .truncateAndReloadAtOnce: return [keep, "BEGIN; TRUNCATE app.rows; \(reload); COMMIT"]
      case .deleteAndReload: return [keep, "DELETE FROM app.rows WHERE n % 3 = 0", reload]
      case .recreate:
        return [
          keep, "DROP TABLE app.rows",
          "CREATE TABLE app.rows (LIKE app.kept, PRIMARY KEY (id))",
          reload,
        ]
      case .swap:
        return [
          "CREATE TABLE app.next (LIKE app.rows INCLUDING ALL)",
          "INSERT INTO app.next SELECT * FROM app.rows",
          "BEGIN; ALTER TABLE app.rows RENAME TO last; ALTER TABLE app.next RENAME TO rows; COMMIT",
        ]
      case .burn:
        return [
          """
          DO $$ BEGIN FOR i IN 1..2000 LOOP BEGIN PERFORM pg_current_xact_id();
          RAISE EXCEPTION 'x'; EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP; END $$
          """
        ]
      }
    }
  }

  @Test("holds every row once", arguments: Change.allCases)
  func holdsOnce(change: Change) throws {
    let place = try ExtractionPlace()
    try place.night()
    try place.add(3001...3100)
    try place.night()
    try place.add(3101...3150)
    let connection = try place.connect()
    for statement in change.statements { try connection.runScript(statement) }
    try place.add(3151...3200)
    // What was written anew may be held in the old and the new version; the first one counts.
    try place.night()
    try place.expectHeld(view: .first)
    try place.add(3201...3250)
    try place.night()
    try place.expectHeld(view: .first)
    // A row that the source rewrote in place is told from a new one by nothing; all others are.
    if change != .moveRows && change != .moveRowsAndVacuum && change != .deleteAndReload {
      try place.expectHeld()
    }
    let quiet = try place.night()
    #expect(quiet.status == 0)
    try place.expectHeld(view: .first)
  }

  @Test(
    "keeps the rows that the source has no longer",
    arguments: [
      "DELETE FROM app.rows WHERE n % 5 = 0", "TRUNCATE app.rows",
      "DROP TABLE app.rows; CREATE TABLE app.rows (LIKE app.seen)",
    ])
  func keepsDeleted(change: String) throws {
    let place = try ExtractionPlace()
    try place.night()
    try place.sql("CREATE TABLE app.seen AS TABLE app.rows")
    try place.sql(change)
    try place.add(5001...5100)
    try place.night()
    let all = "(TABLE app.seen UNION TABLE app.rows)"
    try place.expectHeld(all)
    try place.add(5101...5200)
    try place.night()
    try place.expectHeld(all)
  }

  @Test(
    "counts rows once that were gone for a night and came back",
    arguments: ["TRUNCATE app.rows", "DELETE FROM app.rows WHERE n % 2 = 0"])
  func cameBack(change: String) throws {
    let place = try ExtractionPlace()
    try place.night()
    try place.sql("CREATE TABLE app.seen AS TABLE app.rows")
    try place.sql(change)
    try place.night()
    try place.sql("INSERT INTO app.rows TABLE app.seen ON CONFLICT DO NOTHING")
    try place.add(3_001...3_050)
    try place.night()
    try place.expectHeld(view: .first)
    try place.night()
    try place.expectHeld(view: .first)
  }

  @Test("goes on where the definition gained or lost a column, with rows that are gone")
  func changedDefinition() throws {
    let place = try ExtractionPlace()
    try place.night()
    try place.sql("CREATE TABLE app.seen AS TABLE app.rows")
    try place.sql("DELETE FROM app.rows WHERE n % 3 = 0")
    try place.define(
      "rows",
      ExtractionPlace.rows("append").replacing(
        "note: text?", with: "note: text?\n  more: text? = note"))
    try place.add(3_001...3_050)
    try place.night()
    let all = "(TABLE app.seen UNION TABLE app.rows)"
    try place.expectHeld(all)
    // Every part can be read by the columns of the new definition.
    let shown = try place.almanac([
      "datasets", "show", "rows", "--data", place.data, "--limit", "100000", "--format", "csv",
    ])
    #expect(shown.status == 0, "\(shown.stderr)")
    #expect(shown.stdout.split(separator: "\n").count == 3_051)
    try place.define("rows", ExtractionPlace.rows("append"))
    try place.add(3_051...3_100)
    try place.night()
    try place.expectHeld(all)
    let verified = try place.almanac(["datasets", "verify", "--data", place.data])
    #expect(verified.status == 0, "\(verified.stdout)\(verified.stderr)")
  }
}
