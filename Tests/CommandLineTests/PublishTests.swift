import Foundation
import Postgres
import TestSupport
import Testing

/// `almanac publish`, `almanac rollback` and what `almanac init` says about the target.
@Suite("Publishing by hand", .database)
struct PublishTests {
  private static let company = "00000000-0000-0000-0000-000000000000"

  /// A target with complete runs whose identifiers begin with the digits of their number.
  private func place(runs: Int) throws -> Workplace {
    let place = try Workplace(isFilled: false)
    for number in 1...runs {
      try place.sql(
        """
        INSERT INTO almanac.runs (run_id, pipeline, logical_date, settings_digest, status,
          started_at, finished_at, jobs, program_version)
        VALUES ('\(Self.run(number))', 'nightly', date '2026-01-01' + \(number), 's', 'succeeded',
          now(), now(), 1, 'v');
        INSERT INTO predictions.revenue_forecasts SELECT '\(Self.company)', '\(Self.run(number))',
          'total', '', 'day', date '2026-01-01' + \(number) + d, d, \(number), NULL, NULL, NULL,
          NULL, 'GBP', 'ridge', NULL, date '2026-01-01' + \(number), '2026-01-02', 'revenue', 'v',
          'd', now() + interval '1 day' FROM generate_series(1, 5) AS d;
        """)
    }
    return place
  }

  private static func run(_ number: Int) -> String {
    String(repeating: String(number), count: 8) + "-0000-4000-8000-000000000001"
  }

