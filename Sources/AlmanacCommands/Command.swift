package import AlmanacCore
import Files

/// One command of the program.
///
/// Its initializer reads the command line and does no I/O; `run` does the work.
package protocol Command: SendableMetatype {
  /// The name on the command line.
  static var name: String { get }
  /// What it does, in half a line.
  static var summary: String { get }
  /// The whole help, without a newline at the end.
  static var help: String { get }
  /// The words that may follow the name, for completion; none where anything may.
  static var verbs: [String] { get }
  /// Reads the arguments after the command's name.
  init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws
  /// Does the work.
  func run(in setting: CommandSetting) throws
}

extension Command {
  /// Anything may follow.
  package static var verbs: [String] { [] }
}

/// What a command finds around it.
package struct CommandSetting {
  /// Where output goes.
  package var console: Console
  /// The machine's name and the process's number, for the ledger.
  package var host: String
  /// The user's name, for the ledger.
  package var user: String
  /// The number of the process.
  package var processID: Int32
  /// The number of processors.
  package var processors: Int
  /// The width of the terminal behind standard error; `nil` where there is none.
  package var terminalWidth: @Sendable () -> Int?
  /// Seconds since some instant, never going back.
  package var seconds: @Sendable () -> Double

  /// A setting of the given parts.
  package init(
    console: Console, host: String, user: String = "somebody", processID: Int32, processors: Int,
    terminalWidth: @escaping @Sendable () -> Int? = { nil },
    seconds: @escaping @Sendable () -> Double = { 0 }
  ) {
    self.console = console
    self.host = host
    self.user = user
    self.processID = processID
    self.processors = processors
    self.terminalWidth = terminalWidth
    self.seconds = seconds
  }
}

/// The rules of a time zone from the system's database, or `nil` if it has none of that name.
package func systemZone(_ name: String) -> ZoneRules? {
  if name == "UTC" { return .utc }
  let isPlain = name.utf8.allSatisfy { byte in
    (byte | 32 >= UInt8(ascii: "a") && byte | 32 <= UInt8(ascii: "z"))
      || (byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9"))
      || [UInt8(ascii: "/"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "+")].contains(byte)
  }
  guard isPlain, !name.isEmpty, !name.hasPrefix("/"),
    let file = try? FileSystem.read("/usr/share/zoneinfo/\(name)")
  else { return nil }
  return ZoneRules(name: name, file: file)
}
