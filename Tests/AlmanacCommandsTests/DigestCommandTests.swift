import AlmanacCore
import Testing

@testable import AlmanacCommands
@testable import Pipelines

@Suite("The digest of a run")
struct DigestCommandTests {
  private static func lines(_ rows: [Int]) -> [String] {
    DigestCommand.lines(
      tables: zip(["analytics.hourly_rollups", "predictions.revenue_forecasts"], rows).map {
        RunDigest.Table(name: $0, rows: $1, sha256: String(repeating: "\($1 % 10)", count: 64))
      }, sha256: String(repeating: "f", count: 64), run: "4b1f0c9e-0000-4000-8000-000000000002")
  }

  @Test("shows every digest whole within 80 columns, the last line that of all tables")
  func golden() throws {
    let lines = Self.lines([231_004, 96])
    expectFits(lines)
    try expectGolden(lines.joined(separator: "\n"), "digest")
    for digit in ["4", "6", "f"] {
      #expect(lines.count { $0.contains(String(repeating: digit, count: 64)) } == 1)
    }
    #expect(lines.last == String(repeating: "f", count: 64))
  }

  @Test("fits 80 columns with the largest numbers of rows")
  func extremes() {
    expectFits(Self.lines([.max, 0]))
  }
}
