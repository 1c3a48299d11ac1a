package import AlmanacCore

/// A five-character PostgreSQL error code.
///
/// The first two characters are the class, so `catch` can match a family:
/// `case .retryable` or `SQLState.Class("23") ~= state`.
package struct SQLState: RawRepresentable, Hashable, Sendable {
  /// The five characters.
  package let rawValue: String

  /// The code with the given characters, which are not checked.
  package init(rawValue: String) {
    self.rawValue = rawValue
  }

  /// A family of codes: those that begin with certain characters.
  package struct Class: Hashable, Sendable {
    /// What the codes of the family begin with.
    package let prefix: String

    /// The family of codes that begin with `prefix`.
    package init(_ prefix: String) {
      self.prefix = prefix
    }

    /// The connection failed or was lost.
    package static let connection = Class("08")
    /// A value is not valid: out of range, malformed, too long.
    package static let data = Class("22")
    /// A constraint was violated.
    package static let constraint = Class("23")
    /// A wrong password or a role that may not log in.
    package static let authorisation = Class("28")
    /// The transaction was rolled back and may be tried again.
    package static let retryable = Class("40")
    /// Wrong syntax, a missing right, a missing table or column.
    package static let syntaxOrAccess = Class("42")
    /// Disk, memory or connections are used up.
    package static let resources = Class("53")
    /// Someone cancelled the statement or stopped the server.
    package static let intervention = Class("57")
    /// The operating system of the server reported a fault.
    package static let system = Class("58")

    /// Whether a code belongs to the family.
    package static func ~= (family: Class, state: SQLState) -> Bool {
      state.rawValue.hasPrefix(family.prefix)
    }
  }

  /// The table does not exist.
  package static let undefinedTable = SQLState(rawValue: "42P01")
  /// The column does not exist.
  package static let undefinedColumn = SQLState(rawValue: "42703")
  /// The schema does not exist.
  package static let undefinedSchema = SQLState(rawValue: "3F000")
  /// The database does not exist.
  package static let undefinedDatabase = SQLState(rawValue: "3D000")
  /// The role lacks a right.
  package static let insufficientPrivilege = SQLState(rawValue: "42501")
  /// A lock could not be had at once or in time.
  package static let lockNotAvailable = SQLState(rawValue: "55P03")
  /// All connections are in use.
  package static let tooManyConnections = SQLState(rawValue: "53300")
  /// The server's disk is full.
  package static let diskFull = SQLState(rawValue: "53100")
  /// The statement was cancelled, by a person or by a timeout.
  package static let queryCancelled = SQLState(rawValue: "57014")
  /// The password is wrong.
  package static let invalidPassword = SQLState(rawValue: "28P01")
  /// The role may not log in this way, or does not exist.
  package static let invalidAuthorisation = SQLState(rawValue: "28000")
  /// The server is starting or stopping.
  package static let cannotConnectNow = SQLState(rawValue: "57P03")
  /// The database was dropped during the session, on a standby as a conflict with recovery.
  package static let databaseDropped = SQLState(rawValue: "57P04")

  /// Whether the same transaction, on a new connection if the old one is lost, may well succeed at
  /// once or soon.
  ///
  /// That is so after a lost connection, a server that restarts, a deadlock, a serialisation
  /// failure (what a standby reports as a "conflict with recovery" is one), and a lock or a
  /// connection that could not be had. It is not after a statement that was cancelled, by a person
  /// or by `statement_timeout`: that would be asked for the same again.
  package var isRetryable: Bool {
    switch self {
    case .databaseDropped: false
    case .lockNotAvailable, .tooManyConnections: true
    case Class.connection, Class.retryable, Class("57P0"): true
    default: false
    }
  }

  /// The status a program ends with when nothing handles the code.
  package var exitStatus: ExitStatus {
    switch self {
    case .undefinedTable, .undefinedColumn, .undefinedSchema, .undefinedDatabase,
      .databaseDropped:
      .missingInput
    case .insufficientPrivilege: .noPermission
    case .lockNotAvailable, .tooManyConnections, .queryCancelled: .temporaryFailure
    case .diskFull: .inputOutput
    case Class.connection, Class("57P0"): .unavailable
    case Class.authorisation: .noPermission
    case Class.retryable: .temporaryFailure
    case Class.system: .inputOutput
    case Class.data, Class.constraint: .badData
    default: .internalError
    }
  }

  /// What a person can do about it, to follow the server's message; empty if there is no advice.
  var advice: String {
    switch self {
    case .undefinedTable:
      "create it or correct the name, which needs its schema since the search path is empty"
    case .undefinedColumn, .undefinedSchema: "create it or correct the name"
    case .undefinedDatabase, .databaseDropped: "create it or correct the database name"
    case .insufficientPrivilege: "grant the role the right"
    case .lockNotAvailable: "another session holds the lock; try again later"
    case .tooManyConnections: "try again later or raise max_connections"
    case .queryCancelled: "it was cancelled or ran into a timeout; try again"
    case .diskFull: "free space on the server's disk"
    case Class.connection, Class("57P0"): "check the server, then try again"
    case Class.authorisation: "check the user, its password and pg_hba.conf"
    case Class.retryable: "try again"
    default: ""
    }
  }
}
