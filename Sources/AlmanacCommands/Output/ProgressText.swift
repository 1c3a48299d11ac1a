package import AlmanacCore

/// Renders how far an extraction is.
package struct ProgressText {
  private let totals: ProgressTotals
  private let seconds: Double

  /// A rendering of what was done in some seconds.
  package init(_ totals: ProgressTotals, seconds: Double) {
    self.totals = totals
    self.seconds = seconds
  }

  /// The line, shortened by whole parts from its end where it is wider than `width`.
  ///
  /// Rows, then share, rows in a second, bytes and the time that is left, as far as they are known.
  package func line(width: Int = .max) -> String {
    var text = ""
    for part in parts {
      let longer = text.isEmpty ? part : text + ", " + part
      if Display.width(of: longer) > width { break }
      text = longer
    }
    return text.isEmpty ? Display.cut(parts[0], to: max(1, width)) : text
  }

  private var parts: [String] {
    var parts = ["extract: \(Display.counted(totals.rows, "row"))"]
    if let share = totals.share { parts[0] += " (\(Int(min(1, share) * 100)) %)" }
    if seconds >= 0.5 {
      parts.append("\(Display.wholeUnits(Double(totals.rows) / seconds)) rows/s")
    }
    // Early guesses are wild.
    if seconds >= 2, let left = totals.secondsLeft(after: seconds) {
      parts.append("\(ProgressText.duration(left)) left")
    }
    parts.append(ProgressText.size(totals.bytes))
    return parts
  }

  /// A size in decimal units such as `12.3 MB`.
  static func size(_ bytes: Int) -> String {
    let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"]
    var value = Double(bytes)
    var unit = 0
    while value >= 999.5, unit < units.count - 1 {
      value /= 1_000
      unit += 1
    }
    return "\(Display.fixed(value, decimals: unit == 0 || value >= 99.95 ? 0 : 1)) \(units[unit])"
  }

  /// A duration in whole seconds or minutes, rounded up; it is a guess.
  static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e9 else { return "long" }
    let whole = Int(seconds.rounded(.up))
    if whole < 100 { return "\(whole) s" }
    let minutes = (whole + 59) / 60
    return minutes < 100 ? "\(minutes) min" : "\(Display.count((minutes + 59) / 60)) h"
  }
}
