import AlmanacCore
import Columns
import Parquet
import Testing

@Suite("Parquet writer")
struct WriterTests {
  /// The bytes of a file of some batches; the pieces are taken after each.
  private static func file(
    _ batches: [Batch], _ fields: [Field], _ options: ParquetWriteOptions
  ) throws -> [UInt8] {
    var writer = ParquetWriter(fields, options: options)
    var bytes: [UInt8] = []
    for batch in batches {
      try writer.append(batch)
      for piece in writer.takePieces() { bytes += piece }
      #expect(writer.byteCount == bytes.count)
    }
    #expect(writer.rowCount == batches.reduce(0) { $0 + $1.rowCount })
    for piece in writer.finish() { bytes += piece }
    return bytes
  }

  /// The rows of a batch cut at random places, each part with dictionaries of its own, with those of
  /// the whole, or with none.
  private static func cut(_ batch: Batch, seed: UInt64) -> [Batch] {
    var generator = SplitMix64(seed: seed)
    var parts: [Batch] = []
    var row = 0
    while row < batch.rowCount {
      let end = min(batch.rowCount, row + Int.random(in: 0...400, using: &generator))
      let part = batch.taking(Array(row..<end))
      switch generator.next() % 3 {
      case 0: parts.append(part)
      case 1: parts.append(part.compacted())
      default: parts.append(plain(part))
      }
      row = end
    }
    return parts
  }

  /// The same rows without dictionaries.
  private static func plain(_ batch: Batch) -> Batch {
    Batch(
      batch.columns.map { column in
        switch column.storage {
        case .uuid(let storage) where storage.codes != nil:
          let values = (0..<column.rowCount).map { column.isNull($0) ? .zero : storage.row($0) }
          return Column(
            column.field, .uuid(UUIDStorage(values: values)), validity: column.validity)
        case .text(let storage) where storage.codes != nil:
          var copy = TextStorage()
          for row in 0..<column.rowCount {
            if !column.isNull(row) { copy.bytes += storage.row(row) }
            copy.offsets.append(copy.bytes.count)
          }
          return Column(column.field, .text(copy), validity: column.validity)
        default: return column
        }
      }, rowCount: batch.rowCount)
  }

  @Test("gives equal bytes however the rows are cut into batches", arguments: UInt64(0)..<24)
  func anyCut(seed: UInt64) throws {
    let batch = SampleBatch.make(seed: seed, rowCount: [1, 900, 5000][Int(seed % 3)])
    let options = ParquetWriteOptions(
      rowGroupRows: [1 << 20, 1500, 640][Int(seed / 3 % 3)],
      rowGroupBytes: seed % 4 == 1 ? 20_000 : .max, pageRows: [1 << 17, 320, 100][Int(seed % 3)],
      wideDecimals: ["wide"])
    let whole = try WriterTests.file([batch], batch.fields, options)
    let parts = try WriterTests.file(
      WriterTests.cut(batch, seed: seed), batch.fields, options)
    #expect(whole == parts)
    #expect(firstDifference(try ParquetFile.decode(parts), batch) == nil)
  }

