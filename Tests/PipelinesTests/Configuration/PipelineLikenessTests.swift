import AlmanacCore
import Documents
import Pipelines
import Testing

@Suite("A pipeline that is like another one")
struct PipelineLikenessTests {
  private static let base = """
    pipeline: nightly
    schedule: "15 2 * * *"
    zone: Europe/London
    currency: EUR
    stages: [extract: all, rollup: {grains: [hour, day]}]
    """

  private func pipeline(_ lines: String, others: [String] = [base]) throws -> PipelineDefinition {
    let node = try Sample.node(lines, file: "h.yaml")
    let siblings = try others.map { try Sample.node($0, file: "n.yaml") } + [node]
    return try PipelineDefinition(node: node, among: siblings)
  }

  private static let like = """
    pipeline: hourly
    schedule: "5 * * * *"
    like: nightly
    stages: [extract: all, rollup]
    """

  @Test("has its zone, currency and grains, and changes with them")
  func shares() throws {
    let hourly = try pipeline(Self.like)
    let nightly = try PipelineDefinition(node: try Sample.node(Self.base, file: "n.yaml"))
    #expect(hourly.zone == "Europe/London" && hourly.currency == CurrencyCode("EUR"))
    #expect(hourly.stage(.rollup)?.settings == nightly.stage(.rollup)?.settings)
    #expect(hourly.schedule.text == "5 * * * *")
    let other = try pipeline(
      Self.like, others: [Self.base.replacing("EUR", with: "USD")])
    #expect(other.currency == CurrencyCode("USD") && other.canonicalText != hourly.canonicalText)
  }

  @Test(
    "is refused where that cannot be",
    arguments: [
      (
        like.replacing("like: nightly", with: "like: nightli"),
        #"h.yaml:3:7: found the pipeline "nightli", which no file defines, expected nightly (did you mean "nightly"?)"#
      ),
      (
        like + "\nzone: UTC",
        #"h.yaml:5:1: found the key "zone" beside `like: nightly`, expected one of the two, since pipeline nightly says it"#
      ),
      (
        like.replacing("rollup]", with: "rollup: {grains: [hour]}]"),
        #"h.yaml:4:24: found grains of its own beside `like: nightly`, expected - rollup alone, since pipeline nightly says them"#
      ),
      (
        like.replacing("like: nightly", with: "like: hourly"),
        #"h.yaml:3:7: found the pipeline "hourly", which has `like:` itself, expected one that says its zone and currency"#
      ),
    ])
  func refusals(_ lines: String, _ message: String) throws {
    let error = try #require(throws: DocumentError.self) { try pipeline(lines) }
    #expect(error.description == message)
  }
}
