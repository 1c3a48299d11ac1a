import AlmanacCore
package import Pipelines
import Regression

/// Renders the versions of models.
package struct ModelListText {
  private let versions: [ModelVersions.Version]
  private let total: Int

  /// A rendering of some versions of the number there are.
  package init(_ versions: [ModelVersions.Version], total: Int) {
    self.versions = versions
    self.total = total
  }

  /// The lines in a format.
  package func lines(_ format: OutputFormat) -> [String] {
    guard format == .table else {
      return TextRows(
        [
          "model", "model_version", "status", "training_start", "training_end", "fitted_at",
          "run_id", "passed", "decision", "reason",
        ],
        versions.map { version in
          [
            version.model, version.version, version.status, version.trainingStart,
            version.trainingEnd, version.fittedAt, version.run,
            version.isPassed.map { String($0) }, version.decision, version.reason,
          ]
        }, literals: ["passed"]
      ).lines(format)
    }
    var table = TextTable(
      [
        ("version", .left), ("status", .left), ("learned to", .left), ("gate", .left),
        ("what was decided of it", .left),
      ])
    for version in versions {
      let gate = version.isPassed.map { $0 ? "passed" : "refused" } ?? "-"
      table.add(
        [version.version, version.status, lastDay(version.trainingEnd), gate]
          + [[version.decision, version.reason].compactMap(\.self).joined(separator: ": ")])
    }
    return table.lines(indent: 0) + [
      "", "\(Display.count(versions.count)) of \(Display.counted(total, "version"))",
    ]
  }
}

