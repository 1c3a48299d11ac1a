import AlmanacCore
import Codecs
package import Columns

/// Leaves out rows that repeat the key of another row of the same UTC day, keeping the one
/// recorded first.
///
/// A producer may send an event twice; its identity is unique by intent only (DECISIONS.md, D-012).
///
/// - Parameters:
///   - batches: rows of one or more days; every batch has the named columns.
///   - key: the identity.
///   - recorded: the column that says when a row was recorded; without it the first row is kept.
///   - time: the column that says when the event happened.
/// - Returns: the remaining rows in their order, and how many were left out.
package func dropRepeated(
  _ batches: [Batch], key: [String], recorded: String?, time: String
) -> (batches: [Batch], dropped: Int) {
  let (left, dropped) = repeatedRows(batches, key: key, recorded: recorded, time: time)
  if dropped == 0 { return (batches, 0) }
  return (zip(batches, left).map { $0.leavingOut($1) }, dropped)
}

/// The rows of each batch that ``dropRepeated(_:key:recorded:time:)`` leaves out, ascending, and how
/// many they are.
func repeatedRows(
  _ batches: [Batch], key: [String], recorded: String?, time: String
) -> (left: [[Int]], count: Int) {
  struct Place {
    var batch: Int
    var row: Int
    var recorded: Int64
  }
  var keys = KeyTable(minimumCapacity: batches.reduce(0) { $0 + $1.rowCount })
  var kept: [Place] = []
  var left = [[Int]](repeating: [], count: batches.count)
  var dropped = 0
  for (index, batch) in batches.enumerated() {
    guard key.allSatisfy({ batch[$0] != nil }), case .int64(let times)? = batch[time]?.storage
    else { continue }
    var recordedTimes: [Int64]?
    if let recorded, case .int64(let values)? = batch[recorded]?.storage { recordedTimes = values }
    let values = batch.keyValues(of: key)
    for row in values.indices {
      let place = Place(batch: index, row: row, recorded: recordedTimes?[row] ?? 0)
      let day = Timestamp(microseconds: times[row]).dateUTC.daysSinceEpoch
      let (known, isNew) = keys.insert(values[row], tag: Int64(day))
      if isNew {
        kept.append(place)
        continue
      }
      dropped += 1
      let earlier = kept[known]
      let loser = place.recorded < earlier.recorded ? earlier : place
      if place.recorded < earlier.recorded { kept[known] = place }
      left[loser.batch].append(loser.row)
    }
  }
  return (left.map { $0.sorted() }, dropped)
}

extension Batch {
  /// The batch without some rows, which are given ascending.
  fileprivate func leavingOut(_ gone: [Int]) -> Batch {
    if gone.isEmpty { return self }
    var kept: [Int] = []
    kept.reserveCapacity(rowCount - gone.count)
    var next = 0
    for row in 0..<rowCount {
      if next < gone.count, gone[next] == row { next += 1 } else { kept.append(row) }
    }
    return taking(kept)
  }
}

