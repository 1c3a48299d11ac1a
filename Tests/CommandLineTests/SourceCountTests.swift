import Foundation
import Postgres
import TestSupport
import Testing

/// Contracts that look at what the extraction noticed, night after night, through the program.
@Suite("Contracts about what was extracted", .database)
struct SourceCountTests {
  private func place(
    _ mode: String, checks: String, _ more: String..., column: String = "",
    rows: Int = 600, isPadded: Bool = false
  ) throws -> ExtractionPlace {
    let text =
      ExtractionPlace.rows(mode, more.joined(separator: "\n"))
      + "\n  \(column)\nchecks: [\(checks)]"
    let place = try ExtractionPlace(["rows": text], rows: rows, isPadded: isPadded)
    try place.write(
      "pipelines/nightly.yaml",
      "{pipeline: nightly, schedule: \"0 2 * * *\", currency: GBP, stages: [extract: all, check]}\n"
    )
    return place
  }

  private func night(
    _ place: ExtractionPlace, _ date: String = "2025-06-09", _ more: String...
  ) throws -> ProcessOutcome {
    try place.awaitEndOfRuns()
    return try place.almanac(
      [
        "run", "nightly", "--date", date, "--source", place.source, "--target",
        place.target, "--data", place.data,
      ] + more)
  }

  /// What the last run found of a check, with its status.
  private func observed(_ place: ExtractionPlace, _ check: String) throws -> String? {
    try Connection(
      ConnectionSettings(place.target), purpose: .target, applicationName: "almanac tests"
    ).query(
      """
      SELECT r.status || ': ' || r.observed FROM almanac.source_contract_results AS r
      JOIN almanac.runs USING (run_id)
      WHERE check_name = $1 ORDER BY started_at DESC LIMIT 1
      """, [check])[0, 0]
  }

