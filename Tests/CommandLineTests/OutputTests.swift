import Foundation
import TestSupport
import Testing

/// What becomes of the program where its output cannot be written.
@Suite("Output")
struct OutputTests {
  /// Runs a script of the shell in which `$0` is the program.
  private func shell(_ script: String, in directory: URL? = nil) throws -> ProcessOutcome {
    try runProcess(
      URL(filePath: "/bin/bash"), ["-c", script, try builtProgram().path], environment: [:],
      in: directory)
  }

  private func expectWriteFailure(
    _ result: ProcessOutcome, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(result.status == 74, "\(result.stderr)", sourceLocation: sourceLocation)
    #expect(result.stdout.isEmpty, sourceLocation: sourceLocation)
    let lines = result.stderr.split(separator: "\n")
    #expect(lines.count == 1, "\(lines)", sourceLocation: sourceLocation)
    #expect(
      lines.last?.hasPrefix("almanac: cannot write standard output: ") == true, "\(lines)",
      sourceLocation: sourceLocation)
  }

  @Test(
    "a result that cannot be written ends with 74 and one line",
    arguments: [
      "\"$0\" --help >/dev/full", "\"$0\" init --print >/dev/full", "\"$0\" --help >&-",
      "\"$0\" --version <&- >&-",
      // Nobody reads the pipe any more, and the signal that says so is ignored.
      "trap '' PIPE; (sleep 0.3; \"$0\" --help) | true; exit ${PIPESTATUS[0]}",
    ])
  func unwritable(script: String) throws {
    expectWriteFailure(try shell(script))
  }

  @Test("a reader that has read enough ends the program silently, as it does other tools")
  func closedPipe() throws {
    let result = try shell(
      "(sleep 0.3; exec env --default-signal=PIPE \"$0\" --help) | true; exit ${PIPESTATUS[0]}")
    #expect(result.status == 141)
    #expect(result.stderr.isEmpty)
  }

  @Test(
    "standard error that cannot be written changes nothing", arguments: ["2>/dev/full", "2>&-"])
  func withoutStandardError(redirection: String) throws {
    #expect(try shell("\"$0\" --version \(redirection)").status == 0)
    #expect(try shell("\"$0\" --versoin \(redirection)").status == 64)
  }

  @Test(
    "a night without standard streams is published whole, and its status tells of the summary",
    .database, arguments: [(">&- 2>&- <&-", Int32(74)), ("2>&-", 0), (">/dev/full", 74)])
  func night(redirection: String, status: Int32) throws {
    let place = try Workplace()
    let result = try shell(
      "\"$0\" run nightly --quiet --date 2025-12-30 --source '\(place.url)' "
        + "--target '\(place.url)' --data data \(redirection)", in: place.folder.url)
    #expect(result.status == status, "\(result.stderr)")
    try place.verifyRollups(through: "2025-12-30")
    #expect(try place.value("SELECT count(*) FROM almanac.published_runs") == "1")
    #expect(try place.almanac(["status", "--target", place.url]).stdout.contains("succeeded"))
  }

  @Test("a status that cannot be written ends with 74", .database)
  func status() throws {
    let place = try Workplace(isFilled: false)
    for redirection in [">/dev/full", ">&-"] {
      expectWriteFailure(try shell("\"$0\" status --target '\(place.url)' \(redirection)"))
    }
  }
}
