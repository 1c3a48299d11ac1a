import AlmanacCore
import Billing
import Documents
import Testing

@testable import Pipelines

@Suite("Declared metrics and funnels")
struct MetricsDefinitionTests {
  private static func node(_ text: String) throws -> Node {
    try Document.parse(Array(text.utf8), file: "f.yaml") { _ in nil }
  }

  /// The first fault in a file of metrics, beside the shipped datasets.
  private func fault(metrics text: String) throws -> String? {
    do {
      var project = try ShippedFiles.project()
      project.metrics = try MetricsDefinition(node: try Self.node(text))
      return project.problems.first?.description
    } catch let error as DocumentError {
      return error.description
    }
  }

  @Test(
    "of metrics name place, finding and expectation",
    arguments: [
      (
        "settings: {recogniton: event}",
        #"f.yaml:1:12: found unknown key "recogniton", expected one of recognition, churn_at, pause, fx, margin (did you mean "recognition"?)"#
      ),
      (
        "settings: {pause: zeros}",
        #"f.yaml:1:19: found "zeros", expected zero or keep (did you mean "zero"?)"#
      ),
      (
        "metrics:\n  mrr: {count: events}",
        #"f.yaml:2:3: found the metric "mrr", which is computed already, expected another name"#
      ),
      (
        "metrics:\n  calls: {cont: events}",
        #"f.yaml:2:11: found unknown key "cont", expected one of count, sum, distinct, ratio (did you mean "count"?)"#
      ),
      (
        "metrics:\n  calls: {count: event}",
        #"f.yaml:2:18: found the dataset "event", which no file defines, expected one of companies, credit_notes, events, exchange_rates, invoices, modules, payment_attempts, payment_methods, plans, refunds, subscription_changes, subscriptions, transactions, users (did you mean "events"?)"#
      ),
      (
        "metrics:\n  calls: {count: events, where: event_typ = x}",
        #"f.yaml:2:33: found column "event_typ", which dataset events has not, expected a column of type text or uuid (did you mean "event_type"?)"#
      ),
      (
        "metrics:\n  calls: {distinct: event_type, from: events}",
        #"f.yaml:2:21: found column "event_type" of dataset events as text, expected a column of type uuid"#
      ),
      (
        "metrics:\n  calls: {distinct: user_id, window: 36h}",
        #"f.yaml:2:38: found "36h", expected a window of 1d to 92d"#
      ),
      (
        "metrics:\n  paid: {count: transactions}",
        #"f.yaml:2:17: found the dataset "transactions", which has no time:, expected at: with the column that says when a row counts"#
      ),
      (
        "metrics:\n  a: {count: events}\n  b: {ratio: [a, c]}",
        #"f.yaml:3:18: found "c" in a ratio, expected a metric of this file that is neither split nor a ratio: a"#
      ),
      (
        "metrics:\n  a: {count: events}\n  c: {count: transactions, at: succeeded_at}\n"
          + "  b: {ratio: [a, c]}",
        #"f.yaml:4:18: found "c" under "a", expected two metrics by their datasets' own time, or two with at:"#
      ),
    ])
  func metricFaults(_ text: String, _ message: String) throws {
    #expect(try fault(metrics: text) == message)
  }

  @Test(
    "of funnels name place, finding and expectation",
    arguments: [
      (
        "funnels: {a: {of: firm, steps: []}}",
        #"f.yaml:1:19: found "firm", expected company or user"#
      ),
      (
        "funnels: {a: {of: user, steps: [{name: x, event: y}]}}",
        "f.yaml:1:11: found a funnel of which it has 1 steps, and needs 2 to 64, expected 2 to 64 steps with windows"
      ),
      (
        "funnels: {a: {of: user, steps: [{name: x, event: y}, {name: x, event: z}]}}",
        #"f.yaml:1:55: found the step "x" a second time, expected each step with a name of its own"#
      ),
      (
        "funnels: {a: {of: user, entries: often, steps: []}}",
        #"f.yaml:1:34: found "often", expected first or every"#
      ),
      (
        "funnels: {a: {of: user, step: []}}",
        #"f.yaml:1:25: found unknown key "step", expected steps (did you mean "steps"?)"#
      ),
    ])
  func funnelFaults(_ text: String, _ message: String) throws {
    do {
      _ = try FunnelsDefinition(node: try Self.node(text))
      Issue.record("no fault")
    } catch let error as DocumentError {
      #expect(error.description == message)
    }
  }

  @Test("take conditions, splits and windows as written")
  func reading() throws {
    let definition = try MetricsDefinition(
      node: try Self.node(
        """
        settings: {recognition: event, churn_at: cancellation, pause: keep, fx: month_end, margin: 80%}
        metrics:
          a: {count: events, where: [event_type = call_failed, method != sip], by: module_id}
          b: {sum: amount, from: payment_attempts, by: {reason: decline_code}}
          c: {distinct: user_id, window: 28d}
        """))
    #expect(definition.margin == 8_000)
    let settings = definition.ledgerSettings(try #require(CurrencyCode("EUR")))
    #expect(
      settings.canonicalText
        == "churn_at=cancellation currency=EUR fx=month_end pause=keep recognition=event")
    let conditions = definition.declared[0].conditions
    #expect(conditions.map(\.column.name) == ["event_type", "method"])
    #expect(conditions.map(\.value) == ["call_failed", "sip"])
    #expect(conditions.map(\.isEqual) == [true, false])
    #expect(definition.declared[0].split?.name == "module")
    #expect(definition.declared[1].split?.name == "reason")
    #expect(definition.declared[2].windowDays == 28)
    #expect(definition.declared[2].dataset.name == "events")
  }
}
