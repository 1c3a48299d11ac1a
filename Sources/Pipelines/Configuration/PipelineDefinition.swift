package import AlmanacCore
package import Documents

/// A pipeline: when it is due and which stages it runs, in order.
package struct PipelineDefinition: Hashable, Sendable {
  /// The pipeline's name.
  package var name: String
  /// Where the name stands.
  package var mark: Mark
  /// When it is due.
  package var schedule: CronSchedule
  /// The name of the zone whose days it counts in; whether there is such a zone is not known here.
  package var zone: String
  /// Where the zone stands, for an error about it.
  package var zoneMark: Mark
  /// The currency that every amount is reported in.
  package var currency: CurrencyCode
  /// The stages in the order in which they run.
  package var stages: [StageReference]
  /// What it does about stages that fail or take too long.
  package var failures: FailurePolicy
  /// How long after it is due a night may take, `nil` for ever.
  package var deadline: Duration?
  /// Whom it tells of what, `nil` for nobody.
  package var notify: NotifyDefinition?
  /// How long what it leaves in the target is kept, `nil` for ever.
  package var retention: LedgerRetention?
  /// The definition as one text for a digest, without what only watches; see ``Node/canonicalText``.
  package var canonicalText: String

  /// The stage of a kind, or `nil` if the pipeline has none.
  package func stage(_ kind: StageKind) -> StageReference? {
    stages.first { $0.kind == kind }
  }
}

extension PipelineDefinition {
  /// Reads the definition in a file of `pipelines/`.
  ///
  /// - Parameters:
  ///   - node: the document.
  ///   - siblings: the documents of all pipelines, of which one may be named by `like:`.
  /// - Throws: `DocumentError` with the place of the first fault.
  package init(node: Node, among siblings: [Node] = []) throws(DocumentError) {
    let node = try node.likeNamed(among: siblings)
    var reader = try MappingReader(node, of: "the pipeline")
    name = try reader.required("pipeline", as: .name)
    mark = reader.mark(of: "pipeline")
    schedule = try reader.required("schedule", as: .schedule)
    zone = try reader.optional("zone", as: .text) ?? "UTC"
    zoneMark = reader.mark(of: "zone")
    currency = try reader.required("currency", as: .currency)
    let read = ValueReader("a stage") { (node) throws(DocumentError) -> StageReference in
      try StageReference(node: node)
    }
    stages = try reader.required("stages", as: .list(of: read))
    deadline = try reader.optional("deadline", as: .duration)
    notify = try reader.optional("notify", as: .node).map { (node) throws(DocumentError) in
      try NotifyDefinition(node: node)
    }
    retention = try reader.optional("retention", as: .node).map { (node) throws(DocumentError) in
      try LedgerRetention(node: node)
    }
    failures = try FailurePolicy(&reader, stages: stages.map(\.kind))
    try reader.finish()
    // Numbers do not depend on who is told of them, how long they are kept, or how often they are tried.
    canonicalText =
      node.without(
        Set(["deadline", "notify", "retention"]).union(FailurePolicy.keys)
      ).canonicalText
    guard !stages.isEmpty else {
      throw .unexpected(
        reader.mark(of: "stages"), found: "no stage", expected: "at least one", suggestion: nil)
    }
    try checkOrder()
  }

  /// Each stage at most once, and behind those it reads from.
  private func checkOrder() throws(DocumentError) {
    for (index, stage) in stages.enumerated() {
      if let first = stages[..<index].first(where: { $0.kind == stage.kind }) {
        throw .unexpected(
          stage.mark, found: "stage \(quoted(stage.kind.rawValue)) a second time",
          expected: "each stage once (first in line \(first.mark.line))", suggestion: nil)
      }
      if let early = stages[..<index].first(where: { $0.kind.inputs.contains(stage.kind) }) {
        throw .unexpected(
          stage.mark,
          found: "stage \(quoted(stage.kind.rawValue)) behind \(quoted(early.kind.rawValue))",
          expected: "it in front of line \(early.mark.line), since "
            + (stage.kind == .check
              ? "nothing may be computed before it"
              : "\(early.kind.rawValue) reads what it writes"),
          suggestion: nil)
      }
    }
  }
}
