import AlmanacCore
package import Pipelines

/// Renders a plan.
package struct PlanText {
  private let plan: PipelinePlan

  /// A rendering of a plan.
  package init(_ plan: PipelinePlan) {
    self.plan = plan
  }

  /// The lines in a format: for people, as CSV a line for each stage, as JSON one object.
  package func lines(_ format: OutputFormat) -> [String] {
    switch format {
    case .table: tableLines()
    case .csv:
      ["stage,action,days,first_day,last_day,rows,seconds,reasons"]
        + plan.stages.map { stage in
          let cells = [
            stage.name, stage.action.rawValue, stage.days.map { String($0.count) } ?? "",
            stage.days?.first.description ?? "", stage.days?.last.description ?? "",
            stage.rows.map { String($0) } ?? "",
            PlanText.exact(stage.seconds) ?? "",
            stage.reasons.joined(separator: "; "),
          ]
          return cells.map { CellText.csv($0) }.joined(separator: ",")
        }
    case .json: [json]
    }
  }

  private func tableLines() -> [String] {
    let title = "Plan of \(plan.pipeline) for \(plan.date)"
    let notices = plan.notices.flatMap { wrapped("note: \($0)", indent: "") }
    if let finished = plan.finished {
      return ["\(title): nothing to do"]
        + wrapped("run \(finished.run.prefix(8)) finished it at \(finished.at)") + notices
    }
    var table = TextTable([
      ("stage", .left), ("does", .left), ("days", .right), ("rows", .right), ("takes", .right),
    ])
    for stage in plan.stages {
      table.add([
        stage.name, PlanText.word(stage.action), stage.days.map { Display.count($0.count) } ?? "-",
        stage.rows.map { Display.count($0) } ?? "-",
        stage.seconds.map { Display.seconds($0) } ?? "-",
      ])
    }
    var lines = wrapped("\(title): \(plan.reason)", indent: "") + table.lines() + ["", "Why"]
    for stage in plan.stages {
      for reason in stage.reasons { lines += wrapped("\(stage.name): \(reason)") }
    }
    lines.append("")
    lines.append(
      plan.seconds.map { seconds in
        "In all about \(Display.seconds(seconds)), by the last runs"
          + (plan.knowsAllTimes ? "." : "; some stages have none.")
      } ?? "How long it takes is not known before the first run.")
    return lines + notices
  }

  private static func word(_ action: StageOutlook.Action) -> String {
    switch action {
    case .run: "work"
    case .look: "looks"
    case .nothing: "nothing"
    }
  }

  /// Seconds with three decimals, for programs.
  private static func exact(_ seconds: Double?) -> String? {
    seconds.map { Display.fixed($0, decimals: 3) }
  }

  /// What was found of the events in the source.
  private var source: String {
    var object = JSONText()
    switch plan.glance {
    case .counted(_, let since)?:
      object.add("looked_at", raw: "true")
      object.add("since", text: since)
      object.add("new_events", integer: plan.glance?.rowCount ?? 0)
      object.add("reason", text: nil)
    case .unknown(let reason)?:
      object.add("looked_at", raw: "false")
      object.add("since", text: nil)
      object.add("new_events", raw: "null")
      object.add("reason", text: reason)
    case nil: return "null"
    }
    return object.finish()
  }

  /// The earlier days whose rows came late, as far as they are known.
  private var lateDays: String {
    guard case .counted? = plan.glance else { return "null" }
    let dates = plan.stages.flatMap(\.lateDates).map { JSONText.quoted($0.description) }
    return "[" + dates.joined(separator: ",") + "]"
  }

  private var json: String {
    var object = JSONText()
    object.add("pipeline", text: plan.pipeline)
    object.add("date", text: plan.date.description)
    object.add("finished", raw: plan.finished == nil ? "false" : "true")
    object.add("finished_by_run", text: plan.finished?.run)
    object.add("reason", text: plan.finished == nil ? plan.reason : nil)
    object.add("seconds", raw: PlanText.exact(plan.seconds) ?? "null")
    object.add("notices", texts: plan.notices)
    object.add("source", raw: source)
    object.add("late_days", raw: lateDays)
    let stages = plan.stages.map { stage in
      var object = JSONText()
      object.add("stage", text: stage.name)
      object.add("action", text: stage.action.rawValue)
      object.add("reasons", texts: stage.reasons)
      object.add("days", raw: stage.days.map { String($0.count) } ?? "null")
      object.add("first_day", text: stage.days?.first.description)
      object.add("last_day", text: stage.days?.last.description)
      object.add("rows", raw: stage.rows.map { String($0) } ?? "null")
      object.add("seconds", raw: PlanText.exact(stage.seconds) ?? "null")
      return object.finish()
    }
    object.add("stages", raw: "[" + stages.joined(separator: ",") + "]")
    return object.finish()
  }
}
