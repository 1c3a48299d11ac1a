import AlmanacCore
import Foundation
import Postgres
import TestSupport
import Testing

/// A long campaign from one seed, night after night, each compared with the source.
///
/// Writers go on meanwhile, the table is changed, the program and its server are killed. `make soak`
/// runs it.
@Suite("Soak")
struct ExtractionSoakTests {
  private static let environment = ProcessInfo.processInfo.environment

  @Test(
    "loses and doubles nothing over many nights",
    .enabled(if: environment["ALMANAC_SOAK_NIGHTS"] != nil, "make soak runs it"), .database)
  func campaign() throws {
    let nights = Self.environment["ALMANAC_SOAK_NIGHTS"].flatMap { Int($0) } ?? 20
    let seed = Self.environment["ALMANAC_SOAK_SEED"].flatMap { UInt64($0) } ?? 1
    var campaign = try SoakCampaign(seed: seed)
    for night in 1...nights {
      let line = try campaign.night()
      print("night \(night): \(line)")
      #expect(campaign.findings == [], "seed \(seed), night \(night)")
      if !campaign.findings.isEmpty { break }
    }
    print("seed \(seed): \(campaign.summary)")
  }
}

/// The state of a soak.
struct SoakCampaign {
  private var random: SplitMix64
  private let seed: UInt64
  private let cluster: TestCluster
  private let place: ExtractionPlace
  private var next = 1
  private var writers = 0
  private var counts: [String: Int] = [:]
  /// Rows that the source held at the cut of a night and holds no longer.
  private var gone: Set<String> = []
  /// What was found wrong.
  private(set) var findings: [String] = []

  init(seed: UInt64) throws {
    self.seed = seed
    random = SplitMix64(seed: seed)
    cluster = try TestCluster()
    place = try ExtractionPlace(source: cluster.url(), rows: 5_000, isPadded: true)
    next = 5_001
  }

  /// What happened, in one line.
  var summary: String {
    counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
      + (findings.isEmpty ? "; nothing lost, nothing doubled" : "; \(findings)")
  }

  private mutating func count(_ what: String, _ number: Int = 1) {
    counts[what, default: 0] += number
  }

  /// One night: changes, writers that go on meanwhile, cut-off runs, then a whole one.
  mutating func night() throws -> String {
    let change = try changeTable()
    // All that is there now, and stays until the night is over, must be held in the end.
    writers += 10
    let writing = RandomWriters(
      3, seed: seed &+ UInt64(writers), url: place.source, first: writers * 3_000_000)
    let faults = try (0..<Int.random(in: 0...3, using: &random)).map { _ in try cutOff() }
    _ = writing.stop()
    let held = Set(try place.lines())
    try place.night("--jobs", "\(Int.random(in: 1...4, using: &random))")
    count("nights")
    try compare(held)
    return ([change] + faults).joined(separator: ", ") + ", \(held.count) rows"
  }

  /// Compares with the source: what it holds is held once, and what it held at a cut before.
  private mutating func compare(_ source: Set<String>) throws {
    let all = source.union(gone)
    let answer = try place.compare(withLines: Array(all))
    if answer.verdict != "equal" { findings.append(answer.verdict) }
    count("rows compared", all.count)
    let verified = try place.almanac(["datasets", "verify", "--data", place.data])
    if verified.status != 0 { findings.append("verify: \(verified.stdout)\(verified.stderr)") }
  }

  /// Cuts a run off, by a kill of it, of a server process or of the server.
  private mutating func cutOff() throws -> String {
    try place.awaitEndOfRuns()
    let program = try place.begin(["--jobs", "\(Int.random(in: 1...3, using: &random))"])
    Thread.sleep(forTimeInterval: Double.random(in: 0.05...0.8, using: &random))
    let fault =
      ["kill of the program", "end of its sessions", "kill of the server", "restart"]
      .randomElement(using: &random) ?? ""
    switch fault {
    case "kill of the program": program.kill()
    case "end of its sessions":
      try? place.sql(
        """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'almanac'
        """)
    case "kill of the server":
      try cluster.kill()
      try cluster.start()
    default:
      try cluster.stop()
      try cluster.start()
    }
    let result = try program.wait()
    if ![0, 69, 75, 137].contains(result.status) {
      findings.append("\(fault): \(result.status): \(result.stderr)")
    }
    let now = try place.lines()
    let answer = try place.compare(
      withLines: now + Set(gone).subtracting(now), relation: .within, toleratesStray: true)
    // Rows that a crash made the server forget may be held all the same.
    if answer.verdict != "equal", !answer.verdict.contains("too many") {
      findings.append("\(fault): \(answer.verdict)")
    }
    count(fault)
    return fault
  }

  /// Changes rows or the table itself.
  private mutating func changeTable() throws -> String {
    let count = Int.random(in: 1...400, using: &random)
    let numbers = next...next + count
    next += count + 1
    let before = Set(try place.lines())
    let changes: [(String, [String])] = [
      ("inserts", [ExtractionPlace.adding(numbers)]),
      ("DELETE", ["DELETE FROM app.rows WHERE n % 7 = \(count % 7)"]),
      ("VACUUM", ["VACUUM (FREEZE) app.rows"]), ("VACUUM FULL", ["VACUUM FULL app.rows"]),
      (
        "CLUSTER",
        [
          """
          DO $$ BEGIN EXECUTE format('CLUSTER app.rows USING %I', (SELECT c.relname
            FROM pg_index i JOIN pg_class c ON c.oid = indexrelid
            WHERE indrelid = 'app.rows'::regclass AND indisprimary)); END $$
          """
        ]
      ),
      ("rewrite", ["ALTER TABLE app.rows ALTER amount TYPE numeric(30,\(4 + count % 9))"]),
      ("new column", ["ALTER TABLE app.rows ADD more\(next) uuid DEFAULT gen_random_uuid()"]),
      ("TRUNCATE", ["TRUNCATE app.rows", ExtractionPlace.adding(numbers)]),
      (
        "recreation",
        [
          """
          BEGIN; ALTER TABLE app.rows RENAME TO old;
          CREATE TABLE app.rows (LIKE app.old INCLUDING ALL);
          ALTER TABLE app.rows SET (autovacuum_enabled = off);
          INSERT INTO app.rows TABLE app.old; DROP TABLE app.old; COMMIT
          """
        ]
      ), ("nothing", []),
    ]
    let (name, statements) = changes.randomElement(using: &random) ?? ("nothing", [])
    let connection = try place.connect()
    for statement in statements { try connection.runScript(statement) }
    // Only what a finished night held is owed: the others may be gone before a cut saw them.
    let nights = counts["nights"] ?? 0
    if nights > 0 { gone.formUnion(before.subtracting(try place.lines())) }
    if nights == 0, name == "DELETE" || name == "TRUNCATE" { gone = [] }
    self.count(name)
    return name
  }
}
