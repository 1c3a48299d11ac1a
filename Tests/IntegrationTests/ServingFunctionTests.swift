import Pipelines
import Postgres
import TestSupport
import Testing

/// A function of schema `api` as the catalog describes it.
private struct ServedFunction {
  var name: String
  var arguments: [(name: String, type: String)]

  /// All of them.
  static func all(_ connection: Connection) throws -> [ServedFunction] {
    let rows = try connection.query(
      """
      SELECT p.proname AS name, a.name AS argument, a.type::regtype::text AS type
      FROM pg_proc AS p
      LEFT JOIN LATERAL unnest(p.proargnames, p.proargtypes::oid[]) AS a (name, type) ON true
      WHERE p.pronamespace = 'api'::regnamespace ORDER BY p.oid
      """)
    var functions: [ServedFunction] = []
    for row in 0..<rows.count {
      let name = rows[row, "name"] ?? ""
      if functions.last?.name != name {
        functions.append(ServedFunction(name: name, arguments: []))
      }
      if let argument = rows[row, "argument"] {
        functions[functions.count - 1].arguments.append((argument, rows[row, "type"] ?? ""))
      }
    }
    return functions
  }

  /// A call with values as texts, which the server converts as it would those of an HTTP layer.
  func call(_ values: [(name: String, value: String?)], on connection: Connection) throws
    -> String?
  {
    let list = values.enumerated().map { "\(quoteIdentifier($1.name)) => $\($0 + 1)" }
    return try connection.value(
      "SELECT api.\(name)(\(list.joined(separator: ", ")))", values.map(\.value))
  }
}

@Suite("The functions of the api schema", .database)
struct ServingFunctionTests {
  private static let all = [
    "revenue_forecast", "churn_risk", "upsell_opportunities", "payment_failure_risk", "metric",
    "report",
  ]

  @Test("are stable, run as their caller with a fixed path, and belong to readers alone")
  func catalog() throws {
    let fixture = try TenantFixture()
    let rows = try fixture.writer.query(
      """
      SELECT proname, provolatile, prosecdef, proconfig::text, prorettype::regtype,
        has_function_privilege('almanac_reader', oid, 'EXECUTE') AS readable,
        (SELECT bool_or(grantee = 0) FROM aclexplode(proacl)) AS is_public
      FROM pg_proc WHERE pronamespace = 'api'::regnamespace ORDER BY oid
      """)
    #expect((0..<rows.count).map { rows[$0, "proname"] } == Self.all)
    for row in 0..<rows.count {
      #expect(rows[row, "provolatile"] == "s" && rows[row, "prosecdef"] == "f")
      #expect(rows[row, "proconfig"]?.contains("search_path=pg_catalog, pg_temp") == true)
      #expect(rows[row, "prorettype"] == "json")
      #expect(rows[row, "readable"] == "t" && rows[row, "is_public"] == "f")
    }
    let stranger = try fixture.target.connection(as: fixture.target.makeRole("stranger"))
    for call in ["revenue_forecast()", "payment_failure_risk()", "metric('mrr')"] {
      #expect(try refusal { try stranger.run("SELECT api.\(call)") } == "42501", "\(call)")
    }
  }

