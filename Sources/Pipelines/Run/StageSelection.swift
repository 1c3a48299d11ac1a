import AlmanacCore

/// Which stages of a pipeline a run is to do (DECISIONS.md, D-551).
package struct StageSelection: Sendable, Equatable {
  /// Terms such as `rollup`, `rollup+`, `+publish`, of which one has to hold; `nil` for all stages.
  package var only: [String]?
  /// Terms of stages that are left out.
  package var skip: [String]

  /// A selection by terms; without any it is every stage.
  package init(only: [String]? = nil, skip: [String] = []) {
    self.only = only
    self.skip = skip
  }

  /// Whether no stage is left out by being asked for.
  package var isWhole: Bool { only == nil && skip.isEmpty }

  /// The chosen stages, in the pipeline's order.
  ///
  /// - Throws: ``PipelineError/unknownStage(name:pipeline:suggestion:known:)``, or
  ///   ``PipelineError/nothingSelected(pipeline:)`` where none is left.
  package func stages(of pipeline: PipelineDefinition) throws(PipelineError) -> [StageReference] {
    var chosen = Set(pipeline.stages.map(\.kind))
    if let only { chosen = try kinds(only, in: pipeline) }
    chosen.subtract(try kinds(skip, in: pipeline))
    guard !chosen.isEmpty else { throw .nothingSelected(pipeline: pipeline.name) }
    return pipeline.stages.filter { chosen.contains($0.kind) }
  }

  private func kinds(
    _ terms: [String], in pipeline: PipelineDefinition
  ) throws(PipelineError) -> Set<StageKind> {
    var found: Set<StageKind> = []
    for term in terms {
      let withInputs = term.hasPrefix("+")
      let withReaders = term.count > 1 && term.hasSuffix("+")
      let name = String(term.dropFirst(withInputs ? 1 : 0).dropLast(withReaders ? 1 : 0))
      guard let stage = pipeline.stages.first(where: { $0.kind.rawValue == name }) else {
        let known = pipeline.stages.map(\.kind.rawValue)
        throw .unknownStage(
          name: name, pipeline: pipeline.name,
          suggestion: Suggestion.didYouMean(name, among: known), known: known)
      }
      found.insert(stage.kind)
      if withInputs { found.formUnion(pipeline.inputs(of: stage.kind)) }
      if withReaders {
        found.formUnion(
          pipeline.stages.map(\.kind).filter { pipeline.inputs(of: $0).contains(stage.kind) })
      }
    }
    return found
  }
}

extension PipelineDefinition {
  /// The stages of the pipeline that a kind reads from, and those that they read from.
  package func inputs(of kind: StageKind) -> Set<StageKind> {
    var found: Set<StageKind> = []
    var next = kind.inputs
    while let input = next.popLast() {
      if found.insert(input).inserted { next += input.inputs }
    }
    return found.intersection(stages.map(\.kind))
  }
}
