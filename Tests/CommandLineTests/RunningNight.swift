import Files
import Foundation
import Postgres
import TestSupport
import Testing

/// A run that is under way.
final class RunningNight {
  let process = Process()
  private let errors: URL

  convenience init(_ place: Workplace, _ date: String) throws {
    try self.init(
      place,
      arguments: [
        "run", "nightly", "--date", date, "--source", place.url, "--data", "data", "--jobs", "2",
      ])
  }

  init(_ place: Workplace, arguments: [String]) throws {
    errors = place.folder.url.appending(path: "stderr-\(UUID().uuidString)")
    try Data().write(to: errors)
    process.executableURL = try builtProgram()
    process.arguments = arguments
    process.currentDirectoryURL = place.folder.url
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = try FileHandle(forWritingTo: errors)
    try withoutBlockedSignals { try process.run() }
  }

  /// Waits for the end; the status, that of a signal which ended the process behind 128.
  func end() -> Int32 {
    process.waitUntilExit()
    return process.terminationReason == .uncaughtSignal
      ? 128 + process.terminationStatus : process.terminationStatus
  }

  func stderr() throws -> String { String(decoding: try Data(contentsOf: errors), as: UTF8.self) }
}

extension Workplace {
  /// Waits until a query gives true.
  func waitUntil(_ query: String) throws {
    for _ in 0..<1_200 {
      if try value(query) == "t" { return }
      usleep(50_000)
    }
    Issue.record("never came true: \(query)")
  }

  /// A run that waits for a lock, and the connection whose transaction holds it.
  func blockedNight(
    by lock: String
  ) throws -> (blocker: Connection, night: RunningNight) {
    let blocker = try TestDatabase.current.connect()
    try blocker.run("BEGIN")
    try blocker.run(lock)
    let night = try RunningNight(self, "2025-12-30")
    try waitUntil(
      """
      SELECT EXISTS (SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name = 'almanac')
      """)
    return (blocker, night)
  }

  /// A run whose sessions with the target the server ended while it wrote metrics.
  func nightWithoutSessions() throws -> RunningNight {
    let (blocker, night) = try blockedNight(
      by: "LOCK TABLE analytics.daily_metrics IN ACCESS EXCLUSIVE MODE")
    try sql(
      """
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'almanac'
      """)
    try blocker.run("ROLLBACK")
    return night
  }
}
