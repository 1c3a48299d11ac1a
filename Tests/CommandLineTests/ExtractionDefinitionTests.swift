import Foundation
import TestSupport
import Testing

/// Files of datasets that are edited between nights.
@Suite("Extraction after a dataset's file changed", .database)
struct ExtractionDefinitionTests {
  @Test(
    "is refused where rows would be of other days, keys or versions, until they are forgotten",
    arguments: [
      ("append", "append", "time: at", "time: recorded", "`time`"),
      ("append", "append", "key: id", "key: [id, n]", "`key`"),
      ("changes", "append", "", "", "`mode`"), ("changes", "overlap", "", "", "`mode`"),
    ])
  func refused(
    before: String, after: String, old: String, new: String, named: String
  ) throws {
    let place = try ExtractionPlace(["rows": ExtractionPlace.rows(before)])
    try place.night()
    try place.sql("UPDATE app.rows SET amount = 1 WHERE n = 5; DELETE FROM app.rows WHERE n = 7")
    try place.night()
    let more = after == "overlap" ? ["overlap: 1d"] : []
    let text = ExtractionPlace.rows(after, more.joined())
    // A clock that no longer decides on the day is a column as any other.
    let edited = old.isEmpty ? text : text.replacing(old, with: new)
    try place.define(
      "rows",
      old == "time: at" ? edited.replacing("columns:", with: "columns:\n  at: timestamp") : edited)
    place.expectFailure(
      try place.begin().wait(), status: 78, saying: named, "datasets reset rows")
    let reset = try place.almanac(["datasets", "reset", "rows", "--yes", "--data", place.data])
    try #require(reset.status == 0, "\(reset.stderr)")
    try place.night()
    // The rows are compared where their days are those that the comparison knows.
    if new != "time: recorded" { try place.expectHeld() }
  }

  @Test("is refused where the time is computed otherwise than that of the rows that are held")
  func otherTime() throws {
    let place = try ExtractionPlace()
    try place.night()
    let moved = ExtractionPlace.rows("append").replacing(
      "columns:", with: "columns:\n  at: timestamp = at + interval '1 day'")
    try place.define("rows", moved)
    place.expectFailure(
      try place.begin().wait(), status: 78, saying: "`time`", "datasets reset rows")
    // Another column may be computed otherwise: what the source has is read anew.
    try place.define(
      "rows", ExtractionPlace.rows("append").replacing("text?", with: "text? = note || ''"))
    try place.night()
    try place.expectHeld()
  }

  @Test("says that rows from before a column was declared have no value in it")
  func columnBack() throws {
    let place = try ExtractionPlace()
    try place.night()
    try place.define(
      "rows",
      ExtractionPlace.rows("append").replacing("  note: text?\n", with: "")
        .replacing("\n  note: text?", with: ""))
    try place.night()
    try place.sql("DELETE FROM app.rows WHERE n <= 3")
    try place.define("rows", ExtractionPlace.rows("append"))
    let result = try place.night()
    let said = result.stdout + result.stderr
    #expect(
      said.contains("rows: 3 rows held from before note was declared have no value in it"),
      "\(said)")
    #expect(said.contains("3 rows that the source no longer has are kept"), "\(said)")
  }

  @Test("needs no folder of models where nothing names one")
  func withoutModels() throws {
    let place = try ExtractionPlace(rows: 10)
    try FileManager.default.removeItem(at: place.folder.appending(path: "models"))
    try place.night()
    try place.expectHeld()
    #expect(try place.almanac(["check", "--source", place.source]).status == 0)
    try place.write(
      "pipelines/nightly.yaml",
      "{pipeline: nightly, schedule: \"0 2 * * *\", currency: GBP, stages: [extract: all, "
        + "fit: [revenue]]}\n")
    place.expectFailure(
      try place.begin().wait(), status: 78, saying: "nightly.yaml", "the model \"revenue\"")
  }

  @Test("goes on from mode full without what the source no longer has")
  func fromFull() throws {
    let place = try ExtractionPlace(["rows": ExtractionPlace.rows("full")])
    try place.night()
    try place.sql("DELETE FROM app.rows WHERE n <= 100")
    try place.define("rows", ExtractionPlace.rows("append"))
    try place.night()
    try place.expectHeld()
  }

  @Test("reads a table whole in mode overlap where another one took its place")
  func replaced() throws {
    let place = try ExtractionPlace(["rows": ExtractionPlace.rows("overlap", "overlap: 1h")])
    try place.night()
    try place.sql(
      """
      CREATE TABLE app.other (LIKE app.rows INCLUDING ALL);
      INSERT INTO app.other SELECT * FROM app.rows;
      INSERT INTO app.other SELECT id, at, recorded - interval '30 days', n, amount, note
        FROM app.made(3001, 3010);
      DROP TABLE app.rows; ALTER TABLE app.other RENAME TO rows;
      """)
    try place.night()
    try place.expectHeld()
  }
}
