package import Foundation

/// What a process left behind.
package struct ProcessOutcome: Sendable {
  /// The exit status; after a signal 128 plus its number, as a shell reports it.
  package let status: Int32
  /// What it wrote to standard output.
  package let stdout: String
  /// What it wrote to standard error.
  package let stderr: String
}

/// Runs a program to its end.
///
/// - Parameters:
///   - executable: the program.
///   - arguments: its arguments.
///   - environment: all of its environment; that of the tests if `nil`.
///   - directory: where it runs; where the tests run if `nil`.
/// - Returns: status and output.
/// - Throws: an error of Foundation if the program cannot be started.
package func runProcess(
  _ executable: URL, _ arguments: [String], environment: [String: String]? = nil,
  in directory: URL? = nil
) throws -> ProcessOutcome {
  // Output goes to files: a full pipe that nobody reads would stop the program.
  try withTemporaryDirectory { temporary in
    let outputs = try ["stdout", "stderr"].map { name in
      let file = temporary.appending(path: name)
      try Data().write(to: file)
      return file
    }
    let handles = try outputs.map { try FileHandle(forWritingTo: $0) }
    let process = Process()
    process.executableURL = executable
    process.arguments = arguments
    if let environment { process.environment = environment }
    if let directory { process.currentDirectoryURL = directory }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = handles[0]
    process.standardError = handles[1]
    try withoutBlockedSignals { try process.run() }
    process.waitUntilExit()
    for handle in handles { try handle.close() }
    let texts = try outputs.map { String(decoding: try Data(contentsOf: $0), as: UTF8.self) }
    let status = process.terminationStatus
    return ProcessOutcome(
      status: process.terminationReason == .uncaughtSignal ? 128 + status : status,
      stdout: texts[0], stderr: texts[1])
  }
}

/// A program built beside the tests, such as `almanac`.
///
/// - Throws: ``ProgramMissing`` if it was not built.
package func builtProgram(_ name: String = "almanac") throws -> URL {
  let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
  let program = URL(filePath: tests).deletingLastPathComponent().appending(path: name)
  guard FileManager.default.isExecutableFile(atPath: program.path) else {
    throw ProgramMissing(path: program.path)
  }
  return program
}

/// A program is not where the build puts it.
package struct ProgramMissing: Error, CustomStringConvertible {
  /// Where it should be.
  package let path: String
  /// What to do.
  package var description: String { "\(path) is missing; run `swift build` first" }
}
