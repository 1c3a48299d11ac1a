import Documents

/// What a pipeline does about stages that fail or take too long: `retries:`, `timeouts:` and
/// `on_failure:` in its file (DECISIONS.md, D-560).
package struct FailurePolicy: Hashable, Sendable {
  /// What a failed stage means for those that do not read what it writes.
  package enum Action: String, Hashable, Sendable, CaseIterable {
    /// Nothing more is begun.
    case stop
    /// They are done.
    case `continue`
  }

  /// How often a run is tried in all, at least once.
  package var attempts = 1
  /// How long the first pause is; each further one is twice as long as the one before.
  package var backoff = Duration.seconds(30)
  /// How long stages may take; others may take any time.
  package var timeouts: [StageKind: Duration] = [:]
  /// What happens when a stage fails, where something is said of it or of all.
  package var actions: [StageKind: Action] = [:]

  /// The longest pause between two attempts.
  static let longestPause = Duration.seconds(3_600)

  /// A policy that tries once, without limits, and goes on with what does not depend on a failed stage.
  package init() {}

  /// What happens when a stage fails.
  package func action(on stage: StageKind) -> Action { actions[stage] ?? .continue }

  /// The pause before an attempt.
  ///
  /// - Parameters:
  ///   - attempt: the attempt, counted from 1; there is none before the first.
  ///   - jitter: from 0 to 1, drawn at random, so that many runs do not come back at once.
  /// - Returns: the pause, up to a half longer than the doubled ones for the jitter.
  package func pause(before attempt: Int, jitter: Double) -> Duration {
    let doubled = backoff * (1 << min(max(attempt - 2, 0), 16))
    let pause = min(doubled, FailurePolicy.longestPause)
    return pause + pause * (0.5 * jitter)
  }
}

extension FailurePolicy {
  /// The keys of a pipeline that make up its policy.
  static let keys = ["retries", "timeouts", "on_failure"]

  /// Reads the keys of a pipeline.
  ///
  /// - Parameters:
  ///   - reader: the pipeline.
  ///   - stages: its stages, which are all that may be named.
  /// - Throws: `DocumentError` with the place of the first fault.
  init(
    _ reader: inout MappingReader, stages: [StageKind]
  ) throws(DocumentError) {
    if let node = try reader.optional("retries", as: .node) {
      var retries = try MappingReader(node, of: "retries")
      attempts = try retries.required("attempts", as: .integer(in: 1...10))
      backoff = try retries.optional("backoff", as: .pause) ?? backoff
      try retries.finish()
    }
    if let node = try reader.optional("timeouts", as: .node) {
      timeouts = try FailurePolicy.byStage(node, of: "timeouts", among: stages, as: .limit)
    }
    if let node = try reader.optional("on_failure", as: .node) {
      if case .mapping = node.content {
        actions = try FailurePolicy.byStage(node, of: "on_failure", among: stages, as: .word)
      } else {
        let action = try ValueReader<Action>.word.read(node)
        actions = Dictionary(stages.map { ($0, action) }) { $1 }
      }
    }
  }

  /// A mapping from stages of the pipeline.
  private static func byStage<Value>(
    _ node: Node, of owner: String, among stages: [StageKind], as reader: ValueReader<Value>
  ) throws(DocumentError) -> [StageKind: Value] {
    let read = try node.entries(of: owner) { (entry) throws(DocumentError) in
      (try stage(entry, among: stages), try reader.read(entry.value))
    }
    return Dictionary(read) { $1 }
  }

  private static func stage(
    _ entry: Node.Entry, among stages: [StageKind]
  ) throws(DocumentError) -> StageKind {
    let names = stages.map(\.rawValue)
    let key = Node(.scalar(Node.Scalar(entry.key)), at: entry.keyMark)
    return try ValueReader<StageKind>.scalar(
      "a stage of the pipeline, \(listed(names))", suggesting: names
    ) { text in stages.first { $0.rawValue == text } }.read(key)
  }
}

extension ValueReader where Value == Duration {
  /// A pause between attempts.
  fileprivate static var pause: ValueReader<Duration> {
    atLeastOneSecond("a pause such as 30s or 2m, at most 1h") { $0 <= FailurePolicy.longestPause }
  }

  /// The longest time of a stage.
  fileprivate static var limit: ValueReader<Duration> {
    atLeastOneSecond("a length of time such as 2h, 10m or 30s") { _ in true }
  }

  private static func atLeastOneSecond(
    _ expected: String, _ fits: @escaping (Duration) -> Bool
  ) -> ValueReader<Duration> {
    ValueReader(expected) { (node) throws(DocumentError) -> Duration in
      let length = try ValueReader<Duration>.duration.read(node)
      guard length >= .seconds(1), fits(length) else {
        throw node.unexpected(expected)
      }
      return length
    }
  }
}
