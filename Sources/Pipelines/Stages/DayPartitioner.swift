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
  private var waiting: [CalendarDate?: [Batch]] = [:]
  private var waitingRows = 0
  private var parts: [Manifest.Part] = []

  /// Rows that wait in memory at the most.
  static let maximumWaitingRows = 2_000_000

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
    if let time, let column = batch[time], case .int64(let instants) = column.storage {
      var rowsOfDay: [CalendarDate: [Int]] = [:]
      for (row, instant) in instants.enumerated() {
        rowsOfDay[Timestamp(microseconds: instant).dateUTC, default: []].append(row)
      }
      for (day, rows) in rowsOfDay {
        waiting[day, default: []].append(
          rows.count == batch.rowCount ? batch : batch.taking(rows))
      }
    } else {
      waiting[CalendarDate?.none, default: []].append(batch)
    }
    waitingRows += batch.rowCount
    if waitingRows >= maximumRows { try flush() }
  }

  /// Writes what still waits and returns the parts of all rows, ordered by path.
  mutating func finish() throws -> [Manifest.Part] {
    try flush()
    return parts.sorted { $0.path < $1.path }
  }

  private mutating func flush() throws {
    for (day, batches) in waiting {
      let sorted = ordered(Batch.concatenating(batches)).compacted()
      parts.append(try writer.write(dataset: dataset, date: day, batch: sorted))
    }
    waiting = [:]
    waitingRows = 0
  }

  private func ordered(_ rows: Batch) -> Batch {
    let sorted = rows.taking(rows.order(by: order))
    // A producer may repeat a key; the order in which the rows of one arrive means nothing.
    let identity = order.compactMap { sorted[$0] }
    let hasTies = (1..<max(1, sorted.rowCount)).contains { row in
      identity.allSatisfy { $0.holdsEqualValues(row - 1, row) }
    }
    guard hasTies else { return sorted }
    let others = rows.fields.map(\.name).filter { !order.contains($0) }
    return rows.taking(rows.order(by: order + others))
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
    return Manifest.Part(
      path: name, date: date?.description, rows: batch.rowCount, bytes: bytes.count, sha256: digest)
  }
}
