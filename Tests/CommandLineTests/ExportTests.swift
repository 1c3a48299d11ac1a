import Foundation
import TestSupport
import Testing

/// `almanac export`.
@Suite("Exports", .database)
struct ExportTests {
  private static let company = "aaaaaaaa-0000-4000-8000-000000000001"
  private static let run = "11111111-0000-4000-8000-000000000001"

  /// A target with two published tables of predictions, an unpublished run, metrics and rollups.
  private func place() throws -> Workplace {
    let place = try Workplace(isFilled: false)
    try place.sql(
      """
      INSERT INTO predictions.revenue_forecasts
        SELECT '\(Self.company)', run, 'segment', name, 'day', '2026-01-02', 1, 1.5, NULL, NULL,
          NULL, NULL, 'GBP', 'ridge', NULL, '2026-01-01', '2026-01-02 00:00Z', 'revenue', 'v', 'd',
          '2100-01-01 00:00Z'
        FROM unnest(ARRAY['\(Self.run)', '22222222-0000-4000-8000-000000000002']::uuid[]) AS run,
          unnest(ARRAY['=1+1', 'é"quote', 'Z', '@sum', E'two\\nlines']) AS name;
      INSERT INTO predictions.churn_risk VALUES ('\(Self.company)', '\(Self.run)', 0.125, NULL,
        'high', NULL, '[{"text": "because", "value": 1.5}]', '[]', '2026-01-01',
        '2026-01-02 00:00Z', 'churn', 'v', 'd', '2100-01-01 00:00Z');
      INSERT INTO almanac.published (pipeline, run_id, token, as_of, valid_until)
        VALUES ('nightly', '\(Self.run)', 1, '2026-01-01', '2100-01-01 00:00Z');
      INSERT INTO almanac.published_runs SELECT 1, model, '\(Self.run)', 'v', '2026-01-01', now(),
        '2100-01-01 00:00Z', 1 FROM unnest(ARRAY['revenue', 'churn']) AS model;
      INSERT INTO analytics.daily_metrics (company_id, metric_name, dimension, dimension_value, date,
          value, numerator, unit, settings_digest)
        SELECT id, 'mrr', '', '', date '2026-01-01' + d, -d / 3.0, 12345678901234567890.5, 'money',
          'd'
        FROM unnest(ARRAY['\(Self.company)', '00000000-0000-0000-0000-000000000000']::uuid[]) AS id,
          generate_series(0, 20000) AS d;
      INSERT INTO analytics.mrr_movements VALUES ('\(Self.company)', '2026-01-01', 'new', 1, 'GBP',
        ARRAY['\(Self.run)', '\(Self.company)']::uuid[], 'changes', 'd');
      """)
    return place
  }

  private func export(_ place: Workplace, _ arguments: String...) throws -> ProcessOutcome {
    try place.almanac(["export"] + arguments + ["--target", place.url])
  }

  private func text(_ place: Workplace, _ file: String) throws -> String {
    try String(contentsOf: place.folder.url.appending(path: file), encoding: .utf8)
  }

  private func files(_ place: Workplace, _ folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(
      atPath: place.folder.url.appending(path: folder).path
    ).filter { $0 != ".lock" }.sorted()
  }

