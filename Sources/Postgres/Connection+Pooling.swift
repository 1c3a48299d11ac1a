extension Connection {
  /// Whether a pooler between client and server gives a server's session to a client only for the
  /// length of a transaction, so that locks and settings of a session are lost.
  ///
  /// Each client of a pooler is told the number of a process that is none of the server's. Only then
  /// is it tried out whether a second client, in a transaction, gets the session that this one had.
  ///
  /// - Parameter settings: the settings that this connection was made with.
  /// - Returns: whether sessions are shared; false for a pooler that keeps them for its clients.
  /// - Throws: `PostgresError` of asking, or of connecting a second time.
  package func isPooledByTransaction(_ settings: ConnectionSettings) throws -> Bool {
    let first = try backend()
    if first == handle.serverProcess { return false }
    let other = try Connection(settings, purpose: purpose)
    return try other.transaction {
      // The other has this client's session; or it has one of its own, and this client is given
      // whichever is free, which in turns is another than before.
      if try other.backend() == first { return true }
      return try backend() != first
    }
  }

  /// The number of the server's process that answers.
  private func backend() throws(PostgresError) -> Int32? {
    try query("SELECT pg_catalog.pg_backend_pid()")[0, 0].flatMap { Int32($0) }
  }
}
