import AlmanacCore
import Columns

extension DatasetMerge {
  /// Mode changes: versions are added.
  ///
  /// Of what was read whole those are left out that hold the same as the latest one that is held.
  /// So are those of an increment that transactions wrote which the cut of before may have shown: a
  /// rewrite of the table gave unchanged rows their transaction (DECISIONS.md, D-145).
  func mergingVersions(_ read: Read, over held: Manifest.Dataset?) throws -> Merged {
    var merged = Merged(parts: read.whole)
    if let increment = read.increment, let base = read.base {
      var increment = increment
      if base == held, let bounds = SnapshotBounds(base.watermark.snapshot) {
        increment = try newVersions(increment, beside: base.parts, before: bounds.end)
      }
      merged.parts = base.parts + increment
      if !read.whole.isEmpty { merged.parts += try newVersions(read.whole, beside: merged.parts) }
    }
    guard let held, read.increment == nil || read.base != held else { return merged }
    let conforms = held.definitionDigest != definition.digest
    let versions = try held.parts.map { part -> Manifest.Part in
      try keptVersions(part, conforms: conforms, seen: Timestamp(held.watermark.takenAt))
    }
    merged.parts = versions + (try newVersions(merged.parts, beside: versions))
    return merged
  }

  /// A part of an earlier history of transactions, with the columns of the definition.
  private func keptVersions(
    _ part: Manifest.Part, conforms: Bool, seen: Timestamp?
  ) throws -> Manifest.Part {
    guard conforms, part.holdsSourceRows else {
      var part = part
      part.forgetTransactions()
      return part
    }
    return try writer.write(
      dataset: definition.name, date: part.date.flatMap { CalendarDate($0) },
      batch: try conformed(rows: part, forgetting: true, seen: seen), kind: part.kind ?? .rows,
      key: definition.key)
  }

  /// The parts of what was read without the rows that hold the same as what is held.
  ///
  /// A key of which several versions were read keeps all of them.
  /// Rows of transactions from `end` on are new without being compared; without it all are compared.
  private func newVersions(
    _ read: [Manifest.Part], beside held: [Manifest.Part], before end: Int64? = nil
  ) throws -> [Manifest.Part] {
    func mayBeHeld(_ part: Manifest.Part) -> Bool {
      end.map { part.minimumXID ?? 0 < $0 } ?? true
    }
    guard read.contains(where: { $0.holdsSourceRows && mayBeHeld($0) }) else { return read }
    var counts: [Int32] = []
    var keys = KeyTable(minimumCapacity: read.reduce(0) { $0 + $1.rows })
    for part in read where part.holdsSourceRows {
      let batch = try reader.decode(part, columns: definition.key)
      for key in batch.keyValues(of: definition.key) {
        let (index, isNew) = keys.insert(key)
        if isNew { counts.append(1) } else { counts[index] += 1 }
      }
    }
    let latest = try LatestVersions(
      held, reader: reader, key: definition.key, content: definition.fields.map(\.name), of: keys)
    return try read.compactMap { part -> Manifest.Part? in
      if !mayBeHeld(part) { return part }
      let batch = try reader.storedRows(of: part)
      let values = batch.keyValues(of: definition.key)
      let contents = batch.keyValues(of: definition.fields.map(\.name))
      var writers: [Int64]?
      if case .int64(let stored)? = batch[StoredColumn.xid]?.storage { writers = stored }
      let kept = (0..<batch.rowCount).filter { row in
        if let end, let writers, writers[row] >= end { return true }
        guard let index = keys.index(of: values[row]), counts[index] == 1 else { return true }
        return latest.content(of: values[row]) != contents[row]
      }
      if kept.count == part.rows { return part }
      if kept.isEmpty { return nil }
      return try writer.write(
        dataset: definition.name, date: part.date.flatMap { CalendarDate($0) },
        batch: batch.taking(kept), kind: part.kind ?? .rows, key: definition.key)
    }
  }
}

