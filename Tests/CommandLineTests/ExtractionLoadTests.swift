import Foundation
import Postgres
import TestSupport
import Testing

/// The first reading of a large table, in chunks that are committed one by one.
@Suite("First load in chunks", .database)
struct ExtractionLoadTests {
  /// A place whose source counts the rows that are fetched.
  private static func place() throws -> ExtractionPlace {
    try TestDatabase.current.connect().run(
      "ALTER DATABASE \(TestDatabase.current.name) SET track_functions = 'all'")
    return try ExtractionPlace(rows: 4_400, isPadded: true)
  }

  /// The rows that were fetched so far: each calls the brake once.
  private func fetched(_ place: ExtractionPlace) throws -> Int {
    try place.awaitEndOfRuns()
    let connection = try place.connect()
    try wait(for: "the end of the readers") {
      try connection.query(
        """
        SELECT count(*) FROM pg_catalog.pg_stat_activity
        WHERE datname = current_database() AND application_name = 'almanac'
        """)[0, 0] == "0"
    }
    try connection.run("SELECT pg_stat_clear_snapshot()")
    return try connection.query(
      "SELECT coalesce(sum(calls), 0) FROM pg_stat_user_functions WHERE funcname = 'brake'")[0, 0]
      .flatMap { Int($0) } ?? -1
  }

