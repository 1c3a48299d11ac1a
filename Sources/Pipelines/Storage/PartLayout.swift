import Columns

/// How the rows of a dataset are laid out in parts.
struct PartLayout: Hashable, Sendable {
  /// The dataset's name.
  var dataset: String
  /// The column that decides on the day of a row; `nil` if rows have none.
  var time: String?
  /// The column that says when a row was recorded, if there is one.
  var recorded: String?
  /// The columns that identify a row.
  var key: [String]

  /// A layout of the given parts.
  init(dataset: String, time: String?, recorded: String? = nil, key: [String]) {
    self.dataset = dataset
    self.time = time
    self.recorded = recorded
    self.key = key
  }

  /// The layout of a dataset's parts.
  init(_ definition: DatasetDefinition) {
    self.init(
      dataset: definition.name, time: definition.timeColumn, recorded: definition.recordedColumn,
      key: definition.key)
  }

  /// The columns that order the rows of a part.
  var order: [String] {
    [time].compactMap(\.self) + key.filter { $0 != time }
  }
}

extension DatasetDefinition {
  /// What the manifest tells readers of the parts.
  var layout: Manifest.Dataset.Layout {
    Manifest.Dataset.Layout(
      mode: mode.rawValue, time: timeColumn, recorded: recordedColumn, key: key,
      timeSQL: timeColumn.flatMap { self[column: $0]?.sql })
  }
}
