package import Pipelines

/// Renders the inspection of a project.
package struct InspectionText {
  private let entries: [ProjectInspection.Entry]

  /// A rendering of files and their faults.
  package init(_ entries: [ProjectInspection.Entry]) {
    self.entries = entries
  }

  /// The lines in a format: for people and as CSV a line for each fault, as JSON an object for each
  /// file.
  package func lines(_ format: OutputFormat) -> [String] {
    switch format {
    case .table:
      // A fault is never cut or broken: its place has to stay in one piece.
      let width = entries.map { Display.width(of: $0.name) }.max() ?? 0
      return entries.flatMap { entry in
        lines(of: entry, none: "ok").map { fault in
          let name = CellText.escaped(entry.name, keeping: [])
          let padding = String(repeating: " ", count: max(0, width - Display.width(of: name)))
          let kind = entry.kind + String(repeating: " ", count: 8 - entry.kind.count)
          return "\(kind)  \(name)\(padding)  \(CellText.escaped(fault, keeping: []))"
        }
      }
    case .csv:
      return ["kind,name,status,fault"]
        + entries.flatMap { entry in
          lines(of: entry, none: "").map { fault in
            [entry.kind, entry.name, status(entry), fault].map { CellText.csv($0) }
              .joined(separator: ",")
          }
        }
    case .json:
      return jsonArray(
        entries.map { entry in
          let faults = entry.faults.map { CellText.json($0) }.joined(separator: ", ")
          let notes = entry.notes.map { CellText.json($0) }.joined(separator: ", ")
          return "{\"kind\": \(CellText.json(entry.kind)), \"name\": \(CellText.json(entry.name)), "
            + "\"status\": \"\(status(entry))\", \"faults\": [\(faults)]"
            + (notes.isEmpty ? "}" : ", \"notes\": [\(notes)]}")
        })
    }
  }

  private func status(_ entry: ProjectInspection.Entry) -> String {
    entry.faults.isEmpty ? (entry.notes.isEmpty ? "ok" : "absent") : "wrong"
  }

  private func lines(of entry: ProjectInspection.Entry, none: String) -> [String] {
    let lines = entry.faults + entry.notes
    return lines.isEmpty ? [none] : lines
  }
}
