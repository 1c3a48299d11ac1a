import AlmanacCore
package import Pipelines

/// Renders why a prediction is what it is.
package struct ExplanationText {
  private let explanation: RiskExplanation
  /// That of each feature with one, by the part of the model.
  package var coefficients: [String: [String: Double]] = [:]
  /// The card of the version; `nil` where no model predicted.
  package var card: ModelCardText?
  /// What the statements find in the source, in the order of the checks; empty where nobody asked.
  package var found: [(values: [String], rows: [RiskExplanation.Found])] = []

  /// A rendering of an explanation.
  package init(_ explanation: RiskExplanation) { self.explanation = explanation }

  /// The lines in a format.
  package func lines(_ format: OutputFormat) -> [String] {
    guard format == .table else {
      return TextRows(["part", "span", "name", "value"], rows).lines(format)
    }
    var lines = [
      "\(explanation.model) of company \(explanation.company) as of \(explanation.asOf)",
      "by \(explanation.version), run \(explanation.run.prefix(8))",
    ]
    for prediction in explanation.predictions { lines += [""] + self.lines(of: prediction) }
    if let card { lines += [""] + card.lines(.table) }
    guard !explanation.checks.isEmpty else { return lines }
    lines += ["", "To check what the features are made of, in the source:", "", Self.setting]
    for (index, check) in explanation.checks.enumerated() {
      let statements = check.values + (found.isEmpty ? check.rows : [])
      lines += ["", "-- \(check.feature)"]
      lines += statements.flatMap { $0.split(separator: "\n").map { String($0) } }
      if !found.isEmpty { lines += self.lines(of: found[index]) }
    }
    return lines
  }

  private func lines(of prediction: RiskExplanation.Prediction) -> [String] {
    var lines = ["\(prediction.part):"]
    for figure in prediction.figures where !Self.common.contains(figure.name) {
      lines.append("  \(figure.name): \(figure.value ?? "not known")")
    }
    var table = TextTable([
      ("feature", .left), ("value", .right), ("coefficient", .right), ("adds", .right),
    ])
    for reason in prediction.reasons {
      table.add([
        reason.feature, reason.value.map { ModelText.number($0) } ?? "-",
        coefficients[prediction.part]?[reason.feature].map { ModelText.number($0) } ?? "-",
        ModelText.number(reason.contribution),
      ])
    }
    lines += table.lines(indent: 2)
    let sum = prediction.reasons.reduce(0) { $0 + $1.contribution }
    lines.append("  together: log-odds \(ModelText.number(sum))")
    for reason in prediction.reasons where reason.feature != "base" {
      lines += wrapped(
        "\(reason.feature): " + CellText.escaped(reason.text, keeping: []), indent: "  ")
    }
    return lines
  }

  private func lines(
    of found: (values: [String], rows: [RiskExplanation.Found])
  ) -> [String] {
    var lines = found.values.map { "now there: " + CellText.escaped($0, keeping: []) }
    for rows in found.rows {
      lines.append("the newest \(rows.rows.count) of \(rows.total) rows behind it:")
      var table = TextTable(rows.columns.map { ($0, .left) })
      for row in rows.rows {
        table.add(row.map { $0.map { CellText.escaped($0, keeping: []) } ?? "-" })
      }
      lines += table.lines(indent: 2)
    }
    return lines
  }

  /// What rows of every prediction say, and the heading has.
  private static let common: Set = ["as_of", "model_version"]
  /// How a session has to read columns without a zone.
  private static let setting = "SET TIME ZONE 'UTC';"

  private var rows: [[String?]] {
    var rows: [[String?]] = [
      ["explanation", "", "model", explanation.model],
      ["explanation", "", "company_id", explanation.company.description],
      ["explanation", "", "run_id", explanation.run],
      ["explanation", "", "as_of", explanation.asOf.description],
      ["explanation", "", "model_version", explanation.version],
    ]
    for (number, prediction) in explanation.predictions.enumerated() {
      let isOne = explanation.predictions.count == 1
      let span = isOne ? prediction.part : "\(prediction.part) \(number + 1)"
      rows += prediction.figures.filter { !Self.common.contains($0.name) }.map {
        ["prediction", span, $0.name, $0.value]
      }
      for reason in prediction.reasons {
        rows.append(["value", span, reason.feature, reason.value.map { "\($0)" }])
        rows.append(["contribution", span, reason.feature, "\(reason.contribution)"])
        rows.append(["text", span, reason.feature, reason.text])
      }
    }
    for (index, check) in explanation.checks.enumerated() {
      rows += check.values.map { ["sql", "", check.feature, $0] }
      rows += check.rows.map { ["sql_of_rows", "", check.feature, $0] }
      guard found.indices.contains(index) else { continue }
      rows += found[index].values.map { ["found", "", check.feature, $0] }
      for table in found[index].rows {
        rows.append(["rows", "", check.feature, table.total])
        for (place, row) in table.rows.enumerated() {
          rows += zip(table.columns, row).map { ["row \(place + 1)", check.feature, $0, $1] }
        }
      }
    }
    return rows + (card?.rows ?? [])
  }
}
