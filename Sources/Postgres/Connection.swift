import AlmanacCore

/// A connection to PostgreSQL.
///
/// Calls block, and must all come from one thread. The connection is closed when the last reference
/// to it goes.
package final class Connection {
  /// What a connection is for, which decides how the session is set up.
  package enum Purpose: Hashable, Sendable {
    /// Reading data: the session is read-only, and row-level security fails instead of filtering.
    case source
    /// Reading and writing results.
    case target
  }

  /// The oldest server that is supported.
  package static let oldestServerVersion = 140_000

  /// Where the connection leads, without a secret.
  package let display: String
  /// What the last COPY to the client read.
  package internal(set) var lastCopyCounters = CopyCounters()

  let handle: ConnectionHandle
  let purpose: Purpose
  /// The formats of the columns of tables written to, looked up once.
  var targetColumns: [QualifiedName: [String: TargetColumn]] = [:]

  /// Connects and sets up the session.
  ///
  /// - Parameters:
  ///   - settings: where and as whom to connect.
  ///   - purpose: what the connection is for.
  ///   - applicationName: what the server shows as the client's name unless the settings or the
  ///     environment give one; `almanac` if `nil`.
  /// - Throws: `PostgresError.cannotConnect`, `.unsupportedServer`, or what setting up the session
  ///   gives.
  package init(
    _ settings: ConnectionSettings, purpose: Purpose, applicationName: String? = nil
  ) throws(PostgresError) {
    display = settings.display
    self.purpose = purpose
    handle = try ConnectionHandle(
      settings.parameters(applicationName: applicationName ?? "almanac"))
    guard handle.isOpen else {
      let message = handle.errorMessage
      throw .cannotConnect(
        ConnectionFailure(
          reason: ConnectionFailure.Reason(message: message), server: display, message: message))
    }
    guard handle.serverVersion >= Connection.oldestServerVersion else {
      throw .unsupportedServer(version: handle.serverVersion)
    }
    try runScript(purpose.sessionSettings)
  }

  /// The server's version as PostgreSQL counts it, such as 150018 for 15.18.
  package var serverVersion: Int { handle.serverVersion }
}

extension Connection.Purpose {
  /// The statements that make a session independent of the defaults of server, role and database.
  ///
  /// `statement_timeout` is left as the administrator set it.
  fileprivate var sessionSettings: String {
    var settings = [
      "client_encoding = 'UTF8'", "TimeZone = 'UTC'", "search_path = ''",
      "DateStyle = 'ISO, YMD'", "IntervalStyle = 'postgres'", "extra_float_digits = 1",
      "bytea_output = 'hex'", "standard_conforming_strings = on",
      "idle_in_transaction_session_timeout = 0", "idle_session_timeout = 0",
    ]
    if self == .source {
      settings += ["row_security = off", "default_transaction_read_only = on"]
    }
    return settings.map { "SET \($0);" }.joined(separator: " ")
  }
}

extension ConnectionFailure.Reason {
  /// The reason behind libpq's message; anything unknown counts as unreachable.
  ///
  /// libpq gives no code for a failed connection, only the text of the client or the server.
  package init(message: String) {
    func says(_ parts: String...) -> Bool { parts.contains { message.contains($0) } }
    if says(
      "password authentication failed", "no password supplied", "no pg_hba.conf entry",
      "is not permitted to log in", "pg_hba.conf rejects connection", "authentication failed",
      "permission denied for database")
      || says("role \"") && says("does not exist")
    {
      self = .refused
    } else if says("database \"") && says("does not exist") {
      self = .missingDatabase
    } else if says(
      "too many clients already", "remaining connection slots are reserved",
      "too many connections for")
    {
      self = .tooManyConnections
    } else if says(
      "database system is starting up", "database system is shutting down",
      "database system is in recovery mode", "not yet accepting connections")
    {
      self = .notAccepting
    } else if says("definition of service") {
      self = .missingService
    } else {
      self = .unreachable
    }
  }
}
