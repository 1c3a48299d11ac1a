import Codecs
import Files

/// A file that gets its name when it is whole, whose digest is taken while it is written.
struct DigestedFile: ~Copyable {
  private var file: StreamedFile
  private var digest: SHA256

  /// Begins a file for a path.
  init(_ path: String) throws(FileError) {
    file = try StreamedFile(path)
    digest = SHA256()
  }

  /// Adds bytes.
  mutating func write(_ bytes: [UInt8]) throws(FileError) {
    try file.write(bytes)
    digest.update(bytes)
  }

  /// Gives the file its name.
  ///
  /// - Returns: the number of its bytes, and their SHA-256 in hexadecimal digits.
  consuming func finish() throws(FileError) -> (bytes: Int, sha256: String) {
    let written = (file.byteCount, SHA256.hexadecimal(digest.finalize()))
    try file.finish()
    return written
  }
}
