import FoundationEssentials

/// Figures as a table for people and as JSON for programs.
struct Report {
  /// The number of events of the run.
  let rows: Int
  /// How often each measure was taken.
  let runs: Int
  /// The figures, in the order they are shown.
  let figures: [Figure]

  /// The table, a line for each figure.
  var table: String {
    let header = ["measure", "ours", "peer", "ratio", "target", "ok/MISS"]
    let cells =
      [header]
      + figures.map { figure in
        [
          figure.measure, number(figure.ours), figure.peer.map(number) ?? "-",
          figure.ratio.map(number) ?? "-", figure.comparison.target ?? "-", figure.verdict.rawValue,
        ]
      }
    let widths = header.indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
    var lines = cells.map { row in
      row.enumerated().map { column, cell in
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        return (1...4).contains(column) ? padding + cell : cell + padding
      }.joined(separator: " | ")
    }
    lines.insert(widths.map { String(repeating: "-", count: $0) }.joined(separator: "-|-"), at: 1)
    lines.append(
      "Seconds unless named otherwise; medians of \(count(runs, "run")); ROWS=\(rows).")
    if figures.contains(where: { !$0.isAtTargetSize }) {
      lines.append(
        "Targets hold for ROWS=\(BenchmarkOptions.targetRows), those of risk for"
          + " COMPANIES=\(RiskBenchmark.targetCompanies) SEEDS=\(RiskBenchmark.targetSeeds); those in"
          + " brackets are shown for information.")
    }
    return lines.joined(separator: "\n")
  }

  /// Writes the figures as JSON.
  func write(to path: String) throws {
    let document = ReportDocument(
      rows: rows, runs: runs,
      figures: figures.map { figure in
        ReportDocument.Entry(
          measure: figure.measure, ours: figure.ours, peer: figure.peer, ratio: figure.ratio,
          target: figure.comparison.target, verdict: figure.verdict.rawValue)
      })
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try writeFile([UInt8](encoder.encode(document)) + [10], to: path)
  }

  /// A number with three significant digits where it is small.
  private func number(_ value: Double) -> String {
    let scale: Double = value < 10 ? 1000 : value < 100 ? 100 : 10
    return "\((value * scale).rounded() / scale)"
  }
}

/// The shape of a result file.
private struct ReportDocument: Encodable {
  /// One figure.
  struct Entry: Encodable {
    let measure: String
    let ours: Double
    let peer: Double?
    let ratio: Double?
    let target: String?
    let verdict: String
  }

  let rows: Int
  let runs: Int
  let figures: [Entry]
}
