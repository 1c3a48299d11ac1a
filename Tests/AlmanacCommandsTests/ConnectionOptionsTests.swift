import AlmanacCore
import Postgres
import Testing

@testable import AlmanacCommands

@Suite("Connection options")
struct ConnectionOptionsTests {
  private func settings(
    _ value: String?, _ environment: [String: String], fallback: String? = nil
  ) throws -> ConnectionSettings {
    try ConnectionOptions(environment: environment).settings(
      option: "--target", value: value, variable: "ALMANAC_TARGET",
      fallback: try fallback.map { try ConnectionSettings($0) })
  }

  private static func url(_ name: String) -> String { "postgresql://u@\(name)/d" }
  private static func shown(_ name: String) -> String { "u@\(name):5432/d" }

  @Test("prefer the option to the variable and the variable to the fallback")
  func precedence() throws {
    let variable = ["ALMANAC_TARGET": Self.url("variable"), "ALMANAC_SOURCE": Self.url("other")]
    let fallback = Self.url("fallback")
    #expect(
      try settings(Self.url("option"), variable, fallback: fallback).display
        == Self.shown("option"))
    #expect(try settings(nil, variable, fallback: fallback).display == Self.shown("variable"))
    #expect(try settings(nil, [:], fallback: fallback).display == Self.shown("fallback"))
    #expect(
      try settings(nil, ["ALMANAC_TARGET": ""], fallback: fallback).display
        == Self.shown("fallback"))
    #expect(try settings(nil, [:]).display == ConnectionSettings("").display)
  }

  @Test(
    "refuse a password in the option without repeating it",
    arguments: [
      "postgresql://u:hush@h/d", "postgresql://h/d?password=hush", "host=h password='hush'",
      "host=h sslpassword=hush",
    ])
  func passwordInOption(text: String) throws {
    let error = try #require(throws: UsageError.self) { _ = try settings(text, [:]) }
    #expect(!error.description.contains("hush"))
    for part in ["--target", ".pgpass", "PGPASSWORD", "service", "ALMANAC_TARGET"] {
      #expect(error.description.contains(part))
    }
    #expect(error.exitStatus == .usage)
  }

  @Test("accept a password in the variable and never show it")
  func passwordInVariable() throws {
    let settings = try settings(nil, ["ALMANAC_TARGET": "postgresql://u:hush@h/d"])
    #expect(settings.containsPassword)
    #expect(settings.display == Self.shown("h"))
  }

  @Test("refuse a text that is no connection string without repeating it")
  func malformed() throws {
    for text in ["host", "postgresql://u:hush@[h/d", "hush=hush"] {
      let error = try #require(throws: PostgresError.self) { _ = try settings(text, [:]) }
      #expect(error == .invalidConnectionString)
      #expect(!error.description.contains("hush"))
      #expect(throws: PostgresError.invalidConnectionString) {
        _ = try settings(nil, ["ALMANAC_TARGET": text])
      }
    }
  }

  @Test("take the source for the target of a command that only reads it")
  func readingCommands() throws {
    var scanner = ArgumentScanner(["--target", Self.url("option")])
    let environment = ["ALMANAC_SOURCE": Self.url("source"), "ALMANAC_TARGET": Self.url("target")]
    func display(_ environment: [String: String]) throws -> String {
      try targetSettings(&scanner, environment: environment).display
    }
    #expect(try display(environment) == Self.shown("option"))
    #expect(try display(environment) == Self.shown("target"))
    #expect(try display(["ALMANAC_SOURCE": Self.url("source")]) == Self.shown("source"))
  }
}
