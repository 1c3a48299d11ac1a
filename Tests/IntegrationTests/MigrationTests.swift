import AlmanacCore
import Foundation
import Pipelines
import Postgres
import TestSupport
import Testing

@Suite("Migrations of the target", .database)
struct MigrationTests {
  @Test("brings an empty database to the latest version, as a role without superuser")
  func freshDatabase() throws {
    let target = MigrationTarget()
    let connection = try target.connection(as: target.makePipelineRole())
    let migrator = Migrator(connection)
    #expect(try migrator.version() == 0)
    #expect(try migrator.migrate() == Migrations.all)
    #expect(try migrator.version() == Migrations.latestVersion)
    try SchemaCheck.run(on: connection)
    let owners = try connection.values(
      """
      SELECT nspname || ' ' || nspowner::regrole::text FROM pg_namespace
      WHERE nspname IN ('almanac', 'analytics', 'predictions', 'api') ORDER BY nspname
      """)
    #expect(
      owners == [
        "almanac almanac_writer", "analytics almanac_writer", "api almanac_api",
        "predictions almanac_writer",
      ])
  }

  @Test("does nothing the second time")
  func repeated() throws {
    let target = MigrationTarget()
    let connection = try target.connection(as: target.makePipelineRole())
    try Migrator(connection).migrate()
    let before = try connection.values("SELECT applied_at FROM almanac.migrations ORDER BY version")
    #expect(try Migrator(connection).migrate().isEmpty)
    let after = try connection.values("SELECT applied_at FROM almanac.migrations ORDER BY version")
    #expect(before == after)
    #expect(before.count == Migrations.latestVersion)
  }

  @Test(
    "completes a database that has only the first migrations",
    arguments: 1..<Migrations.latestVersion)
  func upgrade(from version: Int) throws {
    let target = MigrationTarget()
    let connection = try target.connection(as: target.makePipelineRole())
    try Migrator(connection, migrations: Array(Migrations.all.prefix(version))).migrate()
    #expect(
      throws: MigrationError.olderSchema(found: version, known: Migrations.latestVersion)
    ) {
      try SchemaCheck.run(on: connection)
    }
    #expect(try Migrator(connection).migrate() == Array(Migrations.all.dropFirst(version)))
    try SchemaCheck.run(on: connection)
  }

  @Test("refuses a schema newer than it knows, and leaves it alone")
  func newerSchema() throws {
    let target = MigrationTarget()
    let connection = try target.connection(as: target.makePipelineRole())
    try Migrator(connection).migrate()
    let newer = Migrations.latestVersion + 1
    try connection.run(
      "INSERT INTO almanac.migrations (version, name, checksum) VALUES ($1, 'next', '')",
      [String(newer)])
    let error = MigrationError.newerSchema(found: newer, known: Migrations.latestVersion)
    #expect(throws: error) { try Migrator(connection).migrate() }
    #expect(throws: error) { try SchemaCheck.run(on: connection) }
    #expect(error.exitStatus == .configuration)
    #expect(try Migrator(connection).version() == newer)
  }

  @Test("notices a migration whose text was changed after it was applied")
  func editedMigration() throws {
    let target = MigrationTarget()
    let connection = try target.connection(as: target.makePipelineRole())
    try Migrator(connection).migrate()
    let first = Migrations.all[0]
    let edited = Migration(number: 1, name: first.name, sql: first.sql + "-- changed\n")
    #expect(throws: MigrationError.editedMigration(number: 1, name: first.name)) {
      try Migrator(connection, migrations: [edited] + Migrations.all.dropFirst()).migrate()
    }
  }

  @Test("asks for init where there is no schema")
  func missingSchema() throws {
    let target = MigrationTarget()
    let connection = try target.connection(as: target.makePipelineRole())
    #expect(throws: MigrationError.notInitialised) { try SchemaCheck.run(on: connection) }
    #expect(MigrationError.notInitialised.exitStatus == .configuration)
    #expect(MigrationError.notInitialised.description.contains("almanac init"))
  }

  @Test("applies each migration once when several sessions migrate at the same time")
  func concurrentSessions() async throws {
    let target = MigrationTarget()
    let role = try target.makePipelineRole()
    let applied = try await withThrowingTaskGroup(of: [Int].self) { group in
      for _ in 0..<6 {
        group.addTask {
          try Migrator(target.connection(as: role)).migrate().map(\.number)
        }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
    #expect(applied.sorted() == Migrations.all.map(\.number))
    try SchemaCheck.run(on: target.connection(as: role))
  }

  @Test("keeps nothing of a migration that fails")
  func failingMigration() throws {
    let target = MigrationTarget()
    let connection = try target.connection(as: target.makePipelineRole())
    let broken = Migration(
      number: Migrations.latestVersion + 1, name: "broken",
      sql: "SET LOCAL ROLE almanac_writer; CREATE TABLE almanac.half (n int); SELECT 1 / 0;")
    let error = #expect(throws: MigrationError.self) {
      try Migrator(connection, migrations: Migrations.all + [broken]).migrate()
    }
    #expect(error?.exitStatus == .badData)
    #expect(error?.description.contains("(broken)") == true)
    #expect(try connection.value("SELECT to_regclass('almanac.half')") == nil)
    try SchemaCheck.run(on: connection)
  }

  @Test("gives the same schema when its printed script is run")
  func printedScript() throws {
    let target = MigrationTarget()
    let connection = try target.connection(as: target.makePipelineRole())
    try connection.runScript(Migrator.script())
    try SchemaCheck.run(on: connection)
    #expect(try Migrator(connection).migrate().isEmpty)
  }
}

