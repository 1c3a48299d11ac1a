import AlmanacCore
import Pipelines

/// Renders what a run did for programs.
struct RunReportText {
  private let report: RunReport

  /// A rendering of a report.
  init(_ report: RunReport) {
    self.report = report
  }

  /// The lines: an object in JSON; in CSV a row for each stage.
  func lines(_ format: OutputFormat) -> [String] {
    guard format == .json else {
      return ["run,stage,rows_in,rows_out,bytes,seconds"]
        + report.stages.map { stage in
          let outcome = stage.outcome
          let numbers = [outcome.rowsIn, outcome.rowsOut, outcome.bytes].map(String.init)
          return ([report.run, CellText.csv(stage.name)] + numbers + ["\(stage.seconds)"])
            .joined(separator: ",")
        }
    }
    let stages = report.stages.map { stage in
      JSONTree.object([
        ("stage", .text(stage.name)), ("rows_in", .integer(stage.outcome.rowsIn)),
        ("rows_out", .integer(stage.outcome.rowsOut)), ("bytes", .integer(stage.outcome.bytes)),
        ("seconds", .number(stage.seconds)),
        ("facts", .object(stage.outcome.facts.map { ($0.name, .text($0.value)) })),
      ])
    }
    return [
      JSONTree.object([
        ("run", .text(report.run)), ("pipeline", .text(report.pipeline)),
        ("date", .text("\(report.date)")), ("was_finished", .truth(report.wasFinished)),
        ("stages", .array(stages)), ("notices", .array(report.notices.map { .text($0) })),
      ]).lines()
    ]
  }
}
