import AlmanacCore
import Files

/// The parts of a data directory that are known to be damaged, until an extraction replaces them.
///
/// Whoever meets one writes its path into the file `damaged`, one a line. A file that is missing or
/// of another size needs no entry: that is seen by looking.
package enum DamagedParts {
  /// The name of the file.
  static let fileName = "damaged"

  /// Adds paths to those that are known.
  package static func note(_ paths: some Sequence<String>, in directory: String) throws {
    try write(try listed(in: directory).union(paths), in: directory)
  }

  /// Forgets the parts of some datasets.
  static func forget(_ datasets: some Sequence<String>, in directory: String) throws {
    let known = try listed(in: directory)
    let gone = Set(datasets)
    let rest = known.filter { path in !gone.contains(String(path.prefix { $0 != "/" })) }
    if rest != known { try write(rest, in: directory) }
  }

  /// The parts of a dataset that are missing, of another size, or known to be damaged.
  static func of(_ dataset: Manifest.Dataset, in directory: String) throws -> [Manifest.Part] {
    let known = try listed(in: directory)
    return try dataset.parts.filter { part in
      let path = directory + "/" + part.path
      return try known.contains(part.path) || !FileSystem.exists(path)
        || FileSystem.size(of: path) != part.bytes
    }
  }

  private static func listed(in directory: String) throws -> Set<String> {
    let path = directory + "/" + fileName
    guard try FileSystem.exists(path) else { return [] }
    let text = String(decoding: try FileSystem.read(path), as: UTF8.self)
    return Set(text.split(separator: "\n").map { String($0) })
  }

  private static func write(_ paths: Set<String>, in directory: String) throws {
    let path = directory + "/" + fileName
    if paths.isEmpty {
      try FileSystem.removeTree(path)
    } else {
      let text = paths.sorted().map { $0 + "\n" }.joined()
      try FileSystem.writeAtomically(Array(text.utf8), to: path)
    }
  }
}
