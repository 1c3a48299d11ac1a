package import Columns

/// The tables Almanac reads, under their canonical names.
///
/// Times are instants, money is exact to the ten-thousandth with a three-letter currency beside it.
/// `created_at` is when a row was recorded, every other time when the thing happened.
package enum SourceContract {
  /// `app.events`: what happened, one row an event.
  package static let events = SourceTable(
    schema: "app", name: "events",
    fields: [
      Field("event_id", .uuid),
      Field("event_type", .text),
      Field("company_id", .uuid),
      Field("user_id", .uuid, isNullable: true),
      Field("module_id", .uuid, isNullable: true),
      Field("metadata", .json, isNullable: true),
      Field("timestamp", .timestamp),
      Field("created_at", .timestamp),
    ], key: ["event_id"], isAppendOnly: true)

  /// The keys of `app.events.metadata` that become columns, with the type each is parsed as.
  package static let eventMetadata = [
    Field("amount", .money, isNullable: true),
    Field("currency", .text, isNullable: true),
    Field("duration_ms", .int64, isNullable: true),
    Field("method", .text, isNullable: true),
    Field("endpoint", .text, isNullable: true),
    Field("error_type", .text, isNullable: true),
  ]

  /// `billing.companies`: the customers.
  package static let companies = SourceTable(
    schema: "billing", name: "companies",
    fields: [
      Field("id", .uuid),
      Field("tenant_id", .uuid, isNullable: true),
      Field("name", .text, isNullable: true),
      Field("country", .text, isNullable: true),
      Field("industry", .text, isNullable: true),
      Field("size_band", .text, isNullable: true),
      Field("segment", .text, isNullable: true),
      Field("timezone", .text, isNullable: true),
      Field("currency", .text, isNullable: true),
      Field("signed_up_at", .timestamp, isNullable: true),
      Field("deleted_at", .timestamp, isNullable: true),
      Field("created_at", .timestamp),
      Field("updated_at", .timestamp),
    ], key: ["id"], isAppendOnly: false)

  /// `billing.invoices`: what customers were asked to pay.
  package static let invoices = SourceTable(
    schema: "billing", name: "invoices",
    fields: [
      Field("id", .uuid),
      Field("company_id", .uuid),
      Field("subscription_id", .uuid, isNullable: true),
      Field("number", .text, isNullable: true),
      Field("status", .text),
      Field("currency", .text),
      Field("subtotal", .money, isNullable: true),
      Field("tax", .money, isNullable: true),
      Field("total", .money),
      Field("amount_paid", .money, isNullable: true),
      Field("issued_at", .timestamp, isNullable: true),
      Field("due_at", .timestamp, isNullable: true),
      Field("paid_at", .timestamp, isNullable: true),
      Field("voided_at", .timestamp, isNullable: true),
      Field("uncollectible_at", .timestamp, isNullable: true),
      Field("period_start", .timestamp, isNullable: true),
      Field("period_end", .timestamp, isNullable: true),
      Field("billing_reason", .text, isNullable: true),
      Field("created_at", .timestamp),
      Field("updated_at", .timestamp),
    ], key: ["id"], isAppendOnly: false)

  /// `billing.transactions`: the collection of an invoice, over all its attempts.
  package static let transactions = SourceTable(
    schema: "billing", name: "transactions",
    fields: [
      Field("id", .uuid),
      Field("invoice_id", .uuid, isNullable: true),
      Field("company_id", .uuid),
      Field("user_id", .uuid, isNullable: true),
      Field("amount", .money),
      Field("currency", .text),
      Field("status", .text),
      Field("payment_method", .text, isNullable: true),
      Field("payment_method_id", .uuid, isNullable: true),
      Field("provider_transaction_id", .text, isNullable: true),
      Field("retry_count", .int32, isNullable: true),
      Field("last_retry_at", .timestamp, isNullable: true),
      Field("next_retry_at", .timestamp, isNullable: true),
      Field("error_message", .text, isNullable: true),
      Field("succeeded_at", .timestamp, isNullable: true),
      Field("created_at", .timestamp),
      Field("updated_at", .timestamp),
    ], key: ["id"], isAppendOnly: false)

  /// `billing.payment_attempts`: each try to collect a transaction.
  package static let paymentAttempts = SourceTable(
    schema: "billing", name: "payment_attempts",
    fields: [
      Field("id", .uuid),
      Field("transaction_id", .uuid, isNullable: true),
      Field("invoice_id", .uuid, isNullable: true),
      Field("company_id", .uuid),
      Field("payment_method_id", .uuid, isNullable: true),
      Field("attempt_number", .int32, isNullable: true),
      Field("amount", .money),
      Field("currency", .text),
      Field("outcome", .text),
      Field("decline_code", .text, isNullable: true),
      Field("decline_class", .text, isNullable: true),
      Field("attempted_at", .timestamp),
      Field("created_at", .timestamp),
    ], key: ["id"], isAppendOnly: true)

  /// `billing.refunds`: money given back, part or all of a transaction.
  package static let refunds = SourceTable(
    schema: "billing", name: "refunds",
    fields: [
      Field("id", .uuid),
      Field("transaction_id", .uuid, isNullable: true),
      Field("company_id", .uuid),
      Field("amount", .money),
      Field("currency", .text),
      Field("reason", .text, isNullable: true),
      Field("status", .text),
      Field("succeeded_at", .timestamp, isNullable: true),
      Field("created_at", .timestamp),
    ], key: ["id"], isAppendOnly: false)

  /// `billing.credit_notes`: what an invoice was lowered by after it was issued.
  package static let creditNotes = SourceTable(
    schema: "billing", name: "credit_notes",
    fields: [
      Field("id", .uuid),
      Field("invoice_id", .uuid, isNullable: true),
      Field("company_id", .uuid),
      Field("amount", .money),
      Field("currency", .text),
      Field("reason", .text, isNullable: true),
      Field("issued_at", .timestamp),
      Field("created_at", .timestamp),
    ], key: ["id"], isAppendOnly: true)

  /// Every table, each after those its rows refer to.
  package static let tables = [
    companies, invoices, transactions, paymentAttempts, refunds, creditNotes, events,
  ]

  /// The table of a qualified name such as `billing.invoices`, or `nil` if there is none.
  package static func table(_ qualifiedName: String) -> SourceTable? {
    tables.first { $0.qualifiedName == qualifiedName }
  }
}
