import CPostgres

/// Owns a libpq connection; the only place that calls libpq on one.
///
/// Every function expects the calls to come from one thread at a time.
@safe
struct ConnectionHandle: ~Copyable {
  private let connection: OpaquePointer

  /// A connection with the given parameters, successful or not.
  ///
  /// - Throws: `PostgresError.outOfMemory` if libpq cannot even allocate it.
  init(_ parameters: [(keyword: String, value: String)]) throws(PostgresError) {
    let keywords = CStringArray(parameters.map(\.keyword))
    let values = CStringArray(parameters.map(\.value))
    guard let connection = unsafe PQconnectdbParams(keywords.pointers, values.pointers, 0) else {
      throw .outOfMemory
    }
    unsafe self.connection = connection
    // Notices go to standard error by default, where they would break the one line of an error.
    _ = unsafe PQsetNoticeProcessor(connection, { _, _ in }, nil)
  }

  deinit { unsafe PQfinish(connection) }

  /// Whether the connection is usable.
  var isOpen: Bool { unsafe PQstatus(connection) == CONNECTION_OK }
  /// The server's version, such as 150018; 0 without a connection.
  var serverVersion: Int { unsafe Int(PQserverVersion(connection)) }
  /// The number of the server's process as it was told when the connection was made.
  var serverProcess: Int32 { unsafe PQbackendPID(connection) }
  /// Whether a transaction is open, failed or not.
  var isInTransaction: Bool {
    let status = unsafe PQtransactionStatus(connection)
    return status == PQTRANS_INTRANS || status == PQTRANS_INERROR || status == PQTRANS_ACTIVE
  }
  /// The message of the last failed call.
  var errorMessage: String { unsafe String(cString: PQerrorMessage(connection)) }

  /// Runs one statement with parameters as text.
  func execute(_ sql: String, _ parameters: [String?]) -> ResultHandle {
    let values = CStringArray(parameters)
    return unsafe ResultHandle(
      PQexecParams(
        connection, sql, Int32(parameters.count), nil, values.pointers, nil, nil, 0))
  }

  /// Runs any number of statements by the simple protocol; the result is that of the last one.
  func executeScript(_ sql: String) -> ResultHandle {
    unsafe ResultHandle(PQexec(connection, sql))
  }

  /// Parses a statement and keeps it as the unnamed one.
  func prepare(_ sql: String) -> ResultHandle {
    unsafe ResultHandle(PQprepare(connection, "", sql, 0, nil))
  }

  /// Describes the unnamed prepared statement.
  func describePrepared() -> ResultHandle {
    unsafe ResultHandle(PQdescribePrepared(connection, ""))
  }

  /// The next result of a statement in progress; one without a pointer when there is none left.
  func nextResult() -> ResultHandle { unsafe ResultHandle(PQgetResult(connection)) }

  /// What waiting for data of a COPY gave.
  enum CopyData {
    /// A message was handed over.
    case message
    /// The COPY has ended; its result follows.
    case end
    /// The connection failed.
    case failed
  }

  /// Waits for the next message of a COPY and lets a decoder take it.
  func receiveCopyData(into decoder: inout CopyDecoder) throws(PostgresError) -> CopyData {
    var buffer: UnsafeMutablePointer<CChar>?
    let length = unsafe PQgetCopyData(connection, &buffer, 0)
    guard length > 0, let bytes = unsafe buffer else { return length == -1 ? .end : .failed }
    defer { unsafe PQfreemem(bytes) }
    try unsafe decoder.consume(UnsafeRawBufferPointer(start: bytes, count: Int(length)))
    return .message
  }

  /// Waits for the next message of a COPY and appends it to `bytes`.
  func receiveCopyData(into bytes: inout [UInt8]) -> CopyData {
    var buffer: UnsafeMutablePointer<CChar>?
    let length = unsafe PQgetCopyData(connection, &buffer, 0)
    guard length > 0, let start = unsafe buffer else { return length == -1 ? .end : .failed }
    defer { unsafe PQfreemem(start) }
    unsafe bytes.append(contentsOf: UnsafeRawBufferPointer(start: start, count: Int(length)))
    return .message
  }

  /// Sends bytes of a COPY; whether that succeeded.
  func putCopyData(_ bytes: ArraySlice<UInt8>) -> Bool {
    unsafe bytes.withUnsafeBytes { buffer in
      guard let base = buffer.baseAddress else { return true }
      return unsafe PQputCopyData(
        connection, base.assumingMemoryBound(to: CChar.self), Int32(buffer.count)) == 1
    }
  }

  /// Ends a COPY that sends data, with `failure` so that the server discards everything.
  func putCopyEnd(failure: String? = nil) -> Bool {
    unsafe PQputCopyEnd(connection, failure) == 1
  }

