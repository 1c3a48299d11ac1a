import AlmanacCore
import Pipelines
import Synchronization

/// Shows how far a run is: on a terminal one line that is rewritten in place, the extraction's rows or
/// the stage at work; else a plain line of the extraction every ten seconds; and nothing when quiet.
///
/// Threads may report at the same time. Lines of the log go through it too, so that neither breaks
/// the other.
final class ProgressLine: Sendable {
  /// Seconds between two lines where there is no terminal.
  static let secondsBetweenLines = 10.0
  /// Seconds between two rewritings on a terminal.
  static let secondsBetweenRewritings = 0.2

  private struct State {
    var totals = ProgressTotals()
    var start: Double?
    var lastWritten: Double?
    var isShown = false
    var position = RunPosition()
    /// When each stage at work began.
    var starts: [RunPosition.Stage: Double] = [:]
    /// When the first stage of the run began.
    var runStart: Double?
  }

  private let console: Console
  private let terminalWidth: @Sendable () -> Int?
  private let seconds: @Sendable () -> Double
  private let isQuiet: Bool
  private let state = Mutex(State())

  /// A progress line in the setting of a command.
  init(_ setting: CommandSetting, isQuiet: Bool) {
    console = setting.console
    terminalWidth = setting.terminalWidth
    seconds = setting.seconds
    self.isQuiet = isQuiet
  }

  /// Where the work reports.
  var sink: ProgressSink {
    isQuiet ? .silent : ProgressSink { update in self.add(update) }
  }

  /// A log sink whose lines do not end up in the middle of the progress line.
  func logSink(threshold: LogLevel) -> LogSink {
    let inner = console.logSink(threshold: threshold)
    return LogSink(threshold: threshold) { level, line in
      self.state.withLock { state in
        self.erase(&state)
        inner(level, line)
      }
    }
  }

  /// Removes the line from the terminal.
  func erase() {
    state.withLock { erase(&$0) }
  }

  private func erase(_ state: inout State) {
    guard state.isShown else { return }
    console.reportPart(ProgressLine.erasure)
    state.isShown = false
  }

  /// Back to the first column, and clear to the end of the line (ECMA-48, EL).
  private static let erasure = "\r\u{1B}[K"

  /// Says where the run is from now on.
  func follow(_ position: RunPosition) {
    let now = seconds()
    state.withLock { state in
      state.position = position
      var starts: [RunPosition.Stage: Double] = [:]
      for stage in position.stages { starts[stage] = state.starts[stage] ?? now }
      state.starts = starts
      if !starts.isEmpty, state.runStart == nil { state.runStart = now }
    }
  }

  /// Shows the stages at work on a terminal, until the ticker is stopped; `nil` where nobody looks.
  func showStages() -> Ticker? {
    guard console.reportsToTerminal, !isQuiet else { return nil }
    let pause = UInt32(ProgressLine.secondsBetweenRewritings * 1_000)
    return Ticker(everyMilliseconds: pause) { [self] in showStage() }
  }

  private func showStage() {
    let now = seconds()
    state.withLock { state in
      // What the extraction says of its rows is worth more.
      let newest = state.starts.values.max() ?? 0
      if let last = state.lastWritten, last >= newest { return }
      let text = StageProgressText(
        state.position, seconds: state.starts.mapValues { now - $0 },
        sinceStart: now - (state.runStart ?? now))
      guard let line = text.line(width: width) else { return }
      console.reportPart(ProgressLine.erasure + line)
      state.isShown = true
    }
  }

  /// The columns of the terminal but the last, which stays free: some break the line there.
  private var width: Int { max(1, (terminalWidth() ?? TextTable.maximumWidth) - 1) }

  private func add(_ update: ProgressSink.Update) {
    let now = seconds()
    state.withLock { state in
      state.totals.add(update)
      let start = state.start ?? now
      state.start = start
      let isTerminal = console.reportsToTerminal
      let pause =
        isTerminal ? ProgressLine.secondsBetweenRewritings : ProgressLine.secondsBetweenLines
      guard now - (state.lastWritten ?? start) >= pause else { return }
      state.lastWritten = now
      let text = ProgressText(state.totals, seconds: now - start)
      if isTerminal {
        console.reportPart(ProgressLine.erasure + text.line(width: width))
        state.isShown = true
      } else {
        console.report(text.line())
      }
    }
  }
}
