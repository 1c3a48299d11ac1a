import Columns
import Parquet

/// The columns of a dataset, as the footers of its parts describe them.
package struct DatasetDescription: Equatable, Sendable {
  /// One column over all parts.
  package struct ColumnSummary: Equatable, Sendable {
    /// The column's name.
    package var name: String
    /// The type as a dataset file declares it.
    package var type: String
    /// Whether a value may be missing.
    package var isNullable: Bool
    /// The number of rows without a value, `nil` where a part does not tell.
    package var nulls: Int?
    /// The number of rows.
    package var rows: Int
    /// The bytes of the dictionaries in all parts, `nil` where no part has one.
    package var dictionaryBytes: Int?

    /// The share of rows without a value, `nil` where it is unknown or there is no row.
    package var nullShare: Double? {
      rows == 0 ? nil : nulls.map { Double($0) / Double(rows) }
    }
  }

  /// The columns, in the order of the first part that has them.
  package var columns: [ColumnSummary] = []

  /// Reads the footers of all parts of a dataset.
  ///
  /// - Throws: ``PipelineError/damagedPart(path:reason:)`` if a part is not the one listed.
  package init(of name: String, in directory: DataDirectoryReading) throws {
    var positions: [String: Int] = [:]
    for part in try directory.dataset(name).parts {
      let metadata = try directory.metadata(of: part)
      for (index, column) in metadata.columns.enumerated() {
        let chunks = metadata.rowGroups.map { $0.columns[index] }
        let position = positions[column.name] ?? columns.count
        if position == columns.count {
          positions[column.name] = position
          columns.append(
            ColumnSummary(name: column.name, type: "", isNullable: false, nulls: 0, rows: 0))
        }
        columns[position].add(column, chunks, rows: metadata.rowCount)
      }
    }
  }
}

extension DatasetDescription.ColumnSummary {
  /// Takes in what one part tells of the column.
  fileprivate mutating func add(
    _ column: ParquetMetadata.ColumnDescription, _ chunks: [ParquetMetadata.ColumnChunk],
    rows partRows: Int
  ) {
    let partType = column.field?.type.declaredName ?? "unreadable"
    if type.isEmpty {
      type = partType
    } else if type != partType {
      type = "mixed"
    }
    isNullable = isNullable || column.field?.isNullable ?? true
    rows += partRows
    for chunk in chunks {
      nulls = nulls.flatMap { sum in chunk.nullCount.map { sum + $0 } }
      if let size = chunk.dictionarySize { dictionaryBytes = (dictionaryBytes ?? 0) + size }
    }
  }
}
