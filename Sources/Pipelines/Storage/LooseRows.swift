import AlmanacCore
import Columns

extension DatasetMerge {
  /// The parts with the rows of loose ones sorted into their days; without a loose part, the parts
  /// as they are.
  func spread(_ parts: [Manifest.Part]) throws -> [Manifest.Part] {
    let loose = parts.filter { $0.kind == .loose }
    if loose.isEmpty { return parts.sorted { $0.path < $1.path } }
    let rows = LooseRows(
      layout: PartLayout(definition), reader: reader, writer: writer, maximumRows: maximumRows,
      listed: Set(loose.map(\.path)))
    let sorted = try rows.spread(loose, jobs: max(1, jobs))
    return (parts.filter { $0.kind != .loose } + sorted).sorted { $0.path < $1.path }
  }
}

/// Sorts the rows of loose parts into their days.
///
/// A range of days that holds more rows than may be in memory is cut into ranges of about equal
/// numbers of rows, each written as loose parts of its own, until a range fits. So every row is
/// read and written once for each factor of ``maximumRanges`` beyond what fits.
private struct LooseRows: Sendable {
  let layout: PartLayout
  let reader: PartReader
  let writer: PartWriter
  /// Rows that are held in memory at once, roughly.
  let maximumRows: Int
  /// The paths of the parts that a manifest may list, which stay.
  let listed: Set<String>

  /// Ranges that a range of days is cut into at once, each with rows that wait in memory.
  private static let maximumRanges = 32

  /// The parts of days that hold the rows of some loose parts.
  func spread(_ loose: [Manifest.Part], jobs: Int) throws -> [Manifest.Part] {
    let starts =
      loose.reduce(0) { $0 + $1.rows } > maximumRows ? try rangeStarts(of: loose, jobs: jobs) : []
    if starts.count < 2 {
      var partitioner = RowPartitioner(
        layout: layout, writer: writer, maximumWaitingRows: maximumRows, jobs: jobs)
      try forEach(of: loose, jobs: jobs, { $0 }, { try partitioner.add($0) })
      return try partitioner.finish()
    }
    let ranges = try cut(loose, at: starts, jobs: jobs)
    // As many at once as memory holds.
    let largest = ranges.map { $0.reduce(0) { $0 + $1.rows } }.max() ?? 0
    let atOnce = max(1, min(jobs, maximumRows / max(1, largest)))
    return try mapConcurrently(
      ranges, jobs: atOnce, context: {},
      work: { _, range in
        let spread = try self.spread(range, jobs: max(1, jobs / atOnce))
        // These were written on the way and are in nobody's list.
        for part in range where !listed.contains(part.path) { try writer.remove(part) }
        return spread
      }
    ).flatMap(\.self)
  }

  /// Writes the rows of parts as loose parts of the ranges of days that begin with `starts`.
  private func cut(
    _ loose: [Manifest.Part], at starts: [CalendarDate], jobs: Int
  ) throws -> [[Manifest.Part]] {
    var ranges = starts.map { _ in [Manifest.Part]() }
    var waiting = starts.map { _ in [Batch]() }
    var waitingRows = 0
    func flush() throws {
      let indices = waiting.indices.filter { !waiting[$0].isEmpty }
      let parts = try mapConcurrently(
        indices, jobs: jobs, context: {},
        work: { [waiting] _, index in
          try writer.write(
            dataset: layout.dataset, date: nil, batch: Batch.joining(waiting[index]), kind: .loose,
            key: layout.key)
        })
      for (index, part) in zip(indices, parts) {
        ranges[index].append(part)
        waiting[index] = []
      }
      waitingRows = 0
    }
    let time = layout.time ?? ""
    try forEach(
      of: loose, jobs: jobs,
      { batch in batch.rows(by: starts, of: time).map { ($0, batch.taking($1)) } },
      { pieces in
        for (range, rows) in pieces {
          waiting[range].append(rows)
          waitingRows += rows.rowCount
        }
        if waitingRows >= maximumRows { try flush() }
      })
    try flush()
    return ranges
  }

  /// Calls `body` with what `made` makes of the rows of each part, in order; as many parts as there
  /// are threads are read ahead.
  private func forEach<Made: Sendable>(
    of parts: [Manifest.Part], jobs: Int, _ made: @escaping @Sendable (Batch) -> Made,
    _ body: (Made) throws -> Void
  ) throws {
    for start in stride(from: 0, to: parts.count, by: jobs) {
      let group = Array(parts[start..<min(parts.count, start + jobs)])
      let batches = try mapConcurrently(
        group, jobs: jobs, context: {},
        work: { [reader] _, part in made(try reader.storedRows(of: part)) })
      for batch in batches { try body(batch) }
    }
  }

  /// The first days of ranges with about equal numbers of rows; one range if all are of one day.
  private func rangeStarts(of parts: [Manifest.Part], jobs: Int) throws -> [CalendarDate] {
    guard let time = layout.time else { return [] }
    let days = try mapConcurrently(
      parts, jobs: jobs, context: {},
      work: { [reader] _, part -> [CalendarDate: Int] in
        guard
          case .int64(let instants)? = try reader.decode(part, columns: [time])[time]?.storage
        else { return [:] }
        return LooseRows.rowsByDay(instants)
      })
    let counts = days.reduce(into: [CalendarDate: Int]()) { $0.merge($1, uniquingKeysWith: +) }
    let total = counts.values.reduce(0, +)
    let target = max(maximumRows / 2, total / LooseRows.maximumRanges)
    var starts: [CalendarDate] = []
    var rows = Int.max / 2
    for (day, count) in counts.sorted(by: { $0.key < $1.key }) {
      if rows + count > target {
        starts.append(day)
        rows = 0
      }
      rows += count
    }
    return starts
  }

  /// How many instants lie on each day; neighbours are mostly of one day.
  private static func rowsByDay(_ instants: [Int64]) -> [CalendarDate: Int] {
    var counts: [CalendarDate: Int] = [:]
    var start = 0
    while start < instants.count {
      let day = Timestamp(microseconds: instants[start]).dateUTC
      let first = day.startUTC.microseconds
      let next = day.adding(days: 1).startUTC.microseconds
      var end = start + 1
      while end < instants.count, instants[end] >= first, instants[end] < next { end += 1 }
      counts[day, default: 0] += end - start
      start = end
    }
    return counts
  }
}

extension Batch {
  /// The rows by the range that their instant lies in; ranges without a row are left out.
  fileprivate func rows(by starts: [CalendarDate], of time: String) -> [(Int, [Int])] {
    guard case .int64(let instants)? = self[time]?.storage else { return [] }
    let limits = starts.dropFirst().map { $0.startUTC.microseconds }
    var rows = starts.map { _ in [Int]() }
    var range = 0
    for row in instants.indices {
      let instant = instants[row]
      // Loose rows are in order of time, so the range is most often that of the row before.
      while range > 0, instant < limits[range - 1] { range -= 1 }
      while range < limits.count, instant >= limits[range] { range += 1 }
      rows[range].append(row)
    }
    return rows.enumerated().filter { !$0.element.isEmpty }.map { ($0.offset, $0.element) }
  }
}
