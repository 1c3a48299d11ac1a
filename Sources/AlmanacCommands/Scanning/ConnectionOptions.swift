import AlmanacCore
import Postgres

/// Reads `--source` and `--target` with their environment variables.
struct ConnectionOptions {
  /// The environment by name.
  let environment: [String: String]

  /// The settings of one side: the option, else `variable`, else `fallback`.
  ///
  /// - Throws: ``UsageError`` when the option holds a password: other users of the machine can
  ///   read a command line.
  func settings(
    option: String, value: String?, variable: String, fallback: ConnectionSettings? = nil
  ) throws -> ConnectionSettings {
    if let value {
      let settings = try ConnectionSettings(value)
      guard !settings.containsPassword else {
        throw UsageError(
          "\(option) holds a password, which other users of this machine could read; "
            + "put it into ~/.pgpass, PGPASSWORD, a service file, or the variable \(variable)")
      }
      return settings
    }
    if let text = environment[variable], !text.isEmpty { return try ConnectionSettings(text) }
    return try fallback ?? ConnectionSettings("")
  }

  /// The settings of both sides by `--source` and `--target`; the target is the source where nothing
  /// names it.
  ///
  /// - Throws: as ``settings(option:value:variable:fallback:)``.
  func sourceAndTarget(
    _ scanner: inout ArgumentScanner
  ) throws -> (source: ConnectionSettings, target: ConnectionSettings) {
    let source = try settings(
      option: "--source", value: try scanner.value("--source"), variable: "ALMANAC_SOURCE")
    let target = try settings(
      option: "--target", value: try scanner.value("--target"), variable: "ALMANAC_TARGET",
      fallback: source)
    return (source, target)
  }
}
