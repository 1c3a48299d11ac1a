extension FileSystem {
  /// The bytes that may still be written on the file system that holds a path, or will hold it.
  ///
  /// - Throws: `FileError` if nothing on the way to it can be asked.
  package static func freeBytes(at path: String) throws(FileError) -> Int {
    try SystemCalls.freeBytes(try nearestDirectory(path))
  }

  /// Whether the process may write into a directory, or make it where it is missing.
  ///
  /// - Throws: `FileError` if nothing on the way to it can be asked.
  package static func mayWrite(in path: String) throws(FileError) -> Bool {
    SystemCalls.mayWrite(try nearestDirectory(path))
  }

  /// The directory itself, or the nearest one above it that exists.
  private static func nearestDirectory(_ path: String) throws(FileError) -> String {
    if try isDirectory(path) { return path }
    let parent = directory(of: path)
    return parent == path ? path : try nearestDirectory(parent)
  }
}
