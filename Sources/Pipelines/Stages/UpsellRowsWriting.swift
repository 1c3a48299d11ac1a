import AlmanacCore
import Columns
import Predictions

/// Turns what companies may buy into rows of `predictions.upsell_opportunities`.
struct UpsellRowsWriting {
  let run: UUIDValue
  let model: String
  let asOf: CalendarDate
  let recordedCut: Timestamp
  let validUntil: Timestamp

  /// The columns of the table.
  static let fields = [
    Field("company_id", .uuid), Field("run_id", .uuid), Field("kind", .text),
    Field("target_id", .uuid), Field("probability", .float64),
    Field("expected_mrr_uplift", .money, isNullable: true), Field("rank", .int32),
    Field("reasons", .json), Field("as_of", .date), Field("recorded_cut", .timestamp),
    Field("model", .text), Field("model_version", .text), Field("feature_digest", .text),
    Field("valid_until", .timestamp),
  ]

  /// One row an opportunity, by company and rank.
  func batch(_ forecast: UpsellForecast, of fitted: FittedRisk) -> Batch {
    var builders = UpsellRowsWriting.fields.map { ColumnBuilder($0) }
    for row in forecast.rows {
      let values: [ColumnValue?] = [
        .uuid(row.company), .uuid(run), .text(row.kind.rawValue), .uuid(row.target),
        .float(row.probability), row.expectedUplift.map { .integer($0) },
        .integer(Int128(row.rank)), .text(Reason.json(row.reasons)), .date(asOf),
        .timestamp(recordedCut), .text(model), .text(fitted.rowVersion), .text(fitted.rowDigest),
        .timestamp(validUntil),
      ]
      for (index, value) in values.enumerated() { builders[index].append(value) }
    }
    return Batch(builders.map { $0.finish() })
  }
}
