import AlmanacCore
import Columns
import Parquet

/// Joins the rows of a new cut with those that are held.
struct DatasetMerge {
  let definition: DatasetDefinition
  let reader: PartReader
  let writer: PartWriter

  /// What came of a merge.
  struct Merged {
    /// The files, ordered by path.
    var parts: [Manifest.Part]
    /// Rows that are held though the source no longer has them.
    var rowsKept = 0
  }

  /// Adds rows that later transactions wrote.
  func adding(_ new: [Manifest.Part], to held: [Manifest.Part]) -> Merged {
    Merged(parts: (held + new).sorted { $0.path < $1.path })
  }

  /// Adds rows of relations that were read whole: a held row gives way to a new one of its key on
  /// its day, the others stay.
  ///
  /// Where `keepsTransactions` is not set, the transactions of held rows mean nothing beside those
  /// of new ones, and are forgotten.
  func replacing(
    _ new: [Manifest.Part], over held: [Manifest.Part], keepsTransactions: Bool
  ) throws -> Merged {
    var merged = Merged(parts: new)
    let days = Dictionary(grouping: held, by: \.date)
    for (date, parts) in days {
      var keys: Set<[ColumnValue?]> = []
      for part in new where part.date == date {
        let columns = try reader.decode(part, columns: definition.key).columns
        for row in 0..<part.rows { keys.insert(columns.map { $0.value(row) }) }
      }
      for part in parts {
        if keys.isEmpty, keepsTransactions {
          merged.parts.append(part)
          continue
        }
        let batch = try reader.decode(part, columns: nil)
        let columns = definition.key.compactMap { batch[$0] }
        let kept = batch.taking(
          (0..<batch.rowCount).filter { row in !keys.contains(columns.map { $0.value(row) }) })
        if kept.rowCount == 0 { continue }
        merged.rowsKept += kept.rowCount
        // Transactions of another cluster mean nothing in this one.
        let forgotten = Column(
          StoredColumn.xidField, .int64([Int64](repeating: 0, count: kept.rowCount)))
        let columnsKept = kept.columns.map {
          !keepsTransactions && $0.field.name == StoredColumn.xid ? forgotten : $0
        }
        merged.parts.append(
          try writer.write(
            dataset: definition.name, date: date.flatMap { CalendarDate($0) },
            batch: Batch(columnsKept, rowCount: kept.rowCount)))
      }
    }
    merged.parts.sort { $0.path < $1.path }
    return merged
  }
}

extension PartReader {
  /// The rows of a part.
  func decode(_ part: Manifest.Part, columns: [String]?) throws -> Batch {
    let bytes = try bytes(of: part)
    do throws(ParquetError) {
      return try ParquetFile.decode(bytes, columns: columns)
    } catch {
      throw PipelineError.damagedPart(path: part.path, reason: error.description)
    }
  }
}
