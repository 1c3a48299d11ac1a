import AlmanacCore
import Billing
import Columns
import Predictions

/// Turns what is said of companies into rows of `predictions.churn_risk`.
struct ChurnRiskRows {
  let run: UUIDValue
  let model: String
  let asOf: CalendarDate
  let recordedCut: Timestamp
  let validUntil: Timestamp
  /// What may be done about a risk.
  let actions: [RiskAction]

  /// The columns of the table.
  static let fields = [
    Field("company_id", .uuid), Field("run_id", .uuid), Field("probability", .float64),
    Field("probability_90d", .float64, isNullable: true), Field("risk_band", .text),
    Field("expected_mrr_loss", .money, isNullable: true), Field("reasons", .json),
    Field("actions", .json), Field("as_of", .date), Field("recorded_cut", .timestamp),
    Field("model", .text), Field("model_version", .text), Field("feature_digest", .text),
    Field("valid_until", .timestamp),
  ]

  /// One row a company, by company.
  func batch(_ forecast: ChurnForecast, of fitted: FittedRisk) -> Batch {
    var builders = ChurnRiskRows.fields.map { ColumnBuilder($0) }
    for row in forecast.rows {
      let values: [ColumnValue?] = [
        .uuid(row.company), .uuid(run), .float(row.probability),
        row.probability90.map { .float($0) }, .text(row.band.rawValue),
        row.expectedLoss.map { .integer($0) }, .text(Reason.json(row.reasons)),
        .text(proposals(for: row)),
        .date(asOf), .timestamp(recordedCut), .text(model), .text(fitted.rowVersion),
        .text(fitted.rowDigest), .timestamp(validUntil),
      ]
      for (index, value) in values.enumerated() { builders[index].append(value) }
    }
    return Batch(builders.map { $0.finish() })
  }

  /// What to do about a company, as JSON; nothing where the loss is not known.
  private func proposals(for row: ChurnForecast.Row) -> String {
    let found = row.expectedLoss.map {
      RiskAction.proposed(actions, for: row.reasons, expectedLoss: $0)
    }
    let entries = (found ?? []).map { proposal in
      var object = JSONText()
      object.add("action", text: proposal.action)
      object.add("why", text: proposal.why)
      object.add(
        "expected_value",
        raw: Money.text(Int128((proposal.expectedValue * Double(Money.scale)).rounded())))
      return object.finish()
    }
    return "[" + entries.joined(separator: ",") + "]"
  }
}

extension Reason {
  /// Reasons as a JSON array, in their order.
  static func json(_ reasons: [Reason]) -> String {
    let entries = reasons.map { reason in
      var object = JSONText()
      object.add("feature", text: reason.feature)
      object.add("value", number: reason.value)
      object.add("contribution", number: reason.contribution)
      object.add("text", text: reason.text)
      return object.finish()
    }
    return "[" + entries.joined(separator: ",") + "]"
  }
}
