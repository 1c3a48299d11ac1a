import Glibc

/// Reading, writing and arranging files.
///
/// Every function either does its whole work or throws; an interrupted or partial system call is
/// continued.
package enum FileSystem {
  /// All bytes of a file.
  ///
  /// - Throws: `FileError.system`, with `ENOENT` where there is no such file.
  package static func read(_ path: String) throws(FileError) -> [UInt8] {
    let file = try SystemCalls.open(path, O_RDONLY)
    // One byte more than the size, so that the last read sees the end without growing the buffer.
    var bytes = [UInt8](repeating: 0, count: max(0, try SystemCalls.size(of: file, path: path)) + 1)
    var count = 0
    while true {
      if count == bytes.count { bytes.append(contentsOf: repeatElement(0, count: count)) }
      let received = try SystemCalls.read(file, into: &bytes, at: count, path: path)
      if received == 0 { break }
      count += received
    }
    bytes.removeLast(bytes.count - count)
    return bytes
  }

  /// Whether something exists at the path; a link that leads nowhere does not.
  package static func exists(_ path: String) throws(FileError) -> Bool {
    try status(path) != nil
  }

  /// Whether the path leads to a directory.
  package static func isDirectory(_ path: String) throws(FileError) -> Bool {
    try status(path)?.isDirectory ?? false
  }

  /// The size of a file in bytes.
  package static func size(of path: String) throws(FileError) -> Int {
    try SystemCalls.status(path, followingLinks: true).size
  }

  /// Throws the reason why no file can be created in a directory, if there is one.
  package static func checkWritable(directory: String) throws(FileError) {
    try SystemCalls.checkAccess(directory, W_OK | X_OK)
  }

  /// The names in a directory in ascending order of their bytes, without `.` and `..`.
  package static func list(_ directory: String) throws(FileError) -> [String] {
    try SystemCalls.names(in: directory).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Creates a directory and those above it; one that exists is left as it is.
  ///
  /// Each new entry is brought to the disk.
  package static func createDirectories(_ path: String) throws(FileError) {
    if try isDirectory(path) { return }
    let parent = directory(of: path)
    if parent != path { try createDirectories(parent) }
    do throws(FileError) {
      try SystemCalls.makeDirectory(path)
    } catch {
      // Another process may have been faster.
      if error.code == EEXIST, try isDirectory(path) { return }
      throw error
    }
    try synchronize(directory: parent)
  }

  /// Removes a file; one that does not exist is an error.
  package static func remove(_ path: String) throws(FileError) {
    try SystemCalls.unlink(path)
  }

  /// Removes a file or a directory with all it holds; nothing there is fine.
  ///
  /// Symbolic links are removed, not followed.
  package static func removeTree(_ path: String) throws(FileError) {
    do throws(FileError) {
      if try SystemCalls.status(path, followingLinks: false).isDirectory {
        for name in try SystemCalls.names(in: path) { try removeTree("\(path)/\(name)") }
        try SystemCalls.removeDirectory(path)
      } else {
        try SystemCalls.unlink(path)
      }
    } catch {
      if error.code != ENOENT { throw error }
    }
  }

  /// Gives a file or directory another name on the same file system, replacing a file there.
  ///
  /// Both directories are brought to the disk.
  package static func rename(_ source: String, to target: String) throws(FileError) {
    try SystemCalls.rename(source, to: target)
    let targetDirectory = directory(of: target)
    let sourceDirectory = directory(of: source)
    try synchronize(directory: targetDirectory)
    if sourceDirectory != targetDirectory { try synchronize(directory: sourceDirectory) }
  }

  /// The path of the directory that holds `path`; that of `/` is `/`, of a lone name `.`.
  package static func directory(of path: String) -> String {
    var rest = path[...]
    while rest.count > 1, rest.last == "/" { rest.removeLast() }
    guard let slash = rest.lastIndex(of: "/") else { return "." }
    rest = rest[..<slash]
    while rest.count > 1, rest.last == "/" { rest.removeLast() }
    return rest.isEmpty ? "/" : String(rest)
  }

  /// Brings the entries of a directory to the disk.
  static func synchronize(directory: String) throws(FileError) {
    let descriptor = try SystemCalls.open(directory, O_RDONLY | O_DIRECTORY)
    try SystemCalls.synchronize(descriptor, path: directory)
  }

  /// Kind and size of what the path leads to, `nil` if there is nothing.
  private static func status(_ path: String) throws(FileError) -> FileStatus? {
    do throws(FileError) {
      return try SystemCalls.status(path, followingLinks: true)
    } catch {
      if error.code == ENOENT || error.code == ENOTDIR { return nil }
      throw error
    }
  }
}
