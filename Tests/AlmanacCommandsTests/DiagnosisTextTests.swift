import AlmanacCore
import Testing

@testable import AlmanacCommands
@testable import Pipelines

@Suite("The text of almanac doctor")
struct DiagnosisTextTests {
  private static let diagnosis = Diagnosis(findings: [
    .init("definitions", .ok, "17 files, each as it should be"),
    .init(
      "source rights", .error, "dataset \"refunds\":\nbilling.refunds may not be read",
      fix: "GRANT SELECT ON \"billing\".\"refunds\" TO reader;", status: .noPermission),
    .init("event types", .warning, "1 of 3 are not known, \"a\u{1B}[31m\"", fix: "almanac query"),
    .init("target connection", .error, "no route", status: .unavailable),
  ])

  @Test("has a line for each finding and the fix below it", arguments: OutputFormat.allCases)
  func golden(format: OutputFormat) throws {
    let lines = DiagnosisText(Self.diagnosis).lines(format)
    #expect(lines.allSatisfy(isOneLine))
    try expectGolden(lines.joined(separator: "\n"), "doctor-\(format.rawValue)")
  }

  @Test("ends with the status of the first error that trying again does not mend")
  func status() {
    #expect(Self.diagnosis.exitStatus == .noPermission)
    #expect(
      Diagnosis(findings: Array(Self.diagnosis.findings.suffix(1))).exitStatus == .unavailable)
    let warned = Diagnosis(findings: [.init("a", .warning, "b"), .init("c", .ok, "d")])
    #expect(warned.exitStatus == .ok)
    #expect(warned.level == .warning)
  }
}
