import Forecasting

/// Forecasts as lines of CSV or as a JSON array, made in parts that several threads can take.
struct ForecastTable: Sendable {
  private let series: [LongSeries]
  private let results: [Result<SeriesResult, SeriesProblem>]
  private let levels: [Int]
  private let format: RowFormat

  /// The series of one part: enough for a write that is worth its call.
  private static let seriesPerPart = 32
  private static let comma = UInt8(ascii: ",")

  /// The forecasts of series, or what is wrong with them, and the levels of the intervals in per cent.
  init(
    _ series: [LongSeries], _ results: [Result<SeriesResult, SeriesProblem>], levels: [Int],
    _ format: RowFormat = .csv
  ) {
    self.series = series
    self.results = results
    self.levels = levels
    self.format = format
  }

  /// The number of parts: the first line, then those of a few series each, and of JSON the last line.
  var partCount: Int {
    let blocks = (results.count + ForecastTable.seriesPerPart - 1) / ForecastTable.seriesPerPart
    return 1 + blocks + (format == .json ? 1 : 0)
  }

  /// The lines of a part, in UTF-8.
  func part(_ part: Int) -> [UInt8] {
    guard part > 0 else { return [UInt8](format == .json ? "[".utf8 : header.utf8) }
    let first = (part - 1) * ForecastTable.seriesPerPart
    if format == .json, part == partCount - 1 {
      return [UInt8](results.isEmpty ? "]\n".utf8 : "\n]\n".utf8)
    }
    var text: [UInt8] = []
    for position in first..<min(results.count, first + ForecastTable.seriesPerPart) {
      switch format {
      case .csv: append(series[position], results[position], to: &text)
      case .json:
        for (row, object) in objects(series[position], results[position]).enumerated() {
          text += position == 0 && row == 0 ? "\n  ".utf8 : ",\n  ".utf8
          text += object.line().utf8
        }
      }
    }
    return text
  }

  /// The rows of one series as JSON, with the members that the first line of CSV names.
  private func objects(
    _ series: LongSeries, _ result: Result<SeriesResult, SeriesProblem>
  ) -> [JSONTree] {
    func row(
      _ label: JSONTree, _ point: Double?, _ bounds: [(lower: Double, upper: Double)],
      model: String?, reason: String?
    ) -> JSONTree {
      var members: [(String, JSONTree)] = [
        ("unique_id", .text(series.id)), ("ds", label), ("yhat", .optional(point)),
      ]
      for (position, level) in levels.enumerated() {
        let bound = position < bounds.count ? bounds[position] : nil
        members.append(("lo_\(level)", .optional(bound?.lower)))
        members.append(("hi_\(level)", .optional(bound?.upper)))
      }
      members += [("model_used", .optional(model)), ("fallback_reason", .optional(reason))]
      return .object(members)
    }
    switch result {
    case .failure(let problem):
      return [row(.null, nil, [], model: nil, reason: "no forecast: " + problem.text)]
    case .success(let found):
      let forecast = found.forecast
      return forecast.points.indices.map { ahead in
        row(
          SeriesLabel.json(
            found.axis.label(found.values.count + ahead), kind: found.axis.kind,
            style: series.style),
          forecast.points[ahead],
          levels.indices.map { (forecast.lower[$0][ahead], forecast.upper[$0][ahead]) },
          model: forecast.modelUsed, reason: forecast.fallbackReason)
      }
    }
  }

  private var header: String {
    var header = "unique_id,ds,yhat"
    for level in levels { header += ",lo_\(level),hi_\(level)" }
    return header + ",model_used,fallback_reason\n"
  }

  /// Appends the lines of one series.
  private func append(
    _ series: LongSeries, _ result: Result<SeriesResult, SeriesProblem>, to text: inout [UInt8]
  ) {
    let id = Array(csvField(series.id).utf8)
    let found: SeriesResult
    switch result {
    case .failure(let problem):
      let empty = String(repeating: ",,", count: levels.count)
      text += id
      text += ",,\(empty),,\(csvField("no forecast: " + problem.text))\n".utf8
      return
    case .success(let success): found = success
    }
    let forecast = found.forecast
    let end = Array(",\(forecast.modelUsed),\(csvField(forecast.fallbackReason ?? ""))\n".utf8)
    // What numbers take at most, but for those of exponents.
    let room = forecast.points.count * (id.count + end.count + 32 + 40 * levels.count)
    if text.capacity - text.count < room {
      text.reserveCapacity(max(text.count + room, 2 * text.capacity))
    }
    for ahead in forecast.points.indices {
      text += id
      text.append(ForecastTable.comma)
      SeriesLabel.append(
        found.axis.label(found.values.count + ahead), kind: found.axis.kind, style: series.style,
        to: &text)
      ForecastTable.append(forecast.points[ahead], to: &text)
      for level in levels.indices {
        ForecastTable.append(forecast.lower[level][ahead], to: &text)
        ForecastTable.append(forecast.upper[level][ahead], to: &text)
      }
      text += end
    }
  }

  /// Appends a comma and a number, in the fewest digits that tell it from all others.
  private static func append(_ number: Double, to text: inout [UInt8]) {
    text.append(comma)
    text.append(contentsOf: number.description.utf8)
  }
}
