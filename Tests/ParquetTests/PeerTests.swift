import AlmanacCore
import Columns
import Foundation
import Parquet
import Testing

/// Columns as the peer script prints them; see `Tests/Peers/parquet_peer.py`.
private struct PeerTable: Codable, Equatable {
  /// Name and type of each column.
  var schema: [[String]]
  /// The values of each column as text.
  var columns: [[String?]]

  init(_ batch: Batch) {
    schema = batch.columns.map { [$0.field.name, PeerTable.name(of: $0)] }
    columns = batch.columns.map { column in
      (0..<batch.rowCount).map { row in column.value(row).map { PeerTable.text($0, column) } }
    }
  }

  private static func name(of column: Column) -> String {
    switch column.field.type {
    case .decimal(let scale):
      if case .int64(let values) = column.storage,
        values.allSatisfy({ $0.magnitude < 1_000_000_000_000_000_000 })
      {
        return "decimal(18,\(scale))"
      }
      return "decimal(38,\(scale))"
    case let type: return "\(type)"
    }
  }

  static func text(_ value: ColumnValue, _ column: Column) -> String {
    switch value {
    case .bool(let value): return value ? "true" : "false"
    case .integer(let value): return "\(value)"
    case .float(let value):
      if column.field.type == .float32 { return hexadecimal(Float(value).bitPattern, digits: 8) }
      return hexadecimal(value.bitPattern, digits: 16)
    case .bytes(let value): return value.map { hexadecimal($0, digits: 2) }.joined()
    case .uuid(let value): return value.description
    case .uuids(let values): return values.map(\.description).joined(separator: ",")
    case .date(let value): return "\(value.daysSinceEpoch)"
    case .timestamp(let value): return "\(value.microseconds)"
    }
  }

  private static func hexadecimal(_ value: some BinaryInteger, digits: Int) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: digits - text.count) + text
  }

  /// The table as an engine describes it: Polars knows neither UUID nor JSON, they are bytes there.
  func seen(by engine: String) -> PeerTable {
    guard engine == "polars" else { return self }
    var seen = self
    for index in schema.indices {
      if schema[index][1] == "json" { seen.schema[index][1] = "bytes" }
      if schema[index][1] == "uuid" {
        seen.schema[index][1] = "bytes"
        seen.columns[index] = columns[index].map { $0?.replacingOccurrences(of: "-", with: "") }
      }
    }
    return seen
  }

  /// The first column in which two tables differ, with the first differing row.
  func firstDifference(from other: PeerTable) -> String? {
    if schema != other.schema { return "schema \(schema) and \(other.schema)" }
    for (index, pair) in zip(columns, other.columns).enumerated() where pair.0 != pair.1 {
      let row = zip(pair.0, pair.1).enumerated().first { $1.0 != $1.1 }
      return
        "\(schema[index]): \(pair.0.count) and \(pair.1.count) rows, \(String(describing: row))"
    }
    return nil
  }
}

/// The Python with pyarrow, DuckDB and Polars, `nil` if the environment names none.
private let peerPython = ProcessInfo.processInfo.environment["ALMANAC_TEST_PEERS"]

/// A directory for files to exchange, removed when the value goes.
private final class ExchangeDirectory {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent(
      "almanac-parquet-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(at: url)
  }

  /// The tables that the peer script prints.
  func run(_ arguments: String...) throws -> [String: PeerTable] {
    try output(arguments)
  }

  /// What the peer script prints.
  func output<Value: Decodable>(_ arguments: [String]) throws -> Value {
    let script = URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Peers/parquet_peer.py")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try #require(peerPython))
    process.arguments = [script.path] + arguments
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let printed = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "the peer script failed")
    return try JSONDecoder().decode(Value.self, from: printed)
  }
}

