package import AlmanacCore

/// What the manifest says of one dataset, without its parts being read.
package struct DatasetSummary: Equatable, Sendable {
  /// The dataset's name.
  package var name: String
  /// The number of rows.
  package var rows: Int
  /// The size of all parts.
  package var bytes: Int
  /// The number of parts.
  package var parts: Int
  /// The first and last UTC day with a part, `nil` for a dataset without a time.
  package var days: ClosedRange<CalendarDate>?
  /// The number of days between the first and the last without a part; a quiet day is one of them.
  package var missingDays: Int
  /// When the cut was taken by the source's clock, ISO 8601.
  package var takenAt: String
  /// The transaction from which on the next increment reads, `nil` where all rows are read.
  package var horizon: Int64?

  /// The summary of a dataset of a manifest.
  package init(name: String, _ dataset: Manifest.Dataset) {
    let present = Set(dataset.parts.compactMap { $0.date.flatMap { CalendarDate($0) } })
    self.name = name
    rows = dataset.rows
    bytes = dataset.bytes
    parts = dataset.parts.count
    takenAt = dataset.watermark.takenAt
    horizon = dataset.watermark.horizon
    if let first = present.min(), let last = present.max() {
      days = first...last
      missingDays = first.distance(to: last) + 1 - present.count
    } else {
      missingDays = 0
    }
  }
}

/// How far the first reading of a large table has come.
package struct LoadSummary: Equatable, Sendable {
  /// The dataset's name.
  package var name: String
  /// The rows that are stored already.
  package var rows: Int
  /// The chunks of the table that are done.
  package var done: Int
  /// All chunks.
  package var chunks: Int

  /// The summary of a load of a manifest.
  package init(name: String, _ load: Manifest.Load) {
    self.name = name
    rows = load.chunks.reduce(0) { $0 + ($1.rows ?? 0) }
    done = load.chunks.count { $0.rows != nil }
    chunks = load.chunks.count
  }
}
