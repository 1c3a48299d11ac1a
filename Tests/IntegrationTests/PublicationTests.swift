import AlmanacCore
import Postgres
import TestSupport
import Testing

@testable import Pipelines

/// Rows of predictions and rollups made by SQL.
private enum Rows {
  /// Daily forecasts of a model, one a day, in the given order of days.
  static func forecasts(run: String, model: String, grain: String = "day", days: [Int] = [1, 2, 3])
    -> String
  {
    days.map { day in
      """
      INSERT INTO predictions.revenue_forecasts VALUES (
        '00000000-0000-0000-0000-000000000000', '\(run)', 'total', '', '\(grain)',
        date '2026-01-01' + \(day), \(day), 100.5 + \(day), 90, 110, 80, 120, 'GBP', 'ridge', NULL,
        '2026-01-01', '2026-01-02 00:00Z', '\(model)', '\(model)-v1', 'digest',
        '2026-01-04 00:00Z');
      """
    }.joined(separator: "\n")
  }

  /// Daily and hourly rollups, in the given order of days.
  static func rollups(days: [Int] = [1, 2, 3]) -> String {
    days.map { day in
      """
      INSERT INTO analytics.daily_rollups VALUES ('\(RunPlace.firstRun)', 'é event',
        '\(RunPlace.secondRun)', date '2026-01-01' + \(day), 5, 2, 10.5, 1, 9, 1000);
      INSERT INTO analytics.daily_rollups VALUES ('\(RunPlace.firstRun)', 'Z event',
        '\(RunPlace.secondRun)', date '2026-01-01' + \(day), 5, 2);
      """
    }.joined(separator: "\n")
  }
}

