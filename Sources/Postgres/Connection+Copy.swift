package import Columns

extension Connection {
  /// Reads the rows of a query by binary COPY, batch by batch.
  ///
  /// Columns are matched by position. If `body` throws, the query is cancelled and the connection
  /// stays usable. ``lastCopyCounters`` then tells what was read.
  ///
  /// - Parameters:
  ///   - query: a query without a semicolon at its end and without parameters.
  ///   - fields: the columns to make of the result's columns.
  ///   - rowsPerBatch: the number of rows of each batch but the last.
  ///   - source: the table or dataset to name in errors.
  ///   - key: the fields that identify a row, for the `debugDescription` of errors.
  ///   - body: takes a batch.
  /// - Returns: the number of rows.
  /// - Throws: what `body` throws, or a `PostgresError`.
  @discardableResult
  package func copyOut(
    _ query: String, fields: [Field], rowsPerBatch: Int = 65_536, source: String,
    key: [String] = [], body: (Batch) throws -> Void
  ) throws -> Int {
    let wireTypes = try wireTypes(of: query, fields: fields, source: source)
    var decoder = try CopyDecoder(
      fields: fields, wireTypes: wireTypes, source: source, key: key, rowsPerBatch: rowsPerBatch)
    lastCopyCounters = CopyCounters()
    defer { lastCopyCounters = decoder.counters }
    try copyOut(query, during: "reading \(source)") {
      let received = try handle.receiveCopyData(into: &decoder)
      while let batch = decoder.nextBatch() { try body(batch) }
      return received
    }
    try decoder.finish()
    while let batch = decoder.nextBatch() { try body(batch) }
    return decoder.counters.rows
  }

  /// Reads the bytes of a query's binary COPY behind the header, for digests.
  ///
  /// They are rows and at last the end marker; where one piece ends and the next begins has no
  /// meaning. If `body` throws, the query is cancelled and the connection stays usable.
  ///
  /// - Parameters:
  ///   - query: a query without a semicolon at its end and without parameters.
  ///   - source: what to name in errors.
  ///   - body: takes a piece.
  /// - Throws: what `body` throws, or a `PostgresError`.
  package func copyOutBytes(
    _ query: String, source: String = "a query", body: (ArraySlice<UInt8>) throws -> Void
  ) throws {
    var bytes: [UInt8] = []
    var headerIsOver = false
    try copyOut(query, during: "reading \(source)") {
      let received = handle.receiveCopyData(into: &bytes)
      if !headerIsOver {
        guard bytes.count >= copyHeaderLength else { return received }
        // The server writes neither flags nor an extension.
        guard bytes.starts(with: CopyEncoder.header) else {
          throw PostgresError.malformedCopy(source: source, row: 1, problem: .signature)
        }
        bytes.removeFirst(copyHeaderLength)
        headerIsOver = true
      }
      if bytes.count >= Connection.pieceBytes || received != .message, !bytes.isEmpty {
        try body(bytes[...])
        bytes.removeAll(keepingCapacity: true)
      }
      return received
    }
  }

  /// Writes a batch into a table by binary COPY.
  ///
  /// Each column is encoded for the type of the table's column of the same name. Either all rows
  /// are written or none.
  ///
  /// - Parameters:
  ///   - batch: the rows.
  ///   - table: the table; it may have more columns, which get their defaults.
  /// - Returns: the number of rows.
  /// - Throws: `PostgresError.missingTable`, `.missingColumn`, `.unsuitableType`,
  ///   `.unsuitableValue`, or what the server says.
  @discardableResult
  package func copyIn(
    _ batch: Batch, into table: QualifiedName
  ) throws(PostgresError) -> Int {
    let known = try columns(of: table)
    var wireTypes: [WireType] = []
    for field in batch.fields {
      guard let column = known[field.name] else {
        throw .missingColumn(table: table.description, column: field.name)
      }
      guard let type = column.wireType, type.canBeWritten(from: field.type) else {
        throw .unsuitableType(
          table: table.description, column: field.name, type: column.typeName, field: field.type)
      }
      wireTypes.append(type)
    }
    let encoder = try CopyEncoder(
      fields: batch.fields, wireTypes: wireTypes, table: table.description)
    let during = "writing \(table)"
    let names = batch.fields.map { quoteIdentifier($0.name) }.joined(separator: ", ")
    let begun = handle.execute(
      "COPY \(table.quoted)\(names.isEmpty ? "" : " (\(names))") FROM STDIN (FORMAT binary)", [])
    if let failure = failure(begun, during: during, expecting: .copyIn) { throw failure }
    do throws(PostgresError) {
      try send(batch, by: encoder, during: during)
    } catch {
      _ = handle.putCopyEnd(failure: "the client gave up")
      // The error says no more than that the client gave up.
      _ = try? endCopy(during: during)
      throw error
    }
    return try endCopy(during: during)
  }

