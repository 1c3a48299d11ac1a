import Files
import Postgres
import TestSupport
import Testing

/// What a run does about stages that fail or take too long.
@Suite("Failed stages", .database)
struct AttemptTests {
  private static let date = "2025-12-30"

  /// How the stages of the newest run ended.
  private func stages(_ place: Workplace) throws -> String? {
    try place.value(
      """
      SELECT string_agg(stage || ' ' || status, ', ' ORDER BY sequence) FROM almanac.stage_runs
      WHERE run_id = (SELECT run_id FROM almanac.runs ORDER BY started_at DESC LIMIT 1)
      """)
  }

  /// The digest of a run in which nothing failed.
  private func undisturbed() throws -> String {
    let place = try Workplace()
    try #require(try place.night(Self.date).status == 0)
    let digest = try place.digest()
    try place.sql("DROP SCHEMA almanac, analytics, predictions, api, app, billing CASCADE")
    return digest
  }

  @Test("let stages go on that do not read from them, and the next run does the rest")
  func goesOn() throws {
    let whole = try undisturbed()
    let place = try Workplace()
    try place.sql("ALTER TABLE analytics.funnels RENAME TO elsewhere")
    let failed = try place.night(Self.date)
    #expect(failed.status == 66, "\(failed.stderr)")
    #expect(
      try stages(place)
        == "extract succeeded, check succeeded, rollup succeeded, metrics succeeded, "
        + "cohorts succeeded, funnels failed, usage succeeded, anomalies succeeded, fit succeeded, "
        + "predict succeeded, publish succeeded")
    #expect(try place.value("SELECT count(*) FROM almanac.published") == "1")
    let lines = failed.stderr.split(separator: "\n").suffix(4)
    #expect(
      lines.map(String.init).dropLast() == [
        "done, and kept: extract, check, rollup, metrics, cohorts, usage, anomalies, fit, predict, "
          + "publish",
        "not done: funnels (funnels failed)",
        "to go on once that is mended: almanac run nightly --date 2025-12-30 --source "
          + "\(shellWord(place.url)) --target \(shellWord(place.url)) --data data",
      ], "\(failed.stderr)")
    #expect(lines.last?.hasPrefix("almanac: ") == true && lines.last?.contains("funnels") == true)
    try place.sql("ALTER TABLE analytics.elsewhere RENAME TO funnels")
    let next = try place.night(Self.date)
    #expect(next.status == 0, "\(next.stderr)")
    #expect(try place.digest() == whole)
  }

  @Test("have nothing to do with each other where they do not read from each other")
  func besideEachOther() throws {
    let whole = try undisturbed()
    for (words, widths) in [(["--jobs", "1"], 1...1), (["--jobs", "4"], 2...4)] {
      let place = try Workplace()
      let run = try place.night(Self.date, words)
      #expect(run.status == 0, "\(run.stderr)")
      #expect(try place.digest() == whole)
      // How many stages were at work when one began, at the most.
      let most = try place.value(
        """
        SELECT max((SELECT count(*) FROM almanac.stage_runs AS b
          WHERE b.started_at <= a.started_at AND b.finished_at > a.started_at))
        FROM almanac.stage_runs AS a
        """)
      #expect(most.flatMap { Int($0) }.map(widths.contains) == true, "\(most ?? "none")")
      // What each stage reads was there before it began.
      let early = try place.value(
        """
        SELECT string_agg(b.stage || ' before ' || a.stage, ', ') FROM almanac.stage_runs AS a
        JOIN almanac.stage_runs AS b ON b.started_at < a.finished_at
        JOIN (VALUES ('extract', 'check'), ('check', 'rollup'), ('check', 'metrics'),
          ('rollup', 'usage'), ('rollup', 'fit'), ('metrics', 'anomalies'), ('fit', 'predict'),
          ('predict', 'publish')) AS r (first, second)
          ON r.first = a.stage AND r.second = b.stage
        """)
      #expect(early == nil, "\(early ?? "")")
      #expect(
        try place.value("SELECT count(*) FROM almanac.stage_runs WHERE memory_bytes >= 0") == "11")
      try place.sql("DROP SCHEMA almanac, analytics, predictions, api, app, billing CASCADE")
    }
  }

  @Test("are finished by the next run, whichever table could not be written")
  func eachTable() throws {
    let whole = try undisturbed()
    let place = try Workplace()
    try place.sql(
      """
      CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'no room'; END $$
      """)
    let tables = try TestDatabase.current.connect().query(
      """
      SELECT relname FROM pg_catalog.pg_class
      WHERE relnamespace = 'analytics'::regnamespace AND relkind IN ('r', 'p') ORDER BY relname
      """)
    var refused: [String] = []
    for table in (0..<tables.count).compactMap({ tables[$0, "relname"] }) {
      try place.sql(
        """
        CREATE TRIGGER refuse BEFORE INSERT ON analytics.\(table)
          FOR EACH STATEMENT EXECUTE FUNCTION public.refuse()
        """)
      let failed = try place.night(Self.date)
      try place.sql("DROP TRIGGER refuse ON analytics.\(table)")
      if failed.status != 0 {
        refused.append(table)
        let next = try place.night(Self.date)
        #expect(next.status == 0, "\(table): \(next.stderr)")
      }
      #expect(try place.digest() == whole, "\(table)")
      try place.sql("DROP SCHEMA almanac, analytics, predictions, api CASCADE")
      try FileSystem.removeTree(place.folder.path + "/data")
      try #require(try place.almanac(["init", "--target", place.url]).status == 0)
    }
    #expect(refused.contains("monthly_metrics") && refused.count >= 8, "\(refused)")
  }

  /// A word as a shell takes it, for words without a quote in them.
  private func shellWord(_ text: String) -> String {
    text.contains { "?&=: %".contains($0) } ? "'\(text)'" : text
  }

  @Test("keep those from running that read from them, whatever else is done")
  func skips() throws {
    let place = try Workplace()
    try place.sql("ALTER TABLE analytics.hourly_rollups RENAME TO elsewhere")
    let failed = try place.night(Self.date)
    #expect(failed.status == 66, "\(failed.stderr)")
    #expect(
      try stages(place)
        == "extract succeeded, check succeeded, rollup failed, metrics succeeded, "
        + "cohorts succeeded, funnels succeeded, usage skipped, anomalies succeeded, fit skipped, "
        + "predict skipped, publish skipped")
    #expect(try place.value("SELECT count(*) FROM almanac.published") == "0")
    #expect(
      failed.stderr.contains("not done: rollup, usage, fit, predict, publish (rollup failed)"))
    let log = try place.almanac(["logs", "last", "--target", place.url])
    #expect(
      log.stdout.contains("predict")
        && log.stdout.contains("not done: it reads what rollup writes"),
      "\(log.stdout)")
  }

  @Test("end the run where the pipeline says so")
  func stops() throws {
    let place = try Workplace()
    try place.edit("pipelines/nightly.yaml", "currency: GBP", "currency: GBP\non_failure: stop")
    try place.sql("ALTER TABLE analytics.funnels RENAME TO elsewhere")
    // What is at work beside it is brought to its end.
    #expect(try place.night(Self.date, "--jobs", "4").status == 66)
    #expect(
      try place.value(
        """
        SELECT string_agg(DISTINCT status, ' ') || ' ' || count(*) FILTER (WHERE stage = 'publish')
        FROM almanac.stage_runs WHERE stage <> 'funnels'
        """) == "succeeded 0")
    // With one at a time, those with the longest way behind them have been done before it, and none of
    // usage, anomalies and publish begins after it.
    #expect(try place.night(Self.date, "--jobs", "1").status == 66)
    #expect(
      try stages(place)
        == "extract succeeded, check succeeded, rollup succeeded, metrics succeeded, "
        + "cohorts succeeded, funnels failed, fit succeeded, predict succeeded")
  }

  @Test("are tried again where the reason may pass, as a run of its own")
  func triesAgain() throws {
    let whole = try undisturbed()
    let place = try Workplace(retries: "{attempts: 2, backoff: 1s}")
    let night = try place.nightWithoutSessions()
    let status = night.end()
    let errors = try night.stderr()
    #expect(status == 0, "\(errors)")
    #expect(errors.contains("attempt 1 of 2 failed: "))
    #expect(
      try place.value("SELECT string_agg(status, ' ' ORDER BY started_at) FROM almanac.runs")
        == "failed succeeded")
    #expect(try place.digest() == whole)
  }

  @Test("end with 75 within seconds of their limit, and hold nothing back")
  func takesTooLong() throws {
    let place = try Workplace()
    try place.edit(
      "pipelines/nightly.yaml", "currency: GBP", "currency: GBP\ntimeouts: {metrics: 5s}")
    let (blocker, night) = try place.blockedNight(
      by: "LOCK TABLE analytics.daily_metrics IN ACCESS EXCLUSIVE MODE")
    let clock = ContinuousClock()
    let start = clock.now
    #expect(night.end() == 75)
    #expect(clock.now - start < .seconds(20))
    let last = try night.stderr().split(separator: "\n").last ?? ""
    #expect(last.hasPrefix("almanac: the stage metrics took longer than the 5 s"), "\(last)")
    #expect(
      try place.value(
        """
        SELECT status || ' ' || starts_with(error, 'the stage metrics took longer') FROM almanac.runs
        """) == "failed true")
    try blocker.run("ROLLBACK")
    // Within its limit it is done.
    try place.edit("pipelines/nightly.yaml", "metrics: 5s", "metrics: 10m")
    let next = try place.night(Self.date)
    #expect(next.status == 0, "\(next.stderr)")
  }
}
