import AlmanacCore
import Columns
import Files
import Foundation
import TestSupport
import Testing

@testable import Pipelines

@Suite("Day partitions")
struct RowPartitionerTests {
  private typealias Row = StateSample.Row

  private func rows(seed: UInt64, count: Int) -> [Row] {
    var random = SplitMix64(seed: seed)
    return (0..<count).map { _ in
      Row(
        // Keys repeat, and some rows agree in time and key.
        id: .random(in: 0...40, using: &random), day: .random(in: -2...2, using: &random),
        second: .random(in: 0...3, using: &random), recorded: .random(in: 0...2, using: &random),
        text: Bool.random(using: &random) ? "t\(Int.random(in: 0...5, using: &random))" : nil,
        amount: Int.random(in: 0...60, using: &random) == 0
          ? Int128(Int64.max) * 100 : Int128.random(in: -5...5, using: &random))
    }
  }

  /// Writes rows in batches of a size and returns the parts.
  private func write(
    _ rows: [Row], batchSize: Int, time: String? = "time", limit: Int = .max, into path: String
  ) throws -> [Manifest.Part] {
    var partitioner = RowPartitioner(
      layout: PartLayout(dataset: "d", time: time, key: ["id"]),
      writer: PartWriter(path: path), maximumWaitingRows: limit)
    for start in stride(from: 0, to: rows.count, by: batchSize) {
      let end = min(rows.count, start + batchSize)
      try partitioner.add(StateSample.batch(Array(rows[start..<end])))
    }
    return try partitioner.finish()
  }

  private func read(_ parts: [Manifest.Part], in path: String) throws -> [Batch] {
    var manifest = Manifest(directoryID: "x")
    manifest.datasets["d"] = StateSample.dataset(parts)
    return try PartReader(path: path, manifest: manifest).read(
      "d", columns: ["id", "time", "recorded", "text", "amount"])
  }

  private func sorted(_ rows: [[ColumnValue?]]) -> [[ColumnValue?]] {
    rows.sorted { left, right in
      for (left, right) in zip(left, right) where left != right {
        guard let left else { return false }
        guard let right else { return true }
        return left < right
      }
      return false
    }
  }

  @Test("hold every row once, on its own day and in order", arguments: UInt64(0)..<12)
  func everyRow(seed: UInt64) throws {
    let rows = rows(seed: seed, count: 150)
    try withTemporaryDirectory { folder in
      let path = folder.path(percentEncoded: false)
      let parts = try write(rows, batchSize: 40, limit: seed % 2 == 0 ? .max : 70, into: path)
      let batches = try read(parts, in: path)
      #expect(
        firstDifference(
          sorted(batches.flatMap(\.rowValues)), sorted(StateSample.batch(rows).rowValues)) == nil)
      #expect(parts.map(\.path) == parts.map(\.path).sorted())
      for (part, batch) in zip(parts, batches) {
        #expect(part.rows == batch.rowCount)
        #expect(try FileSystem.size(of: path + "/" + part.path) == part.bytes)
        #expect(part.path.hasPrefix("d/date=\(part.date ?? "none")/part-"))
        let times = batch["time"].map { column in (0..<batch.rowCount).map { column.value($0) } }
        for case .timestamp(let time)? in times ?? [] {
          #expect(time.dateUTC.description == part.date)
        }
        #expect(batch.order(by: ["time", "id"]) == Array(0..<batch.rowCount))
      }
    }
  }

  @Test("have the same bytes whatever the order of arrival", arguments: UInt64(0)..<12)
  func orderOfArrival(seed: UInt64) throws {
    let rows = rows(seed: seed, count: 150)
    var random = SplitMix64(seed: seed &+ 1_000)
    try withTemporaryDirectory { folder in
      let path = folder.path(percentEncoded: false)
      let first = try write(rows, batchSize: 40, into: path + "/first")
      let second = try write(
        rows.shuffled(using: &random), batchSize: .random(in: 1...200, using: &random),
        into: path + "/second")
      #expect(first == second)
    }
  }

  @Test("are written at the limit and not before")
  func limit() throws {
    let rows = rows(seed: 1, count: 100).map { row in
      var row = row
      row.day = 0
      return row
    }
    try withTemporaryDirectory { folder in
      let path = folder.path(percentEncoded: false)
      var partitioner = RowPartitioner(
        layout: PartLayout(dataset: "d", time: "time", key: ["id"]), writer: PartWriter(path: path),
        maximumWaitingRows: 60)
      try partitioner.add(StateSample.batch(Array(rows[..<59])))
      #expect(try !FileSystem.exists(path + "/d"))
      try partitioner.add(StateSample.batch([]))
      #expect(try !FileSystem.exists(path + "/d"))
      try partitioner.add(StateSample.batch(Array(rows[59..<61])))
      #expect(try FileSystem.list(path + "/d/date=1970-01-01").count == 1)
      try partitioner.add(StateSample.batch(Array(rows[61...])))
      #expect(try partitioner.finish().map(\.rows).sorted() == [39, 61])
    }
  }

  @Test("are one part without a day where a dataset has no time")
  func undated() throws {
    try withTemporaryDirectory { folder in
      let path = folder.path(percentEncoded: false)
      let parts = try write(rows(seed: 2, count: 50), batchSize: 20, time: nil, into: path)
      #expect(parts.map(\.rows) == [50])
      #expect(parts.map(\.date) == [nil])
      #expect(parts.first?.path.hasPrefix("d/part-") == true)
      #expect(try write([], batchSize: 1, into: path).isEmpty)
    }
  }

  @Test("are repaired where a file of the name holds other bytes")
  func repaired() throws {
    let rows = rows(seed: 3, count: 20)
    try withTemporaryDirectory { folder in
      let path = folder.path(percentEncoded: false)
      let parts = try write(rows, batchSize: 20, into: path)
      let file = try #require(parts.first).path
      try FileSystem.writeAtomically([1, 2, 3], to: path + "/" + file)
      #expect(try write(rows, batchSize: 20, into: path) == parts)
      #expect(try read(parts, in: path).count == parts.count)
    }
  }
}
