import Glibc

/// A file that is written from its beginning.
@safe struct OutputFile: ~Copyable {
  private let descriptor: Int32
  private let path: String

  /// Makes or replaces the file at `path`.
  ///
  /// - Throws: ``BenchmarkError/cannotWrite(path:)``.
  init(path: String) throws(BenchmarkError) {
    self.path = path
    descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw .cannotWrite(path: path) }
  }

  deinit {
    close(descriptor)
  }

  /// Adds bytes at the end.
  ///
  /// - Throws: ``BenchmarkError/cannotWrite(path:)``.
  func append(_ bytes: [UInt8]) throws(BenchmarkError) {
    var position = 0
    while position < bytes.count {
      let written = unsafe bytes.withUnsafeBytes { buffer in
        unsafe write(
          descriptor, buffer.baseAddress.map { unsafe $0 + position }, buffer.count - position)
      }
      guard written > 0 else { throw .cannotWrite(path: path) }
      position += written
    }
  }
}

/// A file that is read by ranges.
@safe final class InputFile {
  private let descriptor: Int32
  private let path: String
  /// The number of bytes of the file.
  let byteCount: Int

  /// Opens the file at `path`.
  ///
  /// - Throws: ``BenchmarkError/cannotRead(path:)``.
  init(path: String) throws(BenchmarkError) {
    self.path = path
    descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .cannotRead(path: path) }
    let size = lseek(descriptor, 0, SEEK_END)
    byteCount = max(0, Int(size))
  }

  deinit {
    close(descriptor)
  }

  /// The bytes of a range that lies within the file.
  ///
  /// - Throws: ``BenchmarkError/cannotRead(path:)``.
  func read(_ range: Range<Int>) throws(BenchmarkError) -> [UInt8] {
    var isWhole = true
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
      while count < range.count {
        let part = unsafe pread(
          descriptor, buffer.baseAddress.map { unsafe $0 + count }, range.count - count,
          range.lowerBound + count)
        if part <= 0 {
          isWhole = false
          return
        }
        count += part
      }
    }
    guard isWhole else { throw .cannotRead(path: path) }
    return bytes
  }
}

/// The most memory that this process ever had resident, in bytes.
func peakMemory() -> Int {
  var usage = rusage()
  // Glibc gives kilobytes.
  return unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0
    ? usage.ru_maxrss * 1024 : 0
}

/// What programs run by this process, and ended, have taken.
///
/// - Returns: the most memory that one of them had resident, in bytes, and the seconds of all on
///   processors.
func childrensUsage() -> (peakMemory: Int, seconds: Double) {
  var usage = rusage()
  guard unsafe getrusage(__rusage_who_t(RUSAGE_CHILDREN.rawValue), &usage) == 0 else {
    return (0, 0)
  }
  func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
  return (usage.ru_maxrss * 1024, seconds(usage.ru_utime) + seconds(usage.ru_stime))
}
