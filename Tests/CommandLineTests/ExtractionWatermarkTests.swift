import Foundation
import Postgres
import TestSupport
import Testing

/// Rows that commit, move or vanish around a cut: everything arrives exactly once.
@Suite("Extraction around the watermark", .database)
struct ExtractionWatermarkTests {
  @Test("takes rows of transactions that began before a cut and ended after it, once")
  func openTransactions() throws {
    let place = try ExtractionPlace()
    let (plain, saved, undone) = (try place.connect(), try place.connect(), try place.connect())
    try plain.run("BEGIN")
    try plain.run("INSERT INTO app.rows SELECT * FROM app.made(10001, 10050, 'plain')")
    try saved.run("BEGIN")
    try saved.run("SAVEPOINT a")
    try saved.run("INSERT INTO app.rows SELECT * FROM app.made(10101, 10150, 'released')")
    try saved.run("RELEASE SAVEPOINT a")
    try saved.run("SAVEPOINT b")
    try saved.run("INSERT INTO app.rows SELECT * FROM app.made(10201, 10250, 'undone')")
    try saved.run("ROLLBACK TO SAVEPOINT b")
    try saved.run("SAVEPOINT c")
    try saved.run("INSERT INTO app.rows SELECT * FROM app.made(10301, 10350, 'kept')")
    try undone.run("BEGIN")
    try undone.run("INSERT INTO app.rows SELECT * FROM app.made(10401, 10450, 'gone')")
    // Finished after the open ones began: above the horizon and visible at once.
    try place.sql("INSERT INTO app.rows SELECT * FROM app.made(10501, 10550, 'between')")
    try place.night()
    try place.expectHeld()
    try plain.run("COMMIT")
    try saved.run("INSERT INTO app.rows SELECT * FROM app.made(10351, 10360, 'after')")
    try saved.run("COMMIT")
    try undone.run("ROLLBACK")
    try place.night()
    try place.expectHeld()
    try place.sql("INSERT INTO app.rows SELECT * FROM app.made(10601, 10610)")
    try place.night()
    try place.expectHeld()
  }

  @Test("takes rows of a prepared transaction once it is committed, and never if rolled back")
  func preparedTransactions() throws {
    let place = try ExtractionPlace()
    let name = TestDatabase.current.name
    for (number, suffix) in [(20_001, "kept"), (20_101, "undone")] {
      let connection = try place.connect()
      try connection.run("BEGIN")
      try connection.run("SAVEPOINT a")
      try connection.run("INSERT INTO app.rows SELECT * FROM app.made(\(number), \(number + 40))")
      try connection.run("RELEASE SAVEPOINT a")
      try connection.run("PREPARE TRANSACTION '\(name)_\(suffix)'")
    }
    try place.sql("INSERT INTO app.rows SELECT * FROM app.made(20201, 20250)")
    try place.night()
    try place.expectHeld()
    try place.sql("INSERT INTO app.rows SELECT * FROM app.made(20301, 20350)")
    try place.night()
    try place.expectHeld()
    try place.connect().run("COMMIT PREPARED '\(name)_kept'")
    try place.connect().run("ROLLBACK PREPARED '\(name)_undone'")
    try place.night()
    try place.expectHeld()
    try place.night()
    try place.expectHeld()
  }
}
