package import AlmanacCore

/// Why the snapshots of a data directory cannot be shown, or are not sound.
package enum DataDirectoryError: ExitStatusConvertible, Equatable {
  /// There is no such folder.
  case missingFolder(path: String)
  /// The folder holds no manifest.
  case missingManifest(path: String)
  /// The manifest cannot be read.
  case unreadableManifest(path: String)
  /// The manifest lists no dataset of that name.
  case unknownDataset(name: String, suggestion: String, known: [String])
  /// Some parts are not what the manifest says.
  case damagedParts(count: Int, total: Int, path: String)

  /// Missing input, or bad data.
  package var exitStatus: ExitStatus {
    switch self {
    case .missingFolder, .missingManifest, .unknownDataset: .missingInput
    case .unreadableManifest, .damagedParts: .badData
    }
  }

  /// One line that says what is wrong and what to do.
  package var description: String {
    switch self {
    case .missingFolder(let path):
      "there is no folder \(path); name the folder of snapshots with --data, or run the extract "
        + "stage first"
    case .missingManifest(let path):
      "\(path) holds no manifest.json, so no snapshot; name another folder with --data, or run the "
        + "extract stage first"
    case .unreadableManifest(let path):
      "\(path)/manifest.json is damaged; put back a copy of it, or remove it: then everything is "
        + "extracted anew, without what the source no longer has"
    case .unknownDataset(let name, let suggestion, let known):
      "there is no dataset \(name) in the data folder\(suggestion); "
        + (known.isEmpty ? "it holds none" : "known: \(known.joined(separator: ", "))")
    case .damagedParts(let count, let total, let path):
      "\(count) of \(total) parts \(count == 1 ? "is" : "are") damaged; "
        + "\(DataDirectoryError.repair(path)) writes \(count == 1 ? "it" : "them") again"
    }
  }

  /// The command that replaces what is damaged.
  private static func repair(_ path: String) -> String {
    "`almanac run PIPELINE --only extract --data \(shellWord(path))`"
  }
}

extension DataDirectoryError {
  /// The error about a name that a manifest does not list.
  static func unknown(_ name: String, in manifest: Manifest) -> DataDirectoryError {
    let known = manifest.datasets.keys.sorted()
    return .unknownDataset(
      name: "\"\(name)\"", suggestion: Suggestion.didYouMean(name, among: known), known: known)
  }
}
