import Foundation
import Pipelines
import Postgres
import TestSupport
import Testing

/// The functions of the api as a platform serves them, tried by schemathesis.
@Suite("The api over HTTP", .database)
struct ServingHTTPTests {
  /// What `almanac init --openapi` prints.
  private func description() throws -> Data {
    let result = try runProcess(try builtProgram(), ["init", "--openapi"], environment: [:])
    try #require(result.status == 0, "\(result.stderr)")
    return Data(result.stdout.utf8)
  }

  @Test("has the arguments and defaults in its description that the catalog has")
  func catalog() throws {
    let fixture = try TenantFixture()
    let document = try #require(
      try JSONSerialization.jsonObject(with: try description()) as? [String: Any])
    let paths = try #require(document["paths"] as? [String: [String: [String: Any]]])
    var described: [String] = []
    for item in paths.values {
      let operation = try #require(item["get"])
      let parameters = try #require(operation["parameters"] as? [[String: Any]])
      let names = parameters.map { parameter in
        let schema = parameter["schema"] as? [String: Any]
        let name = parameter["x-almanac-argument"] ?? parameter["name"] ?? ""
        return "\(name)=\(schema?["default"].map { "\($0)" } ?? "-")"
      }
      described.append("\(operation["x-almanac-function"] ?? ""): \(names.joined(separator: " "))")
    }
    let functions = try fixture.writer.values(
      #"""
      SELECT 'api.' || p.proname || ': ' || string_agg(a.name || '='
        || coalesce(nullif(regexp_replace(pg_get_function_arg_default(p.oid, a.n::int),
          '^''(.*)''::.*$|::.*$', '\1'), 'NULL'), '-'), ' ' ORDER BY a.n)
      FROM pg_proc AS p, unnest(p.proargnames) WITH ORDINALITY AS a (name, n)
      WHERE pronamespace = 'api'::regnamespace GROUP BY p.oid, p.proname
      """#)
    #expect(described.sorted() == functions.map { $0.replacing("=NULL", with: "=-") }.sorted())
  }

  @Test("answers as it is described, whatever is sent, and says nothing of another company")
  func schemathesis() throws {
    let python = try #require(ProcessInfo.processInfo.environment["ALMANAC_TEST_PEERS"])
    let examples = ProcessInfo.processInfo.environment["ALMANAC_TEST_EXAMPLES"] ?? "6"
    let seed = ProcessInfo.processInfo.environment["ALMANAC_TEST_SEED"] ?? "1"
    let fixture = try TenantFixture()
    let file = FileManager.default.temporaryDirectory
      .appending(path: "openapi-\(UUID().uuidString.prefix(13)).json")
    try description().write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let script = URL(filePath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Peers/api_peer.py")
    let result = try runProcess(
      URL(filePath: python),
      [
        script.path, file.path, try fixture.readerURL(), TenantFixture.first, examples, seed,
      ] + TenantFixture.secondMarks)
    try #require(result.status == 0, "seed \(seed): \(result.stderr.suffix(3_000))")
    let counts = try JSONDecoder().decode([String: Int].self, from: Data(result.stdout.utf8))
    let answered = Set(counts.keys.filter { $0.hasSuffix(" 200") })
    #expect(answered.count == 6, "\(counts)")
    #expect(counts.keys.contains { $0.hasSuffix(" 400") })
  }
}
