package import Columns

/// A table of the source contract: its name, its columns in order, and what identifies a row.
package struct SourceTable: Hashable, Sendable {
  /// The schema, `app` or `billing`.
  package let schema: String
  /// The name within the schema.
  package let name: String
  /// The columns, in the order of the contract.
  package let fields: [Field]
  /// The columns that identify a row.
  ///
  /// For `app.events` this is intent and not a constraint: a producer may repeat an event.
  package let key: [String]
  /// Whether rows are only ever added; a table that is not keeps the current state alone.
  package let isAppendOnly: Bool

  /// A table of the given parts; the columns of the key must exist and hold no null.
  package init(
    schema: String, name: String, fields: [Field], key: [String], isAppendOnly: Bool
  ) {
    for column in key {
      precondition(
        fields.contains { $0.name == column && !$0.isNullable },
        "\(schema).\(name) has no column \(column) without nulls for its key")
    }
    self.schema = schema
    self.name = name
    self.fields = fields
    self.key = key
    self.isAppendOnly = isAppendOnly
  }

  /// The name with its schema, such as `billing.invoices`.
  package var qualifiedName: String { "\(schema).\(name)" }

  /// The column of a name, or `nil` if the table has none.
  package func field(_ name: String) -> Field? { fields.first { $0.name == name } }
}
