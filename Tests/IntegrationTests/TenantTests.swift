import Pipelines
import Postgres
import TestSupport
import Testing

/// What the catalog says is in schema `api`.
private struct ServedSchema {
  /// A relation with its columns, in order.
  struct Relation {
    var name: String
    var columns: [String]
  }

  /// The relations with a column `company_id`.
  var tenantRelations: [Relation] = []
  /// The others, by name.
  var otherRelations: [String] = []

  init(_ connection: Connection) throws {
    let rows = try connection.query(
      """
      SELECT c.oid::regclass::text AS relation, a.attname AS column
      FROM pg_class AS c JOIN pg_attribute AS a ON attrelid = c.oid AND attnum > 0
      WHERE relnamespace = 'api'::regnamespace AND relkind IN ('r', 'v', 'm', 'f', 'p')
      ORDER BY 1, attnum
      """)
    var relations: [Relation] = []
    for row in 0..<rows.count {
      let name = rows[row, "relation"] ?? ""
      if relations.last?.name != name { relations.append(Relation(name: name, columns: [])) }
      relations[relations.count - 1].columns.append(rows[row, "column"] ?? "")
    }
    tenantRelations = relations.filter { $0.columns.contains("company_id") }
    otherRelations = relations.filter { !$0.columns.contains("company_id") }.map(\.name)
  }
}

