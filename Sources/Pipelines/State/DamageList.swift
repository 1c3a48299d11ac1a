import Files
import Synchronization

/// The parts of a data directory that somebody found damaged, in a file beside the manifest.
///
/// Whoever finds damage adds to it, and the next extraction reads again what was lost and removes
/// it. A path that no manifest lists any more means nothing.
package struct DamageList {
  private let file: String

  /// The name of the file in the data directory.
  static let name = ".damaged"

  /// The list of the data directory at a path.
  package init(directory path: String) {
    file = path + "/" + DamageList.name
  }

  /// The paths of the parts below the data directory, ascending; none where there is no file.
  package func paths() throws -> [String] {
    guard try FileSystem.exists(file) else { return [] }
    let text = String(decoding: try FileSystem.read(file), as: UTF8.self)
    return Set(text.split(separator: "\n").map(String.init)).sorted()
  }

  /// One stage at a time adds to it.
  private static let adding = Mutex(())

  /// Adds the paths of parts.
  package func add(_ paths: [String]) throws {
    try DamageList.adding.withLock { _ in
      let known = try self.paths()
      let all = Set(known + paths).sorted()
      if all == known { return }
      let text = all.map { $0 + "\n" }.joined()
      try FileSystem.writeAtomically(Array(text.utf8), to: file)
    }
  }

  /// Forgets everything; no file is fine.
  package func clear() throws {
    if try FileSystem.exists(file) { try FileSystem.remove(file) }
  }
}