extension PartReader {
  /// Some columns of the rows of some UTC days, each key once a day, and how many rows were left out.
  ///
  /// As ``dropRepeated(_:key:recorded:time:)`` of what ``read(_:days:columns:)`` gives, which reads the
  /// key only where nobody has looked for repeated rows on these days yet.
  ///
  /// - Throws: ``PipelineError/damagedPart(path:reason:)``.
  func readDeduplicated(
    _ dataset: DatasetDefinition, days: ClosedRange<CalendarDate>, columns: [String]
  ) throws -> (batches: [Batch], dropped: Int) {
    let time = dataset.timeColumn ?? ""
    let all = Set(
      columns + dataset.key + [dataset.timeColumn, dataset.recordedColumn].compactMap(\.self)
    ).sorted()
    func once(_ batches: [Batch]) -> (left: [[Int]], count: Int) {
      Pipelines.repeatedRows(
        batches, key: dataset.key, recorded: dataset.recordedColumn, time: time)
    }
    func chosen(_ batches: [Batch], _ left: [[Int]]) -> (batches: [Batch], dropped: Int) {
      (
        zip(batches, left).map { ($0.selecting(columns) ?? $0).leavingOut($1) },
        left.reduce(0) { $0 + $1.count }
      )
    }
    guard let memo = repeatedRows, let parts = parts(of: dataset, on: days) else {
      let batches = try read(dataset.name, days: days, columns: all)
      return chosen(batches, once(batches).left)
    }
    memo.load(dataset.name, in: path)
    let marks = Dictionary(grouping: parts) { $0.part.date ?? "" }.mapValues { parts in
      mark(parts, of: dataset)
    }
    let known = marks.compactMapValues { memo.rows(of: $0, in: dataset.name) }
    if known.count == marks.count {
      var next: [String: Int] = [:]
      var left: [[Int]] = []
      let batches = try parts.map { entry, part in
        let date = part.date ?? ""
        left.append(known[date]?[next[date, default: 0]] ?? [])
        next[date, default: 0] += 1
        return try rows(of: part, in: entry, columns: columns)
      }
      return chosen(batches, left)
    }
    let batches = try parts.map { try rows(of: $0.part, in: $0.entry, columns: all) }
    let left = once(batches).left
    var byDay: [String: [[Int]]] = [:]
    for (index, rows) in left.enumerated() {
      byDay[parts[index].part.date ?? "", default: []].append(rows)
    }
    for (date, rows) in byDay {
      if let mark = marks[date] { memo.keep(rows, of: mark, in: dataset.name) }
    }
    return chosen(batches, left)
  }

  /// The parts with rows of some days, in the order in which they are read; `nil` where reading is more
  /// than that: a look back, versions, or rows without a day.
  func parts(
    of dataset: DatasetDefinition, on days: ClosedRange<CalendarDate>
  ) -> [(entry: Manifest.Dataset, part: Manifest.Part)]? {
    guard known == nil, dataset.mode != .changes else { return nil }
    var found: [(entry: Manifest.Dataset, part: Manifest.Part)] = []
    for entry in manifest.entries(of: dataset.name) {
      if entry.layout?.mode == DatasetDefinition.Mode.changes.rawValue { return nil }
      for part in rowParts(of: entry, days: days) {
        if part.date == nil { return nil }
        found.append((entry, part))
      }
    }
    return found
  }

  /// What tells a day with its parts, and how its rows are told apart, from others: a digest.
  func mark(
    _ parts: [(entry: Manifest.Dataset, part: Manifest.Part)], of dataset: DatasetDefinition
  ) -> RepeatedRowsMemo.Mark {
    mark(
      parts.map { ($0.part, repeats(of: $0.part, in: $0.entry)) }, of: dataset)
  }

  private func mark(
    _ parts: [(part: Manifest.Part, repeats: [Manifest.Part])], of dataset: DatasetDefinition
  ) -> RepeatedRowsMemo.Mark {
    var lines = ["repeats 1"] + dataset.key
    lines += [dataset.timeColumn ?? "", dataset.recordedColumn ?? ""]
    for (part, repeats) in parts {
      lines += ["\(part.path) \(part.sha256)"]
      lines += repeats.map { "without \($0.path) \($0.sha256)" }
    }
    return SHA256.digest(of: lines.joined(separator: "\n"))
  }

  /// Keeps what was found out of a dataset's repeated rows for the next run, with the directory's lock.
  ///
  /// It only saves time, so a disk that does not take it is no reason to stop.
  func keepRepeatedRows(of dataset: DatasetDefinition) {
    guard let memo = repeatedRows, makesIndexes, memo.hasNews(of: dataset.name) else { return }
    var days: [String: [(part: Manifest.Part, repeats: [Manifest.Part])]] = [:]
    for entry in manifest.entries(of: dataset.name) {
      let repeats = Dictionary(grouping: entry.parts.filter { $0.kind == .repeats }) {
        $0.date ?? ""
      }
      for part in rowParts(of: entry, days: nil) {
        guard let date = part.date else { continue }
        days[date, default: []].append((part, repeats[date] ?? []))
      }
    }
    memo.write(dataset.name, in: path, keeping: Set(days.values.map { mark($0, of: dataset) }))
  }
}