  @Test("ends row groups by rows and by bytes")
  func rowGroups() throws {
    var column = ColumnBuilder(Field("number", .int64))
    var generator = SplitMix64(seed: 1)
    for _ in 0..<10_000 { column.append(Int64(truncatingIfNeeded: generator.next())) }
    let batch = Batch([column.finish()])
    let byRows = ParquetFile.encode(
      batch, options: ParquetWriteOptions(rowGroupRows: 4000, pageRows: 500))
    #expect(try ParquetFile.metadata(of: byRows).rowGroups.map(\.rowCount) == [4000, 4000, 2000])
    let byBytes = ParquetFile.encode(
      batch, options: ParquetWriteOptions(rowGroupBytes: 20_000, pageRows: 500))
    #expect(
      try ParquetFile.metadata(of: byBytes).rowGroups.map(\.rowCount) == [2500, 2500, 2500, 2500]
        || ParquetFile.metadata(of: byBytes).rowGroups.map(\.rowCount) == [3000, 3000, 3000, 1000])
    #expect(firstDifference(try ParquetFile.decode(byBytes), batch) == nil)
  }

  @Test("holds no more than the pages of a row group and a page of rows")
  func bounded() throws {
    let fields = [Field("number", .int64), Field("identifier", .uuid), Field("text", .text)]
    let options = ParquetWriteOptions(rowGroupBytes: 1 << 18, pageRows: 1000)
    var writer = ParquetWriter(fields, options: options)
    var generator = SplitMix64(seed: 3)
    var largest = 0
    var bytes = 0
    for _ in 0..<60 {
      var builders = fields.map { ColumnBuilder($0) }
      for _ in 0..<1500 {
        builders[0].append(Int64(truncatingIfNeeded: generator.next()))
        builders[1].append(UUIDValue(high: generator.next(), low: generator.next()))
        builders[2].append("text \(generator.next())")
      }
      try writer.append(Batch(builders.map { $0.finish() }))
      largest = max(largest, writer.heldBytes)
      for piece in writer.takePieces() { bytes += piece.count }
    }
    #expect(largest > 100_000 && largest < 1 << 20)
    #expect(bytes > 2_000_000)
  }

  @Test("gives a dictionary up where its entries no longer repeat, and keeps the values")
  func fallback() throws {
    var identifier = ColumnBuilder(Field("identifier", .uuid, isNullable: true))
    var text = ColumnBuilder(Field("text", .text))
    var number = ColumnBuilder(Field("number", .int64))
    var generator = SplitMix64(seed: 9)
    for row in 0..<20_000 {
      let repeats = row < 8_000
      let draw = repeats ? generator.next() % 50 : generator.next()
      if row % 11 == 0 {
        identifier.appendNull()
      } else {
        identifier.append(UUIDValue(high: draw, low: ~draw))
      }
      text.append("a longer text \(draw)")
      number.append(Int64(truncatingIfNeeded: draw &* 0x9E37_79B9_7F4A_7C15))
    }
    let batch = Batch([identifier.finish(), text.finish(), number.finish()])
    let file = ParquetFile.encode(batch, options: ParquetWriteOptions(pageRows: 1000))
    #expect(firstDifference(try ParquetFile.decode(file), batch) == nil)
    for chunk in try ParquetFile.metadata(of: file).rowGroups[0].columns {
      let size = try #require(chunk.dictionarySize)
      #expect(size < 60_000)
    }
  }

  @Test("refuses a null in a column without nulls, and takes none of the batch")
  func unwritable() throws {
    let field = Field("number", .int64)
    var builder = ColumnBuilder(Field("number", .int64, isNullable: true))
    builder.append(Int64(1))
    builder.appendNull()
    let batch = Batch([builder.finish()])
    var writer = ParquetWriter([field])
    var thrown: ParquetError?
    do throws(ParquetError) { try writer.append(batch) } catch { thrown = error }
    #expect(
      thrown
        == .unwritable(column: "number", reason: "it has a null and must have none"))
    #expect(writer.rowCount == 0)
    let rest = writer.finish()
    #expect(try ParquetFile.decode(rest.flatMap { $0 }).rowCount == 0)
  }

  @Test("refuses a decimal of 19 digits unless the column is written in 128 bits")
  func wideDecimals() throws {
    let field = Field("amount", .money)
    var builder = ColumnBuilder(field)
    builder.append(integer: 1_000_000_000_000_000_000)
    let batch = Batch([builder.finish()])
    var narrow = ParquetWriter([field])
    var isRefused = false
    do throws(ParquetError) { try narrow.append(batch) } catch { isRefused = true }
    #expect(isRefused)
    _ = narrow.finish()
    var wide = ParquetWriter([field], options: ParquetWriteOptions(wideDecimals: ["amount"]))
    try wide.append(batch)
    #expect(try ParquetFile.decode(wide.finish().flatMap { $0 }) == batch)
  }
}
