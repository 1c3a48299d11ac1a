package import Pipelines

/// Renders the log of a run.
package struct RunLogText {
  private let log: RunLogReading

  /// A rendering of what was read.
  package init(_ log: RunLogReading) {
    self.log = log
  }

  /// The lines in a format; those for people are not cut, so that nothing of an error is lost.
  package func lines(_ format: OutputFormat) -> [String] {
    switch format {
    case .table:
      let width = log.lines.map(\.stage.count).max() ?? 0
      return ["Run \(log.run), times in UTC"]
        + log.lines.map { line in
          let time = line.time.isEmpty ? String(repeating: " ", count: 19) : line.time
          let stage = line.stage + String(repeating: " ", count: width - line.stage.count)
          let mark = line.level == "info" ? "" : "\(line.level): "
          return "\(time)  \(stage)  " + mark + CellText.escaped(line.message, keeping: [])
        }
    case .csv:
      return ["time,level,run,stage,message"]
        + log.lines.map { line in
          [line.time, line.level, log.run, line.stage, line.message].map { CellText.csv($0) }
            .joined(separator: ",")
        }
    case .json:
      return jsonArray(
        log.lines.map { line in
          "{\"time\": \(CellText.json(line.time)), \"level\": \(CellText.json(line.level)), "
            + "\"run\": \(CellText.json(log.run)), \"stage\": \(CellText.json(line.stage)), "
            + "\"message\": \(CellText.json(line.message))}"
        })
    }
  }
}
