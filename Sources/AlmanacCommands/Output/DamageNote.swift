import Pipelines

/// Does something with the snapshots, and leaves word of a damaged part for the next run that extracts,
/// which reads it again.
///
/// - Parameters:
///   - path: the data directory.
///   - console: where it is told that no word could be left.
///   - body: the work.
/// - Returns: what `body` returns.
/// - Throws: what `body` throws.
func notingDamage<Result>(
  in path: String, _ console: Console, _ body: () throws -> Result
) throws -> Result {
  do {
    return try body()
  } catch let error as PipelineError {
    if case .damagedPart(let part, _) = error { noteDamage([part], in: path, console) }
    throw error
  }
}

/// Leaves word of damaged parts; a folder that may only be read is left alone.
func noteDamage(_ parts: [String], in path: String, _ console: Console) {
  do {
    try DamageList(directory: path).add(parts)
  } catch {
    console.report("warning: the next run is not told of the damage: \(error)")
  }
}
