import Pipelines
import Postgres
import TestSupport
import Testing

/// The views with rows of tenants.
private let tenantViews = TenantFixture.rowsPerCompany.keys.sorted()

@Suite("Tenants of the api schema", .database)
struct TenantTests {
  @Test("are tested through every view that has a company")
  func allViews() throws {
    let fixture = try TenantFixture()
    let views = try fixture.writer.values(
      """
      SELECT c.oid::regclass::text FROM pg_class AS c
      JOIN pg_attribute AS a ON attrelid = c.oid AND attname = 'company_id'
      WHERE relnamespace = 'api'::regnamespace ORDER BY 1
      """)
    #expect(views == tenantViews)
  }

  @Test("see the rows of their own company", arguments: tenantViews)
  func ownRows(view: String) throws {
    let fixture = try TenantFixture()
    let expected = try #require(TenantFixture.rowsPerCompany[view])
    for company in TenantFixture.companies {
      let connection = try fixture.connect(as: company)
      #expect(try connection.value("SELECT count(*) FROM \(view)") == String(expected))
      #expect(try connection.values("SELECT DISTINCT company_id FROM \(view)") == [company])
    }
  }

  @Test("reach no row of another company by a filter, a join or a count", arguments: tenantViews)
  func otherRows(view: String) throws {
    let connection = try TenantFixture().connect(as: TenantFixture.first)
    for query in [
      "SELECT count(*) FROM \(view) WHERE company_id = '\(TenantFixture.second)'",
      "SELECT count(*) FROM \(view) WHERE company_id <> '\(TenantFixture.first)'",
      "SELECT count(*) FROM \(view) WHERE company_id::text LIKE 'b%' OR company_id IS NULL",
      "SELECT count(*) FROM \(view) AS a JOIN \(view) AS b ON b.company_id <> a.company_id",
      "SELECT count(DISTINCT company_id) - 1 FROM \(view)",
    ] {
      #expect(try connection.value(query) == "0", "\(query)")
    }
  }

  @Test("cannot make a cheap function of theirs see another company's rows", arguments: tenantViews)
  func leakyFunction(view: String) throws {
    let connection = try TenantFixture().connect(as: TenantFixture.first)
    try connection.runScript(
      """
      CREATE FUNCTION pg_temp.leak(company uuid) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
      $$ BEGIN
        IF company <> '\(TenantFixture.first)' THEN RAISE EXCEPTION 'saw %', company; END IF;
        RETURN true;
      END $$
      """)
    let expected = try #require(TenantFixture.rowsPerCompany[view])
    let count = try connection.value("SELECT count(*) FROM \(view) WHERE pg_temp.leak(company_id)")
    #expect(count == String(expected))
  }

  @Test("see nothing without a setting, or with an empty one", arguments: tenantViews)
  func noSetting(view: String) throws {
    let fixture = try TenantFixture()
    for setting in [nil, ""] {
      let connection = try fixture.connect(as: setting)
      #expect(try connection.value("SELECT count(*) FROM \(view)") == "0")
    }
  }

  @Test("get an error for a setting that is no identifier", arguments: tenantViews)
  func malformedSetting(view: String) throws {
    let connection = try TenantFixture().connect(as: "' OR true --")
    #expect(try refusal { try connection.run("SELECT count(*) FROM \(view)") } == "22P02")
  }

  @Test("see all companies as members of almanac_admin", arguments: tenantViews)
  func admin(view: String) throws {
    let connection = try TenantFixture().connectAsAdmin()
    let companies = try connection.values("SELECT DISTINCT company_id FROM \(view) ORDER BY 1")
    #expect(companies == TenantFixture.companies.sorted())
  }

