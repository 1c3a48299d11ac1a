import Forecasting

/// One series with its parts.
struct DecomposedSeries: Sendable {
  /// Its periods.
  let axis: TimeAxis
  /// Its values on them; NaN where unknown.
  let values: [Double]
  /// Its trend, seasons and remainder, which sum to the values, those filled in included.
  let decomposition: SeriesDecomposition
  /// Where its level jumps, and values that stand alone.
  let changes: LevelChanges
}

/// The parts of series as rows for programs, and the strength of these parts.
struct DecompositionTable {
  /// The series, in the order of the file.
  let series: [LongSeries]
  /// Their parts, or what is wrong with them.
  let results: [Result<DecomposedSeries, SeriesProblem>]

  /// The rows in a format, each line ended.
  func text(_ format: RowFormat) -> String {
    switch format {
    case .csv: csv
    case .json: jsonArray(objects).joined(separator: "\n") + "\n"
    }
  }

  /// The lengths of seasons that any series has.
  private var lengths: [Int] {
    var all: Set<Int> = []
    for case .success(let parts) in results {
      all.formUnion(parts.decomposition.seasons.map(\.length))
    }
    return all.sorted()
  }

  private var csv: String {
    let lengths = lengths
    var text = "unique_id,ds,y,trend"
    for length in lengths { text += ",season_\(length)" }
    text += ",remainder,note\n"
    for (series, result) in zip(series, results) {
      let id = csvField(series.id)
      switch result {
      case .failure(let problem):
        text += id + ",,," + String(repeating: ",", count: lengths.count)
        text += ",," + csvField("not taken apart: " + problem.text) + "\n"
      case .success(let parts):
        let found = parts.decomposition
        let notes = parts.notes
        for period in parts.values.indices {
          let label = SeriesLabel.text(
            parts.axis.label(period), kind: parts.axis.kind, style: series.style)
          let value = parts.values[period]
          text += "\(id),\(label),\(value.isNaN ? "" : "\(value)"),\(found.trend[period])"
          for length in lengths {
            let season = found.seasons.first { $0.length == length }
            text += "," + (season.map { "\($0.values[period])" } ?? "")
          }
          text += ",\(found.remainder[period]),\(notes[period] ?? "")\n"
        }
      }
    }
    return text
  }

  /// The rows as JSON, with the members that the first line of CSV names.
  private var objects: [String] {
    let lengths = lengths
    func row(
      _ id: String, _ label: JSONTree, _ value: Double?, _ trend: Double?, _ seasons: [Double?],
      _ remainder: Double?, _ note: String?
    ) -> String {
      JSONTree.object(
        [
          ("unique_id", .text(id)), ("ds", label), ("y", .optional(value)),
          ("trend", .optional(trend)),
        ] + zip(lengths, seasons).map { ("season_\($0)", .optional($1)) } + [
          ("remainder", .optional(remainder)), ("note", .optional(note)),
        ]
      ).line()
    }
    return zip(series, results).flatMap { series, result -> [String] in
      switch result {
      case .failure(let problem):
        return [
          row(
            series.id, .null, nil, nil, lengths.map { _ in nil }, nil,
            "not taken apart: " + problem.text)
        ]
      case .success(let parts):
        let found = parts.decomposition
        let notes = parts.notes
        let seasons = lengths.map { length in found.seasons.first { $0.length == length } }
        return parts.values.indices.map { period in
          row(
            series.id,
            SeriesLabel.json(
              parts.axis.label(period), kind: parts.axis.kind, style: series.style),
            parts.values[period], found.trend[period], seasons.map { $0?.values[period] },
            found.remainder[period], notes[period])
        }
      }
    }
  }

  /// The strength of the parts of each series, for people, or beside CSV as text too, or as JSON.
  func strengths(_ format: RowFormat) -> [String] {
    let found = zip(series, results).compactMap { series, result in
      (try? result.get()).map { (id: series.id, parts: $0) }
    }
    guard format == .csv else {
      return jsonArray(found.map { strength(of: $0.parts, id: $0.id).line() })
    }
    var table = TextTable([
      ("series", .left), ("trend", .right), ("seasons", .left), ("shifts", .right),
      ("pulses", .right),
    ])
    for (id, parts) in found {
      let found = parts.decomposition
      let seasons = found.seasons.indices.map { position in
        "\(found.seasons[position].length): \(hundredths(found.seasonStrength(position)))"
      }
      table.add([
        shown(id), hundredths(found.trendStrength), seasons.joined(separator: ", "),
        "\(parts.changes.shifts.count)", "\(parts.changes.pulses.count)",
      ])
    }
    return table.lines(indent: 0)
  }

  private func strength(of parts: DecomposedSeries, id: String) -> JSONTree {
    let found = parts.decomposition
    let seasons = found.seasons.indices.map { position in
      JSONTree.object([
        ("length", .integer(found.seasons[position].length)),
        ("strength", .number(found.seasonStrength(position))),
      ])
    }
    return .object([
      ("unique_id", .text(id)), ("trend", .number(found.trendStrength)),
      ("seasons", .array(seasons)), ("shifts", .integer(parts.changes.shifts.count)),
      ("pulses", .integer(parts.changes.pulses.count)),
    ])
  }

  private func hundredths(_ share: Double) -> String {
    let whole = Int((share * 100).rounded())
    return whole >= 100 ? "1.00" : whole < 10 ? "0.0\(whole)" : "0.\(whole)"
  }
}

extension DecomposedSeries {
  /// What is to be said of each period, `nil` for most.
  fileprivate var notes: [String?] {
    let (shifts, pulses) = (Set(changes.shifts), Set(changes.pulses))
    return values.indices.map { period in
      if values[period].isNaN { return nil }
      return shifts.contains(period) ? "shift" : pulses.contains(period) ? "pulse" : nil
    }
  }
}
