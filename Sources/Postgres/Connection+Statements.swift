extension Connection {
  /// Runs a statement and returns its rows.
  ///
  /// - Parameters:
  ///   - sql: one statement, with `$1`, `$2` … where parameters go.
  ///   - parameters: the parameters as text, `nil` for null.
  /// - Returns: the rows; none for a statement that gives none.
  /// - Throws: `PostgresError.server`, `.connectionLost` or `.zeroByte`.
  package func query(
    _ sql: String, _ parameters: [String?] = []
  ) throws(PostgresError) -> ResultRows {
    try refuseZeroBytes(sql, parameters)
    let result = handle.execute(sql, parameters)
    if let failure = failure(result, during: "a query", expecting: .rows, .done) { throw failure }
    let columnCount = result.columnCount
    let rowCount = result.rowCount
    var values: [String?] = []
    values.reserveCapacity(columnCount * rowCount)
    for row in 0..<rowCount {
      for column in 0..<columnCount { values.append(result.value(row, column)) }
    }
    return ResultRows(
      columns: (0..<columnCount).map { result.columnName($0) }, count: rowCount, values: values)
  }

  /// Runs a statement and returns how many rows it touched.
  ///
  /// - Parameters:
  ///   - sql: one statement, with `$1`, `$2` … where parameters go.
  ///   - parameters: the parameters as text, `nil` for null.
  /// - Returns: the number of rows; 0 for a statement that touches none.
  /// - Throws: `PostgresError.server`, `.connectionLost` or `.zeroByte`.
  @discardableResult
  package func run(_ sql: String, _ parameters: [String?] = []) throws(PostgresError) -> Int {
    try refuseZeroBytes(sql, parameters)
    let result = handle.execute(sql, parameters)
    if let failure = failure(result, during: "a statement", expecting: .rows, .done) {
      throw failure
    }
    return result.affectedRows
  }

  /// Runs any number of statements separated by semicolons, without parameters.
  ///
  /// Outside a transaction they form one, so that either all or none take effect.
  package func runScript(_ sql: String) throws(PostgresError) {
    try refuseZeroBytes(sql, [])
    let result = handle.executeScript(sql)
    if let failure = failure(result, during: "a script", expecting: .rows, .done) { throw failure }
  }

  /// Takes a lock that lasts as long as the session; whether it could be had at once.
  package func tryAdvisoryLock(_ key: Int64) throws(PostgresError) -> Bool {
    try query("SELECT pg_catalog.pg_try_advisory_lock($1::bigint)", [String(key)])[0, 0] == "t"
  }

  /// The error a result stands for, or `nil` if its status is among the expected ones.
  ///
  /// The only place where a status of libpq becomes an error.
  func failure(
    _ result: borrowing ResultHandle, during: String, expecting expected: ResultHandle.Status...
  ) -> PostgresError? {
    let status = result.status
    if expected.contains(status) { return nil }
    switch status {
    case .missing:
      return handle.isOpen
        ? .outOfMemory : .connectionLost(during: during, message: handle.errorMessage)
    case .error:
      if let state = result.errorPart(.state) {
        return .server(
          ServerFailure(
            state: SQLState(rawValue: state), message: result.errorPart(.primary) ?? "",
            detail: result.errorPart(.detail), hint: result.errorPart(.hint),
            context: result.errorPart(.context), during: during, side: purpose))
      }
      // The server gives every error a code; one without is the library's own, and nothing came over
      // the connection, which may not yet count as closed.
      return .connectionLost(during: during, message: result.errorMessage)
    case .done: return .unexpectedAnswer(during: during, answer: "no rows")
    case .rows: return .unexpectedAnswer(during: during, answer: "rows")
    case .copyIn, .copyOut:
      return .unexpectedAnswer(during: during, answer: "the begin of a COPY")
    case .other(let name): return .unexpectedAnswer(during: during, answer: name)
    }
  }

  /// Throws if a text would be cut off at a zero byte on its way to the server.
  func refuseZeroBytes(_ sql: String, _ parameters: [String?]) throws(PostgresError) {
    if sql.utf8.contains(0) || parameters.contains(where: { $0?.utf8.contains(0) ?? false }) {
      throw .zeroByte
    }
  }
}
