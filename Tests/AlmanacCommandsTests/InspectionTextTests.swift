import AlmanacCore
import Testing

@testable import AlmanacCommands
@testable import Pipelines

@Suite("The text of almanac check")
struct InspectionTextTests {
  private static let entries: [ProjectInspection.Entry] = [
    .init(kind: "dataset", name: "events", faults: [], status: .ok),
    .init(
      kind: "dataset", name: "payment_attempts",
      faults: [
        "datasets/payment_attempts.yaml:4:9: found nothing, expected a name of letters, digits "
          + "and underscores",
        "dataset payment_attempts: \"shop\".x has no column \u{1B}[31m",
      ], status: .configuration),
    .init(kind: "model", name: "revenue", faults: [], status: .ok),
    .init(kind: "pipeline", name: "nightly", faults: [], status: .ok),
  ]

  @Test(
    "has a line for each definition that is right and for each fault",
    arguments: OutputFormat.allCases)
  func golden(format: OutputFormat) throws {
    let lines = InspectionText(Self.entries).lines(format)
    #expect(lines.allSatisfy(isOneLine))
    try expectGolden(lines.joined(separator: "\n"), "check-\(format.rawValue)")
  }
}