@Suite("Publication", .database)
struct PublicationTests {
  @Test("keeps the earlier run of models that this run did not predict")
  func unchangedModels() throws {
    try migrate()
    let place = try RunPlace()
    let connection = try TestDatabase.current.connect()
    func publish(_ run: String, _ models: [(String, String)]) throws -> StageOutcome {
      for (model, grain) in models {
        try connection.runScript(Rows.forecasts(run: run, model: model, grain: grain))
      }
      let context = try place.context(run: run)
      defer { _ = try? context.lock.connection.run("SELECT pg_advisory_unlock_all()") }
      return try PublishStage().run(in: context)
    }
    let first = try publish(RunPlace.firstRun, [("revenue", "day"), ("other", "month")])
    #expect(first.rowsOut == 6)
    let second = try publish(RunPlace.secondRun, [("revenue", "day"), ("third", "month")])
    #expect(second.rowsOut == 6)
    #expect(
      try connection.values(
        """
        SELECT p.publication_id || ' ' || r.model || ' ' || left(r.run_id::text, 1) || ' ' || r.rows
        FROM almanac.published p JOIN almanac.published_runs r USING (publication_id)
        ORDER BY p.publication_id, r.model
        """) == [
          "1 other 1 3", "1 revenue 1 3", "2 other 1 3", "2 revenue 2 3", "2 third 2 3",
        ])
    #expect(try connection.value("SELECT max(token) FROM almanac.published") == "2")
  }

  @Test("is refused to a run without predictions, and readers keep what they have")
  func nothingToPublish() throws {
    try migrate()
    let place = try RunPlace()
    let connection = try TestDatabase.current.connect()
    try connection.runScript(Rows.forecasts(run: RunPlace.firstRun, model: "revenue"))
    let context = try place.context(run: RunPlace.secondRun)
    #expect(throws: PipelineError.nothingToPublish(run: RunPlace.secondRun)) {
      _ = try PublishStage().run(in: context)
    }
    #expect(try connection.value("SELECT count(*) FROM almanac.published") == "0")
  }

  @Test("is refused to a run that lost its lock")
  func lostLock() throws {
    try migrate()
    let place = try RunPlace()
    let connection = try TestDatabase.current.connect()
    try connection.runScript(Rows.forecasts(run: RunPlace.firstRun, model: "revenue"))
    let context = try place.context(run: RunPlace.firstRun)
    try connection.run("UPDATE almanac.locks SET token = token + 1")
    #expect(throws: PipelineError.lockLost) { _ = try PublishStage().run(in: context) }
    #expect(try connection.value("SELECT count(*) FROM almanac.published") == "0")
  }

  @Test("goes back step by step, and to any publication whose predictions are kept")
  func rollingBack() throws {
    try migrate()
    let place = try RunPlace()
    let connection = try TestDatabase.current.connect()
    let context = try place.context(run: RunPlace.firstRun)
    let publisher = Publisher(context.lock)
    #expect(throws: PipelineError.noSuchRun(what: "nothing was published yet")) {
      try publisher.rollBack(to: nil)
    }
    for number in 1...3 {
      let run = "\(number)\(number)111111-0000-4000-8000-000000000001"
      try connection.runScript(
        Rows.forecasts(run: run, model: "revenue").replacing("revenue-v1", with: "v\(number)"))
      try connection.run(
        """
        INSERT INTO almanac.model_versions (model, model_version, specification, coefficients,
          data_digest, status, created_at, run_id)
        VALUES ('revenue', $1, '{}', '{}', 'd', $2, now(), $3)
        """, ["v\(number)", number == 3 ? "champion" : "retired", run])
      let predictions = try RunPredictions(connection, run: run)
      #expect(try publisher.publish(predictions, pipeline: "nightly").id == number)
    }
    func served() throws -> String? {
      try connection.value(
        """
        SELECT string_agg(left(f.run_id::text, 1) || ' ' || f.publication_id || ' '
          || coalesce(p.restores::text, '-') || ' '
          || (SELECT v.model_version FROM almanac.model_versions v WHERE v.status = 'champion'), ',')
        FROM api.freshness_v1 f JOIN almanac.published p USING (publication_id)
        """)
    }
    #expect(try served() == "3 3 - v3")
    #expect(try publisher.rollBack(to: nil).restored == 2)
    #expect(try served() == "2 4 2 v2")
    #expect(try publisher.rollBack(to: nil).restored == 1)
    #expect(try served() == "1 5 1 v1")
    #expect(throws: PipelineError.noSuchRun(what: "there is no publication before 1")) {
      try publisher.rollBack(to: nil)
    }
    // Publication 4 is publication 2 again.
    #expect(try publisher.rollBack(to: 4).new?.id == 6)
    #expect(try served() == "2 6 2 v2")
    #expect(try publisher.rollBack(to: 2).new == nil)
    #expect(throws: PipelineError.noSuchRun(what: "there is no publication 9")) {
      try publisher.rollBack(to: 9)
    }
    try connection.run("DELETE FROM predictions.revenue_forecasts WHERE model_version = 'v3'")
    let error = #expect(throws: PipelineError.cannotRestore(publication: 3, model: "revenue")) {
      try publisher.rollBack(to: 3)
    }
    #expect(error?.exitStatus == .missingInput)
    #expect(try served() == "2 6 2 v2")
    #expect(
      try connection.value("SELECT string_agg(model, ' ') FROM almanac.served WHERE restores = 2")
        == "revenue revenue")
    try connection.run("UPDATE almanac.locks SET token = token + 1")
    #expect(throws: PipelineError.lockLost) { try publisher.rollBack(to: 1) }
  }

  @Test("is refused for predictions that are incomplete, mixed or of a run that did not end")
  func unsound() throws {
    try migrate()
    let connection = try TestDatabase.current.connect()
    let run = RunPlace.firstRun
    try connection.runScript(Rows.forecasts(run: run, model: "revenue"))
    func ledger(_ status: String, rows: Int) throws {
      try connection.runScript(
        """
        DELETE FROM almanac.stage_runs;
        INSERT INTO almanac.stage_runs (run_id, stage, sequence, status, started_at, rows_out)
        VALUES ('\(run)', 'predict', 1, '\(status)', now(), \(rows));
        """)
    }
    try ledger("succeeded", rows: 3)
    #expect(try RunPredictions(connection, run: run).rows == 3)
    try ledger("succeeded", rows: 4)
    #expect(
      throws: PipelineError.countMismatch(table: "predictions", expected: 4, found: 3)
    ) { try RunPredictions(connection, run: run) }
    try ledger("failed", rows: 3)
    #expect(throws: PipelineError.unfinishedRun(run: run)) {
      try RunPredictions(connection, run: run)
    }
    try ledger("succeeded", rows: 3)
    try connection.run(
      "UPDATE predictions.revenue_forecasts SET model_version = 'x' WHERE horizon = 2")
    let error = #expect(throws: PipelineError.mixedPredictions(model: "revenue")) {
      try RunPredictions(connection, run: run)
    }
    #expect(error?.exitStatus == .badData)
  }

  @Test("marks the stage as done in the transaction that switches")
  func ledgerRow() throws {
    try migrate()
    let place = try RunPlace()
    let connection = try TestDatabase.current.connect()
    let context = try place.context(run: RunPlace.firstRun)
    try context.ledger.beginStage("publish", sequence: 1)
    try connection.runScript(Rows.forecasts(run: RunPlace.firstRun, model: "revenue"))
    _ = try PublishStage().run(in: context)
    // Both rows were written by one transaction.
    #expect(
      try connection.value(
        """
        SELECT s.status || ' ' || s.rows_out || ' ' || (s.xmin = p.xmin) || ' '
          || (r.xmin = p.xmin) || ' ' || (s.detail ->> 'publication')
        FROM almanac.stage_runs AS s, almanac.published AS p, almanac.published_runs AS r
        """) == "succeeded 3 true true 1")
  }
}