@Suite("Rights that migrations need", .database)
struct MigrationRightsTests {
  @Test("tells a role that is no member what an administrator has to run, and changes nothing")
  func noMembership() throws {
    let target = MigrationTarget()
    let role = try target.makeRole("stranger")
    let connection = try target.connection(as: role)
    let error = #expect(throws: MigrationError.missingMembership(.writer, user: role)) {
      try Migrator(connection).migrate()
    }
    #expect(error?.exitStatus == .noPermission)
    #expect(error?.description.contains("almanac init --roles --print | psql") == true)
    #expect(try connection.value("SELECT to_regnamespace('almanac')") == nil)
  }

  @Test("says which right is missing for a member that may not create schemas")
  func noCreate() throws {
    let target = MigrationTarget()
    let role = try target.makeRole("member", memberOf: Role.owners.map(\.rawValue))
    let connection = try target.connection(as: role)
    let error = #expect(
      throws: MigrationError.mayNotCreateSchemas(database: target.name, user: role)
    ) {
      try Migrator(connection).migrate()
    }
    #expect(error?.exitStatus == .noPermission)
  }

  @Test(
    "migrates once an administrator ran the printed roles", arguments: ["plain", "odd \"$$ name"])
  func administratorScript(suffix: String) throws {
    let target = MigrationTarget()
    let administrator = try target.administrator()
    let role = "\(target.name)_\(suffix)"
    try administrator.run("CREATE ROLE \(quoteIdentifier(role)) LOGIN")
    try administrator.runScript(Role.script(member: role, database: target.name))
    let connection = try target.connection(as: role)
    #expect(try Migrator(connection).migrate() == Migrations.all)
    #expect(try connection.value("SELECT session_user") == role)
  }

  @Test("lets a role with CREATEROLE join the owners by itself, in several sessions at once")
  func createRole() async throws {
    let target = MigrationTarget()
    let role = try target.makeRole("creator", "CREATEROLE")
    try target.administrator().run("ALTER DATABASE \(target.name) OWNER TO \(role)")
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask { try Migrator(target.connection(as: role)).createRoles() }
      }
      try await group.waitForAll()
    }
    #expect(try Migrator(target.connection(as: role)).migrate() == Migrations.all)
  }

  @Test("uses a schema that is there already once its owner lets the writer in")
  func schemaOfThePlatform() throws {
    let target = MigrationTarget()
    let administrator = try target.administrator()
    let connection = try target.connection(as: target.makePipelineRole())
    try administrator.runScript(
      """
      CREATE SCHEMA analytics;
      COMMENT ON SCHEMA analytics IS 'The platform''s own.';
      CREATE TABLE analytics.events (event_id uuid);
      """)
    let error = #expect(throws: MigrationError.closedSchema(.analytics)) {
      try Migrator(connection).migrate()
    }
    #expect(error?.description.hasSuffix(Schema.analytics.neededGrants) == true)
    #expect(try Migrator(connection).version() == 0)

    try administrator.runScript(Schema.analytics.neededGrants)
    #expect(try Migrator(connection).migrate() == Migrations.all)
    let comment = try administrator.value(
      "SELECT obj_description('analytics'::regnamespace, 'pg_namespace')")
    #expect(comment == "The platform's own.")
  }
}

