import AlmanacCore
import Columns

/// Finds keys that rows of several days have, and lists them on every day but one.
///
/// The row that was recorded first counts, of equal ones that of the earlier day (DECISIONS.md,
/// D-135). The filters of the parts tell where a key may be; only parts that one of them names are
/// opened, and only the columns of the key and the recorded clock are read of these. Memory holds
/// about ``maximumKeys`` keys, and more passes are made where there are more.
struct CrossDayKeys {
  let layout: PartLayout
  let reader: PartReader
  let writer: PartWriter
  /// Keys that are compared in one pass at the most.
  var maximumKeys = 4_000_000
  /// Threads that look through filters.
  var jobs = 1

  /// The parts with the lists of repeated keys brought up to date.
  ///
  /// - Parameters:
  ///   - parts: all parts of the dataset.
  ///   - fresh: the parts whose rows have not been compared with the others; `nil` for all.
  /// - Returns: the parts ordered by path, and the number of keys that all lists hold.
  /// - Throws: ``PipelineError/damagedPart(path:reason:)``; `FileError`.
  func finding(
    in parts: [Manifest.Part], fresh: [Manifest.Part]?
  ) throws -> (parts: [Manifest.Part], rows: Int) {
    let rows = parts.filter { $0.holdsRows && $0.date != nil }
    var lists = Dictionary(grouping: parts.filter { $0.kind == .repeats }, by: \.date)
    if fresh == nil { lists = [:] }
    if Set(rows.map(\.date)).count > 1 {
      let suspects = KeySuspects(
        parts: rows, key: layout.key, reader: reader, maximumKeys: maximumKeys, jobs: jobs)
      try suspects.forEachPass(fresh: fresh.map { Set($0.map(\.path)) }) { suspected in
        let open = suspected.parts.sorted()
        let candidates = try keys(of: open.map { rows[$0] }, with: suspected)
        if candidates.count > 0 { try settle(candidates, in: open.map { rows[$0] }, lists: &lists) }
      }
    }
    let all = parts.filter { $0.kind != .repeats } + lists.values.flatMap(\.self)
    return (
      all.sorted { $0.path < $1.path },
      lists.values.reduce(0) { $0 + $1.reduce(0) { $0 + $1.rows } }
    )
  }

  /// The keys of some parts that are suspected to be on several days.
  private func keys(
    of parts: [Manifest.Part], with suspected: KeySuspects.Suspected
  ) throws -> KeyTable {
    var keys = KeyTable()
    for part in parts {
      let batch = try reader.decode(part, columns: layout.key)
      let hashes = batch.keyHashes(of: layout.key)
      let values = batch.keyValues(of: layout.key)
      for row in values.indices where suspected.names(hashes[row]) { _ = keys.insert(values[row]) }
    }
    return keys
  }

  /// Where a candidate occurs.
  private struct Occurrence {
    var candidate: Int
    var recorded: Int64
    var day: String
    /// The part, and the row among those of it that are kept.
    var part: Int
    var row: Int
  }

  /// Decides on which day each candidate counts, and lists it on its other days.
  private func settle(
    _ candidates: KeyTable, in parts: [Manifest.Part], lists: inout [String?: [Manifest.Part]]
  ) throws {
    let (occurrences, rows) = try occurrences(of: candidates, in: parts)
    var losers: [String: [Occurrence]] = [:]
    for (_, places) in Dictionary(grouping: occurrences, by: \.candidate) {
      guard places.contains(where: { $0.day != places[0].day }) else { continue }
      guard
        let winner = places.min(by: { ($0.recorded, $0.day) < ($1.recorded, $1.day) })?.day
      else { continue }
      var listed: Set<String> = [winner]
      for place in places where listed.insert(place.day).inserted {
        losers[place.day, default: []].append(place)
      }
    }
    // A day that is listed for a candidate may have become the one that counts; it has a part that
    // holds the candidate.
    let days = Set(parts.compactMap(\.date))
    let changed = Set(losers.keys).union(lists.keys.compactMap(\.self).filter(days.contains))
    for day in changed.sorted() {
      let lost = losers[day, default: []].sorted { ($0.part, $0.row) < ($1.part, $1.row) }
      var batches = try (lists[day] ?? []).map { part -> Batch in
        let batch = try reader.decode(part, columns: layout.key)
        let keys = batch.keyValues(of: layout.key)
        return batch.taking(keys.indices.filter { candidates.index(of: keys[$0]) == nil })
      }
      let before = lists[day, default: []].reduce(0) { $0 + $1.rows }
      if lost.isEmpty, batches.reduce(0, { $0 + $1.rowCount }) == before { continue }
      for (part, places) in Dictionary(grouping: lost, by: \.part).sorted(by: { $0.key < $1.key }) {
        batches.append((rows[part] ?? Batch([])).taking(places.map(\.row)))
      }
      lists[day] = try write(Batch.joining(batches), day: day)
    }
  }

  private func write(_ keys: Batch, day: String) throws -> [Manifest.Part] {
    if keys.rowCount == 0 { return [] }
    let ordered = keys.settledOrder(by: layout.key).map { keys.taking($0) } ?? keys
    return [
      try writer.write(
        dataset: layout.dataset, date: CalendarDate(day), batch: ordered, kind: .repeats,
        key: layout.key)
    ]
  }

  /// The rows that have one of the keys, and the key columns of these by part.
  private func occurrences(
    of candidates: KeyTable, in parts: [Manifest.Part]
  ) throws -> ([Occurrence], rows: [Int: Batch]) {
    let recordedColumn = layout.recorded.flatMap { layout.key.contains($0) ? nil : $0 }
    var occurrences: [Occurrence] = []
    var kept: [Int: Batch] = [:]
    for (index, part) in parts.enumerated() {
      let keyBatch = try reader.decode(part, columns: layout.key)
      let keys = keyBatch.keyValues(of: layout.key)
      var hits: [(row: Int, candidate: Int)] = []
      for row in keys.indices {
        if let candidate = candidates.index(of: keys[row]) { hits.append((row, candidate)) }
      }
      if hits.isEmpty { continue }
      var clock: [Int64]?
      if let recorded = layout.recorded {
        let batch =
          recordedColumn == nil ? keyBatch : try reader.decode(part, columns: [recorded])
        if case .int64(let values)? = batch[recorded]?.storage { clock = values }
      }
      kept[index] = keyBatch.taking(hits.map(\.row))
      for (place, hit) in hits.enumerated() {
        occurrences.append(
          Occurrence(
            candidate: hit.candidate, recorded: clock?[hit.row] ?? 0, day: part.date ?? "",
            part: index, row: place))
      }
    }
    return (occurrences, kept)
  }
}
