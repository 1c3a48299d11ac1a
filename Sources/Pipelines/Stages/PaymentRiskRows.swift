import AlmanacCore
import Billing
import Columns
import Predictions

/// Turns what is said of invoices and payment methods into rows of `predictions.payment_failure_risk`
/// and `predictions.payment_method_risk`.
struct PaymentRiskRows {
  let run: UUIDValue
  let model: String
  let asOf: CalendarDate
  let recordedCut: Timestamp
  let validUntil: Timestamp

  /// The columns that both tables end with.
  private static let common = [
    Field("reasons", .json), Field("as_of", .date), Field("recorded_cut", .timestamp),
    Field("model", .text), Field("model_version", .text), Field("feature_digest", .text),
    Field("valid_until", .timestamp),
  ]

  private static let invoiceFields =
    [
      Field("company_id", .uuid), Field("run_id", .uuid), Field("invoice_id", .uuid),
      Field("payment_method_id", .uuid), Field("due_at", .timestamp, isNullable: true),
      Field("probability", .float64), Field("amount_at_risk", .money, isNullable: true),
      Field("decline_class_expected", .text, isNullable: true),
      Field("retry_at", .timestamp, isNullable: true),
      Field("retry_success_probability", .float64, isNullable: true),
      Field("alternative_payment_method_id", .uuid, isNullable: true),
      Field("alternative_success_probability", .float64, isNullable: true),
    ] + common

  private static let methodFields =
    [
      Field("company_id", .uuid), Field("run_id", .uuid), Field("payment_method_id", .uuid),
      Field("probability", .float64), Field("expires_in_days", .int32, isNullable: true),
    ] + common

  /// One row an invoice and method.
  func invoices(_ rows: [PaymentForecast.InvoiceRow], of fitted: FittedRisk) -> Batch {
    var builders = PaymentRiskRows.invoiceFields.map { ColumnBuilder($0) }
    for row in rows {
      let values: [ColumnValue?] = [
        .uuid(row.company), .uuid(run), .uuid(row.invoice), .uuid(row.method),
        row.dueAt.map { .timestamp($0) }, .float(row.probability),
        row.amountAtRisk.map { .integer($0) },
        row.declineClass.map { .text($0.rawValue) }, row.retryAt.map { .timestamp($0) },
        row.retrySuccess.map { .float($0) }, row.alternative.map { .uuid($0) },
        row.alternativeSuccess.map { .float($0) },
      ]
      for (index, value) in (values + common(row.reasons, fitted)).enumerated() {
        builders[index].append(value)
      }
    }
    return Batch(builders.map { $0.finish() })
  }

  /// One row a method.
  func methods(_ rows: [PaymentForecast.MethodRow], of fitted: FittedRisk) -> Batch {
    var builders = PaymentRiskRows.methodFields.map { ColumnBuilder($0) }
    for row in rows {
      let values: [ColumnValue?] = [
        .uuid(row.company), .uuid(run), .uuid(row.method), .float(row.probability),
        row.expiresInDays.map { .integer(Int128($0)) },
      ]
      for (index, value) in (values + common(row.reasons, fitted)).enumerated() {
        builders[index].append(value)
      }
    }
    return Batch(builders.map { $0.finish() })
  }

  private func common(_ reasons: [Reason], _ fitted: FittedRisk) -> [ColumnValue?] {
    [
      .text(Reason.json(reasons)), .date(asOf), .timestamp(recordedCut), .text(model),
      .text(fitted.rowVersion), .text(fitted.rowDigest), .timestamp(validUntil),
    ]
  }
}
