import AlmanacCore
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Pipelines

@Suite("The run lock and its fence", .database)
struct RunLockTests {
  private func lock(_ run: String, _ holder: String, patience: Int = 10_000) throws -> RunLock {
    try RunLock(
      try TestDatabase.current.connect(), settings: ConnectionSettings(TestDatabase.current.url),
      run: UUIDValue(run) ?? .zero, holder: holder, patience: patience)
  }

  /// Ends the server process of a connection and waits until it is gone.
  private func terminate(_ connection: Connection) throws {
    let administrator = try TestDatabase.current.connect()
    let process = try #require(try connection.value("SELECT pg_backend_pid()"))
    try administrator.run("SELECT pg_terminate_backend($1)", [process])
    let count = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1"
    while try administrator.value(count, [process]) != "0" { Thread.sleep(forTimeInterval: 0.005) }
  }

  private func token() throws -> String? {
    try TestDatabase.current.connect().value("SELECT token FROM almanac.locks")
  }

  @Test("keeps a second session out and names the first")
  func secondSession() throws {
    try migrate()
    let first = try lock(RunPlace.firstRun, "nightly on one, process 7")
    let error = try #require(throws: PipelineError.self) {
      _ = try lock(RunPlace.secondRun, "nightly on two")
    }
    guard case .alreadyRunning(let holder) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(holder.contains("nightly on one, process 7"))
    #expect(holder.contains("11111111"))
    #expect(!holder.contains("nightly on two"))
    #expect(try token() == String(first.token))
    #expect(try first.write { try $0.value("SELECT 'written'") } == "written")
  }

  @Test("gives every holder a higher token")
  func tokens() throws {
    try migrate()
    let tokens = try (0..<3).map { _ in
      let lock = try lock(RunPlace.firstRun, "holder")
      let token = lock.token
      try terminate(lock.connection)
      return token
    }
    #expect(tokens == [1, 2, 3])
  }

  @Test("lets a run that lost it write nothing once another has taken over")
  func lostLock() throws {
    try migrate()
    let old = try lock(RunPlace.firstRun, "old")
    let other = try TestDatabase.current.connect()
    try other.run("CREATE TABLE public.written (by text)")
    try old.fence.write(on: other) { try $0.run("INSERT INTO public.written VALUES ('old')") }
    try terminate(old.connection)
    // Nobody has taken over yet, so the run may go on by its other connections.
    try old.fence.write(on: other) { try $0.run("INSERT INTO public.written VALUES ('alone')") }
    let new = try lock(RunPlace.secondRun, "new")
    #expect(new.token > old.token)
    #expect(throws: PipelineError.lockLost) {
      try old.fence.write(on: other) { try $0.run("INSERT INTO public.written VALUES ('late')") }
    }
    try new.write { try $0.run("INSERT INTO public.written VALUES ('new')") }
    #expect(try other.values("SELECT by FROM public.written") == ["old", "alone", "new"])
  }

  @Test("makes a new holder wait for a write that has begun behind the old fence")
  func writeUnderWay() throws {
    try migrate()
    let old = try lock(RunPlace.firstRun, "old")
    let other = try TestDatabase.current.connect()
    try terminate(old.connection)
    try old.fence.write(on: other) { _ in
      let error = #expect(throws: PipelineError.self) {
        try lock(RunPlace.secondRun, "new", patience: 50)
      }
      #expect(error?.exitStatus == .temporaryFailure)
      #expect(error?.description.contains("old") ?? false)
    }
    #expect(try lock(RunPlace.secondRun, "new").token == old.token + 1)
  }

  @Test("rolls back what a failing write had done")
  func failingWrite() throws {
    struct Failure: Error {}
    try migrate()
    let lock = try lock(RunPlace.firstRun, "holder")
    try lock.connection.run("CREATE TABLE public.written (by text)")
    #expect(throws: Failure.self) {
      try lock.write { connection in
        try connection.run("INSERT INTO public.written VALUES ('half')")
        throw Failure()
      }
    }
    #expect(try lock.connection.value("SELECT count(*) FROM public.written") == "0")
  }
}

@Suite("The ledger", .database)
struct LedgerTests {
  private let record = Ledger.RunRecord(
    pipeline: "nightly", logicalDate: CalendarDate(daysSinceEpoch: 20_000), settingsDigest: "s",
    jobs: 2, isForced: true, programVersion: "9", host: "h", processID: 42)

