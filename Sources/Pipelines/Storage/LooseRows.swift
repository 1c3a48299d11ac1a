import AlmanacCore
import Columns

extension DatasetMerge {
  /// The parts with the rows of loose ones sorted into their days; without a loose part, the parts
  /// as they are.
  ///
  /// A range of days that holds more rows than may be in memory is cut into ranges of about equal
  /// numbers of rows, each written as loose parts of its own, until a range fits. So every row is
  /// read and written once for each factor of ``maximumRanges`` beyond what fits.
  func spread(_ parts: [Manifest.Part]) throws -> [Manifest.Part] {
    let loose = parts.filter { $0.kind == .loose }
    if loose.isEmpty { return parts.sorted { $0.path < $1.path } }
    let sorted = try spreadRange(loose, protecting: Set(loose.map(\.path)))
    return (parts.filter { $0.kind != .loose } + sorted).sorted { $0.path < $1.path }
  }

  /// Ranges that a range of days is cut into at once, each with rows that wait in memory.
  private static let maximumRanges = 32

  private func spreadRange(
    _ loose: [Manifest.Part], protecting listed: Set<String>
  ) throws -> [Manifest.Part] {
    let layout = PartLayout(definition)
    let starts =
      loose.reduce(0) { $0 + $1.rows } > maximumRows
      ? try rangeStarts(of: loose, layout: layout) : []
    if starts.count < 2 {
      var partitioner = RowPartitioner(
        layout: layout, writer: writer, maximumWaitingRows: maximumRows, jobs: jobs)
      try forEachBatch(of: loose) { try partitioner.add($0) }
      return try partitioner.finish()
    }
    var ranges = starts.map { _ in [Manifest.Part]() }
    var waiting = starts.map { _ in [Batch]() }
    var waitingRows = 0
    func flush() throws {
      let indices = waiting.indices.filter { !waiting[$0].isEmpty }
      let parts = try mapConcurrently(
        indices, jobs: jobs, context: {},
        work: { [writer, waiting] _, index in
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
    try forEachBatch(of: loose) { batch in
      for (range, rows) in batch.rows(by: starts, of: layout.time ?? "") {
        waiting[range].append(batch.taking(rows))
      }
      waitingRows += batch.rowCount
      if waitingRows >= maximumRows { try flush() }
    }
    try flush()
    var spread: [Manifest.Part] = []
    for range in ranges {
      spread += try spreadRange(range, protecting: listed)
      // These were written on the way and are in nobody's list.
      for part in range where !listed.contains(part.path) { try writer.remove(part) }
    }
    return spread
  }

  /// Calls `body` with the rows of each part, in order; as many as there are threads are read ahead.
  private func forEachBatch(
    of parts: [Manifest.Part], _ body: (Batch) throws -> Void
  ) throws {
    for start in stride(from: 0, to: parts.count, by: max(1, jobs)) {
      let group = Array(parts[start..<min(parts.count, start + max(1, jobs))])
      let batches = try mapConcurrently(
        group, jobs: jobs, context: {},
        work: { [reader] _, part in try reader.storedRows(of: part) })
      for batch in batches { try body(batch) }
    }
  }

  /// The first days of ranges with about equal numbers of rows; one range if all are of one day.
  private func rangeStarts(
    of parts: [Manifest.Part], layout: PartLayout
  ) throws -> [CalendarDate] {
    guard let time = layout.time else { return [] }
    var counts: [CalendarDate: Int] = [:]
    for part in parts {
      let batch = try reader.decode(part, columns: [time])
      guard case .int64(let instants)? = batch[time]?.storage else { continue }
      for instant in instants {
        counts[Timestamp(microseconds: instant).dateUTC, default: 0] += 1
      }
    }
    let total = counts.values.reduce(0, +)
    let target = max(maximumRows / 2, total / DatasetMerge.maximumRanges)
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
