package import AlmanacCore
package import Columns

/// Why talking to PostgreSQL failed.
///
/// `description` may be logged: it holds no row values, no connection string and no secret.
/// `debugDescription` adds the server's detail and row keys, still without secrets.
package enum PostgresError: Error, Hashable, Sendable {
  /// The connection text is neither a URI nor keyword=value pairs that libpq understands.
  case invalidConnectionString
  /// No connection could be made.
  case cannotConnect(ConnectionFailure)
  /// The connection broke off; `during` says what was being done.
  case connectionLost(during: String, message: String)
  /// The server is older than the oldest supported one.
  case unsupportedServer(version: Int)
  /// The server refused a statement.
  case server(ServerFailure)
  /// The server or the library answered with something that does not belong there.
  case unexpectedAnswer(during: String, answer: String)
  /// A statement or parameter contains a zero byte, which PostgreSQL cannot store.
  case zeroByte
  /// The library could not allocate memory.
  case outOfMemory
  /// The result of a query has another number of columns than fields were given.
  case columnCount(source: String, expected: Int, found: Int)
  /// A table does not exist or is not visible to the role.
  case missingTable(String)
  /// A table has no column of a name.
  case missingColumn(table: String, column: String)
  /// A column has a type that cannot be read as, or written from, the type of its field.
  case unsuitableType(table: String, column: String, type: String, field: ColumnType)
  /// A value cannot be read or written.
  case unsuitableValue(ValueFailure)
  /// The bytes of a binary COPY are damaged.
  case malformedCopy(source: String, row: Int, problem: CopyProblem)
}

/// Why a connection could not be made.
package struct ConnectionFailure: Hashable, Sendable {
  /// What kind of obstacle it is.
  package enum Reason: Hashable, Sendable {
    /// Nobody answers at the address.
    case unreachable
    /// The server is starting up or shutting down.
    case notAccepting
    /// The password is wrong or missing, or the role may not log in.
    case refused
    /// The database does not exist.
    case missingDatabase
    /// All connections are in use.
    case tooManyConnections
    /// The service named in the text or in `PGSERVICE` is not defined.
    case missingService
  }

  /// What kind of obstacle it is.
  package let reason: Reason
  /// Host, port, database and user, without a secret.
  package let server: String
  /// The library's message.
  package let message: String

  /// A failure of the given parts.
  package init(reason: Reason, server: String, message: String) {
    self.reason = reason
    self.server = server
    self.message = message
  }
}

/// What the server said about a statement it refused.
package struct ServerFailure: Hashable, Sendable {
  /// The error code.
  package let state: SQLState
  /// The primary message.
  package let message: String
  /// Details, which may hold values of rows.
  package let detail: String?
  /// The server's hint.
  package let hint: String?
  /// Where in functions and scripts the error arose; it may hold values.
  package let context: String?
  /// What was being done, such as the name of a table.
  package let during: String
  /// What the connection is for, which tells whose rights are meant.
  package let side: Connection.Purpose?

  /// A failure of the given parts.
  package init(
    state: SQLState, message: String, detail: String? = nil, hint: String? = nil,
    context: String? = nil, during: String, side: Connection.Purpose? = nil
  ) {
    self.state = state
    self.message = message
    self.detail = detail
    self.hint = hint
    self.context = context
    self.during = during
    self.side = side
  }
}

/// A value that cannot be read or written, and where it is.
package struct ValueFailure: Hashable, Sendable {
  /// What is wrong with a value.
  package enum Problem: Hashable, Sendable {
    /// Null in a column declared without nulls.
    case null
    /// Not a number.
    case notANumber
    /// Plus or minus infinity, of a number or a time.
    case infinite
    /// Outside the range of the column's type.
    case outOfRange
    /// A time before the year 1 or after the year 9999.
    case outsideCalendar
    /// Bytes that are no value of the type.
    case malformed
    /// A list with a null in it.
    case nullElement
    /// An array of more than one dimension.
    case nested

    /// What is wrong with a floating-point number that is not finite.
    init(notFinite value: Double) {
      self = value.isNaN ? .notANumber : .infinite
    }
  }

  /// The table or dataset.
  package let source: String
  /// The column.
  package let column: String
  /// The row's number within the stream, from 1.
  package let row: Int
  /// The row's key where one was asked for; never part of `description`.
  package let key: String?
  /// What is wrong.
  package let problem: Problem

  /// A failure of the given parts.
  package init(source: String, column: String, row: Int, key: String?, problem: Problem) {
    self.source = source
    self.column = column
    self.row = row
    self.key = key
    self.problem = problem
  }
}

