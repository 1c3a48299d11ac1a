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
  /// The compressed bytes from which on a row group ends at its next page, which bounds what a
  /// writer holds.
  package var rowGroupBytes: Int
  /// The most rows of a page, the unit of compression and of checksums.
  package var pageRows: Int
  /// The zstd level of the pages, `nil` for no compression.
  package var compressionLevel: Int32?
  /// The decimal columns to write in 128 bits whatever their values; others have 18 digits at most
  /// where their scale allows it.
  package var wideDecimals: Set<String>
  /// Notes, kept in order.
  package var keyValues: [KeyValue]
  /// The name of the writing program.
  package var createdBy: String

  /// The given layout.
  package init(
    rowGroupRows: Int = 8_388_608, rowGroupBytes: Int = 96 << 20, pageRows: Int = 131_072,
    compressionLevel: Int32? = 1, wideDecimals: Set<String> = [],
    keyValues: [(key: String, value: String)] = [], createdBy: String = "almanac"
  ) {
    precondition(rowGroupRows > 0 && pageRows > 0, "a row group or page without rows")
    self.rowGroupRows = rowGroupRows
    self.rowGroupBytes = rowGroupBytes
    self.pageRows = pageRows
    self.compressionLevel = compressionLevel
    self.wideDecimals = wideDecimals
    self.keyValues = keyValues.map { KeyValue(key: $0.key, value: $0.value) }
    self.createdBy = createdBy
  }
}
