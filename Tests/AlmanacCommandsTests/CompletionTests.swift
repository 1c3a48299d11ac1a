import Foundation
import TestSupport
import Testing

@testable import AlmanacCommands

@Suite("Completion in bash")
struct CompletionTests {
  private func completions(_ words: String...) throws -> [String] {
    let quoted = words.map { "'\($0)'" }.joined(separator: " ")
    let script =
      CompletionCommand.script
      + "\nCOMP_WORDS=(\(quoted)); COMP_CWORD=\(words.count - 1); _almanac; echo \"${COMPREPLY[*]}\"\n"
    let result = try runProcess(URL(filePath: "/bin/bash"), ["-c", script])
    try #require(result.status == 0 && result.stderr.isEmpty, "\(result.stderr)")
    return result.stdout.split(whereSeparator: \.isWhitespace).map(String.init)
  }

  @Test("knows every command, and the options of each that its help explains")
  func words() throws {
    #expect(try completions("almanac", "sta") == ["status"])
    #expect(
      Set(try completions("almanac", ""))
        == Set(Program.commands.map { $0.name } + ["help", "--help", "--version"]))
    #expect(try completions("almanac", "run", "--da") == ["--date", "--data"])
    #expect(try completions("almanac", "run", "nightly", "--sk") == ["--skip"])
    #expect(try completions("almanac", "run", "night").isEmpty)
    // Options that share a line of the help.
    #expect(try completions("almanac", "backtest", "--le") == ["--level"])
    #expect(try completions("almanac", "backtest", "--j") == ["--jobs"])
    #expect(try completions("almanac", "plan", "nightly", "--me") == ["--memory"])
  }

  @Test("knows the words that follow a command, and the formats of each")
  func verbs() throws {
    #expect(try completions("almanac", "datasets", "re") == ["reset"])
    #expect(try completions("almanac", "schedule", "") == ["print"])
    #expect(try completions("almanac", "help", "stat") == ["status"])
    #expect(try completions("almanac", "run", "").isEmpty)
    let formats = [
      "run": ["table", "csv", "json"], "forecast": ["csv", "json"], "fit": ["text", "json"],
      "export": ["csv", "json", "parquet"], "schedule": ["cron", "systemd"],
    ]
    for (command, known) in formats {
      #expect(Set(try completions("almanac", command, "x", "--format", "")) == Set(known))
    }
    // Whatever takes a format says which.
    for command in Program.commands where command.help.contains("\n  --format ") {
      #expect(CompletionCommand.formats(in: command.help).count > 1, "\(command.name)")
    }
    #expect(try completions("almanac", "nothing", "--").isEmpty)
  }
}
