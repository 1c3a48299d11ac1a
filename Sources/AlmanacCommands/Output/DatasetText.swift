import AlmanacCore
package import Pipelines

/// Renders the datasets of a data directory.
package struct DatasetListText {
  private let summaries: [DatasetSummary]
  private let loads: [LoadSummary]
  private let path: String

  /// A rendering of the datasets of the folder at a path, and of the loads that have not ended.
  package init(_ summaries: [DatasetSummary], loads: [LoadSummary] = [], path: String) {
    self.summaries = summaries
    self.loads = loads
    self.path = path
  }

  /// The lines in a format.
  package func lines(_ format: OutputFormat) -> [String] {
    switch format {
    case .table: tableLines()
    case .csv:
      [DatasetListText.keys.joined(separator: ",")]
        + summaries.map { summary in
          values(summary).map { $0.map { CellText.csv($0.text) } ?? "" }.joined(separator: ",")
        }
    case .json:
      jsonArray(
        summaries.map { summary in
          let members = zip(DatasetListText.keys, values(summary)).map { key, value in
            let text = value.map { $0.isNumber ? $0.text : CellText.json($0.text) } ?? "null"
            return "\"\(key)\": \(text)"
          }
          return "{" + members.joined(separator: ", ") + "}"
        })
    }
  }

  private static let keys = [
    "dataset", "rows", "bytes", "parts", "first_day", "last_day", "missing_days", "cut_taken_at",
    "watermark",
  ]

  private func values(_ summary: DatasetSummary) -> [(text: String, isNumber: Bool)?] {
    [
      (summary.name, false), (String(summary.rows), true), (String(summary.bytes), true),
      (String(summary.parts), true), summary.days.map { ($0.lowerBound.description, false) },
      summary.days.map { ($0.upperBound.description, false) },
      summary.days.map { _ in (String(summary.missingDays), true) }, (summary.takenAt, false),
      summary.horizon.map { (String($0), true) },
    ]
  }

  private func tableLines() -> [String] {
    let loading = loads.flatMap { load in
      wrapped(
        "\(load.name): the first load has not ended: \(Display.counted(load.rows, "row")) in "
          + "\(Display.count(load.done)) of \(Display.counted(load.chunks, "chunk")); the next run "
          + "goes on", indent: "")
    }
    guard !summaries.isEmpty else {
      return loads.isEmpty ? wrapped("\(path) holds no dataset yet.", indent: "") : loading
    }
    var table = TextTable([
      ("dataset", .left), ("rows", .right), ("bytes", .right), ("parts", .right),
      ("first day", .left), ("last day", .left), ("missing", .right),
    ])
    for summary in summaries {
      table.add([
        CellText.escaped(summary.name, keeping: []), Display.count(summary.rows),
        Display.count(summary.bytes), Display.count(summary.parts),
        summary.days?.lowerBound.description ?? "-", summary.days?.upperBound.description ?? "-",
        summary.days.map { _ in Display.count(summary.missingDays) } ?? "-",
      ])
    }
    var lines = table.lines(indent: 0) + [""]
    if summaries.contains(where: { $0.missingDays > 0 }) {
      lines.append("missing: days in between without a part; a quiet day has none")
    }
    lines.append("Cuts of the source; the next run reads what later transactions wrote")
    var cuts = TextTable([("dataset", .left), ("taken at", .left), ("from transaction", .right)])
    for summary in summaries {
      cuts.add([
        CellText.escaped(summary.name, keeping: []), summary.takenAt,
        summary.horizon.map { Display.count(Int($0)) } ?? "all rows",
      ])
    }
    lines += cuts.lines()
    return lines + (loading.isEmpty ? [] : [""]) + loading
  }
}

