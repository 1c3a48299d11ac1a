import Files
import Postgres
import TestSupport
import Testing

/// `almanac simulate` and the database it fills.
@Suite("A simulated world in a database", .database)
struct SimulateTests {
  static let tables = [
    "app.events", "billing.companies", "billing.users", "billing.plans", "billing.modules",
    "billing.subscriptions", "billing.subscription_changes", "billing.invoices",
    "billing.transactions", "billing.payment_attempts", "billing.payment_methods",
    "billing.refunds", "billing.credit_notes", "billing.exchange_rates",
    "simulation_truth.decisions", "simulation_truth.month_states", "simulation_truth.retry_slots",
    "simulation_truth.label_probabilities", "simulation_truth.coefficients",
    "simulation_truth.company_effects",
  ]

  /// Runs `almanac simulate` on the workplace's database.
  func simulate(_ place: Workplace, _ arguments: String...) throws -> ProcessOutcome {
    try place.almanac(["simulate", "--target", place.url] + arguments)
  }

  /// A digest of the rows of every table, whatever their order.
  func digests(_ place: Workplace) throws -> [String: String] {
    var digests: [String: String] = [:]
    for table in SimulateTests.tables {
      digests[table] = try place.value(
        """
        SELECT count(*) || ' ' || coalesce(md5(string_agg(row, ' ' ORDER BY row COLLATE "C")), '')
        FROM (SELECT t::text AS row FROM \(table) t) AS rows
        """)
    }
    return digests
  }