  @Test("repeats less than 5 % after a kill at 80 %", arguments: [1, 2])
  func killedAtFourFifths(jobs: Int) throws {
    // A server of its own: a transaction of another test that is open meanwhile, in whatever database,
    // would hold the horizon back, and all rows above it are read again.
    let cluster = try TestCluster()
    let place = try ExtractionPlace(source: cluster.url(), rows: 4_400, isPadded: true)
    let rows = try place.lines().count
    _ = try place.nightStopped(at: 3_500, ["--jobs", "\(jobs)"]) { program in
      // The other connections read on.
      try wait(for: "the chunks before the reader to be committed") {
        try place.compare(relation: .within, toleratesStray: true).loaded > rows * 3 / 4
      }
      program.kill()
      _ = try program.wait()
    }
    let first = try fetched(place)
    #expect(first >= 3_400, "the first run was to fetch four fifths")
    let kept = try place.compare(relation: .within, toleratesStray: true)
    #expect(kept.verdict == "equal")
    #expect(kept.loaded > rows * 3 / 4, "\(kept.loaded) of \(first) fetched rows were committed")
    try place.night("--jobs", "\(jobs)")
    let second = try fetched(place) - first
    #expect(
      first + second < rows + rows / 20, "\(first) rows at first, then \(second), of \(rows)")
    try place.expectHeld()
    // A row that is read by no later run: the load is over.
    try place.night()
    #expect(try fetched(place) - first - second < rows / 20)
    try place.expectHeld()
  }

  /// What may happen to the table between two chunks, in the thread of another session.
  enum Meanwhile: String, CaseIterable, CustomTestStringConvertible {
    case nothing
    case insertEarlyAndLate = "rows in free space before and behind the reader"
    case vacuumFull = "VACUUM FULL"
    case truncate = "TRUNCATE and other rows"
    case recreate = "DROP, CREATE and other rows"
    case rewrite = "ALTER TABLE that rewrites"
    case deleteVacuum = "DELETE and VACUUM, which cuts the end off"

    var testDescription: String { rawValue }

    var statements: [String] {
      switch self {
      case .nothing: []
      case .insertEarlyAndLate: [ExtractionPlace.adding(7_001...7_600)]
      case .vacuumFull: ["VACUUM FULL app.rows"]
      case .truncate: ["TRUNCATE app.rows", ExtractionPlace.adding(7_001...7_600)]
      case .recreate:
        [
          "BEGIN; ALTER TABLE app.rows RENAME TO old; CREATE TABLE app.rows (LIKE app.old "
            + "INCLUDING ALL); \(ExtractionPlace.adding(7_001...7_600)); DROP TABLE app.old; COMMIT"
        ]
      case .rewrite: ["ALTER TABLE app.rows ALTER amount TYPE numeric(30,6)"]
      case .deleteVacuum: ["DELETE FROM app.rows WHERE n > 4000", "VACUUM app.rows"]
      }
    }
  }

  @Test("ends with all rows whatever happens between its chunks", arguments: Meanwhile.allCases)
  func meanwhile(change: Meanwhile) throws {
    let place = try Self.place()
    if change == .insertEarlyAndLate {
      // Free space in blocks that were read long before.
      try place.sql("DELETE FROM app.rows WHERE n BETWEEN 100 AND 400")
      try place.connect().run("VACUUM app.rows")
    }
    try place.sql("CREATE TABLE app.seen (LIKE app.rows); INSERT INTO app.seen TABLE app.rows")
    let source = place.source
    let outcome = BackgroundStatements()
    let result = try place.nightStopped(at: 2_000, ["--jobs", "1"]) { _ in
      outcome.run(change.statements, url: source)
      if change == .insertEarlyAndLate || change == .nothing {
        try outcome.wait()
      } else {
        // It waits for the chunk that is being read, or is done where it needs not wait.
        Thread.sleep(forTimeInterval: 0.2)
      }
    }
    try outcome.wait()
    if result.status != 0 {
      place.expectFailure(result, status: 75)
      try place.night()
    }
    let all = "(TABLE app.seen UNION TABLE app.rows)"
    let withoutTypes = all.replacing(
      "TABLE app.", with: "SELECT id, at, recorded, n, amount, note FROM app.")
    try place.expectHeld(relation: .holds)
    try place.expectHeld(withoutTypes, relation: .within)
    try place.night()
    try place.expectHeld(relation: .holds)
    try place.expectHeld(withoutTypes, relation: .within)
    try place.add(8_001...8_100)
    try place.night("--jobs", "3")
    try place.expectHeld(relation: .holds)
    try place.expectHeld(withoutTypes, relation: .within)
  }

  @Test("makes the same files of the same table whatever the number of connections")
  func sameFiles() throws {
    let place = try Self.place()
    func files() throws -> [String] {
      (FileManager.default.enumerator(atPath: place.data)?.compactMap { $0 as? String } ?? [])
        .filter { $0.hasSuffix(".parquet") }.sorted()
    }
    let base = place.data
    var found: [[String]] = []
    for jobs in ["1", "2", "5"] {
      place.data = base + jobs
      try place.night("--jobs", jobs)
      // The name of a file is made of its content.
      found.append(try files())
    }
    #expect(found[0] == found[1] && found[0] == found[2] && !found[0].isEmpty)
  }

  @Test("goes on over several kills, with rows that come meanwhile")
  func killedOften() throws {
    let place = try Self.place()
    for (index, number) in [700, 1_500, 2_300, 3_100, 3_900].enumerated() {
      _ = try place.nightStopped(at: number, ["--jobs", "\(1 + index % 2)"]) { program in
        try place.add((10_000 + number)...(10_050 + number))
        program.kill()
        _ = try program.wait()
      }
      let answer = try place.compare(relation: .within, toleratesStray: true)
      #expect(answer.verdict == "equal")
      #expect(answer.loaded > number / 2)
    }
    try place.night()
    try place.expectHeld()
  }

  @Test("begins anew where the definition changed or the source moved while it was cut off")
  func changedBetween() throws {
    let place = try Self.place()
    _ = try place.nightStopped(at: 3_500) { $0.kill() }
    try place.define(
      "rows",
      ExtractionPlace.rows("append").replacing("note: text?", with: "note: text? = note || ''"))
    try place.night()
    try place.expectHeld()
    let other = try ExtractionPlace(rows: nil)
    other.source = place.source
    _ = try other.nightStopped(at: 3_500) { $0.kill() }
    try place.sql(
      "CREATE TABLE app.next (LIKE app.rows INCLUDING ALL); INSERT INTO app.next TABLE app.rows; ALTER TABLE app.rows RENAME TO last; ALTER TABLE app.next RENAME TO rows"
    )
    try other.night()
    try other.expectHeld()
  }

  @Test("reads a chunk again whose file is damaged while it is cut off")
  func damagedChunk() throws {
    let place = try Self.place()
    _ = try place.nightStopped(at: 3_500) { program in
      try wait(for: "chunks to be committed") {
        try place.compare(relation: .within, toleratesStray: true).loaded > 1_000
      }
      program.kill()
      _ = try program.wait()
    }
    let manifest = try String(contentsOfFile: place.data + "/manifest.json", encoding: .utf8)
    let files =
      FileManager.default.enumerator(atPath: place.data)?.compactMap { $0 as? String }
      .filter { $0.hasSuffix(".parquet") && manifest.contains(URL(filePath: $0).lastPathComponent) }
      ?? []
    let file = try #require(files.sorted().dropFirst(2).first)
    var bytes = try Data(contentsOf: URL(filePath: place.data + "/" + file))
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: URL(filePath: place.data + "/" + file))
    let found = try place.almanac(["datasets", "verify", "--data", place.data])
    #expect(found.status == 65 && (found.stdout + found.stderr).contains(file), "\(found)")
    try place.night()
    try place.expectHeld()
  }
}
