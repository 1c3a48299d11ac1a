import AlmanacCore
import Columns
import Foundation
import Postgres
import TestSupport
import Testing

@Suite("PostgresError")
struct PostgresErrorTests {
  @Test(
    "maps codes to exit statuses",
    arguments: [
      ("08006", .unavailable), ("57P01", .unavailable), ("57P03", .unavailable),
      ("57P04", .missingInput),
      ("28P01", .noPermission), ("28000", .noPermission), ("42501", .noPermission),
      ("42P01", .missingInput), ("42703", .missingInput), ("3F000", .missingInput),
      ("3D000", .missingInput), ("40001", .temporaryFailure), ("40P01", .temporaryFailure),
      ("55P03", .temporaryFailure), ("53300", .temporaryFailure), ("57014", .temporaryFailure),
      ("53100", .inputOutput), ("58030", .inputOutput), ("22P02", .badData), ("23505", .badData),
      ("42601", .internalError), ("XX000", .internalError), ("53200", .internalError),
    ] as [(String, AlmanacCore.ExitStatus)])
  func exitStatuses(code: String, status: AlmanacCore.ExitStatus) {
    let failure = ServerFailure(
      state: SQLState(rawValue: code), message: "m", during: "a query")
    #expect(PostgresError.server(failure).exitStatus == status)
  }

  @Test(
    "tells what is worth another try, which never ends with a status that says it is not",
    arguments: [
      ("08006", true), ("08003", true), ("08P01", true), ("40001", true), ("40P01", true),
      ("55P03", true), ("53300", true), ("57P01", true), ("57P02", true), ("57P03", true),
      ("57P04", false), ("57014", false), ("53100", false), ("25006", false), ("28P01", false),
      ("42P01", false), ("23505", false), ("22P02", false), ("XX000", false),
    ])
  func retryable(code: String, isRetryable: Bool) {
    let error = PostgresError.server(
      ServerFailure(state: SQLState(rawValue: code), message: "m", during: "a query"))
    #expect(error.isRetryable == isRetryable)
    #expect(!isRetryable || error.exitStatus.isRetryable)
  }

  @Test("tries again to reach a server that is gone, and not one that refuses")
  func retryableConnections() {
    for (reason, isRetryable) in [
      (ConnectionFailure.Reason.unreachable, true), (.notAccepting, true),
      (.tooManyConnections, true), (.refused, false), (.missingDatabase, false),
      (.missingService, false),
    ] {
      let error = PostgresError.cannotConnect(
        ConnectionFailure(reason: reason, server: "a@b:1/c", message: "m"))
      #expect(error.isRetryable == isRetryable && error.exitStatus.isRetryable == isRetryable)
    }
    let lost = PostgresError.connectionLost(during: "a query", message: "m")
    #expect(lost.isRetryable && lost.exitStatus == .unavailable)
    #expect(!PostgresError.zeroByte.isRetryable)
  }

  @Test("matches codes by class")
  func classes() {
    func family(_ state: SQLState) -> String {
      switch state {
      case SQLState.Class.retryable: "retryable"
      case SQLState.Class.constraint: "constraint"
      case .undefinedTable: "undefined table"
      case SQLState.Class.syntaxOrAccess: "syntax or access"
      default: "other"
      }
    }
    let found = ["40001", "23505", "42P01", "42601", "22012"].map {
      family(SQLState(rawValue: $0))
    }
    #expect(found == ["retryable", "constraint", "undefined table", "syntax or access", "other"])
  }

  @Test(
    "tells from libpq's message why a connection failed",
    arguments: [
      ("failed: FATAL:  password authentication failed for user \"a\"", .refused, 77),
      ("failed: fe_sendauth: no password supplied", .refused, 77),
      ("failed: FATAL:  role \"a\" does not exist", .refused, 77),
      ("failed: FATAL:  role \"a\" is not permitted to log in", .refused, 77),
      ("failed: FATAL:  no pg_hba.conf entry for host \"1.2.3.4\"", .refused, 77),
      ("failed: FATAL:  Peer authentication failed for user \"a\"", .refused, 77),
      ("failed: FATAL:  permission denied for database \"a\"", .refused, 77),
      ("failed: FATAL:  database \"a\" does not exist", .missingDatabase, 66),
      ("failed: FATAL:  sorry, too many clients already", .tooManyConnections, 75),
      ("failed: FATAL:  the database system is starting up", .notAccepting, 69),
      ("definition of service \"x\" not found", .missingService, 66),
      ("failed: Connection refused", .unreachable, 69), ("timeout expired", .unreachable, 69),
      ("could not translate host name \"x\" to address", .unreachable, 69),
    ] as [(String, ConnectionFailure.Reason, Int32)])
  func connectionReasons(message: String, reason: ConnectionFailure.Reason, status: Int32) {
    #expect(ConnectionFailure.Reason(message: message) == reason)
    let error = PostgresError.cannotConnect(
      ConnectionFailure(reason: reason, server: "a@db:5432/shop", message: message))
    #expect(error.exitStatus.rawValue == status)
    #expect(!error.description.contains(message))
    #expect(error.debugDescription.contains(message))
  }

