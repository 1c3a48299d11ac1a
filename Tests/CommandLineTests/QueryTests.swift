import Foundation
import TestSupport
import Testing

/// `almanac query`.
@Suite("Queries from the shell", .database)
struct QueryTests {
  private func query(_ place: Workplace, _ arguments: String...) throws -> ProcessOutcome {
    try place.almanac(["query"] + arguments + ["--target", place.url])
  }

  /// The rows of a CSV answer, the heading first.
  private func rows(_ outcome: ProcessOutcome) throws -> [[String]] {
    try #require(outcome.status == 0, "\(outcome.stderr)")
    return outcome.stdout.split(separator: "\n").map {
      $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
  }

  @Test("rollups add up to the events, by day, month, type and company")
  func rollups() throws {
    let place = try Workplace()
    try #require(try place.night("2025-12-31").status == 0)
    let days = try rows(
      try query(
        place, "rollup", "payment_received", "--from", "2025-03-01", "--to", "2025-03-31",
        "--format", "csv"))
    #expect(days[0].prefix(3) == ["date", "event_count", "amount_sum"])
    for row in days.dropFirst() {
      let expected = try place.value(
        """
        SELECT count(*) || ' ' || round(sum((metadata->>'amount')::numeric), 4) FROM app.events
        WHERE event_type = 'payment_received'
          AND ("timestamp" AT TIME ZONE 'UTC')::date = '\(row[0])'
        """)
      #expect("\(row[1]) \(row[2])" == expected, "\(row[0])")
    }
    #expect(days.count == 27)
    let company = "00000000-0000-4000-8000-000000000002"
    let own = try rows(
      try query(
        place, "rollup", "--by", "type,module", "--company", company, "--to", "2025-01-31",
        "--format", "csv"))
    #expect(own[0].contains("unique_users"))
    let column = try #require(own[0].firstIndex(of: "event_count"))
    #expect(
      "\(own.dropFirst().compactMap { Int($0[column]) }.reduce(0, +))"
        == (try place.value(
          """
          SELECT count(*)::text FROM app.events WHERE company_id = '\(company)'
            AND "timestamp" < '2025-02-01 00:00Z'
          """)))
    let hours = try query(
      place, "rollup", "--grain", "hour", "--by", "company", "--from", "2025-03-03", "--to",
      "2025-03-03", "--format", "json")
    let objects = try #require(
      try JSONSerialization.jsonObject(with: Data(hours.stdout.utf8)) as? [[String: Any]])
    #expect(objects.count == 3 && objects.allSatisfy { $0["event_count"] as? Int == 2 })
  }

  @Test("as of a day it prints what a night for that day had written")
  func asOf() throws {
    let place = try Workplace()
    try #require(try place.night("2025-03-31").status == 0)
    func lines(_ more: [String]) throws -> [[String]] {
      try rows(
        place.almanac(
          ["query"] + more + ["--format", "csv", "--target", place.url]
            + (more.contains("--as-of") || more.contains("range") ? ["--data", "data"] : [])))
    }
    let kept = try lines(["metric", "revenue", "--by", "company"])
    #expect(kept.count > 50)
    let range = ["rollup", "--grain", "range", "--from", "2025-03-01", "--to", "2025-04-30"]
    let keptRange = try lines(range)
    try #require(try place.night("2025-12-31").status == 0)
    let metric = ["metric", "revenue", "--by", "company"]
    #expect(try lines(metric).count > kept.count)
    #expect(try lines(metric + ["--as-of", "2025-03-31"]) == kept)
    #expect(try lines(range) != keptRange)
    // The range ends with the last day that was over then.
    let past = try lines(range + ["--as-of", "2025-03-31"])
    #expect(past == keptRange && past[1][1] == "2025-03-31")
    let refused = try query(place, "rollup", "--as-of", "2025-03-31")
    #expect(refused.status == 64 && refused.stderr.contains("--grain range"))
    let vague = try query(place, "cohort", "signup", "--as-of", "yesterday")
    #expect(vague.status == 64 && vague.stderr.contains("2026-01-31T12:00:00Z"))
    try extremes(place, whole: try lines(range))
  }

  /// Days at both ends of the calendar are answered or refused in one line, and soon.
  private func extremes(_ place: Workplace, whole: [[String]]) throws {
    let data = ["--format", "csv", "--target", place.url, "--data", "data"]
    for time in ["9999-12-31", "9999-12-31T23:59:59.999999Z", "2999-01-01"] {
      for words in [
        ["metric", "mrr"], ["cohort", "signup"], ["funnel", "trial_to_second_module"],
      ] {
        let late = try place.almanac(["query"] + words + ["--as-of", time] + data)
        #expect(late.status == 64)
        #expect(late.stderr.contains("the snapshots know the source up to 20"), "\(late.stderr)")
        #expect(late.stderr.split(separator: "\n").count == 1, "\(late.stderr)")
      }
    }
    for time in ["0001-01-01", "0001-01-02T00:00:00Z", "1970-01-01"] {
      let early = try place.almanac(["query", "metric", "mrr", "--as-of", time] + data)
      #expect(early.status == 0 && early.stdout == "date,value\n", "\(early.stderr)")
      #expect(early.stderr.contains("there are no rows"))
      let unknown = try place.almanac(["query", "metric", "mmr", "--as-of", time] + data)
      #expect(unknown.status == 66 && unknown.stderr.contains("did you mean \"mrr\""))
    }
    let ends = ["--from", "0001-01-01", "--to", "9999-12-31"]
    let all = try rows(
      place.almanac(["query", "rollup", "--grain", "range", "--by", "type"] + ends + data))
    #expect(all.count > 1 && whole.count > 1)
    for grain in ["hour", "day", "month"] {
      let answer = try query(
        place, "rollup", "--grain", grain, "--from", ends[1], "--to", ends[3], "--format", "csv")
      #expect(answer.status == 0, "\(answer.stderr)")
    }
  }

  @Test("a range of days counts distinct users over its events, whatever it is split by")
  func ranges() throws {
    let place = try Workplace()
    // One user in several types and companies, an event twice, and one behind the range.
    try place.sql(
      """
      INSERT INTO app.events (event_id, event_type, company_id, user_id, metadata, "timestamp")
      SELECT md5('ranged ' || n)::uuid, type, ('00000000-0000-4000-8000-00000000000' || company)::uuid,
        md5(person)::uuid, metadata::jsonb, happened::timestamptz
      FROM (VALUES
        (1, 'call_started', 2, 'ann', '{"duration_ms": 5}', '2025-02-10 00:00Z'),
        (2, 'call_completed', 2, 'ann', '{"duration_ms": 7}', '2025-02-19 23:59:59Z'),
        (2, 'call_completed', 2, 'ann', '{"duration_ms": 7}', '2025-02-19 23:59:59Z'),
        (3, 'call_started', 3, 'ann', '{}', '2025-02-12 08:00Z'),
        (4, 'call_started', 3, 'bob', '{}', '2025-02-13 08:00Z'),
        (5, 'call_started', 3, 'cid', '{}', '2025-02-20 00:00Z')
      ) AS e (n, type, company, person, metadata, happened);
      """)
    try #require(try place.night("2025-12-31").status == 0)
    func range(_ more: String...) throws -> [[String]] {
      let arguments =
        [
          "query", "rollup", "--grain", "range", "--from", "2025-02-10", "--to", "2025-02-19",
          "--data", "data", "--format", "csv", "--target", place.url,
        ] + more
      return try rows(try place.almanac(arguments))
    }
    let source = """
      FROM (SELECT DISTINCT ON (event_id) * FROM app.events ORDER BY event_id, created_at) AS e
      WHERE "timestamp" >= '2025-02-10 00:00Z' AND "timestamp" < '2025-02-20 00:00Z'
      """
    let all = try range()
    #expect(
      all[0] == [
        "from", "to", "event_count", "unique_users", "amount_sum", "amount_min", "amount_max",
        "duration_ms_sum",
      ])
    let expected = try place.value(
      """
      SELECT concat_ws(',', count(*), count(DISTINCT user_id),
        round(sum((metadata->>'amount')::numeric), 4), round(min((metadata->>'amount')::numeric), 4),
        round(max((metadata->>'amount')::numeric), 4), sum((metadata->>'duration_ms')::bigint))
      \(source)
      """)
    #expect(all.count == 2 && all[1].dropFirst(2).joined(separator: ",") == expected)
    let types = try range("--by", "type")
    let byType = try place.value(
      """
      SELECT string_agg(line, ';' ORDER BY line COLLATE "C") FROM (
        SELECT concat_ws(',', event_type, count(*), count(DISTINCT user_id)) AS line \(source)
        GROUP BY event_type) AS l
      """)
    #expect(
      types.dropFirst().map { $0[2...4].joined(separator: ",") }.joined(separator: ";") == byType)
    let companies = try range("call_started", "--by", "company")
    #expect(
      companies.dropFirst().map { "\($0[2].suffix(1)) \($0[3]) \($0[4])" } == ["2 1 1", "3 2 2"])
    let one = try range("--company", "00000000-0000-4000-8000-000000000003")
    let users = try place.value(
      "SELECT count(DISTINCT user_id) \(source) AND company_id::text LIKE '%3'")
    #expect(one[1][3] == users)
    // Days that are not computed are not guessed from events that happen to be held.
    let late = try place.almanac([
      "query", "rollup", "--grain", "range", "--from", "2025-12-01", "--to", "2026-02-01", "--data",
      "data", "--format", "csv", "--target", place.url,
    ])
    #expect(late.stderr.contains("days after 2025-12-31 are not computed yet"))
    #expect(late.stdout.contains("2025-12-01,2025-12-31,"))
    let typo = try place.almanac([
      "query", "rollup", "call_strated", "--grain", "range", "--from", "2025-12-01", "--to",
      "2025-12-31", "--data", "data", "--target", place.url,
    ])
    #expect(typo.status == 66 && typo.stderr.contains("did you mean \"call_started\"?"))
  }

  @Test("metrics are printed whole and by dimension, for all companies and for one")
  func metrics() throws {
    let place = try Workplace(isFilled: false)
    try place.sql(QueryTests.metricRows)
    let all = try rows(
      try query(place, "metric", "mrr", "--grain", "month", "--format", "csv"))
    #expect(
      all == [
        ["month", "value", "currency"], ["2026-01-01", "150.5000", "USD"],
        ["2026-02-01", "170.0000", "USD"],
      ])
    let plans = try rows(
      try query(
        place, "metric", "mrr", "--by", "plan", "--from", "2026-02-14", "--grain", "month",
        "--format", "csv"))
    #expect(
      plans == [
        ["month", "plan", "value", "currency"], ["2026-02-01", "'=team", "100.0000", "USD"],
        ["2026-02-01", "starter", "70.0000", "USD"],
      ])
    let one = try rows(
      try query(
        place, "metric", "mrr", "--company", "00000000-0000-4000-8000-000000000002", "--grain",
        "month", "--format", "csv"))
    #expect(one.dropFirst() == [["2026-01-01", "20.0000", "USD"]])
    let companies = try query(
      place, "metric", "mrr", "--by", "company", "--grain", "month", "--format", "json")
    #expect(companies.stdout.contains("\"company_id\": \"00000000-0000-4000-8000-000000000002\""))
    let ratio = try rows(try query(place, "metric", "logo_churn_rate", "--format", "csv"))
    #expect(
      ratio == [
        ["date", "value", "numerator", "denominator"],
        ["2026-02-03", "0.333333", "1.0000", "3.0000"], ["2026-02-04", "", "0.0000", "0.0000"],
      ])
    let table = try query(place, "metric", "mrr", "--grain", "month")
    #expect(table.stdout.contains("2 of 2 rows") && !table.stdout.contains("trend"))
  }

  @Test("cohorts and funnels are printed")
  func cohortsAndFunnels() throws {
    let place = try Workplace(isFilled: false)
    try place.sql(QueryTests.cohortRows)
    let cohorts = try rows(try query(place, "cohort", "signup", "--format", "csv"))
    #expect(
      cohorts.dropFirst() == [
        ["2026-01-01", "0", "4", "4", "1.0000", "40.0000", "40.0000", "40.0000", "USD", "true"],
        ["2026-01-01", "1", "4", "3", "0.7500", "40.0000", "30.0000", "35.0000", "USD", "false"],
      ])
    let funnel = try rows(try query(place, "funnel", "trial", "--format", "csv"))
    #expect(
      funnel.dropFirst() == [
        ["2026-01-05", "0", "started", "5", "5", "0", "1.0", "0.0"],
        ["2026-01-05", "1", "active", "5", "2", "1", "0.5", ""],
      ])
  }

  @Test("the examples print what is written here, word for word")
  func examples() throws {
    let place = try Workplace(isFilled: false)
    try place.sql(QueryTests.metricRows + QueryTests.cohortRows + QueryTests.exampleRows)
    let mrr = [
      "metric", "mrr", "--by", "plan", "--from", "2026-01-01", "--to", "2026-06-30", "--grain",
      "month",
    ]
    let examples = [
      mrr, mrr + ["--format", "csv"], mrr + ["--format", "json"],
      [
        "rollup", "payment_failed", "--from", "2026-01-01", "--to", "2026-01-31", "--format", "csv",
      ],
      ["cohort", "signup"], ["funnel", "trial"],
    ]
    var transcript = ""
    for arguments in examples {
      let result = try place.almanac(["query"] + arguments + ["--target", place.url])
      try #require(result.status == 0, "\(result.stderr)")
      transcript += "$ almanac query \(arguments.joined(separator: " "))\n\(result.stdout)"
    }
    #expect(transcript == QueryTests.transcript)
  }

  @Test("a name that there is not ends with 66 and names the closest")
  func unknownNames() throws {
    let place = try Workplace(isFilled: false)
    try place.sql(QueryTests.metricRows + QueryTests.cohortRows)
    for (arguments, expected) in [
      (["metric", "mmr", "--grain", "month"], "did you mean \"mrr\"?"),
      (["metric", "mrr", "--by", "plans", "--grain", "month"], "did you mean \"plan\"?"),
      (["cohort", "sign_up"], "did you mean \"signup\"?"),
      (["funnel", "trail"], "did you mean \"trial\"?"),
      (["rollup", "payment_faild"], "did you mean \"payment_failed\"?"),
    ] {
      let result = try place.almanac(["query"] + arguments + ["--target", place.url])
      #expect(result.status == 66, "\(arguments): \(result.stderr)")
      #expect(result.stderr.contains(expected), "\(arguments): \(result.stderr)")
      #expect(result.stdout.isEmpty && result.stderr.split(separator: "\n").count == 1)
    }
    let none = try query(place, "metric", "mrr", "--grain", "month", "--from", "2030-01-01")
    #expect(none.status == 0 && none.stderr.contains("no rows"))
    let json = try query(
      place, "metric", "mrr", "--grain", "month", "--from", "2030-01-01", "--format", "json")
    #expect(json.stdout == "[]\n")
  }

  @Test(
    "wrong arguments end with 64",
    arguments: [
      ["metric"], ["metrics", "mrr"], ["metric", "mrr", "--grain", "week"], ["cohort"],
      ["rollup", "--by", "user"], ["cohort", "signup", "--by", "plan"],
      ["metric", "mrr", "--from", "2026-02-01", "--to", "2026-01-01"],
      ["metric", "mrr", "--company", "acme"], ["metric", "mrr", "--format", "xml"], [],
      ["rollup", "--grain", "range", "--from", "2026-01-01"], ["rollup", "--data", "x"],
      ["metric", "mrr", "--grain", "range", "--from", "2026-01-01", "--to", "2026-01-02"],
    ])
  func wrongArguments(arguments: [String]) throws {
    let place = try Workplace(isFilled: false, isInitialised: false)
    let result = try place.almanac(["query", "--target", "host=/nowhere"] + arguments)
    #expect(result.status == 64, "\(result.stderr)")
    #expect(result.stderr.split(separator: "\n").count == 1)
  }

  private static let metricRows = """
    INSERT INTO analytics.monthly_metrics (company_id, metric_name, dimension, dimension_value,
      month, value, numerator, denominator, unit, currency, settings_digest)
    SELECT c::uuid, 'mrr', d, v, m::date, x, x, NULL, 'money', 'USD', 'abc' FROM (VALUES
      ('00000000-0000-0000-0000-000000000000', '', '', '2026-01-01', 150.5),
      ('00000000-0000-0000-0000-000000000000', '', '', '2026-02-01', 170),
      ('00000000-0000-0000-0000-000000000000', 'plan', 'starter', '2026-02-01', 70),
      ('00000000-0000-0000-0000-000000000000', 'plan', '=team', '2026-02-01', 100),
      ('00000000-0000-4000-8000-000000000002', '', '', '2026-01-01', 20)) AS r (c, d, v, m, x);
    INSERT INTO analytics.daily_metrics (company_id, metric_name, dimension, dimension_value,
      date, value, numerator, denominator, unit, currency, settings_digest) VALUES
      ('00000000-0000-0000-0000-000000000000', 'logo_churn_rate', '', '', '2026-02-03',
       0.3333333333, 1, 3, 'ratio', NULL, 'abc'),
      ('00000000-0000-0000-0000-000000000000', 'logo_churn_rate', '', '', '2026-02-04',
       NULL, 0, 0, 'ratio', NULL, 'abc');
    """

  private static let exampleRows = """
    INSERT INTO analytics.monthly_metrics (company_id, metric_name, dimension, dimension_value,
      month, value, numerator, unit, currency, settings_digest)
    SELECT '00000000-0000-0000-0000-000000000000', 'mrr', 'plan', plan, '2026-03-01', amount, amount,
      'money', 'USD', 'abc' FROM (VALUES ('+cmd', 1), ('-2x', 2), ('@sum', 3)) AS p (plan, amount);
    INSERT INTO analytics.daily_rollups (company_id, event_type, module_id, date, event_count,
      unique_users, amount_sum, amount_min, amount_max, duration_ms_sum) VALUES
      ('00000000-0000-4000-8000-000000000002', 'payment_failed',
       '00000000-0000-0000-0000-000000000000', '2026-01-05', 3, 2, -7.5, -10, 2.5, 12),
      ('00000000-0000-4000-8000-000000000003', 'payment_failed',
       '00000000-0000-0000-0000-000000000000', '2026-01-05', 1, 1, 20, 20, 20, NULL);

    """

  private static let transcript = """
    $ almanac query metric mrr --by plan --from 2026-01-01 --to 2026-06-30 --grain month
    month       plan        value  currency
    2026-03-01  +cmd       1.0000  USD
    2026-03-01  -2x        2.0000  USD
    2026-02-01  =team    100.0000  USD
    2026-03-01  @sum       3.0000  USD
    2026-02-01  starter   70.0000  USD

    5 of 5 rows
    $ almanac query metric mrr --by plan --from 2026-01-01 --to 2026-06-30 --grain month --format csv
    month,plan,value,currency
    2026-03-01,'+cmd,1.0000,USD
    2026-03-01,'-2x,2.0000,USD
    2026-02-01,'=team,100.0000,USD
    2026-03-01,'@sum,3.0000,USD
    2026-02-01,starter,70.0000,USD
    $ almanac query metric mrr --by plan --from 2026-01-01 --to 2026-06-30 --grain month --format json
    [
      {"month": "2026-03-01", "plan": "+cmd", "value": 1.0000, "currency": "USD"},
      {"month": "2026-03-01", "plan": "-2x", "value": 2.0000, "currency": "USD"},
      {"month": "2026-02-01", "plan": "=team", "value": 100.0000, "currency": "USD"},
      {"month": "2026-03-01", "plan": "@sum", "value": 3.0000, "currency": "USD"},
      {"month": "2026-02-01", "plan": "starter", "value": 70.0000, "currency": "USD"}
    ]
    $ almanac query rollup payment_failed --from 2026-01-01 --to 2026-01-31 --format csv
    date,event_count,amount_sum,amount_min,amount_max,duration_ms_sum
    2026-01-05,4,12.5000,-10.0000,20.0000,12
    $ almanac query cohort signup
    cohort_month  period  size  retained  retention  revenue_start
    2026-01-01         0     4         4     1.0000        40.0000
    2026-01-01         1     4         3     0.7500        40.0000

    2 of 2 rows
    Not shown for want of room (--format csv has all): revenue_retained_gross,
    revenue_retained_net, currency, complete
    $ almanac query funnel trial
    cohort_date  step  step_name  entrants  converted  censored  conversion_rate
    2026-01-05      0  started           5          5         0              1.0
    2026-01-05      1  active            5          2         1              0.5

    2 of 2 rows
    Not shown for want of room (--format csv has all): median_seconds

    """

  private static let cohortRows = """
    INSERT INTO analytics.cohort_retention VALUES
      ('00000000-0000-0000-0000-000000000000', 'signup', '2026-01-01', 0, 4, 4, 40, 40, 40, 'USD',
       true, 'abc'),
      ('00000000-0000-0000-0000-000000000000', 'signup', '2026-01-01', 1, 4, 3, 40, 30, 35, 'USD',
       false, 'abc');
    INSERT INTO analytics.funnels VALUES
      ('00000000-0000-0000-0000-000000000000', 'trial', '2026-01-05', 0, 'started', 5, 5, 0, 0, 1,
       'abc'),
      ('00000000-0000-0000-0000-000000000000', 'trial', '2026-01-05', 1, 'active', 5, 2, NULL, 1,
       0.5, 'abc');
    """
}
