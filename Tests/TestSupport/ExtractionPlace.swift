package import Foundation
package import Postgres
package import Testing

/// A project that only extracts, with a source and a target, driven by the built program.
///
/// The source holds the table `app.rows` and functions that make its rows; see ``schema``.
package final class ExtractionPlace {
  /// The folder the program runs in; it is removed with this value.
  package let folder: URL
  /// The database that is read; a test may move it.
  package var source: String
  /// The database with the ledger.
  package let target: String
  /// The folder of snapshots, below ``folder`` unless a test moves it.
  package var data: String
  private let oracle: PartsOracle

  /// The columns of `app.rows` as they are compared, in the words of the server.
  package static let columns: KeyValuePairs = [
    "id": "id::text",
    "at": "(extract(epoch FROM at) * 1000000)::bigint::text",
    "recorded": "(extract(epoch FROM recorded) * 1000000)::bigint::text",
    "n": "n::text", "amount": "amount::numeric(18,4)::text", "note": "coalesce(note, '-')",
  ]

  /// The definition of `app.rows` in a mode, with further lines.
  package static func rows(_ mode: String, _ more: String...) -> String {
    """
    from: app.rows
    time: at
    recorded: recorded
    key: id
    mode: \(mode)
    \(more.joined(separator: "\n"))
    columns:
      n: int = app.brake(n)
      amount: decimal(4)
      note: text?
    """
  }

  /// The table and the functions that make its rows.
  ///
  /// `app.made(first, last, word)` gives rows spread over ten days, so that rows of every time reach
  /// back into old days. `app.brake(n)` returns `n`; on each hundredth row it waits as long as a
  /// session holds the advisory lock of that number, so a test can stop a reader at a known row.
  package static let schema = """
    CREATE SCHEMA app;
    CREATE TABLE app.rows (id uuid PRIMARY KEY, at timestamptz NOT NULL,
      recorded timestamptz NOT NULL, n int NOT NULL, amount numeric NOT NULL, note text);
    CREATE FUNCTION app.made(first int, last int, word text DEFAULT 'a') RETURNS TABLE (id uuid,
      at timestamptz, recorded timestamptz, n int, amount numeric, note text)
    LANGUAGE sql VOLATILE AS $$
      SELECT md5(i::text)::uuid,
        '2025-06-01 00:00Z'::timestamptz + (i::bigint * 7919 % 14400) * interval '1 minute',
        clock_timestamp(), i, i * 0.01, CASE WHEN i % 7 > 0 THEN word || ' ' || i END
      FROM generate_series(first, last) i $$;
    CREATE FUNCTION app.brake(n int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
      IF n % 100 = 0 THEN
        PERFORM pg_catalog.pg_advisory_lock_shared(n);
        PERFORM pg_catalog.pg_advisory_unlock_shared(n);
      END IF;
      RETURN n;
    END $$;
    """

  /// Where folders are made: in memory where there is room, since a run makes sure that all it wrote
  /// has reached the disk, and other tests keep that busy.
  private static let base: URL = {
    let memory = URL(filePath: "/dev/shm")
    let values = try? FileManager.default.attributesOfFileSystem(forPath: "/dev/shm")
    let free = (values?[.systemFreeSize] as? NSNumber)?.intValue ?? 0
    let isRoomy = free > 1 << 30 && FileManager.default.isWritableFile(atPath: "/dev/shm")
    return isRoomy ? memory : FileManager.default.temporaryDirectory
  }()

  /// Makes the table's rows so wide that four fill a block and 4,200 are read in chunks.
  package static let padding = """
    ALTER TABLE app.rows ADD pad text DEFAULT repeat('x', 1900);
    ALTER TABLE app.rows ALTER pad SET STORAGE PLAIN;
    """

  /// Prepares a folder, and the schema of the ledger in the target.
  ///
  /// - Parameters:
  ///   - datasets: the lines below `dataset: NAME` of each dataset.
  ///   - source: the database to read; the test's own if `nil`.
  ///   - target: the database of the ledger; the test's own if `nil`.
  ///   - rows: how many rows the table begins with, `nil` for no table.
  ///   - isPadded: whether the rows are wide; see ``padding``.
  /// - Throws: what the databases report, or a failed requirement where `almanac init` does.
  package init(
    _ datasets: [String: String] = ["rows": ExtractionPlace.rows("append")],
    source: String? = nil, target: String? = nil, rows: Int? = 3_000, isPadded: Bool = false
  ) throws {
    oracle = try PartsOracle.shared()
    self.source = source ?? TestDatabase.current.url
    self.target = target ?? TestDatabase.current.url
    folder = ExtractionPlace.base.appending(path: "almanac-\(UUID().uuidString.prefix(13))")
    data = folder.path(percentEncoded: false) + "/data"
    for name in ["pipelines", "models", "datasets"] {
      try FileManager.default.createDirectory(
        at: folder.appending(path: name), withIntermediateDirectories: true)
    }
    try write(
      "pipelines/nightly.yaml",
      "{pipeline: nightly, schedule: \"0 2 * * *\", currency: GBP, stages: [extract: all]}\n")
    for (name, text) in datasets { try define(name, text) }
    if let rows {
      try sql(ExtractionPlace.schema)
      if isPadded { try sql(ExtractionPlace.padding) }
      try add(1...rows)
    }
    let result = try almanac(["init", "--target", self.target])
    try #require(result.status == 0, "\(result.stderr)")
  }

  deinit {
    try? FileManager.default.removeItem(at: folder)
  }

  /// Writes a file of the project.
  package func write(_ name: String, _ text: String) throws {
    try Data(text.utf8).write(to: folder.appending(path: name))
  }

  /// Writes the definition of a dataset, given as the lines below `dataset: NAME`.
  package func define(_ name: String, _ text: String) throws {
    try write("datasets/\(name).yaml", "dataset: \(name)\n\(text)\n")
  }

  /// A connection to the source as its administrator.
  package func connect() throws -> Connection {
    try Connection(
      ConnectionSettings(source), purpose: .target, applicationName: "almanac tests")
  }

  /// Adds rows to the source's table, one for each number; see ``schema``.
  package func add(_ numbers: ClosedRange<Int>, _ word: String = "a") throws {
    try sql(ExtractionPlace.adding(numbers, word))
  }

  /// The statement that adds rows.
  package static func adding(_ numbers: ClosedRange<Int>, _ word: String = "a") -> String {
    """
    INSERT INTO app.rows (id, at, recorded, n, amount, note)
    SELECT * FROM app.made(\(numbers.lowerBound), \(numbers.upperBound), '\(word)')
    """
  }

  /// Runs SQL in the source.
  package func sql(_ script: String) throws {
    try connect().runScript(script)
  }

  /// Runs the built program.
  package func almanac(_ arguments: [String]) throws -> ProcessOutcome {
    try BackgroundProgram(builtProgram(), arguments, in: folder).wait()
  }

  /// Begins a night and does not wait for it.
  package func begin(_ more: [String] = []) throws -> BackgroundProgram {
    try BackgroundProgram(
      builtProgram(),
      [
        "run", "nightly", "--only", "extract", "--date", "2025-06-09", "--source", source,
        "--target", target, "--data", data,
      ] + more, in: folder)
  }

  /// Runs a night to its end, which must be a good one.
  @discardableResult
  package func night(
    _ more: String..., sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> ProcessOutcome {
    try awaitEndOfRuns()
    let result = try begin(more).wait()
    try #require(
      result.status == 0, "\(result.status): \(result.stderr)", sourceLocation: sourceLocation)
    return result
  }

  /// Waits until the server has noticed the end of a run that was killed.
  package func awaitEndOfRuns() throws {
    let connection = try Connection(
      ConnectionSettings(target), purpose: .target, applicationName: "almanac tests")
    try wait(for: "the end of the sessions of a killed run") {
      try connection.query(
        """
        SELECT count(*) FROM pg_catalog.pg_stat_activity
        WHERE datname = current_database() AND application_name = 'almanac'
        """)[0, 0] == "0"
    }
  }

  /// Waits until a reader stands at a brake.
  package func awaitBrake(_ number: Int) throws {
    let connection = try connect()
    try wait(for: "a reader at row \(number)") {
      try connection.query(
        """
        SELECT count(*) FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND NOT granted
          AND objid = \(number) AND database =
            (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
        """)[0, 0] != "0"
    }
  }

  /// Begins a night, stops its reader at a row, and runs `body` while it stands there.
  ///
  /// The brake is released afterwards unless the server is gone. It is held on a session of
  /// `holder`, of the source if that is `nil`.
  package func nightStopped(
    at number: Int, _ more: [String] = [], holder url: String? = nil,
    during body: (BackgroundProgram) throws -> Void
  ) throws -> ProcessOutcome {
    try awaitEndOfRuns()
    let holder = try Connection(
      ConnectionSettings(url ?? source), purpose: .target, applicationName: "almanac tests")
    _ = try holder.query("SELECT pg_advisory_lock(\(number))")
    let program = try begin(more)
    try awaitBrake(number)
    try body(program)
    _ = try? holder.query("SELECT pg_advisory_unlock(\(number))")
    return try program.wait()
  }

  /// Compares what is held with a query.
  ///
  /// - Parameters:
  ///   - query: a table or a query in parentheses with the columns of `app.rows`.
  ///   - dataset: the dataset.
  ///   - view: which of the held rows count.
  ///   - relation: how they relate to the query's.
  ///   - toleratesStray: whether files may lie about that the manifest does not list.
  ///   - repeats: whether the source repeats keys within a transaction.
  /// - Returns: the verdict, `equal` where all is as it should be.
  /// - Throws: what the source or the peers report.
  package func compare(
    with query: String = "app.rows", dataset: String = "rows",
    view: PartsOracle.Question.View = .rows, relation: PartsOracle.Question.Relation = .equal,
    toleratesStray: Bool = false, repeats: Bool = false
  ) throws -> PartsOracle.Answer {
    try compare(
      withLines: try lines(query), dataset: dataset, view: view, relation: relation,
      toleratesStray: toleratesStray, repeats: repeats)
  }

  /// The rows of a query as lines, each the values of ``columns`` joined by `|`.
  package func lines(_ query: String = "app.rows") throws -> [String] {
    let texts = ExtractionPlace.columns.map(\.value).joined(separator: ", ")
    let rows = try connect().query("SELECT concat_ws('|', \(texts)) FROM \(query) AS source")
    return (0..<rows.count).compactMap { rows[$0, 0] }
  }

  /// Compares what is held, or was held at a cut, with lines, each the values of ``columns`` joined
  /// by `|`.
  package func compare(
    withLines expected: [String], dataset: String = "rows",
    view: PartsOracle.Question.View = .rows, relation: PartsOracle.Question.Relation = .equal,
    asOf cut: String? = nil, toleratesStray: Bool = false, repeats: Bool = false
  ) throws -> PartsOracle.Answer {
    let file = folder.appending(path: "expected")
    try Data(expected.map { $0 + "\n" }.joined().utf8).write(to: file)
    return try oracle.answer(
      PartsOracle.Question(
        data: data, dataset: dataset, key: ["id"], columns: ExtractionPlace.columns.map(\.key),
        expected: file.path(percentEncoded: false), view: view, relation: relation, time: "at",
        recorded: "recorded", asof: cut, stray: toleratesStray, repeats: repeats))
  }

  /// Fails the test unless what is held relates to a query as expected; see `compare`.
  package func expectHeld(
    _ query: String = "app.rows", dataset: String = "rows",
    view: PartsOracle.Question.View = .rows, relation: PartsOracle.Question.Relation = .equal,
    toleratesStray: Bool = false, repeats: Bool = false, _ comment: Comment? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let answer = try compare(
      with: query, dataset: dataset, view: view, relation: relation,
      toleratesStray: toleratesStray, repeats: repeats)
    #expect(answer.verdict == "equal", comment, sourceLocation: sourceLocation)
  }

  /// Fails the test unless a run ended with a status, one line on stderr that begins as errors do
  /// and names what it should.
  package func expectFailure(
    _ result: ProcessOutcome, status: Int32, saying parts: String...,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(result.status == status, "\(result.stderr)", sourceLocation: sourceLocation)
    let last = result.stderr.split(separator: "\n").last.map(String.init) ?? ""
    #expect(last.hasPrefix("almanac: "), "\(result.stderr)", sourceLocation: sourceLocation)
    for part in parts {
      #expect(last.contains(part), "\(last)", sourceLocation: sourceLocation)
    }
    #expect(!result.stderr.contains("Fatal error"), sourceLocation: sourceLocation)
  }
}

extension ExtractionPlace {
  /// Runs `body` with the source's URI for a role that may only read, which is dropped afterwards.
  package func withReader(_ body: (_ url: String, _ role: String) throws -> Void) throws {
    let role = "almanac_reader_\(UInt32.random(in: 0 ... .max))"
    let admin = source
    try sql(
      """
      CREATE ROLE \(role) LOGIN;
      GRANT USAGE ON SCHEMA app TO \(role);
      GRANT SELECT ON ALL TABLES IN SCHEMA app TO \(role);
      """)
    defer {
      source = admin
      try? sql("DROP OWNED BY \(role); DROP ROLE \(role)")
    }
    try body(admin.replacing("user=postgres", with: "user=\(role)"), role)
  }
}
