import Codecs
package import Columns

extension ParquetFile {
  /// The rows of a batch as a file.
  ///
  /// Columns keep their order, names and nullability. Dictionary-coded and repetitive columns are
  /// written as dictionary and codes, whole numbers as differences where that is smaller, the rest
  /// plainly. Pages are compressed and carry a checksum; each row group has null counts and, where
  /// an order is defined and no value is NaN, the least and greatest value. A decimal column is
  /// written in 64 bits with 18 digits unless a value needs more, then in 128 bits with 38.
  ///
  /// Equal batches and options give equal bytes.
  ///
  /// - Parameters:
  ///   - batch: the rows, also none.
  ///   - options: sizes, compression and notes.
  /// - Returns: the bytes of the file.
  package static func encode(
    _ batch: Batch, options: ParquetWriteOptions = ParquetWriteOptions()
  ) -> [UInt8] {
    var file = magic
    let plans = batch.columns.map(ColumnPlan.init)
    var footer = FileFooter()
    footer.schema =
      [SchemaElement(name: "schema", childCount: Int32(plans.count))] + plans.map(\.element)
    footer.rowCount = batch.rowCount
    footer.keyValues = options.keyValues.map { .init(key: $0.key, value: $0.value) }
    footer.createdBy = options.createdBy
    var pages = PageWriter(compressionLevel: options.compressionLevel)
    var start = 0
    while start < batch.rowCount {
      let rows = start..<min(start + options.rowGroupRows, batch.rowCount)
      var group = RowGroupRecord()
      group.rowCount = rows.count
      for plan in plans {
        let chunk = ColumnChunkWriter(plan: plan, rows: rows, pageRows: options.pageRows)
        let record = chunk.write(to: &file, through: &pages)
        group.byteSize += record.uncompressedSize
        group.columns.append(record)
      }
      footer.rowGroups.append(group)
      start = rows.upperBound
    }
    let description = footer.encoded()
    file += description
    file.appendLittleEndian(UInt32(description.count))
    file += magic
    return file
  }
}