  @Test("has the same bytes for one job and for four, and the indexes of the schema")
  func jobs() throws {
    let place = try Workplace(isFilled: false, isInitialised: false)
    let world = ["--companies", "21", "--months", "2", "--seed", "5", "--simulations", "3"]
    func run(_ jobs: String) throws -> [String: String] {
      let result = try place.almanac(
        ["simulate", "--target", place.url, "--jobs", jobs] + world)
      try #require(result.status == 0, "\(result.stderr)")
      return try digests(place)
    }
    let one = try run("1")
    let indexes = "SELECT count(*)::text FROM pg_indexes WHERE schemaname IN ('app', 'billing')"
    let made = try place.value(indexes)
    try place.sql("DROP SCHEMA app, billing, simulation_truth CASCADE")
    let four = try run("4")
    for table in SimulateTests.tables { #expect(one[table] == four[table], "\(table)") }
    #expect(one["app.events"]?.hasPrefix("0 ") == false)
    #expect(one["simulation_truth.label_probabilities"]?.hasPrefix("0 ") == false)
    try place.sql("DROP SCHEMA app, billing, simulation_truth CASCADE")
    let schema = try FileSystem.read(place.folder.path + "/datasets/source-schema.sql")
    try place.sql(String(decoding: schema, as: UTF8.self))
    #expect(try place.value(indexes) == made)
  }

  @Test("a day and a month are added with late rows for earlier days, and nothing is lost")
  func continuation() throws {
    let place = try Workplace(isFilled: false, isInitialised: false)
    #expect(try simulate(place, "--continue", "day").status == 66)
    #expect(try place.value("SELECT to_regnamespace('app')::text") == nil)
    let first = try simulate(
      place, "--companies", "20", "--months", "2", "--end", "2025-03-31", "--simulations", "0")
    try #require(first.status == 0, "\(first.stderr)")
    let cut = "timestamptz '2025-04-01 00:00Z'"
    #expect(
      try place.value("SELECT count(*)::text FROM app.events WHERE created_at >= \(cut)") == "0")
    try place.sql("CREATE TABLE public.kept AS SELECT *, ctid AS place FROM app.events")
    for (step, end) in [("day", "2025-04-01"), ("month", "2025-05-01")] {
      let next = try simulate(place, "--continue", step, "--simulations", "0")
      try #require(next.status == 0, "\(next.stderr)")
      #expect(next.stdout.contains("to \(end)"), "\(next.stdout)")
    }
    #expect(
      try place.value(
        """
        SELECT count(*)::text FROM public.kept k
        WHERE NOT EXISTS (SELECT FROM app.events e WHERE e.ctid = k.place
          AND e.event_id = k.event_id AND e.created_at = k.created_at)
        """) == "0")
    let late = try place.value(
      """
      SELECT count(*)::text FROM app.events
      WHERE created_at >= \(cut) AND "timestamp" < \(cut) - interval '1 hour'
      """)
    #expect(late.flatMap { Int($0) } ?? 0 > 0)
    #expect(
      try place.value(
        "SELECT (max(created_at) < '2025-05-02 00:00Z')::text FROM app.events") == "true")
    #expect(
      try place.value(
        "SELECT count(*)::text FROM billing.invoices WHERE updated_at >= \(cut)") != "0")
    let again = try simulate(place, "--companies", "20", "--months", "2")
    #expect(again.status == 73 && again.stderr.contains("--continue"))
  }

  @Test("an addition that was cut short is taken back and made again")
  func interruptedAddition() throws {
    let place = try Workplace(isFilled: false, isInitialised: false)
    let first = try simulate(
      place, "--companies", "70", "--months", "1", "--end", "2025-03-31", "--simulations", "0",
      "--world", "hard")
    try #require(first.status == 0, "\(first.stderr)")
    try #require(try simulate(place, "--continue", "day", "--simulations", "0").status == 0)
    let whole = try digests(place)
    #expect(whole["simulation_truth.company_effects"]?.hasPrefix("284 ") == true)
    // As if the end of the first addition had not been written down.
    try place.sql(
      """
      UPDATE simulation_truth.worlds SET end_date = '2025-03-31', pending_end = '2025-04-01';
      DELETE FROM app.events WHERE ctid IN (
        SELECT ctid FROM app.events WHERE created_at >= '2025-04-01 00:00Z' LIMIT 5);
      """)
    let again = try simulate(place, "--continue", "month", "--simulations", "0")
    try #require(again.status == 0, "\(again.stderr)")
    #expect(again.stdout.contains("to 2025-04-01"))
    let repeated = try digests(place)
    for table in SimulateTests.tables { #expect(repeated[table] == whole[table], "\(table)") }
  }

  @Test("a first generation that was cut short begins anew")
  func interruptedCreation() throws {
    let place = try Workplace(isFilled: false, isInitialised: false)
    let world = ["--companies", "9", "--months", "1", "--seed", "3", "--simulations", "0"]
    func run() throws -> ProcessOutcome {
      try place.almanac(["simulate", "--target", place.url] + world)
    }
    try #require(try run().status == 0)
    let whole = try digests(place)
    try place.sql(
      """
      UPDATE simulation_truth.worlds SET is_complete = false;
      DELETE FROM app.events WHERE event_type = 'module_used';
      DROP INDEX app.events_event_id_idx;
      """)
    let other = try simulate(place, "--companies", "4", "--months", "1")
    #expect(other.status == 73)
    #expect(other.stderr.contains("--companies 9 --months 1 --seed 3"), "\(other.stderr)")
    try #require(try run().status == 0)
    #expect(try digests(place) == whole)
    #expect(
      try place.value("SELECT to_regclass('app.events_event_id_idx')::text") != nil)
  }

  @Test("tables that hold rows of somebody else are refused, and stay as they are")
  func foreignRows() throws {
    let place = try Workplace(isFilled: true, isInitialised: false)
    let before = try place.value("SELECT count(*)::text FROM app.events")
    let result = try simulate(place, "--companies", "5", "--months", "1")
    #expect(result.status == 73)
    #expect(result.stderr.split(separator: "\n").count == 1)
    #expect(try place.value("SELECT count(*)::text FROM app.events") == before)
  }

  @Test("no role of the pipeline may read the truth")
  func truthIsClosed() throws {
    let place = try Workplace(isFilled: false, isInitialised: true)
    let made = try simulate(
      place, "--companies", "5", "--months", "1", "--simulations", "0")
    try #require(made.status == 0, "\(made.stderr)")
    let roles = ["almanac_writer", "almanac_api", "almanac_reader", "almanac_admin"]
    for role in roles {
      #expect(
        try place.value("SELECT pg_has_role('\(role)', 'almanac_simulator', 'MEMBER')::text")
          == "false")
      for table in SimulateTests.tables where table.hasPrefix("simulation_truth") {
        let connection = try TestDatabase.current.connect()
        try connection.run("SET ROLE \(role)")
        do {
          _ = try connection.query("SELECT count(*) FROM \(table)")
          Issue.record("\(role) may read \(table)")
        } catch {
          guard case .server(let failure) = error else { throw error }
          #expect(failure.state == .insufficientPrivilege)
        }
      }
    }
    #expect(
      try place.value("SELECT count(*)::text FROM simulation_truth.coefficients") == "32")
  }

  @Test("a login role that may not create roles is told what an administrator has to do")
  func missingRole() throws {
    let place = try Workplace(isFilled: false, isInitialised: false)
    let role = "plain_\(TestDatabase.current.name)"
    try place.sql(
      """
      CREATE ROLE \(role) LOGIN;
      GRANT CREATE ON DATABASE \(TestDatabase.current.name) TO \(role);
      """)
    defer { try? place.sql("DROP OWNED BY \(role); DROP ROLE \(role)") }
    let url = try TestServer.url(database: TestDatabase.current.name, user: role)
    let refused = try place.almanac([
      "simulate", "--target", url, "--companies", "1", "--months", "1", "--simulations", "0",
    ])
    #expect(refused.status == 77)
    #expect(refused.stderr.contains("GRANT almanac_simulator TO \"\(role)\""))
    try place.sql(
      """
      DO $$ BEGIN CREATE ROLE almanac_simulator NOLOGIN;
      EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
      GRANT almanac_simulator TO \(role);
      """)
    let made = try place.almanac([
      "simulate", "--target", url, "--companies", "1", "--months", "1", "--simulations", "0",
    ])
    #expect(made.status == 0, "\(made.stderr)")
  }

  @Test("a login role that is no superuser simulates, and cannot read the truth afterwards")
  func plainLogin() throws {
    let place = try Workplace(isFilled: false, isInitialised: false)
    let role = "simulating_\(TestDatabase.current.name)"
    try place.sql(
      """
      CREATE ROLE \(role) LOGIN CREATEROLE;
      GRANT CREATE ON DATABASE \(TestDatabase.current.name) TO \(role);
      """)
    defer { try? place.sql("DROP OWNED BY \(role); DROP ROLE \(role)") }
    let url = try TestServer.url(database: TestDatabase.current.name, user: role)
    let made = try place.almanac([
      "simulate", "--target", url, "--companies", "3", "--months", "1", "--simulations", "2",
    ])
    try #require(made.status == 0, "\(made.stderr)")
    #expect(
      try place.value("SELECT pg_has_role('\(role)', 'almanac_simulator', 'MEMBER')::text")
        == "false")
    let next = try place.almanac(["simulate", "--target", url, "--continue", "day"])
    #expect(next.status == 0, "\(next.stderr)")
  }
  @Test("while the same login role simulates into another database, it stays in the truth's role")
  func twoDatabases() throws {
    let place = try Workplace(isFilled: false, isInitialised: false)
    let role = "twofold_\(TestDatabase.current.name)"
    try place.sql(
      """
      CREATE ROLE \(role) LOGIN CREATEROLE;
      GRANT CREATE ON DATABASE \(TestDatabase.current.name) TO \(role);
      """)
    defer { try? place.sql("DROP OWNED BY \(role); DROP ROLE \(role)") }
    let url = try TestServer.url(database: TestDatabase.current.name, user: role)
    func isMember() throws -> String? {
      try place.value("SELECT pg_has_role('\(role)', 'almanac_simulator', 'MEMBER')::text")
    }
    do {
      let other = try Connection(
        ConnectionSettings(TestServer.url(database: "postgres", user: role)), purpose: .target)
      // The key of the writers' lock.
      _ = try other.query("SELECT pg_advisory_lock(\(0x616c_6d61_6e61_6302 as Int64))")
      let made = try place.almanac([
        "simulate", "--target", url, "--companies", "1", "--months", "1", "--simulations", "0",
      ])
      try #require(made.status == 0, "\(made.stderr)")
      #expect(try isMember() == "true")
      _ = try other.query("SELECT pg_advisory_unlock_all()")
    }
    let last = try place.almanac([
      "simulate", "--target", url, "--continue", "day", "--simulations", "0",
    ])
    try #require(last.status == 0, "\(last.stderr)")
    #expect(try isMember() == "false")
  }
}
