import AlmanacCore
import Billing
import Postgres
import TestSupport
import Testing

@testable import Pipelines

@Suite("An optional dataset", .database)
struct OptionalDatasetTests {
  private static let schema = """
    CREATE SCHEMA billing;
    CREATE TABLE billing.plans (id uuid PRIMARY KEY, name text);
    INSERT INTO billing.plans VALUES ('00000000-0000-4000-8000-000000000001', 'one');
    """
  private static let rates = """
    CREATE TABLE billing.exchange_rates (base char(3), quote char(3), rate_date date,
      rate numeric(20,10), created_at timestamptz);
    INSERT INTO billing.exchange_rates VALUES
      ('EUR', 'GBP', '2026-01-02', 0.8, '2026-01-02 06:00Z'),
      ('EUR', 'GBP', '2026-01-02', 0.9, '2026-01-03 06:00Z'),
      ('EUR', 'GBP', '2026-01-02', 0.7, '2226-01-03 06:00Z');
    """

  private func place() throws -> RunPlace {
    try migrate()
    return try RunPlace([
      "exchange_rates": """
      from: billing.exchange_rates
      optional: true
      recorded: created_at
      key: [base, quote, rate_date, created_at]
      mode: append
      columns: {base: text, quote: text, rate_date: date, rate: decimal(10), created_at: timestamp}
      checks: [{unique: [base, quote, rate_date, created_at]}]
      """,
      "plans": "from: billing.plans\nkey: id\nmode: full\ncolumns: {name: text?}",
    ])
  }

  @Test("whose table is not there is left out with one line")
  func absent() throws {
    try TestDatabase.current.connect().runScript(Self.schema)
    let place = try place()
    let context = try place.context(run: RunPlace.firstRun)
    let outcome = try place.extract(in: context)
    #expect(
      outcome.notices == [
        "exchange_rates: the source has no table billing.exchange_rates, or its schema may not be "
          + "used; what needs it is switched off"
      ])
    #expect(context.directory.manifest.datasets.keys.sorted() == ["plans"])
    #expect(try context.exchangeRates() == nil)
    #expect(try CheckStage(datasets: nil).run(in: context).notices == [])
  }

  @Test("is read once its table is there, each rate as last recorded by the cut")
  func appears() throws {
    let connection = try TestDatabase.current.connect()
    try connection.runScript(Self.schema)
    let place = try place()
    let context = try place.context(run: RunPlace.firstRun)
    try place.extract(in: context)
    try connection.runScript(Self.rates)
    #expect(try place.extract(in: context).notices == [])
    let rates = try #require(try context.exchangeRates())
    let euro = try #require(CurrencyCode("EUR"))
    let pound = try #require(CurrencyCode("GBP"))
    let date = try #require(CalendarDate("2026-01-04"))
    #expect(try rates.convert(100_0000, from: euro, to: pound, on: date) == 90_0000)
  }

  @Test("whose table was read before and is gone is an error")
  func gone() throws {
    let connection = try TestDatabase.current.connect()
    try connection.runScript(Self.schema + Self.rates)
    let place = try place()
    let context = try place.context(run: RunPlace.firstRun)
    try place.extract(in: context)
    try connection.run("DROP TABLE billing.exchange_rates")
    #expect(
      throws: PipelineError.missingTable(
        dataset: "exchange_rates", table: "billing.exchange_rates")
    ) {
      try place.extract(in: context)
    }
  }
}
