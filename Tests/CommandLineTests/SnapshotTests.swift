import Foundation
import TestSupport
import Testing

/// The data directory as other programs read it.
@Suite("Snapshots")
struct SnapshotTests {
  @Test(
    "are read equal by pyarrow, DuckDB and Polars, each row in the partition of its day", .database,
    arguments: ["events", "payment_attempts"])
  func peersAgree(dataset: String) throws {
    guard let python = ProcessInfo.processInfo.environment["ALMANAC_TEST_PEERS"] else {
      Issue.record("ALMANAC_TEST_PEERS names no Python with its peers: run make test")
      return
    }
    let place = try Workplace()
    // Times at both ends of a UTC day, and in a day nothing else is in.
    try place.sql(
      """
      INSERT INTO app.events (event_id, event_type, company_id, metadata, "timestamp", created_at)
      SELECT gen_random_uuid(), 'odd', '00000000-0000-4000-8000-000000000001',
        '{"amount": "0.0001"}', at::timestamptz, '2025-12-30 00:00+00'
      FROM unnest(ARRAY['2025-06-01 23:59:59.999999+00', '2025-06-02 00:00+00',
        '1999-12-31 23:59:59.999999+00']) AS at
      """)
    let night = try place.night("2025-12-30", "--only", "extract")
    try #require(night.status == 0, "\(night.stderr)")
    let result = try runProcess(
      URL(filePath: python),
      [
        Workplace.repository + "/Tests/Peers/snapshot_peer.py", place.folder.path + "/data",
        dataset, "amount",
      ])
    try #require(result.status == 0, "\(result.stderr)")
    let expected = try place.value(
      dataset == "events"
        ? """
        SELECT count(*) || ' ' || sum((metadata->>'amount')::numeric(18,4)) || ' '
          || min("timestamp" AT TIME ZONE 'UTC')::date || ' '
          || max("timestamp" AT TIME ZONE 'UTC')::date FROM app.events
        """
        : """
        SELECT count(*) || ' ' || sum(amount::numeric(18,4)) || ' '
          || min(attempted_at AT TIME ZONE 'UTC')::date || ' '
          || max(attempted_at AT TIME ZONE 'UTC')::date FROM billing.payment_attempts
        """)
    let line = "\(expected ?? "") in place"
    #expect(result.stdout == "pyarrow \(line)\nduckdb \(line)\npolars \(line)\n")
  }
}
