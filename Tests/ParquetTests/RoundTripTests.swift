import AlmanacCore
import Columns
import Parquet
import Testing

@Suite("Parquet round trip")
struct RoundTripTests {
  @Test("reads back every type with nulls and extremes", arguments: UInt64(0)..<48)
  func anyBatch(seed: UInt64) throws {
    let rowCount = [0, 1, 7, 8, 33, 1000, 5000][Int(seed % 7)]
    let batch = SampleBatch.make(seed: seed, rowCount: rowCount)
    let options = ParquetWriteOptions(
      rowGroupRows: [1 << 20, 700, 1001][Int(seed % 3)],
      pageRows: [1 << 17, 128, 77][Int(seed / 3 % 3)],
      compressionLevel: seed % 5 == 0 ? nil : 1)
    let file = ParquetFile.encode(batch, options: options)
    #expect(firstDifference(try ParquetFile.decode(file), batch) == nil)
  }

  @Test("reads back text and identifiers that are stored plainly", arguments: UInt64(0)..<8)
  func plainStorage(seed: UInt64) throws {
    var generator = SplitMix64(seed: seed)
    var text = TextStorage()
    var uuids: [UUIDValue] = []
    var validity = ValidityBitmap(repeating: true, count: 3000)
    for row in 0..<3000 {
      let isNull = seed % 2 == 1 && generator.next() % 4 == 0
      if isNull { validity[row] = false }
      if !isNull { text.bytes += Array("row \(generator.next() % 1000)".utf8) }
      text.offsets.append(text.bytes.count)
      uuids.append(isNull ? .zero : UUIDValue(high: generator.next(), low: 1))
    }
    let batch = Batch([
      Column(Field("text", .text, isNullable: true), .text(text), validity: validity),
      Column(
        Field("uuid", .uuid, isNullable: true), .uuid(UUIDStorage(values: uuids)),
        validity: validity),
    ])
    let file = ParquetFile.encode(
      batch, options: ParquetWriteOptions(rowGroupRows: 1100, pageRows: 256))
    let decoded = try ParquetFile.decode(file)
    #expect(firstDifference(decoded, batch) == nil)
  }

  @Test("keeps dictionary coding across row groups")
  func keepsCoding() throws {
    let batch = SampleBatch.make(seed: 5, rowCount: 0)
    var text = ColumnBuilder(Field("event", .text))
    var company = ColumnBuilder(Field("company", .uuid))
    for row in 0..<5000 {
      text.append("event \((row / 1000 + row) % 12)")
      company.append(UUIDValue(high: UInt64((row / 700 + row) % 40), low: 0))
    }
    let coded = Batch([text.finish(), company.finish()])
    let decoded = try ParquetFile.decode(
      ParquetFile.encode(coded, options: ParquetWriteOptions(rowGroupRows: 600)))
    #expect(firstDifference(decoded, coded) == nil)
    guard case .text(let texts) = decoded.columns[0].storage,
      case .uuid(let companies) = decoded.columns[1].storage
    else {
      Issue.record("unexpected storage")
      return
    }
    #expect(texts.codes != nil && texts.entryCount == 12)
    #expect(companies.codes != nil && companies.values.count == 40)
    #expect(batch.rowCount == 0)
  }

  @Test("widens decimals that need more than 18 digits and narrows those that do not")
  func decimals() throws {
    let limit: Int64 = 1_000_000_000_000_000_000
    for (value, size) in [(limit - 1, 8), (limit, 16), (-limit, 16)] {
      var builder = ColumnBuilder(Field("amount", .money))
      builder.append(value)
      let batch = Batch([builder.finish()])
      let file = ParquetFile.encode(batch)
      #expect(try ParquetFile.decode(file) == batch)
      let bound = try ParquetFile.metadata(of: file).rowGroups[0].columns[0].minimum
      #expect(bound == .integer(Int128(value)), "\(size) bytes")
    }
  }

  @Test("gives equal bytes for equal batches", arguments: UInt64(0)..<4)
  func deterministic(seed: UInt64) {
    let first = ParquetFile.encode(SampleBatch.make(seed: seed, rowCount: 2000))
    let second = ParquetFile.encode(SampleBatch.make(seed: seed, rowCount: 2000))
    #expect(first == second)
  }

  @Test("reads only the columns asked for, in their order")
  func projection() throws {
    let batch = SampleBatch.make(seed: 3, rowCount: 500)
    let file = ParquetFile.encode(batch)
    let names = ["timestamp", "bool", "uuid"]
    let expected = try #require(batch.selecting(names))
    #expect(firstDifference(try ParquetFile.decode(file, columns: names), expected) == nil)
    #expect(throws: ParquetError.missingColumn("timestmp", available: batch.fields.map(\.name))) {
      try ParquetFile.decode(file, columns: ["timestmp"])
    }
    #expect(try ParquetFile.decode(file, columns: []).columns.isEmpty)
  }

  @Test("describes rows, schema, bounds and notes without reading pages")
  func metadata() throws {
    var amount = ColumnBuilder(Field("amount", .money, isNullable: true))
    var name = ColumnBuilder(Field("name", .text))
    var score = ColumnBuilder(Field("score", .float64))
    for row in 0..<10 {
      if row % 3 == 0 { amount.appendNull() } else { amount.append(Int64(row * 100)) }
      name.append("name \(9 - row)")
      score.append(row == 9 ? Double.nan : Double(row))
    }
    let batch = Batch([amount.finish(), name.finish(), score.finish()])
    let options = ParquetWriteOptions(
      rowGroupRows: 5, keyValues: [("cut", "17"), ("source", "é")], createdBy: "almanac")
    let metadata = try ParquetFile.metadata(of: ParquetFile.encode(batch, options: options))
    #expect(metadata.rowCount == 10)
    #expect(metadata.columns.map(\.field) == batch.fields)
    #expect(metadata.rowGroups.map(\.rowCount) == [5, 5])
    #expect(metadata.createdBy == "almanac")
    #expect(metadata.keyValues.map(\.value) == ["17", "é"])
    let first = metadata.rowGroups[0].columns
    #expect(first[0].nullCount == 2)
    #expect(first[0].minimum == .integer(100) && first[0].maximum == .integer(400))
    #expect(first[1].minimum == .text("name 5") && first[1].maximum == .text("name 9"))
    #expect(first[2].minimum == .float(0) && first[2].maximum == .float(4))
    #expect(metadata.rowGroups[1].columns[2].minimum == nil, "a NaN leaves no bounds")
  }

  @Test("bounds are the least and greatest value of each row group", arguments: UInt64(0)..<12)
  func bounds(seed: UInt64) throws {
    let batch = SampleBatch.make(seed: seed, rowCount: 900)
    let file = ParquetFile.encode(batch, options: ParquetWriteOptions(rowGroupRows: 300))
    let metadata = try ParquetFile.metadata(of: file)
    for (number, group) in metadata.rowGroups.enumerated() {
      for (column, chunk) in zip(batch.columns, group.columns)
      where column.field.type != .uuidList {
        let values = (number * 300..<number * 300 + 300).compactMap { column.value($0) }
        #expect(chunk.nullCount == 300 - values.count)
        if let minimum = chunk.minimum {
          #expect(!values.contains { $0 < minimum } && values.contains(minimum))
        }
        if let maximum = chunk.maximum {
          #expect(!values.contains { maximum < $0 } && values.contains(maximum))
        }
      }
    }
  }
}
