import Files
import TestSupport
import Testing

/// Nights of a pipeline with `zone: company`.
@Suite("Nights in each company's own zone", .database)
struct CompanyZoneNightTests {
  @Test("nights with late rows and a company that moves end in the tables of one from scratch")
  func fromScratch() throws {
    let place = try Workplace()
    try place.edit("pipelines/nightly.yaml", "zone: UTC", "zone: company")
    try place.sql(
      """
      UPDATE billing.companies AS c SET timezone = z.zone
      FROM (SELECT id, row_number() OVER (ORDER BY id) AS number FROM billing.companies) AS n
      JOIN (VALUES (1, 'Etc/GMT+12'), (2, 'Pacific/Kiritimati'), (3, 'Asia/Kathmandu'))
        AS z (number, zone) USING (number)
      WHERE n.id = c.id
      """)
    let stages = ["--only", "extract,rollup,metrics,cohorts,funnels,usage,anomalies"]
    let known = try place.almanac(
      [
        "run", "nightly", "--date", "2025-12-09", "--source", place.url, "--target", place.url,
        "--data", "data",
      ] + stages)
    try #require(known.status == 0, "\(known.stderr)")
    #expect(
      try place.value(
        """
        SELECT string_agg(DISTINCT detail->>'pending', ', ') FROM almanac.stage_runs
        WHERE stage IN ('rollup', 'metrics', 'funnels', 'usage')
        """) == "2025-12-09 of 1 companies")
    try place.sql(
      """
      INSERT INTO app.events (event_id, event_type, company_id, user_id, metadata, "timestamp")
      SELECT md5('late ' || id)::uuid, 'call_started', id, md5('user')::uuid, '{}',
        '2025-11-30 23:30Z' FROM billing.companies;
      UPDATE billing.companies SET timezone = 'America/New_York', updated_at = now()
      WHERE timezone = 'Asia/Kathmandu';
      """)
    try #require(try place.night("2025-12-10").status == 0)
    let incremental = try place.digest()
    try place.sql("DROP SCHEMA api, predictions, analytics, almanac CASCADE")
    try #require(try place.almanac(["init", "--target", place.url]).status == 0)
    try FileSystem.removeTree(place.folder.path + "/data")
    try #require(try place.night("2025-12-10", "--jobs", "1").status == 0)
    #expect(try place.digest() == incremental)
  }

  @Test("what companies lack is told once a run, with the stage that extracts or the first one")
  func lackingZones() throws {
    let place = try Workplace()
    try place.edit("pipelines/nightly.yaml", "zone: UTC", "zone: company")
    try place.sql(
      """
      UPDATE billing.companies SET timezone = 'Mars/Olympus'
      WHERE id = (SELECT min(id::text) FROM billing.companies)::uuid
      """)
    func tellers() throws -> String? {
      try place.value(
        """
        SELECT string_agg(s.stage, ' ') FROM almanac.stage_runs AS s,
          jsonb_array_elements_text(s.detail::jsonb->'notices') AS notice
        WHERE notice LIKE '%timezone%' AND run_id = (
          SELECT run_id FROM almanac.runs ORDER BY started_at DESC LIMIT 1)
        """)
    }
    let night = [
      "run", "nightly", "--date", "2025-12-09", "--source", place.url, "--target", place.url,
      "--data", "data", "--force", "--only",
    ]
    let stages = ["extract,rollup,metrics,cohorts,funnels,usage", "cohorts,metrics,funnels"]
    for (chosen, teller) in zip(stages, ["extract", "metrics"]) {
      let done = try place.almanac(night + [chosen])
      try #require(done.status == 0, "\(done.stderr)")
      #expect(try tellers() == teller)
    }
  }

  @Test("needs companies that say where they are")
  func withoutZones() throws {
    let place = try Workplace(isFilled: false)
    try place.edit("pipelines/nightly.yaml", "zone: UTC", "zone: company")
    try place.edit("datasets/companies.yaml", "  timezone: text?\n", "")
    let refused = try place.night("2025-12-09")
    #expect(refused.status == 78, "\(refused.stderr)")
    #expect(
      refused.stderr.contains(
        "`zone: company`, but the dataset companies has no column timezone; declare it in "
          + "datasets/companies.yaml"), "\(refused.stderr)")
    let checked = try place.almanac(["check"])
    #expect(checked.status == 78, "\(checked.stdout)")
    #expect(
      (checked.stdout + checked.stderr).contains(
        "zone: company, but the dataset companies has no column timezone"), "\(checked.stdout)")
  }
}
