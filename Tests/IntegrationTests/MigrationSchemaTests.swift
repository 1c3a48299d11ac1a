import AlmanacCore
import Foundation
import Pipelines
import Postgres
import TestSupport
import Testing

@Suite("The migrated schema", .database)
struct MigrationSchemaTests {
  private let connection: Connection

  init() throws {
    let target = MigrationTarget()
    connection = try target.connection(as: target.makePipelineRole())
    try Migrator(connection).migrate()
  }

  @Test("has a comment on every schema, relation, column and function")
  func comments() throws {
    let bare = try connection.values(
      """
      WITH ours AS (
        SELECT oid FROM pg_namespace
        WHERE nspname IN ('almanac', 'analytics', 'predictions', 'api'))
      SELECT n.oid::regnamespace::text FROM pg_namespace AS n JOIN ours USING (oid)
        WHERE obj_description(n.oid, 'pg_namespace') IS NULL
      UNION ALL
      SELECT c.oid::regclass::text FROM pg_class AS c JOIN ours ON ours.oid = relnamespace
        WHERE relkind IN ('r', 'v') AND obj_description(c.oid, 'pg_class') IS NULL
      UNION ALL
      SELECT c.oid::regclass::text || '.' || attname
        FROM pg_class AS c JOIN ours ON ours.oid = relnamespace
        JOIN pg_attribute AS a ON attrelid = c.oid AND attnum > 0
        WHERE relkind IN ('r', 'v') AND col_description(c.oid, attnum) IS NULL
      UNION ALL
      SELECT p.oid::regprocedure::text FROM pg_proc AS p JOIN ours ON ours.oid = pronamespace
        WHERE obj_description(p.oid, 'pg_proc') IS NULL
      """)
    #expect(bare == [])
  }

  @Test("has row-level security, enabled and not forced, with a policy on every tenant table")
  func rowLevelSecurity() throws {
    let tenantTables = try connection.query(
      """
      SELECT c.oid::regclass::text AS name, relrowsecurity, relforcerowsecurity,
        (SELECT count(*) FROM pg_policy WHERE polrelid = c.oid) AS policies,
        (SELECT (SELECT attname FROM pg_attribute WHERE attrelid = c.oid AND attnum = conkey[1])
          FROM pg_constraint WHERE conrelid = c.oid AND contype = 'p') AS leading
      FROM pg_class AS c JOIN pg_attribute AS a ON attrelid = c.oid AND attname = 'company_id'
      WHERE relkind = 'r'
        AND relnamespace::regnamespace::text IN ('almanac', 'analytics', 'predictions')
      """)
    #expect(tenantTables.count == 22)
    for row in 0..<tenantTables.count {
      let name = tenantTables[row, "name"] ?? ""
      #expect(tenantTables[row, "relrowsecurity"] == "t", "\(name)")
      #expect(tenantTables[row, "relforcerowsecurity"] == "f", "\(name)")
      #expect(tenantTables[row, "policies"] == "1", "\(name)")
      #expect(tenantTables[row, "leading"] == "company_id", "\(name)")
    }
  }

  @Test("has no trigger, no foreign key and no partition")
  func plainTables() throws {
    let unwanted = try connection.values(
      """
      WITH ours AS (
        SELECT c.oid, c.relkind FROM pg_class AS c
        WHERE relnamespace::regnamespace::text IN ('almanac', 'analytics', 'predictions', 'api'))
      SELECT tgname::text FROM pg_trigger JOIN ours ON ours.oid = tgrelid
      UNION ALL SELECT conname::text FROM pg_constraint JOIN ours ON ours.oid = conrelid
        WHERE contype = 'f'
      UNION ALL SELECT oid::regclass::text FROM ours WHERE relkind = 'p'
      """)
    #expect(unwanted == [])
  }

  @Test("gives almanac_api every api object, and readers nothing but these")
  func ownersAndRights() throws {
    let owners = try connection.values(
      """
      SELECT DISTINCT relowner::regrole::text FROM pg_class
        WHERE relnamespace = 'api'::regnamespace
      UNION SELECT proowner::regrole::text FROM pg_proc WHERE pronamespace = 'api'::regnamespace
      """)
    #expect(owners == ["almanac_api"])
    let readable = try connection.values(
      """
      SELECT c.oid::regclass::text FROM pg_class AS c
      WHERE relkind IN ('r', 'v')
        AND relnamespace::regnamespace::text IN ('almanac', 'analytics', 'predictions', 'api')
        AND has_table_privilege('almanac_reader', c.oid,
          'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
      ORDER BY 1
      """)
    #expect(
      readable == [
        "api.agent_usage_v1", "api.anomalies_v1", "api.churn_risk_v1", "api.cohorts_v1",
        "api.freshness_v1", "api.funnels_v1", "api.metrics_v1", "api.module_usage_v1",
        "api.mrr_forecast_v1", "api.mrr_movements_v1", "api.payment_failure_risk_v1",
        "api.payment_method_risk_v1",
        "api.reports_v1", "api.revenue_forecast_v1", "api.rollups_v1",
        "api.upsell_opportunities_v1",
      ])
    let callableByAll = try connection.values(
      """
      SELECT p.oid::regprocedure::text FROM pg_proc AS p, aclexplode(p.proacl) AS a
      WHERE p.pronamespace = 'api'::regnamespace AND a.grantee = 0
      """)
    #expect(callableByAll == [])
    #expect(
      try connection.value(
        "SELECT count(*) FROM pg_proc WHERE pronamespace = 'api'::regnamespace AND proacl IS NULL")
        == "0")
  }

  @Test("lets the source contract be created twice and holds its tables")
  func sourceContract() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../datasets/source-schema.sql")
    let script = try String(contentsOf: file, encoding: .utf8)
    try connection.runScript(script)
    try connection.runScript(script)
    let tables = try connection.values(
      """
      SELECT schemaname || '.' || tablename FROM pg_tables
      WHERE schemaname IN ('app', 'billing') ORDER BY 1
      """)
    #expect(
      tables
        == ["app.events"]
        + [
          "companies", "credit_notes", "exchange_rates", "invoices", "modules",
          "payment_attempts", "payment_methods", "plans", "refunds", "subscription_changes",
          "subscriptions", "transactions", "users",
        ].map { "billing.\($0)" })
  }
}
