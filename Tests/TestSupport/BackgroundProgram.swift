package import Foundation
import Glibc

/// A program that runs beside the test.
package final class BackgroundProgram {
  private let process = Process()
  private let outputs: [(file: URL, handle: FileHandle)]
  private let folder: URL
  private let started = ContinuousClock.now

  /// Starts a program; its outputs go to files, so it never waits for a reader.
  ///
  /// - Throws: an error of Foundation if it cannot be started.
  package init(
    _ executable: URL, _ arguments: [String], environment: [String: String] = [:],
    in directory: URL
  ) throws {
    folder = FileManager.default.temporaryDirectory
      .appending(path: "almanac-\(UUID().uuidString.prefix(13))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    outputs = try ["stdout", "stderr"].map { [folder] name in
      let file = folder.appending(path: name)
      try Data().write(to: file)
      return (file, try FileHandle(forWritingTo: file))
    }
    process.executableURL = executable
    process.arguments = arguments
    process.environment = environment
    process.currentDirectoryURL = directory
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = outputs[0].handle
    process.standardError = outputs[1].handle
    try withoutBlockedSignals { try process.run() }
  }

  deinit {
    if process.isRunning { Glibc.kill(process.processIdentifier, SIGKILL) }
    try? FileManager.default.removeItem(at: folder)
  }

  /// Whether it has not ended yet.
  package var isRunning: Bool { process.isRunning }

  /// How long ago it was started.
  package var age: Duration { ContinuousClock.now - started }

  /// Sends SIGKILL, which no program survives.
  package func kill() {
    Glibc.kill(process.processIdentifier, SIGKILL)
  }

  /// Waits for its end.
  ///
  /// - Parameter limit: how long at the most; then it is killed, and its status tells so.
  /// - Returns: status and output.
  /// - Throws: an error of Foundation if the output cannot be read.
  package func wait(atMost limit: Duration = .seconds(120)) throws -> ProcessOutcome {
    while process.isRunning, age < limit { Thread.sleep(forTimeInterval: 0.002) }
    if process.isRunning { kill() }
    process.waitUntilExit()
    for output in outputs { try output.handle.close() }
    let texts = try outputs.map {
      String(decoding: try Data(contentsOf: $0.file), as: UTF8.self)
    }
    let status = process.terminationStatus
    return ProcessOutcome(
      status: process.terminationReason == .uncaughtSignal ? 128 + status : status,
      stdout: texts[0], stderr: texts[1])
  }
}

/// Waits until a condition holds.
///
/// The limit only decides how long a failure takes: a machine that is busy with other work may need
/// much longer than a second for what takes a moment.
///
/// - Throws: ``NeverHappened`` naming it if it does not hold in time.
package func wait(
  for what: String, atMost limit: Duration = .seconds(180), until condition: () throws -> Bool
) throws {
  let start = ContinuousClock.now
  while try !condition() {
    guard ContinuousClock.now - start < limit else { throw NeverHappened(what: what) }
    Thread.sleep(forTimeInterval: 0.003)
  }
}

/// Something that a test waited for did not happen.
package struct NeverHappened: Error, CustomStringConvertible {
  /// What it was.
  package let what: String
  /// The wait in words.
  package var description: String { "waited in vain for \(what)" }
}
