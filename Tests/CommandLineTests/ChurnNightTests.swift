import TestSupport
import Testing

/// A night over a simulated world that ends with a risk of churn for each company that pays.
@Suite("A night that predicts churn", .database)
struct ChurnNightTests {
  @Test("publishes a labelled share for every company with MRR where history is too short")
  func shortHistory() throws {
    let place = try Workplace(isFilled: false)
    try place.edit("pipelines/nightly.yaml", "currency: GBP", "currency: USD")
    for stage in [
      "cohorts", "funnels", "usage", "anomalies", "rollup: {grains: [hour, day, month]}",
    ] {
      try place.edit("pipelines/nightly.yaml", "  - \(stage)\n", "")
    }
    try place.edit("pipelines/nightly.yaml", "fit: [revenue]", "fit: [churn]")
    try place.edit("pipelines/nightly.yaml", "predict: [revenue]", "predict: [churn]")
    let made = try place.almanac([
      "simulate", "--target", place.url, "--simulations", "0", "--companies", "12", "--months", "3",
      "--end", "2025-03-31",
    ])
    try #require(made.status == 0, "\(made.stderr)")
    let night = try place.night("2025-03-31")
    try #require(night.status == 0, "\(night.stderr)")
    #expect(
      try place.value(
        """
        SELECT (count(*) > 0 AND bool_and(model_version = 'base_rate')
          AND count(DISTINCT probability) <= 2
          AND bool_and(reasons->0->>'text' ~ 'months have a known outcome|recorded already'))::text
        FROM predictions.churn_risk
        """) == "true")
    #expect(
      try place.value(
        """
        SELECT string_agg(model || ' ' || rows, ',') FROM almanac.published_runs
        """) == "churn \(try place.value("SELECT count(*) FROM predictions.churn_risk") ?? "")")
    #expect(
      try place.value("SELECT decision || passed FROM almanac.gate_results") == "baselinefalse")
  }
}
