import Codecs
import Columns

/// The rows of one page: how many there are and which of them hold a value.
struct PageRows {
  /// The number of rows.
  let count: Int
  /// The number of rows that hold a value.
  let presentCount: Int
  /// 1 for each row that holds a value, 0 for each that does not; `nil` when all do.
  let levels: [UInt32]?

  init(levels: [UInt32]) throws(DecodingFault) {
    count = levels.count
    let present = levels.reduce(0) { $0 &+ Int($1) }
    guard levels.allSatisfy({ $0 <= 1 }) else { throw .corrupt("a level above 1") }
    presentCount = present
    self.levels = present == levels.count ? nil : levels
  }

  init(allPresent count: Int) {
    self.count = count
    presentCount = count
    levels = nil
  }
}

/// Takes the values of a column, page by page.
protocol ValueSink {
  /// Takes the dictionary page of a row group, PLAIN.
  mutating func takeDictionary(_ reader: inout ByteReader, count: Int) throws(DecodingFault)
  /// Takes the values of a data page; nulls get a zero.
  mutating func take(
    _ reader: inout ByteReader, _ encoding: PageEncoding, _ rows: PageRows
  ) throws(DecodingFault)
  /// Everything taken.
  consuming func finish() throws(DecodingFault) -> ColumnStorage
}

/// Reads the pages of one column from all row groups.
struct ColumnReader {
  let file: [UInt8]
  let footer: FooterReader
  let leaf: LeafColumn
  /// The column's place in each row group.
  let index: Int
  let maximumBytes: Int
  let verifiesChecksums: Bool

  /// The column.
  func read(_ conversion: ValueConversion) throws(ParquetError) -> Column {
    switch conversion {
    case .text(let length): try read(TextSink(length: length, maximumBytes), conversion)
    case .bytes(let length): try read(TextSink(length: length, maximumBytes), conversion)
    case .json: try read(TextSink(length: nil, maximumBytes), conversion)
    case .uuid: try read(UUIDSink(), conversion)
    case .bool: try read(NumberSink.booleans(), conversion)
    case .int16, .int32, .date, .unsigned32, .decimal32:
      try read(NumberSink.int32(conversion), conversion)
    case .int64, .unsigned64, .timestamp, .decimal64:
      try read(NumberSink.int64(conversion), conversion)
    case .float32: try read(NumberSink.floats(), conversion)
    case .float64: try read(NumberSink.doubles(), conversion)
    case .decimalBytes(let length, _): try read(NumberSink.decimals(length: length), conversion)
    }
  }

  private func read(
    _ empty: some ValueSink, _ conversion: ValueConversion
  ) throws(ParquetError) -> Column {
    var sink = empty
    var validity: ValidityBitmap?
    var row = 0
    var decompressor = ZstdDecompressor()
    for (number, group) in footer.footer.rowGroups.enumerated() where group.rowCount > 0 {
      let chunk = group.columns[index]
      var place = ParquetLocation(column: leaf.name, rowGroup: number, offset: footer.pagesEnd)
      var pages: ByteReader
      do throws(DecodingFault) {
        pages = try pagesReader(of: chunk, rowCount: group.rowCount)
      } catch {
        throw error.located(place)
      }
      let end = row + group.rowCount
      var page = 0
      while row < end {
        place.page = page
        place.offset = pages.position
        do throws(DecodingFault) {
          let rows = try readPage(
            &pages, chunk.codec, rowsLeft: end - row, &decompressor, into: &sink)
          if let rows {
            clearNulls(of: rows, from: row, in: &validity)
            row += rows.count
          }
        } catch {
          throw error.located(place)
        }
        page += 1
      }
    }
    do throws(DecodingFault) {
      let storage = try sink.finish()
      let field = Field(leaf.name, conversion.columnType, isNullable: leaf.isNullable)
      return Column(field, storage, validity: validity)
    } catch {
      throw error.located(ParquetLocation(column: leaf.name, offset: footer.pagesEnd))
    }
  }

  private func clearNulls(
    of rows: PageRows, from start: Int, in validity: inout ValidityBitmap?
  ) {
    guard let levels = rows.levels else { return }
    var bits =
      validity.take() ?? ValidityBitmap(repeating: true, count: footer.footer.rowCount)
    for index in levels.indices where levels[index] == 0 { bits[start + index] = false }
    validity = bits
  }

  /// A reader of the column's pages in a row group.
  private func pagesReader(
    of chunk: ColumnChunkRecord, rowCount: Int
  ) throws(DecodingFault) -> ByteReader {
    guard chunk.codec == .uncompressed || chunk.codec == .zstd else {
      throw .unsupported(chunk.codec.name)
    }
    guard chunk.physicalType == leaf.element.physicalType, chunk.path == leaf.path else {
      throw .corrupt("the row group and the schema describe different columns")
    }
    guard chunk.valueCount == rowCount else {
      throw .corrupt("\(chunk.valueCount) values in \(rowCount) rows")
    }
    let start = chunk.start
    guard start >= 4, start <= footer.pagesEnd, chunk.compressedSize <= footer.pagesEnd - start
    else { throw .corrupt("its pages lie outside of the file") }
    return ByteReader(file, start..<start + chunk.compressedSize)
  }

