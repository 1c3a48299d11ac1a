import AlmanacCore
import Columns

/// Joins the rows of a new cut with those that are held.
///
/// Nothing that is held is dropped silently: a row gives way to a newer one of its key, or is kept
/// and counted. Files are written beside those that are held; what counts is decided by the
/// manifest that is written after all.
struct DatasetMerge {
  let definition: DatasetDefinition
  let reader: PartReader
  let writer: PartWriter
  /// Rows that are held in memory at once, roughly.
  var maximumRows = RowPartitioner.maximumWaitingRows
  /// Threads that read, write and compare.
  var jobs = 1
  /// The columns that kept rows lack.
  private let lacking = LackingColumns()

  init(definition: DatasetDefinition, reader: PartReader, writer: PartWriter) {
    self.definition = definition
    self.reader = reader
    self.writer = writer
  }

  /// What came of a merge.
  struct Merged {
    /// The files, ordered by path.
    var parts: [Manifest.Part]
    /// Rows that are held though the source no longer has them.
    var rowsKept = 0
    /// What to tell people.
    var notices: [String] = []
  }

  /// What was read of a dataset under a cut.
  struct Read {
    /// The rows of what was read whole.
    var whole: [Manifest.Part]
    /// The rows that later transactions wrote, or that a clock says are new; `nil` if everything
    /// was read whole.
    var increment: [Manifest.Part]?
    /// What the increment is added to.
    var base: Manifest.Dataset?
    /// Whether every row of the source is in `whole`, though there is an increment: all relations
    /// were truncated or rewritten.
    var isComplete = false
  }

  /// Joins what was read with what is held (DECISIONS.md, D-130 to D-133).
  ///
  /// - Throws: ``PipelineError/columnsChanged(dataset:column:)`` where rows that the source no
  ///   longer has cannot take the columns of a new definition;
  ///   ``PipelineError/damagedPart(path:reason:)``; `FileError`.
  func merging(_ read: Read, over held: Manifest.Dataset?) throws -> Merged {
    var merged: Merged
    switch definition.mode {
    case .full: merged = Merged(parts: read.whole)
    case .append: merged = try mergingRows(read, over: held)
    case .changes: merged = try mergingVersions(read, over: held)
    case .overlap:
      merged = try replacingEverywhere(read.whole + (read.increment ?? []), over: held)
    }
    for (column, rows) in lacking.rows.sorted(by: { $0.key < $1.key }) {
      merged.notices.append(
        "\(definition.name): \(counted(rows, "row")) held from before \(column) was declared "
          + "\(rows == 1 ? "has" : "have") no value in it")
    }
    if merged.rowsKept > 0, read.isComplete || read.increment == nil || read.base != held {
      merged.notices.append(
        "\(definition.name): \(counted(merged.rowsKept, "row")) that the source no longer has "
          + "\(merged.rowsKept == 1 ? "is" : "are") kept "
          + "(mode \(definition.mode.rawValue)); `almanac datasets reset \(definition.name)` "
          + "forgets \(merged.rowsKept == 1 ? "it" : "them")")
    }
    return try settled(merged, before: held)
  }

  /// Brings parts into the form in which they are kept: rows sorted into their days, days with many
  /// parts joined, rows below the floor left out, and keys of several days counted once.
  private func settled(_ merged: Merged, before held: Manifest.Dataset?) throws -> Merged {
    var merged = merged
    merged.parts = try spread(merged.parts)
    if let floor = held?.floor {
      let below = merged.parts.filter { ($0.date ?? floor) < floor }
      let rows = below.filter(\.holdsRows).reduce(0) { $0 + $1.rows }
      merged.parts.removeAll { ($0.date ?? floor) < floor }
      if rows > 0 {
        merged.notices.append(
          "\(definition.name): \(counted(rows, "row")) of days before \(floor), which were pruned, "
            + "\(rows == 1 ? "is" : "are") ignored"
        )
      }
    }
    let known = Set(held?.parts.map(\.path) ?? [])
    let touched = merged.parts.filter { !known.contains($0.path) }
    merged.parts = try Compaction(
      layout: PartLayout(definition), reader: reader, writer: writer, maximumRows: maximumRows
    ).compacting(merged.parts, days: Set(touched.map(\.date))).parts
    guard definition.mode == .append, definition.timeColumn != nil else { return merged }
    // What was found about days that lost no row still holds.
    let remaining = Set(merged.parts.map(\.path))
    let goesOn = known.subtracting(remaining).isEmpty
    let found = try CrossDayKeys(
      layout: PartLayout(definition), reader: reader, writer: writer,
      maximumKeys: 4 * maximumRows, jobs: jobs
    ).finding(in: merged.parts, fresh: goesOn ? touched : nil)
    merged.parts = found.parts
    if found.rows > 0 {
      merged.notices.append(
        "\(definition.name): \(counted(found.rows, "key")) \(found.rows == 1 ? "is" : "are") on "
          + "several days; the row that was recorded first "
          + "counts")
    }
    return merged
  }

