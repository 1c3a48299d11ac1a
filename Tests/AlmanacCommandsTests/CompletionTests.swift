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
    #expect(try completions("almanac", "nothing", "--").isEmpty)
  }
}
