import AlmanacCore
import Foundation
import Postgres
import TestSupport
import Testing

/// The modes that keep every version of a row, or replace rows by key.
@Suite("Extraction of versions", .database)
struct ExtractionChangesTests {
  @Test("shows the source as it was at every cut in mode changes", arguments: ["1", "4"])
  func changes(jobs: String) throws {
    let place = try ExtractionPlace([
      "rows": ExtractionPlace.rows("changes", "deletes: key_sweep")
    ])
    var cuts: [(cut: String, lines: [String])] = []
    for (number, step) in ([[]] + ExtractionModeTests.steps).enumerated() {
      try ExtractionModeTests.perform(step, at: place)
      try place.night("--jobs", jobs)
      let lines = try place.lines()
      let answer = try place.compare(withLines: lines, view: .latest)
      #expect(answer.verdict == "equal", "step \(number)")
      cuts.append((try #require(answer.cut), lines))
    }
    for (number, (cut, lines)) in cuts.enumerated() {
      let answer = try place.compare(withLines: lines, view: .latest, asOf: cut)
      #expect(answer.verdict == "equal", "as of the cut of step \(number)")
    }
  }

  @Test(
    "keeps versions of transactions that began before a cut and ended after it, in mode changes")
  func openChanges() throws {
    let place = try ExtractionPlace([
      "rows": ExtractionPlace.rows("changes", "deletes: key_sweep")
    ])
    let open = try place.connect()
    try open.run("BEGIN")
    try open.run("SAVEPOINT a")
    try open.run("UPDATE app.rows SET note = 'open' WHERE n % 9 = 0")
    try open.run("DELETE FROM app.rows WHERE n % 9 = 1")
    try open.run(ExtractionPlace.adding(4_001...4_020))
    try open.run("RELEASE SAVEPOINT a")
    try place.sql("UPDATE app.rows SET note = 'between' WHERE n % 9 = 2")
    try place.night()
    try place.expectHeld(view: .latest)
    try open.run("COMMIT")
    try place.night()
    try place.expectHeld(view: .latest)
    try place.night()
    try place.expectHeld(view: .latest)
  }

  @Test("replaces changed rows by key in mode overlap, also on another day")
  func overlap() throws {
    let place = try ExtractionPlace(
      [
        "rows": ExtractionPlace.rows("overlap", "updated: updated", "overlap: 2d")
          .replacing("columns:", with: "columns:\n  updated: timestamp")
      ], rows: nil)
    try place.sql(ExtractionPlace.schema)
    try place.sql(
      """
      ALTER TABLE app.rows ADD updated timestamptz NOT NULL DEFAULT now() - interval '30 days'
      """)
    try place.add(1...3_000)
    try place.sql("ALTER TABLE app.rows ALTER updated SET DEFAULT now()")
    try place.night()
    try place.expectHeld()
    let open = try place.connect()
    try open.run("BEGIN")
    try open.run("UPDATE app.rows SET note = 'late', updated = now() WHERE n % 17 = 1")
    try open.run(ExtractionPlace.adding(5_001...5_050))
    try place.add(3_001...3_100)
    try place.sql(
      "UPDATE app.rows SET amount = amount * 2, updated = now() WHERE n % 17 = 0")
    try place.night()
    try place.expectHeld()
    try open.run("COMMIT")
    try place.sql(
      """
      UPDATE app.rows SET at = at - interval '2 days', updated = now() WHERE n % 17 = 2
      """)
    try place.night()
    try place.expectHeld()
    try place.night("--jobs", "4")
    try place.expectHeld()
  }

  @Test("takes late commits with a bound on the recorded clock")
  func incrementBound() throws {
    let place = try ExtractionPlace(["rows": ExtractionPlace.rows("append", "increment_bound: 1h")])
    let name = TestDatabase.current.name
    let open = try place.connect()
    try open.run("BEGIN")
    try open.run(ExtractionPlace.adding(4_001...4_050))
    let prepared = try place.connect()
    try prepared.run("BEGIN")
    try prepared.run(ExtractionPlace.adding(5_001...5_050))
    try prepared.run("PREPARE TRANSACTION '\(name)_bound'")
    try place.night()
    try place.expectHeld()
    try place.add(3_001...3_050)
    try place.night()
    try place.expectHeld()
    try open.run("COMMIT")
    try place.connect().run("COMMIT PREPARED '\(name)_bound'")
    try place.night()
    try place.expectHeld()
  }
}
