import AlmanacCore
import Columns
import Pipelines
import Postgres
import TestSupport

/// A migrated database with the rows of two companies and of all companies together, published.
struct TenantFixture {
  /// A company with rows.
  static let first = "aaaaaaaa-0000-4000-8000-000000000001"
  /// Another company with rows.
  static let second = "bbbbbbbb-0000-4000-8000-000000000002"
  /// What stands for all companies.
  static let all = "00000000-0000-0000-0000-000000000000"
  /// The three of them.
  static let companies = [first, second, all]
  /// The run that is published.
  static let publishedRun = "11111111-0000-4000-8000-000000000001"
  /// A complete run that is not.
  static let otherRun = "22222222-0000-4000-8000-000000000002"

  /// The database.
  let target: MigrationTarget
  /// A connection as the nightly run's role: a member of `almanac_writer` and nothing else.
  let writer: Connection
  private let reader: String
  private let admin: String

  /// The database of the running test, filled.
  init() throws {
    target = MigrationTarget()
    try Migrator(target.connection(as: target.makePipelineRole())).migrate()
    writer = try target.connection(
      as: target.makeRole("nightly", memberOf: [Role.writer.rawValue]))
    reader = try target.makeRole("reader", memberOf: [Role.reader.rawValue])
    admin = try target.makeRole("admin", memberOf: [Role.admin.rawValue])
    for run in [TenantFixture.publishedRun, TenantFixture.otherRun] {
      for company in TenantFixture.companies {
        try writer.copyIn(
          TenantFixture.forecasts(company: company, run: run),
          into: PredictionTable.revenueForecasts.name)
      }
      try writer.runScript(TenantFixture.predictions(run: run))
    }
    try writer.runScript(TenantFixture.analytics)
    try publish(TenantFixture.publishedRun)
  }

  /// A connection as a reader, with the company it asks for.
  func connect(as company: String?) throws -> Connection {
    try connect(user: reader, company: company)
  }

  /// The URI of the database for the reader.
  func readerURL() throws -> String { try TestServer.url(database: target.name, user: reader) }

  /// A connection as a member of `almanac_admin`.
  func connectAsAdmin(company: String? = nil) throws -> Connection {
    try connect(user: admin, company: company)
  }

  /// Makes a run the published one.
  func publish(_ run: String, validFor interval: String = "1 day") throws {
    try writer.transaction {
      let publication = try writer.value(
        """
        INSERT INTO almanac.published (pipeline, run_id, token, as_of, valid_until)
        VALUES ('nightly', $1, 1, '2011-12-09', now() + $2::interval) RETURNING publication_id
        """, [run, interval])
      try writer.run(
        """
        INSERT INTO almanac.published_runs (publication_id, model, run_id, model_version, as_of,
          recorded_cut, valid_until, rows)
        SELECT $1, model, $2, 'v1', '2011-12-09', now(), now() + $3::interval, 9
        FROM unnest('{revenue,mrr,churn,upsell,payment}'::text[]) AS model
        """, [publication, run, interval])
    }
  }

  private func connect(user: String, company: String?) throws -> Connection {
    let connection = try target.connection(as: user)
    if let company {
      try connection.run("SELECT set_config('almanac.company_id', $1, false)", [company])
    }
    return connection
  }

  /// Three daily forecasts of a company's total; the first day says whose and of which run.
  private static func forecasts(company: String, run: String) -> Batch {
    let count = 3
    func column(
      _ name: String, _ type: ColumnType, _ append: (inout ColumnBuilder, Int) -> Void
    ) -> Column {
      var builder = ColumnBuilder(Field(name, type))
      for row in 0..<count { append(&builder, row) }
      return builder.finish()
    }
    func text(_ name: String, _ value: String) -> Column {
      column(name, .text) { builder, _ in builder.append(value) }
    }
    func identifier(_ name: String, _ value: String) -> Column {
      column(name, .uuid) { builder, _ in builder.append(UUIDValue(value) ?? .zero) }
    }
    func money(_ name: String, _ units: Int128) -> Column {
      column(name, .money) { builder, row in
        builder.append(integer: (units + Int128(row)) * 10_000 + 5_000)
      }
    }
    let asOf: Int128 = 15_317  // 2011-12-09
    let cut: Int128 = 1_323_475_200_000_000
    let validUntil: Int128 = 4_102_444_800_000_000  // 2100-01-01
    return Batch([
      identifier("company_id", company), identifier("run_id", run), text("scope", "total"),
      text("scope_id", ""), text("grain", "day"),
      column("period_start", .date) { $0.append(integer: asOf + 1 + Int128($1)) },
      column("horizon", .int32) { $0.append(integer: Int128($1) + 1) },
      money("predicted", 100), money("lower_80", 90), money("upper_80", 110),
      money("lower_95", 80), money("upper_95", 120), text("currency", "GBP"),
      text("model_used", "ridge"),
      column("as_of", .date) { builder, _ in builder.append(integer: asOf) },
      column("recorded_cut", .timestamp) { builder, _ in builder.append(integer: cut) },
      text("model", "revenue"), text("model_version", "v1"), text("feature_digest", "d"),
      column("valid_until", .timestamp) { builder, _ in builder.append(integer: validUntil) },
    ])
  }
}
