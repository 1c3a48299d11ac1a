import Files
import Foundation
import Postgres
import TestSupport
import Testing

/// A folder with the shipped definitions, and a database with the schemas and the small shop.
final class Workplace {
  /// The folder the program runs in; it is removed with the workplace.
  let folder: (path: String, url: URL)
  /// The database that is source and target.
  let url: String

  /// The root of the repository.
  static let repository = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path(percentEncoded: false)

  /// Prepares a folder and the test's own database.
  ///
  /// A filled one has the source contract's tables with the small shop in them; in an initialised
  /// one `almanac init` has run. Nights are tried once, unless `retries` says otherwise.
  init(isFilled: Bool = true, isInitialised: Bool = true, retries: String? = nil) throws {
    let made = FileManager.default.temporaryDirectory
      .appending(path: "almanac-\(UUID().uuidString.prefix(13))")
    try FileManager.default.createDirectory(at: made, withIntermediateDirectories: true)
    folder = (made.path(percentEncoded: false), made)
    url = TestDatabase.current.url
    for name in ["pipelines", "models", "datasets"] {
      try FileSystem.createDirectories(folder.path + "/" + name)
      for file in try FileSystem.list(Workplace.repository + "/" + name)
      where file.hasSuffix(".yaml") || file.hasSuffix(".sql") {
        let bytes = try FileSystem.read(Workplace.repository + "/" + name + "/" + file)
        try FileSystem.writeAtomically(bytes, to: folder.path + "/" + name + "/" + file)
      }
    }
    // What fails here is to fail at once.
    try edit(
      "pipelines/nightly.yaml", "retries: {attempts: 3, backoff: 10s}\n",
      retries.map { "retries: \($0)\n" } ?? "")
    let connection = try TestDatabase.current.connect()
    if isFilled {
      let schema = try FileSystem.read(folder.path + "/datasets/source-schema.sql")
      try SmallShop.create(on: connection, schemaSQL: String(decoding: schema, as: UTF8.self))
    }
    if isInitialised {
      let result = try almanac(["init", "--target", url])
      try #require(result.status == 0, "\(result.stderr)")
    }
  }

  deinit {
    try? FileManager.default.removeItem(at: folder.url)
  }

  /// Runs the built program in the folder.
  func almanac(
    _ arguments: [String], environment: [String: String] = [:]
  ) throws -> ProcessOutcome {
    try runProcess(try builtProgram(), arguments, environment: environment, in: folder.url)
  }

  /// Runs a night into the folder's `data`.
  func night(_ date: String, _ more: String...) throws -> ProcessOutcome {
    try night(date, more)
  }

  /// The same with a list of further arguments.
  func night(_ date: String, _ more: [String]) throws -> ProcessOutcome {
    try almanac(
      ["run", "nightly", "--date", date, "--source", url, "--target", url, "--data", "data"] + more)
  }

  /// The overall digest that the program prints.
  func digest() throws -> String {
    let result = try almanac(["digest", "--target", url])
    try #require(result.status == 0, "\(result.stderr)")
    let last = result.stdout.split(separator: "\n").last ?? ""
    return String(last.prefix(64))
  }

  /// Replaces text in a definition file.
  func edit(_ file: String, _ old: String, _ new: String) throws {
    let path = folder.path + "/" + file
    let text = String(decoding: try FileSystem.read(path), as: UTF8.self)
    try #require(text.contains(old), "\(file) does not hold \(old)")
    try FileSystem.writeAtomically(
      Array(text.replacingOccurrences(of: old, with: new).utf8), to: path)
  }

  /// The number of definitions in the folder.
  func definitionCount() throws -> Int {
    try ["datasets", "models", "pipelines"].reduce(0) { count, kind in
      try count
        + FileSystem.list(folder.path + "/" + kind).filter { $0.hasSuffix(".yaml") }.count
    }
  }

  /// Runs SQL as the database's administrator.
  func sql(_ script: String) throws {
    try TestDatabase.current.connect().runScript(script)
  }

  /// The single value of a query.
  func value(_ query: String) throws -> String? {
    try TestDatabase.current.connect().query(query)[0, 0]
  }

  /// Checks the rollups against the source itself, aggregated by the server.
  func verifyRollups(
    through date: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    for (table, bucket) in [
      ("daily_rollups", "(\"timestamp\" AT TIME ZONE 'UTC')::date"),
      ("hourly_rollups", "date_trunc('hour', \"timestamp\", 'UTC')"),
      ("monthly_rollups", "date_trunc('month', \"timestamp\" AT TIME ZONE 'UTC')::date"),
    ] {
      let expected = """
        SELECT company_id, event_type,
          coalesce(module_id, '00000000-0000-0000-0000-000000000000') AS module_id,
          \(bucket) AS bucket, count(*) AS event_count, count(DISTINCT user_id) AS unique_users,
          sum((metadata->>'amount')::numeric) AS amount_sum,
          min((metadata->>'amount')::numeric) AS amount_min,
          max((metadata->>'amount')::numeric) AS amount_max,
          sum((metadata->>'duration_ms')::numeric) AS duration_ms_sum
        FROM app.events WHERE ("timestamp" AT TIME ZONE 'UTC')::date <= '\(date)'
        GROUP BY 1, 2, 3, 4
        """
      #expect(
        try value(
          """
          SELECT (SELECT count(*) FROM (\(expected) EXCEPT ALL TABLE analytics.\(table)) AS missing)
            || ' missing, '
            || (SELECT count(*) FROM (TABLE analytics.\(table) EXCEPT ALL \(expected)) AS extra)
            || ' extra'
          """) == "0 missing, 0 extra", "\(table)", sourceLocation: sourceLocation)
    }
  }
}
