import AlmanacCore
import Columns
import Parquet
import Testing

@Suite("Parquet reader")
struct ReaderTests {
  /// A file in memory that notes which of its ranges are read.
  private final class Source {
    let bytes: [UInt8]
    var ranges: [Range<Int>] = []

    init(_ bytes: [UInt8]) {
      self.bytes = bytes
    }

    func read(_ range: Range<Int>) -> [UInt8] {
      ranges.append(range)
      return Array(bytes[range])
    }
  }

  @Test("reads row groups one by one to the same rows as all at once", arguments: UInt64(0)..<8)
  func rowGroups(seed: UInt64) throws {
    let batch = SampleBatch.make(seed: seed, rowCount: 2000)
    let file = ParquetFile.encode(
      batch, options: ParquetWriteOptions(rowGroupRows: 600, pageRows: 150))
    let source = Source(file)
    let reader = try ParquetReader(byteCount: file.count, read: source.read)
    #expect(try reader.metadata == ParquetFile.metadata(of: file))
    let parts = try reader.metadata.rowGroups.indices.map { try reader.decode(rowGroups: [$0]) }
    #expect(parts.map(\.rowCount) == [600, 600, 600, 200])
    #expect(firstDifference(Batch.concatenating(parts), batch) == nil)
    #expect(firstDifference(try reader.decode(), batch) == nil)
    let some = Array(600..<1200) + Array(1800..<2000)
    #expect(
      firstDifference(
        try ParquetFile.decode(file, rowGroups: [1, 3]), batch.taking(some)) == nil)
    #expect(try reader.decode(rowGroups: []).rowCount == 0)
  }

  @Test("reads the footer and the pages asked for, nothing else")
  func ranges() throws {
    let batch = SampleBatch.make(seed: 2, rowCount: 50_000)
    let file = ParquetFile.encode(batch, options: ParquetWriteOptions(rowGroupRows: 20_000))
    let source = Source(file)
    let reader = try ParquetReader(byteCount: file.count, read: source.read)
    let read = source.ranges.reduce(0) { $0 + $1.count }
    #expect(read <= 4 + 64 << 10)
    source.ranges = []
    _ = try reader.decode(columns: ["money", "uuid"], rowGroups: [1])
    let expected = reader.metadata.rowGroups[1].columns
    let names = reader.metadata.columns.map(\.name)
    let sizes = ["money", "uuid"].compactMap { names.firstIndex(of: $0) }.map {
      expected[$0].compressedSize
    }
    #expect(source.ranges.map(\.count) == sizes)
  }

  @Test("reads a footer that is larger than what is read of it at first")
  func largeFooter() throws {
    let batch = SampleBatch.make(seed: 4, rowCount: 100)
    let note = String(repeating: "note ", count: 40_000)
    let file = ParquetFile.encode(batch, options: ParquetWriteOptions(keyValues: [("note", note)]))
    let source = Source(file)
    let reader = try ParquetReader(byteCount: file.count, read: source.read)
    #expect(reader.metadata.keyValues.first?.value == note)
    #expect(firstDifference(try reader.decode(), batch) == nil)
  }

  @Test("passes on what the caller's reading throws")
  func callersError() throws {
    struct Unplugged: Error {}
    let file = ParquetFile.encode(SampleBatch.make(seed: 1, rowCount: 90_000))
    var isPlugged = true
    let reader = try ParquetReader(byteCount: file.count) { range in
      guard isPlugged else { throw Unplugged() }
      return Array(file[range])
    }
    isPlugged = false
    #expect(throws: Unplugged.self) { try reader.decode() }
  }

  @Test("finds a file cut off anywhere, by ranges as well")
  func truncated() {
    let file = ParquetFile.encode(SampleBatch.make(seed: 1, rowCount: 200))
    for length in stride(from: 0, to: file.count, by: 41) {
      #expect(throws: ParquetError.self) {
        try ParquetReader(byteCount: length) { Array(file[$0]) }.decode()
      }
    }
  }

  @Test("lists keep null, empty and long apart", arguments: [true, false])
  func lists(isNullable: Bool) throws {
    var builder = ColumnBuilder(Field("uuids", .uuidList, isNullable: isNullable))
    for row in 0..<3000 {
      if isNullable, row % 7 == 0 {
        builder.appendNull()
      } else {
        let count = row == 1500 ? 5000 : row % 5
        builder.append((0..<count).map { UUIDValue(high: UInt64(row % 40), low: UInt64($0)) })
      }
    }
    let batch = Batch([builder.finish()])
    let options = ParquetWriteOptions(rowGroupRows: 1100, pageRows: 256)
    let file = ParquetFile.encode(batch, options: options)
    #expect(firstDifference(try ParquetFile.decode(file), batch) == nil)
    let metadata = try ParquetFile.metadata(of: file)
    #expect(metadata.columns[0].field == batch.fields[0])
    #expect(metadata.rowGroups[0].columns[0].minimum == .uuid(UUIDValue(high: 1, low: 0)))
  }
}
