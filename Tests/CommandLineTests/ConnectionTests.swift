import Files
import Foundation
import TestSupport
import Testing

/// The ways to say which database is meant, other than a URL.
@Suite("Connections")
struct ConnectionTests {
  private func environment(_ more: [String: String] = [:]) throws -> [String: String] {
    [
      "PGHOST": try TestServer.socketDirectory(), "PGUSER": "postgres",
      "PGDATABASE": TestDatabase.current.name,
    ].merging(more) { _, new in new }
  }

  @Test("come from the PG* variables", .database)
  func variables() throws {
    let place = try Workplace(isFilled: false)
    let result = try place.almanac(["status"], environment: try environment())
    #expect(result.status == 0, "\(result.stderr)")
    #expect(result.stdout.contains("No run yet"))
  }

  @Test("come from a service file", .database)
  func serviceFile() throws {
    let place = try Workplace(isFilled: false)
    let file = place.folder.path + "/services.conf"
    let text = """
      [shop]
      host=\(try TestServer.socketDirectory())
      user=postgres
      dbname=\(TestDatabase.current.name)

      """
    try FileSystem.writeAtomically(Array(text.utf8), to: file)
    let result = try place.almanac(
      ["status", "--target", "service=shop"], environment: ["PGSERVICEFILE": file])
    #expect(result.status == 0, "\(result.stderr)")
    let missing = try place.almanac(
      ["status", "--target", "service=shopp"], environment: ["PGSERVICEFILE": file])
    #expect(missing.status == 66)
    #expect(missing.stderr.contains("PGSERVICEFILE"))
  }

  @Test(
    "take the password from PGPASSFILE, PGPASSWORD or a variable, and print it nowhere",
    .database)
  func passwords() throws {
    let place = try Workplace(isFilled: false)
    let secret = "open-sesame-\(UInt32.random(in: 0 ... .max))"
    try place.sql(
      """
      DROP ROLE IF EXISTS almanac_password;
      CREATE ROLE almanac_password LOGIN PASSWORD '\(secret)' IN ROLE almanac_writer
      """)
    defer { try? place.sql("DROP ROLE almanac_password") }
    let file = place.folder.path + "/passwords"
    try FileSystem.writeAtomically(Array("*:*:*:almanac_password:\(secret)\n".utf8), to: file)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
    let url = try TestServer.url(database: TestDatabase.current.name, user: "almanac_password")
    for (settings, target) in [
      (["PGPASSFILE": file], ["--target", url]), (["PGPASSWORD": secret], ["--target", url]),
      (["ALMANAC_TARGET": url + "&password=\(secret)"], []),
    ] {
      let result = try place.almanac(["status"] + target, environment: settings)
      #expect(result.status == 0, "\(result.stderr)")
      #expect(!(result.stdout + result.stderr).contains(secret))
    }
    let none = try place.almanac(["status", "--target", url])
    #expect(none.status == 77, "\(none.stderr)")
    let clear = try place.almanac(["status", "--target", url + "&password=\(secret)"])
    #expect(clear.status == 64)
    #expect(!(clear.stdout + clear.stderr).contains(secret))
  }
}
