import Glibc

/// The exclusive right of one process to write to a directory, given up when the value goes.
///
/// The lock is advisory (`flock` on the file `.lock` in the directory), ends with the process
/// however that ends, and leaves the file behind on purpose: removing it would let two processes
/// lock two files of one name.
package struct DirectoryLock: ~Copyable, Sendable {
  private let file: FileDescriptor

  /// Takes the lock of a directory without waiting.
  ///
  /// - Throws: `FileError.locked` if another holder exists, `.system` if the lock file cannot be
  ///   created.
  package init(directory: String) throws(FileError) {
    let path = "\(directory)/.lock"
    let file = try SystemCalls.open(path, O_RDWR | O_CREAT, for: .create)
    guard try SystemCalls.tryLock(file, path: path) else { throw .locked(directory: directory) }
    self.file = file
  }
}