/// What is wrong with the bytes of a binary COPY.
package enum CopyProblem: Hashable, Sendable {
  /// They do not begin with the signature.
  case signature
  /// The flags announce something this format version does not have.
  case flags
  /// A length is negative or above the largest possible one.
  case length
  /// A row has another number of fields than the query has columns.
  case fieldCount(expected: Int, found: Int)
  /// They end before the end marker.
  case truncated
  /// They go on after the end marker.
  case trailingBytes
}

extension PostgresError {
  /// Whether the same work, on a new connection if the old one is lost, may well succeed at once or
  /// soon; see ``SQLState/isRetryable``.
  ///
  /// Every such error leads to the exit status `unavailable` or `temporaryFailure`; a cancelled
  /// statement leads to the latter as well, but is nothing to repeat within a run.
  package var isRetryable: Bool {
    switch self {
    case .connectionLost: true
    case .server(let failure): failure.state.isRetryable
    case .cannotConnect(let failure):
      switch failure.reason {
      case .unreachable, .notAccepting, .tooManyConnections: true
      case .refused, .missingDatabase, .missingService: false
      }
    default: false
    }
  }
}

extension PostgresError: ExitStatusConvertible {
  /// The status the program exits with when nothing handles the error.
  package var exitStatus: ExitStatus {
    switch self {
    case .invalidConnectionString: .usage
    case .cannotConnect(let failure):
      switch failure.reason {
      case .unreachable, .notAccepting: .unavailable
      case .refused: .noPermission
      case .missingDatabase, .missingService: .missingInput
      case .tooManyConnections: .temporaryFailure
      }
    case .connectionLost: .unavailable
    case .unsupportedServer: .unavailable
    case .server(let failure): failure.state.exitStatus
    case .missingTable, .missingColumn: .missingInput
    case .unsuitableType, .unsuitableValue, .zeroByte, .columnCount, .malformedCopy: .badData
    case .unexpectedAnswer, .outOfMemory: .internalError
    }
  }

  /// One line without values or secrets: what is wrong and what to do.
  package var description: String {
    switch self {
    case .invalidConnectionString:
      "the connection string is not valid; write postgresql://user@host:5432/dbname, "
        + "\"host=… dbname=…\" or service=NAME"
    case .cannotConnect(let failure): failure.description
    case .connectionLost(let during, _):
      "the connection to PostgreSQL broke off during \(during); check the server, then run again"
    case .unsupportedServer(let version):
      "the server is PostgreSQL \(version / 10_000); almanac needs PostgreSQL 14 or newer"
    case .server(let failure): failure.description
    case .unexpectedAnswer(let during, let answer):
      "PostgreSQL answered \(answer) during \(during), which was not expected"
    case .zeroByte:
      "a text contains a zero byte, which PostgreSQL cannot store; remove it at its origin"
    case .outOfMemory: "memory is used up; free memory or run with fewer jobs"
    case .columnCount(let source, let expected, let found):
      "\(source) has \(found) columns where \(expected) are declared; correct the declaration"
    case .missingTable(let table):
      "table \(table) does not exist; create it or correct the name"
    case .missingColumn(let table, let column):
      "table \(table) has no column \(column); add it or correct the name"
    case .unsuitableType(let table, let column, let type, let field):
      "column \(column) of \(table) has type \(type), which does not fit \(field.name); "
        + "cast it or declare another type"
    case .unsuitableValue(let failure): failure.description
    case .malformedCopy(let source, let row, let problem):
      "the binary COPY of \(source) is damaged at row \(row): \(problem.text); run again"
    }
  }
}

extension PostgresError: CustomDebugStringConvertible {
  /// The description with the server's message, detail and row keys, which may hold values.
  package var debugDescription: String {
    switch self {
    case .cannotConnect(let failure): "\(description)\n\(failure.message)"
    case .connectionLost(_, let message): "\(description)\n\(message)"
    case .server(let failure):
      ([description, "SQLSTATE: \(failure.state.rawValue)"]
        + [
          ("MESSAGE", failure.message), ("DETAIL", failure.detail), ("HINT", failure.hint),
          ("CONTEXT", failure.context),
        ]
        .compactMap { name, text in text.map { "\(name): \($0)" } }).joined(separator: "\n")
    case .unsuitableValue(let failure):
      failure.key.map { "\(description)\nKEY: \($0)" } ?? description
    default: description
    }
  }
}

