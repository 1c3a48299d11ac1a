import Foundation
package import Postgres

/// The private PostgreSQL server of a test run.
///
/// Its socket directory is in `ALMANAC_TEST_PGHOST`; the superuser is `postgres`, without password.
package enum TestServer {
  /// The directory of the server's socket.
  ///
  /// - Throws: ``TestServerMissing`` if the run has no server.
  package static func socketDirectory() throws -> String {
    guard let directory = ProcessInfo.processInfo.environment["ALMANAC_TEST_PGHOST"],
      !directory.isEmpty
    else { throw TestServerMissing() }
    return directory
  }

  /// The URI of a database of the server for a role.
  package static func url(database: String, user: String = "postgres") throws -> String {
    "postgresql:///\(escaped(database))?host=\(escaped(try socketDirectory()))&user=\(escaped(user))"
  }

  /// A connection to a database of the server as superuser.
  package static func connect(
    database: String = "postgres", purpose: Connection.Purpose = .target
  ) throws -> Connection {
    try Connection(
      ConnectionSettings(try url(database: database)), purpose: purpose,
      applicationName: "almanac tests")
  }

  /// The text with everything but letters, digits and `-._~` as percent codes.
  private static func escaped(_ text: String) -> String {
    text.addingPercentEncoding(
      withAllowedCharacters: CharacterSet(
        charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")) ?? ""
  }
}

/// The run has no server: a test that needs one fails with this line.
package struct TestServerMissing: Error, CustomStringConvertible {
  /// What to do.
  package let description =
    "ALMANAC_TEST_PGHOST is not set, so there is no PostgreSQL to test with; run `make test`"
}
