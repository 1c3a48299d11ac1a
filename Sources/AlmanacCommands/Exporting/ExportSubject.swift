import AlmanacCore
import Pipelines

/// What can be exported: the tables of a kind.
enum ExportSubject: String, CaseIterable {
  case predictions
  case metrics
  case rollups

  /// The schema of the tables.
  var schema: String { self == .predictions ? "predictions" : "analytics" }

  /// The names of the tables.
  var tables: [String] {
    switch self {
    case .predictions: PredictionTable.allCases.map(\.rawValue)
    case .metrics: ["daily_metrics", "monthly_metrics", "mrr_movements"]
    case .rollups: ["hourly_rollups", "daily_rollups", "monthly_rollups"]
    }
  }
}

/// The format of exported files.
enum ExportFormat: String, CaseIterable {
  case csv
  case json
  case parquet
}

/// Why nothing is exported.
enum ExportError: ExitStatusConvertible, Equatable {
  /// Nothing was published yet.
  case nothingPublished
  /// A file is asked for and several tables have rows.
  case severalTables([String])
  /// A folder holds files that no export wrote.
  case foreignFolder(String)
  /// A column has a type that files cannot hold.
  case unsuitable(table: String, column: String)

  var exitStatus: ExitStatus {
    switch self {
    case .nothingPublished: .missingInput
    case .severalTables: .usage
    case .foreignFolder: .cannotCreate
    case .unsuitable: .internalError
    }
  }

  var description: String {
    switch self {
    case .nothingPublished: "nothing was published yet; run the pipeline first"
    case .severalTables(let tables):
      "one file holds one table; name it with --table (\(tables.joined(separator: ", "))), or give "
        + "--to a folder"
    case .foreignFolder(let path):
      "\(path) holds files that no export wrote; give --to an empty or a new folder"
    case .unsuitable(let table, let column):
      "\(column) of \(table) has a type that cannot be exported; please report it"
    }
  }
}
