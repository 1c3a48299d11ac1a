import AlmanacCore
import Codecs
import Columns

/// A piece of a dataset that is read at once: a UTC day, or of a dataset without a time a part.
struct ContractUnit: Sendable {
  /// The day; `nil` for a dataset without a time.
  var date: CalendarDate?
  /// The files.
  var parts: [Manifest.Part]

  /// The number of rows.
  var rows: Int { parts.reduce(0) { $0 + ($1.holdsRows ? $1.rows : 0) } }

  /// The digest of the rows: equal parts, equal digests.
  var digest: String {
    SHA256.hexadecimalDigest(of: parts.map { "\($0.rows) \($0.sha256)\n" }.joined())
  }

  /// The pieces of a dataset, days in order.
  static func units(of dataset: Manifest.Dataset) -> [ContractUnit] {
    var days: [CalendarDate: [Manifest.Part]] = [:]
    var undated: [ContractUnit] = []
    for part in dataset.parts {
      if let date = part.date.flatMap({ CalendarDate($0) }) {
        days[date, default: []].append(part)
      } else {
        undated.append(ContractUnit(date: nil, parts: [part]))
      }
    }
    return undated
      + days.sorted { $0.key < $1.key }.map { ContractUnit(date: $0.key, parts: $0.value) }
  }
}

/// Reads the pieces of one dataset; threads may share it.
struct ContractReader: Sendable {
  let definition: DatasetDefinition
  let reader: PartReader
  let units: [ContractUnit]

  /// A reader of a dataset that the manifest lists.
  init(_ definition: DatasetDefinition, _ reader: PartReader) {
    self.definition = definition
    self.reader = reader
    let entry = reader.manifest.datasets[definition.name]
    units =
      definition.keepsOneVersion
      ? entry.map { ContractUnit.units(of: $0) } ?? []
      : ContractReader.whole(entry)
  }

  /// Of a dataset with several versions of a row, days that decide on their own, or everything.
  private static func whole(_ entry: Manifest.Dataset?) -> [ContractUnit] {
    guard let entry else { return [] }
    let units = ContractUnit.units(of: entry)
    return units.contains { $0.date == nil }
      ? [ContractUnit(date: nil, parts: entry.parts)] : units
  }

  /// The number of rows of all pieces.
  var rows: Int { units.reduce(0) { $0 + $1.rows } }

  /// The number of rows that readers see: one version of each.
  func visibleRows(jobs: Int) throws -> Int {
    try mapConcurrently(
      units, jobs: jobs, context: {},
      work: { _, unit in
        try self.read(unit, columns: definition.key).reduce(0) { $0 + $1.rowCount }
      }
    ).reduce(0, +)
  }

  /// The digest of all pieces.
  var digest: String { SHA256.hexadecimalDigest(of: units.map(\.digest).joined()) }

  /// Some columns of a piece, one batch a part, in the order of the parts.
  func read(_ unit: ContractUnit, columns: [String]) throws -> [Batch] {
    guard definition.keepsOneVersion else {
      return try reader.read(
        definition.name, days: unit.date.map { $0...$0 }, columns: columns)
    }
    // The reader looks at every part the manifest lists, which for each day would be too many.
    var manifest = reader.manifest
    manifest.datasets = [:]
    manifest.apart = nil
    manifest.datasets[definition.name] = reader.manifest.datasets[definition.name]
    manifest.datasets[definition.name]?.parts = unit.parts
    return try PartReader(path: reader.path, manifest: manifest)
      .read(definition.name, columns: columns)
  }

  /// Calls `body` with the fingerprints of the keys of all rows that have one, piece by piece in
  /// order, reading with several threads.
  func forEachKeys(
    _ key: [String], jobs: Int, seed: KeyedHash.Seed = .program,
    _ body: ([KeyValue]) throws -> Void
  ) throws {
    for window in units.windows(of: jobs) {
      let read = try mapConcurrently(
        window, jobs: jobs, context: {},
        work: { _, unit in
          try self.read(unit, columns: key).map { batch in
            batch.wholeKeyValues(of: key, seed: seed).compactMap(\.self)
          }
        })
      for keys in read.joined() { try body(keys) }
    }
  }
}

extension DatasetDefinition {
  /// Whether the parts hold each row once, so that every part can be read by itself.
  var keepsOneVersion: Bool { mode == .append || mode == .full }
}

extension Array {
  /// The elements in pieces of a size, the last one perhaps smaller.
  func windows(of size: Int) -> [[Element]] {
    stride(from: 0, to: count, by: Swift.max(1, size)).map {
      Array(self[$0..<Swift.min($0 + Swift.max(1, size), count)])
    }
  }
}