  @Test("may not touch the tables behind the views")
  func noTables() throws {
    let fixture = try TenantFixture()
    let tables = try fixture.writer.values(
      """
      SELECT schemaname || '.' || tablename FROM pg_tables
      WHERE schemaname IN ('almanac', 'analytics', 'predictions') ORDER BY 1
      """)
    #expect(tables.count == 33)
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
    let connection = try TenantFixture().connect(as: TenantFixture.first)
    try connection.run("SET enable_seqscan = off")
    for (view, filter) in [
      ("api.revenue_forecast_v1", "true"), ("api.rollups_v1", "grain = 'day'"),
      ("api.metrics_v1", "grain = 'day'"), ("api.cohorts_v1", "true"), ("api.funnels_v1", "true"),
    ] {
      let plan = try connection.values("EXPLAIN (VERBOSE) SELECT * FROM \(view) WHERE \(filter)")
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
    for connection in [
      try fixture.connect(as: TenantFixture.first), try fixture.connectAsAdmin(),
    ] {
      let runs = try connection.values("SELECT DISTINCT run_id FROM api.revenue_forecast_v1")
      #expect(runs == [TenantFixture.publishedRun])
    }
  }

  @Test("switch all readers in one step, back too")
  func switching() throws {
    let fixture = try TenantFixture()
    let connection = try fixture.connect(as: TenantFixture.first)
    let sql = "SELECT DISTINCT run_id || ' ' || publication_id FROM api.revenue_forecast_v1"
    let first = try connection.values(sql)
    try fixture.publish(TenantFixture.otherRun)
    let second = try connection.values(sql)
    try fixture.publish(TenantFixture.publishedRun)
    let third = try connection.values(sql)
    #expect(first == ["\(TenantFixture.publishedRun) 1"])
    #expect(second == ["\(TenantFixture.otherRun) 2"])
    #expect(third == ["\(TenantFixture.publishedRun) 3"])
    #expect(try fixture.writer.value("SELECT count(*) FROM almanac.published") == "3")
  }

  @Test("keep one state within a repeatable read transaction")
  func repeatableRead() throws {
    let fixture = try TenantFixture()
    let connection = try fixture.connect(as: TenantFixture.first)
    let runs = try connection.transaction(.repeatableReadReadOnly()) {
      let before = try connection.value("SELECT min(publication_id) FROM api.freshness_v1")
      try fixture.publish(TenantFixture.otherRun)
      let after = try connection.value(
        "SELECT max(publication_id) FROM api.revenue_forecast_v1")
      return [before, after]
    }
    #expect(runs == ["1", "1"])
  }

  @Test("are empty before the first one")
  func beforeTheFirst() throws {
    let fixture = try TenantFixture()
    try fixture.writer.runScript(
      "DELETE FROM almanac.published; DELETE FROM almanac.published_runs")
    let connection = try fixture.connect(as: TenantFixture.first)
    for view in ["api.freshness_v1"] + tenantViews {
      #expect(try connection.value("SELECT count(*) FROM \(view)") == "0", "\(view)")
    }
    let body = try connection.value("SELECT api.revenue_forecast()")
    #expect(body?.contains(#""publication_id" : null"#) == true)
    #expect(body?.contains(#""stale" : true"#) == true)
  }

  @Test("are stale once their time has passed", arguments: [("1 day", "f"), ("-1 second", "t")])
  func staleness(validFor: String, stale: String) throws {
    let fixture = try TenantFixture()
    try fixture.publish(TenantFixture.publishedRun, validFor: validFor)
    try fixture.writer.run(
      "UPDATE predictions.revenue_forecasts SET valid_until = now() + $1::interval", [validFor])
    let connection = try fixture.connect(as: TenantFixture.first)
    for view in ["api.freshness_v1"] + tenantViews {
      #expect(try connection.values("SELECT DISTINCT stale FROM \(view)") == [stale], "\(view)")
    }
  }

  @Test("are written and removed by a role that is no superuser and owns nothing")
  func writing() throws {
    let fixture = try TenantFixture()
    #expect(
      try fixture.writer.value("SELECT count(*) FROM predictions.revenue_forecasts") == "18")
    let removed = try fixture.writer.run(
      "DELETE FROM predictions.revenue_forecasts WHERE run_id = $1", [TenantFixture.otherRun])
    #expect(removed == 9)
    let superuser = try fixture.writer.value(
      "SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    #expect(superuser == "f")
  }
}

@Suite("api.revenue_forecast", .database)
struct TenantForecastFunctionTests {
  @Test("gives the body of the endpoint, whatever the session's formats")
  func body() throws {
    let connection = try TenantFixture().connect(as: TenantFixture.first)
    try connection.runScript("SET DateStyle = 'German'; SET TimeZone = 'Asia/Tokyo'")
    let body = try connection.value(
      #"SELECT api.revenue_forecast('total', NULL, 'day', "to" => '11.12.2011')"#)
    #expect(
      body == """
        {"publication_id" : 1, "company_id" : "\(TenantFixture.first)", "scope" : "total", \
        "scope_id" : null, "grain" : "day", "as_of" : "2011-12-09", \
        "recorded_cut" : "2011-12-10T00:00:00.000000Z", \
        "valid_until" : "2100-01-01T00:00:00.000000Z", "stale" : false, "currency" : "GBP", \
        "model" : "revenue", "model_version" : "v1", "model_used" : "ridge", \
        "fallback_reason" : null, "rows" : [{"period_start" : "2011-12-10", "horizon" : 1, \
        "predicted" : 100.5000, "lower_80" : 90.5000, "upper_80" : 110.5000, \
        "lower_95" : 80.5000, "upper_95" : 120.5000}]}
        """)
  }

