import AlmanacCore
import Files
import Synchronization

/// A file that several threads make parts of, which are written in order.
///
/// While one thread writes the others go on making parts; the file gets its name when it is whole.
final class OrderedFile: Sendable {
  private struct Waiting {
    var parts: [Int: [UInt8]] = [:]
    var next = 0
    var failure: FileError?
  }

  private let waiting = Mutex(Waiting())
  private let file: Mutex<StreamedFile?>

  /// Begins a file for a path.
  ///
  /// - Throws: `FileError.system`.
  private init(_ path: String) throws(FileError) {
    file = Mutex(try StreamedFile(path))
  }

  /// Writes a file of parts; it holds what the path held before if one cannot be written.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - partCount: the number of its parts.
  ///   - jobs: the threads.
  ///   - part: the bytes of a part.
  /// - Throws: `FileError.system`, for example when the disk is full.
  static func write(
    _ path: String, partCount: Int, jobs: Int, _ part: @Sendable (Int) -> [UInt8]
  ) throws(FileError) {
    let file = try OrderedFile(path)
    let faults = FileFaults.current
    _ = inParallel(partCount, jobs: jobs) { position in
      FileFaults.$current.withValue(faults) {
        if file.hasFailed { return }
        file.add(part(position), at: position)
      }
    }
    file.writeWaiting()
    try file.finish()
  }

  private var hasFailed: Bool { waiting.withLock { $0.failure != nil } }

  private func add(_ part: [UInt8], at position: Int) {
    waiting.withLock { $0.parts[position] = part }
    writeWaiting()
  }

  /// Writes the parts whose turn it is, unless another thread is at it.
  private func writeWaiting() {
    file.withLockIfAvailable { file in
      while let part = takeNext() {
        do throws(FileError) {
          try file?.write(part)
        } catch {
          waiting.withLock { $0.failure = $0.failure ?? error }
        }
      }
    }
  }

  private func takeNext() -> [UInt8]? {
    waiting.withLock { waiting in
      guard waiting.failure == nil, let part = waiting.parts.removeValue(forKey: waiting.next)
      else { return nil }
      waiting.next += 1
      return part
    }
  }

  private func finish() throws(FileError) {
    if let failure = waiting.withLock({ $0.failure }) { throw failure }
    try file.withLock { file throws(FileError) in try file.take()?.finish() }
  }
}
