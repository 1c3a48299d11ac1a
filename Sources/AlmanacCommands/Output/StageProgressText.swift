package import Pipelines

/// Renders where a run is among its stages, for a line that is rewritten in place.
package struct StageProgressText {
  private let position: RunPosition
  private let seconds: Double

  /// A rendering of a position; `seconds` is how long its stage has been at work.
  package init(_ position: RunPosition, seconds: Double) {
    self.position = position
    self.seconds = seconds
  }

  /// The line, shortened by whole parts from its end where it is wider than `width`; `nil` between
  /// stages.
  ///
  /// A bar and the time that is left, by the medians of earlier runs, as far as all stages have one.
  package func line(width: Int = .max) -> String? {
    guard let stage = position.stage, position.number > 0 else { return nil }
    var text = "\(position.number) of \(position.usualSeconds.count) \(stage)"
    var parts = ["\(Display.count(Int(seconds))) s"]
    if let (share, left) = outlook {
      let filled = Int(share * Double(StageProgressText.barWidth))
      let bar =
        String(repeating: "#", count: filled)
        + String(repeating: "-", count: StageProgressText.barWidth - filled)
      text = "[\(bar)] " + text
      if left >= 1 { parts.append("about \(ProgressText.duration(left)) left") }
    }
    for part in parts where Display.width(of: text + ", " + part) <= width { text += ", " + part }
    return Display.width(of: text) <= width ? text : Display.cut(text, to: max(1, width))
  }

  private static let barWidth = 20

  /// The share that is done, and the seconds that are left, as far as earlier runs tell.
  private var outlook: (share: Double, left: Double)? {
    let usual = position.usualSeconds.compactMap(\.self)
    let total = usual.reduce(0, +)
    guard usual.count == position.usualSeconds.count, total > 0 else { return nil }
    let present = usual[position.number - 1]
    let done = usual.prefix(position.number - 1).reduce(0, +) + min(seconds, present)
    return (min(1, done / total), total - done)
  }
}
