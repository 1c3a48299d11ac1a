import Synchronization

/// Failures to be met below the file functions, so that their error paths can be tested without a
/// broken disk.
///
/// A test binds ``current`` around the code it tries; otherwise no fault exists and the system's
/// own answers are the only ones.
package final class FileFaults: Sendable {
  /// The faults in force for the present task.
  @TaskLocal package static var current: FileFaults?

  /// One failure.
  package struct Fault: Sendable {
    /// The operation that fails.
    package var operation: FileOperation
    /// The `errno` it fails with; `EINTR` is retried like a real one.
    package var code: Int32
    /// How many calls of the operation succeed first.
    package var after: Int
    /// How many calls fail from then on.
    package var count: Int

    /// A failure of `count` calls of `operation` once `after` of them were let through.
    package init(_ operation: FileOperation, code: Int32, after: Int = 0, count: Int = .max) {
      self.operation = operation
      self.code = code
      self.after = after
      self.count = count
    }
  }

  /// The most bytes one read or write call moves, as on a pipe or a nearly full disk.
  package let maximumTransfer: Int
  private let faults: Mutex<[Fault]>

  /// The given failures.
  package init(_ faults: [Fault], maximumTransfer: Int = .max) {
    precondition(maximumTransfer > 0, "a transfer of \(maximumTransfer) bytes never ends")
    self.faults = Mutex(faults)
    self.maximumTransfer = maximumTransfer
  }

  /// The `errno` that the next call of an operation fails with, `nil` if it is let through.
  func nextFailure(of operation: FileOperation) -> Int32? {
    faults.withLock { faults in
      for index in faults.indices where faults[index].operation == operation {
        if faults[index].after > 0 {
          faults[index].after -= 1
        } else if faults[index].count > 0 {
          faults[index].count -= 1
          return faults[index].code
        }
      }
      return nil
    }
  }
}
