package import Billing
import Columns

/// Tables of the source contract that a simulated world fills.
package enum SimulatedTables {
  static let users = SourceTable(
    schema: "billing", name: "users",
    fields: [
      Field("id", .uuid),
      Field("company_id", .uuid),
      Field("role", .text, isNullable: true),
      Field("invited_at", .timestamp, isNullable: true),
      Field("activated_at", .timestamp, isNullable: true),
      Field("last_seen_at", .timestamp, isNullable: true),
      Field("deactivated_at", .timestamp, isNullable: true),
      Field("created_at", .timestamp),
    ], key: ["id"], isAppendOnly: false)

  static let plans = SourceTable(
    schema: "billing", name: "plans",
    fields: [
      Field("id", .uuid),
      Field("code", .text),
      Field("name", .text, isNullable: true),
      Field("tier_rank", .int32, isNullable: true),
      Field("interval", .text),
      Field("interval_count", .int32),
      Field("unit_amount", .money, isNullable: true),
      Field("currency", .text, isNullable: true),
      Field("seat_based", .bool, isNullable: true),
      Field("active_from", .timestamp, isNullable: true),
      Field("active_to", .timestamp, isNullable: true),
    ], key: ["id"], isAppendOnly: false)

  static let modules = SourceTable(
    schema: "billing", name: "modules",
    fields: [
      Field("id", .uuid),
      Field("code", .text),
      Field("name", .text, isNullable: true),
      Field("category", .text, isNullable: true),
      Field("unit_amount", .money, isNullable: true),
      Field("currency", .text, isNullable: true),
    ], key: ["id"], isAppendOnly: false)

  static let subscriptions = SourceTable(
    schema: "billing", name: "subscriptions",
    fields: [
      Field("id", .uuid),
      Field("company_id", .uuid),
      Field("plan_id", .uuid, isNullable: true),
      Field("quantity", .int32, isNullable: true),
      Field("status", .text),
      Field("started_at", .timestamp, isNullable: true),
      Field("trial_ends_at", .timestamp, isNullable: true),
      Field("current_period_start", .timestamp, isNullable: true),
      Field("current_period_end", .timestamp, isNullable: true),
      Field("cancel_at", .timestamp, isNullable: true),
      Field("canceled_at", .timestamp, isNullable: true),
      Field("ended_at", .timestamp, isNullable: true),
      Field("cancel_reason", .text, isNullable: true),
      Field("migrated_from", .uuid, isNullable: true),
      Field("created_at", .timestamp),
      Field("updated_at", .timestamp),
    ], key: ["id"], isAppendOnly: false)

  static let subscriptionChanges = SourceTable(
    schema: "billing", name: "subscription_changes",
    fields: [
      Field("id", .uuid),
      Field("subscription_id", .uuid),
      Field("company_id", .uuid),
      Field("sequence", .int64),
      Field("change", .text),
      Field("plan_id", .uuid, isNullable: true),
      Field("module_id", .uuid, isNullable: true),
      Field("quantity", .int32, isNullable: true),
      Field("recurring_amount", .money, isNullable: true),
      Field("interval", .text, isNullable: true),
      Field("interval_count", .int32, isNullable: true),
      Field("currency", .text, isNullable: true),
      Field("requested_at", .timestamp, isNullable: true),
      Field("effective_at", .timestamp),
      Field("created_at", .timestamp),
    ], key: ["id"], isAppendOnly: true)

  static let paymentMethods = SourceTable(
    schema: "billing", name: "payment_methods",
    fields: [
      Field("id", .uuid),
      Field("company_id", .uuid),
      Field("user_id", .uuid, isNullable: true),
      Field("type", .text, isNullable: true),
      Field("provider", .text, isNullable: true),
      Field("brand", .text, isNullable: true),
      Field("funding", .text, isNullable: true),
      Field("issuer_country", .text, isNullable: true),
      Field("exp_month", .int32, isNullable: true),
      Field("exp_year", .int32, isNullable: true),
      Field("is_default", .bool, isNullable: true),
      Field("is_active", .bool, isNullable: true),
      Field("created_at", .timestamp),
      Field("updated_at", .timestamp),
    ], key: ["id"], isAppendOnly: false)

  static let exchangeRates = SourceTable(
    schema: "billing", name: "exchange_rates",
    fields: [
      Field("base", .text),
      Field("quote", .text),
      Field("rate_date", .date),
      Field("rate", .decimal(scale: 10)),
      Field("created_at", .timestamp),
    ], key: ["base", "quote", "rate_date", "created_at"], isAppendOnly: true)

  /// Every table a world fills: the price list and the rates first, events last.
  package static let all = [
    plans, modules, exchangeRates, SourceContract.companies, users, subscriptions,
    subscriptionChanges, paymentMethods, SourceContract.invoices, SourceContract.transactions,
    SourceContract.paymentAttempts, SourceContract.refunds, SourceContract.creditNotes,
    SourceContract.events,
  ]
}
