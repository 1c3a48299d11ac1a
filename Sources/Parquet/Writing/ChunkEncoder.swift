import Columns

/// Writes one column of a row group from batches, and then of the next one.
protocol ColumnEncoder: AnyObject {
  /// The bytes that are held: finished pages and the dictionary.
  var heldBytes: Int { get }
  /// Adds rows; pages that become full are finished.
  func append(_ column: Column, _ rows: Range<Int>, _ pages: inout PageWriter)
  /// Ends the row group: where its pages lie when they begin at `offset`. The pages are given to
  /// `take`, in order.
  func finish(
    at offset: Int, _ pages: inout PageWriter, _ take: ([UInt8]) -> Void
  ) -> ColumnChunkRecord
}

/// Writes a column whose rows hold a value, none, or a list of identifiers.
///
/// How values are written is measured on the first page of each row group, which is compressed in
/// every way that may suit: as codes of a dictionary, as differences, plainly. A dictionary grows
/// over the row group, and is given up for the pages that follow one whose codes and new entries
/// cost more than the values would otherwise.
final class ChunkEncoder<Values: PageValues>: ColumnEncoder {
  private let plan: ColumnPlan
  private let pageRows: Int
  private var values: Values
  private var levels = DefinitionLevels()
  private var lists = ListLevels()
  private var waitingRows = 0
  private var finished: [[UInt8]] = []
  private var finishedBytes = 0
  private var record = ColumnChunkRecord()
  private var mode = Mode.undecided
  /// How the pages of the row group are compressed, `nil` before the first.
  private var codec: PageCodec?
  /// The entries of the dictionary when the last page ended.
  private var knownEntries = 0

  /// How the pages of a row group hold values.
  private enum Mode {
    /// No page has ended.
    case undecided
    /// As codes, which are given up when a page takes more than so many bytes a value.
    case coded(Cost)
    /// In another encoding.
    case other(PageEncoding)
  }

  /// What values cost; see ``PageWriter/Page/cost``.
  private struct Cost {
    /// A new entry of the dictionary.
    var entry: Double
    /// A value that is not coded.
    var value: Double
    /// The encoding of such values.
    var encoding: PageEncoding
  }

  /// Dictionaries grow to no more bytes in memory than about this.
  private static var maximumDictionaryBytes: Int { 24 << 20 }

  /// A column of a plan, in pages of at most `pageRows` rows.
  init(_ plan: ColumnPlan, pageRows: Int, _ values: Values) {
    self.plan = plan
    self.pageRows = pageRows
    self.values = values
    beginRecord()
  }

  var heldBytes: Int { finishedBytes + values.dictionaryBytes }

  func append(_ column: Column, _ rows: Range<Int>, _ pages: inout PageWriter) {
    var row = rows.lowerBound
    while row < rows.upperBound {
      let wanted = row..<min(rows.upperBound, row + pageRows - waitingRows)
      let reached = add(column, wanted)
      waitingRows += reached - row
      row = reached
      if waitingRows == pageRows || values.isFull || lists.count >= 2 * pageRows {
        endPage(&pages)
      }
    }
  }

  /// Adds rows up to the one that makes the page full; the row after that.
  private func add(_ column: Column, _ rows: Range<Int>) -> Int {
    guard case .uuidList(let all) = column.storage else {
      let reached = values.add(column, PresentRows(column.validity, in: rows))
      if plan.isOptional { levels.append(column.validity, rows.lowerBound..<reached) }
      return reached
    }
    let reached = lists.append(
      all, column.validity, rows, isOptional: plan.isOptional, limit: 2 * pageRows)
    let elements = all.offsets[rows.lowerBound]..<all.offsets[reached]
    let column = Column(Field("element", .uuid), .uuid(all.elements))
    _ = values.add(column, PresentRows(nil, in: elements))
    return reached
  }

  func finish(
    at offset: Int, _ pages: inout PageWriter, _ take: ([UInt8]) -> Void
  ) -> ColumnChunkRecord {
    if waitingRows > 0 { endPage(&pages) }
    var dictionarySize = 0
    if values.entryCount > 0 {
      let page = pages.page(
        .dictionary(entryCount: values.entryCount, encoding: .plain), values.dictionaryPage(),
        codec ?? pages.codec)
      count(page)
      if !record.encodings.contains(.plain) { record.encodings.append(.plain) }
      record.dictionaryPageOffset = offset
      dictionarySize = page.bytes.count
      take(page.bytes)
    }
    record.dataPageOffset = offset + dictionarySize
    record.statistics.minimum = values.bounds.minimum
    record.statistics.maximum = values.bounds.maximum
    for page in finished { take(page) }
    let ended = record
    finished = []
    finishedBytes = 0
    values.reset()
    mode = .undecided
    knownEntries = 0
    codec = nil
    beginRecord()
    return ended
  }

  private func beginRecord() {
    record = ColumnChunkRecord()
    record.physicalType = plan.physicalType
    record.path = plan.path
    record.encodings = [.runLength]
    record.statistics.nullCount = 0
  }

