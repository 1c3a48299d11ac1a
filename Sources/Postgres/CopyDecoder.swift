package import Columns

/// What decoding a binary COPY counted.
package struct CopyCounters: Hashable, Sendable {
  /// The rows.
  package var rows = 0
  /// The bytes, header and end marker included.
  package var bytes = 0
  /// The decimals that were rounded to the scale of their column, by its name.
  package var roundedValues: [String: Int] = [:]

  /// Counters at zero.
  package init() {}
}

/// Turns the bytes of a binary COPY into batches.
///
/// A state machine over bytes that does no I/O: however the stream is cut into chunks, it gives the
/// same batches, and whatever the bytes, they give rows or an error. Memory follows the bytes that
/// have come, never a length that they announce. After an error every call throws it again.
package struct CopyDecoder: ~Copyable {
  /// The number of bytes at which a batch ends even if it has few rows.
  package static let maximumBatchBytes = 64 << 20

  /// The fields of the batches.
  package let fields: [Field]
  /// The table or dataset, for errors.
  let source: String
  /// The positions of the columns that make up a row's key, for errors.
  let keyColumns: [Int]
  /// The wire formats, by column.
  let wireTypes: [WireType]
  let rowsPerBatch: Int
  var columns: DecodingColumns
  var phase = Phase.header
  /// The beginning of a header or row whose rest has not come yet.
  var pending: [UInt8] = []
  /// The number of pending bytes below which there is no point in looking at them again.
  var needed = 0
  var batchBytes = 0
  var finished: [Batch] = []
  var failure: PostgresError?
  var rowCount = 0
  var byteCount = 0

  /// Where in the stream the decoder is.
  enum Phase: Equatable {
    case header
    /// Within the header's extension, of which so many bytes are still to be skipped.
    case extensionArea(Int)
    case rows
    case ended
  }

  /// A decoder at the beginning of a stream.
  ///
  /// - Parameters:
  ///   - fields: the columns of the stream, in order.
  ///   - wireTypes: how the server writes each column; by default the format that fits the field
  ///     exactly (`numeric` for decimals, `jsonb` for JSON).
  ///   - source: the table or dataset to name in errors.
  ///   - key: the fields that identify a row, for the `debugDescription` of errors; others are
  ///     ignored.
  ///   - rowsPerBatch: the number of rows of each batch but the last.
  /// - Throws: `PostgresError.columnCount` or `.unsuitableType`.
  package init(
    fields: [Field], wireTypes: [WireType]? = nil, source: String, key: [String] = [],
    rowsPerBatch: Int = 65_536
  ) throws(PostgresError) {
    precondition(rowsPerBatch > 0, "\(rowsPerBatch) rows a batch")
    let types = wireTypes ?? fields.map { WireType(canonicalFor: $0.type) }
    guard types.count == fields.count else {
      throw .columnCount(source: source, expected: fields.count, found: types.count)
    }
    for (field, type) in zip(fields, types) where !type.canBeRead(as: field.type) {
      throw .unsuitableType(
        table: source, column: field.name, type: "\(type)", field: field.type)
    }
    self.fields = fields
    self.source = source
    self.wireTypes = types
    self.rowsPerBatch = rowsPerBatch
    keyColumns = key.compactMap { name in fields.firstIndex { $0.name == name } }
    columns = DecodingColumns(fields, types, rowsPerBatch: rowsPerBatch)
  }

  /// What was counted so far.
  package var counters: CopyCounters {
    var counters = CopyCounters()
    counters.rows = rowCount
    counters.bytes = byteCount
    for (name, count) in columns.roundedValues() where count > 0 {
      counters.roundedValues[name] = count
    }
    return counters
  }

  /// The next complete batch, or `nil` if more bytes are needed for one.
  package mutating func nextBatch() -> Batch? {
    finished.isEmpty ? nil : finished.removeFirst()
  }

  /// Ends the stream; what is left becomes the last batch.
  ///
  /// - Throws: `PostgresError.malformedCopy` if the end marker has not come.
  package mutating func finish() throws(PostgresError) {
    if let failure { throw failure }
    guard phase == .ended else { throw fail(.truncated) }
    if columns.rowCount > 0 { finishBatch() }
  }

  /// Moves the rows decoded so far to the finished batches.
  mutating func finishBatch() {
    finished.append(columns.take())
    batchBytes = 0
  }

  /// Notes that the stream is damaged at the row in progress.
  mutating func fail(_ problem: CopyProblem) -> PostgresError {
    let error = PostgresError.malformedCopy(source: source, row: rowCount + 1, problem: problem)
    failure = error
    return error
  }
}
