import AlmanacCore
import Codecs
import Columns
import Files
import Parquet

/// The result of reading every part that a manifest lists.
package struct SnapshotVerification: Equatable, Sendable {
  /// A part that is not what the manifest says.
  package struct Damage: Equatable, Sendable {
    /// The path below the data directory.
    package var path: String
    /// What is wrong with it.
    package var reason: String
  }

  /// The number of datasets.
  package private(set) var datasets = 0
  /// The number of parts that the manifest lists, those of unfinished first loads included.
  package private(set) var parts = 0
  /// The number of rows in sound parts.
  package private(set) var rows = 0
  /// The size of the sound parts.
  package private(set) var bytes = 0
  /// The parts that are not what the manifest says, in the order of the manifest.
  package private(set) var damages: [Damage] = []
  /// The files that the manifest does not list, ordered by path.
  package private(set) var strayFiles: [String] = []

  /// Reads everything in a folder.
  ///
  /// A run that ends meanwhile replaces parts and manifest; then everything is read again.
  package init(path: String) throws {
    var directory = try DataDirectoryReading(path: path)
    self = try SnapshotVerification(directory)
    for _ in 1..<SnapshotVerification.maximumAttempts {
      if damages.isEmpty && strayFiles.isEmpty { return }
      let newest = try DataDirectoryReading(path: path)
      if newest.manifest == directory.manifest { return }
      directory = newest
      self = try SnapshotVerification(directory)
    }
  }

  /// How often a manifest may change before the last finding counts.
  private static let maximumAttempts = 3

  private init(_ directory: DataDirectoryReading) throws {
    // What a first load that has not ended has written counts too: the next run goes on with it.
    let loads = (directory.manifest.loads ?? [:]).sorted { $0.key < $1.key }
    let listed =
      directory.manifest.datasets.sorted { $0.key < $1.key }.flatMap(\.value.parts)
      + (directory.manifest.apart ?? [:]).sorted { $0.key < $1.key }.flatMap(\.value.parts)
      + loads.flatMap(\.value.parts)
    datasets = directory.manifest.datasets.count
    parts = listed.count
    for part in listed {
      try Interruption.check()
      if let reason = try SnapshotVerification.damage(of: part, in: directory.path) {
        damages.append(Damage(path: part.path, reason: reason))
      } else {
        rows += part.rows
        bytes += part.bytes
      }
    }
    strayFiles = try SnapshotVerification.strayFiles(
      in: directory.path, listed: directory.manifest.pathsWithIndexes)
  }

  /// What is wrong with a part, `nil` if nothing is.
  private static func damage(of part: Manifest.Part, in path: String) throws -> String? {
    let file = path + "/" + part.path
    guard try FileSystem.exists(file) else { return "it is missing" }
    if try FileSystem.isDirectory(file) { return "it is a folder" }
    let bytes: [UInt8]
    do throws(FileError) {
      bytes = try FileSystem.read(file)
    } catch {
      // What the disk cannot read any more is damage, what this user may not read is not.
      guard error.exitStatus == .inputOutput else { throw error }
      return "it cannot be read: \(error.description)"
    }
    if bytes.count < part.bytes {
      return "it is truncated, \(bytes.count) of \(part.bytes) bytes"
    }
    guard SHA256.hexadecimalDigest(of: bytes) == part.sha256 else { return "its bytes changed" }
    do throws(ParquetError) {
      let rows = try ParquetFile.decode(bytes).rowCount
      return rows == part.rows ? nil : "it holds \(rows) rows, the manifest says \(part.rows)"
    } catch {
      return error.description
    }
  }

  /// The files of a folder that are neither listed nor the directory's own.
  ///
  /// Parts lie at most two folders deep; a folder below those is named itself.
  private static func strayFiles(in path: String, listed: Set<String>) throws -> [String] {
    var found: [String] = []
    func visit(_ folder: String, depth: Int) throws {
      for name in try FileSystem.list(path + "/" + folder) {
        let entry = folder.isEmpty ? name : folder + "/" + name
        let isMemo = depth == 1 && memos.contains(name)
        if isMemo || ownFiles.contains(entry) || listed.contains(entry) { continue }
        guard try FileSystem.isDirectory(path + "/" + entry) else {
          found.append(entry)
          continue
        }
        if depth == 2 { found.append(entry + "/") } else { try visit(entry, depth: depth + 1) }
      }
    }
    try visit("", depth: 0)
    return found
  }

  /// The files in the folder of a dataset that are made of its parts.
  private static let memos: Set<String> = [
    ContractMemo.name, RepeatedRowsMemo.name, UsageMemo.name, FitMemo.name,
  ]

  /// The files of a data directory beside the parts.
  private static let ownFiles: Set<String> = [
    "manifest.json", "directory-id", ".lock", DamageList.name,
  ]
}