/// Which version of each key is the latest, and whether the key was deleted after it.
struct LatestVersions: Sendable {
  private struct Version {
    var seen: Int64
    var writer: Int64
    /// The position of the part, and the row in it; a tombstone's row is -1.
    var part: Int
    var row: Int
    var content: KeyValue
    /// The rows that the same cut showed with the key beside this one.
    var twins = 0
  }

  private var keys = KeyTable()
  private var versions: [Version] = []

  /// Reads the versions of all keys.
  ///
  /// - Parameters:
  ///   - parts: the parts with rows and tombstones.
  ///   - reader: the way to their files.
  ///   - key: the columns that identify a row.
  ///   - content: the columns to compare versions by; none if they are not to be compared.
  ///   - wanted: the only keys to look at, `nil` for all.
  ///   - instant: the instant to look back to: what a later cut saw or missed is left out.
  /// - Throws: ``PipelineError/damagedPart(path:reason:)``.
  init(
    _ parts: [Manifest.Part], reader: PartReader, key: [String], content: [String] = [],
    of wanted: KeyTable? = nil, asOf instant: Timestamp? = nil
  ) throws {
    for (index, part) in parts.enumerated() where part.kind != .repeats {
      let isTombstone = part.kind == .tombstones
      var columns = key + [StoredColumn.seen]
      if !isTombstone { columns.append(StoredColumn.xid) }
      let batch = try reader.decode(part, columns: columns)
      guard case .int64(let seen)? = batch[StoredColumn.seen]?.storage else { continue }
      var writers: [Int64]?
      if case .int64(let values)? = batch[StoredColumn.xid]?.storage { writers = values }
      let values = batch.keyValues(of: key)
      let rows = values.indices.filter { row in
        seen[row] <= instant?.microseconds ?? .max
          && wanted.map { $0.index(of: values[row]) != nil } ?? true
      }
      let contents =
        isTombstone || content.isEmpty || rows.isEmpty
        ? nil : try reader.decode(part, columns: content).keyValues(of: content)
      for row in rows {
        add(
          values[row],
          Version(
            seen: seen[row], writer: writers?[row] ?? 0, part: index, row: isTombstone ? -1 : row,
            content: contents?[row] ?? .zero))
      }
    }
  }

  /// A row counts over a tombstone of the same cut: the source had it.
  private mutating func add(_ key: KeyValue, _ version: Version) {
    let (index, isNew) = keys.insert(key)
    if isNew {
      versions.append(version)
      return
    }
    let known = versions[index]
    let order = (known.seen, known.row < 0 ? 0 : 1, known.writer)
    let twins =
      known.seen == version.seen && known.row >= 0 && version.row >= 0 ? known.twins + 1 : 0
    if order <= (version.seen, version.row < 0 ? 0 : 1, version.writer) {
      versions[index] = version
      versions[index].twins = twins
    } else if twins > 0 {
      versions[index].twins = twins
    }
  }

  /// What the latest version of a key holds; `nil` if there is none, or the key was deleted.
  func content(of key: KeyValue) -> KeyValue? {
    guard let index = keys.index(of: key), versions[index].row >= 0 else { return nil }
    return versions[index].content
  }

  /// The keys that the last cut which saw them showed more than once, as no source does whose key is
  /// one: how many rows repeat another one, and the places of a few.
  func repeated(examples: Int) -> (rows: Int, places: [(part: Int, row: Int)]) {
    let repeated = versions.filter { $0.row >= 0 && $0.twins > 0 }
    return (
      repeated.reduce(0) { $0 + $1.twins }, repeated.prefix(examples).map { ($0.part, $0.row) }
    )
  }

  /// The rows that are the latest versions, by the position of their parts, ascending.
  var rowsByPart: [Int: [Int]] {
    var rows: [Int: [Int]] = [:]
    for version in versions where version.row >= 0 {
      rows[version.part, default: []].append(version.row)
    }
    return rows.mapValues { $0.sorted() }
  }

  /// Places of the keys that exist and fulfil a condition: the position of a part and a row in it.
  func places(where condition: (KeyValue) -> Bool) -> [(part: Int, row: Int)] {
    zip(keys.keys, versions).filter { $1.row >= 0 && condition($0) }.map { ($1.part, $1.row) }
  }
}
