import AlmanacCore
import Postgres
import TestSupport

@testable import Pipelines

/// A source with the append table `app.events`, and the place that extracts it.
struct AppendSource {
  let place: RunPlace
  let context: RunContext
  private let session: Connection
  private let loading: LoadSettings

  static let definition = """
    from: app.events
    time: at
    recorded: recorded
    key: id
    mode: append
    columns: {value: text}
    """

  static let table = """
    CREATE SCHEMA app;
    CREATE TABLE app.events (id uuid NOT NULL DEFAULT gen_random_uuid(),
      at timestamptz NOT NULL DEFAULT now(), recorded timestamptz NOT NULL DEFAULT now(),
      value text NOT NULL);
    """

  init(
    _ table: String = table, definition: String = definition, jobs: Int = 2,
    loading: LoadSettings = LoadSettings(), log: @escaping @Sendable (String) -> Void = { _ in }
  ) throws {
    self.loading = loading
    try migrate()
    session = try TestDatabase.current.connect()
    try session.runScript(table)
    place = try RunPlace(["events": definition])
    context = try place.context(run: RunPlace.firstRun, jobs: jobs, log: log)
  }

  /// Another session at the source.
  func connect() throws -> Connection { try TestDatabase.current.connect() }

  /// Runs statements at the source.
  func run(_ sql: String) throws { try session.runScript(sql) }

  /// Adds rows, one for each value.
  func add(_ values: [String], at: String = "now()", on connection: Connection? = nil) throws {
    for value in values {
      try (connection ?? session).run(
        "INSERT INTO app.events (at, value) VALUES (\(at), $1)", [value])
    }
  }

  /// Extracts and returns the rows that the source sent and those that were new.
  @discardableResult
  func extract() throws -> (read: Int, new: Int, notices: [String]) {
    let outcome = try place.extract(in: context, loading: loading)
    return (outcome.rowsIn, outcome.rowsOut, outcome.notices)
  }

  /// What the data directory holds, ordered.
  func held() throws -> [String] { try place.values("events", "value", in: context).sorted() }

  /// What the source holds, ordered.
  func source() throws -> [String] {
    try session.values("SELECT value FROM app.events ORDER BY value COLLATE \"C\"")
  }

  /// The entry of the manifest.
  var entry: Manifest.Dataset? { context.directory.manifest.datasets["events"] }
}