@Suite("Tenants of the api schema", .database)
struct TenantTests {
  @Test("see all rows of their own company and none of another, in every relation of the catalog")
  func relations() throws {
    let fixture = try TenantFixture()
    let schema = try ServedSchema(fixture.writer)
    // A relation that the catalog has and the fixture does not fill would pass unlooked at.
    #expect(schema.tenantRelations.map(\.name) == TenantFixture.rowsPerCompany.keys.sorted())
    // What has no company may hold nothing of one.
    #expect(schema.otherRelations == ["api.freshness_v1"])
    let admin = try fixture.connectAsAdmin()
    let readers = try TenantFixture.companies.map { ($0, try fixture.connect(as: $0)) }
    let nobodies = [try fixture.connect(as: nil), try fixture.connect(as: "")]
    let malformed = try fixture.connect(as: "' OR true --")
    for relation in schema.tenantRelations {
      let view = relation.name
      let expected = TenantFixture.rowsPerCompany[view].map { String($0) } ?? ""
      for (company, reader) in readers {
        #expect(try reader.value("SELECT count(*) FROM \(view)") == expected, "\(view)")
        #expect(try reader.values("SELECT DISTINCT company_id FROM \(view)") == [company])
      }
      #expect(
        try admin.values("SELECT DISTINCT company_id FROM \(view) ORDER BY 1")
          == TenantFixture.companies.sorted(), "\(view)")
      for nobody in nobodies {
        #expect(try nobody.value("SELECT count(*) FROM \(view)") == "0", "\(view)")
      }
      #expect(
        try refusal { try malformed.run("SELECT count(*) FROM \(view)") } == "22P02", "\(view)")
    }
    for view in schema.otherRelations {
      let text = try readers[0].1.values("SELECT v::text FROM \(view) AS v ORDER BY 1")
      #expect(text == (try admin.values("SELECT v::text FROM \(view) AS v ORDER BY 1")))
      #expect(
        !text.isEmpty && !text.contains { $0.contains("aaaaaaaa") || $0.contains("bbbbbbbb") })
    }
  }

  @Test("reach no row of another company by a filter, a join, a count or an error")
  func otherRows() throws {
    let fixture = try TenantFixture()
    let admin = try fixture.connectAsAdmin()
    let reader = try fixture.connect(as: TenantFixture.first)
    let (first, second) = (TenantFixture.first, TenantFixture.second)
    try reader.runScript(
      """
      CREATE FUNCTION pg_temp.leak(company uuid) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
      $$ BEGIN
        IF company <> '\(first)' THEN RAISE EXCEPTION 'saw %', company; END IF;
        RETURN true;
      END $$
      """)
    let relations = try ServedSchema(fixture.writer).tenantRelations
    for relation in relations {
      let view = relation.name
      let text = try reader.values("SELECT v::text FROM \(view) AS v")
      #expect(!text.isEmpty && !text.contains(where: TenantFixture.namesSecond), "\(view)")
      // A filter by any value that the other company has finds the reader's own rows, if any.
      for column in relation.columns {
        let wanted = quoteIdentifier(column)
        let values = try admin.value(
          "SELECT array_agg(DISTINCT \(wanted)::text) FROM \(view) WHERE company_id = '\(second)'")
        let filter = "\(wanted)::text = ANY ($1::text[])"
        #expect(
          try reader.value("SELECT count(*) FROM \(view) WHERE \(filter)", [values])
            == (try admin.value(
              "SELECT count(*) FROM \(view) WHERE \(filter) AND company_id = '\(first)'", [values])),
          "\(view).\(column)")
      }
      for query in [
        "SELECT count(*) FROM \(view) WHERE company_id <> '\(first)'",
        "SELECT count(*) FROM \(view) WHERE company_id::text LIKE 'b%' OR company_id IS NULL",
        "SELECT count(*) FROM \(view) AS a JOIN \(view) AS b ON b.company_id <> a.company_id",
        "SELECT count(*) FROM \(view) AS a FULL JOIN \(relations[0].name) AS b "
          + "ON b.company_id = a.company_id WHERE b.company_id IS NULL OR a.company_id IS NULL",
        "SELECT count(DISTINCT company_id) - 1 FROM \(view)",
      ] {
        #expect(try reader.value(query) == "0", "\(query)")
      }
      // A cheap function, a division and a conversion would fail on a row of another company.
      let expected = TenantFixture.rowsPerCompany[view].map { String($0) }
      for filter in [
        "pg_temp.leak(company_id)", "1 / (company_id <> '\(second)')::int = 1",
        "(CASE WHEN company_id = '\(second)' THEN company_id::text ELSE '1' END)::int = 1",
      ] {
        #expect(
          try reader.value("SELECT count(*) FROM \(view) WHERE \(filter)") == expected,
          "\(view) \(filter)")
      }
      let error = #expect(throws: PostgresError.self) {
        try reader.run("SELECT (v::text)::int FROM \(view) AS v")
      }
      let message = (error?.description ?? "") + (error.map { $0.debugDescription } ?? "")
      #expect(error?.code == "22P02" && !TenantFixture.namesSecond(message), "\(view)")
    }
  }

  @Test("may not touch the tables behind the views")
  func noTables() throws {
    let fixture = try TenantFixture()
    let tables = try fixture.writer.values(
      """
      SELECT c.oid::regclass::text FROM pg_class AS c
      WHERE relnamespace::regnamespace::text IN ('almanac', 'analytics', 'predictions')
        AND relkind IN ('r', 'v', 'm', 'f', 'p') ORDER BY 1
      """)
    #expect(tables.count >= 35)
    for connection in [
      try fixture.connect(as: TenantFixture.first), try fixture.connectAsAdmin(),
    ] {
      for table in tables {
        let code = try refusal { try connection.run("SELECT count(*) FROM \(table)") }
        #expect(code == "42501", "\(table)")
      }
    }
  }

  @Test("may not write through a view or become another role")
  func noWriting() throws {
    let connection = try TenantFixture().connect(as: TenantFixture.first)
    for (sql, code) in [
      // Views that join cannot be written to, whatever the rights.
      ("DELETE FROM api.revenue_forecast_v1", "55000"),
      ("UPDATE api.freshness_v1 SET stale = false", "55000"),
      ("CREATE TABLE api.mine (n int)", "42501"),
      ("SET ROLE almanac_api", "42501"),
      ("SET ROLE almanac_admin", "42501"),
      ("SET ROLE almanac_writer", "42501"),
      ("SET row_security = off; SELECT * FROM predictions.outcomes", "42501"),
      ("SET row_security = off; SELECT * FROM api.revenue_forecast_v1", "42501"),
    ] {
      #expect(try refusal { try connection.runScript(sql) } == code, "\(sql)")
    }
  }

  @Test("have their setting read once a statement, outside the scan of the table")
  func plan() throws {
    let fixture = try TenantFixture()
    let connection = try fixture.connect(as: TenantFixture.first)
    try connection.run("SET enable_seqscan = off")
    for relation in try ServedSchema(fixture.writer).tenantRelations {
      let filter = relation.columns.contains("grain") ? "grain = 'day'" : "true"
      let plan = try connection.values(
        "EXPLAIN (VERBOSE) SELECT * FROM \(relation.name) WHERE \(filter)")
      let readings = plan.indices.filter { plan[$0].contains("current_setting") }
      #expect(!readings.isEmpty)
      for line in readings {
        // A result of its own, computed before the first row, as the line above its output says.
        #expect(plan[line].contains("Output: "), "\(plan[line])")
        #expect(plan[line - 1].contains("Result"), "\(plan[line - 1])")
        #expect(plan[line - 2].contains("InitPlan"), "\(plan[line - 2])")
      }
      let scans = plan.filter { $0.contains("Index Cond:") && $0.contains("company_id >=") }
      #expect(!scans.isEmpty, "\(plan.joined(separator: "\n"))")
    }
  }
}

@Suite("Publications", .database)
struct TenantPublicationTests {
  @Test("show the rows of the published run only, whoever asks")
  func publishedRunOnly() throws {
    let fixture = try TenantFixture()
    let views = try fixture.writer.values(
      """
      SELECT attrelid::regclass::text FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid
      WHERE attname = 'run_id' AND relnamespace = 'api'::regnamespace ORDER BY 1
      """)
    #expect(views.count == 7)
    for connection in [
      try fixture.connect(as: TenantFixture.first), try fixture.connectAsAdmin(),
    ] {
      for view in views {
        let runs = try connection.values("SELECT DISTINCT run_id FROM \(view)")
        #expect(runs == [TenantFixture.publishedRun], "\(view)")
      }
    }
  }