@Suite("The schema of the target", .database)
struct SchemaDriftTests {
  @Test("is found as the migrations make it, from every earlier version and from the printed SQL")
  func unchanged() throws {
    let target = MigrationTarget()
    let connection = try target.connection(as: target.makePipelineRole())
    for version in 1...Migrations.latestVersion {
      let migrator = Migrator(connection, migrations: Array(Migrations.all.prefix(version)))
      try migrator.migrate()
      #expect(try SchemaDrift(migrator).differences == [], "version \(version)")
      // A newer program compares with what the database has.
      let drift = try SchemaDrift(Migrator(connection))
      #expect(drift.differences == [] && drift.version == version)
    }
  }

  @Test("is told apart from any change, which is named, and left alone")
  func changes() throws {
    let target = MigrationTarget()
    let migrator = Migrator(try target.connection(as: target.makePipelineRole()))
    try migrator.migrate()
    let administrator = try target.administrator()
    for (sql, object) in [
      ("ALTER TABLE analytics.funnels ADD extra int", "column analytics.funnels.extra"),
      ("DROP VIEW api.reports_v1", "view api.reports_v1"),
      ("DROP INDEX analytics.daily_rollups_date_idx", "index analytics.daily_rollups_date_idx"),
      ("ALTER VIEW api.cohorts_v1 RESET (security_barrier)", "view api.cohorts_v1"),
      (
        "DROP POLICY company ON predictions.outcomes",
        "policy company of predictions.outcomes"
      ),
      (
        "ALTER TABLE predictions.churn_risk DISABLE ROW LEVEL SECURITY",
        "table predictions.churn_risk"
      ),
      ("GRANT SELECT ON analytics.reports TO PUBLIC", "table analytics.reports"),
      (
        "COMMENT ON COLUMN analytics.reports.files IS 'x'", "column analytics.reports.files"
      ),
      (
        "ALTER TABLE predictions.churn_risk DROP CONSTRAINT churn_risk_risk_band_check",
        "constraint churn_risk_risk_band_check of predictions.churn_risk"
      ),
      ("ALTER FUNCTION api.report(uuid) SECURITY DEFINER", "function api.report(uuid)"),
      ("CREATE FUNCTION api.f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "function api.f()"),
      ("CREATE TABLE almanac.mine (n int)", "table almanac.mine"),
      ("ALTER TABLE almanac.runs ALTER jobs TYPE bigint", "column almanac.runs.jobs"),
      (
        "CREATE RULE lost AS ON INSERT TO analytics.reports DO INSTEAD NOTHING",
        "rule lost of analytics.reports"
      ),
    ] {
      try administrator.runScript(sql)
      let names = try SchemaDrift(migrator).differences.map(\.description)
      #expect(names.contains { $0.contains(object) }, "\(sql): \(names)")
    }
    #expect(
      try administrator.value(
        "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'almanac_compared%'") == "0")
    #expect(try administrator.value("SELECT to_regclass('almanac.mine')") == "almanac.mine")
  }

  @Test("has roles that row-level security holds back; one that it does not is named")
  func roles() throws {
    let target = MigrationTarget()
    let connection = try target.administrator()
    let plain = try target.makeRole("plain", memberOf: [])
    let strong = try target.makeRole("strong", memberOf: [])
    try connection.runScript("ALTER ROLE \(strong) BYPASSRLS")
    #expect(
      try SchemaDrift.overpowered([plain, strong], on: connection).map(\.description)
        == ["changed: role \(strong): BYPASSRLS instead of NOBYPASSRLS"])
  }

  @Test("is not compared by a role that may not create schemas")
  func noRight() throws {
    let target = MigrationTarget()
    try Migrator(target.connection(as: target.makePipelineRole())).migrate()
    let role = try target.makeRole("nightly", memberOf: [Role.writer.rawValue])
    let error = #expect(throws: MigrationError.mayNotCompare(user: role)) {
      try SchemaDrift(Migrator(target.connection(as: role)))
    }
    #expect(error?.exitStatus == .noPermission)
  }
}
