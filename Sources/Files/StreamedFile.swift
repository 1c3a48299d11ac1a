import Glibc

/// A file that is written piece by piece and gets its name when it is whole.
///
/// Until then its bytes are in a temporary file beside the target, as of
/// ``FileSystem/writeAtomically(_:to:)``; that file is removed with a value that was not finished.
package struct StreamedFile: ~Copyable {
  private let file: FileDescriptor
  private let temporary: String
  private let target: String
  /// The number of bytes so far.
  package private(set) var byteCount = 0

  /// Begins a file for a path.
  ///
  /// - Throws: `FileError.system`.
  package init(_ path: String) throws(FileError) {
    let made = try FileSystem.createTemporary(for: path, in: FileSystem.directory(of: path))
    temporary = made.path
    file = made.takeFile()
    target = path
  }

  deinit {
    // Where it was finished there is no such file any more.
    try? SystemCalls.unlink(temporary)
  }

  /// Adds bytes.
  ///
  /// - Throws: `FileError.system`, for example when the disk is full.
  package mutating func write(_ bytes: [UInt8]) throws(FileError) {
    try SystemCalls.write(bytes.span, to: file, path: target)
    byteCount += bytes.count
  }

  /// Brings the file to the disk and gives it its name, in place of what had it.
  package consuming func finish() throws(FileError) {
    try SystemCalls.synchronize(file, path: target)
    try SystemCalls.rename(temporary, to: target)
    try FileSystem.synchronize(directory: FileSystem.directory(of: target))
  }
}
