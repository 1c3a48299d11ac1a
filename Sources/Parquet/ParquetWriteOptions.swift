/// How a Parquet file is laid out; the defaults suit a day partition of events.
package struct ParquetWriteOptions: Sendable {
  /// A note in the footer of a file.
  package struct KeyValue: Hashable, Sendable {
    /// What the note is about; unique within a file.
    package var key: String
    /// The note.
    package var value: String

    /// A note of the given parts.
    package init(key: String, value: String) {
      self.key = key
      self.value = value
    }
  }

  /// The most rows of a row group, the unit that readers hold in memory.
  package var rowGroupRows: Int
  /// The most rows of a page, the unit of compression and of checksums.
  package var pageRows: Int
  /// The zstd level of the pages, `nil` for no compression.
  package var compressionLevel: Int32?
  /// Notes, kept in order.
  package var keyValues: [KeyValue]
  /// The name of the writing program.
  package var createdBy: String

  /// The given layout.
  package init(
    rowGroupRows: Int = 1_048_576, pageRows: Int = 131_072, compressionLevel: Int32? = 1,
    keyValues: [(key: String, value: String)] = [], createdBy: String = "almanac"
  ) {
    precondition(rowGroupRows > 0 && pageRows > 0, "a row group or page without rows")
    self.rowGroupRows = rowGroupRows
    self.pageRows = pageRows
    self.compressionLevel = compressionLevel
    self.keyValues = keyValues.map { KeyValue(key: $0.key, value: $0.value) }
    self.createdBy = createdBy
  }
}