  @Test("switch all readers in one step, back too, and every past instant can be asked for")
  func switching() throws {
    let fixture = try TenantFixture()
    let connection = try fixture.connect(as: TenantFixture.first)
    let sql = "SELECT DISTINCT run_id || ' ' || publication_id FROM api.revenue_forecast_v1"
    let before = try fixture.writer.value("SELECT clock_timestamp()")
    let first = try connection.values(sql)
    try fixture.publish(TenantFixture.otherRun)
    let between = try fixture.writer.value("SELECT clock_timestamp()")
    let second = try connection.values(sql)
    try fixture.publish(TenantFixture.publishedRun)
    let third = try connection.values(sql)
    #expect(first == ["\(TenantFixture.publishedRun) 1"])
    #expect(second == ["\(TenantFixture.otherRun) 2"])
    #expect(third == ["\(TenantFixture.publishedRun) 3"])
    #expect(try fixture.writer.value("SELECT count(*) FROM almanac.published") == "3")
    for (instant, run) in [
      (before, TenantFixture.publishedRun), (between, TenantFixture.otherRun),
      ("infinity", TenantFixture.publishedRun),
    ] {
      let served = try fixture.writer.values(
        """
        SELECT model || ' ' || run_id FROM almanac.served
        WHERE served_from <= $1 AND (served_until > $1 OR served_until IS NULL) ORDER BY model
        """, [instant])
      #expect(served == ["churn", "mrr", "payment", "revenue", "upsell"].map { "\($0) \(run)" })
    }
    #expect(
      try fixture.writer.value(
        "SELECT count(*) FROM almanac.served WHERE served_from <= '2011-01-01'") == "0")
  }

  @Test("keep one state within a repeatable read transaction, over all views")
  func repeatableRead() throws {
    let fixture = try TenantFixture()
    let connection = try fixture.connect(as: TenantFixture.first)
    let views = TenantFixture.rowsPerCompany.keys.sorted()
    let publications = try connection.transaction(.repeatableReadReadOnly()) {
      let before = try connection.value("SELECT min(publication_id) FROM api.freshness_v1")
      try fixture.publish(TenantFixture.otherRun)
      return try [before]
        + views.map {
          try connection.value("SELECT string_agg(DISTINCT publication_id::text, ' ') FROM \($0)")
        }
    }
    #expect(Set(publications) == ["1"])
  }

  @Test("are empty before the first one")
  func beforeTheFirst() throws {
    let fixture = try TenantFixture()
    try fixture.writer.runScript(
      "DELETE FROM almanac.published; DELETE FROM almanac.published_runs")
    let connection = try fixture.connect(as: TenantFixture.first)
    for view in ["api.freshness_v1"] + TenantFixture.rowsPerCompany.keys.sorted() {
      #expect(try connection.value("SELECT count(*) FROM \(view)") == "0", "\(view)")
    }
    for call in [
      "revenue_forecast()", "churn_risk('\(TenantFixture.first)')",
      "upsell_opportunities('\(TenantFixture.first)')", "payment_failure_risk()", "metric('mrr')",
      "report('\(TenantFixture.first)')",
    ] {
      let body = try connection.value("SELECT api.\(call)")
      #expect(body?.contains(#""publication_id" : null"#) == true, "\(call)")
      #expect(body?.contains(#""stale" : true"#) == true, "\(call)")
    }
  }

  @Test("are stale once their time has passed", arguments: [("1 day", "f"), ("-1 second", "t")])
  func staleness(validFor: String, stale: String) throws {
    let fixture = try TenantFixture()
    try fixture.publish(TenantFixture.publishedRun, validFor: validFor)
    for table in PredictionTable.allCases {
      try fixture.writer.run(
        "UPDATE \(table.name) SET valid_until = now() + $1::interval", [validFor])
    }
    let connection = try fixture.connect(as: TenantFixture.first)
    for view in ["api.freshness_v1"] + TenantFixture.rowsPerCompany.keys.sorted() {
      #expect(try connection.values("SELECT DISTINCT stale FROM \(view)") == [stale], "\(view)")
    }
  }

  @Test("are written and removed by a role that is no superuser and owns nothing")
  func writing() throws {
    let fixture = try TenantFixture()
    #expect(
      try fixture.writer.value("SELECT count(*) FROM predictions.revenue_forecasts") == "30")
    let removed = try fixture.writer.run(
      "DELETE FROM predictions.revenue_forecasts WHERE run_id = $1", [TenantFixture.otherRun])
    #expect(removed == 15)
    let superuser = try fixture.writer.value(
      "SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    #expect(superuser == "f")
  }
}