  @Test("hold the published rows in the order of keys, safe for spreadsheets, in every format")
  func formats() throws {
    let place = try place()
    for format in ["csv", "json", "parquet"] {
      let result = try export(place, "predictions", "--format", format, "--to", "out-\(format)")
      try #require(result.status == 0, "\(result.stderr)")
      #expect(
        result.stdout == "revenue_forecasts.\(format): 5 rows\nchurn_risk.\(format): 1 row\n")
      #expect(
        try files(place, "out-\(format)")
          == ["churn_risk.\(format)", "export.json", "revenue_forecasts.\(format)"])
    }
    let csv = try text(place, "out-csv/revenue_forecasts.csv")
    #expect(csv.hasPrefix("company_id,run_id,scope,scope_id,grain,period_start,horizon,"))
    let rows = csv.split(separator: "\n").filter {
      $0.hasPrefix("company_id") || $0.hasPrefix(Self.company)
    }
    let names = rows.map { String($0.split(separator: ",")[3]) }
    #expect(names == ["scope_id", "'=1+1", "'@sum", "Z", "\"two", "\"é\"\"quote\""])
    #expect(!csv.contains("22222222"))
    let json = try #require(
      try JSONSerialization.jsonObject(
        with: Data(try text(place, "out-json/churn_risk.json").utf8)) as? [[String: Any]])
    #expect(json.count == 1 && json[0]["probability"] as? Double == 0.125)
    #expect((json[0]["reasons"] as? [[String: Any]])?.first?["text"] as? String == "because")
    #expect(json[0]["probability_90d"] is NSNull)
    // A single file, replaced whole.
    try place.sql("DELETE FROM predictions.churn_risk")
    for _ in 0..<2 {
      let one = try export(place, "predictions", "--format", "json", "--to", "one.json")
      #expect(one.stdout == "one.json: 5 rows\n", "\(one.stderr)")
    }
    let decoded = try JSONSerialization.jsonObject(with: Data(try text(place, "one.json").utf8))
    #expect(
      (decoded as? [[String: Any]])?.compactMap { $0["scope_id"] as? String }[3] == "two\nlines")
  }

  @Test("read back equal from Parquet, sums of many digits included")
  func parquet() throws {
    let place = try place()
    let python = try #require(ProcessInfo.processInfo.environment["ALMANAC_TEST_PEERS"])
    let result = try export(
      place, "metrics", "--format", "parquet", "--to", "out", "--company", Self.company)
    try #require(result.status == 0, "\(result.stderr)")
    let script = """
      import duckdb
      print(duckdb.sql(\"\"\"SELECT count(*), sum(value)::varchar, max(numerator)::varchar,
        min(date)::varchar, count(DISTINCT company_id) FROM 'out/daily_metrics.parquet'\"\"\")
        .fetchall()[0])
      print(duckdb.sql("SELECT len(cause_change_ids) FROM 'out/mrr_movements.parquet'").fetchall())
      """
    let answer = try runProcess(
      URL(filePath: python), ["-c", script.replacing("\n  .fetch", with: " .fetch")],
      in: place.folder.url)
    try #require(answer.status == 0, "\(answer.stderr)")
    let expected = try place.value(
      """
      SELECT '(' || count(*) || ', ''' || sum(value) || ''', ''' || max(numerator) || ''', '''
        || min(date) || ''', 1)'
      FROM analytics.daily_metrics WHERE company_id = '\(Self.company)'
      """)
    #expect(answer.stdout == "\(expected ?? "")\n[(2,)]\n")
  }

  @Test("go on where they ended, begin anew when the tables changed, and keep no half file")
  func resuming() throws {
    let place = try place()
    let first = try export(place, "metrics", "--format", "csv", "--to", "out")
    #expect(first.stdout == "daily_metrics.csv: 40,002 rows\nmrr_movements.csv: 1 row\n")
    let whole = try text(place, "out/daily_metrics.csv")
    // As a killed export leaves it: one file is whole, of the other only a temporary one is there.
    let folder = place.folder.url.appending(path: "out")
    try FileManager.default.removeItem(at: folder.appending(path: "mrr_movements.csv"))
    try Data("half".utf8).write(to: folder.appending(path: ".1-0.almanac-tmp"))
    let second = try export(place, "metrics", "--format", "csv", "--to", "out/")
    #expect(second.stdout == "daily_metrics.csv: written already\nmrr_movements.csv: 1 row\n")
    #expect(try files(place, "out") == ["daily_metrics.csv", "export.json", "mrr_movements.csv"])
    #expect(try text(place, "out/daily_metrics.csv") == whole)
    // A file of the same size that somebody changed is written anew.
    try Data(whole.replacing("1", with: "2").utf8).write(
      to: folder.appending(path: "daily_metrics.csv"))
    let mended = try export(place, "metrics", "--format", "csv", "--to", "out")
    #expect(mended.stdout == "daily_metrics.csv: 40,002 rows\nmrr_movements.csv: written already\n")
    #expect(try text(place, "out/daily_metrics.csv") == whole)
    // A killed program leaves nothing that passes for a file, and the next one ends its work.
    try place.sql(
      """
      DELETE FROM analytics.mrr_movements;
      INSERT INTO almanac.intervals VALUES ('metrics', '2026-01-01', '2026-01-02', '\(Self.run)', 'd',
        'd', 1, now());
      """)
    let killed = try BackgroundProgram(
      try builtProgram(),
      ["export", "metrics", "--format", "csv", "--to", "out", "--target", place.url],
      in: place.folder.url)
    while killed.isRunning,
      try !FileManager.default.contentsOfDirectory(atPath: folder.path).contains(where: {
        $0.hasSuffix(".almanac-tmp")
      })
    {
      Thread.sleep(forTimeInterval: 0.001)
    }
    killed.kill()
    while killed.isRunning { Thread.sleep(forTimeInterval: 0.001) }
    let third = try export(place, "metrics", "--format", "csv", "--to", "out")
    #expect(third.stdout.hasPrefix("daily_metrics.csv: "), "\(third.stderr)")
    #expect(try files(place, "out") == ["daily_metrics.csv", "export.json"])
    #expect(try text(place, "out/daily_metrics.csv") == whole)
  }

  @Test("refuse what they cannot write, in one line")
  func refusals() throws {
    let place = try place()
    try FileManager.default.createDirectory(
      at: place.folder.url.appending(path: "mine"), withIntermediateDirectories: true)
    try Data("x".utf8).write(to: place.folder.url.appending(path: "mine/notes.txt"))
    try place.sql("CREATE SCHEMA IF NOT EXISTS scratch")
    for (arguments, status, words) in [
      ([], 64, "--format is missing"),
      (["--format", "csv", "--to", "x"], 64, "what to export is missing"),
      (["metrics", "--format", "csv"], 64, "--to is missing"),
      (["metrics", "--format", "xls", "--to", "x"], 64, "--format is one of csv, json, parquet"),
      (["metric", "--format", "csv", "--to", "x"], 64, "did you mean"),
      (["metrics", "--format", "csv", "--to", "x.json"], 64, "--to ends in .json"),
      (["metrics", "--format", "csv", "--to", "x.csv"], 64, "one file holds one table"),
      (["metrics", "--table", "funnels", "--format", "csv", "--to", "x"], 64, "--table is one of"),
      (["metrics", "--company", "1", "--format", "csv", "--to", "x"], 64, "--company is a uuid"),
      (["metrics", "--format", "csv", "--to", "mine"], 73, "holds files that no export wrote"),
      (
        ["rollups", "--format", "csv", "--to", "no/such/folder/x.csv", "--table", "daily_rollups"],
        73, "no/such/folder"
      ),
    ] {
      let result = try place.almanac(["export"] + arguments + ["--target", place.url])
      #expect(result.status == Int32(status), "\(arguments): \(result.stderr)")
      #expect(result.stderr.contains(words), "\(arguments): \(result.stderr)")
      #expect(result.stderr.split(separator: "\n").filter { $0.hasPrefix("almanac:") }.count == 1)
    }
    // A record decides what is deleted, so one that names other places is refused.
    for name in ["../mine", ".", "mine/notes.txt", "/tmp/x", "notes.txt"] {
      try FileManager.default.createDirectory(
        at: place.folder.url.appending(path: "forged"), withIntermediateDirectories: true)
      try Data(
        #"{"request":"x","state":"y","files":[{"name":"\#(name)","rows":1,"bytes":1}]}"#.utf8
      ).write(to: place.folder.url.appending(path: "forged/export.json"))
      let forged = try export(place, "metrics", "--format", "csv", "--to", "forged")
      #expect(forged.status == 73, "\(name): \(forged.stderr)")
      #expect(try text(place, "mine/notes.txt") == "x")
    }
    try place.sql("DELETE FROM almanac.published; DELETE FROM almanac.published_runs")
    let none = try export(place, "predictions", "--format", "csv", "--to", "x")
    #expect(none.status == 66 && none.stderr.contains("nothing was published yet"))
  }
}
