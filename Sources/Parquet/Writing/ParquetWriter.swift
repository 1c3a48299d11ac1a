import Codecs
package import Columns

/// Writes a Parquet file from batches as they come.
///
/// A writer does no I/O: it gives the bytes of the file piece by piece, in order, whenever a row
/// group ends. In between it holds the row group's compressed pages, its dictionaries, and the rows
/// of the page that is not yet full; never the rows of a whole row group.
///
/// Equal rows and options give equal bytes, however the rows are cut into batches and whether their
/// columns are coded or plain.
///
/// ```swift
/// var writer = ParquetWriter(fields)
/// for batch in batches {
///   try writer.append(batch)
///   for piece in writer.takePieces() { try file.write(piece) }
/// }
/// for piece in writer.finish() { try file.write(piece) }
/// ```
package struct ParquetWriter: ~Copyable {
  /// The columns, in order.
  package let fields: [Field]
  /// The number of rows so far.
  package private(set) var rowCount = 0
  /// The bytes of the file that have been given out or wait to be taken.
  package private(set) var byteCount: Int
  private let options: ParquetWriteOptions
  private let plans: [ColumnPlan]
  private let encoders: [any ColumnEncoder]
  private var pages: PageWriter
  private var groupRows = 0
  private var groups: [RowGroupRecord] = []
  private var pieces: [[UInt8]]

  /// A writer of a file without rows yet.
  ///
  /// - Parameters:
  ///   - fields: the columns; those that are not nullable must have no null. Decimals are written
  ///     in 64 bits with 18 digits, or in 128 bits with 38 where the scale is above 18 or the
  ///     options name the column.
  ///   - options: sizes, compression and notes.
  package init(_ fields: [Field], options: ParquetWriteOptions = ParquetWriteOptions()) {
    self.init(
      fields.map { ColumnPlan($0, isWide: options.wideDecimals.contains($0.name)) },
      options: options)
  }

  /// A writer of columns as planned.
  init(_ plans: [ColumnPlan], options: ParquetWriteOptions) {
    fields = plans.map(\.field)
    self.plans = plans
    self.options = options
    encoders = plans.map { $0.encoder(pageRows: options.pageRows) }
    pages = PageWriter(compressionLevel: options.compressionLevel)
    pieces = [ParquetFile.magic]
    byteCount = ParquetFile.magic.count
  }

  /// The bytes that are held in memory for the row group that has not ended, roughly.
  package var heldBytes: Int { encoders.reduce(0) { $0 + $1.heldBytes } }

  /// Adds the rows of a batch, whose columns have the names and types of the writer's.
  ///
  /// A batch is refused before any of its rows is added.
  ///
  /// - Throws: `ParquetError.unwritable` for a null in a column that has none, and for a decimal of
  ///   more than 18 digits in a column of 64 bits.
  package mutating func append(_ batch: Batch) throws(ParquetError) {
    try check(batch)
    var row = 0
    while row < batch.rowCount {
      // Up to the next place where all columns may end a page, whatever the batches are.
      let untilPage = options.pageRows - groupRows % options.pageRows
      let untilGroup = options.rowGroupRows - groupRows
      let rows = row..<min(batch.rowCount, row + min(untilPage, untilGroup))
      for (encoder, column) in zip(encoders, batch.columns) {
        encoder.append(column, rows, &pages)
      }
      groupRows += rows.count
      rowCount += rows.count
      row = rows.upperBound
      if groupRows == options.rowGroupRows
        || groupRows % options.pageRows == 0 && heldBytes >= options.rowGroupBytes
      {
        finishRowGroup()
      }
    }
  }

  /// The pieces of the file since the last call, in order.
  package mutating func takePieces() -> [[UInt8]] {
    let taken = pieces
    pieces = []
    return taken
  }

  /// Ends the file: the pieces since the last call of ``takePieces()``, the footer included.
  package consuming func finish() -> [[UInt8]] {
    if groupRows > 0 { finishRowGroup() }
    var footer = FileFooter()
    footer.schema =
      [SchemaElement(name: "schema", childCount: Int32(plans.count))] + plans.flatMap(\.elements)
    footer.rowCount = rowCount
    footer.rowGroups = groups
    footer.keyValues = options.keyValues.map { .init(key: $0.key, value: $0.value) }
    footer.createdBy = options.createdBy
    var end = footer.encoded()
    end.appendLittleEndian(UInt32(end.count))
    end += ParquetFile.magic
    return takePieces() + [end]
  }

  private func check(_ batch: Batch) throws(ParquetError) {
    precondition(
      batch.columns.map(\.field.name) == fields.map(\.name)
        && batch.columns.map(\.field.type) == fields.map(\.type), "a batch of other columns")
    for (plan, column) in zip(plans, batch.columns) {
      if !plan.isOptional && column.nullCount > 0 {
        throw .unwritable(column: plan.field.name, reason: "it has a null and must have none")
      }
      if !plan.isWide && ColumnPlan.needsMoreThan18Digits(column) {
        throw .unwritable(
          column: plan.field.name, reason: "it has a decimal of more than 18 digits")
      }
    }
  }

  private mutating func finishRowGroup() {
    var group = RowGroupRecord()
    group.rowCount = groupRows
    for encoder in encoders {
      let record = encoder.finish(at: byteCount, &pages) { piece in
        byteCount += piece.count
        pieces.append(piece)
      }
      group.byteSize += record.uncompressedSize
      group.columns.append(record)
    }
    groups.append(group)
    groupRows = 0
  }
}

extension ColumnPlan {
  /// The encoder of the column's values.
  fileprivate func encoder(pageRows: Int) -> any ColumnEncoder {
    switch field.type {
    case .bool: return ChunkEncoder(self, pageRows: pageRows, BooleanValues())
    case .int16, .int32, .date:
      return ChunkEncoder(self, pageRows: pageRows, NumberValues<Int32>())
    case .int64, .timestamp:
      return ChunkEncoder(self, pageRows: pageRows, NumberValues<Int64>())
    case .decimal:
      if isWide { return ChunkEncoder(self, pageRows: pageRows, IdentifierValues(.decimal)) }
      return ChunkEncoder(self, pageRows: pageRows, NumberValues<Int64>())
    case .float32: return ChunkEncoder(self, pageRows: pageRows, NumberValues<Float>())
    case .float64: return ChunkEncoder(self, pageRows: pageRows, NumberValues<Double>())
    case .text, .json, .bytes: return ChunkEncoder(self, pageRows: pageRows, ByteStringValues())
    case .uuid, .uuidList:
      return ChunkEncoder(self, pageRows: pageRows, IdentifierValues(.identifier))
    }
  }
}
