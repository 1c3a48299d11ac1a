import AlmanacCore
import Files

/// The damaged parts of a dataset, and what becomes of their list.
enum DamagedParts {
  /// The parts of a dataset that are missing, of another size, or listed as damaged.
  static func of(_ dataset: Manifest.Dataset, in directory: String) throws -> [Manifest.Part] {
    let listed = Set(try DamageList(directory: directory).paths())
    return try dataset.parts.filter { part in
      let path = directory + "/" + part.path
      return try listed.contains(part.path) || !FileSystem.exists(path)
        || FileSystem.size(of: path) != part.bytes
    }
  }

  /// Takes the parts of some datasets off the list.
  static func forget(_ datasets: some Sequence<String>, in directory: String) throws {
    let list = DamageList(directory: directory)
    let gone = Set(datasets)
    let paths = try list.paths()
    let rest = paths.filter { path in !gone.contains(String(path.prefix { $0 != "/" })) }
    if rest == paths { return }
    try list.clear()
    if !rest.isEmpty { try list.add(rest) }
  }
}
