import Foundation
import Glibc
package import Postgres

/// A PostgreSQL server of the test's own, which it may kill, restart, copy and follow.
///
/// It listens on a socket in a folder below `/tmp`, runs as the user `postgres` where the tests run
/// as root, and is ended and removed with this value, or by its guard when the tests are killed.
package final class TestCluster: Sendable {
  /// The folder of the data, the log and the socket.
  package let folder: String
  private let settings: [String]
  private let guardian = Process()
  private let lifeline = Pipe()

  /// What a cluster begins as.
  package enum Origin {
    /// A cluster with the same system identifier as all others of this origin.
    case template
    /// A cluster with a system identifier of its own.
    case fresh
    /// A streaming standby of a running cluster.
    case standby(of: TestCluster)
    /// The files of a cluster that is stopped, as a cold backup restores them.
    case copy(of: String)
  }

  private static let programs = Result { try findPrograms() }
  private static let template = Result { try makeTemplate() }

  /// Makes a cluster and starts it.
  ///
  /// - Parameters:
  ///   - origin: where its files come from.
  ///   - settings: settings such as `max_standby_streaming_delay=0`.
  /// - Throws: ``CommandFailed`` with what a program of the server said.
  package init(_ origin: Origin = .template, settings: [String] = []) throws {
    folder = try TestCluster.makeFolder()
    self.settings = settings
    try startGuardian()
    let data = folder + "/data"
    switch origin {
    case .template:
      try TestCluster.run(["cp", "-a", try TestCluster.template.get().dataPath, data])
    case .fresh: try TestCluster.initialise(data)
    case .copy(let path): try TestCluster.run(["cp", "-a", path, data])
    case .standby(let primary):
      try TestCluster.run([
        try TestCluster.program("pg_basebackup"), "-D", data, "-R", "-X", "stream", "-c", "fast",
        "-h", primary.folder, "-U", "postgres",
      ])
    }
    try start()
  }

  deinit {
    try? lifeline.fileHandleForWriting.close()
    guardian.waitUntilExit()
  }

  /// The data directory.
  package var dataPath: String { folder + "/data" }

  /// The URI of a database for a role.
  package func url(database: String = "postgres", user: String = "postgres") -> String {
    "postgresql:///\(database)?host=\(folder)&user=\(user)"
  }

  /// A connection as superuser.
  package func connect(database: String = "postgres") throws -> Connection {
    try Connection(
      ConnectionSettings(url(database: database)), purpose: .target,
      applicationName: "almanac tests")
  }

  /// Starts the server and waits until it answers.
  package func start() throws {
    let own = [
      "listen_addresses=", "unix_socket_directories=\(folder)", "unix_socket_permissions=0700",
      "fsync=off", "full_page_writes=off", "shared_buffers=16MB",
      "max_connections=60", "max_prepared_transactions=20", "max_wal_senders=4", "autovacuum=off",
      "track_functions=all",
    ]
    let options = (own + settings).map { "-c \($0)" }.joined(separator: " ")
    var attempts = 0
    while true {
      do {
        try TestCluster.run([
          try TestCluster.program("pg_ctl"), "start", "-D", dataPath, "-w", "-t", "60", "-s", "-l",
          folder + "/log", "-o", options,
        ])
        return
      } catch {
        // The processes of a killed server may need a moment to notice its end.
        attempts += 1
        if attempts == 20 { throw error }
        Thread.sleep(forTimeInterval: 0.1)
      }
    }
  }

  /// Stops the server in order; all its sessions end.
  package func stop() throws {
    try TestCluster.run([
      try TestCluster.program("pg_ctl"), "stop", "-D", dataPath, "-m", "fast", "-w", "-s",
    ])
  }

  /// Restarts the server so that its next transaction has a number below 2^32, in epoch 0.
  ///
  /// All rows must be frozen, and the number less than 2^31 ahead of the last one.
  package func setNextTransaction(_ number: Int) throws {
    try stop()
    // The segment of the commit log that the number lies in must be there: 2 bits a transaction,
    // 32 pages of 8 kB a segment.
    let segment = String(number >> 20, radix: 16, uppercase: true)
    let name = String(repeating: "0", count: 4 - segment.count) + segment
    try TestCluster.run(["truncate", "-s", "262144", "\(dataPath)/pg_xact/\(name)"])
    try TestCluster.run([
      try TestCluster.program("pg_resetwal"), "-e", "0", "-x", "\(number)", "-D", dataPath,
    ])
    try start()
  }

  /// Ends the server as a power cut does: nobody is told.
  package func kill() throws {
    let text = try String(contentsOfFile: dataPath + "/postmaster.pid", encoding: .utf8)
    guard let process = text.split(separator: "\n").first.flatMap({ Int32($0) }) else {
      throw NeverHappened(what: "a process id in \(dataPath)/postmaster.pid")
    }
    Glibc.kill(process, SIGKILL)
    try wait(for: "the end of the killed server") { Glibc.kill(process, 0) != 0 }
  }

  /// Stops the server without ending its sessions in order, as `pg_ctl restart -m immediate` does, and
  /// starts it again, which recovers from its log.
  package func restartImmediately() throws {
    try TestCluster.run([
      try TestCluster.program("pg_ctl"), "stop", "-D", dataPath, "-m", "immediate", "-w", "-s",
    ])
    try start()
  }

  /// Makes a standby the primary of a timeline of its own.
  package func promote() throws {
    try TestCluster.run([
      try TestCluster.program("pg_ctl"), "promote", "-D", dataPath, "-w", "-s",
    ])
  }

  /// The path of a program of the server's version.
  package static func program(_ name: String) throws -> String {
    try programs.get() + "/" + name
  }

  /// Runs a command as the server's user.
  ///
  /// A server that it starts lives on; it must not inherit the socket by which Foundation learns
  /// that the command has ended, so the command runs with the three usual files alone.
  package static func run(_ command: [String]) throws {
    let all = (getuid() == 0 ? ["runuser", "-u", "postgres", "--"] : []) + command
    let script = """
      (
        for file in "/proc/$BASHPID/fd"/*; do
          number=${file##*/}
          if ((number > 2)); then eval "exec $number>&-"; fi
        done
        exec "$@"
      )
      """
    let result = try runProcess(
      URL(filePath: "/bin/bash"), ["-c", script, "run"] + all,
      environment: ["LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"],
      in: URL(filePath: "/"))
    guard result.status == 0 else {
      throw CommandFailed(command: command, output: result.stderr + result.stdout)
    }
  }

  /// Stops the server and removes its folder when the lifeline is cut, whatever cut it.
  private func startGuardian() throws {
    let script = """
      trap '' HUP INT TERM
      cat >/dev/null
      id=$(head -n 1 "$0/data/postmaster.pid" 2>/dev/null)
      # After a kill the id may be another's by now.
      if [[ -n $id && $(readlink "/proc/$id/cwd") == "$0/data" ]]; then
        kill -QUIT "$id"
        for ((tries = 0; tries < 500; tries++)); do
          kill -0 "$id" 2>/dev/null || break
          sleep 0.02
        done
      fi
      # Processes of the server may write a last file while the others are deleted.
      rm -rf "$0" || { sleep 1; rm -rf "$0"; }
      """
    // A session of its own: what ends the tests must not end it.
    guardian.executableURL = URL(filePath: "/usr/bin/env")
    guardian.arguments = ["setsid", "--wait", "bash", "-c", script, folder]
    guardian.currentDirectoryURL = URL(filePath: "/")
    guardian.standardInput = lifeline.fileHandleForReading
    guardian.standardOutput = FileHandle.nullDevice
    guardian.standardError = FileHandle.nullDevice
    try withoutBlockedSignals { try guardian.run() }
  }

  private static func makeFolder() throws -> String {
    let folder = "/tmp/almanac-\(UUID().uuidString.prefix(13))"
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    if getuid() == 0 {
      let result = try runProcess(URL(filePath: "/usr/bin/env"), ["chown", "postgres", folder])
      guard result.status == 0 else {
        throw CommandFailed(command: ["chown"], output: result.stderr)
      }
    }
    return folder
  }

  private static func initialise(_ path: String) throws {
    try run([
      try program("initdb"), "-D", path, "-U", "postgres", "-A", "trust", "-N", "--locale=C", "-E",
      "UTF8",
    ])
  }

  /// A cluster that others are copies of; it stays until the tests end.
  private static func makeTemplate() throws -> TestCluster {
    let cluster = try TestCluster(.fresh)
    try cluster.stop()
    return cluster
  }

  private static func findPrograms() throws -> String {
    let script = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Sources/scripts/postgres-bin")
    let result = try runProcess(script, [])
    guard result.status == 0 else {
      throw CommandFailed(command: ["postgres-bin"], output: result.stderr)
    }
    return result.stdout.trimmingCharacters(in: .whitespacesAndNewlines)
  }
}

/// A command that a test needs did not succeed.
package struct CommandFailed: Error, CustomStringConvertible {
  /// The command.
  package let command: [String]
  /// What it said.
  package let output: String
  /// Both in one text.
  package var description: String { "\(command.joined(separator: " ")): \(output)" }
}