  @Test("takes from as the first day and to as the day after the last")
  func halfOpen() throws {
    let connection = try TenantFixture().connect(as: TenantFixture.first)
    let days = try connection.values(
      """
      SELECT json_array_elements(api.revenue_forecast(grain => 'day', "from" => '2011-12-11',
        "to" => '2011-12-12') -> 'rows') ->> 'period_start'
      """)
    #expect(days == ["2011-12-11"])
  }

  @Test("answers for the company of the setting, and for none without one")
  func companies() throws {
    let fixture = try TenantFixture()
    let sql = """
      SELECT body ->> 'company_id', json_array_length(body -> 'rows')
      FROM (SELECT api.revenue_forecast(grain => 'day') AS body) AS b
      """
    for company in TenantFixture.companies {
      #expect(try fixture.connect(as: company).query(sql).row(0) == [company, "3"])
    }
    #expect(try fixture.connect(as: nil).query(sql).row(0) == [nil, "0"])
    #expect(try fixture.connectAsAdmin().query(sql).row(0) == [TenantFixture.all, "3"])
    #expect(
      try fixture.connectAsAdmin(company: TenantFixture.second).query(sql).row(0)
        == [TenantFixture.second, "3"])
  }

  @Test("is not to be had for who is no reader")
  func strangers() throws {
    let fixture = try TenantFixture()
    let stranger = try fixture.target.connection(as: fixture.target.makeRole("stranger"))
    #expect(try refusal { try stranger.run("SELECT api.revenue_forecast()") } == "42501")
  }

  @Test("refuses arguments it has no meaning for, without repeating them")
  func badArguments() throws {
    let connection = try TenantFixture().connect(as: TenantFixture.first)
    for arguments in [
      "scope => 'company; DROP TABLE'", "scope => NULL", "scope => ''",
      "scope => 'total', scope_id => '\(TenantFixture.second)'", "scope => 'company'",
      "scope => 'segment', scope_id => ''", "scope => 'segment', scope_id => repeat('x', 201)",
      "scope => repeat('''', 100000)", "grain => 'hour'", "grain => NULL", "grain => 'Day'",
      #""from" => 'infinity'"#, #""to" => '-infinity'"#,
      #""from" => '2011-12-10', "to" => '2011-12-09'"#,
    ] {
      let error = #expect(throws: PostgresError.self, "\(arguments)") {
        try connection.run("SELECT api.revenue_forecast(\(arguments))")
      }
      #expect(error?.code == "22023", "\(arguments)")
      let text = try #require(error?.description)
      #expect(text.count < 120)
      for leak in [TenantFixture.second, "DROP", "xxx", "''"] {
        #expect(!text.contains(leak))
      }
    }
  }

  @Test("finds nothing under a name that belongs to another company or means nothing")
  func unknownNames() throws {
    let connection = try TenantFixture().connect(as: TenantFixture.first)
    for name in [TenantFixture.second, "' OR '1'='1", "\\", "😀"] {
      let rows = try connection.value(
        "SELECT json_array_length(api.revenue_forecast('company', $1, 'day') -> 'rows')", [name])
      #expect(rows == "0")
    }
  }
}