extension ConnectionFailure: CustomStringConvertible {
  /// One line: what is wrong and what to do.
  package var description: String {
    switch reason {
    case .unreachable:
      "cannot reach PostgreSQL at \(server)\(obstacle.map { " (\($0))" } ?? ""); "
        + "start the server or check --source and --target"
    case .notAccepting:
      "PostgreSQL at \(server) is starting up or shutting down; try again in a moment"
    case .refused:
      "PostgreSQL at \(server) refused the login; check the user, its password (PGPASSFILE, "
        + "~/.pgpass or PGPASSWORD) and pg_hba.conf"
    case .missingDatabase:
      "there is no such database at \(server); create it or correct the database name"
    case .tooManyConnections:
      "PostgreSQL at \(server) has no connection left; try again later or raise max_connections"
    case .missingService:
      "the connection service does not exist; define it in pg_service.conf or check PGSERVICEFILE"
    }
  }
}

extension ConnectionFailure {
  /// What the operating system or the resolver said, in fixed words; `nil` if it is something else.
  private var obstacle: String? {
    let known = [
      ("Connection refused", "connection refused"), ("No such file or directory", "no such file"),
      ("timeout expired", "timeout"), ("timed out", "timeout"),
      ("could not translate host name", "name not known"),
      ("Permission denied", "no access to the socket"), ("No route to host", "no route to host"),
      ("Network is unreachable", "network unreachable"), ("certificate", "certificate refused"),
      ("SSL", "no common TLS setting"),
      ("server closed the connection", "the server closed the connection"),
    ]
    return known.first { message.contains($0.0) }?.1
  }
}

extension ServerFailure: CustomStringConvertible {
  /// One line: what was being done, what is wrong and what to do.
  ///
  /// The server's own message is part of it only where its code says that it quotes no value.
  package var description: String {
    guard state.hasMessageWithoutValues else {
      return "\(during): \(state.condition) (SQLSTATE \(state.rawValue)); "
        + "--verbose on a terminal shows the server's message"
    }
    let line = message.split(whereSeparator: \.isNewline).joined(separator: " ")
    return "\(during): \(line)" + (advice.isEmpty ? "" : "; \(advice)")
  }

  private var advice: String {
    guard state == .insufficientPrivilege else { return state.advice }
    if message.contains("row-level security") {
      return "read as a role with BYPASSRLS or as the table's owner"
    }
    switch side {
    case .source: return "grant the role of the source the right"
    case .target: return "grant the role of the target the right"
    case nil: return state.advice
    }
  }
}

extension ValueFailure: CustomStringConvertible {
  /// One line: which value, what is wrong with it, and what to do.
  package var description: String {
    let what =
      switch problem {
      case .null: "is null though declared without nulls"
      case .notANumber: "is not a number (NaN)"
      case .infinite: "is infinite"
      case .outOfRange: "is outside the range of its type"
      case .outsideCalendar: "lies outside the years 1 to 9999"
      case .malformed: "is no value of its type"
      case .nullElement: "is an array with a null in it"
      case .nested: "is an array of more than one dimension"
      }
    return "column \(column) of \(source) \(what) in row \(row); correct the row or exclude it"
      + (key == nil ? "" : " (--verbose on a terminal shows its key)")
  }
}

extension CopyProblem {
  /// The problem in words.
  var text: String {
    switch self {
    case .signature: "wrong signature"
    case .flags: "unknown flags"
    case .length: "impossible length"
    case .fieldCount(let expected, let found): "\(found) fields instead of \(expected)"
    case .truncated: "it ends too early"
    case .trailingBytes: "bytes after the end marker"
    }
  }
}

extension ColumnType {
  /// The type as a dataset file writes it.
  var name: String {
    switch self {
    case .bool: "bool"
    case .int16: "int16"
    case .int32: "int32"
    case .int64: "int64"
    case .float32: "float32"
    case .float64: "float64"
    case .decimal(let scale): "decimal(\(scale))"
    case .text: "text"
    case .json: "json"
    case .bytes: "bytes"
    case .uuid: "uuid"
    case .uuidList: "uuids"
    case .date: "date"
    case .timestamp: "timestamp"
    }
  }
}