  /// The number of rows encoded at a time: few, so that the server reads on while the next ones are.
  private static let rowsPerPiece = 256
  /// The number of raw bytes handed over at a time.
  private static let pieceBytes = 1 << 16

  private func send(
    _ batch: Batch, by encoder: CopyEncoder, during: String
  ) throws(PostgresError) {
    func put(_ bytes: [UInt8]) throws(PostgresError) {
      // Pieces are cut because the library takes no more than 2 GB at once.
      for start in stride(from: 0, to: bytes.count, by: 1 << 28) {
        guard handle.putCopyData(bytes[start..<min(bytes.count, start + 1 << 28)]) else {
          throw .connectionLost(during: during, message: handle.errorMessage)
        }
      }
    }
    try put(CopyEncoder.header)
    for start in stride(from: 0, to: batch.rowCount, by: Connection.rowsPerPiece) {
      let end = min(batch.rowCount, start + Connection.rowsPerPiece)
      try put(encoder.encode(batch, rows: start..<end))
    }
    try put(CopyEncoder.trailer)
    guard handle.putCopyEnd() else {
      throw .connectionLost(during: during, message: handle.errorMessage)
    }
  }

  /// Reads the results that end a COPY; the number of rows, or the error if there is one.
  @discardableResult
  private func endCopy(during: String) throws(PostgresError) -> Int {
    var rows = 0
    var first: PostgresError?
    while true {
      let result = handle.nextResult()
      if result.status == .missing { break }
      if let failure = failure(result, during: during, expecting: .done) {
        first = first ?? failure
        // Neither a lost connection nor a COPY that could not be ended has a last result.
        if !handle.isOpen || result.status == .copyIn || result.status == .copyOut { break }
      } else {
        rows = result.affectedRows
      }
    }
    if let first { throw first }
    if !handle.isOpen { throw .connectionLost(during: during, message: handle.errorMessage) }
    return rows
  }

  /// Begins a COPY to the client and calls `receive` until it reports the end.
  private func copyOut(
    _ query: String, during: String, receive: () throws -> ConnectionHandle.CopyData
  ) throws {
    try refuseZeroBytes(query, [])
    let begun = handle.execute("COPY (\(query)) TO STDOUT (FORMAT binary)", [])
    if let failure = failure(begun, during: during, expecting: .copyOut) { throw failure }
    do {
      while true {
        let received = try receive()
        if received == .end { break }
        if received == .failed {
          throw PostgresError.connectionLost(during: during, message: handle.errorMessage)
        }
      }
    } catch {
      abandonCopyOut()
      throw error
    }
    try endCopy(during: during)
  }

  /// Stops the server and reads what is still under way, so that the connection can go on.
  private func abandonCopyOut() {
    handle.cancel()
    var dropped: [UInt8] = []
    while handle.receiveCopyData(into: &dropped) == .message {
      dropped.removeAll(keepingCapacity: true)
    }
    // The error says no more than that the query was cancelled.
    _ = try? endCopy(during: "cancelling a query")
  }

  /// The wire formats of a query's columns, checked against the fields.
  private func wireTypes(
    of query: String, fields: [Field], source: String
  ) throws(PostgresError) -> [WireType] {
    let columns = try describe(query, during: "reading \(source)")
    guard columns.count == fields.count else {
      throw .columnCount(source: source, expected: fields.count, found: columns.count)
    }
    var wireTypes: [WireType] = []
    for (column, field) in zip(columns, fields) {
      guard let type = column.wireType, type.canBeRead(as: field.type) else {
        throw .unsuitableType(
          table: source, column: field.name, type: column.typeName, field: field.type)
      }
      wireTypes.append(type)
    }
    return wireTypes
  }
}