  @Test("marks runs that ended without a word as failed, with their stages")
  func crashed() throws {
    try migrate()
    let place = try RunPlace()
    try {
      let context = try place.context(run: RunPlace.firstRun)
      #expect(try context.ledger.markCrashed() == 0)
      try context.ledger.begin(record)
      try context.ledger.beginStage("extract", sequence: 1)
      try context.ledger.finishStage("extract", StageOutcome())
      try context.ledger.beginStage("rollup", sequence: 2)
    }()
    let connection = try TestDatabase.current.connect()
    while try !connection.tryAdvisoryLock(RunLock.advisoryKey) {
      Thread.sleep(forTimeInterval: 0.005)
    }
    try connection.run("SELECT pg_advisory_unlock_all()")
    let context = try place.context(run: RunPlace.secondRun)
    #expect(try context.ledger.markCrashed() == 1)
    try context.ledger.begin(record)
    #expect(
      try connection.values(
        """
        SELECT left(run_id::text, 1) || ' ' || status || ' ' || (finished_at IS NULL) || ' '
          || coalesce(error, 'none') FROM almanac.runs ORDER BY run_id
        """) == [
          "1 failed false ended without a word: killed, or its host stopped",
          "2 running true none",
        ])
    #expect(
      try connection.values(
        "SELECT stage || ' ' || status FROM almanac.stage_runs ORDER BY sequence")
        == ["extract succeeded", "rollup failed"])
  }

  @Test("records the end of an interrupted run whose sessions keep coming to the fence")
  func interruptedAmongSessions() throws {
    try migrate()
    let context = try RunPlace().context(run: RunPlace.firstRun)
    try context.ledger.begin(record)
    try context.ledger.beginStage("rollup", sequence: 1)
    let (fence, backend) = (context.lock.fence, try context.lock.backend())
    let settings = try ConnectionSettings(TestDatabase.current.url)
    let threads = DispatchGroup()
    for _ in 0..<3 {
      threads.enter()
      Thread.detachNewThread {
        defer { threads.leave() }
        // As a stage that does not heed the signal: it tries again until the fence is shut.
        while true {
          do {
            let connection = try Connection(settings, purpose: .target)
            try fence.write(on: connection) { _ = try $0.query("SELECT pg_sleep(30)") }
          } catch PipelineError.lockLost {
            return
          } catch {
            continue
          }
        }
      }
    }
    let observer = try TestDatabase.current.connect()
    let asleep = """
      SELECT count(*) FROM pg_stat_activity
      WHERE datname = current_database() AND query LIKE '%pg_sleep(30)%' AND pid <> pg_backend_pid()
      """
    while try observer.value(asleep) != "3" { Thread.sleep(forTimeInterval: 0.005) }
    try Ledger.recordInterruption(
      .interrupted(.terminate), of: context.run, fence, backend: backend, settings)
    #expect(threads.wait(timeout: .now() + 30) == .success)
    #expect(
      try observer.query(
        """
        SELECT r.status, starts_with(r.error, 'interrupted by SIGTERM'), s.status,
          l.released_at IS NOT NULL, l.token FROM almanac.runs AS r
        JOIN almanac.stage_runs AS s USING (run_id) CROSS JOIN almanac.locks AS l
        """
      ).row(0) == ["failed", "t", "failed", "t", String(fence.token + 1)])
    // Of a run that another one has followed nothing is recorded, and nobody's session is ended.
    let next = try RunPlace().context(run: RunPlace.secondRun)
    try next.ledger.begin(record)
    try Ledger.recordInterruption(
      .interrupted(.interrupt), of: context.run, fence, backend: backend, settings)
    #expect(try next.lock.write { try $0.value("SELECT 'alive'") } == "alive")
    #expect(
      try observer.value("SELECT status FROM almanac.runs WHERE run_id = $1", [RunPlace.secondRun])
        == "running")
  }

  @Test("records outcome, facts and notices of a stage, and the failure of a run")
  func outcomes() throws {
    try migrate()
    let context = try RunPlace().context(run: RunPlace.firstRun)
    let connection = context.lock.connection
    try context.ledger.begin(record)
    var outcome = StageOutcome()
    outcome.rowsIn = 3
    outcome.rowsOut = 2
    outcome.bytes = 5
    outcome.note("days", 7)
    outcome.notices = ["a \"b\"\n\u{1}"]
    try context.ledger.beginStage("extract", sequence: 1)
    try context.ledger.finishStage("extract", outcome)
    try context.ledger.beginStage("rollup", sequence: 2)
    try context.ledger.finish(failure: "it broke")
    #expect(
      try connection.query(
        """
        SELECT rows_in, rows_out, bytes, detail->>'days', detail->'notices'->>0 FROM
        almanac.stage_runs WHERE stage = 'extract'
        """
      ).row(0) == ["3", "2", "5", "7", "a \"b\"\n\u{1}"])
    #expect(
      try connection.query(
        "SELECT status, error FROM almanac.stage_runs WHERE stage = 'rollup'"
      ).row(0) == ["failed", "it broke"])
    #expect(
      try connection.query("SELECT status, error, jobs, forced, pid FROM almanac.runs").row(0)
        == ["failed", "it broke", "2", "t", "42"])
  }

  @Test("finds the newest run of a pipeline and date, whatever came of it")
  func newestRun() throws {
    try migrate()
    let context = try RunPlace().context(run: RunPlace.firstRun)
    let reading = LedgerReading(context.lock.connection)
    let date = record.logicalDate
    #expect(try reading.newestRun(pipeline: "nightly", date: date)?.run == nil)
    try context.ledger.begin(record)
    #expect(try reading.newestRun(pipeline: "nightly", date: date)?.hasSucceeded == false)
    try context.ledger.finish(failure: nil)
    let first = try #require(try reading.newestRun(pipeline: "nightly", date: date))
    #expect(first.run == RunPlace.firstRun)
    #expect(first.hasSucceeded)
    #expect(first.settingsDigest == "s")
    #expect(try reading.newestRun(pipeline: "nightly", date: date.adding(days: 1))?.run == nil)
    #expect(try reading.newestRun(pipeline: "hourly", date: date)?.run == nil)
    let second = Ledger(context.lock, run: UUIDValue(RunPlace.secondRun) ?? .zero)
    try second.begin(record)
    try second.finish(failure: "broken")
    let newest = try #require(try reading.newestRun(pipeline: "nightly", date: date))
    #expect(newest.run == RunPlace.secondRun)
    #expect(!newest.hasSucceeded)
    #expect(try reading.lastExtraction()?.manifestDigest == nil)
    #expect(
      try context.lock.connection.value("SELECT released_at IS NOT NULL FROM almanac.locks") == "t")
  }
}
