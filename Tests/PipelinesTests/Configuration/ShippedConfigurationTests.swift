import AlmanacCore
import Billing
import Columns
import Documents
import Foundation
import Pipelines
import Predictions
import Testing

/// The definitions in the repository's own folders.
enum ShippedFiles {
  static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// The YAML files of a folder, by name.
  static func names(in folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path)
      .filter { $0.hasSuffix(".yaml") }.sorted()
      .map { "\(folder)/\($0)" }
  }

  /// The bytes of a file named from the repository's root.
  static func bytes(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: root.appending(path: name)))
  }

  static func node(_ name: String) throws -> Node {
    try Document.parse(try bytes(name), file: name)
  }

  static func project() throws -> Project {
    let pipelines = try names(in: "pipelines").map(node)
    return Project(
      pipelines: try pipelines.map { try PipelineDefinition(node: $0, among: pipelines) },
      models: [try ModelDefinition(node: try node("models/revenue.yaml"))],
      datasets: try names(in: "datasets").map { try DatasetDefinition(node: try node($0)) },
      risks: [
        try RiskDefinition(node: try node("models/churn.yaml")),
        try RiskDefinition(node: try node("models/payment_failure.yaml")),
        try RiskDefinition(node: try node("models/upsell.yaml")),
      ],
      metrics: try MetricsDefinition(node: try node("models/metrics.yaml")),
      funnels: try FunnelsDefinition(node: try node("models/funnels.yaml")))
  }
}

@Suite("The shipped definitions")
struct ShippedConfigurationTests {
  @Test("are valid and fit together")
  func valid() throws {
    let project = try ShippedFiles.project()
    #expect(project.problems.map(\.description) == [])
    #expect(
      project.datasets.map(\.name) == [
        "companies", "credit_notes", "events", "exchange_rates", "invoices", "modules",
        "payment_attempts", "payment_methods", "plans", "refunds", "subscription_changes",
        "subscriptions", "transactions", "users",
      ])
    #expect(project.pipeline("nightly")?.currency == CurrencyCode("GBP"))
    #expect(
      project.pipeline("nightly")?.stages.map(\.kind) == [
        .extract, .check, .rollup, .metrics, .cohorts, .funnels, .usage, .anomalies, .fit, .predict,
        .publish,
      ])
    // What others write into the same tables they count alike.
    for name in ["hourly", "weekly_retrain"] {
      let other = try #require(project.pipeline(name))
      #expect(other.zone == project.pipeline("nightly")?.zone)
      #expect(other.currency == project.pipeline("nightly")?.currency)
      #expect(
        other.stage(.rollup)?.settings == project.pipeline("nightly")?.stage(.rollup)?.settings)
    }
  }

  @Test("of events lift six keys out of the metadata")
  func events() throws {
    let events = try DatasetDefinition(node: try ShippedFiles.node("datasets/events.yaml"))
    let lifted = events.allColumns.filter { $0.expression != nil }
    #expect(
      lifted.map(\.name) == [
        "amount", "currency", "duration_ms", "method", "endpoint", "error_type",
      ])
    #expect(lifted.allSatisfy { $0.sql == "(metadata->>'\($0.name)')" && $0.isNullable })
    #expect(
      events.fields.prefix(5) == [
        Field("event_id", .uuid), Field("company_id", .uuid), Field("timestamp", .timestamp),
        Field("created_at", .timestamp), Field("event_type", .text),
      ])
    #expect(events.sqlSource == "\"app\".\"events\"")
  }

  @Test("of revenue say what the documentation says")
  func revenue() throws {
    let model = try #require(try ShippedFiles.project().model("revenue"))
    #expect(model.series.amountColumn.name == "amount")
    #expect(model.series.dataset.name == "payment_attempts")
    #expect(model.series.timeColumn.name == "attempted_at")
    #expect(model.series.condition?.column.name == "outcome")
    #expect(model.series.condition?.value == "succeeded")
    #expect(model.series.alternative?.dataset.name == "transactions")
    #expect(model.series.alternative?.timeColumn.name == "succeeded_at")
    #expect(model.series.alternative?.referringColumn.name == "transaction_id")
    #expect(model.horizon.days == 90)
    #expect(model.horizon.months == 6)
    #expect(model.levels == [80, 95])
    #expect(model.beats == [.seasonalNaive])
    #expect(model.fit == .ensemble)
    #expect(model.scopes == ForecastScope.allCases)
    #expect(model.measures == [.revenue, .mrr])
  }

  @Test("name the metrics of the output contract, and the documentation lists each")
  func metricNames() throws {
    let declared = try ShippedFiles.project().metrics.declared
    let names = Metric.allCases.map(\.name) + declared.map(\.name)
    #expect(
      names.sorted() == [
        "arpa", "arr", "customers_active", "customers_churned", "customers_new", "dau", "errors",
        "gross_mrr_churn_rate", "gross_revenue_retention", "invoices_overdue", "invoices_pending",
        "logo_churn_rate", "ltv", "mau", "module_usage", "mrr", "net_mrr_churn_rate",
        "net_revenue_retention", "overdue_amount", "payment_failure_rate", "payment_recovery_rate",
        "payments", "quick_ratio", "revenue", "revenue_net", "slow_requests", "stickiness", "wau",
      ])
    #expect(declared.first { $0.name == "payments" }?.split?.name == "method")
    #expect(declared.first { $0.name == "module_usage" }?.split?.name == "module")
    let documentation = String(decoding: try ShippedFiles.bytes("README.md"), as: UTF8.self)
    for name in names { #expect(documentation.contains("`\(name)`"), "\(name)") }
  }
}
