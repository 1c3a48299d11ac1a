/// Finds the footer of a file and checks that its parts agree.
struct FooterReader {
  let footer: FileFooter
  let leaves: [LeafColumn]
  /// The offset at which the footer begins, where the pages end.
  let pagesEnd: Int

  /// The footer of a file that is in memory.
  init(whole file: [UInt8]) throws(ParquetError) {
    let bytes = FileBytes(bytes: file, offset: 0)
    let start = try FooterReader.start(
      head: Array(file.prefix(4)), tail: bytes, byteCount: file.count)
    try self.init(bytes, start: start, byteCount: file.count)
  }

  /// The offset at which the footer of a file of `byteCount` bytes begins, from the first four bytes
  /// and the last ones, of which there are eight at least where the file has as many.
  static func start(
    head: [UInt8], tail: FileBytes, byteCount: Int
  ) throws(ParquetError) -> Int {
    guard byteCount >= 12, head == ParquetFile.magic else {
      throw .corrupt(
        ParquetLocation(offset: 0), reason: "it does not begin as a Parquet file does")
    }
    let end = tail.bytes.suffix(4)
    guard !end.elementsEqual(Array("PARE".utf8)) else {
      throw .unsupported(column: nil, feature: "encryption")
    }
    guard end.elementsEqual(ParquetFile.magic) else {
      throw .corrupt(
        ParquetLocation(offset: byteCount - 4),
        reason: "it does not end as a Parquet file does (is it cut off?)")
    }
    let size = tail.bytes.suffix(8).prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
    guard size <= byteCount - 12 else {
      throw .corrupt(
        ParquetLocation(offset: byteCount - 8), reason: "a footer of \(size) bytes does not fit")
    }
    return byteCount - 8 - size
  }

  /// The footer that begins at `start`, which the bytes hold.
  init(_ bytes: FileBytes, start: Int, byteCount: Int) throws(ParquetError) {
    pagesEnd = start
    var reader = CompactReader(input: bytes.reader(start..<byteCount - 8))
    do throws(DecodingFault) {
      footer = try FileFooter(&reader)
      leaves = try LeafColumn.leaves(of: footer.schema)
      try FooterReader.check(footer, leaves)
    } catch {
      throw error.located(ParquetLocation(offset: bytes.offset + reader.input.position))
    }
  }

  private static func check(
    _ footer: FileFooter, _ leaves: [LeafColumn]
  ) throws(DecodingFault) {
    var rows = 0
    for group in footer.rowGroups {
      let (sum, overflows) = rows.addingReportingOverflow(group.rowCount)
      guard !overflows else { throw .corrupt("the row counts overflow") }
      rows = sum
      guard group.columns.count == leaves.count else {
        throw .corrupt(
          "a row group has \(group.columns.count) columns, the schema \(leaves.count)")
      }
    }
    guard rows == footer.rowCount else {
      throw .corrupt("the row groups have \(rows) rows, the file \(footer.rowCount)")
    }
  }
}
