import Columns

/// Writes the rows of one row group of one column.
struct ColumnChunkWriter {
  private let plan: ColumnPlan
  private let present: PresentRows
  private let pageRows: Int
  private let values: ChunkValues

  /// Byte strings of a page are at most this many bytes, unless a single one is longer.
  private static let maximumPageBytes = 4 << 20

  /// A writer of the given rows in pages of at most `pageRows` rows.
  init(plan: ColumnPlan, rows: Range<Int>, pageRows: Int) {
    self.plan = plan
    self.pageRows = pageRows
    present = PresentRows(of: plan.column, in: rows)
    values = ChunkValues(plan, present)
  }

  /// Adds the column's pages to a file; where they are and what they hold.
  func write(to file: inout [UInt8], through pages: inout PageWriter) -> ColumnChunkRecord {
    var record = ColumnChunkRecord()
    record.physicalType = plan.element.physicalType ?? .boolean
    record.path = [plan.column.field.name]
    record.codec = pages.codec
    record.valueCount = present.rows.count
    record.statistics = values.statistics
    record.statistics.nullCount = present.rows.count - present.count
    record.encodings = [.runLength, values.encoding]
    if let dictionary = values.dictionary {
      record.encodings.append(.plain)
      record.dictionaryPageOffset = file.count
      let size = pages.write(
        .dictionary(entryCount: dictionary.entryCount, encoding: .plain), body: dictionary.page,
        to: &file)
      record.uncompressedSize += size.uncompressed
      record.compressedSize += size.compressed
    }
    record.dataPageOffset = file.count
    var start = present.rows.lowerBound
    while start < present.rows.upperBound {
      let rows = start..<pageEnd(from: start)
      var body: [UInt8] = []
      if plan.element.repetition == .optional { appendLevels(of: rows, to: &body) }
      values.append(present.positions(in: rows), to: &body)
      let size = pages.write(
        .data(valueCount: rows.count, encoding: values.encoding, levelEncoding: .runLength),
        body: body, to: &file)
      record.uncompressedSize += size.uncompressed
      record.compressedSize += size.compressed
      start = rows.upperBound
    }
    return record
  }

  /// The row after the last of the page that begins at `start`.
  private func pageEnd(from start: Int) -> Int {
    let end = min(start + pageRows, present.rows.upperBound)
    guard case .text(let storage) = plan.column.storage, storage.codes == nil else { return end }
    var low = start + 1
    var high = end
    while low < high {
      let middle = (low + high + 1) / 2
      if storage.offsets[middle] - storage.offsets[start] <= ColumnChunkWriter.maximumPageBytes {
        low = middle
      } else {
        high = middle - 1
      }
    }
    return low
  }

  /// Adds which rows hold a value, with the length in front.
  private func appendLevels(of rows: Range<Int>, to body: inout [UInt8]) {
    let encoded: [UInt8]
    let valid = present.positions(in: rows).count
    if valid == rows.count || valid == 0 {
      encoded = RunLength.encode(repeating: valid == 0 ? 0 : 1, count: rows.count, width: 1)
    } else {
      let levels = rows.map { plan.column.isNull($0) ? UInt32(0) : 1 }
      encoded = RunLength.encode(levels.span, width: 1)
    }
    body.appendLittleEndian(UInt32(encoded.count))
    body.append(contentsOf: encoded)
  }
}
