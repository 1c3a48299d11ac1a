import Glibc

/// An open file or directory, closed when it goes.
struct FileDescriptor: ~Copyable {
  let number: Int32

  deinit {
    // A failed close loses nothing: files are written only through `synchronize`, which reports.
    _ = Glibc.close(number)
  }
}

/// The system calls in use, each with interruption, refusal and injected faults handled in one way.
enum SystemCalls {
  /// The status of `call`, repeated while a signal interrupts it.
  private static func check(
    _ operation: FileOperation, _ path: String, _ call: () -> Int
  ) throws(FileError) -> Int {
    while true {
      var code: Int32
      if let injected = FileFaults.current?.nextFailure(of: operation) {
        code = injected
      } else {
        let status = call()
        if status >= 0 { return status }
        code = errno
      }
      if code != EINTR { throw .system(operation: operation, path: path, code: code) }
    }
  }

  static func open(
    _ path: String, _ flags: Int32, for operation: FileOperation = .open
  ) throws(FileError) -> FileDescriptor {
    let number = try check(operation, path) {
      Int(unsafe Glibc.open(path, flags | O_CLOEXEC, 0o666))
    }
    return FileDescriptor(number: Int32(number))
  }

  /// Reads into `buffer` from `offset` on; the number of bytes read, 0 at the end of the file.
  static func read(
    _ file: borrowing FileDescriptor, into buffer: inout [UInt8], at offset: Int, path: String
  ) throws(FileError) -> Int {
    let room = min(buffer.count - offset, FileFaults.current?.maximumTransfer ?? .max)
    let number = file.number
    precondition(offset >= 0 && room >= 0, "a read at \(offset) of \(buffer.count)")
    return try unsafe buffer.withUnsafeMutableBufferPointer { bytes throws(FileError) in
      try check(.read, path) {
        unsafe Glibc.read(number, bytes.baseAddress.map { unsafe $0 + offset }, room)
      }
    }
  }

  /// Reads from `position` of the file on into `buffer` from `offset` on; the number of bytes read,
  /// 0 at the end of the file.
  static func read(
    _ file: borrowing FileDescriptor, from position: Int, into buffer: inout [UInt8],
    at offset: Int, path: String
  ) throws(FileError) -> Int {
    let room = min(buffer.count - offset, FileFaults.current?.maximumTransfer ?? .max)
    let number = file.number
    precondition(offset >= 0 && room >= 0, "a read at \(offset) of \(buffer.count)")
    return try unsafe buffer.withUnsafeMutableBufferPointer { bytes throws(FileError) in
      try check(.read, path) {
        unsafe pread(number, bytes.baseAddress.map { unsafe $0 + offset }, room, position)
      }
    }
  }

  /// Writes all bytes, in as many calls as it takes.
  static func write(
    _ bytes: Span<UInt8>, to file: borrowing FileDescriptor, path: String
  ) throws(FileError) {
    let number = file.number
    let maximum = FileFaults.current?.maximumTransfer ?? .max
    var written = 0
    while written < bytes.count {
      let length = min(bytes.count - written, maximum)
      let rest = bytes.extracting(written..<written + length)
      written += try unsafe rest.withUnsafeBufferPointer { source throws(FileError) in
        try check(.write, path) { unsafe Glibc.write(number, source.baseAddress, length) }
      }
    }
  }

  /// Writes all bytes to one of the process's own streams; a failure ends it.
  static func writeAll(_ bytes: Span<UInt8>, to number: Int32) {
    var written = 0
    while written < bytes.count {
      let rest = bytes.extracting(written..<bytes.count)
      let status = unsafe rest.withUnsafeBufferPointer { source in
        unsafe Glibc.write(number, source.baseAddress, source.count)
      }
      if status < 0, errno != EINTR { return }
      written += max(0, status)
    }
  }