  private func endPage(_ pages: inout PageWriter) {
    var head: [UInt8] = []
    if plan.isList {
      lists.write(to: &head, maximumDefinition: plan.isOptional ? 2 : 1)
    } else if plan.isOptional {
      levels.write(to: &head)
    }
    switch mode {
    case .undecided: decide(head, &pages)
    case .coded(let cost): writeCodes(head, cost, &pages)
    case .other(let encoding):
      keep(page(encoding, head, &pages), encoding)
      values.endPage(isCoded: false)
    }
    record.valueCount += pageValueCount
    record.statistics.nullCount =
      (record.statistics.nullCount ?? 0) + levels.nullCount + lists.emptyCount
    levels.removeAll()
    lists.removeAll()
    waitingRows = 0
  }

  /// Writes the first page in the smallest way.
  private func decide(_ head: [UInt8], _ pages: inout PageWriter) {
    let candidates = values.encodings.map { ($0, page($0, head, &pages)) }
    guard let best = candidates.min(by: { $0.1.cost < $1.1.cost }) else { return }
    if let codes = values.codes(), values.entryCount > 0 {
      let coded = page(codes, head, &pages)
      let entries = pages.page(
        .dictionary(entryCount: values.entryCount, encoding: .plain), values.dictionaryPage(),
        pages.codec)
      if coded.cost + entries.cost < best.1.cost {
        mode = .coded(
          Cost(
            entry: entries.cost / Double(values.entryCount),
            value: best.1.cost / Double(codes.count), encoding: best.0))
        let isCompressed = !(coded.isIncompressible && entries.isIncompressible)
        keepFirst(coded, .runLengthDictionary, isCompressed, &pages) { page(codes, head, &$0) }
        values.endPage(isCoded: true)
        knownEntries = values.entryCount
        return
      }
    }
    // A page of nulls alone decides nothing.
    let decides = values.count > 0
    keepFirst(best.1, best.0, !best.1.isIncompressible || !decides, &pages) {
      page(best.0, head, &$0)
    }
    values.endPage(isCoded: false)
    if decides {
      values.stopCoding(entryCount: 0)
      mode = .other(best.0)
    }
  }

  /// Keeps a page as it is, or made again where compression does not pay; all pages of a row group
  /// are compressed, or none is.
  private func keepFirst(
    _ page: PageWriter.Page, _ encoding: PageEncoding, _ isCompressed: Bool,
    _ pages: inout PageWriter, _ again: (inout PageWriter) -> PageWriter.Page
  ) {
    if codec == nil, !isCompressed, pages.codec != .uncompressed {
      codec = .uncompressed
      keep(again(&pages), encoding)
    } else {
      codec = codec ?? pages.codec
      keep(page, encoding)
    }
  }

  private func writeCodes(_ head: [UInt8], _ cost: Cost, _ pages: inout PageWriter) {
    guard let codes = values.codes() else {
      keep(page(cost.encoding, head, &pages), cost.encoding)
      values.endPage(isCoded: false)
      values.stopCoding(entryCount: knownEntries)
      mode = .other(cost.encoding)
      return
    }
    let coded = page(codes, head, &pages)
    let newEntries = values.entryCount - knownEntries
    let paid = coded.cost + cost.entry * Double(newEntries)
    let otherwise = cost.value * Double(codes.count)
    keep(coded, .runLengthDictionary)
    values.endPage(isCoded: true)
    knownEntries = values.entryCount
    // What few values cost says nothing about the rest.
    if codes.count >= waitingRows / 8 && paid > otherwise
      || values.dictionaryBytes > Self.maximumDictionaryBytes
    {
      values.stopCoding(entryCount: knownEntries)
      mode = .other(cost.encoding)
    }
  }

  private func page(
    _ encoding: PageEncoding, _ head: [UInt8], _ pages: inout PageWriter
  ) -> PageWriter.Page {
    var body = head
    values.append(encoding, to: &body)
    return pages.page(header(encoding), body, codec ?? pages.codec)
  }

  private func page(
    _ codes: [UInt32], _ head: [UInt8], _ pages: inout PageWriter
  ) -> PageWriter.Page {
    let width = codeWidth(entryCount: values.entryCount)
    var body = head
    body.append(UInt8(width))
    body.append(contentsOf: RunLength.encode(codes.span, width: width))
    return pages.page(header(.runLengthDictionary), body, codec ?? pages.codec)
  }

  private func header(_ encoding: PageEncoding) -> PageHeader.Content {
    .data(valueCount: pageValueCount, encoding: encoding, levelEncoding: .runLength)
  }

  /// The values of the page, with one for each row that has none.
  private var pageValueCount: Int { plan.isList ? lists.count : waitingRows }

  private func keep(_ page: PageWriter.Page, _ encoding: PageEncoding) {
    finished.append(page.bytes)
    finishedBytes += page.bytes.count
    if !record.encodings.contains(encoding) { record.encodings.append(encoding) }
    count(page)
  }

  private func count(_ page: PageWriter.Page) {
    record.codec = page.codec
    record.uncompressedSize += page.uncompressedSize
    record.compressedSize += page.bytes.count
  }
}

/// The bits of a code; readers disagree on codes of no bits, so there is at least one.
func codeWidth(entryCount: Int) -> Int {
  max(1, RunLength.width(of: UInt32(max(0, entryCount - 1))))
}
