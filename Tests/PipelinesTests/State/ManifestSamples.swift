import AlmanacCore
import Codecs
import Columns

@testable import Pipelines

/// Manifests and rows for the tests of the data directory.
enum StateSample {
  /// A manifest of two datasets, one of them without a time.
  static func manifest(directory: String = "11111111-0000-4000-8000-000000000001") -> Manifest {
    var manifest = Manifest(directoryID: directory)
    manifest.datasets["events"] = dataset([
      part("events", date: "2026-01-01", rows: 2, digest: "a"),
      part("events", date: "2026-01-02", rows: 3, digest: "b"),
      part("events", date: "2026-01-02", rows: 5, digest: "c"),
    ])
    manifest.datasets["companies"] = dataset([
      part("companies", date: nil, rows: 7, digest: "d")
    ])
    return manifest
  }

  static func dataset(_ parts: [Manifest.Part], definition: String = "def") -> Manifest.Dataset {
    Manifest.Dataset(
      watermark: Watermark(
        snapshot: "10:20:", takenAt: "2026-01-03T00:00:00.000000Z", systemIdentifier: "7",
        databaseOID: "5", tableOID: "16400"),
      definitionDigest: definition, parts: parts)
  }

  static func part(
    _ dataset: String, date: String?, rows: Int, digest: String
  ) -> Manifest.Part {
    Manifest.Part(
      path: "\(dataset)/part-\(digest).parquet", date: date, rows: rows, bytes: rows * 10,
      sha256: digest)
  }

  /// Rows with an identity, the two clocks, a text and an amount; days are counted from 1970.
  struct Row: Hashable {
    var id: UInt64
    var day: Int
    var second: Int
    var recorded: Int64
    var text: String?
    var amount: Int128?
  }

  /// The rows as a batch.
  static func batch(_ rows: [Row]) -> Batch {
    var id = ColumnBuilder(Field("id", .uuid))
    var time = ColumnBuilder(Field("time", .timestamp))
    var recorded = ColumnBuilder(Field("recorded", .timestamp))
    var text = ColumnBuilder(Field("text", .text, isNullable: true))
    var amount = ColumnBuilder(Field("amount", .money, isNullable: true))
    for row in rows {
      id.append(UUIDValue(high: 0, low: row.id))
      time.append(
        Timestamp(
          microseconds: Int64(row.day) * Timestamp.microsecondsPerDay + Int64(row.second)
            * 1_000_000))
      recorded.append(Timestamp(microseconds: row.recorded))
      text.append(row.text.map { .text($0) })
      amount.append(row.amount.map { .integer($0) })
    }
    return Batch([id.finish(), time.finish(), recorded.finish(), text.finish(), amount.finish()])
  }
}
