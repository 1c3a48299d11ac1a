package import Columns

extension ParquetFile {
  /// The rows of a batch as a file.
  ///
  /// Columns keep their order, names and nullability. Values are written as codes of a dictionary,
  /// as differences or plainly, whichever is smallest where a row group begins. Pages are compressed
  /// and carry a checksum; each row group has null counts and, where
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
    var writer = ParquetWriter(batch.columns.map(ColumnPlan.init), options: options)
    do throws(ParquetError) {
      try writer.append(batch)
    } catch {
      preconditionFailure("the columns are planned for these rows: \(error)")
    }
    let pieces = writer.finish()
    var file: [UInt8] = []
    file.reserveCapacity(pieces.reduce(0) { $0 + $1.count })
    for piece in pieces { file += piece }
    return file
  }
}