  /// Reads a page into the sink; its rows, `nil` if it has none of its own.
  private func readPage(
    _ pages: inout ByteReader, _ codec: PageCodec, rowsLeft: Int,
    _ decompressor: inout ZstdDecompressor, into sink: inout some ValueSink
  ) throws(DecodingFault) -> PageRows? {
    var headerReader = CompactReader(input: pages)
    let header = try PageHeader(&headerReader)
    pages = headerReader.input
    let body = try pages.take(header.compressedSize)
    if verifiesChecksums, let checksum = header.checksum,
      CRC32.checksum(of: file[body].span) != checksum
    {
      throw .corrupt("its bytes do not have the checksum written with them")
    }
    guard header.uncompressedSize <= maximumBytes else {
      throw .tooLarge(maximumBytes: maximumBytes)
    }
    switch header.content {
    case .index: return nil
    case .dictionary(let count, let encoding):
      guard encoding == .plain || encoding == .plainDictionary else {
        throw .unsupported("a dictionary in the encoding \(encoding.name)")
      }
      var reader = try contents(
        body, codec, size: header.uncompressedSize, &decompressor)
      try sink.takeDictionary(&reader, count: count)
      return nil
    case .data(let count, let encoding, let levelEncoding):
      guard count <= rowsLeft else { throw .corrupt("\(count) values where \(rowsLeft) are left") }
      var reader = try contents(body, codec, size: header.uncompressedSize, &decompressor)
      var rows = PageRows(allPresent: count)
      if leaf.isNullable {
        guard levelEncoding == .runLength else {
          throw .unsupported("levels in the encoding \(levelEncoding.name)")
        }
        let levels = try reader.take(Int(try reader.littleEndian32()))
        rows = try levelRows(levels, of: reader.bytes, count: count)
      }
      try sink.take(&reader, encoding, rows)
      return rows
    case .dataV2(let page):
      return try readPageV2(
        page, body, size: header.uncompressedSize, codec, rowsLeft: rowsLeft, &decompressor,
        into: &sink)
    }
  }

  private func readPageV2(
    _ page: PageHeader.V2, _ body: Range<Int>, size: Int, _ codec: PageCodec, rowsLeft: Int,
    _ decompressor: inout ZstdDecompressor, into sink: inout some ValueSink
  ) throws(DecodingFault) -> PageRows {
    guard page.valueCount <= rowsLeft, page.rowCount == page.valueCount else {
      throw .corrupt("\(page.valueCount) values where \(rowsLeft) rows are left")
    }
    guard page.repetitionLevelsSize == 0 else { throw .unsupported("nested values") }
    let levelsSize = page.definitionLevelsSize
    guard levelsSize <= body.count, levelsSize <= size else {
      throw .corrupt("levels of \(levelsSize) bytes in a page of \(body.count)")
    }
    let levels = body.lowerBound..<body.lowerBound + levelsSize
    let values = levels.upperBound..<body.upperBound
    var rows = PageRows(allPresent: page.valueCount)
    if leaf.isNullable {
      rows = try levelRows(levels, of: file, count: page.valueCount)
    }
    guard rows.count - rows.presentCount == page.nullCount else {
      throw .corrupt(
        "\(page.nullCount) nulls are announced, \(rows.count - rows.presentCount) found")
    }
    let valuesSize = size - levelsSize
    var reader = try contents(
      values, page.isCompressed && valuesSize > 0 ? codec : .uncompressed, size: valuesSize,
      &decompressor)
    try sink.take(&reader, page.encoding, rows)
    return rows
  }

  private func levelRows(
    _ range: Range<Int>, of bytes: [UInt8], count: Int
  ) throws(DecodingFault) -> PageRows {
    var reader = ByteReader(bytes, range)
    return try PageRows(levels: RunLength.decode(&reader, width: 1, count: count))
  }

  /// A reader of bytes of the file after decompression.
  private func contents(
    _ range: Range<Int>, _ codec: PageCodec, size: Int, _ decompressor: inout ZstdDecompressor
  ) throws(DecodingFault) -> ByteReader {
    if codec == .uncompressed {
      guard size == range.count else {
        throw .corrupt("a page of \(range.count) bytes, not \(size) as announced")
      }
      return ByteReader(file, range)
    }
    do throws(CodecError) {
      return ByteReader(
        try decompressor.decompress(file[range].span, exactSize: size))
    } catch {
      throw .corrupt("\(error)")
    }
  }
}
