/// Where work on datasets reports how far it is; threads may share it.
package struct ProgressSink: Sendable {
  /// What was done since the last report about the same dataset.
  package struct Update: Equatable, Sendable {
    /// The dataset.
    package var dataset: String
    /// Rows more than before.
    package var rows: Int
    /// Bytes more than before.
    package var bytes: Int
    /// About how many rows the dataset has in all; `nil` where nobody knows, or where an earlier
    /// report said so.
    package var expectedRows: Int?

    /// An update of the given parts.
    package init(dataset: String, rows: Int, bytes: Int, expectedRows: Int? = nil) {
      self.dataset = dataset
      self.rows = rows
      self.bytes = bytes
      self.expectedRows = expectedRows
    }
  }

  private let body: @Sendable (Update) -> Void

  /// A sink that hands each update to `body`, on the thread that reports.
  package init(_ body: @escaping @Sendable (Update) -> Void) {
    self.body = body
  }

  /// Drops everything.
  package static let silent = ProgressSink { _ in }

  /// Reports rows and bytes that were added since the last report.
  ///
  /// A report of no rows at the start makes the dataset's expected rows known.
  package func report(dataset: String, rows: Int, bytes: Int, expectedRows: Int? = nil) {
    body(Update(dataset: dataset, rows: rows, bytes: bytes, expectedRows: expectedRows))
  }
}

/// How far work on several datasets is.
package struct ProgressTotals: Equatable, Sendable {
  /// Rows done.
  package private(set) var rows = 0
  /// Bytes done.
  package private(set) var bytes = 0
  private var expected: [String: Int?] = [:]
  private var done: [String: Int] = [:]

  /// Nothing done yet.
  package init() {}

  /// Adds an update.
  package mutating func add(_ update: ProgressSink.Update) {
    rows += update.rows
    bytes += update.bytes
    done[update.dataset, default: 0] += update.rows
    expected[update.dataset] = .some(update.expectedRows ?? (expected[update.dataset] ?? nil))
  }

  /// About how many rows there are in all; `nil` while that of one dataset is unknown.
  ///
  /// An estimate that is exceeded grows with what is done.
  package var expectedRows: Int? {
    var total = 0
    for (dataset, rows) in expected {
      guard let rows else { return nil }
      total += max(rows, done[dataset] ?? 0)
    }
    return total
  }

  /// The share that is done, from 0 to 1; `nil` where the total is unknown or nothing.
  package var share: Double? {
    expectedRows.flatMap { $0 > 0 ? Double(rows) / Double($0) : nil }
  }

  /// The seconds that are left after `elapsed` ones, if the rest goes as fast as what is done.
  package func secondsLeft(after elapsed: Double) -> Double? {
    guard let share, share > 0 else { return nil }
    return elapsed * (1 - share) / share
  }
}
