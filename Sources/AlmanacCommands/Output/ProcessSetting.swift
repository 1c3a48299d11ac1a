package import AlmanacCore
import FoundationEssentials
import Glibc

/// The process the program runs in.
package enum ProcessSetting {
  /// The arguments after the program's name.
  package static var arguments: [String] { Array(CommandLine.arguments.dropFirst()) }

  /// The environment by name.
  package static var environment: [String: String] { ProcessInfo.processInfo.environment }

  /// What commands find around them.
  package static var commandSetting: CommandSetting {
    CommandSetting(
      console: .standard, host: ProcessInfo.processInfo.hostName,
      processID: ProcessInfo.processInfo.processIdentifier,
      processors: ProcessInfo.processInfo.activeProcessorCount)
  }

  /// Ends the process.
  package static func exit(with status: ExitStatus) -> Never {
    Glibc.exit(status.rawValue)
  }
}
