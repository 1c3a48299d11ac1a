import AlmanacCore
import Columns

/// Sorts rows into UTC days and writes each day's rows as a part.
///
/// Rows wait in memory until there are ``maximumWaitingRows`` of them, or
/// ``maximumWaitingBytes``; then every day that has rows is written, so memory is bounded whatever
/// the order in which rows arrive. Rows of a part are ordered by time and key, those that agree in
/// both by everything else: the same rows give the same bytes.
struct RowPartitioner {
  private let layout: PartLayout
  private let writer: PartWriter
  private let maximumRows: Int
  private let keepsSmallDaysLoose: Bool
  private let kind: Manifest.Part.Kind
  private let date: CalendarDate?
  private let jobs: Int
  private var waiting: [Batch] = []
  private var waitingRows = 0
  private var waitingBytes = 0
  private var parts: [Manifest.Part] = []

  /// Rows that wait in memory at the most.
  static let maximumWaitingRows = 1_000_000
  /// Bytes that wait in memory at the most, besides the batch that exceeds them.
  static let maximumWaitingBytes = 128 << 20
  /// A day with less than one in so many of the rows that are written together is small.
  static let smallDayShare = 32

  /// A partitioner that has no rows.
  ///
  /// - Parameters:
  ///   - layout: the dataset's columns that matter.
  ///   - writer: the way to the data directory.
  ///   - maximumWaitingRows: how many rows may wait.
  ///   - keepsSmallDaysLoose: whether the rows of days that have few go into one loose part
  ///     together. Pieces of a table in no order of time would give many tiny files otherwise.
  ///   - kind: what the rows are.
  ///   - date: the day of rows whose layout has no time.
  ///   - jobs: threads that encode and write parts.
  init(
    layout: PartLayout, writer: PartWriter,
    maximumWaitingRows: Int = RowPartitioner.maximumWaitingRows, keepsSmallDaysLoose: Bool = false,
    kind: Manifest.Part.Kind = .rows, date: CalendarDate? = nil, jobs: Int = 1
  ) {
    self.layout = layout
    self.writer = writer
    maximumRows = maximumWaitingRows
    self.keepsSmallDaysLoose = keepsSmallDaysLoose
    self.kind = kind
    self.date = date
    self.jobs = jobs
  }

  /// Takes the rows of a batch.
  ///
  /// - Throws: `FileError` where a part cannot be written.
  mutating func add(_ batch: Batch) throws {
    if batch.rowCount == 0 { return }
    waiting.append(batch)
    waitingRows += batch.rowCount
    waitingBytes += batch.storedBytes
    if waitingRows >= maximumRows || waitingBytes >= RowPartitioner.maximumWaitingBytes {
      try flush()
    }
  }

  /// Writes what still waits and returns the parts of all rows, ordered by path.
  mutating func finish() throws -> [Manifest.Part] {
    try flush()
    return parts.sorted { $0.path < $1.path }
  }

  /// Orders what waits by time and key, and writes each run of rows of one day.
  private mutating func flush() throws {
    let rows = Batch.joining(waiting)
    waiting = []
    waitingRows = 0
    waitingBytes = 0
    if rows.rowCount == 0 { return }
    let order = rows.settledOrder(by: layout.order)
    guard let time = layout.time, case .int64(let instants)? = rows[time]?.storage else {
      parts.append(try written(rows.taking(0..<rows.rowCount, of: order), date, kind))
      return
    }
    let days = RowPartitioner.days(instants, in: order)
    let limit = keepsSmallDaysLoose ? rows.rowCount : 0
    func isSmall(_ places: Range<Int>) -> Bool {
      places.count * RowPartitioner.smallDayShare < limit
    }
    parts += try mapConcurrently(
      days.filter { !isSmall($0.places) }, jobs: jobs, context: {},
      work: { [self] _, day in try written(rows.taking(day.places, of: order), day.date, kind) })
    let small = days.map(\.places).filter(isSmall)
    if small.isEmpty { return }
    let places = small.flatMap { places in places.map { order?[$0] ?? $0 } }
    parts.append(try written(rows.taking(places), nil, .loose))
  }

  private func written(
    _ batch: Batch, _ date: CalendarDate?, _ kind: Manifest.Part.Kind
  ) throws -> Manifest.Part {
    try writer.write(
      dataset: layout.dataset, date: date, batch: batch, kind: kind, key: layout.key)
  }

  /// The UTC days of instants that are ascending in an order, with the places in it.
  private static func days(
    _ instants: [Int64], in order: [Int]?
  ) -> [(date: CalendarDate, places: Range<Int>)] {
    var days: [(date: CalendarDate, places: Range<Int>)] = []
    var start = 0
    while start < instants.count {
      let date = Timestamp(microseconds: instants[order?[start] ?? start]).dateUTC
      let nextDay = date.adding(days: 1).startUTC.microseconds
      // The first place from `start` on that is of a later day.
      var (low, high) = (start + 1, instants.count)
      while low < high {
        let middle = (low + high) / 2
        if instants[order?[middle] ?? middle] < nextDay { low = middle + 1 } else { high = middle }
      }
      days.append((date, start..<low))
      start = low
    }
    return days
  }
}

extension Batch {
  /// The rows at some places of an order, or at these places themselves where there is none.
  fileprivate func taking(_ places: Range<Int>, of order: [Int]?) -> Batch {
    if let order { return taking(Array(order[places])) }
    return places.count == rowCount ? self : taking(Array(places))
  }

  /// The memory that the values take, roughly.
  var storedBytes: Int { columns.reduce(0) { $0 + $1.storage.storedBytes } }

  /// The rows of several batches of the same columns, one batch after the other.
  ///
  /// A column of which one batch allows nulls allows them in the result: values that were malformed
  /// in the source are null even where the dataset's file says that none is missing.
  static func joining(_ batches: [Batch]) -> Batch {
    guard let first = batches.first else { return Batch([]) }
    if batches.allSatisfy({ $0.fields == first.fields }) { return concatenating(batches) }
    let fields = first.fields.map { field in
      Field(
        field.name, field.type,
        isNullable: batches.contains { $0[field.name]?.field.isNullable ?? true })
    }
    return concatenating(
      batches.map { batch in
        Batch(
          fields.map { field in
            guard let column = batch[field.name] else {
              preconditionFailure("a batch without column \(field.name)")
            }
            return Column(field, column.storage, validity: column.validity)
          }, rowCount: batch.rowCount)
      })
  }
}

extension ColumnStorage {
  fileprivate var storedBytes: Int {
    switch self {
    case .bool(let values): values.count
    case .int32(let values): 4 * values.count
    case .int64(let values): 8 * values.count
    case .int128(let values): 16 * values.count
    case .float32(let values): 4 * values.count
    case .float64(let values): 8 * values.count
    case .text(let values):
      values.bytes.count + 8 * values.offsets.count + 4 * (values.codes?.count ?? 0)
    case .uuid(let values): 16 * values.values.count + 4 * (values.codes?.count ?? 0)
    case .uuidList(let lists):
      16 * lists.elements.values.count + 4 * (lists.elements.codes?.count ?? 0)
        + 8 * lists.offsets.count
    }
  }
}
