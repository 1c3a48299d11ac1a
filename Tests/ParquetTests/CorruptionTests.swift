import AlmanacCore
import Columns
import Parquet
import Testing

@Suite("Parquet corruption")
struct CorruptionTests {
  private static func file(seed: UInt64, compressionLevel: Int32? = 1) -> [UInt8] {
    ParquetFile.encode(
      SampleBatch.make(seed: seed, rowCount: 200),
      options: ParquetWriteOptions(
        rowGroupRows: 120, pageRows: 64, compressionLevel: compressionLevel,
        keyValues: [("key", "value")]))
  }

  @Test("finds every flipped bit of the pages", arguments: [Int32?.none, 1])
  func flippedBit(compressionLevel: Int32?) throws {
    var generator = SplitMix64(seed: 11)
    let file = CorruptionTests.file(seed: 6, compressionLevel: compressionLevel)
    let batch = try ParquetFile.decode(file)
    let footerSize = file[(file.count - 8)..<(file.count - 4)].reversed().reduce(0) {
      $0 << 8 | Int($1)
    }
    let pages = 4..<file.count - 8 - footerSize
    for _ in 0..<400 {
      var damaged = file
      let position = Int.random(in: pages, using: &generator)
      damaged[position] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      // A bit of a page header may mean nothing to the reader; then the values must be right.
      let result = Result { try ParquetFile.decode(damaged) }
      if case .success(let decoded) = result {
        #expect(firstDifference(decoded, batch) == nil, "byte \(position)")
      }
    }
  }

  @Test("names column, row group, page and byte of a damaged page")
  func location() throws {
    var builder = ColumnBuilder(Field("amount", .int64))
    for row in 0..<100 { builder.append(Int64(row * row * row)) }
    let options = ParquetWriteOptions(rowGroupRows: 50, pageRows: 25, compressionLevel: nil)
    var file = ParquetFile.encode(Batch([builder.finish()]), options: options)
    let footerSize = file[(file.count - 8)..<(file.count - 4)].reversed().reduce(0) {
      $0 << 8 | Int($1)
    }
    file[file.count - 8 - footerSize - 1] ^= 0x80
    let error = #expect(throws: ParquetError.self) { try ParquetFile.decode(file) }
    guard case .corrupt(let location, let reason) = error else {
      Issue.record("another error: \(String(describing: error))")
      return
    }
    #expect(location.column == "amount" && location.rowGroup == 1 && location.page == 1)
    #expect(reason.contains("checksum"))
    #expect(error?.exitStatus == .badData)
    #expect(error?.description.contains("column amount, row group 1, page 1, byte ") == true)
  }

  @Test("finds a file cut off anywhere")
  func truncated() {
    let file = CorruptionTests.file(seed: 1)
    for length in stride(from: 0, to: file.count, by: 37) {
      #expect(throws: ParquetError.self) { try ParquetFile.decode(Array(file[..<length])) }
    }
  }

  @Test("gives rows or an error for any damage, never a crash", arguments: UInt64(0)..<48)
  func mutations(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    // With neither compression nor checksums in the way, damage reaches the decoders themselves.
    let file = CorruptionTests.file(
      seed: seed % 8, compressionLevel: seed % 4 == 0 ? 1 : nil)
    let footerSize = file[(file.count - 8)..<(file.count - 4)].reversed().reduce(0) {
      $0 << 8 | Int($1)
    }
    for _ in 0..<60 {
      var damaged = file
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let inFooter = Bool.random(using: &generator)
        let range = inFooter ? file.count - 8 - footerSize..<file.count : 4..<file.count
        damaged[Int.random(in: range, using: &generator)] = UInt8.random(
          in: 0...255, using: &generator)
      }
      do throws(ParquetError) {
        let batch = try ParquetFile.decode(
          damaged, maximumBytes: 1 << 26, verifyingChecksums: false)
        #expect(batch.rowCount <= 1 << 26)
      } catch {
        #expect(error.exitStatus == .badData && !error.description.contains("\n"))
      }
    }
  }

  @Test("refuses row counts beyond the memory allowed")
  func hostileRowCount() {
    var builder = ColumnBuilder(Field("constant", .int64))
    for _ in 0..<100_000 { builder.append(1 as Int64) }
    let file = ParquetFile.encode(Batch([builder.finish()]))
    #expect(file.count < 1000)
    #expect(throws: ParquetError.tooLarge(maximumBytes: 100_000)) {
      try ParquetFile.decode(file, maximumBytes: 100_000)
    }
  }

  @Test("refuses pages that grow beyond the memory allowed when they are decompressed")
  func decompressionBomb() throws {
    let length = 32 << 20
    let text = TextStorage(bytes: [UInt8](repeating: 0x61, count: length), offsets: [0, length])
    let batch = Batch([Column(Field("text", .text), .text(text))])
    let file = ParquetFile.encode(batch)
    #expect(file.count < 20_000)
    #expect(throws: ParquetError.tooLarge(maximumBytes: 1 << 20)) {
      try ParquetFile.decode(file, maximumBytes: 1 << 20)
    }
    #expect(try ParquetFile.decode(file).rowCount == 1)
  }

  @Test("shows the name of a column on one line, whatever it is")
  func namesInErrors() {
    let name = "a\nb\u{7}\u{2028}c" + String(repeating: "x", count: 500)
    let errors: [ParquetError] = [
      .unsupported(column: name, feature: "this"), .unrepresentable(column: name, reason: "that"),
      .unwritable(column: name, reason: "that"), .missingColumn(name, available: [name, "é"]),
      .corrupt(ParquetLocation(column: name, offset: 0), reason: "that"),
    ]
    for error in errors {
      #expect(error.description.contains("a?b??cxxx"))
      #expect(!error.description.contains { $0.isNewline } && error.description.count < 500)
    }
  }

  @Test(
    "says what is not a Parquet file",
    arguments: ["", "PAR1", "hello, this is some text", "PAR1xxxxxxxxPARE"])
  func notParquet(text: String) {
    #expect(throws: ParquetError.self) { try ParquetFile.decode(Array(text.utf8)) }
  }
}
