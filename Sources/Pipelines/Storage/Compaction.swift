import AlmanacCore
import Columns

/// Joins the parts of days that have many.
///
/// The rows stay the same; see DECISIONS.md, D-134.
struct Compaction {
  let layout: PartLayout
  let reader: PartReader
  let writer: PartWriter
  var maximumRows = RowPartitioner.maximumWaitingRows

  /// A day with more parts than this is worth being rewritten, if that halves them: a day of many
  /// million rows needs as many parts, and would be rewritten every night for the few rows that came.
  static let maximumParts = 8

  /// The parts, with those of days that have too many joined to as few as memory allows.
  ///
  /// - Parameters:
  ///   - parts: all parts of a dataset.
  ///   - touched: the days to look at, a `nil` among them for rows without a day; every one if
  ///     `nil`.
  /// - Returns: the parts ordered by path, and the number of days that were rewritten.
  /// - Throws: ``PipelineError/damagedPart(path:reason:)``; `FileError`.
  func compacting(
    _ parts: [Manifest.Part], days touched: Set<String?>? = nil
  ) throws -> (parts: [Manifest.Part], days: Int) {
    var result: [Manifest.Part] = []
    var days = 0
    for (group, members) in Dictionary(grouping: parts, by: { Group(date: $0.date, of: $0) }) {
      let rows = members.reduce(0) { $0 + $1.rows }
      let least = (rows + maximumRows - 1) / maximumRows
      guard members.count > max(Compaction.maximumParts, 2 * least), group.kind != .loose,
        touched?.contains(group.date) ?? true
      else {
        result += members
        continue
      }
      try Interruption.check()
      result += try joined(members, group)
      days += 1
    }
    return (result.sorted { $0.path < $1.path }, days)
  }

  private struct Group: Hashable {
    var date: String?
    var kind: Manifest.Part.Kind

    init(date: String?, of part: Manifest.Part) {
      self.date = date
      kind = part.kind ?? .rows
    }
  }

  private func joined(_ parts: [Manifest.Part], _ group: Group) throws -> [Manifest.Part] {
    var layout = layout
    if group.kind != .rows { layout.time = nil }
    let date = group.date.flatMap { CalendarDate($0) }
    var partitioner = RowPartitioner(
      layout: layout, writer: writer, maximumWaitingRows: maximumRows, kind: group.kind,
      date: layout.time == nil ? date : nil)
    for part in parts.sorted(by: { $0.path < $1.path }) {
      try partitioner.add(reader.storedRows(of: part))
    }
    return try partitioner.finish()
  }
}

extension PartReader {
  /// The rows of a part with all columns that it stores.
  ///
  /// Transactions that the manifest counts as forgotten are 0, and with `forgetting` all are.
  func storedRows(of part: Manifest.Part, forgetting: Bool = false) throws -> Batch {
    let batch = try decode(part, columns: nil)
    guard forgetting || part.maximumXID ?? 0 == 0, batch[StoredColumn.xid] != nil else {
      return batch
    }
    let forgotten = Column(
      StoredColumn.xidField, .int64([Int64](repeating: 0, count: batch.rowCount)))
    return Batch(
      batch.columns.map { $0.field.name == StoredColumn.xid ? forgotten : $0 },
      rowCount: batch.rowCount)
  }
}
