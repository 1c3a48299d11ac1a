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