@Suite("The digest of a run", .database)
struct RunDigestTests {
  private func prepare() throws -> Connection {
    try migrate()
    let connection = try TestDatabase.current.connect()
    for run in [RunPlace.firstRun, RunPlace.secondRun] {
      try connection.run(
        """
        INSERT INTO almanac.runs (run_id, pipeline, logical_date, settings_digest, status,
          started_at, jobs, program_version) VALUES ($1, 'p', '2026-01-01', 's', 'running', now(), 1,
          'v')
        """, [run])
    }
    return connection
  }

  private func fill(_ connection: Connection, days: [Int] = [1, 2, 3]) throws {
    try connection.runScript(
      """
      TRUNCATE predictions.revenue_forecasts, analytics.daily_rollups;
      \(Rows.forecasts(run: RunPlace.firstRun, model: "revenue", days: days))
      \(Rows.rollups(days: days))
      """)
  }

  private func digest(_ connection: Connection, run: String? = RunPlace.firstRun) throws -> String {
    try RunDigest(connection, run: run).sha256
  }

  @Test("does not depend on the order in which rows were written")
  func order() throws {
    let connection = try prepare()
    try fill(connection)
    let digest = try RunDigest(connection, run: RunPlace.firstRun)
    try fill(connection, days: [3, 1, 2])
    #expect(try RunDigest(connection, run: RunPlace.firstRun) == digest)
    let rows = Dictionary(uniqueKeysWithValues: digest.tables.map { ($0.name, $0.rows) })
    #expect(rows["predictions.revenue_forecasts"] == 3)
    #expect(rows["analytics.daily_rollups"] == 6)
    #expect(digest.tables.map(\.name) == digest.tables.map(\.name).sorted())
  }

  @Test("is the same for the same predictions of another run, and blind to the rows of others")
  func otherRun() throws {
    let connection = try prepare()
    try fill(connection)
    let first = try digest(connection)
    let empty = try digest(connection, run: RunPlace.secondRun)
    #expect(empty != first)
    try connection.runScript(Rows.forecasts(run: RunPlace.secondRun, model: "revenue"))
    #expect(try digest(connection) == first)
    #expect(try digest(connection, run: RunPlace.secondRun) == first)
  }

  @Test("is blind to moments of the clock")
  func clock() throws {
    let connection = try prepare()
    try fill(connection)
    let before = try digest(connection)
    try connection.run(
      """
      UPDATE predictions.revenue_forecasts
      SET recorded_cut = now(), valid_until = now() + interval '1 day'
      """)
    #expect(try digest(connection) == before)
  }

  @Test("changes with every other value")
  func everyValue() throws {
    let connection = try prepare()
    try fill(connection)
    var digests = [try digest(connection)]
    let changes: [(table: String, change: String)] = [
      ("company_id", "'33333333-0000-4000-8000-000000000003'"), ("grain", "'month'"),
      ("period_start", "'2027-01-01'"), ("horizon", "horizon + 5"),
      ("predicted", "predicted + 0.0001"), ("lower_80", "lower_80 + 0.0001"),
      ("upper_80", "NULL"), ("lower_95", "lower_95 - 0.0001"), ("upper_95", "121"),
      ("currency", "'EUR'"), ("model_used", "'naive'"), ("fallback_reason", "''"),
      ("as_of", "'2026-01-02'"), ("model", "'x'"), ("model_version", "'x'"),
      ("feature_digest", "'x'"),
    ].map { ("predictions.revenue_forecasts", "\($0) = \($1) WHERE horizon = 2") }
    let rollups = [
      ("company_id", "'33333333-0000-4000-8000-000000000003'"), ("event_type", "'y'"),
      ("module_id", "'33333333-0000-4000-8000-000000000003'"), ("date", "'2027-01-01'"),
      ("event_count", "6"), ("unique_users", "3"), ("amount_sum", "10.5001"),
      ("amount_min", "NULL"), ("amount_max", "9.0001"), ("duration_ms_sum", "1001"),
    ].map {
      (
        "analytics.daily_rollups",
        "\($0) = \($1) WHERE date = '2026-01-03' AND event_count = 5"
          + " AND event_type = 'é event'"
      )
    }
    for (table, change) in changes + rollups {
      #expect(try connection.run("UPDATE \(table) SET \(change)") == 1, "\(change)")
      digests.append(try digest(connection))
      try fill(connection)
    }
    #expect(Set(digests).count == digests.count)
    #expect(try digest(connection) == digests[0])
  }

  @Test("says so where there is no such run and nothing is published")
  func noRun() throws {
    let connection = try prepare()
    for run in [nil, "x", "44444444-0000-4000-8000-000000000004"] {
      let error = try #require(throws: PipelineError.self) { _ = try digest(connection, run: run) }
      #expect(error.exitStatus == .missingInput)
    }
  }
}
