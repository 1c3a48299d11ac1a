import Forecasting

/// Forecasts as lines of CSV, made in parts that several threads can take.
struct ForecastTable: Sendable {
  private let series: [LongSeries]
  private let results: [Result<SeriesResult, SeriesProblem>]
  private let levels: [Int]

  /// The series of one part: enough for a write that is worth its call.
  private static let seriesPerPart = 32
  private static let comma = UInt8(ascii: ",")

  /// The forecasts of series, or what is wrong with them, and the levels of the intervals in per cent.
  init(
    _ series: [LongSeries], _ results: [Result<SeriesResult, SeriesProblem>], levels: [Int]
  ) {
    self.series = series
    self.results = results
    self.levels = levels
  }

  /// The number of parts: the first line, then those of a few series each.
  var partCount: Int {
    1 + (results.count + ForecastTable.seriesPerPart - 1) / ForecastTable.seriesPerPart
  }

  /// The lines of a part, in UTF-8.
  func part(_ part: Int) -> [UInt8] {
    guard part > 0 else { return [UInt8](header.utf8) }
    let first = (part - 1) * ForecastTable.seriesPerPart
    var text: [UInt8] = []
    for position in first..<min(results.count, first + ForecastTable.seriesPerPart) {
      append(series[position], results[position], to: &text)
    }
    return text
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
