import AlmanacCore
package import Pipelines

/// Renders what `almanac doctor` found.
package struct DiagnosisText {
  private let diagnosis: Diagnosis

  /// A rendering of a diagnosis.
  package init(_ diagnosis: Diagnosis) {
    self.diagnosis = diagnosis
  }

  /// The lines in a format; those for people are not cut, so that a command stays whole.
  package func lines(_ format: OutputFormat) -> [String] {
    let findings = diagnosis.findings
    switch format {
    case .table:
      let width = findings.map(\.check.count).max() ?? 0
      let lines = findings.flatMap { finding in
        let check = finding.check + String(repeating: " ", count: width - finding.check.count)
        let level = finding.level.rawValue
        let mark = level + String(repeating: " ", count: 7 - level.count)
        let first = "\(mark)  \(check)  \(CellText.escaped(finding.text, keeping: []))"
        let indent = String(repeating: " ", count: width + 11)
        return [first]
          + (finding.fix.map { ["\(indent)fix: \(CellText.escaped($0, keeping: []))"] } ?? [])
      }
      let (errors, warnings) = (diagnosis.count(.error), diagnosis.count(.warning))
      return lines + ["", "\(counted(errors, "error")), \(counted(warnings, "warning"))"]
    case .csv:
      return ["check,level,text,fix"]
        + findings.map { finding in
          [finding.check, finding.level.rawValue, finding.text, finding.fix ?? ""]
            .map { CellText.csv($0) }.joined(separator: ",")
        }
    case .json:
      return jsonArray(
        findings.map { finding in
          "{\"check\": \(CellText.json(finding.check)), \"level\": \"\(finding.level.rawValue)\", "
            + "\"text\": \(CellText.json(finding.text)), "
            + "\"fix\": \(finding.fix.map { CellText.json($0) } ?? "null")}"
        })
    }
  }
}
