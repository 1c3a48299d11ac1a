/// How a transaction sees and changes the database.
package enum TransactionMode: Hashable, Sendable {
  /// Each statement sees what was committed before it; on a source connection it cannot write.
  case readWrite
  /// All statements see one state: their own, or that of a snapshot another session exported.
  case repeatableReadReadOnly(snapshot: String? = nil)
}

extension Connection {
  /// Runs `body` in a transaction, which is committed if it returns and rolled back if it throws.
  ///
  /// An error of `body` is thrown on even if rolling back fails as well. There is no nesting.
  ///
  /// - Throws: what `body` throws, or a `PostgresError` of beginning or committing; among the latter
  ///   is a statement that failed within `body` without ending it, and `.connectionLost` if the
  ///   session has ended whose snapshot is to be shared.
  package func transaction<Result>(
    _ mode: TransactionMode = .readWrite, _ body: () throws -> Result
  ) throws -> Result {
    precondition(!handle.isInTransaction, "a transaction within a transaction")
    do {
      switch mode {
      case .readWrite: try run("BEGIN ISOLATION LEVEL READ COMMITTED")
      case .repeatableReadReadOnly(let snapshot):
        try run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if let snapshot { try join(snapshot) }
      }
      let result = try body()
      try commit()
      return result
    } catch {
      if handle.isOpen, handle.isInTransaction { _ = try? run("ROLLBACK") }
      throw error
    }
  }

  /// Makes the transaction see what another session's does.
  ///
  /// - Throws: `PostgresError.connectionLost` if that session has ended, for which the server only
  ///   says that the name is no snapshot's.
  private func join(_ snapshot: String) throws(PostgresError) {
    do {
      try run("SET TRANSACTION SNAPSHOT \(quoteLiteral(snapshot))")
    } catch {
      // An invalid value up to version 15, an undefined object from 16 on.
      guard case .server(let failure) = error,
        ["22023", "42704"].contains(failure.state.rawValue)
      else { throw error }
      throw .connectionLost(
        during: "sharing a snapshot", message: "the session that holds it has ended")
    }
  }

  private func commit() throws(PostgresError) {
    let result = handle.execute("COMMIT", [])
    if let failure = failure(result, during: "a commit", expecting: .done) { throw failure }
    // The server answers a COMMIT of a failed transaction with a rollback and no error.
    if result.commandTag != "COMMIT" {
      throw .unexpectedAnswer(during: "a commit", answer: "a rollback")
    }
  }
}
