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

  private static func text(_ value: ColumnValue, _ column: Column) -> String {
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

  /// What the peer script prints.
  func run(_ arguments: String...) throws -> [String: PeerTable] {
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
    return try JSONDecoder().decode([String: PeerTable].self, from: printed)
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
      var wanted = expected
      if engine == "polars" {
        // Polars knows neither UUID nor JSON: they are bytes there.
        for index in wanted.schema.indices {
          if wanted.schema[index][1] == "json" { wanted.schema[index][1] = "bytes" }
          if wanted.schema[index][1] == "uuid" {
            wanted.schema[index][1] = "bytes"
            wanted.columns[index] = wanted.columns[index].map {
              $0?.replacingOccurrences(of: "-", with: "")
            }
          }
        }
      }
      #expect(found.firstDifference(from: wanted) == nil, "\(engine)")
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
    for (engine, found) in try directory.run("read", path) where engine != "polars" {
      #expect(found.firstDifference(from: expected) == nil, "\(engine)")
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
