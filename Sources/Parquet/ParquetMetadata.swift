package import Columns

/// What the footer of a file tells, without reading any page.
package struct ParquetMetadata: Hashable, Sendable {
  /// A column of the schema.
  package struct ColumnDescription: Hashable, Sendable {
    /// The name; the parts of a nested column's path are joined by dots.
    package var name: String
    /// The column's field in a decoded batch, `nil` if it cannot be decoded.
    package var field: Field?
    /// Why it cannot be decoded, `nil` if it can.
    package var obstacle: String?
  }

  /// What is known of a column in a row group; bounds of lists are those of their elements.
  package struct ColumnChunk: Hashable, Sendable {
    /// The number of nulls, `nil` if the writer left it out, and for lists.
    package var nullCount: Int?
    /// The least value, `nil` if there is none or the writer left it out.
    package var minimum: ColumnValue?
    /// The greatest value, `nil` if there is none or the writer left it out.
    package var maximum: ColumnValue?
    /// The bytes in the file, page headers included.
    package var compressedSize: Int
    /// The bytes before compression, page headers included.
    package var uncompressedSize: Int
    /// The bytes of the dictionary in the file, page header included; `nil` without a dictionary.
    package var dictionarySize: Int?
  }

  /// Some consecutive rows.
  package struct RowGroup: Hashable, Sendable {
    /// The number of rows.
    package var rowCount: Int
    /// One for each column, in the order of the schema.
    package var columns: [ColumnChunk]
  }

  /// The number of rows.
  package var rowCount: Int
  /// The columns, in order.
  package var columns: [ColumnDescription]
  /// The row groups, in order.
  package var rowGroups: [RowGroup]
  /// The writer's notes, in order.
  package var keyValues: [ParquetWriteOptions.KeyValue]
  /// The name of the writing program.
  package var createdBy: String?
}
