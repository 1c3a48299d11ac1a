package import AlmanacCore

/// Changes what a data directory holds without reading the source.
///
/// The directory's lock is held meanwhile, so no run is at work. Files that are no longer listed are
/// removed once the new manifest is written.
package struct DatasetMaintenance {
  private let directory: DataDirectory

  /// Maintenance of a data directory that is open.
  package init(_ directory: DataDirectory) {
    self.directory = directory
  }

  /// What joining the parts of a dataset came to.
  package struct Compacted: Equatable, Sendable {
    /// The dataset.
    package var dataset: String
    /// The days that were rewritten.
    package var days: Int
    /// The number of parts before and after.
    package var partsBefore: Int
    package var partsAfter: Int
  }

  /// Joins the parts of days that have more than eight; rows and what is computed from them stay
  /// the same (DECISIONS.md, D-134).
  ///
  /// - Parameter name: the dataset, or `nil` for all.
  /// - Returns: what came of each dataset, ordered by name.
  /// - Throws: ``DataDirectoryError/unknownDataset(name:suggestion:known:)``,
  ///   ``PipelineError/damagedPart(path:reason:)``, `FileError`.
  package func compact(_ name: String?) throws -> [Compacted] {
    if let name { _ = try dataset(name) }
    var manifest = directory.manifest
    var results: [Compacted] = []
    for (dataset, entry) in manifest.datasets.sorted(by: { $0.key < $1.key })
    where name == nil || name == dataset {
      let (parts, days) = try Compaction(
        layout: PartLayout(dataset: dataset, entry), reader: directory.reader,
        writer: PartWriter(path: directory.path)
      ).compacting(entry.parts)
      manifest.datasets[dataset]?.parts = parts
      results.append(
        Compacted(
          dataset: dataset, days: days, partsBefore: entry.parts.count, partsAfter: parts.count))
    }
    try directory.commitMaintenance(manifest)
    return results
  }

  /// What removing old days of a dataset came to.
  package struct Pruned: Equatable, Sendable {
    /// The first day that is kept.
    package var floor: CalendarDate
    /// The rows and parts that were removed.
    package var rows: Int
    package var parts: Int
  }

  /// Removes the days of a dataset that its retention does not cover.
  ///
  /// Days are counted back from that of the last cut. The floor stays and never moves back: rows of
  /// earlier days that still arrive are counted and ignored (DECISIONS.md, D-136).
  ///
  /// - Parameters:
  ///   - name: the dataset.
  ///   - project: the definitions, which tell the retention and what needs all days.
  /// - Returns: the first day that is kept, and what was removed.
  /// - Throws: ``MaintenanceError`` where the dataset has no retention or a stage needs all of it;
  ///   ``DataDirectoryError/unknownDataset(name:suggestion:known:)``; `FileError`.
  package func prune(_ name: String, by project: Project) throws -> Pruned {
    var entry = try dataset(name)
    guard let definition = project.dataset(name), let days = definition.retentionDays else {
      throw MaintenanceError.noRetention(dataset: name)
    }
    if let user = project.firstReader(of: name) {
      throw MaintenanceError.needed(dataset: name, by: user)
    }
    guard let cut = Timestamp(entry.watermark.takenAt)?.dateUTC else {
      throw MaintenanceError.noCut(dataset: name)
    }
    let asked = cut.adding(days: 1 - days)
    let floor = max(asked, entry.floor.flatMap { CalendarDate($0) } ?? asked)
    let gone = entry.parts.filter { ($0.date ?? floor.description) < floor.description }
    entry.parts.removeAll { ($0.date ?? floor.description) < floor.description }
    entry.floor = floor.description
    var manifest = directory.manifest
    manifest.datasets[name] = entry
    manifest.apart?[name]?.parts.removeAll { ($0.date ?? floor.description) < floor.description }
    manifest.apart?[name]?.floor = floor.description
    try directory.commitMaintenance(manifest)
    return Pruned(
      floor: floor, rows: gone.filter(\.holdsRows).reduce(0) { $0 + $1.rows }, parts: gone.count)
  }

  /// Forgets a dataset, a load that has not ended included: the next run reads all that the source
  /// has, and what only the directory had is lost, the rows of forgotten companies among it.
  ///
  /// - Returns: the rows that were forgotten.
  package func reset(_ name: String) throws -> Int {
    var manifest = directory.manifest
    let rows =
      if manifest.datasets[name] == nil, let load = manifest.loads?[name] {
        load.parts.reduce(0) { $0 + $1.rows }
      } else {
        try dataset(name).rows
      }
    manifest.datasets[name] = nil
    manifest.apart?[name] = nil
    manifest[load: name] = nil
    try directory.commitMaintenance(manifest)
    return rows
  }

  private func dataset(_ name: String) throws -> Manifest.Dataset {
    if let dataset = directory.manifest.datasets[name] { return dataset }
    throw DataDirectoryError.unknown(name, in: directory.manifest)
  }
}

/// Why a dataset cannot be maintained as asked.
package enum MaintenanceError: ExitStatusConvertible, Equatable {
  /// Nothing says how long rows are kept.
  case noRetention(dataset: String)
  /// A stage or model computes from all rows.
  case needed(dataset: String, by: String)
  /// The manifest does not say when the rows were read.
  case noCut(dataset: String)

  /// A wrong configuration, or bad data.
  package var exitStatus: ExitStatus {
    switch self {
    case .noRetention, .needed: .configuration
    case .noCut: .badData
    }
  }

  /// One line that says what is wrong and what to do.
  package var description: String {
    switch self {
    case .noRetention(let dataset):
      "dataset \(dataset) has no retention, so nothing of it is pruned; add a line such as "
        + "`retention: 400d` to datasets/\(dataset).yaml"
    case .needed(let dataset, let reader):
      "dataset \(dataset) is not pruned: \(reader) computes from all of its days; remove "
        + "`retention:` from datasets/\(dataset).yaml"
    case .noCut(let dataset):
      "the manifest does not say when dataset \(dataset) was read; run the extract stage first"
    }
  }
}

extension PartLayout {
  /// The layout of a dataset as the manifest tells it; without that, of rows that are ordered by
  /// nothing but what all parts of them have.
  init(dataset name: String, _ entry: Manifest.Dataset) {
    self.init(
      dataset: name, time: entry.layout?.time, recorded: entry.layout?.recorded,
      key: entry.layout?.key ?? [])
  }
}