/// Renders all that is kept of a version: its model card.
package struct ModelCardText {
  private let version: ModelVersions.Version
  private let choices: [ModelVersions.Choice]
  private let figures: [ModelVersions.Figure]
  private let fits: [ModelVersions.Fit]

  /// A rendering of a version, what people chose of it, its figures and what was fitted.
  package init(
    _ version: ModelVersions.Version, choices: [ModelVersions.Choice],
    figures: [ModelVersions.Figure], fits: [ModelVersions.Fit]
  ) {
    self.version = version
    self.choices = choices
    self.figures = figures
    self.fits = fits
  }

  /// The lines in a format.
  package func lines(_ format: OutputFormat) -> [String] {
    guard format == .table else {
      return TextRows(["part", "span", "name", "value"], rows).lines(format)
    }
    var lines = ["\(version.version), \(version.status) of \(version.model)"]
    if version.status == "rejected" { lines.append("refused by its gate: it serves nothing") }
    lines += [
      "learned from \(version.trainingStart) to \(lastDay(version.trainingEnd))"
        + ", digest \(version.dataDigest.prefix(16))",
      "fitted \(version.fittedAt) UTC by run \(version.run.prefix(8))",
    ]
    if let decision = version.decision {
      lines += wrapped("decided: \(decision): \(version.reason ?? "")", indent: "  ")
    }
    for choice in choices {
      let what =
        choice.version == version.version ? choice.decision : "left for \(choice.version)"
      lines += wrapped(
        "\(what) \(choice.time) UTC by \(choice.user): "
          + CellText.escaped(choice.reason, keeping: []), indent: "  ")
    }
    lines += figureLines()
    for fit in fits {
      lines += ["", "\(fit.span): coefficients, \(Display.counted(fit.model.rowCount, "row"))"]
      lines += ModelText(file: ModelFile(fit.model, digest: nil)).coefficients()
      lines += wrapped(Self.calibration(fit), indent: "  ")
      if !fit.constantFeatures.isEmpty {
        lines += wrapped(
          "left out, the same in every row: " + fit.constantFeatures.joined(separator: ", "),
          indent: "  ")
      }
      for note in fit.model.notes {
        lines += wrapped("note: " + CellText.escaped(note, keeping: []), indent: "  ")
      }
    }
    return lines
  }

  /// A table for each part, with a column for each span.
  private func figureLines() -> [String] {
    var lines: [String] = []
    for part in ["scores", "gate"] {
      let own = figures.filter { $0.part == part }
      if own.isEmpty { continue }
      let spans = unique(own.map(\.span))
      var table = TextTable(
        [(part, .left)] + spans.map { ($0, TextTable.Alignment.right) })
      var words: [String] = []
      for name in unique(own.map(\.name)) {
        let values = spans.map { span in
          own.first { $0.span == span && $0.name == name }?.value
        }
        if values.contains(where: { $0.map { Double($0) == nil } ?? false }) {
          for (span, value) in zip(spans, values) {
            guard let value else { continue }
            words += wrapped(
              "\(span.isEmpty ? "" : span + " ")\(name): " + CellText.escaped(value, keeping: []),
              indent: "  ")
          }
          continue
        }
        table.add([name] + values.map { $0.map(shortNumber) ?? "-" })
      }
      lines += [""] + (table.isEmpty ? [part] : table.lines(indent: 0)) + words
    }
    return lines
  }

  /// What becomes of the sum of a fit's terms.
  private static func calibration(_ fit: ModelVersions.Fit) -> String {
    let map =
      switch fit.model.calibration {
      case .identity: "log-odds: their sum η"
      case .platt(let intercept, let slope):
        "log-odds: \(ModelText.number(intercept)) + \(ModelText.number(slope))·η of their sum η"
      case .beta(let a, let b, let c):
        "log-odds: \(ModelText.number(c)) + \(ModelText.number(a))·log p "
          + "- \(ModelText.number(b))·log(1 - p), with p = 1/(1 + exp(-η)) of their sum η"
      }
    return map + ", and \(ModelText.number(fit.shift)) for the rate of the last months"
  }

  /// The same as cells of name and value, and what the columns of numbers are standardised by.
  private static func arithmetic(_ fit: ModelVersions.Fit) -> [(
    part: String, name: String, value: Double
  )] {
    var cells: [(part: String, name: String, value: Double)] = []
    switch fit.model.calibration {
    case .identity: break
    case .platt(let intercept, let slope):
      cells += [("calibration", "intercept", intercept), ("calibration", "slope", slope)]
    case .beta(let a, let b, let c):
      cells += [("calibration", "a", a), ("calibration", "b", b), ("calibration", "c", c)]
    }
    cells.append(("shift", "", fit.shift))
    for term in fit.model.terms {
      guard case .numeric(_, let mean, let deviation) = term.state else { continue }
      cells += [("mean", term.name, mean), ("deviation", term.name, deviation)]
    }
    return cells
  }

  /// Each figure as cells of part, span, name and value.
  var rows: [[String?]] {
    var rows: [[String?]] = [
      ["version", "", "model", version.model], ["version", "", "model_version", version.version],
      ["version", "", "status", version.status],
      ["version", "", "training_start", version.trainingStart],
      ["version", "", "training_end", version.trainingEnd],
      ["version", "", "fitted_at", version.fittedAt], ["version", "", "run_id", version.run],
      ["version", "", "data_digest", version.dataDigest],
      ["version", "", "passed", version.isPassed.map { String($0) }],
      ["version", "", "decision", version.decision], ["version", "", "reason", version.reason],
    ]
    for choice in choices {
      rows.append(
        [
          "choice", choice.time, "\(choice.decision) \(choice.version) by \(choice.user)",
          choice.reason,
        ])
    }
    rows += figures.map { [$0.part, $0.span, $0.name, $0.value] }
    for fit in fits {
      for (index, note) in fit.model.notes.enumerated() {
        rows.append(["note", fit.span, "\(index + 1)", note])
      }
      rows += Self.arithmetic(fit).map { [$0.part, fit.span, $0.name, "\($0.value)"] }
      rows += fit.constantFeatures.map { ["constant", fit.span, $0, nil] }
      let names = ["(intercept)"] + fit.model.terms.flatMap(\.columnNames)
      let values = [fit.model.intercept] + fit.model.coefficients.joined()
      for (index, name) in names.enumerated() {
        rows.append(["coefficient", fit.span, name, "\(values[index])"])
        if fit.model.standardErrors.indices.contains(index) {
          rows.append(["standard_error", fit.span, name, "\(fit.model.standardErrors[index])"])
        }
      }
    }
    return rows
  }
}

