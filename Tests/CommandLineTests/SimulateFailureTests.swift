import Files
import Foundation
import Postgres
import TestSupport
import Testing

/// What stops `almanac simulate`, and what is there afterwards.
extension SimulateTests {
  @Test(
    "wrong arguments end with one line that names them, and no connection is made",
    arguments: [
      ("--companies", "0"), ("--companies", "many"), ("--months", "0"), ("--months", "241"),
      ("--seed", "-1"), ("--world", "flat"), ("--end", "2026-02-30"), ("--end", "1950-01-01"),
      ("--jobs", "0"), ("--simulations", "70000"), ("--continue", "week"), ("--sed", "1"),
    ])
  func wrongArguments(option: String, value: String) throws {
    let place = try Workplace(isFilled: false, isInitialised: false)
    let result = try place.almanac(
      ["simulate", "--target", "host=/nowhere dbname=none", option, value])
    #expect(result.status == 64, "\(result.stderr)")
    #expect(result.stderr.contains(option) || result.stderr.contains(value), "\(result.stderr)")
    #expect(result.stderr.split(separator: "\n").count <= 2, "\(result.stderr)")
    #expect(result.stdout.isEmpty)
  }

  @Test("settings of another world cannot be given with --continue")
  func continueWithSettings() throws {
    let place = try Workplace(isFilled: false, isInitialised: false)
    for (option, value) in [("--companies", "3"), ("--end", "2026-01-01"), ("--seed", "4")] {
      let result = try simulate(place, "--continue", "day", option, value)
      #expect(result.status == 64 && result.stderr.contains("--continue"), "\(result.stderr)")
    }
  }

  @Test("a full disk ends with 74 and one line; the same command then makes the world")
  func diskFull() throws {
    let place = try Workplace(isFilled: false, isInitialised: false)
    let schema = try FileSystem.read(place.folder.path + "/datasets/source-schema.sql")
    try place.sql(String(decoding: schema, as: UTF8.self))
    // What the server reports when it cannot extend a table, from the 20,000th event on.
    try place.sql(
      """
      CREATE FUNCTION public.fill_disk() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF nextval('public.written') > 20000 THEN
          RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
        END IF;
        RETURN new;
      END $$;
      CREATE SEQUENCE public.written;
      CREATE TRIGGER fill_disk BEFORE INSERT ON app.events
        FOR EACH ROW EXECUTE FUNCTION public.fill_disk();
      """)
    let world = ["--companies", "24", "--months", "2", "--simulations", "0", "--quiet"]
    func run() throws -> ProcessOutcome {
      try place.almanac(["simulate", "--target", place.url] + world)
    }
    let failed = try run()
    #expect(failed.status == 74, "\(failed.stderr)")
    #expect(failed.stderr.split(separator: "\n").count == 1, "\(failed.stderr)")
    #expect(failed.stderr.contains("No space left on device"), "\(failed.stderr)")
    #expect(failed.stdout.isEmpty)
    // What is half there is no world: nothing continues it.
    #expect(try simulate(place, "--continue", "day").status == 66)
    try place.sql("DROP TRIGGER fill_disk ON app.events")
    let made = try run()
    try #require(made.status == 0, "\(made.stderr)")
    let digests = try digests(place)
    try place.sql("DROP SCHEMA app, billing, simulation_truth CASCADE")
    try #require(try run().status == 0)
    #expect(try self.digests(place) == digests)
  }

  @Test("killed while it writes, the same command makes the same world")
  func killed() throws {
    let place = try Workplace(isFilled: false, isInitialised: false)
    let arguments =
      ["simulate", "--target", place.url, "--companies", "60", "--months", "2", "--quiet"]
      + ["--simulations", "0", "--jobs", "2"]
    let program = try BackgroundProgram(
      try builtProgram(), arguments, in: URL(filePath: place.folder.path))
    let rows = "SELECT CASE WHEN to_regclass('app.events') IS NULL THEN 0 ELSE 1 END::text"
    while program.isRunning {
      if try place.value(rows) == "1",
        try place.value("SELECT count(*)::text FROM app.events") != "0"
      {
        program.kill()
        break
      }
      Thread.sleep(forTimeInterval: 0.01)
    }
    let killed = try program.wait()
    #expect(killed.status != 0)
    // The server takes a moment to see that its client is gone; until then the lock is held.
    var again = try place.almanac(arguments)
    while again.status == 75 {
      Thread.sleep(forTimeInterval: 0.05)
      again = try place.almanac(arguments)
    }
    try #require(again.status == 0, "\(again.stderr)")
    let digests = try digests(place)
    try place.sql("DROP SCHEMA app, billing, simulation_truth CASCADE")
    try #require(try place.almanac(arguments).status == 0)
    #expect(try self.digests(place) == digests)
  }

  @Test("two at once: the second is turned away with 75")
  func locked() throws {
    let place = try Workplace(isFilled: false, isInitialised: false)
    let connection = try TestDatabase.current.connect()
    // The key of the writers' lock.
    _ = try connection.query("SELECT pg_advisory_lock(\(0x616c_6d61_6e61_6302 as Int64))")
    let result = try simulate(place, "--companies", "3", "--months", "1")
    #expect(result.status == 75 && result.stderr.contains("another simulation"))
  }

  @Test("a login role without rights on the database ends with 77, one that can only read too")
  func missingRights() throws {
    let place = try Workplace(isFilled: false, isInitialised: false)
    let role = "reading_\(TestDatabase.current.name)"
    try place.sql("CREATE ROLE \(role) LOGIN")
    defer { try? place.sql("DROP OWNED BY \(role); DROP ROLE \(role)") }
    let url = try TestServer.url(database: TestDatabase.current.name, user: role)
    let refused = try place.almanac(["simulate", "--target", url, "--companies", "1"])
    #expect(refused.status == 77, "\(refused.stderr)")
    #expect(refused.stderr.split(separator: "\n").count == 1, "\(refused.stderr)")
    let schema = try FileSystem.read(place.folder.path + "/datasets/source-schema.sql")
    try place.sql(String(decoding: schema, as: UTF8.self))
    try place.sql(
      """
      GRANT USAGE ON SCHEMA app, billing TO \(role);
      GRANT SELECT ON ALL TABLES IN SCHEMA app, billing TO \(role);
      """)
    let reader = try place.almanac(["simulate", "--target", url, "--companies", "1"])
    #expect(reader.status == 77, "\(reader.stderr)")
    #expect(reader.stderr.split(separator: "\n").count == 1, "\(reader.stderr)")
  }
}
