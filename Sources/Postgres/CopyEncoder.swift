package import Columns

/// Turns batches into the bytes of a binary COPY.
///
/// Does no I/O. The stream is ``header``, the rows of any number of batches, ``trailer``.
package struct CopyEncoder: Sendable {
  /// What the stream begins with: signature, no flags, no extension.
  package static let header = copySignature + [UInt8](repeating: 0, count: 8)
  /// The end marker.
  package static let trailer: [UInt8] = [0xFF, 0xFF]

  /// The fields of the batches.
  package let fields: [Field]
  /// How the server reads each column.
  let wireTypes: [WireType]
  /// The table, for errors.
  let table: String

  /// An encoder of batches with the given fields.
  ///
  /// - Parameters:
  ///   - fields: the columns of the batches, in order.
  ///   - wireTypes: how the server reads each column; by default the format that fits the field
  ///     exactly (`numeric` for decimals, `jsonb` for JSON).
  ///   - table: the table to name in errors.
  /// - Throws: `PostgresError.unsuitableType`.
  package init(
    fields: [Field], wireTypes: [WireType]? = nil, table: String
  ) throws(PostgresError) {
    let types = wireTypes ?? fields.map { WireType(canonicalFor: $0.type) }
    precondition(types.count == fields.count, "\(types.count) types of \(fields.count) fields")
    for (field, type) in zip(fields, types) where !type.canBeWritten(from: field.type) {
      throw .unsuitableType(
        table: table, column: field.name, type: "\(type)", field: field.type)
    }
    self.fields = fields
    self.wireTypes = types
    self.table = table
  }

  /// The bytes of some rows of a batch, without header and end marker.
  ///
  /// - Throws: `PostgresError.unsuitableValue` for a value outside the range of its target column.
  package func encode(_ batch: Batch, rows: Range<Int>) throws(PostgresError) -> [UInt8] {
    precondition(batch.fields == fields, "a batch of other fields")
    precondition(
      rows.lowerBound >= 0 && rows.upperBound <= batch.rowCount, "\(rows) of \(batch.rowCount)")
    var writer = CopyRowWriter(rows: rows)
    for (column, type) in zip(batch.columns, wireTypes) { writer.measure(column, as: type) }
    writer.allocate(columnCount: fields.count)
    for (column, type) in zip(batch.columns, wireTypes) {
      if let (row, problem) = writer.write(column, as: type) {
        throw .unsuitableValue(
          ValueFailure(
            source: table, column: column.field.name, row: row + 1, key: nil, problem: problem))
      }
    }
    return writer.take()
  }

  /// The bytes of a batch as a whole stream.
  package func encode(_ batch: Batch) throws(PostgresError) -> [UInt8] {
    CopyEncoder.header + (try encode(batch, rows: 0..<batch.rowCount)) + CopyEncoder.trailer
  }
}
