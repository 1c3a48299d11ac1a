import Pipelines
import Testing

@Suite("The text of migrations")
struct MigrationTextTests {
  /// What was released, in order; a new migration adds a line, and no line ever changes.
  private static let released = [
    "ledger c810559999779497",
    "rollups 4c6786014914ef5e",
    "predictions 5c29ecbeb2cebc46",
    "api ba92344b6442a21f",
    "contracts 07875460235b85b3",
    "restatements d5d849e6dc1d3a53",
    "metrics 367f787613e945a2",
    "anomalies e2d1351260230808",
    "usage d6a8774e2ea178be",
    "company_zones 2395cc3838010e25",
    "serving a97ba4a261463a33",
    "reads 792f025d1c22d379",
    "rendering d81d70603944bec4",
  ]

  @Test("is that of the day a migration was released")
  func unchanged() {
    #expect(Migrations.all.count >= Self.released.count)
    for (migration, released) in zip(Migrations.all, Self.released) {
      #expect(
        "\(migration.name) \(migration.checksum)" == released,
        "a released migration is not edited: make a new one")
    }
  }
}
