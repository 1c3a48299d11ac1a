import Foundation
import TestSupport
import Testing

/// What the program writes for programs: lines about the work, and results in JSON.
@Suite("Output for programs")
struct LogFormatTests {
  private struct Line: Decodable {
    var time: String
    var level: String
    var run: String?
    var stage: String?
    var message: String
  }

  private func lines(_ text: String) throws -> [Line] {
    try text.split(separator: "\n").map {
      try JSONDecoder().decode(Line.self, from: Data($0.utf8))
    }
  }

  private func object(_ outcome: ProcessOutcome) throws -> [String: Any] {
    try #require(outcome.status == 0, "\(outcome.stderr)")
    return try #require(
      JSONSerialization.jsonObject(with: Data(outcome.stdout.utf8)) as? [String: Any])
  }

  @Test("names run and stage in each line, and has all results in JSON", .database)
  func json() throws {
    let place = try Workplace()
    let night = try place.night("2025-12-30", "--log-format", "json", "--format", "json")
    let report = try object(night)
    let run = try #require(report["run"] as? String)
    let stages = try #require(report["stages"] as? [[String: Any]])
    #expect(stages.first?["stage"] as? String == "extract")
    #expect(stages.last?["stage"] as? String == "publish")
    let written = try lines(night.stderr)
    #expect(written.allSatisfy { $0.run == run && $0.time.hasSuffix("Z") }, "\(night.stderr)")
    #expect(
      written.filter { $0.message.hasPrefix("extract: ") }.allSatisfy { $0.stage == "extract" })
    #expect(written.contains { $0.stage == "extract" && $0.level == "info" })

    // An error is a line like the others, also one before there is a run.
    let early = try place.night("2099-01-01", "--log-format", "json")
    #expect(early.status == 64)
    #expect(try lines(early.stderr).map(\.level) == ["error"])
    try place.edit("datasets/events.yaml", "{matches_source: count}", "{minimum_rows: 1000000}")
    let late = try place.night("2025-12-31", "--log-format", "json")
    #expect(late.status == 65)
    let last = try #require(try lines(late.stderr).last)
    #expect(last.level == "error" && last.stage == "check" && last.run != nil, "\(last)")
    #expect(last.message.hasPrefix("dataset events: minimum_rows(1000000): "))
    let text = try place.night("2025-12-31", "--log-format", "text")
    let end = text.stderr.split(separator: "\n").last.map(String.init) ?? ""
    #expect(
      end.contains(/^\S+Z error [0-9a-f-]{36} check: dataset events: minimum_rows/), "\(end)")

    let target = ["--target", place.url, "--format", "json"]
    let status = try object(place.almanac(["status"] + target))
    let runs = try #require(status["runs"] as? [[String: Any]])
    #expect(runs.map { $0["status"] as? String } == ["failed", "failed", "succeeded"])
    #expect((status["publication"] as? [String: Any])?["run"] as? String == run)
    let digest = try object(place.almanac(["digest"] + target))
    #expect(try digest["sha256"] as? String == place.digest())
    let again = try object(place.almanac(["publish", "--run", run] + target))
    #expect(again["as_of"] as? String == "2025-12-30")
    let back = try object(place.almanac(["rollback"] + target))
    #expect(back["restores"] as? Int == 1 || back["in_force"] as? Int != nil, "\(back)")
    let csv = try place.almanac(["status", "--target", place.url, "--format", "csv"])
    #expect(csv.stdout.split(separator: "\n").count == 4)
  }

  @Test("has no colours on a terminal, NO_COLOR or not", arguments: [[:], ["NO_COLOR": "1"]])
  func colours(environment: [String: String]) throws {
    // `script` gives the program a terminal; its output comes back on our pipe.
    let program = try builtProgram().path
    let result = try runProcess(
      URL(filePath: "/usr/bin/script"),
      ["-qec", "'\(program)' --help; '\(program)' run", "/dev/null"],
      environment: environment.merging(["TERM": "xterm-256color"]) { $1 })
    #expect(result.stdout.contains("Usage: almanac"))
    #expect(result.stdout.contains("almanac: name the pipeline to run"))
    #expect(!result.stdout.contains("\u{1B}"))
  }
}
