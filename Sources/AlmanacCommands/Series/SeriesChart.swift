import Forecasting

/// A drawing of a series with its forecast.
struct SeriesChart {
  private let id: String
  private let history: [Double]
  private let points: [Double]
  private let lower: [Double]
  private let upper: [Double]
  private let low: Double
  private let high: Double

  /// The most past values for each forecast: what lies further back is not drawn.
  private static let pastPerHorizon = 5

  init(id: String, _ result: SeriesResult) {
    self.id = id
    let forecast = result.forecast
    let past = max(24, SeriesChart.pastPerHorizon * forecast.points.count)
    history = Array(result.values.suffix(past))
    points = forecast.points
    lower = forecast.lower.last ?? points
    upper = forecast.upper.last ?? points
    let shown = history.filter { !$0.isNaN } + lower + upper
    low = shown.min() ?? 0
    high = shown.max() ?? 1
  }

  /// Lines of at most 80 columns: past values `*`, forecasts `o`, the widest interval `|`.
  func terminalLines(width: Int = 70, height: Int = 12) -> [String] {
    let count = history.count + points.count
    var grid = [[Character]](
      repeating: [Character](repeating: " ", count: width), count: height)
    func row(_ value: Double) -> Int {
      let share = high > low ? (value - low) / (high - low) : 0.5
      return min(height - 1, max(0, Int((1 - share) * Double(height - 1) + 0.5)))
    }
    func column(_ period: Int) -> Int { period * width / max(1, count) }
    for (ahead, (down, up)) in zip(lower, upper).enumerated() {
      for line in row(up)...row(down) { grid[line][column(history.count + ahead)] = "|" }
    }
    for (period, value) in history.enumerated() where !value.isNaN {
      grid[row(value)][column(period)] = "*"
    }
    for (ahead, value) in points.enumerated() {
      grid[row(value)][column(history.count + ahead)] = "o"
    }
    let lines = grid.map { line in
      let text = String(line)
      let kept = text.reversed().drop { $0 == " " }
      return "  " + String(kept.reversed())
    }
    return ["\(id): \(shortNumber(low)) to \(shortNumber(high))"] + lines
  }

  /// The drawing as an SVG document.
  func svg(width: Double = 720, height: Double = 260) -> String {
    let count = Double(max(1, history.count + points.count - 1))
    func place(_ period: Int, _ value: Double) -> String {
      let share = high > low ? (value - low) / (high - low) : 0.5
      let x = 10 + (width - 20) * Double(period) / count
      let y = 30 + (height - 40) * (1 - share)
      return "\((x * 100).rounded() / 100),\((y * 100).rounded() / 100)"
    }
    let start = history.count
    let band =
      upper.indices.map { place(start + $0, upper[$0]) }
      + lower.indices.reversed().map { place(start + $0, lower[$0]) }
    let past = history.indices.filter { !history[$0].isNaN }.map { place($0, history[$0]) }
    let ahead = points.indices.map { place(start + $0, points[$0]) }
    return """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Int(width)) \(Int(height))">
      <title>\(escaped(id))</title>
      <text x="10" y="18" font-family="sans-serif" font-size="13">\(escaped(id))</text>
      <polygon points="\(band.joined(separator: " "))" fill="#9ecae1" fill-opacity="0.5"/>
      <polyline points="\(past.joined(separator: " "))" fill="none" stroke="#333"/>
      <polyline points="\(ahead.joined(separator: " "))" fill="none" stroke="#08519c"/>
      </svg>

      """
  }

  private func shortNumber(_ value: Double) -> String {
    let rounded = abs(value) >= 100 ? value.rounded() : (value * 100).rounded() / 100
    return abs(rounded) < 1e15 && rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
  }

  private func escaped(_ text: String) -> String {
    var result = ""
    for character in text.unicodeScalars {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case _ where character.value < 32: result += " "
      default: result.unicodeScalars.append(character)
      }
    }
    return result
  }
}
