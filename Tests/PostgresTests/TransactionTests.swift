import AlmanacCore
import Postgres
import TestSupport
import Testing

@Suite("Transactions", .database)
struct TransactionTests {
  private func makeTable() throws -> Connection {
    let connection = try TestDatabase.current.connect()
    try connection.run("CREATE TABLE public.t (x int PRIMARY KEY)")
    return connection
  }

  private func count(_ connection: Connection) throws -> String? {
    try connection.query("SELECT count(*) FROM public.t")[0, 0]
  }

  @Test("commits what a body did and returns what it returns")
  func commits() throws {
    let connection = try makeTable()
    let rows = try connection.transaction {
      try connection.run("INSERT INTO public.t VALUES (1), (2)")
    }
    #expect(rows == 2)
    #expect(try count(TestDatabase.current.connect()) == "2")
  }

  @Test("rolls back when the body throws, and throws the body's error")
  func rollsBack() throws {
    let connection = try makeTable()
    #expect(throws: TestFailure.self) {
      try connection.transaction {
        try connection.run("INSERT INTO public.t VALUES (1)")
        throw TestFailure()
      }
    }
    #expect(try count(connection) == "0")
  }

  @Test("throws the body's error even when the session has been ended meanwhile")
  func bodyErrorWins() throws {
    let administrator = try TestDatabase.current.connect()
    let connection = try makeTable()
    let process = try #require(connection.query("SELECT pg_backend_pid()")[0, 0])
    #expect(throws: TestFailure.self) {
      try connection.transaction {
        try administrator.run("SELECT pg_terminate_backend($1::int, 5000)", [process])
        throw TestFailure()
      }
    }
  }

  @Test("does not report success when a statement failed and the body went on")
  func swallowedFailure() throws {
    let connection = try makeTable()
    #expect(throws: PostgresError.self) {
      try connection.transaction {
        try connection.run("INSERT INTO public.t VALUES (1)")
        _ = try? connection.run("INSERT INTO public.t VALUES (1)")
      }
    }
    #expect(try count(connection) == "0")
  }

  @Test("sees one state throughout, and another session's by its snapshot")
  func snapshots() throws {
    let writer = try makeTable()
    let source = try TestDatabase.current.connect(purpose: .source)
    let second = try TestDatabase.current.connect(purpose: .source)
    try source.transaction(.repeatableReadReadOnly()) {
      let snapshot = try source.query("SELECT pg_export_snapshot()")[0, 0]
      try writer.run("INSERT INTO public.t VALUES (1)")
      #expect(try count(source) == "0")
      let seen = try second.transaction(.repeatableReadReadOnly(snapshot: snapshot)) {
        try count(second)
      }
      #expect(seen == "0")
    }
    #expect(try count(second) == "1")
  }

  @Test("reports an unknown snapshot and stays usable")
  func unknownSnapshot() throws {
    let connection = try TestDatabase.current.connect(purpose: .source)
    #expect(throws: PostgresError.self) {
      try connection.transaction(.repeatableReadReadOnly(snapshot: "0'; DROP")) {}
    }
    #expect(try connection.query("SELECT 1")[0, 0] == "1")
  }

  @Test("takes a snapshot whose session has ended for a lost connection")
  func endedSnapshot() throws {
    let connection = try TestDatabase.current.connect(purpose: .source)
    let snapshot = try {
      let other = try TestDatabase.current.connect(purpose: .source)
      return try other.transaction(.repeatableReadReadOnly()) {
        try other.query("SELECT pg_export_snapshot()")[0, 0]
      }
    }()
    let error = #expect(throws: PostgresError.self) {
      try connection.transaction(.repeatableReadReadOnly(snapshot: snapshot)) {}
    }
    #expect(error?.exitStatus == .unavailable)
    #expect(try connection.query("SELECT 1")[0, 0] == "1")
  }

  @Test("reports a serialisation failure as worth trying again")
  func retryable() throws {
    let connection = try makeTable()
    let error = #expect(throws: PostgresError.self) {
      try connection.run(
        "DO $$ BEGIN RAISE EXCEPTION 'could not serialize' USING ERRCODE = '40001'; END $$")
    }
    #expect(error?.exitStatus == .temporaryFailure)
  }
}