/// Renders what is known of one dataset.
package struct DatasetDescriptionText {
  private let name: String
  private let dataset: Manifest.Dataset
  private let description: DatasetDescription

  /// A rendering of a dataset and its columns.
  package init(_ name: String, _ dataset: Manifest.Dataset, _ description: DatasetDescription) {
    self.name = name
    self.dataset = dataset
    self.description = description
  }

  /// The lines in a format: for people, as CSV a line for each column, as JSON one object.
  package func lines(_ format: OutputFormat) -> [String] {
    switch format {
    case .table: tableLines()
    case .csv:
      ["column,type,nullable,nulls,rows,dictionary_bytes"]
        + description.columns.map { column in
          [
            CellText.csv(column.name), CellText.csv(column.type), String(column.isNullable),
            column.nulls.map { String($0) } ?? "", String(column.rows),
            column.dictionaryBytes.map { String($0) } ?? "",
          ].joined(separator: ",")
        }
    case .json: [json]
    }
  }

  private var json: String {
    let summary = DatasetSummary(name: name, dataset)
    func number(_ value: Int?) -> JSONTree { value.map { .integer($0) } ?? .null }
    let mark = dataset.watermark
    return JSONTree.object([
      ("dataset", .text(name)), ("rows", .integer(summary.rows)),
      ("bytes", .integer(summary.bytes)),
      ("first_day", .optional(summary.days?.lowerBound.description)),
      ("last_day", .optional(summary.days?.upperBound.description)),
      ("missing_days", number(summary.days.map { _ in summary.missingDays })),
      (
        "cut",
        .object([
          ("taken_at", .text(mark.takenAt)), ("snapshot", .text(mark.snapshot)),
          ("system_identifier", .text(mark.systemIdentifier)),
          ("database_oid", .text(mark.databaseOID)), ("table_oid", .optional(mark.tableOID)),
        ])
      ),
      (
        "columns",
        .array(
          description.columns.map { column in
            .object([
              ("column", .text(column.name)), ("type", .text(column.type)),
              ("nullable", .truth(column.isNullable)), ("nulls", number(column.nulls)),
              ("rows", .integer(column.rows)),
              ("dictionary_bytes", number(column.dictionaryBytes)),
            ])
          })
      ),
      (
        "parts",
        .array(
          dataset.parts.map { part in
            .object([
              ("path", .text(part.path)), ("rows", .integer(part.rows)),
              ("bytes", .integer(part.bytes)), ("sha256", .text(part.sha256)),
            ])
          })
      ),
    ]).line()
  }

  private func tableLines() -> [String] {
    let summary = DatasetSummary(name: name, dataset)
    var head =
      "\(name): \(Display.counted(summary.rows, "row")), \(Display.counted(summary.bytes, "byte")), "
      + "\(Display.count(summary.parts)) \(summary.parts == 1 ? "part" : "parts")"
    if let days = summary.days { head += ", \(days.lowerBound) to \(days.upperBound)" }
    var lines = wrapped(head, indent: "") + ["", "Cut of the source"]
    var cut = TextTable([("taken at", .left), (dataset.watermark.takenAt, .left)])
    cut.add(["snapshot", dataset.watermark.snapshot])
    cut.add(["system identifier", dataset.watermark.systemIdentifier])
    cut.add(["database oid", dataset.watermark.databaseOID])
    cut.add(["table oid", dataset.watermark.tableOID ?? "none, it is a query"])
    lines += cut.lines() + ["", "Columns"]
    var columns = TextTable([
      ("column", .left), ("type", .left), ("nullable", .left), ("nulls", .right),
      ("share", .right), ("dictionary bytes", .right),
    ])
    for column in description.columns {
      columns.add([
        CellText.escaped(column.name, keeping: []), column.type, column.isNullable ? "yes" : "no",
        column.nulls.map { Display.count($0) } ?? "-", Display.percent(column.nullShare),
        column.dictionaryBytes.map { Display.count($0) } ?? "-",
      ])
    }
    return lines + columns.lines() + ["", "Parts"] + partLines()
  }

  /// The first and the last parts; more would hide everything else.
  private func partLines() -> [String] {
    let parts = dataset.parts
    let ends = DatasetDescriptionText.shownParts / 2
    let isCut = parts.count > DatasetDescriptionText.shownParts
    var table = TextTable([("part", .left), ("rows", .right), ("bytes", .right)])
    for part in isCut ? Array(parts.prefix(ends) + parts.suffix(ends)) : parts {
      table.add([
        CellText.escaped(part.path, keeping: []), Display.count(part.rows),
        Display.count(part.bytes),
      ])
    }
    var lines = table.lines()
    if isCut {
      lines.insert("  … \(Display.count(parts.count - 2 * ends)) more", at: 1 + ends)
    }
    return lines
  }

  private static let shownParts = 10
}

