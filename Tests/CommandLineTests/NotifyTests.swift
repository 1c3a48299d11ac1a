import Foundation
import TestSupport
import Testing

/// What a webhook is told, through the built program and over a real connection.
@Suite("Notifications")
struct NotifyTests {
  private static let notify = """
    currency: GBP
    notify:
      webhook: ${HOOK}
      rules:
        good_month: {metric: revenue, grain: month, reaches: 1000}
        large_payment: {metric: revenue, by: company, above: 1}
        no_such_day: {metric: revenue, above: 1000000000}
        large_refund: {metric: refunded, by: company, above: 100}
        odd_day: {anomaly: revenue, kind: level_shift}
    """

  private func kinds(_ requests: [WebhookServer.Request]) -> [String] {
    requests.map { $0.object["kind"] as? String ?? "?" }
  }

  @Test("say nothing of an attempt that the next one makes good", .database)
  func attempts() throws {
    let server = try WebhookServer()
    defer { server.stop() }
    let place = try Workplace(retries: "{attempts: 2, backoff: 1s}")
    try place.edit(
      "pipelines/nightly.yaml", "currency: GBP",
      "currency: GBP\nnotify: {webhook: '\(server.url("/hook"))'}")
    let night = try place.nightWithoutSessions()
    #expect(night.end() == 0)
    #expect(try place.value("SELECT count(*) FROM almanac.runs WHERE status = 'failed'") == "1")
    let told = kinds(server.take())
    #expect(!told.contains("failure") && !told.contains("recovery"), "\(told)")
  }

  @Test("tell of a failure once, of the recovery, of rules, refusals and late nights", .database)
  func all() throws {
    let server = try WebhookServer()
    defer { server.stop() }
    let place = try Workplace()
    try place.edit("pipelines/nightly.yaml", "currency: GBP", Self.notify)
    try place.edit(
      "models/metrics.yaml", "metrics:\n",
      "metrics:\n  refunded: {sum: amount, from: refunds, where: status = succeeded, "
        + "at: succeeded_at}\n")
    let company = "00000000-0000-4000-8000-000000000002"
    try place.sql(
      """
      INSERT INTO billing.refunds (id, company_id, amount, currency, status, succeeded_at, created_at)
      SELECT gen_random_uuid(), '\(company)', amount, 'GBP', 'succeeded', at, at
      FROM (VALUES (70.5, '2025-12-30 09:00+00'::timestamptz), (29.75, '2025-12-30 18:00+00'),
        (900, '2025-12-29 18:00+00')) AS refunds (amount, at)
      """)
    let environment = ["HOOK": server.url("/hush")]
    func run(_ date: String) throws -> ProcessOutcome {
      try place.almanac(
        [
          "run", "nightly", "--date", date, "--source", place.url, "--target", place.url,
          "--data", "data",
        ], environment: environment)
    }
    func notify(_ more: String...) throws -> ProcessOutcome {
      try place.almanac(
        ["notify", "nightly", "--target", place.url] + more, environment: environment)
    }

    // A run that cannot even begin, twice; only the first is news.
    let wrongSource = ["--source", "postgresql:///shop?host=/nonexistent&user=me"]
    for _ in 0..<2 {
      let early = try place.almanac(
        ["run", "nightly", "--target", place.url, "--data", "data"] + wrongSource,
        environment: environment)
      #expect(early.status == 69)
    }
    let first = server.take()
    #expect(kinds(first) == ["failure"])
    #expect(first.first?.object["run"] is NSNull)

    // A failed night, and the same again.
    try place.edit("datasets/events.yaml", "{matches_source: count}", "{minimum_rows: 1000000}")
    #expect(try run("2025-12-30").status == 65)
    #expect(try run("2025-12-30").status == 65)
    let failure = server.take()
    #expect(kinds(failure) == ["failure"])
    let message = try #require(failure.first)
    let text = message.object["text"] as? String ?? ""
    #expect(
      text.hasPrefix(
        "almanac: nightly for 2025-12-30 failed in stage check: dataset events: minimum_rows"),
      "\(text)")
    #expect(message.object["stage"] as? String == "check")
    #expect(message.object["date"] as? String == "2025-12-30")
    #expect(message.object["id"] as? String == message.headers["idempotency-key"])
    #expect(!String(decoding: message.body, as: UTF8.self).contains("hush"))

