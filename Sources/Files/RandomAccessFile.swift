import Glibc

/// An open file that is read by ranges; whatever becomes of its name, it stays the same file.
package final class RandomAccessFile: Sendable {
  /// The path by which it was opened.
  package let path: String
  /// Its size when it was opened.
  package let byteCount: Int
  private let file: FileDescriptor

  /// Opens a file.
  ///
  /// - Throws: `FileError.system`, with `ENOENT` where there is no such file.
  package init(_ path: String) throws(FileError) {
    let file = try SystemCalls.open(path, O_RDONLY)
    byteCount = try SystemCalls.size(of: file, path: path)
    self.file = file
    self.path = path
  }

  /// The bytes of a range, fewer where the file ends before it does.
  package func read(_ range: Range<Int>) throws(FileError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: range.count)
    var count = 0
    while count < bytes.count {
      let received = try SystemCalls.read(
        file, from: range.lowerBound + count, into: &bytes, at: count, path: path)
      if received == 0 { break }
      count += received
    }
    bytes.removeLast(bytes.count - count)
    return bytes
  }
}
