import AlmanacCore

extension Error {
  /// What to say of it: the line for a user, else what Swift says.
  var words: String { (self as? any ExitStatusConvertible)?.description ?? "\(self)" }

  /// Whether trying again may mend it, as its exit status says.
  var mayPass: Bool {
    (self as? any ExitStatusConvertible)?.exitStatus.isRetryable ?? false
  }
}