  @Test("stay broken when the run is repeated, until what was broken is read again")
  func repeated() throws {
    let place = try place(
      "append", checks: "{max_bad: 1%}", column: "size: int? = substr(note, 3, 2)", rows: 20)
    try place.sql("UPDATE app.rows SET note = CASE WHEN n % 2 = 0 THEN 'a x' ELSE 'a 7' END")
    for more in ["--verbose", "--verbose", "--force"] {
      let result = try night(place, "2025-06-09", more)
      #expect(result.status == 65, "\(result.stdout)\(result.stderr)")
      #expect(
        try observed(place, "max_bad(1%)") == "failed: 10 of 20 values of size malformed")
    }
    // A definition that takes them as they are reads everything again.
    try place.sql("UPDATE app.rows SET note = 'a 8'")
    let file = place.folder.path(percentEncoded: false) + "/datasets/rows.yaml"
    let text = try String(contentsOfFile: file, encoding: .utf8)
    try Data(text.replacing("substr(note, 3, 2)", with: "substr(note, 3, 1)").utf8)
      .write(to: URL(filePath: file))
    let mended = try night(place)
    #expect(mended.status == 0, "\(mended.stderr)")
    #expect(try observed(place, "max_bad(1%)") == "passed: 0 of 20 values malformed")
    // From then on each night is judged by what came since.
    try place.sql(
      "INSERT INTO app.rows SELECT gen_random_uuid(), at, now(), n, amount, 'a 1' FROM app.rows LIMIT 3"
    )
    let next = try night(place, "2025-06-10")
    #expect(next.status == 0, "\(next.stderr)")
    #expect(try observed(place, "max_bad(1%)") == "passed: 0 of 3 values malformed")
  }

  @Test("count a key on each of its days, as the source does")
  func keyOnTwoDays() throws {
    let place = try place("append", checks: "{matches_source: count}")
    try #require(try night(place).status == 0)
    try place.sql("ALTER TABLE app.rows DROP CONSTRAINT rows_pkey")
    try place.sql(
      """
      INSERT INTO app.rows SELECT id, at + interval '2 days', now(), n, amount, note FROM app.rows
      WHERE n = 5
      """)
    let result = try night(place, "2025-06-10")
    #expect(result.status == 0, "\(result.stderr)")
    // And one that lies before the one held.
    try place.sql(
      """
      INSERT INTO app.rows SELECT id, at - interval '2 days', now(), n, amount, note FROM app.rows
      WHERE n = 9
      """)
    let earlier = try night(place, "2025-06-11")
    #expect(earlier.status == 0, "\(earlier.stderr)")
  }

  @Test(
    "count every day after a first load in chunks, whatever their order, and on any number of threads",
    arguments: ["1", "3"])
  func chunks(jobs: String) throws {
    let place = try place("append", checks: "{matches_source: count}", rows: 4_400, isPadded: true)
    let result = try night(place, "2025-06-09", "--jobs", jobs)
    #expect(result.status == 0, "\(result.stderr)")
    #expect(try observed(place, "matches_source(count)") == "passed: all 4400 keys of the source")
  }

  @Test("hold where rows went or were deleted in a table that changes")
  func deleted() throws {
    let place = try place("changes", checks: "{matches_source: count}", "deletes: key_sweep")
    try #require(try night(place).status == 0)
    for round in 1...3 {
      try place.sql(
        """
        DELETE FROM app.rows WHERE n = \(10 * round);
        UPDATE app.rows SET note = 'changed' WHERE n = \(10 * round + 1)
        """)
      let result = try night(place, "2025-06-\(10 + round)")
      #expect(result.status == 0, "\(result.stderr)")
      #expect(try observed(place, "matches_source(count)")?.hasPrefix("passed: all ") == true)
    }
  }

  @Test("leave days out that were pruned")
  func pruned() throws {
    let place = try place("append", checks: "{matches_source: count}", "retention: 3d")
    try #require(try night(place).status == 0)
    let pruned = try place.almanac(["datasets", "prune", "rows", "--data", place.data])
    try #require(pruned.status == 0, "\(pruned.stderr)")
    try place.sql(
      """
      INSERT INTO app.rows
      SELECT gen_random_uuid(), '2025-06-01 12:00Z', now(), 1000, 1, 'late'
      """)
    let result = try night(place, "2025-06-10")
    #expect(result.status == 0, "\(result.stderr)")
    #expect((result.stdout + result.stderr).contains("which were pruned"))
  }

  @Test("fail where the source holds a row of a counted day that is not held")
  func missing() throws {
    let place = try place("append", checks: "{matches_source: count}")
    try #require(try night(place).status == 0)
    try place.sql(
      """
      INSERT INTO app.rows SELECT gen_random_uuid(), at, now(), n, amount, note FROM app.rows
      WHERE n = 7
      """)
    let manifest = place.data + "/manifest.json"
    let text = try String(contentsOfFile: manifest, encoding: .utf8)
    // Drops a part of that day from the manifest, as a fault of ours would.
    let day =
      try place.connect().query(
        "SELECT (at AT TIME ZONE 'UTC')::date FROM app.rows WHERE n = 7 LIMIT 1")[0, 0] ?? ""
    var document = try #require(
      JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    var datasets = try #require(document["datasets"] as? [String: Any])
    var rows = try #require(datasets["rows"] as? [String: Any])
    let parts = try #require(rows["parts"] as? [[String: Any]])
    rows["parts"] = parts.filter { $0["date"] as? String != day }
    try #require(parts.count > (rows["parts"] as? [Any])?.count ?? 0)
    datasets["rows"] = rows
    document["datasets"] = datasets
    try JSONSerialization.data(withJSONObject: document).write(to: URL(filePath: manifest))
    let result = try night(place, "2025-06-10")
    #expect(result.status == 65, "\(result.stdout)\(result.stderr)")
    #expect(try observed(place, "matches_source(count)")?.contains("1 keys on \(day)") == true)
    let again = try night(place, "2025-06-10")
    #expect(again.status == 65, "\(again.stdout)\(again.stderr)")
  }
}