  @Test("keeps the server's detail and context out of the one line for logs")
  func redaction() {
    let error = PostgresError.server(
      ServerFailure(
        state: SQLState(rawValue: "23505"), message: "duplicate key value\nviolates \"t_pkey\"",
        detail: "Key (mail)=(anna@example.org) already exists.", hint: "Try another.",
        context: "COPY t, line 3: \"anna@example.org\"", during: "writing app.users"))
    #expect(
      error.description == "writing app.users: unique violation (SQLSTATE 23505); "
        + "--verbose on a terminal shows the server's message")
    #expect(error.debugDescription.contains("MESSAGE: duplicate key value"))
    #expect(error.debugDescription.contains("Key (mail)=(anna@example.org)"))
    #expect(error.debugDescription.contains("SQLSTATE: 23505"))
  }

  @Test(
    "shows the server's message only where its code rules out values",
    arguments: [
      ("22P02", "invalid text representation"), ("22012", "division by zero"),
      ("22ZZZ", "invalid data"), ("23ZZZ", "integrity constraint violation"),
      ("P0001", "an error raised by a function"), ("U0001", "the server refused the statement"),
      ("42P01", nil), ("XX000", nil), ("53100", nil),
    ] as [(String, String?)])
  func values(code: String, condition: String?) {
    let error = PostgresError.server(
      ServerFailure(
        state: SQLState(rawValue: code), message: "found \"bank_transfer\"",
        during: "reading app.t"))
    #expect(error.description.contains("bank_transfer") == (condition == nil))
    #expect(error.description.contains(condition ?? "reading app.t"))
    #expect(error.debugDescription.contains("bank_transfer"))
  }

  @Test("says whose right is missing, and how to read past row-level security")
  func rights() {
    func text(_ message: String, _ side: Connection.Purpose) -> String {
      ServerFailure(
        state: .insufficientPrivilege, message: message, during: "reading app.t", side: side
      ).description
    }
    #expect(text("permission denied", .source).hasSuffix("grant the role of the source the right"))
    #expect(text("permission denied", .target).hasSuffix("grant the role of the target the right"))
    #expect(
      text("query would be affected by row-level security policy for table \"t\"", .source)
        .hasSuffix("read as a role with BYPASSRLS or as the table's owner"))
  }

  @Test("shows the key of a bad row only in the details")
  func rowKeys() {
    let error = PostgresError.unsuitableValue(
      ValueFailure(source: "app.t", column: "c", row: 7, key: "anna", problem: .null))
    #expect(!error.description.contains("anna"))
    #expect(error.description.contains("row 7") && error.description.contains("--verbose"))
    #expect(error.debugDescription.hasSuffix("\nKEY: anna"))
  }

  @Test("describes every case in one line that says what to do")
  func oneLine() {
    let errors: [PostgresError] = [
      .invalidConnectionString, .connectionLost(during: "a query", message: "secret"),
      .unsupportedServer(version: 120_022), .unexpectedAnswer(during: "x", answer: "y"), .zeroByte,
      .outOfMemory, .columnCount(source: "s", expected: 1, found: 2), .missingTable("a.b"),
      .missingColumn(table: "a.b", column: "c"),
      .unsuitableType(table: "a.b", column: "c", type: "point", field: .money),
      .malformedCopy(source: "s", row: 3, problem: .truncated),
    ]
    for error in errors {
      #expect(!error.description.contains("\n") && !error.description.contains("secret"))
      #expect(error.description.count > 20)
    }
    #expect(errors[2].description.contains("PostgreSQL 12;"))
    #expect(errors[9].description.contains("decimal(4)"))
  }
}