    // The webhook is busy, then away while the night succeeds: the night does not mind.
    try place.edit("datasets/events.yaml", "{minimum_rows: 1000000}", "{matches_source: count}")
    server.answer([404])
    let night = try run("2025-12-30")
    #expect(night.status == 0, "\(night.stderr)")
    #expect(night.stdout.contains("could not be sent: the webhook answered with status 404"))
    #expect(!(night.stdout + night.stderr).contains("hush"))
    // What is refused for what it is keeps nothing else back.
    let early = server.take()
    let refused = try #require(early.first)
    let later = try notify()
    #expect(later.status == 0, "\(later.stderr)")
    let again = server.take()
    #expect(again.map { $0.object["id"] as? String } == [refused.object["id"] as? String])
    let sent = Array(early.dropFirst()) + again
    #expect(Set(kinds(sent)).isSuperset(of: ["recovery", "rule"]), "\(kinds(sent))")
    let rules = sent.filter { $0.object["kind"] as? String == "rule" }
    let names = Set(rules.compactMap { $0.object["rule"] as? String })
    #expect(names.isSuperset(of: ["large_payment", "large_refund"]), "\(names)")
    // The month's limit was reached in January already.
    #expect(names.isDisjoint(with: ["no_such_day", "good_month"]), "\(names)")
    let refund = rules.first { $0.object["rule"] as? String == "large_refund" }
    #expect(
      refund?.object["text"] as? String
        == "almanac: large_refund on 2025-12-30: refunded 100.25 GBP of company \(company)")
    let payment = rules.first { $0.object["rule"] as? String == "large_payment" }
    let matches = payment?.object["matches"] as? [[String: Any]] ?? []
    #expect(matches.count == 3 && payment?.object["count"] as? Int == 3)
    let expected = try place.value(
      """
      SELECT trim_scale(max(value)) FROM analytics.daily_metrics WHERE metric_name = 'revenue'
        AND dimension = '' AND date = '2025-12-30'
        AND company_id <> '00000000-0000-0000-0000-000000000000'
      """)
    #expect(matches.first?["value"] as? String == expected)

    // Nothing is new; then a model is refused, and a night passes its deadline.
    #expect(try notify().stdout == "0 notifications sent\n")
    try place.sql(
      """
      INSERT INTO almanac.gate_results (run_id, model, passed, decision, reason, checks, decided_at)
      SELECT run_id, 'churn', false, 'kept', 'worse than the champion by <5 %>', '{}', now()
      FROM almanac.runs WHERE status = 'succeeded' LIMIT 1
      """)
    #expect(try notify().stdout == "1 notification sent\n")
    let gate = try #require(server.take().first)
    #expect(gate.object["kind"] as? String == "gate")
    #expect(
      (gate.object["text"] as? String)?.hasSuffix("worse than the champion by &lt;5 %&gt;") == true)
    try place.edit("pipelines/nightly.yaml", "currency: GBP", "currency: GBP\ndeadline: 1s")
    try place.sql("UPDATE almanac.runs SET started_at = started_at - interval '2 days'")
    #expect(try notify().stdout == "1 notification sent\n")
    #expect(kinds(server.take()) == ["late"])
    #expect(try notify().stdout == "0 notifications sent\n")

    // A message that a crash kept from being sent, and a program that is sending it meanwhile.
    try place.sql("UPDATE almanac.notifications SET delivered_at = NULL WHERE kind = 'late'")
    let both = (try notify(), try notify())
    #expect(both.0.stdout + both.1.stdout == "1 notification sent\n0 notifications sent\n")
    #expect(server.take().count == 1)
    #expect(try notify("--test").status == 0)
    #expect(kinds(server.take()) == ["test"])
    for (option, sent) in [(["--test"], 1), ([], 0)] {
      let told = try place.almanac(
        ["notify", "nightly", "--target", place.url, "--format", "json"] + option,
        environment: environment)
      let object = try #require(
        try JSONSerialization.jsonObject(with: Data(told.stdout.utf8)) as? [String: Any])
      #expect(object["sent"] as? Int == sent && object["kept"] as? Int == 0, "\(told.stderr)")
      #expect(object["test"] as? Bool == !option.isEmpty && object["reason"] is NSNull)
    }
    #expect(kinds(server.take()) == ["test"])

    // Who is told does not change the numbers: the night stays finished.
    #expect(try run("2025-12-30").stdout.contains("is finished"))
    server.stop()
    let away = try notify("--test")
    #expect(away.status == 69)
    #expect(away.stderr.contains("cannot be reached") && !away.stderr.contains("hush"))
  }
}
