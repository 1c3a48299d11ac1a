import AlmanacCore
import Codecs
import Columns
import Files
import Parquet

/// Sorts rows into UTC days and writes each day's rows as a part.
///
/// Rows wait in memory until there are ``maximumWaitingRows``; then every day that has rows is
/// written, so memory is bounded whatever the order in which rows arrive. Rows of a part are
/// ordered by time and key, those that agree in both by everything else: the same rows give the
/// same bytes.
struct DayPartitioner {
  private let dataset: String
  private let time: String?
  private let order: [String]
  private let writer: PartWriter
  private let maximumRows: Int
  private var waiting: [Batch] = []
  private var waitingRows = 0
  private var parts: [Manifest.Part] = []

  /// Rows that wait in memory at the most.
  static let maximumWaitingRows = 1_000_000

  init(
    dataset: String, time: String?, order: [String], writer: PartWriter,
    maximumWaitingRows: Int = DayPartitioner.maximumWaitingRows
  ) {
    self.dataset = dataset
    self.time = time
    self.order = order
    self.writer = writer
    maximumRows = maximumWaitingRows
  }

  /// Takes the rows of a batch.
  mutating func add(_ batch: Batch) throws {
    if batch.rowCount == 0 { return }
    waiting.append(batch)
    waitingRows += batch.rowCount
    if waitingRows >= maximumRows { try flush() }
  }

  /// Writes what still waits and returns the parts of all rows, ordered by path.
  mutating func finish() throws -> [Manifest.Part] {
    try flush()
    return parts.sorted { $0.path < $1.path }
  }

  /// Orders what waits by time and key, and writes each run of rows of one day.
  private mutating func flush() throws {
    let rows = Batch.concatenating(waiting)
    waiting = []
    waitingRows = 0
    if rows.rowCount == 0 { return }
    let ordered = ordering(of: rows)
    guard let time, case .int64(let instants)? = rows[time]?.storage else {
      try write(rows, ordered[...], date: nil)
      return
    }
    var start = 0
    while start < ordered.count {
      let date = Timestamp(microseconds: instants[ordered[start]]).dateUTC
      let nextDay = date.adding(days: 1).startUTC.microseconds
      var end = start + 1
      while end < ordered.count, instants[ordered[end]] < nextDay { end += 1 }
      try write(rows, ordered[start..<end], date: date)
      start = end
    }
  }

  private mutating func write(
    _ rows: Batch, _ selected: ArraySlice<Int>, date: CalendarDate?
  ) throws {
    let batch = rows.taking(Array(selected)).compacted()
    parts.append(try writer.write(dataset: dataset, date: date, batch: batch))
  }

  /// The rows in order of time and key, and of everything else where a key is repeated.
  private func ordering(of rows: Batch) -> [Int] {
    let ordered = rows.order(by: order)
    // A producer may repeat a key; the order in which the rows of one arrive means nothing.
    let identity = order.compactMap { rows[$0] }
    let hasTies = (1..<max(1, ordered.count)).contains { position in
      identity.allSatisfy { $0.holdsEqualValues(ordered[position - 1], ordered[position]) }
    }
    guard hasTies else { return ordered }
    return rows.order(by: order + rows.fields.map(\.name).filter { !order.contains($0) })
  }
}

extension Column {
  /// Whether two rows hold the same value, or both none.
  fileprivate func holdsEqualValues(_ left: Int, _ right: Int) -> Bool {
    guard isNull(left) == isNull(right) else { return false }
    if isNull(left) { return true }
    switch storage {
    case .int64(let values): return values[left] == values[right]
    case .uuid(let values): return values.row(left) == values.row(right)
    default: return value(left) == value(right)
    }
  }
}

/// Writes parts into a data directory; threads may share it.
struct PartWriter: Sendable {
  let path: String

  /// Writes rows as one part and returns its entry; the manifest is left as it is.
  ///
  /// The name is made of the content, so a part that is there already, byte for byte, is not
  /// written again.
  func write(dataset: String, date: CalendarDate?, batch: Batch) throws -> Manifest.Part {
    let bytes = ParquetFile.encode(batch)
    let digest = SHA256.hexadecimalDigest(of: bytes)
    let folder = dataset + (date.map { "/date=\($0)" } ?? "")
    let name = "\(folder)/part-\(digest.prefix(16)).parquet"
    let target = path + "/" + name
    if try !FileSystem.exists(target) || FileSystem.read(target) != bytes {
      try FileSystem.createDirectoriesUnsynchronized(path + "/" + folder)
      try FileSystem.write(bytes, to: target)
    }
    var part = Manifest.Part(
      path: name, date: date?.description, rows: batch.rowCount, bytes: bytes.count, sha256: digest)
    if case .int64(let writers)? = batch[StoredColumn.xid]?.storage {
      part.maximumXID = writers.max()
    }
    return part
  }
}
