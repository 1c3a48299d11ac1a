import AlmanacCore
import Foundation
import Postgres
import TestSupport
import Testing

/// Tables whose rows change: what each mode promises of them.
@Suite("Extraction of rows that change", .database)
struct ExtractionModeTests {
  /// Changes of the rows between two nights.
  static let steps: [[String]] = [
    ["UPDATE app.rows SET amount = amount + 1 WHERE n % 10 = 0"],
    ["DELETE FROM app.rows WHERE n % 11 = 0", ExtractionPlace.adding(3_001...3_050)],
    // To other days, before and behind.
    ["UPDATE app.rows SET at = at + interval '3 days' WHERE n % 13 = 0"],
    [
      "UPDATE app.rows SET note = 'b' WHERE n % 10 = 0",
      "UPDATE app.rows SET note = 'c' WHERE n % 20 = 0",
    ],
    [],
    ["UPDATE app.rows SET note = note WHERE n % 2 = 0"],
    // Keys that were gone for two nights come back, with other values.
    [
      "INSERT INTO app.rows SELECT * FROM app.made(1, 3000) m WHERE m.n % 22 = 0",
      "UPDATE app.rows SET amount = 7 WHERE n % 22 = 0",
    ],
    ["VACUUM (FREEZE) app.rows"], ["VACUUM FULL app.rows"],
    ["ALTER TABLE app.rows ADD more uuid DEFAULT gen_random_uuid()"],
    ["DELETE FROM app.rows WHERE n % 3 = 0", "VACUUM FULL app.rows"],
    ["TRUNCATE app.rows", ExtractionPlace.adding(1...500, "again")],
    ["DELETE FROM app.rows WHERE n <= 250", ExtractionPlace.adding(101...150, "back")],
  ]

  static func perform(_ step: [String], at place: ExtractionPlace) throws {
    let connection = try place.connect()
    for statement in step { try connection.runScript(statement) }
  }

  @Test("holds exactly the source in mode full")
  func full() throws {
    let place = try ExtractionPlace(["rows": ExtractionPlace.rows("full")])
    for (number, step) in Self.steps.enumerated() {
      try Self.perform(step, at: place)
      try place.night()
      try place.expectHeld("app.rows", "step \(number)")
    }
  }

  /// Damage of a part of the data directory.
  enum Damage: String, CaseIterable {
    case flip, truncate, remove

    func inflict(on path: String) throws {
      let file = URL(filePath: path)
      var bytes = try Data(contentsOf: file)
      switch self {
      case .flip: bytes[bytes.count / 2] ^= 4
      case .truncate: bytes = bytes.prefix(bytes.count / 2)
      case .remove:
        try FileManager.default.removeItem(at: file)
        return
      }
      try bytes.write(to: file)
    }
  }

  @Test("extracts a damaged day again", arguments: Damage.allCases)
  func damage(damage: Damage) throws {
    let place = try ExtractionPlace()
    try place.night()
    try place.add(3_001...3_100)
    try place.night()
    let parts =
      FileManager.default.enumerator(atPath: place.data)?.compactMap { $0 as? String }
      .filter { $0.hasSuffix(".parquet") }.sorted() ?? []
    let part = try #require(parts.dropFirst(4).first)
    try damage.inflict(on: place.data + "/" + part)
    let verified = try place.almanac(["datasets", "verify", "--data", place.data])
    #expect(verified.status == 65)
    #expect((verified.stdout + verified.stderr).contains(part))
    try place.add(3_101...3_200)
    try place.night()
    try place.expectHeld()
    let again = try place.almanac(["datasets", "verify", "--data", place.data])
    #expect(again.status == 0, "\(again.stdout)\(again.stderr)")
  }
}
