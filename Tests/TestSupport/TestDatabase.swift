import Foundation
package import Postgres
import Synchronization
package import Testing

/// The database of the running test; see the trait `.database`.
package struct TestDatabase: Sendable {
  /// The name, unique in the run.
  package let name: String
  /// The URI for the superuser.
  package let url: String

  @TaskLocal private static var scoped: TestDatabase?
  private static let counter = Atomic<Int>(0)

  /// The database of the running test, which must carry the trait `.database`.
  package static var current: TestDatabase {
    guard let scoped else {
      preconditionFailure("a test that uses TestDatabase.current needs the trait .database")
    }
    return scoped
  }

  /// A connection as superuser.
  package func connect(purpose: Connection.Purpose = .target) throws -> Connection {
    try Connection(
      ConnectionSettings(url), purpose: purpose, applicationName: "almanac tests")
  }

  /// Runs `body` with a database of its own, which is dropped afterwards whatever is connected.
  fileprivate static func scope(_ body: @Sendable () async throws -> Void) async throws {
    let number = counter.add(1, ordering: .relaxed).newValue
    let name = "almanac_test_\(ProcessInfo.processInfo.processIdentifier)_\(number)"
    let database = TestDatabase(name: name, url: try TestServer.url(database: name))
    try administer("CREATE DATABASE \(quoteIdentifier(name)) TEMPLATE template0")
    let result: Result<Void, any Error>
    do {
      result = .success(try await $scoped.withValue(database) { try await body() })
    } catch {
      result = .failure(error)
    }
    try administer("DROP DATABASE IF EXISTS \(quoteIdentifier(name)) WITH (FORCE)")
    try result.get()
  }

  private static func administer(_ sql: String) throws {
    try TestServer.connect().run(sql)
  }
}

/// Gives each test a database of its own.
package struct DatabaseTrait: TestTrait, SuiteTrait, TestScoping {
  /// Whether the tests of a suite get the trait too: always.
  package var isRecursive: Bool { true }

  /// Runs a test case within the scope of its database.
  package func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    try await TestDatabase.scope(function)
  }
}

extension Trait where Self == DatabaseTrait {
  /// Gives each test, or each test of a suite, a database of its own: `TestDatabase.current`.
  ///
  /// Without a server the test fails with one line that says what to do.
  package static var database: DatabaseTrait { DatabaseTrait() }
}
