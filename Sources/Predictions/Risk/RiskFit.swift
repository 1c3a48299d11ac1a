import Regression

/// A fit to rows, and those of their groups that lean on it.
struct RiskFit {
  /// The fit to all rows.
  var common: FittedModel
  /// By how much the fits of groups differ from it, by the name of the group; see
  /// ``RiskModel/deviations``.
  var deviations: [String: [Double]]

  /// The fit of a group; the common one where it was not among the rows.
  private func model(of group: String) -> FittedModel {
    deviations[group].map { common.adding($0) } ?? common
  }

  /// What each row's own fit makes of it, in the order of the rows.
  private func each<Value>(
    _ table: Table, _ groups: RiskGroups?,
    _ body: (FittedModel, Table) throws(RegressionError) -> [Value]
  ) throws(RegressionError) -> [Value] {
    guard let groups, !deviations.isEmpty else { return try body(common, table) }
    var rows = [[Int]](repeating: [], count: groups.names.count)
    for (row, group) in groups.of.enumerated() { rows[group].append(row) }
    var values = [Value?](repeating: nil, count: table.rowCount)
    for (group, own) in rows.enumerated() where !own.isEmpty {
      let found = try body(model(of: groups.names[group]), table.selecting(rows: own))
      for (row, value) in zip(own, found) { values[row] = value }
    }
    return values.compactMap(\.self)
  }

  /// Raw log-odds of rows.
  func linearPredictor(
    _ table: Table, _ groups: RiskGroups?
  ) throws(RegressionError) -> [Double] {
    try each(table, groups) { (model, table) throws(RegressionError) in
      try model.linearPredictor(table)
    }
  }

  /// Predictions of rows with their reasons.
  func predictions(
    _ table: Table, _ groups: RiskGroups?
  ) throws(RegressionError) -> [FittedModel.Prediction] {
    try each(table, groups) { (model, table) throws(RegressionError) in
      try model.predict(table)
    }
  }
}
