import AlmanacCore
import Columns
import Documents
import Foundation
import TestSupport

@testable import Pipelines

/// A data directory and rows for the tests of merging, in the columns of a small dataset.
struct StoreSample {
  let path: String
  let definition: DatasetDefinition

  /// A row of the dataset `d`; days are counted from 1970-01-01.
  struct Row: Hashable, Comparable {
    var id: UInt64
    var day = 0
    var second = 0
    var recorded: Int64 = 0
    var text: String?
    var writer: Int64 = 0
    var seen: Int64 = 0

    static func < (left: Row, right: Row) -> Bool {
      (left.id, left.day, left.second, left.recorded, left.text ?? "~", left.seen)
        < (right.id, right.day, right.second, right.recorded, right.text ?? "~", right.seen)
    }
  }

  /// The definition of `d`: identified by a uuid and, where `isWide`, by a text as well.
  static func definition(
    mode: String, isDated: Bool = true, isWide: Bool = false, more: String = ""
  ) throws -> DatasetDefinition {
    let text = """
      dataset: d
      from: app.d
      \(isDated ? "time: at" : "tenant: id")
      recorded: recorded
      key: \(isWide ? "[id, name]" : "id")
      mode: \(mode)
      columns:
        name: text
        text: text?
      \(more)
      """
    return try DatasetDefinition(
      node: try Document.parse(Array(text.utf8), file: "datasets/d.yaml"))
  }

  /// A directory at a path, for a dataset.
  init(_ path: String, _ definition: DatasetDefinition) {
    self.path = path
    self.definition = definition
  }

  /// A reader that makes indexes also of small parts.
  var reader: PartReader { reader(of: Manifest(directoryID: "x")) }
  /// A writer that gives small parts an index too.
  var writer: PartWriter {
    var writer = PartWriter(path: path)
    writer.minimumIndexedBytes = 0
    return writer
  }

  private func reader(of manifest: Manifest) -> PartReader {
    var reader = PartReader(path: path, manifest: manifest, makesIndexes: true)
    reader.minimumIndexedBytes = 0
    return reader
  }

  /// A merge that holds few rows in memory at once.
  func merge(maximumRows: Int = 1_000_000) -> DatasetMerge {
    var merge = DatasetMerge(definition: definition, reader: reader, writer: writer)
    merge.maximumRows = maximumRows
    return merge
  }

  /// The rows as a batch in the columns that parts store.
  func batch(_ rows: [Row]) -> Batch {
    var columns: [Column] = []
    for field in definition.storedFields {
      var builder = ColumnBuilder(field)
      for row in rows {
        switch field.name {
        case "id": builder.append(UUIDValue(high: row.id &* 0x9E37_79B9_7F4A_7C15, low: row.id))
        case "at":
          builder.append(
            Timestamp(
              microseconds: Int64(row.day) * Timestamp.microsecondsPerDay + Int64(row.second)))
        case "recorded": builder.append(Timestamp(microseconds: row.recorded))
        case "name": builder.append("n\(row.id % 3)")
        case "text": builder.append(row.text.map { .text($0) })
        case StoredColumn.xid: builder.append(row.writer)
        case StoredColumn.seen: builder.append(Timestamp(microseconds: row.seen))
        default: builder.appendNull()
        }
      }
      columns.append(builder.finish())
    }
    return Batch(columns, rowCount: rows.count)
  }

  /// Writes rows as parts by day.
  func parts(_ rows: [Row], batchSize: Int = 100, isLoose: Bool = false) throws -> [Manifest.Part] {
    var partitioner = RowPartitioner(
      layout: PartLayout(definition), writer: writer, keepsSmallDaysLoose: isLoose)
    for start in stride(from: 0, to: rows.count, by: batchSize) {
      try partitioner.add(batch(Array(rows[start..<min(rows.count, start + batchSize)])))
    }
    return try partitioner.finish()
  }

  /// The rows of batches.
  static func rows(_ batches: [Batch]) -> [Row] {
    batches.flatMap { batch in
      (0..<batch.rowCount).map { index in
        var row = Row(id: 0)
        if case .uuid(let id)? = batch["id"]?.value(index) { row.id = id.low }
        if case .timestamp(let at)? = batch["at"]?.value(index) {
          row.day = Int(at.dateUTC.daysSinceEpoch)
          row.second = Int(at.microseconds - at.dateUTC.startUTC.microseconds)
        }
        if case .timestamp(let at)? = batch["recorded"]?.value(index) {
          row.recorded = at.microseconds
        }
        if case .bytes(let text)? = batch["text"]?.value(index) {
          row.text = String(decoding: text, as: UTF8.self)
        }
        if case .integer(let writer)? = batch[StoredColumn.xid]?.value(index) {
          row.writer = Int64(writer)
        }
        if case .timestamp(let at)? = batch[StoredColumn.seen]?.value(index) {
          row.seen = at.microseconds
        }
        return row
      }
    }
  }

  /// All rows that the parts store, sorted.
  func stored(_ parts: [Manifest.Part]) throws -> [Row] {
    StoreSample.rows(
      try parts.filter(\.holdsSourceRows).map { try reader.storedRows(of: $0) }
    ).sorted()
  }

  /// The dataset as the manifest has it with some parts.
  func dataset(
    _ parts: [Manifest.Part], takenAt: String = "1970-01-05T00:00:00.000000Z",
    definition digest: String? = nil
  ) -> Manifest.Dataset {
    var dataset = Manifest.Dataset(
      watermark: Watermark(
        snapshot: "10:20:", takenAt: takenAt, systemIdentifier: "7", databaseOID: "5",
        tableOID: "16400"),
      definitionDigest: digest ?? definition.digest, parts: parts)
    dataset.layout = definition.layout
    return dataset
  }

  /// A reader of a manifest that lists the parts.
  func reader(_ parts: [Manifest.Part], floor: String? = nil) -> PartReader {
    var manifest = Manifest(directoryID: "x")
    manifest.datasets["d"] = dataset(parts)
    manifest.datasets["d"]?.floor = floor
    return reader(of: manifest)
  }

  /// The rows that a reader of the parts sees, sorted.
  func visible(_ parts: [Manifest.Part]) throws -> [Row] {
    StoreSample.rows(
      try reader(parts).read("d", columns: definition.storedFields.map(\.name))
    ).sorted()
  }

  /// Runs `body` with a sample in a folder of its own.
  static func with(
    _ definition: DatasetDefinition, _ body: (StoreSample) throws -> Void
  ) throws {
    try withTemporaryDirectory { folder in
      try body(StoreSample(folder.path(percentEncoded: false), definition))
    }
  }

  /// Random rows; keys below `keys`, days below `days`.
  static func rows(
    _ count: Int, keys: Int, days: Int, using random: inout SplitMix64
  ) -> [Row] {
    (0..<count).map { _ in
      Row(
        id: UInt64(Int.random(in: 0..<keys, using: &random)),
        day: .random(in: 0..<days, using: &random), second: .random(in: 0..<50, using: &random),
        recorded: .random(in: 0..<20, using: &random),
        text: Bool.random(using: &random) ? "t\(Int.random(in: 0...5, using: &random))" : nil,
        writer: .random(in: 3..<40, using: &random))
    }
  }
}