@Suite("Parquet peers")
struct PeerTests {
  @Test("knows where the peers are")
  func environment() {
    #expect(
      peerPython.map { FileManager.default.isExecutableFile(atPath: $0) } == true,
      "ALMANAC_TEST_PEERS names no Python with pyarrow and DuckDB: run make setup, then make test")
  }

  @Test(
    "writes files that pyarrow, DuckDB and Polars read equal", .enabled(if: peerPython != nil),
    arguments: UInt64(0)..<6)
  func peersRead(seed: UInt64) throws {
    let directory = try ExchangeDirectory()
    let batch = SampleBatch.make(seed: seed, rowCount: [0, 900, 3000][Int(seed % 3)])
    let options = ParquetWriteOptions(
      rowGroupRows: [1 << 20, 1000][Int(seed % 2)], pageRows: 333,
      compressionLevel: seed == 4 ? nil : 1)
    let path = directory.url.appendingPathComponent("almanac.parquet").path
    try Data(ParquetFile.encode(batch, options: options)).write(to: URL(fileURLWithPath: path))
    let expected = PeerTable(batch)
    for (engine, found) in try directory.run("read", path) {
      #expect(found.firstDifference(from: expected.seen(by: engine)) == nil, "\(engine)")
    }
  }

  @Test("reads what pyarrow, DuckDB and Polars write", .enabled(if: peerPython != nil))
  func readsPeers() throws {
    let directory = try ExchangeDirectory()
    let files = try directory.run("write", directory.url.path)
    #expect(files.count > 20)
    for (name, wanted) in files {
      let file = try [UInt8](
        Data(contentsOf: directory.url.appendingPathComponent("\(name).parquet")))
      do {
        var found = PeerTable(try ParquetFile.decode(file))
        // What a peer declares as the precision of a decimal has no counterpart in a batch.
        for index in found.schema.indices where found.schema[index][1].hasPrefix("decimal") {
          found.schema[index][1] = wanted.schema[index][1]
        }
        #expect(found.firstDifference(from: wanted) == nil, "\(name)")
      } catch {
        Issue.record(error, "\(name)")
      }
    }
    try refusesUnsupported(directory)
    try survivesDamage(directory, names: files.keys.sorted())
  }

  /// Damage in files with encodings that are read but not written here.
  private func survivesDamage(_ directory: ExchangeDirectory, names: [String]) throws {
    for (number, name) in names.enumerated() {
      var generator = SplitMix64(seed: UInt64(number))
      let file = try [UInt8](
        Data(contentsOf: directory.url.appendingPathComponent("\(name).parquet")))
      for _ in 0..<10 {
        var damaged = file
        for _ in 0..<8 {
          damaged[Int.random(in: 4..<file.count, using: &generator)] = UInt8.random(
            in: 0...255, using: &generator)
        }
        do throws(ParquetError) {
          let batch = try ParquetFile.decode(
            damaged, maximumBytes: 1 << 26, verifyingChecksums: false)
          #expect(batch.rowCount <= 1 << 26, "\(name)")
        } catch {
          #expect(!error.description.contains("\n"), "\(name)")
        }
      }
    }
  }

  @Test("lists with a null in them are refused", .enabled(if: peerPython != nil))
  func listWithNull() throws {
    let directory = try ExchangeDirectory()
    _ = try directory.run("write", directory.url.path)
    let file = try [UInt8](
      Data(contentsOf: directory.url.appendingPathComponent("holes.parquet")))
    #expect(
      throws: ParquetError.unrepresentable(column: "uuids", reason: "a list has a null in it")
    ) { try ParquetFile.decode(file) }
  }

  @Test(
    "writes edge cases that pyarrow, DuckDB and Polars read equal", .enabled(if: peerPython != nil),
    arguments: ["one row", "nulls only", "nulls, then values", "late entries"])
  func edges(name: String) throws {
    let directory = try ExchangeDirectory()
    let sample = SampleBatch.make(seed: 17, rowCount: 1500)
    let columns = sample.columns.map { column in
      var field = column.field
      field.isNullable = true
      var builder = ColumnBuilder(field)
      for row in 0..<(name == "one row" ? 1 : 1500) {
        switch name {
        case "one row": builder.append(column.value(row))
        case "nulls only": builder.appendNull()
        case "nulls, then values": builder.append(row < 700 ? nil : column.value(row))
        default: builder.append(column.value(row < 1000 ? row % 5 : row))
        }
      }
      return builder.finish()
    }
    let batch = Batch(columns)
    let path = directory.url.appendingPathComponent("almanac.parquet").path
    let options = ParquetWriteOptions(rowGroupRows: 1200, pageRows: 300)
    let file = ParquetFile.encode(batch, options: options)
    try Data(file).write(to: URL(fileURLWithPath: path))
    #expect(firstDifference(try ParquetFile.decode(file), batch) == nil)
    let expected = PeerTable(batch)
    for (engine, found) in try directory.run("read", path) {
      #expect(found.firstDifference(from: expected.seen(by: engine)) == nil, "\(engine)")
    }
  }

  /// How pyarrow finds a column of a row group stored.
  private struct StoredColumn: Decodable {
    let name: String
    let physical: String
    let logical: String
    let compression: String
    let encodings: [String]
    let least: String?
    let greatest: String?
    let nulls: Int?
  }

  /// Values of every type: of five, in a mixed order; each once, ascending; each once, at random.
  enum Spread: String, CaseIterable, CustomTestStringConvertible {
    case few = "five values"
    case ascending = "ascending values"
    case random = "random values"

    var testDescription: String { rawValue }
  }

  private static let storedTypes: [(type: ColumnType, physical: String, logical: String)] = [
    (.bool, "BOOLEAN", "None"), (.int16, "INT32", "Int(bitWidth=16, isSigned=true)"),
    (.int32, "INT32", "None"), (.int64, "INT64", "None"), (.float32, "FLOAT", "None"),
    (.float64, "DOUBLE", "None"), (.money, "INT64", "Decimal(precision=18, scale=4)"),
    (.decimal(scale: 20), "FIXED_LEN_BYTE_ARRAY", "Decimal(precision=38, scale=20)"),
    (.text, "BYTE_ARRAY", "String"), (.json, "BYTE_ARRAY", "JSON"),
    (.bytes, "BYTE_ARRAY", "None"), (.uuid, "FIXED_LEN_BYTE_ARRAY", "UUID"),
    (.date, "INT32", "Date"),
    (
      .timestamp, "INT64",
      "Timestamp(isAdjustedToUTC=true, timeUnit=microseconds, is_from_converted_type=false, "
        + "force_set_converted_type=false)"
    ),
  ]

  /// A value of a type that stands at a place in the type's order.
  private static func value(_ type: ColumnType, _ place: Int) -> ColumnValue {
    switch type {
    case .bool: .bool(place % 2 == 1)
    case .int16, .int32, .int64, .decimal: .integer(Int128(place) - 9_000)
    case .float32, .float64: .float(Double(place - 9_000) / 8)
    case .text: .text("value " + String(100_000 + place))
    case .json: .text("{\"n\": \(100_000 + place)}")
    case .bytes: .bytes([0xFF, UInt8(place >> 8), UInt8(place & 255)])
    case .uuid:
      // The first byte's highest bit is set: bounds compare bytes without a sign.
      .uuid(UUIDValue(high: 0x7FFF_FFFF_FFFF_C000 + UInt64(place), low: UInt64(place) &* 0x9E37))
    case .uuidList: .uuids([])
    case .date: .date(CalendarDate(daysSinceEpoch: Int32(place) - 9_000))
    case .timestamp: .timestamp(Timestamp(microseconds: Int64(place - 9_000) * 1_000_003))
    }
  }

  @Test(
    "stores each type as pyarrow and DuckDB expect it, with its true bounds and in what pays",
    .enabled(if: peerPython != nil), arguments: Spread.allCases)
  func stored(spread: Spread) throws {
    var random = SplitMix64(seed: 11)
    let places =
      switch spread {
      case .few: (0..<3_000).map { _ in 7 + 3_001 * Int(random.next() % 5) }
      case .ascending: (0..<3_000).map { 5 * $0 + 3 }
      case .random: Array(0..<18_000).shuffled(using: &random).prefix(3_000).map { $0 }
      }
    let columns = Self.storedTypes.enumerated().map { index, stored in
      var builder = ColumnBuilder(Field("c\(index)", stored.type, isNullable: true))
      for (row, place) in places.enumerated() {
        builder.append(row % 50 == 49 ? nil : Self.value(stored.type, place))
      }
      return builder.finish()
    }
    let directory = try ExchangeDirectory()
    let path = directory.url.appendingPathComponent("almanac.parquet").path
    try Data(ParquetFile.encode(Batch(columns))).write(to: URL(fileURLWithPath: path))
    let found: [StoredColumn] = try directory.output(["describe", path])
    try #require(found.count == columns.count)
    let present = places.enumerated().filter { $0.offset % 50 != 49 }.map(\.element)
    for (index, column) in found.enumerated() {
      let (type, physical, logical) = Self.storedTypes[index]
      #expect(column.physical == physical, "\(type)")
      #expect(column.logical == logical, "\(type)")
      #expect(column.nulls == 60, "\(type)")
      let ends = [present.min() ?? 0, present.max() ?? 0].map { place in
        PeerTable.text(
          type == .bool ? .bool(place == present.max()) : Self.value(type, place), columns[index])
      }
      #expect([column.least, column.greatest] == ends, "\(type)")
      #expect(["ZSTD", "UNCOMPRESSED"].contains(column.compression), "\(type)")
      let pays = expectedEncoding(type, spread)
      #expect(
        pays.contains { column.encodings.contains($0) },
        "\(type): \(column.encodings), where \(pays) pays")
    }
  }

  /// The encodings of which one pays for values of a type.
  private func expectedEncoding(_ type: ColumnType, _ spread: Spread) -> [String] {
    switch (type, spread) {
    case (.bool, _): ["PLAIN", "RLE"]
    case (_, .few): ["RLE_DICTIONARY"]
    case (.int16, .ascending), (.int32, .ascending), (.int64, .ascending), (.money, .ascending),
      (.date, .ascending), (.timestamp, .ascending):
      ["DELTA_BINARY_PACKED"]
    default: ["PLAIN", "DELTA_BINARY_PACKED", "RLE_DICTIONARY"]
    }
  }

  private func refusesUnsupported(_ directory: ExchangeDirectory) throws {
    let cases = [
      ("gzip", "number", "gzip compression"), ("brotli", "number", "Brotli compression"),
      ("lz4", "number", "LZ4 compression"),
      ("nested", "list", "lists of other values than identifiers"),
      ("split", "text", "the encoding BYTE_STREAM_SPLIT for byte strings"),
      ("int96", "time", "the physical type INT96"),
    ]
    for (name, column, feature) in cases {
      let file = try [UInt8](
        Data(contentsOf: directory.url.appendingPathComponent("\(name).parquet")))
      #expect(throws: ParquetError.unsupported(column: column, feature: feature)) {
        try ParquetFile.decode(file)
      }
      if name == "nested" {
        #expect(try ParquetFile.decode(file, columns: ["number"]).rowCount == 2)
        #expect(try ParquetFile.metadata(of: file).columns[1].obstacle != nil)
      }
    }
  }
}
