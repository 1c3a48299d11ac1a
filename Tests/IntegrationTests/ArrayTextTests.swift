import Postgres
import TestSupport
import Testing

@testable import Pipelines

@Suite("Arrays of texts in statements", .database)
struct ArrayTextTests {
  @Test("come back as they went in, whatever they hold")
  func roundTrip() throws {
    let texts = [
      "plain", "", "NULL", "small, medium", "{braces}", "a \"quote\"", "back\\slash", " spaces ",
      "two\nlines", "é", "'",
    ]
    let rows = try TestDatabase.current.connect().query(
      "SELECT text FROM unnest($1::text[]) WITH ORDINALITY AS t (text, n) ORDER BY n",
      [array(texts)])
    #expect((0..<rows.count).map { rows[$0, 0] } == texts)
    let none = try TestDatabase.current.connect().query(
      "SELECT cardinality($1::text[])", [array([])])
    #expect(none[0, 0] == "0")
  }
}
