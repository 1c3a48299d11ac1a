import Files
import TestSupport
import Testing

/// What the program says about itself.
@Suite("Help")
struct HelpTests {
  private static let commands = [
    "init", "load", "simulate", "check", "doctor", "plan", "run", "status", "logs", "notify",
    "prune", "forget", "schedule", "publish", "rollback", "models", "explain", "query", "export",
    "digest", "datasets", "compact", "forecast", "backtest", "decompose", "fit", "predict",
    "evaluate", "show", "completion",
  ]

  private func almanac(_ arguments: String...) throws -> ProcessOutcome {
    try runProcess(try builtProgram(), arguments, environment: [:])
  }

  @Test("the overview lists every command and fits 80 columns")
  func overview() throws {
    let result = try almanac()
    #expect(result.status == 0)
    for command in Self.commands { #expect(result.stdout.contains("\n  \(command) ")) }
    #expect(result.stdout.split(separator: "\n").allSatisfy { $0.count <= 80 })
    #expect(try almanac("--help").stdout == result.stdout)
    #expect(try almanac("help").stdout == result.stdout)
  }

  @Test("every command explains itself within 80 columns", arguments: commands)
  func commandHelp(command: String) throws {
    let result = try almanac(command, "--help")
    #expect(result.status == 0)
    #expect(result.stdout.hasPrefix("Usage: almanac \(command)"))
    #expect(result.stdout.contains("Example"))
    #expect(result.stdout.split(separator: "\n").allSatisfy { $0.count <= 80 })
    #expect(try almanac("help", command).stdout == result.stdout)
  }

  @Test("the version is one line")
  func version() throws {
    let result = try almanac("--version")
    #expect(result.status == 0)
    #expect(result.stdout.hasPrefix("almanac "))
    #expect(result.stdout.split(separator: "\n").count == 1)
  }
}
