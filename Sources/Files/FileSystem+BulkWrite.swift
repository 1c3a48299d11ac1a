import Glibc

/// Writing many files that count only once a later file names them.
///
/// Bringing each of thousands of small files to the disk takes seconds, all of them together takes
/// little; so these functions leave it to one ``synchronizeAll(_:)`` before the naming file is
/// written.
extension FileSystem {
  /// Writes a file that may be lost if the machine stops before ``synchronizeAll(_:)``.
  ///
  /// - Throws: `FileError.system`; the file may then hold a part of the bytes.
  package static func write(_ bytes: [UInt8], to path: String) throws(FileError) {
    let file = try SystemCalls.open(path, O_WRONLY | O_CREAT | O_TRUNC, for: .create)
    try SystemCalls.write(bytes.span, to: file, path: path)
  }

  /// Creates a directory and those above it without bringing the entries to the disk.
  package static func createDirectoriesUnsynchronized(_ path: String) throws(FileError) {
    if try isDirectory(path) { return }
    let parent = directory(of: path)
    if parent != path { try createDirectoriesUnsynchronized(parent) }
    do throws(FileError) {
      try SystemCalls.makeDirectory(path)
    } catch {
      // Another thread may have been faster.
      if error.code == EEXIST, try isDirectory(path) { return }
      throw error
    }
  }

  /// Brings everything written below a directory to the disk, and whatever else waits for it.
  ///
  /// A write that the disk refuses only now is not reported: what is read later has to be checked
  /// against its digest.
  package static func synchronizeAll(_ directory: String) throws(FileError) {
    try SystemCalls.synchronizeAll(path: directory)
  }
}