  /// Mode append: rows are added, and where relations were read whole they replace those of their
  /// keys.
  private func mergingRows(_ read: Read, over held: Manifest.Dataset?) throws -> Merged {
    var merged = Merged(parts: read.whole)
    if let increment = read.increment, let base = read.base {
      merged.parts = base.parts + increment
      if !read.whole.isEmpty {
        merged = try replacing(read.whole, over: merged.parts, keepsTransactions: true)
        // Of some relations alone it is not known which of the held rows were theirs.
        if !read.isComplete { merged.rowsKept = 0 }
      }
    }
    // Nothing else is known to be of the same history of transactions as what was read.
    guard let held, read.increment == nil || read.base != held else { return merged }
    return try replacing(
      merged.parts, over: held.parts, keepsTransactions: false,
      conforms: held.definitionDigest != definition.digest)
  }

  /// Adds rows of relations that were read whole: a held row gives way to a new one of its key on
  /// its day, the others stay and are counted.
  ///
  /// - Parameters:
  ///   - new: the parts that were read.
  ///   - held: the parts that are held.
  ///   - keepsTransactions: whether the transactions of held rows are of the same history as those
  ///     of new ones; otherwise they are forgotten.
  ///   - conforms: whether the definition changed, so that the rows that stay need its columns.
  /// - Returns: the parts and the number of rows that stay.
  /// - Throws: ``PipelineError/columnsChanged(dataset:column:)``,
  ///   ``PipelineError/damagedPart(path:reason:)``, `FileError`.
  func replacing(
    _ new: [Manifest.Part], over held: [Manifest.Part], keepsTransactions: Bool,
    conforms: Bool = false
  ) throws -> Merged {
    var merged = Merged(parts: try spread(new))
    let arrived = Dictionary(grouping: merged.parts.filter(\.holdsRows), by: \.date)
    // Which days repeat a key is found anew, since rows go.
    let days = Dictionary(grouping: try spread(held).filter(\.holdsRows), by: \.date)
    for (date, parts) in days.sorted(by: { $0.key ?? "" < $1.key ?? "" }) {
      let keys = try keys(of: arrived[date] ?? [])
      for part in parts {
        let kept = try remaining(
          part, without: keys, keepsTransactions: keepsTransactions, conforms: conforms)
        merged.rowsKept += kept?.rows ?? 0
        merged.parts += [kept].compactMap(\.self)
      }
    }
    merged.parts.sort { $0.path < $1.path }
    return merged
  }

  /// Mode overlap: a held row gives way to a new one of its key, whatever the days of both.
  private func replacingEverywhere(
    _ new: [Manifest.Part], over held: Manifest.Dataset?
  ) throws -> Merged {
    var merged = Merged(parts: new)
    let conforms = held.map { $0.definitionDigest != definition.digest } ?? false
    let keys = try keys(of: new)
    for part in held?.parts ?? [] where part.holdsRows {
      // A part that was read again with the same rows is the same file.
      if new.contains(where: { $0.path == part.path }) { continue }
      let kept = try remaining(part, without: keys, keepsTransactions: true, conforms: conforms)
      merged.rowsKept += kept?.rows ?? 0
      merged.parts += [kept].compactMap(\.self)
    }
    merged.parts.sort { $0.path < $1.path }
    return merged
  }

