import AlmanacCore
import Columns
import Files
import Foundation
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Pipelines

@Suite("Extraction", .database)
struct ExtractStageTests {
  private static func table(_ name: String) -> String {
    "from: app.\(name)\nkey: id\nmode: full\ncolumns: {value: text}"
  }

  private static let tables = """
    CREATE SCHEMA app;
    CREATE TABLE app.first (id uuid DEFAULT gen_random_uuid(), value text);
    CREATE TABLE app.second (LIKE app.first INCLUDING ALL);
    INSERT INTO app.first (value) VALUES ('old');
    INSERT INTO app.second (value) VALUES ('old');
    """

  private func prepare(_ sql: String = tables) throws -> RunPlace {
    try migrate()
    try TestDatabase.current.connect().runScript(sql)
    return try RunPlace(["first": Self.table("first"), "second": Self.table("second")])
  }

  @Test("reads all datasets at one instant, whatever is committed between them", arguments: [1, 2])
  func oneInstant(jobs: Int) throws {
    let place = try prepare()
    let database = TestDatabase.current
    let commits = Mutex(0)
    let context = try place.context(run: RunPlace.firstRun, jobs: jobs) { line in
      guard line.hasPrefix("extract: ") else { return }
      do {
        try database.connect().runScript(
          """
          INSERT INTO app.first (value) VALUES ('new');
          INSERT INTO app.second (value) VALUES ('new');
          UPDATE app.second SET value = 'changed'
          """)
        commits.withLock { $0 += 1 }
      } catch {
        Issue.record(error)
      }
    }
    try place.extract(in: context)
    #expect(commits.withLock { $0 } == 3)
    #expect(try place.values("first", "value", in: context) == ["old"])
    #expect(try place.values("second", "value", in: context) == ["old"])
    #expect(
      Set(context.directory.manifest.datasets.values.map(\.watermark.snapshot)).count == 1)
    try place.extract(in: context)
    #expect(try place.values("first", "value", in: context).count == 4)
  }

  @Test("makes TRUNCATE wait until it has read everything")
  func truncateWaits() throws {
    let place = try prepare()
    let database = TestDatabase.current
    let codes = Mutex<[String?]>([])
    let context = try place.context(run: RunPlace.firstRun) { line in
      guard line.hasPrefix("extract: ") else { return }
      do {
        let connection = try database.connect()
        try connection.run("SET lock_timeout = '50ms'")
        let code = try refusal { try connection.run("TRUNCATE app.second") }
        codes.withLock { $0.append(code) }
      } catch {
        Issue.record(error)
      }
    }
    try place.extract(in: context)
    #expect(codes.withLock { $0 } == ["55P03", "55P03", "55P03"])
    #expect(try place.values("second", "value", in: context) == ["old"])
    try TestDatabase.current.connect().run("TRUNCATE app.second")
  }

  @Test("reads what replaced the rows of a table that was truncated just before its lock")
  func truncatedBefore() throws {
    let place = try prepare()
    let context = try place.context(run: RunPlace.firstRun)
    let database = TestDatabase.current
    let isLocked = DispatchSemaphore(value: 0)
    let isDone = DispatchSemaphore(value: 0)
    let thread = Thread {
      do {
        let connection = try database.connect()
        try connection.transaction {
          try connection.run("LOCK TABLE app.second IN ACCESS EXCLUSIVE MODE")
          isLocked.signal()
          let waiting = """
            SELECT count(*) FROM pg_catalog.pg_locks
            WHERE NOT granted AND relation = 'app.second'::regclass
            """
          while try connection.value(waiting) == "0" { Thread.sleep(forTimeInterval: 0.005) }
          try connection.run("TRUNCATE app.second")
          try connection.run("INSERT INTO app.second (value) VALUES ('new')")
        }
      } catch {
        Issue.record(error)
        isLocked.signal()
      }
      isDone.signal()
    }
    thread.start()
    isLocked.wait()
    try place.extract(in: context)
    isDone.wait()
    #expect(try place.values("second", "value", in: context) == ["new"])
  }

  @Test("reads views, materialized views, partitioned tables and queries together")
  func relations() throws {
    try migrate()
    try TestDatabase.current.connect().runScript(
      """
      CREATE SCHEMA app;
      CREATE TABLE app.parted (id uuid, at timestamptz, value text) PARTITION BY RANGE (at);
      CREATE TABLE app.parted_1 PARTITION OF app.parted FOR VALUES FROM (MINVALUE) TO ('2026-01-01');
      CREATE TABLE app.parted_2 PARTITION OF app.parted FOR VALUES FROM ('2026-01-01') TO (MAXVALUE);
      INSERT INTO app.parted SELECT md5(d::text)::uuid, d, to_char(d, 'DD')
        FROM generate_series('2025-12-30 12:00Z'::timestamptz, '2026-01-02 12:00Z', '1 day') d;
      CREATE VIEW app.seen AS SELECT * FROM app.parted WHERE value > '29';
      CREATE MATERIALIZED VIEW app.stored AS SELECT * FROM app.parted WHERE value < '29';
      """)
    func dated(_ source: String) -> String {
      "\(source)\ntime: at\nkey: id\nmode: full\ncolumns: {value: text}"
    }
    let place = try RunPlace([
      "parted": dated("from: app.parted"), "seen": dated("from: app.seen"),
      "stored": dated("from: app.stored"),
      "asked": dated("query: SELECT id, at, value || '!' AS value FROM app.parted"),
    ])
    let context = try place.context(run: RunPlace.firstRun, jobs: 2)
    let outcome = try place.extract(in: context)
    #expect(try place.values("parted", "value", in: context) == ["30", "31", "01", "02"])
    #expect(try place.values("seen", "value", in: context) == ["30", "31"])
    #expect(try place.values("stored", "value", in: context) == ["01", "02"])
    #expect(try place.values("asked", "value", in: context) == ["30!", "31!", "01!", "02!"])
    #expect(outcome.rowsIn == 12)
    let datasets = context.directory.manifest.datasets
    #expect(datasets["parted"]?.parts.map(\.date).count == 4)
    #expect(datasets["asked"]?.watermark.tableOID == nil)
    #expect(datasets["stored"]?.watermark.tableOID != nil)
  }

  @Test("fails where row-level security would hide rows, and leaves the snapshots alone")
  func rowLevelSecurity() throws {
    let place = try prepare()
    let context = try place.context(run: RunPlace.firstRun)
    try place.extract(in: context)
    let before = context.directory.manifest
    let role = "\(TestDatabase.current.name)_reader"
    try TestDatabase.current.connect().runScript(
      """
      CREATE ROLE \(role) LOGIN;
      GRANT USAGE ON SCHEMA app TO \(role);
      GRANT SELECT ON ALL TABLES IN SCHEMA app TO \(role);
      INSERT INTO app.second (value) VALUES ('hidden');
      ALTER TABLE app.second ENABLE ROW LEVEL SECURITY;
      CREATE POLICY partial ON app.second FOR SELECT TO \(role) USING (value <> 'hidden');
      """)
    let limited = RunContext(
      run: context.run, project: context.project, pipeline: context.pipeline, date: context.date,
      zone: .utc, jobs: 1,
      source: try ConnectionSettings(
        TestServer.url(database: TestDatabase.current.name, user: role)),
      lock: context.lock, ledger: context.ledger, directory: context.directory, log: .silent)
    let error = try #require(throws: PostgresError.self) { try place.extract(in: limited) }
    #expect(error.code == "42501")
    #expect(error.exitStatus == .noPermission)
    #expect(error.description.contains("row-level security"))
    #expect(context.directory.manifest == before)
    #expect(try place.values("second", "value", in: context) == ["old"])
  }

  @Test("records the directory, the cut and a watermark for each dataset")
  func records() throws {
    let place = try prepare()
    let context = try place.context(run: RunPlace.firstRun)
    let connection = context.lock.connection
    _ = try context.ledger.begin(
      Ledger.RunRecord(
        pipeline: "nightly", logicalDate: context.date, settingsDigest: "s", jobs: 1,
        isForced: false, programVersion: "1", host: "h", processID: 1))
    try place.extract(in: context)
    let digest = try context.directory.manifest.digest()
    let last = try LedgerReading(connection).lastExtraction()
    #expect(last?.directoryID == context.directory.identity.description)
    #expect(last?.manifestDigest == digest)
    #expect(
      try connection.values("SELECT dataset || ' ' || rows FROM almanac.watermarks ORDER BY 1")
        == ["first 1", "second 1"])
    #expect(
      try connection.value(
        """
        SELECT bool_and(w.manifest_digest = r.manifest_digest AND w.run_id = r.run_id
          AND w.database_oid = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND w.table_oid = ('app.' || w.dataset)::regclass AND w.recorded_at = r.recorded_cut)
        FROM almanac.watermarks w, almanac.runs r
        """) == "t")
  }
}
