package import Columns
package import Documents
import Postgres

/// A dataset: where its rows come from, what identifies and dates them, and its typed columns.
package struct DatasetDefinition: Hashable, Sendable {
  /// Where the rows come from.
  package enum Source: Hashable, Sendable {
    /// A table, partitioned table or view; both names exactly as the database has them.
    case table(schema: String, name: String)
    /// A query of the user's.
    case query(String)
  }

  /// How the rows change.
  package enum Mode: String, Hashable, Sendable, CaseIterable {
    /// Rows are only added.
    case append
    /// Rows change or disappear; every version that a run sees is kept.
    case changes
    /// Rows change or disappear, so each run reads all of them.
    case full
    /// Rows of the last while are read again, and replace those of their keys.
    case overlap
  }

  /// How it is noticed that the source deleted a row.
  package enum Deletes: String, Hashable, Sendable, CaseIterable {
    /// Not at all.
    case none
    /// The keys of the source are compared with those that are held.
    case keySweep = "key_sweep"
  }

  /// The dataset's name.
  package var name: String
  /// Where the name stands.
  package var mark: Mark
  /// Where the rows come from.
  package var source: Source
  /// The column that says when a row's matter happened: the day partition; `nil` for current state.
  package var timeColumn: String?
  /// The column that says when the row was recorded: the second clock.
  package var recordedColumn: String?
  /// The columns that identify a row.
  package var key: [String]
  /// The column of the company a row belongs to.
  package var tenantColumn: String?
  /// How the rows change.
  package var mode: Mode
  /// How deleted rows are noticed; only mode `changes` can.
  package var deletes = Deletes.none
  /// The column that says when a row changed last; only for mode `overlap`.
  package var updatedColumn: String?
  /// How far mode `overlap` reads back, in microseconds.
  package var overlap: Int64?
  /// How much earlier than the oldest transaction that was open at the last cut a row may say that
  /// it was recorded, in microseconds; `nil` for no bound at all.
  package var incrementBound: Int64?
  /// How many UTC days are kept; `nil` for all.
  package var retentionDays: Int?
  /// Whether the source may lack the table: what needs the dataset is switched off then.
  package var isOptional = false
  /// The columns as declared, without those only named as key, tenant or clock.
  package var columns: [DatasetColumn]
  /// The definition as one text for a digest; see ``Node/canonicalText``.
  ///
  /// The checks are not in it: rows do not depend on what is demanded of them.
  package var canonicalText: String
  /// What the rows have to fulfil, in the order of the file.
  package var checks: [DatasetCheck] = []
  /// The checks as one text for a digest, empty where there are none.
  package var checksText = ""

  /// Every column in the order in which it is extracted: key, tenant, time, recorded, then the rest
  /// as declared.
  ///
  /// A key or tenant column that is not declared is a `uuid`, a clock a `timestamp`; none of these
  /// may be missing.
  package var allColumns: [DatasetColumn] {
    var ordered: [DatasetColumn] = []
    func add(_ name: String, _ type: ColumnType) {
      guard !ordered.contains(where: { $0.name == name }) else { return }
      ordered.append(
        columns.first { $0.name == name } ?? DatasetColumn(name: name, type: type, mark: mark))
    }
    for name in key { add(name, .uuid) }
    for name in [tenantColumn].compactMap(\.self) { add(name, .uuid) }
    for name in [timeColumn, recordedColumn, updatedColumn].compactMap(\.self) {
      add(name, .timestamp)
    }
    for column in columns { add(column.name, column.type) }
    return ordered
  }

  /// Name, type and nullability of ``allColumns``.
  package var fields: [Field] { allColumns.map(\.field) }

  /// The column of a name, declared or implied.
  package subscript(column name: String) -> DatasetColumn? {
    allColumns.first { $0.name == name }
  }

  /// What stands behind `FROM`: the quoted table, or the query in parentheses with an alias.
  package var sqlSource: String {
    switch source {
    case .table(let schema, let name): QualifiedName(schema: schema, name: name).quoted
    case .query(let text): "(\(text)\n) AS \(quoteIdentifier(name))"
    }
  }
}
