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
    let clock = ContinuousClock()
    let start = clock.now
    return CommandSetting(
      console: .standard, host: ProcessInfo.processInfo.hostName,
      user: ProcessInfo.processInfo.userName,
      processID: ProcessInfo.processInfo.processIdentifier,
      processors: ProcessInfo.processInfo.activeProcessorCount,
      terminalWidth: { terminalWidth() },
      seconds: {
        let elapsed = (clock.now - start).components
        return Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18
      })
  }

  /// Ends the process.
  package static func exit(with status: ExitStatus) -> Never {
    Glibc.exit(status.rawValue)
  }
}
