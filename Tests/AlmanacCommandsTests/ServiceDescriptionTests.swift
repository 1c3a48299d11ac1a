import Foundation
import Testing

@testable import AlmanacCommands

@Suite("The description of the api's functions")
struct ServiceDescriptionTests {
  @Test("is the document that was agreed on, byte for byte")
  func golden() throws {
    try expectGolden(ServiceDescription.text, "openapi", kind: "json")
  }

  @Test("is JSON, and refers only to schemas that it holds")
  func references() throws {
    let text = ServiceDescription.text
    let document = try #require(
      try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    #expect(document["openapi"] as? String == "3.1.0")
    let components = try #require(document["components"] as? [String: [String: Any]])
    let schemas = Set(try #require(components["schemas"]).keys)
    let used = Set(text.matches(of: /"#\/components\/schemas\/(\w+)"/).map { String($0.output.1) })
    #expect(used == schemas)
  }
}
