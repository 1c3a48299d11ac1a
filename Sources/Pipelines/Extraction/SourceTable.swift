import AlmanacCore
import Postgres

/// A table of the source with blocks of its own: a plain table, or a leaf of a partitioned one.
struct SourceRelation: Hashable, Sendable {
  /// The oid.
  var oid: String
  /// The name.
  var name: QualifiedName
  /// The number of the file, which changes when the table is truncated or rewritten.
  var filenode: String
  /// The number of blocks when the catalogue was asked.
  var blocks: Int
  /// About how many rows there are; `nil` where the table was never analyzed.
  var expectedRows: Int?
}

/// What the source's catalogue tells of the table that a dataset is read from.
struct SourceTable: Sendable {
  /// The oid.
  let oid: String
  /// The name.
  let name: QualifiedName
  /// Whether `LOCK` takes it: not a materialized view or a foreign table.
  let isLockable: Bool
  /// Whether it is a materialized view.
  let isMaterializedView: Bool
  /// The tables whose blocks hold the rows, ordered by name; none where the rows carry no
  /// transaction, as those of a view or of a foreign table do not.
  let relations: [SourceRelation]
  /// What the rows come from, in words, where they carry no transaction.
  let obstacle: String?
  /// Whether the role may read the table as a whole, which `LOCK` needs as well.
  let mayRead: Bool
  /// Whether the role may read each of the relations by itself; otherwise only all of them together.
  let mayReadRelations: Bool
  /// About how many rows there are; `nil` where the server has no estimate.
  let expectedRows: Int?
  /// The names of the columns.
  let columns: [String]

  /// Looks a table up.
  ///
  /// - Returns: `nil` if there is none, or its schema may not be used.
  init?(_ name: QualifiedName, on connection: Connection) throws {
    let rows = try connection.query(
      """
      SELECT oid, relkind, pg_catalog.has_table_privilege(oid, 'SELECT') AS whole,
        pg_catalog.has_any_column_privilege(oid, 'SELECT') AS part
      FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass($1)
      """, [name.quoted])
    guard rows.count == 1, let oid = rows[0, "oid"], let kind = rows[0, "relkind"] else {
      return nil
    }
    self.oid = oid
    self.name = name
    isLockable = ["r", "p", "v"].contains(kind)
    isMaterializedView = kind == "m"
    mayRead = rows[0, isLockable ? "whole" : "part"] == "t"
    let columns = try connection.query(
      """
      SELECT attname FROM pg_catalog.pg_attribute
      WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum
      """, [oid])
    self.columns = (0..<columns.count).compactMap { columns[$0, "attname"] }
    let found = try SourceTable.members(of: oid, on: connection)
    obstacle = SourceTable.obstacle(kind: kind, members: found)
    relations = obstacle == nil ? found.compactMap(\.relation) : []
    mayReadRelations = found.allSatisfy(\.mayRead)
    let estimates = found.compactMap(\.relation).map(\.expectedRows)
    expectedRows =
      obstacle != nil || estimates.contains(nil)
      ? nil : estimates.compactMap(\.self).reduce(0, +)
  }

  /// The number of blocks of all relations.
  var blocks: Int { relations.reduce(0) { $0 + $1.blocks } }

  /// The relations as a watermark keeps them.
  var watermarkRelations: [Watermark.Relation] {
    relations.map { Watermark.Relation(oid: $0.oid, filenode: $0.filenode) }
  }

  /// A table, or one that inherits from it.
  private struct Member {
    var kind: String
    var name: QualifiedName
    var mayRead: Bool
    /// `nil` for one without blocks.
    var relation: SourceRelation?
  }

  /// The table and all that inherit from it, partitions among them, ordered by name.
  private static func members(of oid: String, on connection: Connection) throws -> [Member] {
    let rows = try connection.query(
      """
      WITH RECURSIVE members (oid) AS (
        SELECT $1::oid
        UNION
        SELECT inhrelid FROM pg_catalog.pg_inherits JOIN members ON inhparent = members.oid)
      SELECT c.oid, c.relkind, n.nspname, c.relname,
        CASE WHEN c.reltuples >= 0 THEN c.reltuples::int8 END AS expected,
        pg_catalog.pg_relation_filenode(c.oid) AS filenode,
        CASE WHEN c.relkind = 'r' THEN pg_catalog.pg_relation_size(c.oid)
          / pg_catalog.current_setting('block_size')::int8 END AS blocks,
        pg_catalog.has_schema_privilege(n.oid, 'USAGE')
          AND pg_catalog.has_table_privilege(c.oid, 'SELECT') AS readable
      FROM members JOIN pg_catalog.pg_class c USING (oid)
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
      """, [oid])
    return (0..<rows.count).map { row in
      let name = QualifiedName(
        schema: rows[row, "nspname"] ?? "", name: rows[row, "relname"] ?? "")
      let kind = rows[row, "relkind"] ?? ""
      let relation =
        kind == "r"
        ? SourceRelation(
          oid: rows[row, "oid"] ?? "", name: name, filenode: rows[row, "filenode"] ?? "",
          blocks: rows[row, "blocks"].flatMap { Int($0) } ?? 0,
          expectedRows: rows[row, "expected"].flatMap { Int($0) }) : nil
      return Member(
        kind: kind, name: name, mayRead: rows[row, "readable"] == "t", relation: relation)
    }
  }

  /// Why the rows carry no transaction, `nil` if they do.
  private static func obstacle(kind: String, members: [Member]) -> String? {
    switch kind {
    case "v": return "a view"
    case "m": return "a materialized view"
    case "f": return "a foreign table"
    case "r", "p":
      // Every other kind that inherits, such as a partitioned index, is no source of rows.
      return members.first { $0.kind == "f" }.map { "a table with the foreign table \($0.name)" }
    default: return "no table"
    }
  }
}
