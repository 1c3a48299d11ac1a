import AlmanacCore
import Columns

/// Finds keys that rows of several days have, and lists them on every day but one.
///
/// The row that was recorded first counts, of equal ones that of the earlier day (DECISIONS.md,
/// D-135). Only the columns of the key and the recorded clock are read, part by part; memory holds
/// at most ``maximumKeys`` keys, and more passes are made where there are more.
struct CrossDayKeys {
  let layout: PartLayout
  let reader: PartReader
  let writer: PartWriter
  /// Keys that are compared in one pass at the most.
  var maximumKeys = 4_000_000

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
    let asked = (fresh ?? rows).filter { $0.holdsRows && $0.date != nil }
    let total = asked.reduce(0) { $0 + $1.rows }
    if total > 0, Set(rows.map(\.date)).count > 1 {
      // As many slices as it takes for the keys of one to fit.
      let slices = max(1, (total + sliceRows(of: fresh) - 1) / sliceRows(of: fresh))
      for slice in 0..<slices {
        let chosen = KeySlice(index: slice, count: slices)
        let candidates =
          fresh == nil
          ? try suspects(among: rows, in: chosen) : try keys(of: asked, in: chosen)
        if candidates.count > 0 { try settle(candidates, in: rows, lists: &lists) }
      }
    }
    let all = parts.filter { $0.kind != .repeats } + lists.values.flatMap(\.self)
    return (
      all.sorted { $0.path < $1.path },
      lists.values.reduce(0) { $0 + $1.reduce(0) { $0 + $1.rows } }
    )
  }

  /// Rows of a slice: all keys of new rows are kept, of all rows only those that a filter with a
  /// byte for each suspects.
  private func sliceRows(of fresh: [Manifest.Part]?) -> Int {
    fresh == nil ? 32 * maximumKeys : maximumKeys
  }

  private func keys(of parts: [Manifest.Part], in slice: KeySlice) throws -> KeyTable {
    var keys = KeyTable()
    try forEachKey(of: parts, in: slice) { key, _ in _ = keys.insert(key) }
    return keys
  }

  /// The keys that may be on several days: those of which a filter that knew the keys of earlier
  /// days said that it knows them, rightly or not.
  private func suspects(among parts: [Manifest.Part], in slice: KeySlice) throws -> KeyTable {
    let rows = parts.reduce(0) { $0 + $1.rows } / slice.count
    var filter = KeyFilter(capacity: rows)
    var suspects = KeyTable()
    for (_, day) in Dictionary(grouping: parts, by: \.date).sorted(by: {
      $0.key ?? "" < $1.key ?? ""
    }) {
      var met: [KeyValue] = []
      try forEachKey(of: day, in: slice) { key, _ in
        if filter.contains(key) { _ = suspects.insert(key) }
        met.append(key)
      }
      for key in met { filter.insert(key) }
    }
    return suspects
  }

  private func forEachKey(
    of parts: [Manifest.Part], in slice: KeySlice, _ body: (KeyValue, Int) -> Void
  ) throws {
    for part in parts {
      let keys = try reader.decode(part, columns: layout.key).keyValues(of: layout.key)
      for row in keys.indices where slice.contains(keys[row]) { body(keys[row], row) }
    }
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
    // A day that is listed for a candidate may have become the one that counts.
    let changed = Set(losers.keys).union(lists.keys.compactMap(\.self))
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
        dataset: layout.dataset, date: CalendarDate(day), batch: ordered, kind: .repeats)
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

/// One of several slices of all keys.
private struct KeySlice {
  var index: Int
  var count: Int

  func contains(_ key: KeyValue) -> Bool {
    count == 1 || Int(UInt(bitPattern: KeyTable.hash(key, 1)) % UInt(count)) == index
  }
}

/// A Bloom filter of keys with eight bits for each and two hashes.
///
/// - SeeAlso: B. H. Bloom, Space/time trade-offs in hash coding with allowable errors, CACM 13(7),
///   1970. A full filter says wrongly that it knows a key one time in twenty.
struct KeyFilter {
  private var words: [UInt64]
  private let mask: UInt64

  /// A filter for a number of keys.
  init(capacity: Int) {
    var bits: UInt64 = 1_024
    while bits < UInt64(max(0, capacity)) * 8 { bits *= 2 }
    words = [UInt64](repeating: 0, count: Int(bits / 64))
    mask = bits - 1
  }

  /// Whether the key may have been added; a key that was has always been.
  func contains(_ key: KeyValue) -> Bool {
    let (first, second) = places(of: key)
    return isSet(first) && isSet(second)
  }

  /// Adds a key.
  mutating func insert(_ key: KeyValue) {
    let (first, second) = places(of: key)
    words[Int(first >> 6)] |= 1 << (first & 63)
    words[Int(second >> 6)] |= 1 << (second & 63)
  }

  private func isSet(_ bit: UInt64) -> Bool { words[Int(bit >> 6)] >> (bit & 63) & 1 == 1 }

  private func places(of key: KeyValue) -> (UInt64, UInt64) {
    let hash = UInt64(bitPattern: Int64(KeyTable.hash(key, 2)))
    return (hash & mask, (hash >> 32 | hash << 32) &* 0x9E37_79B9_7F4A_7C15 >> 7 & mask)
  }
}