  static func synchronize(_ file: borrowing FileDescriptor, path: String) throws(FileError) {
    let number = file.number
    _ = try check(.synchronize, path) { Int(fsync(number)) }
  }

  /// Brings everything written so far to the disks; on Linux this waits until it is done.
  static func synchronizeAll(path: String) throws(FileError) {
    _ = try check(.synchronize, path) {
      sync()
      return 0
    }
  }

  static func rename(_ source: String, to target: String) throws(FileError) {
    _ = try check(.rename, target) { Int(unsafe Glibc.rename(source, target)) }
  }

  static func unlink(_ path: String) throws(FileError) {
    _ = try check(.remove, path) { Int(unsafe Glibc.unlink(path)) }
  }

  static func removeDirectory(_ path: String) throws(FileError) {
    _ = try check(.remove, path) { Int(unsafe rmdir(path)) }
  }

  static func makeDirectory(_ path: String) throws(FileError) {
    _ = try check(.createDirectory, path) { Int(unsafe mkdir(path, 0o777)) }
  }

  /// Kind and size; a symbolic link is followed if asked to.
  static func status(_ path: String, followingLinks: Bool) throws(FileError) -> FileStatus {
    var status = stat()
    _ = try check(.inspect, path) {
      Int(unsafe followingLinks ? stat(path, &status) : lstat(path, &status))
    }
    return FileStatus(
      isDirectory: status.st_mode & S_IFMT == S_IFDIR, size: Int(status.st_size))
  }

  /// The bytes that a user without privileges may still write on a file system.
  static func freeBytes(_ path: String) throws(FileError) -> Int {
    var status = statvfs()
    _ = try check(.inspect, path) { Int(unsafe statvfs(path, &status)) }
    return Int(
      clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        .partialValue)
  }

  /// Whether the process may make files in a directory.
  static func mayWrite(_ path: String) -> Bool {
    unsafe access(path, W_OK | X_OK) == 0
  }

  /// Size of an open file.
  static func size(of file: borrowing FileDescriptor, path: String) throws(FileError) -> Int {
    var status = stat()
    let number = file.number
    _ = try check(.inspect, path) { Int(unsafe fstat(number, &status)) }
    return Int(status.st_size)
  }

  static func checkAccess(_ path: String, _ mode: Int32) throws(FileError) {
    _ = try check(.inspect, path) { Int(unsafe access(path, mode)) }
  }

  /// Takes an exclusive lock without waiting; false if another open file holds it.
  static func tryLock(_ file: borrowing FileDescriptor, path: String) throws(FileError) -> Bool {
    let number = file.number
    do throws(FileError) {
      _ = try check(.lock, path) { Int(flock(number, LOCK_EX | LOCK_NB)) }
      return true
    } catch {
      if error.code == EWOULDBLOCK { return false }
      throw error
    }
  }

  /// The names in a directory without `.` and `..`, in no particular order.
  static func names(in directory: String) throws(FileError) -> [String] {
    var stream: OpaquePointer?
    _ = try check(.list, directory) {
      unsafe stream = opendir(directory)
      return unsafe stream == nil ? -1 : 0
    }
    guard let stream = unsafe stream else { return [] }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = unsafe readdir(stream) else {
        if errno == 0 { return names }
        throw .system(operation: .list, path: directory, code: errno)
      }
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) {
          unsafe String(cString: $0)
        }
      }
      if name != "." && name != ".." { names.append(name) }
    }
  }
}

/// What the program asks about a file.
struct FileStatus {
  var isDirectory: Bool
  var size: Int
}

extension FileError {
  /// The system's text for an `errno`.
  static func text(of code: Int32) -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    let size = buffer.count
    return unsafe buffer.withUnsafeMutableBufferPointer { buffer in
      guard let start = buffer.baseAddress, unsafe strerror_r(code, start, size) == 0 else {
        return "error \(code)"
      }
      return unsafe String(cString: start)
    }
  }
}