/// Renders the figures of two versions side by side.
package struct ModelComparisonText {
  private let left: ModelVersions.Version
  private let right: ModelVersions.Version
  private let rows: [(part: String, span: String, name: String, left: String?, right: String?)]

  /// A rendering of two versions with the figures of each, and what a night found that held the
  /// second against the first.
  package init(
    _ left: ModelVersions.Version, _ right: ModelVersions.Version,
    _ ofLeft: [ModelVersions.Figure], _ ofRight: [ModelVersions.Figure],
    found: [ModelVersions.Figure]
  ) {
    self.left = left
    self.right = right
    var rows: [(part: String, span: String, name: String, left: String?, right: String?)] = []
    for figure in ofLeft + ofRight
    where !rows.contains(where: {
      $0.part == figure.part && $0.span == figure.span && $0.name == figure.name
    }) {
      func value(_ all: [ModelVersions.Figure]) -> String? {
        all.first {
          $0.part == figure.part && $0.span == figure.span && $0.name == figure.name
        }?.value
      }
      rows.append((figure.part, figure.span, figure.name, value(ofLeft), value(ofRight)))
    }
    self.rows = rows + found.map { ($0.part, $0.span, $0.name, nil, $0.value) }
  }

  /// The lines in a format.
  package func lines(_ format: OutputFormat) -> [String] {
    guard format == .table else {
      return TextRows(
        ["part", "span", "name", left.version, right.version, "difference"],
        rows.map { row in
          [row.part, row.span, row.name, row.left, row.right, difference(row).map { "\($0)" }]
        }, literals: ["difference"]
      ).lines(format)
    }
    var lines = [left, right].map { version in
      "\(version.version): \(version.status), learned to \(lastDay(version.trainingEnd))"
    }
    let headings = [left, right].map { version in
      (
        String(version.version.dropFirst(version.model.count + 1).prefix(8)),
        TextTable.Alignment.right
      )
    }
    for span in unique(rows.map(\.span)) {
      var table = TextTable(
        [(span.isEmpty ? "both" : span, .left)] + headings + [("difference", .right)])
      var words: [String] = []
      for row in rows where row.span == span {
        guard [row.left, row.right].allSatisfy({ $0.map { Double($0) != nil } ?? true }) else {
          if row.left != row.right {
            for (version, text) in [(left, row.left), (right, row.right)] {
              words += wrapped("\(row.name) of \(version.version): \(text ?? "-")", indent: "  ")
            }
          }
          continue
        }
        table.add(
          [row.name] + [row.left, row.right].map { $0.map(shortNumber) ?? "-" }
            + [difference(row).map(ModelText.number) ?? "-"])
      }
      lines += [""] + (table.isEmpty ? [span] : table.lines(indent: 0)) + words
    }
    return lines
  }

  private func difference(
    _ row: (part: String, span: String, name: String, left: String?, right: String?)
  ) -> Double? {
    guard let one = row.left.flatMap({ Double($0) }), let other = row.right.flatMap({ Double($0) })
    else { return nil }
    return other - one
  }
}

/// Rows of text for programs, as CSV or JSON.
struct TextRows {
  private let names: [String]
  private let rows: [[String?]]
  private let literals: Set<String>

  /// Rows with a cell for each name; `literals` are the columns that JSON has without quotes.
  init(_ names: [String], _ rows: [[String?]], literals: Set<String> = []) {
    self.names = names
    self.rows = rows
    self.literals = literals
  }

  /// The lines; a table is what people get instead.
  func lines(_ format: OutputFormat) -> [String] {
    guard format == .json else {
      return [names.map { CellText.csv($0) }.joined(separator: ",")]
        + rows.map { $0.map { CellText.csv($0 ?? "") }.joined(separator: ",") }
    }
    return jsonArray(
      rows.map { row in
        let members = zip(names, row).map { name, value in
          let text = value.map { literals.contains(name) ? $0 : CellText.json($0) } ?? "null"
          return "\(CellText.json(name)): \(text)"
        }
        return "{" + members.joined(separator: ", ") + "}"
      })
  }
}

/// The day before the end of a window.
private func lastDay(_ end: String) -> String {
  CalendarDate(end)?.adding(days: -1).description ?? end
}

private func shortNumber(_ text: String) -> String {
  Double(text).map { ModelText.number($0) } ?? text
}

private func unique(_ values: [String]) -> [String] {
  var seen: Set<String> = []
  return values.filter { seen.insert($0).inserted }
}
