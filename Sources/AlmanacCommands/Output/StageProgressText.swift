package import Pipelines

/// Renders where a run is among its stages, for a line that is rewritten in place.
package struct StageProgressText {
  private let position: RunPosition
  private let seconds: [RunPosition.Stage: Double]
  private let sinceStart: Double

  /// A rendering of a position.
  ///
  /// - Parameters:
  ///   - position: the position.
  ///   - seconds: how long each stage at work has been so.
  ///   - sinceStart: how long ago the first stage of the run began.
  package init(
    _ position: RunPosition, seconds: [RunPosition.Stage: Double], sinceStart: Double
  ) {
    self.position = position
    self.seconds = seconds
    self.sinceStart = sinceStart
  }

  /// The line, shortened by whole parts from its end where it is wider than `width`; `nil` between
  /// stages.
  ///
  /// A bar and the time that is left, by the medians of earlier runs, as far as all stages have one.
  package func line(width: Int = .max) -> String? {
    guard !position.stages.isEmpty else { return nil }
    let numbers = position.stages.map { "\($0.number)" }.joined(separator: "+")
    let names = position.stages.map(\.name).joined(separator: ", ")
    var text = "\(numbers) of \(position.usualSeconds.count) \(names)"
    let longest = position.stages.compactMap { seconds[$0] }.max() ?? 0
    var parts = ["\(Display.count(Int(longest))) s"]
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

  /// The share that is done, and the seconds that are left at the pace of this run, as far as earlier
  /// runs tell.
  private var outlook: (share: Double, left: Double)? {
    let usual = position.usualSeconds.compactMap(\.self)
    let total = usual.reduce(0, +)
    guard usual.count == position.usualSeconds.count, total > 0 else { return nil }
    let finished = position.finished.reduce(0) { $0 + usual[$1 - 1] }
    let atWork = position.stages.reduce(0) { $0 + min(seconds[$1] ?? 0, usual[$1.number - 1]) }
    let done = finished + atWork
    // Stages beside each other do more than a second's work in a second.
    let pace = sinceStart > 0 && done > sinceStart ? done / sinceStart : 1
    return (min(1, done / total), (total - done) / pace)
  }
}