  /// Asks the server to stop the statement in progress.
  func cancel() {
    guard let cancel = unsafe PQgetCancel(connection) else { return }
    defer { unsafe PQfreeCancel(cancel) }
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { message in
      // A statement that has ended meanwhile cannot be cancelled, which is just as well.
      _ = unsafe PQcancel(cancel, message.baseAddress, 256)
    }
  }
}

/// Owns a libpq result, which may be missing.
@safe
struct ResultHandle: ~Copyable {
  private let result: OpaquePointer?

  /// Takes over a result.
  init(_ result: OpaquePointer?) {
    unsafe self.result = unsafe result
  }

  deinit { unsafe PQclear(result) }

  /// What kind of answer the result is.
  enum Status: Equatable {
    /// There is no result: the library is out of memory, or no statement is left.
    case missing
    /// A statement without rows succeeded, or a script was empty.
    case done
    /// There are rows.
    case rows
    /// The server waits for the data of a COPY.
    case copyIn
    /// The server sends the data of a COPY.
    case copyOut
    /// The server refused the statement, or the connection failed.
    case error
    /// Something else, by libpq's name for it.
    case other(String)
  }

  /// What kind of answer the result is.
  var status: Status {
    guard unsafe result != nil else { return .missing }
    switch unsafe PQresultStatus(result) {
    case PGRES_EMPTY_QUERY, PGRES_COMMAND_OK: return .done
    case PGRES_TUPLES_OK: return .rows
    case PGRES_COPY_IN: return .copyIn
    case PGRES_COPY_OUT: return .copyOut
    case PGRES_FATAL_ERROR, PGRES_BAD_RESPONSE, PGRES_NONFATAL_ERROR: return .error
    case let status: return .other(unsafe String(cString: PQresStatus(status)))
    }
  }

  /// The parts of an error the server reported.
  enum Part: Character {
    case state = "C"
    case primary = "M"
    case detail = "D"
    case hint = "H"
    case context = "W"
  }

  /// A part of the error, if it has that.
  func errorPart(_ part: Part) -> String? {
    guard let code = part.rawValue.asciiValue,
      let text = unsafe PQresultErrorField(result, Int32(code))
    else { return nil }
    return unsafe String(cString: text)
  }

  /// The library's message about an error.
  var errorMessage: String { unsafe String(cString: PQresultErrorMessage(result)) }

  /// The tag of the command, such as `COMMIT`.
  var commandTag: String {
    guard let tag = unsafe PQcmdStatus(result) else { return "" }
    return unsafe String(cString: tag)
  }

  /// The number of rows the command touched; 0 for commands that touch none.
  var affectedRows: Int {
    guard let tuples = unsafe PQcmdTuples(result) else { return 0 }
    return unsafe Int(String(cString: tuples)) ?? 0
  }

  /// The number of columns.
  var columnCount: Int { unsafe Int(PQnfields(result)) }
  /// The number of rows.
  var rowCount: Int { unsafe Int(PQntuples(result)) }

  /// The name of a column.
  func columnName(_ column: Int) -> String {
    guard let name = unsafe PQfname(result, Int32(column)) else { return "" }
    return unsafe String(cString: name)
  }

  /// The oid of a column's type.
  func columnType(_ column: Int) -> UInt32 { unsafe PQftype(result, Int32(column)) }

  /// The type modifier of a column, such as a length; -1 for none.
  func columnModifier(_ column: Int) -> Int { unsafe Int(PQfmod(result, Int32(column))) }

  /// A value as text; `nil` for null.
  func value(_ row: Int, _ column: Int) -> String? {
    guard unsafe PQgetisnull(result, Int32(row), Int32(column)) == 0,
      let value = unsafe PQgetvalue(result, Int32(row), Int32(column))
    else { return nil }
    return unsafe String(cString: value)
  }
}

/// C strings for the length of a call, ended by a null pointer.
@safe
private final class CStringArray {
  let pointers: UnsafeMutablePointer<UnsafePointer<CChar>?>
  private let count: Int

  init(_ strings: [String?]) {
    count = strings.count
    unsafe pointers = .allocate(capacity: count + 1)
    for (index, string) in strings.enumerated() {
      unsafe (pointers + index).initialize(to: string.map { unsafe CStringArray.copy($0) })
    }
    unsafe (pointers + count).initialize(to: nil)
  }

  deinit {
    for index in 0..<count { unsafe pointers[index]?.deallocate() }
    unsafe pointers.deallocate()
  }

  private static func copy(_ string: String) -> UnsafePointer<CChar> {
    let bytes = string.utf8CString
    let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
    for (index, byte) in bytes.enumerated() { unsafe (copy + index).initialize(to: byte) }
    return unsafe UnsafePointer(copy)
  }
}
