package import Columns

extension ParquetFile {
  /// The rows of a file.
  ///
  /// Every checksum, count and length is checked against the others before it is believed. Text and
  /// identifiers stay dictionary-coded where the file has them so. Timestamps of other units become
  /// microseconds, unsigned numbers the next larger signed type; instants without a zone are taken
  /// for UTC. Read are the encodings PLAIN, dictionary, RLE, BYTE_STREAM_SPLIT and the DELTA family, in
  /// data pages of both versions, uncompressed or compressed with zstd.
  ///
  /// - Parameters:
  ///   - file: all bytes of the file.
  ///   - columns: the columns to read, in the order wanted, each once; `nil` for all.
  ///   - maximumBytes: the most memory the rows may take.
  ///   - verifyingChecksums: whether pages are held against the checksums that they carry.
  /// - Returns: the rows.
  /// - Throws: `ParquetError`.
  package static func decode(
    _ file: [UInt8], columns: [String]? = nil, maximumBytes: Int = 8 << 30,
    verifyingChecksums: Bool = true
  ) throws(ParquetError) -> Batch {
    let reader = try FooterReader(file)
    let selected = try selection(columns, in: reader)
    try checkMemory(reader, selected, maximumBytes: maximumBytes)
    var result: [Column] = []
    for selection in selected {
      let column = ColumnReader(
        file: file, footer: reader, leaf: selection.leaf, index: selection.index,
        maximumBytes: maximumBytes, verifiesChecksums: verifyingChecksums)
      result.append(try column.read(selection.conversion))
    }
    return Batch(result, rowCount: reader.footer.rowCount)
  }

  /// What the footer of a file tells; no page is read.
  ///
  /// - Throws: `ParquetError`.
  package static func metadata(of file: [UInt8]) throws(ParquetError) -> ParquetMetadata {
    let reader = try FooterReader(file)
    return ParquetMetadata(reader)
  }

  private struct Selection {
    var index: Int
    var leaf: LeafColumn
    var conversion: ValueConversion
  }

  private static func selection(
    _ names: [String]?, in reader: FooterReader
  ) throws(ParquetError) -> [Selection] {
    let available = reader.leaves.map(\.name)
    var result: [Selection] = []
    for name in names ?? available {
      guard let index = available.firstIndex(of: name) else {
        throw .missingColumn(name, available: available)
      }
      let leaf = reader.leaves[index]
      do throws(DecodingFault) {
        result.append(Selection(index: index, leaf: leaf, conversion: try leaf.conversion()))
      } catch {
        throw error.located(ParquetLocation(column: name, offset: reader.pagesEnd))
      }
    }
    if names == nil, Set(available).count < available.count {
      throw .unsupported(column: nil, feature: "one name for several columns")
    }
    return result
  }

  /// Row counts alone take no bytes in a file, so they are held against the memory allowed first.
  private static func checkMemory(
    _ reader: FooterReader, _ selected: [Selection], maximumBytes: Int
  ) throws(ParquetError) {
    let rowSize = selected.reduce(0) { $0 + $1.conversion.rowSize }
    let (size, overflows) = reader.footer.rowCount.multipliedReportingOverflow(by: rowSize)
    if overflows || size > maximumBytes { throw .tooLarge(maximumBytes: maximumBytes) }
  }
}
