import Glibc
import Synchronization

extension FileSystem {
  private static let temporarySuffix = ".almanac-tmp"
  private static let temporaryCounter = Atomic<UInt64>(0)

  /// Writes a file so that its path holds the old content or the whole new one, whatever happens.
  ///
  /// The bytes go to a temporary file beside the target, to the disk, and then to their name, which
  /// goes to the disk too. On failure the temporary file is removed; after a killed process
  /// ``removeTemporaries(in:)`` does that.
  ///
  /// - Throws: `FileError.system`; the target is then as it was, unless the very last step failed,
  ///   bringing the directory to the disk: then it may hold either content.
  package static func writeAtomically(_ bytes: [UInt8], to path: String) throws(FileError) {
    try writeAtomically(bytes.span, to: path)
  }

  /// Writes a file so that its path holds the old content or the whole new one, whatever happens.
  package static func writeAtomically(_ bytes: Span<UInt8>, to path: String) throws(FileError) {
    let directory = directory(of: path)
    let temporary = try createTemporary(for: path, in: directory)
    do throws(FileError) {
      try SystemCalls.write(bytes, to: temporary.file, path: path)
      try SystemCalls.synchronize(temporary.file, path: path)
      try SystemCalls.rename(temporary.path, to: path)
    } catch {
      // The first failure is the one to report; a second one here adds nothing.
      try? SystemCalls.unlink(temporary.path)
      throw error
    }
    try synchronize(directory: directory)
  }

  /// Removes the temporary files that killed processes left in a directory.
  ///
  /// Only for a directory that no other process writes to, as under ``DirectoryLock``.
  ///
  /// - Returns: the names removed, in ascending order.
  @discardableResult
  package static func removeTemporaries(in directory: String) throws(FileError) -> [String] {
    let names = try list(directory).filter(isTemporary)
    for name in names { try remove("\(directory)/\(name)") }
    return names
  }

  /// Whether a file name is that of a temporary file of ``writeAtomically(_:to:)``.
  package static func isTemporary(_ name: String) -> Bool {
    name.hasPrefix(".") && name.hasSuffix(temporarySuffix)
  }

  /// A new file beside the target, with a name that no other process or thread has taken.
  static func createTemporary(
    for path: String, in directory: String
  ) throws(FileError) -> TemporaryFile {
    while true {
      let number = temporaryCounter.wrappingAdd(1, ordering: .relaxed).newValue
      let temporary = "\(directory)/.\(getpid())-\(number)\(temporarySuffix)"
      do throws(FileError) {
        let file = try SystemCalls.open(temporary, O_WRONLY | O_CREAT | O_EXCL, for: .create)
        return TemporaryFile(file: file, path: temporary)
      } catch {
        // A killed process with the same number may have left this name behind.
        guard case .system(_, _, let code) = error, code == EEXIST else {
          throw error.code.map { .system(operation: .create, path: path, code: $0) } ?? error
        }
      }
    }
  }
}

/// A file that is being written under a name of its own.
struct TemporaryFile: ~Copyable {
  let file: FileDescriptor
  let path: String

  /// The open file alone.
  consuming func takeFile() -> FileDescriptor { file }
}
