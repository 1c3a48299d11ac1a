import Testing

@testable import AlmanacCommands
@testable import Pipelines

@Suite("The log of a run")
struct RunLogTextTests {
  private let log = RunLogReading(
    run: "4b1f0c9e-0000-4000-8000-000000000002",
    lines: [
      .init(
        time: "2026-02-01 02:15:00", level: "info", stage: "",
        message: "nightly for 2026-01-31 begins, jobs 2, version 1.0.0, on db"),
      .init(time: "2026-02-01 02:15:00", level: "info", stage: "extract", message: "begins"),
      .init(
        time: "2026-02-01 02:15:09", level: "warning", stage: "extract",
        message: "a name with\na line feed, and \"quotes\""),
      .init(
        time: "2026-02-01 02:15:09", level: "error", stage: "rollup",
        message: "events holds amounts in USD"),
      .init(time: "", level: "info", stage: "", message: "running"),
    ])

  @Test("is the same in three formats", arguments: OutputFormat.allCases)
  func golden(format: OutputFormat) throws {
    let lines = RunLogText(log).lines(format)
    #expect(lines.allSatisfy(isOneLine) || format == .csv)
    try expectGolden(lines.joined(separator: "\n"), "logs-\(format.rawValue)")
  }
}