  @Test("switches to a run and back, and tells listeners in one line of JSON")
  func switching() throws {
    let place = try place(runs: 2)
    let server = try TestServer.socketDirectory()
    let program = try builtProgram().path
    let database = TestDatabase.current.name
    // psql prints what it heard after each statement that follows.
    let script = """
      LISTEN almanac_published;
      \\! \(program) publish --run 11111111 --target "\(place.url)"
      SELECT 1;
      \\! \(program) publish --run \(Self.run(2)) --target "\(place.url)"
      \\! \(program) rollback --target "\(place.url)"
      SELECT 1;
      """
    let file = place.folder.url.appending(path: "listen.sql")
    try Data(script.utf8).write(to: file)
    let heard = try runProcess(
      URL(filePath: "/usr/bin/env"),
      ["psql", "-XAtq", "-h", server, "-U", "postgres", "-d", database, "-f", file.path])
    try #require(heard.status == 0, "\(heard.stderr)")
    let lines = heard.stdout.split(separator: "\n").filter { $0.hasPrefix("Asynchronous") }
    #expect(lines.count == 3, "\(heard.stdout)")
    let payloads = try lines.map { line in
      let text = try #require(line.firstMatch(of: /payload "(\{.*\})" received/)).output.1
      return try #require(
        try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }
    #expect(payloads.map { $0["publication_id"] as? Int } == [1, 2, 3])
    #expect(payloads.map { $0["restores"] as? Int } == [nil, nil, 1])
    #expect(payloads.map { $0["run_id"] as? String } == [Self.run(1), Self.run(2), Self.run(1)])
    #expect(payloads.allSatisfy { $0["models"] as? [String] == ["revenue"] })
    #expect(
      lines[0].contains(#"payload "{"publication_id":1,"published_at":""#), "\(lines[0])")
    #expect(
      Set(payloads[0].keys) == [
        "publication_id", "published_at", "pipeline", "run_id", "restores", "as_of", "valid_until",
        "models",
      ])
    #expect(heard.stdout.contains("publication 2 shows run 22222222, as of 2026-01-03"))
    #expect(heard.stdout.contains("publication 3 shows again what 1 did, as of 2026-01-02"))
    #expect(try place.value("SELECT count(*) FROM almanac.locks WHERE released_at IS NULL") == "0")
    #expect(
      try place.almanac(["rollback", "--to", "1", "--target", place.url]).stdout
        == "publication 1 is in force already\n")
  }

  @Test("refuses what cannot be shown, in one line, and changes nothing")
  func refusals() throws {
    let place = try place(runs: 1)
    for (arguments, status, words) in [
      (["publish"], 64, "--run is missing"),
      (["publish", "--run", "1111"], 66, "eight or more digits"),
      (["publish", "--run", "%' OR true"], 66, "eight or more digits"),
      (["publish", "--run", "99999999"], 66, "there is no run 99999999"),
      (["rollback"], 66, "nothing was published yet"),
      (["rollback", "--to", "0"], 64, "--to is a whole number"),
    ] {
      let result = try place.almanac(arguments + ["--target", place.url])
      #expect(result.status == Int32(status), "\(arguments): \(result.stderr)")
      #expect(result.stderr.contains(words), "\(result.stderr)")
      #expect(result.stderr.split(separator: "\n").count == 1)
    }
    try place.sql("DELETE FROM predictions.revenue_forecasts")
    let empty = try place.almanac(["publish", "--run", "11111111", "--target", place.url])
    #expect(empty.status == 66 && empty.stderr.contains("holds no predictions"))
    // A night at work keeps the lock.
    let holder = try TestDatabase.current.connect()
    try #require(try holder.tryAdvisoryLock(0x61_6C_6D_61_6E_61_63))
    let busy = try place.almanac(["publish", "--run", "11111111", "--target", place.url])
    #expect(busy.status == 75 && busy.stderr.contains("another run is at work"))
    #expect(try place.value("SELECT count(*) FROM almanac.published") == "0")
  }

  @Test("a night creates, alters and drops nothing")
  func noDefinitions() throws {
    let place = try Workplace()
    try place.sql(
      """
      CREATE TABLE public.definitions (text text);
      CREATE FUNCTION public.note_definition() RETURNS event_trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO public.definitions
          SELECT command_tag || ' ' || object_identity FROM pg_event_trigger_ddl_commands()
          WHERE schema_name IS DISTINCT FROM 'pg_temp';
      END $$;
      CREATE FUNCTION public.note_drop() RETURNS event_trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO public.definitions SELECT 'DROP ' || object_identity
          FROM pg_event_trigger_dropped_objects() WHERE NOT is_temporary;
      END $$;
      CREATE EVENT TRIGGER definitions ON ddl_command_end EXECUTE FUNCTION public.note_definition();
      CREATE EVENT TRIGGER drops ON sql_drop EXECUTE FUNCTION public.note_drop();
      """)
    let night = try place.night("2025-12-31")
    try #require(night.status == 0, "\(night.stderr)")
    #expect(try place.value("SELECT string_agg(text, ', ') FROM public.definitions") == nil)
    try place.sql("ALTER TABLE analytics.reports ADD note text")
    #expect(try place.value("SELECT count(*) > 0 FROM public.definitions") == "t")
  }

  @Test("init --check tells what differs, and the status says so")
  func check() throws {
    let place = try place(runs: 1)
    let same = try place.almanac(["init", "--check", "--target", place.url])
    #expect(same.status == 0, "\(same.stderr)")
    try place.sql("ALTER TABLE analytics.reports DROP CONSTRAINT reports_report_name_check")
    let changed = try place.almanac(["init", "--check", "--target", place.url])
    #expect(changed.status == 78)
    #expect(
      changed.stdout.hasPrefix(
        "missing: constraint reports_report_name_check of analytics.reports\n"))
    #expect(changed.stderr.contains("differ"))
    let empty = try Workplace(isFilled: false, isInitialised: false)
    try empty.sql("DROP SCHEMA api, predictions, analytics, almanac CASCADE")
    let missing = try place.almanac(["init", "--check", "--target", place.url])
    #expect(missing.status == 78 && missing.stderr.contains("run 'almanac init' first"))
    let both = try place.almanac(["init", "--check", "--print"])
    #expect(both.status == 64)
  }
}
