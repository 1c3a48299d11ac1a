import Files
import Foundation

/// A directory of its own for one test, removed when the value goes.
final class TemporaryDirectory {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "/almanac-files-\(UUID().uuidString)"
    try FileSystem.createDirectories(path)
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }
}
