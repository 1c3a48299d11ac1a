/// Finds the footer of a file and checks that its parts agree.
struct FooterReader {
  let footer: FileFooter
  let leaves: [LeafColumn]
  /// The offset at which the footer begins, where the pages end.
  let pagesEnd: Int

  init(_ file: [UInt8]) throws(ParquetError) {
    let magic = ParquetFile.magic
    guard file.count >= 12, file.starts(with: magic) else {
      throw .corrupt(
        ParquetLocation(offset: 0), reason: "it does not begin as a Parquet file does")
    }
    let end = file.suffix(4)
    guard !end.elementsEqual(Array("PARE".utf8)) else {
      throw .unsupported(column: nil, feature: "encryption")
    }
    guard end.elementsEqual(magic) else {
      throw .corrupt(
        ParquetLocation(offset: file.count - 4),
        reason: "it does not end as a Parquet file does (is it cut off?)")
    }
    let sizeBytes = file[(file.count - 8)..<(file.count - 4)]
    let size = sizeBytes.reversed().reduce(0) { $0 << 8 | Int($1) }
    guard size <= file.count - 12 else {
      throw .corrupt(
        ParquetLocation(offset: file.count - 8), reason: "a footer of \(size) bytes does not fit")
    }
    pagesEnd = file.count - 8 - size
    var reader = CompactReader(input: ByteReader(file, pagesEnd..<file.count - 8))
    do throws(DecodingFault) {
      footer = try FileFooter(&reader)
      leaves = try LeafColumn.leaves(of: footer.schema)
      try FooterReader.check(footer, leaves)
    } catch {
      throw error.located(ParquetLocation(offset: reader.input.position))
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
