/// The exit statuses of the program, after BSD `sysexits.h`.
///
/// A scheduler may retry on ``unavailable`` and ``temporaryFailure`` only.
package enum ExitStatus: Int32, Sendable, CaseIterable {
  /// Everything asked for was done.
  case ok = 0
  /// The command line is wrong.
  case usage = 64
  /// Input is bad: a corrupt snapshot, a failed audit, a value that cannot be stored.
  case badData = 65
  /// Input is missing: a file, table, column, or the data of a date.
  case missingInput = 66
  /// PostgreSQL cannot be reached.
  case unavailable = 69
  /// A fault of the program itself.
  case internalError = 70
  /// Output cannot be created.
  case cannotCreate = 73
  /// Reading or writing failed, or the disk is full.
  case inputOutput = 74
  /// Trying again later may succeed: a lock, a serialisation failure.
  case temporaryFailure = 75
  /// A wrong password or a missing right.
  case noPermission = 77
  /// The configuration is wrong.
  case configuration = 78
  /// Interrupted from the keyboard (SIGINT).
  case interrupted = 130
  /// Asked to end (SIGTERM).
  case terminated = 143

  /// Whether the same command may succeed later with nothing changed.
  package var isRetryable: Bool { self == .unavailable || self == .temporaryFailure }
}

/// An error that knows the exit status it leads to.
///
/// `description` is one line without rows, identifiers, values or connection strings, so it may be
/// logged; it says what is wrong and what to do.
package protocol ExitStatusConvertible: Error, CustomStringConvertible {
  /// The status the program exits with when nothing handles the error.
  var exitStatus: ExitStatus { get }
}