/// Renders the result of a verification.
package struct VerificationText {
  private let result: SnapshotVerification

  /// A rendering of a result.
  package init(_ result: SnapshotVerification) {
    self.result = result
  }

  /// The lines in a format: for people a line for each damaged part and stray file, or one that says all
  /// is sound; as CSV a line for each of them; as JSON one object.
  package func lines(_ format: OutputFormat) -> [String] {
    switch format {
    case .table: return tableLines()
    case .csv:
      return ["found,path,reason"]
        + result.damages.map { "damaged,\(CellText.csv($0.path)),\(CellText.csv($0.reason))" }
        + result.strayFiles.map { "stray,\(CellText.csv($0))," }
    case .json:
      return [
        JSONTree.object([
          ("sound", .truth(result.damages.isEmpty)), ("datasets", .integer(result.datasets)),
          ("parts", .integer(result.parts)), ("rows", .integer(result.rows)),
          ("bytes", .integer(result.bytes)),
          (
            "damaged",
            .array(
              result.damages.map { damage in
                .object([("path", .text(damage.path)), ("reason", .text(damage.reason))])
              })
          ),
          ("stray", .array(result.strayFiles.map { .text($0) })),
        ]).line()
      ]
    }
  }

  private func tableLines() -> [String] {
    let damages = result.damages.map { "damaged: \($0.path): \($0.reason)" }
    let strays = result.strayFiles.map { "stray: \($0): no manifest lists it, nothing reads it" }
    let sound =
      "\(Display.counted(result.parts, "part")) of \(Display.counted(result.datasets, "dataset")) "
      + "\(result.parts == 1 ? "is" : "are") sound: \(Display.counted(result.rows, "row")), "
      + "\(Display.counted(result.bytes, "byte"))"
    let found = (damages + strays).map { CellText.escaped($0, keeping: []) }
    return found + (damages.isEmpty ? [sound] : [])
  }
}

/// Renders what joining parts came to.
package struct CompactionText {
  private let results: [DatasetMaintenance.Compacted]

  /// A rendering of the results of some datasets.
  package init(_ results: [DatasetMaintenance.Compacted]) {
    self.results = results
  }

  /// The lines in a format: for people a line for each dataset that changed, or one that says that none
  /// did; as CSV and JSON a row for each dataset.
  package func lines(_ format: OutputFormat) -> [String] {
    switch format {
    case .table: return tableLines()
    case .csv:
      return ["dataset,days,parts_before,parts_after"]
        + results.map { result in
          "\(CellText.csv(result.dataset)),\(result.days),\(result.partsBefore),\(result.partsAfter)"
        }
    case .json:
      return jsonArray(
        results.map { result in
          JSONTree.object([
            ("dataset", .text(result.dataset)), ("days", .integer(result.days)),
            ("parts_before", .integer(result.partsBefore)),
            ("parts_after", .integer(result.partsAfter)),
          ]).line()
        })
    }
  }

  private func tableLines() -> [String] {
    let changed = results.filter { $0.days > 0 }
    if changed.isEmpty { return ["No day has more than eight parts; nothing was changed."] }
    return changed.map { result in
      "\(CellText.escaped(result.dataset, keeping: [])): \(Display.count(result.days)) "
        + "\(result.days == 1 ? "day" : "days") rewritten, \(Display.count(result.partsBefore)) "
        + "parts are now \(Display.count(result.partsAfter))"
    }
  }
}