  /// The keys of the rows of some parts.
  func keys(of parts: [Manifest.Part]) throws -> KeyTable {
    var keys = KeyTable(minimumCapacity: parts.reduce(0) { $0 + $1.rows })
    for part in parts where part.holdsSourceRows {
      let batch = try reader.decode(part, columns: definition.key)
      for key in batch.keyValues(of: definition.key) { _ = keys.insert(key) }
    }
    return keys
  }

  /// A part without the rows of some keys, `nil` if none is left.
  private func remaining(
    _ part: Manifest.Part, without keys: KeyTable, keepsTransactions: Bool, conforms: Bool
  ) throws -> Manifest.Part? {
    var rows = Array(0..<part.rows)
    if keys.count > 0 {
      let values = try reader.decode(part, columns: definition.key).keyValues(of: definition.key)
      rows = rows.filter { keys.index(of: values[$0]) == nil }
      if rows.isEmpty { return nil }
    }
    if rows.count == part.rows, !conforms {
      var part = part
      if !keepsTransactions { part.forgetTransactions() }
      return part
    }
    let batch = try conformed(
      rows: part, forgetting: !keepsTransactions, kept: rows.count
    ).taking(rows)
    return try write(batch, date: part.date)
  }

  /// Writes rows of one day as a part.
  func write(_ batch: Batch, date: String?) throws -> Manifest.Part {
    try writer.write(
      dataset: definition.name, date: date.flatMap { CalendarDate($0) }, batch: batch,
      key: definition.key)
  }

  /// The rows of a part with the columns of the definition.
  ///
  /// Where parts of another mode do not tell which cut saw their rows, it was the one at `seen`.
  ///
  /// - Throws: ``PipelineError/columnsChanged(dataset:column:)`` where a column is new and may not
  ///   be missing, or has another type.
  func conformed(
    rows part: Manifest.Part, forgetting: Bool = false, seen: Timestamp? = nil, kept: Int? = nil
  ) throws -> Batch {
    let batch = try reader.storedRows(of: part, forgetting: forgetting)
    let columns = try definition.storedFields.map { field in
      if let column = batch[field.name] {
        if column.field.type == field.type { return column }
      } else if field.name == StoredColumn.xid {
        return Column(field, .int64([Int64](repeating: 0, count: batch.rowCount)))
      } else if field.name == StoredColumn.seen, let seen {
        return Column(
          field, .int64([Int64](repeating: seen.microseconds, count: batch.rowCount)))
      } else if field.isNullable {
        lacking.add(field.name, rows: kept ?? batch.rowCount)
        return Column(nulls: batch.rowCount, field)
      }
      throw PipelineError.columnsChanged(dataset: definition.name, column: field.name)
    }
    return Batch(columns, rowCount: batch.rowCount)
  }
}

/// The columns that rows got when they were brought to a new definition, without values.
///
/// Not shared between threads.
private final class LackingColumns {
  /// The number of rows by column.
  private(set) var rows: [String: Int] = [:]

  /// Counts rows.
  func add(_ column: String, rows count: Int) {
    if count > 0 { rows[column, default: 0] += count }
  }
}

extension DatasetDefinition {
  /// The columns that parts store: those of the dataset and those beside them.
  var storedFields: [Field] {
    fields + (readsByTransaction ? [StoredColumn.xidField] : [])
      + (mode == .changes ? [StoredColumn.seenField] : [])
  }
}

extension StoredColumn {
  /// The clock of the cut that first saw a version of a row, or first missed a key.
  static let seen = "_seen_at"
  /// Its field.
  static let seenField = Field(seen, .timestamp)
}

extension Manifest.Part {
  /// Lets the transactions of the rows mean nothing, those that the file stores included.
  mutating func forgetTransactions() {
    if maximumXID != nil { (minimumXID, maximumXID) = (0, 0) }
  }
}

extension Column {
  /// A column of nothing but nulls.
  fileprivate init(nulls count: Int, _ field: Field) {
    var builder = ColumnBuilder(field)
    for _ in 0..<count { builder.appendNull() }
    self = builder.finish()
  }
}
