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

/// Reads the pages of one column from some row groups.
struct ColumnReader {
  let footer: FooterReader
  let leaf: LeafColumn
  /// The column's place in each row group.
  let index: Int
  /// The row groups, and the rows that they have together.
  let rowGroups: [Int]
  let rowCount: Int
  let maximumBytes: Int
  let verifiesChecksums: Bool
  let fetch: FetchBytes

  /// The column.
  func read(_ conversion: ValueConversion) throws(ParquetError) -> Column {
    switch conversion {
    case .text(let length): try read(TextSink(length: length, maximumBytes), conversion)
    case .bytes(let length): try read(TextSink(length: length, maximumBytes), conversion)
    case .json: try read(TextSink(length: nil, maximumBytes), conversion)
    case .uuid, .uuidList: try read(UUIDSink(), conversion)
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
    var rows = ReadRows(leaf, count: rowCount)
    var decompressor = PageDecompressor()
    for number in rowGroups where footer.footer.rowGroups[number].rowCount > 0 {
      let group = footer.footer.rowGroups[number]
      var place = ParquetLocation(column: leaf.name, rowGroup: number, offset: footer.pagesEnd)
      let range: Range<Int>
      do throws(DecodingFault) {
        range = try pagesRange(of: group.columns[index], rowCount: group.rowCount)
      } catch {
        throw error.located(place)
      }
      let bytes = try fetch(range)
      var pages = bytes.reader(range)
      rows.beginRowGroup(rowCount: group.rowCount, valueCount: group.columns[index].valueCount)
      var page = 0
      while rows.valuesLeft > 0 {
        place.page = page
        place.offset = bytes.offset + pages.position
        do throws(DecodingFault) {
          try readPage(
            &pages, group.columns[index].codec, &rows, &decompressor, into: &sink)
          if rows.valuesLeft == 0 { try rows.endRowGroup() }
        } catch {
          throw error.located(place)
        }
        page += 1
      }
    }
    do throws(DecodingFault) {
      return try rows.column(sink.finish(), conversion.columnType)
    } catch {
      throw error.located(ParquetLocation(column: leaf.name, offset: footer.pagesEnd))
    }
  }

  /// Where the column's pages in a row group are.
  private func pagesRange(
    of chunk: ColumnChunkRecord, rowCount: Int
  ) throws(DecodingFault) -> Range<Int> {
    guard PageDecompressor.supports(chunk.codec) else { throw .unsupported(chunk.codec.name) }
    guard chunk.physicalType == leaf.element.physicalType, chunk.path == leaf.path else {
      throw .corrupt("the row group and the schema describe different columns")
    }
    guard leaf.isList ? chunk.valueCount >= rowCount : chunk.valueCount == rowCount else {
      throw .corrupt("\(chunk.valueCount) values in \(rowCount) rows")
    }
    let start = chunk.start
    guard start >= 4, start <= footer.pagesEnd, chunk.compressedSize <= footer.pagesEnd - start
    else { throw .corrupt("its pages lie outside of the file") }
    return start..<start + chunk.compressedSize
  }

  /// Reads a page into the sink.
  private func readPage(
    _ pages: inout ByteReader, _ codec: PageCodec, _ rows: inout ReadRows,
    _ decompressor: inout PageDecompressor, into sink: inout some ValueSink
  ) throws(DecodingFault) {
    var headerReader = CompactReader(input: pages)
    let header = try PageHeader(&headerReader)
    pages = headerReader.input
    let body = ByteReader(pages.bytes, try pages.take(header.compressedSize))
    if verifiesChecksums, let checksum = header.checksum,
      CRC32.checksum(of: body.bytes[body.position..<body.end].span) != checksum
    {
      throw .corrupt("its bytes do not have the checksum written with them")
    }
    let size = header.uncompressedSize
    guard size <= maximumBytes else { throw .tooLarge(maximumBytes: maximumBytes) }
    switch header.content {
    case .index: return
    case .dictionary(let count, let encoding):
      guard encoding == .plain || encoding == .plainDictionary else {
        throw .unsupported("a dictionary in the encoding \(encoding.name)")
      }
      var reader = try decompressor.contents(body, codec, size: size)
      try sink.takeDictionary(&reader, count: count)
    case .data(let count, let encoding, let levelEncoding):
      try rows.checkRoom(for: count)
      var reader = try decompressor.contents(body, codec, size: size)
      let levels = try pageLevels(&reader, count: count, levelEncoding)
      try sink.take(&reader, encoding, try rows.append(levels))
    case .dataV2(let page):
      try readPageV2(page, body, size: size, codec, &rows, &decompressor, into: &sink)
    }
  }

  /// The levels of a page of version 1, each kind with its length in front.
  private func pageLevels(
    _ reader: inout ByteReader, count: Int, _ encoding: PageEncoding
  ) throws(DecodingFault) -> PageLevels {
    var levels = PageLevels(count: count)
    if leaf.isList {
      var repetition = ByteReader(
        reader.bytes, try reader.take(Int(try reader.littleEndian32())))
      levels.repetition = try RunLength.decode(&repetition, width: 1, count: count)
    }
    if leaf.isList || leaf.isNullable {
      guard encoding == .runLength else {
        throw .unsupported("levels in the encoding \(encoding.name)")
      }
      var definition = ByteReader(
        reader.bytes, try reader.take(Int(try reader.littleEndian32())))
      levels.definition = try RunLength.decode(
        &definition, width: definitionWidth, count: count)
    }
    return levels
  }

  /// The bits of a definition level.
  private var definitionWidth: Int {
    leaf.isList ? RunLength.width(of: leaf.elementLevel) : 1
  }

  private func readPageV2(
    _ page: PageHeader.V2, _ body: ByteReader, size: Int, _ codec: PageCodec,
    _ rows: inout ReadRows, _ decompressor: inout PageDecompressor, into sink: inout some ValueSink
  ) throws(DecodingFault) {
    try rows.checkRoom(for: page.valueCount)
    guard leaf.isList || page.rowCount == page.valueCount else {
      throw .corrupt("\(page.valueCount) values in \(page.rowCount) rows of a page")
    }
    guard leaf.isList || page.repetitionLevelsSize == 0 else { throw .unsupported("nested values") }
    let (levelsSize, overflows) = page.definitionLevelsSize.addingReportingOverflow(
      page.repetitionLevelsSize)
    guard !overflows, levelsSize <= body.remaining, levelsSize <= size else {
      throw .corrupt("levels of \(levelsSize) bytes in a page of \(body.remaining)")
    }
    var rest = body
    var repetition = ByteReader(rest.bytes, try rest.take(page.repetitionLevelsSize))
    var definition = ByteReader(rest.bytes, try rest.take(page.definitionLevelsSize))
    var levels = PageLevels(count: page.valueCount)
    if leaf.isList {
      levels.repetition = try RunLength.decode(&repetition, width: 1, count: page.valueCount)
    }
    if leaf.isList || leaf.isNullable {
      levels.definition = try RunLength.decode(
        &definition, width: definitionWidth, count: page.valueCount)
    }
    let present = try rows.append(levels)
    let nullCount = page.valueCount - present.presentCount
    guard nullCount == page.nullCount else {
      throw .corrupt("\(page.nullCount) nulls are announced, \(nullCount) found")
    }
    let valuesSize = size - levelsSize
    var reader = try decompressor.contents(
      rest, page.isCompressed && valuesSize > 0 ? codec : .uncompressed, size: valuesSize)
    try sink.take(&reader, page.encoding, present)
  }
}
