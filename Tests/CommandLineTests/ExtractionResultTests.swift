import AlmanacCore
import Files
import Foundation
import Postgres
import TestSupport
import Testing

/// What comes out must not depend on how the rows were read.
@Suite("Results of an extraction", .database)
struct ExtractionResultTests {
  /// The names of the files that hold rows, which follow from their content.
  private func parts(_ place: ExtractionPlace) throws -> [String] {
    let files =
      FileManager.default.enumerator(atPath: place.data)?
      .compactMap { $0 as? String } ?? []
    return files.filter { $0.hasSuffix(".parquet") }.sorted()
  }

  @Test("writes the same files for one connection and for four")
  func jobs() throws {
    let place = try ExtractionPlace()
    let other = try ExtractionPlace(rows: nil)
    other.source = place.source
    for night in 0..<3 {
      try place.night("--jobs", "1")
      try other.night("--jobs", "4")
      #expect(try parts(place) == parts(other), "night \(night)")
      try place.add(10_000 + night * 1_000...10_700 + night * 1_000)
    }
    try place.expectHeld(relation: .within)
    try other.expectHeld(relation: .within)
  }

  @Test("reads a whole table in several pieces under one cut", arguments: ["1", "3"])
  func pieces(jobs: String) throws {
    // Four rows fill a block; a piece has 4,096 of them at least.
    let place = try ExtractionPlace(
      ["rows": ExtractionPlace.rows("full")], rows: 34_000, isPadded: true)
    let before = try place.lines()
    let result = try place.nightStopped(at: 8_000, ["--jobs", jobs]) { _ in
      // Neither the rows that go from pieces still to be read nor those that come to the last one.
      try place.sql(
        """
        BEGIN; DELETE FROM app.rows WHERE n % 100 = 7;
        \(ExtractionPlace.adding(40_001...40_300)); COMMIT
        """)
    }
    try #require(result.status == 0, "\(result.stderr)")
    #expect(try place.compare(withLines: before).verdict == "equal")
    try place.night("--jobs", jobs)
    try place.expectHeld()
  }

  @Test("shows how far it is in one line of a terminal, and leaves nothing of it there")
  func progress() throws {
    let place = try ExtractionPlace(rows: 4_400, isPadded: true)
    let holder = try place.connect()
    _ = try holder.query("SELECT pg_advisory_lock(2000)")
    let command = [
      try builtProgram().path, "run", "nightly", "--only", "extract", "--date", "2025-06-09",
      "--jobs", "1", "--source", place.source, "--target", place.target, "--data", place.data,
    ].map { "'\($0)'" }.joined(separator: " ")
    // `script` gives the program a terminal.
    let program = try BackgroundProgram(
      URL(filePath: "/usr/bin/script"), ["-qec", command, "/dev/null"],
      environment: ["TERM": "xterm"], in: place.folder)
    try place.awaitBrake(2_000)
    // Long enough for the line to be due.
    Thread.sleep(forTimeInterval: 0.7)
    _ = try holder.query("SELECT pg_advisory_unlock(2000)")
    let result = try program.wait()
    try #require(result.status == 0, "\(result.stdout)")
    let erasure = "\r\u{1B}[K"
    let pieces = result.stdout.components(separatedBy: erasure)
    #expect(pieces.count >= 3, "\(result.stdout)")
    // Each is rewritten in place; what follows the last one is the log and the result.
    let shown = pieces.dropFirst().dropLast()
    for line in shown {
      // Before the first rows come, where that takes a while, stands the stage.
      let isStage = line.hasPrefix("1 of 1 extract, ") && line.hasSuffix(" s")
      let isExtraction =
        line.hasPrefix("extract: ") && line.contains(" rows") && line.hasSuffix("B")
      #expect(isStage || isExtraction, "\(line)")
      #expect(!line.contains("\n"))
    }
    #expect(shown.contains { $0.contains(" rows/s") }, "\(result.stdout)")
    try place.expectHeld()
  }

  @Test("gives the rollups of five nights of increments the digest of one whole reading")
  func history() throws {
    let place = try Workplace()
    for night in 0..<5 {
      try place.sql(Self.changes(night))
      let stages = night < 4 ? ["--only", "extract,rollup"] : []
      let result = try place.almanac(
        [
          "run", "nightly", "--date", "2025-12-\(10 + night)", "--source", place.url, "--target",
          place.url, "--data", "data", "--jobs", night % 2 == 0 ? "1" : "4",
        ] + stages)
      try #require(result.status == 0, "\(result.stderr)")
    }
    let incremental = try place.digest()
    try place.verifyRollups(through: "2025-12-14")
    // Another folder: everything is read whole and every day is computed again.
    let result = try place.almanac([
      "run", "nightly", "--date", "2025-12-14", "--force", "--source", place.url, "--target",
      place.url, "--data", "whole",
    ])
    try #require(result.status == 0, "\(result.stderr)")
    #expect(try place.digest() == incremental)
    try place.verifyRollups(through: "2025-12-14")
  }

  /// Rows of a night: late ones in old days, new ones, and changes of tables that may change.
  private static func changes(_ night: Int) -> String {
    """
    INSERT INTO app.events (event_id, event_type, company_id, user_id, metadata, "timestamp",
      created_at)
    SELECT md5('late \(night) ' || i)::uuid, 'late', '00000000-0000-4000-8000-000000000001',
      md5('user' || i % 4)::uuid, jsonb_build_object('amount', i * 0.25, 'currency', 'GBP'),
      '2025-06-01 00:00Z'::timestamptz + (i * 37 % 190) * interval '1 day', now()
    FROM generate_series(1, 60) i;
    UPDATE billing.invoices SET status = 'void', updated_at = now()
    WHERE number = 'N\(night + 3)';
    UPDATE billing.transactions SET status = 'refunded', updated_at = now()
    WHERE id = (SELECT id FROM billing.transactions ORDER BY id OFFSET \(night) LIMIT 1);
    """
  }
}
