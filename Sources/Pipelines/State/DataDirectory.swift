package import AlmanacCore
import Codecs
import Files
import Synchronization

/// The folder of snapshots: Parquet parts under a manifest.
///
/// Parts are named after their content, so a new extraction writes beside the old one and the
/// manifest, replaced atomically, decides which of them count. Stages on several threads may read it; the
/// one that changes it runs alone.
package final class DataDirectory: Sendable {
  /// The path of the folder.
  package let path: String
  /// The identity of the folder.
  package let identity: UUIDValue
  /// What the folder holds.
  package var manifest: Manifest { current.withLock { $0 } }
  private let current: Mutex<Manifest>
  /// The digest of the manifest as it was found, `nil` where there was none.
  package let foundDigest: String?
  /// The digest of the manifest that the last extraction left, before commands changed it; `nil`
  /// where there was none.
  package let extractedDigest: String?
  /// What was noticed on opening, in words.
  package let notices: [String]
  /// `nil` where the folder is only looked at.
  private let lock: DirectoryLock?
  /// The rows that repeat others, as far as they were looked for.
  private let repeatedRows = RepeatedRowsMemo()

  static let manifestName = "manifest.json"
  private static let identityName = "directory-id"

  /// Opens a folder, creating it when it is missing, and locks it against other programs.
  ///
  /// A manifest without an identity gives the folder its own. An identity without a manifest counts
  /// as an empty folder and is noticed. A manifest that cannot be read or of a newer version is
  /// refused, and so is a folder that holds other files and neither of the two, since what a
  /// manifest does not list is removed.
  package init(path: String) throws {
    self.path = path
    try FileSystem.createDirectories(path)
    try DataDirectory.checkIsOurs(path)
    lock = try DirectoryLock(directory: path)
    var notices: [String] = []
    let identityPath = path + "/" + DataDirectory.identityName
    var identity: UUIDValue?
    if try FileSystem.exists(identityPath) {
      let text = String(decoding: try FileSystem.read(identityPath), as: UTF8.self)
      identity = UUIDValue(text.prefix(36))
      if identity == nil {
        notices.append("\(identityPath) is unreadable; it is written again")
      }
    }
    let manifestPath = path + "/" + DataDirectory.manifestName
    var found: (manifest: Manifest, digest: String)?
    if try FileSystem.exists(manifestPath) {
      found = try DataDirectoryReading.readManifest(of: path)
    }
    if let known = found, let identity, known.manifest.directoryID != identity.description {
      notices.append("\(manifestPath) belongs to another folder; everything is extracted again")
      found = nil
    }
    // A manifest that is whole says itself whose it is.
    if identity == nil, let known = found.flatMap({ UUIDValue($0.manifest.directoryID) }) {
      try FileSystem.writeAtomically(Array("\(known)\n".utf8), to: identityPath)
      identity = known
    }
    if identity == nil {
      var random = SystemRandomNumberGenerator()
      let fresh = UUIDValue(
        version8: (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) })
      try FileSystem.writeAtomically(Array("\(fresh)\n".utf8), to: identityPath)
      identity = fresh
      found = nil
    }
    let settled = identity ?? .zero
    self.identity = settled
    foundDigest = found?.digest
    extractedDigest = found?.manifest.maintainedFrom ?? foundDigest
    current = Mutex(found?.manifest ?? Manifest(directoryID: settled.description))
    self.notices = notices
  }

  /// A folder as a plan sees it: nothing is created, locked or written; a folder that is not there,
  /// or holds no manifest, counts as empty.
  ///
  /// - Throws: ``DataDirectoryError/unreadableManifest(path:)``,
  ///   ``PipelineError/newerManifest(path:version:)``, `FileError`.
  init(reading path: String) throws {
    self.path = path
    lock = nil
    var notices: [String] = []
    var found: DataDirectoryReading?
    if try FileSystem.exists(path + "/" + DataDirectory.manifestName) {
      let reading = try DataDirectoryReading(path: path)
      notices += reading.notice.map { [$0] } ?? []
      found = reading.notice == nil ? reading : nil
    }
    identity = found.flatMap { UUIDValue($0.manifest.directoryID) } ?? .zero
    foundDigest = found?.digest
    extractedDigest = found?.manifest.maintainedFrom ?? foundDigest
    current = Mutex(found?.manifest ?? Manifest(directoryID: UUIDValue.zero.description))
    self.notices = notices
  }

  /// Throws if a folder holds files but nothing that says it is a data directory.
  private static func checkIsOurs(_ path: String) throws {
    let names = try FileSystem.list(path).filter { !$0.hasPrefix(".") }
    guard names.isEmpty || names.contains(identityName) || names.contains(manifestName) else {
      throw PipelineError.foreignFolder(path: path)
    }
  }

  /// Replaces the manifest, then removes the files it no longer lists.
  package func commit(_ next: Manifest) throws {
    precondition(lock != nil, "the folder is only looked at")
    try FileSystem.synchronizeAll(path)
    try DataDirectory.write(next, in: path)
    current.withLock { $0 = next }
    try removeStrayFiles()
  }

  /// Replaces the manifest by one that a command made of it, and remembers which it was, so that the
  /// next run knows that nobody else changed it.
  func commitMaintenance(_ next: Manifest) throws {
    if next == manifest { return }
    var next = next
    next.maintainedFrom = try manifest.maintainedFrom ?? manifest.digest()
    try commit(next)
  }

  /// Writes a manifest that records how far a load has come, from any thread.
  ///
  /// The files that it lists may be lost if the machine stops: whoever goes on with the load has to
  /// check them. Nothing is removed.
  static func write(_ manifest: Manifest, in path: String) throws {
    try FileSystem.writeAtomically(
      try manifest.encoded(), to: path + "/" + DataDirectory.manifestName)
  }

  /// Takes over a manifest that differs in its loads.
  func adopt(_ manifest: Manifest) {
    current.withLock { $0 = manifest }
  }

  /// Removes the Parquet files that the manifest does not list, and indexes of such: what a crash or
  /// an older extraction left.
  package func removeStrayFiles() throws {
    _ = try FileSystem.removeTemporaries(in: path)
    let listed = manifest.pathsWithIndexes
    for dataset in try FileSystem.list(path) {
      let datasetPath = path + "/" + dataset
      guard try FileSystem.isDirectory(datasetPath) else { continue }
      _ = try FileSystem.removeTemporaries(in: datasetPath)
      for entry in try FileSystem.list(datasetPath) {
        let entryPath = datasetPath + "/" + entry
        if try FileSystem.isDirectory(entryPath) {
          var kept = 0
          for file in try FileSystem.list(entryPath) {
            if !isOurs(file) || listed.contains("\(dataset)/\(entry)/\(file)") {
              kept += 1
            } else {
              try FileSystem.remove(entryPath + "/" + file)
            }
          }
          if kept == 0 { try FileSystem.removeTree(entryPath) }
        } else if isOurs(entry), !listed.contains("\(dataset)/\(entry)") {
          try FileSystem.remove(entryPath)
        }
      }
    }
  }

  private func isOurs(_ name: String) -> Bool {
    name.hasSuffix(".parquet") || PartIndex.isIndex(name)
  }

  /// A view for reading that threads may share.
  package var reader: PartReader {
    var reader = PartReader(path: path, manifest: manifest, makesIndexes: lock != nil)
    reader.repeatedRows = repeatedRows
    return reader
  }
}
