import AlmanacCore
import Columns
import Postgres

/// What is read again of a dataset because files of it are damaged.
struct Repair: Sendable {
  /// The files.
  var parts: [Manifest.Part]
  /// The UTC days to read again, ascending; `nil` for everything.
  var days: [CalendarDate]?

  /// The days that are read one by one at the most: a longer condition costs more than it saves.
  static let maximumDays = 100

  /// What the damage to a dataset asks for, `nil` if there is none.
  ///
  /// A row of a file without a day may be of any day, and what is not known to be a plain row cannot
  /// be found by its day.
  init?(_ parts: [Manifest.Part], of definition: DatasetDefinition) {
    if parts.isEmpty { return nil }
    self.parts = parts
    let dates = parts.map { part in
      part.holdsRows ? part.date.flatMap { CalendarDate($0) } : nil
    }
    guard definition.mode == .append, definition.timeColumn != nil, !dates.contains(nil)
    else { return }
    let days = Set(dates.compactMap(\.self)).sorted()
    if days.count <= Repair.maximumDays { self.days = days }
  }

  /// The condition that a row is of one of the days.
  func condition(on time: DatasetColumn) -> String? {
    days.map { days in
      let ranges = days.map { day in
        "\(time.sql) >= '\(day)Z'::pg_catalog.timestamptz AND "
          + "\(time.sql) < '\(day.adding(days: 1))Z'::pg_catalog.timestamptz"
      }
      return "(\(ranges.joined(separator: " OR ")))"
    }
  }

  /// What was done, in words.
  func notice(of dataset: String) -> String {
    let files = parts.count == 1 ? "the file \(parts[0].path) was" : "\(parts.count) files were"
    let read = days.map { days in
      days.count == 1 ? "\(days[0])" : "\(days.count) days"
    }
    return
      "\(dataset): \(files) damaged; \(read ?? "everything") "
      + "\((days?.count ?? 1) == 1 ? "was" : "were") read again from the source"
  }
}

/// Rows that only damaged files held, since the source has them no longer.
///
/// They are the rows of before and those that came since, less the rows of after. What came since is
/// told by the transactions: the cut of before did not show it.
struct RepairLoss: Equatable {
  /// The sentence that tells of it.
  let notice: String

  /// What a repair lost of a dataset, `nil` if nothing is known to be lost, and in mode full, which
  /// keeps nothing.
  ///
  /// - Parameters:
  ///   - definition: the dataset.
  ///   - before: what was held, the damaged files included.
  ///   - after: what is held now.
  ///   - reader: the way to the files.
  /// - Throws: ``PipelineError/damagedPart(path:reason:)``.
  init?(
    of definition: DatasetDefinition, from before: Manifest.Dataset, to after: Manifest.Dataset,
    reader: PartReader
  ) throws {
    if definition.mode == .full { return nil }
    let bounds =
      before.watermark.sharesTransactions(with: after.watermark)
      ? SnapshotBounds(before.watermark.snapshot) : nil
    var new = 0
    var isExact = definition.readsByTransaction && bounds != nil
    let known = Set(before.parts.map(\.path))
    for part in after.parts where part.holdsRows && !known.contains(part.path) {
      guard let bounds, let newest = part.maximumXID, newest >= bounds.start else { continue }
      let batch = try reader.decode(part, columns: [StoredColumn.xid])
      guard case .int64(let writers)? = batch[StoredColumn.xid]?.storage else { continue }
      new += writers.count { !bounds.mayShow($0) }
      // A savepoint of a transaction that was open then may have written these.
      if writers.contains(where: { bounds.isUncertain($0) }) { isExact = false }
    }
    let lost = before.rows + new - after.rows
    if lost <= 0 { return nil }
    let unit = definition.mode == .changes ? "version" : "row"
    notice =
      "\(definition.name): \(isExact ? "" : "at least ")\(counted(lost, unit)) that the source no "
      + "longer has could not be read again"
  }
}

/// Which transactions a snapshot shows, as far as its text tells.
struct SnapshotBounds: Equatable {
  /// Every transaction below had ended.
  let start: Int64
  /// No transaction from this one on had begun.
  let end: Int64
  /// Those between that were open, without their savepoints.
  let open: Set<Int64>

  /// The bounds of a `pg_snapshot` as PostgreSQL prints it, `nil` if the text is none.
  init?(_ text: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 3, let start = Int64(parts[0]), let end = Int64(parts[1]) else {
      return nil
    }
    self.start = start
    self.end = end
    open = Set(parts[2].split(separator: ",").compactMap { Int64($0) })
  }

  /// Whether rows of a transaction may be shown; those of savepoints count as shown.
  func mayShow(_ transaction: Int64) -> Bool {
    transaction < end && !open.contains(transaction)
  }

  /// Whether a transaction may be a savepoint of one that was open.
  func isUncertain(_ transaction: Int64) -> Bool {
    guard let first = open.min() else { return false }
    return transaction > first && mayShow(transaction)
  }
}

extension Watermark {
  /// Whether the identifiers of transactions mean the same in both: one history of one table.
  fileprivate func sharesTransactions(with other: Watermark) -> Bool {
    systemIdentifier == other.systemIdentifier && databaseOID == other.databaseOID
      && tableOID == other.tableOID && timeline != nil && timeline == other.timeline
  }
}
