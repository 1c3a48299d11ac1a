import Foundation
import Postgres
import TestSupport
import Testing

/// Tables that are made of others: partitions and children that come and go.
@Suite("Extraction of partitioned tables and their like", .database)
struct ExtractionRelationTests {
  /// Makes `app.rows` a partitioned table with one leaf for small numbers.
  private static func partition(_ place: ExtractionPlace) throws {
    try place.sql(
      """
      DROP TABLE app.rows;
      CREATE TABLE app.rows (id uuid, at timestamptz NOT NULL, recorded timestamptz NOT NULL,
        n int NOT NULL, amount numeric NOT NULL, note text, PRIMARY KEY (id, n))
        PARTITION BY RANGE (n);
      CREATE TABLE app.rows_1 PARTITION OF app.rows FOR VALUES FROM (1) TO (1001);
      CREATE TABLE app.rows_2 PARTITION OF app.rows FOR VALUES FROM (1001) TO (2001)
        PARTITION BY RANGE (n);
      CREATE TABLE app.rows_2a PARTITION OF app.rows_2 FOR VALUES FROM (1001) TO (1501);
      CREATE TABLE app.rows_2b PARTITION OF app.rows_2 DEFAULT;
      CREATE TABLE app.rows_3 PARTITION OF app.rows FOR VALUES FROM (2001) TO (2501);
      """)
    try place.add(1...2000)
  }

  @Test("reads a new leaf, and one attached with rows that are older than the last cut")
  func attached() throws {
    let place = try ExtractionPlace()
    try Self.partition(place)
    // Written long before the first night, and no part of the table then.
    try place.sql("CREATE TABLE app.old (LIKE app.rows INCLUDING ALL)")
    try place.sql("INSERT INTO app.old SELECT * FROM app.made(3001, 3400)")
    try place.night()
    try place.expectHeld()
    try place.sql("CREATE TABLE app.rows_4 PARTITION OF app.rows FOR VALUES FROM (2501) TO (3001)")
    try place.add(2401...2600)
    try place.sql("ALTER TABLE app.rows ATTACH PARTITION app.old FOR VALUES FROM (3001) TO (4001)")
    try place.night()
    try place.expectHeld()
    try place.add(2601...2700)
    try place.add(3401...3500)
    try place.night()
    try place.expectHeld()
    try place.night("--jobs", "4")
    try place.expectHeld()
  }

  @Test("keeps the rows of a leaf that was detached, and takes them once if it comes back")
  func detached() throws {
    let place = try ExtractionPlace()
    try Self.partition(place)
    try place.sql("DELETE FROM app.rows WHERE n = 7")
    try place.night()
    try place.sql("ALTER TABLE app.rows DETACH PARTITION app.rows_1")
    try place.add(2001...2100)
    let all = "(TABLE app.rows UNION ALL TABLE app.rows_1)"
    try place.night()
    try place.expectHeld(all)
    // What is written while it is away counts when it comes back, though it is below the horizon.
    try place.sql("INSERT INTO app.rows_1 SELECT * FROM app.made(7, 7)")
    try place.night()
    try place.sql("ALTER TABLE app.rows ATTACH PARTITION app.rows_1 FOR VALUES FROM (1) TO (1001)")
    try place.night()
    try place.expectHeld()
  }

  @Test("reads the tables that inherit from one, also those that join with old rows")
  func inherited() throws {
    let place = try ExtractionPlace()
    try place.sql(
      """
      CREATE TABLE app.child () INHERITS (app.rows);
      INSERT INTO app.child SELECT * FROM app.made(4001, 4200);
      CREATE TABLE app.late (LIKE app.rows INCLUDING ALL);
      INSERT INTO app.late SELECT * FROM app.made(5001, 5200);
      """)
    try place.night()
    try place.expectHeld()
    try place.sql("ALTER TABLE app.late INHERIT app.rows")
    try place.sql("INSERT INTO app.child SELECT * FROM app.made(4201, 4300)")
    try place.add(3001...3100)
    try place.night()
    try place.expectHeld()
    try place.sql("INSERT INTO app.late SELECT * FROM app.made(5201, 5300)")
    try place.night()
    try place.expectHeld()
  }
}
