import Documents
import Testing

@testable import Pipelines

@Suite("Policies about failures")
struct FailurePolicyTests {
  /// The policy of a pipeline of three stages with more lines.
  private func policy(_ lines: String) throws -> FailurePolicy {
    let text = """
      pipeline: f
      schedule: "15 2 * * *"
      currency: GBP
      stages: [extract: all, metrics, cohorts]
      \(lines)
      """
    return try PipelineDefinition(node: Sample.node(text, file: "f.yaml")).failures
  }

  @Test("pauses double, up to an hour, with up to a half more at random")
  func pauses() throws {
    let policy = try policy("retries: {attempts: 10, backoff: 30s}")
    #expect(policy.attempts == 10)
    #expect(policy.pause(before: 2, jitter: 0) == .seconds(30))
    #expect(policy.pause(before: 3, jitter: 0) == .seconds(60))
    #expect(policy.pause(before: 4, jitter: 0.5) == .seconds(150))
    #expect(policy.pause(before: 10, jitter: 0) == .seconds(3_600))
    #expect(policy.pause(before: 10, jitter: 1) == .seconds(5_400))
  }

  @Test("what is not said is to try once, without limits, and to go on")
  func defaults() throws {
    let policy = try policy("")
    #expect(policy == FailurePolicy())
    #expect(policy.attempts == 1 && policy.timeouts.isEmpty)
    #expect(StageKind.allCases.allSatisfy { policy.action(on: $0) == .continue })
  }

  @Test("one word stands for all stages, and a mapping for those it names")
  func actions() throws {
    let all = try policy("on_failure: stop")
    #expect(all.action(on: .metrics) == .stop && all.action(on: .cohorts) == .stop)
    let some = try policy("on_failure: {metrics: stop}\ntimeouts: {extract: 2h, cohorts: 30s}")
    #expect(some.action(on: .metrics) == .stop && some.action(on: .cohorts) == .continue)
    #expect(some.timeouts == [.extract: .seconds(7_200), .cohorts: .seconds(30)])
  }

  @Test(
    "a fault is told with its place",
    arguments: [
      (
        "timeouts: {metric: 1s}",
        #"f.yaml:5:12: found "metric", expected a stage of the pipeline, one of extract, metrics, cohorts (did you mean "metrics"?)"#
      ),
      (
        "timeouts: {metrics: 0s}",
        #"f.yaml:5:21: found "0s", expected a length of time such as 2h, 10m or 30s"#
      ),
      (
        "retries: {attempts: 3, backoff: 2h}",
        #"f.yaml:5:33: found "2h", expected a pause such as 30s or 2m, at most 1h"#
      ),
      (
        "on_failure: {cohorts: go}",
        #"f.yaml:5:23: found "go", expected stop or continue"#
      ),
      ("retries: {backoff: 30s}", #"f.yaml:5:10: found no key "attempts", expected it in retries"#),
    ])
  func faults(_ lines: String, _ message: String) throws {
    let error = try #require(throws: DocumentError.self) { try policy(lines) }
    #expect(error.description == message)
  }
}
