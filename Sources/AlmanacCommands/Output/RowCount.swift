package import Postgres

/// How many rows a table has.
///
/// To count millions of rows takes longer than some nights do: of a large table it is what the server
/// reckons from the rows that it saw last and the size that the table has now (DECISIONS.md, D-607).
package struct RowCount: Equatable, Sendable, CustomStringConvertible {
  /// The number.
  package let rows: Int
  /// Whether it was not counted.
  package let isEstimated: Bool

  /// Bytes from which a table is large.
  package static let largeSize = 64 << 20

  /// A number of rows.
  package init(_ rows: Int, isEstimated: Bool = false) {
    self.rows = rows
    self.isEstimated = isEstimated
  }

  /// The rows of a table, by its name as SQL writes it.
  ///
  /// - Parameters:
  ///   - table: the name.
  ///   - largeSize: the bytes from which it is large.
  ///   - connection: to the database.
  /// - Throws: `PostgresError`.
  package init(
    of table: String, largeSize: Int = RowCount.largeSize, on connection: Connection
  ) throws {
    // A table that was never looked at, or has partitions, is counted.
    let known = try connection.query(
      """
      SELECT round(c.reltuples::float8 / c.relpages * (s.size / b.size)) AS rows
      FROM pg_catalog.pg_class AS c,
        LATERAL (SELECT pg_catalog.pg_relation_size(c.oid) AS size) AS s,
        (SELECT pg_catalog.current_setting('block_size')::bigint AS size) AS b
      WHERE c.oid = $1::pg_catalog.regclass AND c.relpages > 0 AND c.reltuples > 0
        AND s.size >= $2::bigint
      """, [table, String(largeSize)])
    if known.count > 0, let rows = known[0, "rows"].flatMap({ Double($0) }), rows < 1e18 {
      self.init(Int(rows), isEstimated: true)
      return
    }
    let counted = try connection.query("SELECT count(*) AS rows FROM \(table)")
    self.init(counted[0, "rows"].flatMap { Int($0) } ?? 0)
  }

  /// The number with separators; what was not counted to the thousand, behind a tilde.
  package var description: String {
    isEstimated ? "~" + Display.count((rows + 500) / 1_000 * 1_000) : Display.count(rows)
  }
}
