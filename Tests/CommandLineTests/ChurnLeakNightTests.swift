import Foundation
import TestSupport
import Testing

/// Nights whose source says beforehand who will leave, and what users are told of it.
@Suite("A night with a feature of the future", .database)
struct ChurnLeakNightTests {
  @Test("names it where it runs and on its card, and is the same with any threads and memory")
  func leak() throws {
    let place = try ChurnWorld.workplace()
    // A ticket is opened on the day before the month in which a company will leave, and only then.
    try place.sql(
      """
      INSERT INTO app.events (event_id, event_type, company_id, user_id, "timestamp", created_at)
        SELECT md5('ticket ' || company || t)::uuid, 'ticket_opened', company,
          md5('user of ' || company)::uuid, t - interval '1 day', t - interval '1 day'
        FROM oracle.company_months WHERE falls AND t < '2025-04-16Z';
      UPDATE billing.subscription_changes SET currency = 'EUR' WHERE company_id::text < '8';
      INSERT INTO billing.exchange_rates (base, quote, rate_date, rate, created_at)
        SELECT 'EUR', 'USD', day, 1.1, day + interval '6 hours'
        FROM generate_series(timestamptz '2023-12-01Z', '2025-04-15Z', '1 day') AS day;
      """)
    let night = try place.night(ChurnWorld.date, "--jobs", "1")
    try #require(night.status == 0, "\(night.stderr)")
    func flat(_ text: String) -> String {
      text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
    let words =
      "feature \"tickets\" alone tells the outcomes apart (AUC above 0.99): it may be known only "
      + "after the outcome"
    let told = flat(night.stdout + night.stderr)
    #expect(told.contains("churn: of 30 days: " + words), "\(told)")

    func models(_ arguments: [String]) throws -> String {
      let result = try place.almanac(["models"] + arguments + ["--target", place.url])
      #expect(result.status == 0, "\(result.stderr)")
      return result.stdout
    }
    // Such a model mostly does not pass its gate, so it is named by its version.
    let version = try #require(
      try place.value("SELECT max(model_version) FROM almanac.model_versions"))
    let card = try models(["show", "churn", version])
    #expect(flat(card).contains("note: " + words), "\(card)")
    let rows = try models(["show", "churn", version, "--format", "csv"])
    #expect(
      rows.contains("note,days_0_30,1,\"\(words.replacingOccurrences(of: "\"", with: "\"\""))\"\n"),
      "\(rows)")

    // The same night again, with other threads and hardly any memory.
    func said() throws -> String? {
      try place.value(
        """
        SELECT md5(string_agg(concat_ws(' ', company_id, model_version, probability,
            probability_90d, reasons), '; ' ORDER BY company_id))
          || ' ' || (SELECT md5(string_agg(coefficients::text || scores || gate, '; '
            ORDER BY model_version)) FROM almanac.model_versions)
        FROM predictions.churn_risk WHERE run_id = (SELECT run_id FROM almanac.runs
          WHERE status = 'succeeded' ORDER BY started_at DESC LIMIT 1)
        """)
    }
    let first = try #require(try said())
    for more in [["--jobs", "3"], ["--jobs", "4", "--memory", "1MB"]] {
      let again = try place.night(ChurnWorld.date, ["--force"] + more)
      try #require(again.status == 0, "\(again.stderr)")
      #expect(try said() == first, "\(more)")
    }

    // Rates that were corrected after the date say nothing of what was known on it.
    func probabilities() throws -> String? {
      try place.value(
        """
        SELECT count(*) || md5(string_agg(concat_ws(' ', company_id, probability, probability_90d,
            expected_mrr_loss, reasons), '; ' ORDER BY company_id))
        FROM predictions.churn_risk WHERE run_id = (SELECT run_id FROM almanac.runs
          WHERE status = 'succeeded' ORDER BY started_at DESC LIMIT 1)
        """)
    }
    let before = try #require(try probabilities())
    try place.sql(
      """
      INSERT INTO billing.exchange_rates (base, quote, rate_date, rate, created_at)
        SELECT base, quote, rate_date, 2 * rate, timestamptz '2025-04-16Z'
        FROM billing.exchange_rates
      """)
    let corrected = try place.night(ChurnWorld.date, "--force")
    try #require(corrected.status == 0, "\(corrected.stderr)")
    #expect(try probabilities() == before)
  }
}
