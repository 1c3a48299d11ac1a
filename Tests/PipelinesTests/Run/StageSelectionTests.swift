import Testing

@testable import Pipelines

@Suite("Selection of stages")
struct StageSelectionTests {
  /// The shipped order of stages.
  private func pipeline() throws -> PipelineDefinition {
    let text = """
      pipeline: nightly
      schedule: "15 2 * * *"
      currency: EUR
      stages:
        - extract: all
        - check
        - rollup: {grains: [day]}
        - metrics
        - cohorts
        - funnels
        - usage
        - anomalies
        - fit: [revenue]
        - predict: [revenue]
        - publish
      """
    return try PipelineDefinition(
      node: try Sample.node(text))
  }

  private func names(_ selection: StageSelection) throws -> String {
    try selection.stages(of: pipeline()).map(\.kind.rawValue).joined(separator: " ")
  }

  @Test("follows what reads a stage and what it reads from, through all of them")
  func closures() throws {
    #expect(
      try names(StageSelection(only: ["rollup+"])) == "rollup usage fit predict publish")
    #expect(
      try names(StageSelection(only: ["+publish"]))
        == "extract check rollup fit predict publish")
    #expect(
      try names(StageSelection(only: ["+metrics+"])) == "extract check metrics anomalies")
    #expect(try names(StageSelection(only: ["publish", "fit"])) == "fit publish")
    #expect(
      try names(StageSelection(skip: ["metrics+", "funnels"]))
        == "extract check rollup cohorts usage fit predict publish")
    #expect(
      try names(StageSelection(only: ["rollup+"], skip: ["publish"])) == "rollup usage fit predict")
  }

  @Test("a stage of what reads it is among its readers, for every pair")
  func duality() throws {
    let pipeline = try pipeline()
    for reader in pipeline.stages.map(\.kind) {
      for source in pipeline.stages.map(\.kind) {
        let up = try StageSelection(only: ["+\(reader.rawValue)"]).stages(of: pipeline)
        let down = try StageSelection(only: ["\(source.rawValue)+"]).stages(of: pipeline)
        #expect(
          up.contains { $0.kind == source } == down.contains { $0.kind == reader },
          "\(reader) and \(source)")
      }
    }
  }

  @Test("an unknown stage is named without its signs, and nothing left is refused")
  func faults() throws {
    let pipeline = try pipeline()
    for term in ["rolup+", "+rolup", "+rolup+"] {
      #expect {
        try StageSelection(only: [term]).stages(of: pipeline)
      } throws: { error in
        let text = (error as? PipelineError)?.description ?? ""
        return text.contains("no stage \"rolup\"") && text.contains("\"rollup\"")
      }
    }
    #expect(throws: PipelineError.nothingSelected(pipeline: "nightly")) {
      try StageSelection(only: ["fit"], skip: ["fit+"]).stages(of: pipeline)
    }
    for term in ["", "+"] {
      #expect(throws: PipelineError.self) {
        try StageSelection(skip: [term]).stages(of: pipeline)
      }
    }
  }
}