@Suite("Failures of a real server", .database)
struct ServerFailureTests {
  private func failure(_ url: String) -> PostgresError? {
    #expect(throws: PostgresError.self) {
      try Connection(ConnectionSettings(url), purpose: .source)
    }
  }

  @Test("reports a missing database, role and server each in its own way")
  func connecting() throws {
    let directory = try TestServer.socketDirectory()
    let database = failure("host='\(directory)' user=postgres dbname=almanac_nowhere")
    #expect(database?.exitStatus == .missingInput)
    let role = failure("host='\(directory)' user=almanac_nobody dbname=postgres")
    #expect(role?.exitStatus == .noPermission)
    let server = failure("host=/nonexistent user=almanac dbname=shop password=hunter2")
    #expect(server?.exitStatus == .unavailable)
    #expect(
      server?.description
        == "cannot reach PostgreSQL at almanac@/nonexistent:5432/shop (no such file); "
        + "start the server or check --source and --target")
    #expect(server.map { !$0.debugDescription.contains("hunter2") } ?? false)
  }

  @Test("gives up on a server that does not answer after the time given")
  func connectTimeout() throws {
    try withTemporaryDirectory { directory in
      // A socket that nobody accepts on: the connection is made and stays silent.
      let script = """
        import socket, sys, time
        s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(1); time.sleep(20)
        """
      let silent = Process()
      silent.executableURL = URL(filePath: "/usr/bin/env")
      let socket = directory.appending(path: ".s.PGSQL.5432").path
      silent.arguments = ["python3", "-c", script, socket]
      try silent.run()
      defer { silent.terminate() }
      for _ in 0..<100 where !FileManager.default.fileExists(atPath: socket) {
        Thread.sleep(forTimeInterval: 0.05)
      }
      let start = Date()
      let error = failure("host='\(directory.path)' user=a dbname=b connect_timeout=2")
      #expect(error?.exitStatus == .unavailable)
      #expect(Date().timeIntervalSince(start) < 9)
    }
  }

  @Test("names the source and no value when the server cannot convert one, and asks for schemas")
  func conversions() throws {
    let connection = try TestDatabase.current.connect(purpose: .source)
    let error = #expect(throws: PostgresError.self) {
      try connection.copyOut(
        "SELECT v::int FROM (VALUES ('bank_transfer')) AS t (v)", fields: [Field("v", .int32)],
        source: "app.t", key: ["v"]
      ) { _ in }
    }
    #expect(
      error?.description.hasPrefix("reading app.t: invalid text representation (SQLSTATE 22P02)")
        == true)
    #expect(error?.description.contains("bank") == false)
    #expect(error?.debugDescription.contains("\"bank_transfer\"") == true)
    let missing = #expect(throws: PostgresError.self) {
      try connection.describe("SELECT * FROM refunds", source: "the query of dataset refunds")
    }
    #expect(missing?.description.hasPrefix("describing the query of dataset refunds: ") == true)
    #expect(missing?.description.contains("search path is empty") == true)
  }

  @Test(
    "maps refused statements to exit statuses",
    arguments: [
      ("SELECT * FROM public.nothing", .missingInput), ("SELECT nothing", .missingInput),
      ("SELECT * FROM nowhere.x", .missingInput), ("SELECT 1 / 0", .badData),
      ("SELECT 'x'::int", .badData), ("SELEC 1", .internalError),
      ("SET LOCAL statement_timeout = 1", .ok),
    ] as [(String, AlmanacCore.ExitStatus)])
  func statements(sql: String, status: AlmanacCore.ExitStatus) throws {
    let connection = try TestDatabase.current.connect()
    do throws(PostgresError) {
      try connection.run(sql)
      #expect(status == .ok)
    } catch {
      #expect(error.exitStatus == status)
    }
  }

  @Test("reports a missing right, a timeout and a lock that is held")
  func rightsAndLocks() throws {
    let administrator = try TestDatabase.current.connect()
    let role = "\(TestDatabase.current.name)_reader"
    try administrator.runScript(
      "CREATE TABLE public.t (x int); CREATE ROLE \(quoteIdentifier(role)) LOGIN")
    defer { _ = try? administrator.run("DROP ROLE \(quoteIdentifier(role))") }
    let reader = try Connection(
      ConnectionSettings(try TestServer.url(database: TestDatabase.current.name, user: role)),
      purpose: .source)
    let denied = #expect(throws: PostgresError.self) { try reader.query("SELECT * FROM public.t") }
    #expect(denied?.exitStatus == .noPermission)
    try reader.run("SET statement_timeout = 50")
    let cancelled = #expect(throws: PostgresError.self) { try reader.query("SELECT pg_sleep(9)") }
    #expect(cancelled?.exitStatus == .temporaryFailure)
    let other = try TestDatabase.current.connect()
    try administrator.transaction {
      try administrator.run("LOCK TABLE public.t")
      let held = #expect(throws: PostgresError.self) {
        try other.transaction { try other.run("LOCK TABLE public.t NOWAIT") }
      }
      #expect(held?.exitStatus == .temporaryFailure)
    }
  }

  @Test("fails instead of returning part of a table with row-level security")
  func rowSecurity() throws {
    let administrator = try TestDatabase.current.connect()
    let role = "\(TestDatabase.current.name)_tenant"
    try administrator.runScript(
      """
      CREATE TABLE public.t (x int); INSERT INTO public.t VALUES (1), (2);
      CREATE ROLE \(quoteIdentifier(role)) LOGIN;
      GRANT SELECT ON public.t TO \(quoteIdentifier(role));
      ALTER TABLE public.t ENABLE ROW LEVEL SECURITY;
      CREATE POLICY p ON public.t USING (x = 1);
      """)
    defer {
      try? administrator.runScript(
        "DROP TABLE public.t; DROP ROLE \(quoteIdentifier(role))")
    }
    let tenant = try Connection(
      ConnectionSettings(try TestServer.url(database: TestDatabase.current.name, user: role)),
      purpose: .source)
    let error = #expect(throws: PostgresError.self) { try tenant.query("SELECT * FROM public.t") }
    #expect(error?.exitStatus == .noPermission)
  }
}