  @Test("give the bodies of their endpoints, whatever the session's formats")
  func bodies() throws {
    let connection = try TenantFixture().connect(as: TenantFixture.first)
    try connection.runScript(
      "SET DateStyle = 'German'; SET TimeZone = 'Asia/Tokyo'; SET extra_float_digits = -10;"
        + "SET search_path = pg_temp")
    let first = TenantFixture.first
    let origin = """
      "as_of" : "2011-12-09", "recorded_cut" : "2011-12-10T00:00:00.000000Z", \
      "valid_until" : "2100-01-01T00:00:00.000000Z", "stale" : false
      """
    let reasons = """
      "reasons" : [{"text": "because \(first)", "value": 1.5, "feature": "f of \(first)", \
      "contribution": 0.25}]
      """
    for (call, body) in [
      (
        #"revenue_forecast('total', NULL, 'day', "to" => '11.12.2011')"#,
        """
        {"publication_id" : 1, "company_id" : "\(first)", "scope" : "total", \
        "scope_id" : null, "grain" : "day", \(origin), "currency" : "GBP", \
        "model" : "revenue", "model_version" : "v1", "model_used" : "ridge", \
        "fallback_reason" : null, "rows" : [{"period_start" : "2011-12-10", "horizon" : 1, \
        "predicted" : 100.5000, "lower_80" : 90.5000, "upper_80" : 110.5000, \
        "lower_95" : 80.5000, "upper_95" : 120.5000}]}
        """
      ),
      (
        "churn_risk('\(first)')",
        """
        {"publication_id" : 1, "company_id" : "\(first)", \(origin), "model" : "churn", \
        "model_version" : "v1", "prediction" : {"probability" : 0.125, "probability_90d" : null, \
        "risk_band" : "medium", "expected_mrr_loss" : 12.5000, \(reasons), \
        "actions" : [{"action": "call \(first)"}]}}
        """
      ),
      (
        "metric('mrr', '2011-12-09')",
        """
        {"publication_id" : 1, "company_id" : "\(first)", "metric_name" : "mrr", \
        "grain" : "day", "as_of" : "2011-12-09", "valid_until" : "VALID", "stale" : false, \
        "unit" : "money", "currency" : "GBP", "rows" : [{"period_start" : "2011-12-09", \
        "value" : 1.0000000000, "numerator" : 1.0000000000, "denominator" : null, \
        "restated_at" : null}]}
        """
      ),
      (
        "report(md5('report\(first)')::uuid)",
        """
        {"publication_id" : 1, "company_id" : "\(first)", "report_id" : "REPORT", \
        "valid_until" : "VALID", "stale" : false, "report" : {"report_name" : "Report of \(first)", \
        "report_type" : "monthly", "query_params" : {}, "results" : {"for": "\(first)"}, \
        "files" : [], "generated_at" : "2011-12-09T06:00:00.000000Z"}}
        """
      ),
    ] {
      let valid = try connection.value(
        """
        SELECT to_char(min(valid_until) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        FROM api.freshness_v1
        """)
      let report = try connection.value("SELECT report_id FROM api.reports_v1")
      let expected = body.replacing("VALID", with: valid ?? "").replacing(
        "REPORT", with: report ?? "")
      #expect(try connection.value("SELECT api.\(call)") == expected)
    }
    let upsell = try connection.query(
      """
      SELECT o ->> 'rank', o ->> 'kind', o ->> 'probability', o ->> 'expected_mrr_uplift'
      FROM json_array_elements(api.upsell_opportunities('\(first)') -> 'rows') AS o
      """)
    #expect(
      (0..<upsell.count).map { upsell.row($0) } == [
        ["1", "tier_upgrade", "0.5", "10.0000"], ["2", "module_cross_sell", "0.25", "10.0000"],
        ["3", "module_cross_sell", "0.16666666666666666", "10.0000"],
      ])
  }

  @Test("give payments likeliest first, page by page without a gap or a repetition")
  func pages() throws {
    let fixture = try TenantFixture()
    for (connection, total) in [
      (try fixture.connect(as: TenantFixture.first), 7), (try fixture.connectAsAdmin(), 21),
      (try fixture.connectAsAdmin(company: TenantFixture.second), 7),
    ] {
      let everything = try connection.values(
        """
        SELECT o::text FROM json_array_elements(api.payment_failure_risk() -> 'rows')
          WITH ORDINALITY AS o (o, n) ORDER BY n
        """)
      #expect(everything.count == total)
      for size in [1, 2, 7, 20] {
        var found: [String] = []
        var cursor: String?
        repeat {
          let page = try connection.query(
            """
            SELECT o::text, body ->> 'next_cursor' AS next
            FROM (SELECT api.payment_failure_risk("limit" => $1, cursor => $2) AS body) AS b,
              json_array_elements(body -> 'rows') WITH ORDINALITY AS o (o, n) ORDER BY n
            """, [String(size), cursor])
          found += (0..<page.count).map { page[$0, 0] ?? "" }
          cursor = page.count > 0 ? page[0, "next"] : nil
        } while cursor != nil && found.count <= total
        #expect(found == everything, "pages of \(size)")
      }
    }
    let reader = try fixture.connect(as: TenantFixture.first)
    #expect(
      try reader.values(
        """
        SELECT o ->> 'probability'
        FROM json_array_elements(api.payment_failure_risk(0.25) -> 'rows') AS o
        """) == ["0.375", "0.375", "0.25", "0.25"])
    let cursor = try reader.value(
      #"SELECT api.payment_failure_risk("limit" => 1) ->> 'next_cursor'"#)
    try fixture.publish(TenantFixture.otherRun)
    #expect(
      try refusal { try reader.run("SELECT api.payment_failure_risk(cursor => $1)", [cursor]) }
        == "PB409")
  }

  @Test("answer for the company of the setting, and for none without one")
  func companies() throws {
    let fixture = try TenantFixture()
    for call in ["revenue_forecast(grain => 'day')", "metric('mrr')", "payment_failure_risk()"] {
      let sql = """
        SELECT body ->> 'company_id', json_array_length(body -> 'rows') > 0
        FROM (SELECT api.\(call) AS body) AS b
        """
      for company in TenantFixture.companies {
        #expect(try fixture.connect(as: company).query(sql).row(0) == [company, "t"])
      }
      #expect(try fixture.connect(as: nil).query(sql).row(0) == [nil, "f"])
      #expect(try fixture.connectAsAdmin().query(sql).row(0) == [TenantFixture.all, "t"])
      #expect(
        try fixture.connectAsAdmin(company: TenantFixture.second).query(sql).row(0)
          == [TenantFixture.second, "t"])
    }
    let malformed = try fixture.connect(as: "no uuid")
    for call in ["metric('mrr')", "churn_risk('\(TenantFixture.first)')", "payment_failure_risk()"]
    {
      #expect(try refusal { try malformed.run("SELECT api.\(call)") } == "22P02", "\(call)")
    }
  }

  @Test("take from as the first day and to as the day after the last")
  func halfOpen() throws {
    let connection = try TenantFixture().connect(as: TenantFixture.first)
    for call in [
      #"revenue_forecast(grain => 'day', "from" => '2011-12-11', "to" => '2011-12-12')"#,
      #"metric('mrr', "from" => '2011-12-08', "to" => '2011-12-09')"#,
    ] {
      #expect(
        try connection.value("SELECT json_array_length(api.\(call) -> 'rows')") == "1", "\(call)")
    }
  }

  @Test("refuse what they have no meaning for with a stable code, and repeat nothing of it")
  func badArguments() throws {
    let connection = try TenantFixture().connect(as: TenantFixture.first)
    let cursorEnd = String(repeating: "~aaaaaaaa000040008000000000000001", count: 3)
    for call in [
      "revenue_forecast(scope => 'company; DROP TABLE')", "revenue_forecast(scope => NULL)",
      "revenue_forecast(scope => '')", "revenue_forecast('total', '\(TenantFixture.second)')",
      "revenue_forecast('company')", "revenue_forecast('segment', '')",
      "revenue_forecast('segment', repeat('x', 201))", "revenue_forecast(repeat('''', 100000))",
      "revenue_forecast(grain => 'hour')", "revenue_forecast(grain => NULL)",
      "revenue_forecast(grain => 'Day')", #"revenue_forecast("from" => 'infinity')"#,
      #"revenue_forecast("to" => '-infinity')"#,
      #"revenue_forecast("from" => '2011-12-10', "to" => '2011-12-09')"#,
      "churn_risk(NULL)", "upsell_opportunities(NULL)", "report(NULL)", "metric(NULL)",
      "metric('')", "metric(repeat('x', 201))", "metric('mrr', grain => 'hour')",
      "metric('mrr', grain => NULL)", #"metric('mrr', "from" => 'infinity')"#,
      "metric('mrr', '2011-12-10', '2011-12-09')", "payment_failure_risk(NULL)",
      "payment_failure_risk(-0.1)", "payment_failure_risk(1.1)", "payment_failure_risk('NaN')",
      "payment_failure_risk('Infinity')", "payment_failure_risk(0, -1)",
      "payment_failure_risk(0, 0)", "payment_failure_risk(0, 1001)",
      "payment_failure_risk(0, NULL)", "payment_failure_risk(cursor => '')",
      "payment_failure_risk(cursor => repeat('1', 1000000))",
      "payment_failure_risk(cursor => '1~1~0.5~\(TenantFixture.second)')",
      "payment_failure_risk(cursor => '1~1~NaN\(cursorEnd)')",
      "payment_failure_risk(cursor => '1~1~9e-999\(cursorEnd)')",
      "payment_failure_risk(cursor => '1~1~0.5\(cursorEnd)' || chr(10))",
      "payment_failure_risk(cursor => '2~1~0.5\(cursorEnd)')",
      "payment_failure_risk(cursor => '1~9999999999999999999~0.5\(cursorEnd)')",
    ] {
      let error = #expect(throws: PostgresError.self, "\(call)") {
        try connection.run("SELECT api.\(call)")
      }
      #expect(error?.code == "22023", "\(call)")
      let text = error?.description ?? ""
      #expect(text.count < 120, "\(text)")
      for leak in ["bbbbbbbb", "DROP", "xxx", "''", "111", "~"] {
        #expect(!text.contains(leak), "\(text)")
      }
    }
    // What is no value of the argument's type does not reach the function.
    for (call, code) in [
      ("churn_risk('x')", "22P02"), ("churn_risk(1)", "42883"), ("metric('m', 'x')", "22007"),
      ("metric('m', '2011-13-01')", "22008"), ("payment_failure_risk('x')", "22P02"),
      ("payment_failure_risk(0, 'x')", "22P02"),
      ("payment_failure_risk(0, '99999999999')", "22003"),
      ("payment_failure_risk('1e999')", "22003"), ("report('1; SELECT 1')", "22P02"),
      ("churn_risk()", "42883"),
    ] {
      #expect(try refusal { try connection.run("SELECT api.\(call)") } == code, "\(call)")
    }
  }

  @Test("never say anything of another company, whatever each argument is")
  func leaks() throws {
    let fixture = try TenantFixture()
    let reader = try fixture.connect(as: TenantFixture.first)
    let admin = try fixture.connectAsAdmin()
    let second = TenantFixture.second
    let unknown = "cccccccc-0000-4000-8000-000000000003"
    let identifiers = try admin.values(
      """
      SELECT report_id::text FROM api.reports_v1 WHERE company_id = '\(second)'
      UNION SELECT invoice_id::text FROM api.payment_failure_risk_v1 WHERE company_id = '\(second)'
      """)
    let cursors = try fixture.connectAsAdmin(company: second).values(
      #"SELECT api.payment_failure_risk("limit" => n) ->> 'next_cursor' FROM generate_series(1, 6) n"#
    )
    #expect(cursors.count == 6 && !cursors.contains("null"))
    let codes: Set = ["22023", "22P02", "22007", "22008", "22003", "PB409", "22021"]
    let texts: [String?] =
      [
        nil, "", second, "activation of \(second)", "plan of \(second)", "mrr", "company", "total",
        "day", "month", "' OR '1'='1", "\\", "😀", String(repeating: "'", count: 10_000), "%", "-1",
        "2011-12-09", "infinity", "0", "1", "1e400", "NaN", "00000000-0000-0000-0000-000000000000",
      ] + cursors + identifiers
    var answers = 0
    for function in try ServedFunction.all(fixture.writer) {
      // Every argument by itself over what the others need, and the identifiers of scopes.
      let needed: [(name: String, value: String?)] =
        switch function.name {
        case "metric": [("name", "mrr")]
        case "churn_risk", "upsell_opportunities": [("company_id", unknown)]
        case "report": [("report_id", unknown)]
        default: []
        }
      for argument in function.arguments {
        for text in texts {
          var values = needed.filter { $0.name != argument.name } + [(argument.name, text)]
          if argument.name == "scope_id" { values.append(("scope", "company")) }
          do {
            let answer = try function.call(values, on: reader) ?? ""
            answers += 1
            // The argument itself comes back; nothing else of that company may.
            var rest = answer
            if let text, !text.isEmpty { rest = rest.replacing(text, with: "") }
            #expect(!TenantFixture.namesSecond(rest), "\(function.name) \(values)")
            if argument.type == "uuid", let text {
              let other = try function.call([(argument.name, unknown)], on: reader)
              #expect(answer == other?.replacing(unknown, with: text), "\(function.name) \(text)")
            }
          } catch let error as PostgresError {
            #expect(codes.contains(error.code ?? ""), "\(function.name) \(values) \(error)")
            #expect(!TenantFixture.namesSecond(error.description.replacing(text ?? "-", with: "")))
          }
        }
      }
    }
    #expect(answers > 50)
    #expect(throws: PostgresError.zeroByte) {
      try reader.run("SELECT api.metric($1)", ["mrr\u{0}"])
    }
  }
}
