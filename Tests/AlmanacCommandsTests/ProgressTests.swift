import AlmanacCore
import Dispatch
import Synchronization
import Testing

@testable import AlmanacCommands

@Suite("The text of progress")
struct ProgressTextTests {
  private func totals(rows: Int, bytes: Int, expected: Int?) -> ProgressTotals {
    var totals = ProgressTotals()
    totals.add(.init(dataset: "events", rows: rows, bytes: bytes, expectedRows: expected))
    return totals
  }

  @Test(
    "names rows, share, speed, time left and bytes as far as they are known",
    arguments: [
      (0, 0, nil, 0.0, "extract: 0 rows, 0 B"),
      (
        1_234_567, 98_765_432, 10_000_000, 4.0,
        "extract: 1,234,567 rows (12 %), 308,642 rows/s, 29 s left, 98.8 MB"
      ),
      (
        1_234_567, 98_765_432, nil, 4.0, "extract: 1,234,567 rows, 308,642 rows/s, 98.8 MB"
      ),
      (100, 999, 200, 0.4, "extract: 100 rows (50 %), 999 B"),
      (
        100, 999_600, 1_000_000, 10.0,
        "extract: 100 rows (0 %), 10 rows/s, 28 h left, 1.0 MB"
      ),
      (
        250, 1_000, 200, 10.0, "extract: 250 rows (100 %), 25 rows/s, 0 s left, 1.0 kB"
      ),
      (
        9_000_000_000_000, 123_456_789_012_345, 90_000_000_000_000, 1e6,
        "extract: 9,000,000,000,000 rows (10 %), 9,000,000 rows/s, 2,500 h left, 123 TB"
      ),
    ])
  func words(rows: Int, bytes: Int, expected: Int?, seconds: Double, text: String) {
    let line = ProgressText(
      totals(rows: rows, bytes: bytes, expected: expected), seconds: seconds
    ).line()
    #expect(line == text)
  }

  @Test("never is wider than the terminal", arguments: 1...90)
  func narrow(width: Int) {
    let text = ProgressText(
      totals(rows: 1_234_567_890, bytes: 98_765_432_100, expected: 10_000_000_000), seconds: 4_000)
    let line = text.line(width: width)
    #expect(Display.width(of: line) <= width)
    #expect(line.hasPrefix(String("extract: 1,234,567,890 rows (12 %)".prefix(width - 1))))
  }
}

@Suite("The progress line")
struct ProgressLineTests {
  private struct Place {
    let written = Written()
    let clock = Clock()

    func setting(isTerminal: Bool, width: Int? = 60) -> CommandSetting {
      let (written, clock) = (written, clock)
      return CommandSetting(
        console: Console(
          out: { _ in }, error: { line in written.add(line + "\n") },
          errorPart: { written.add($0) }, reportsToTerminal: isTerminal),
        host: "host", processID: 1, processors: 2, terminalWidth: { width },
        seconds: { clock.now })
    }
  }

  private final class Written: Sendable {
    private let texts = Mutex<[String]>([])
    func add(_ text: String) { texts.withLock { $0.append(text) } }
    var all: [String] { texts.withLock { $0 } }
  }

  private final class Clock: Sendable {
    private let seconds = Mutex(0.0)
    var now: Double { seconds.withLock { $0 } }
    func pass(_ more: Double) { seconds.withLock { $0 += more } }
  }

  @Test("is rewritten in place on a terminal, makes room for lines, and is erased at the end")
  func terminal() {
    let place = Place()
    let line = ProgressLine(place.setting(isTerminal: true), isQuiet: false)
    let log = line.logSink(threshold: .info)
    line.sink.report(dataset: "a", rows: 0, bytes: 0, expectedRows: 200)
    place.clock.pass(1)
    line.sink.report(dataset: "a", rows: 100, bytes: 10)
    place.clock.pass(0.1)
    line.sink.report(dataset: "a", rows: 50, bytes: 10)
    log(.info, "one")
    log(.debug, "dropped")
    log(.info, "two")
    place.clock.pass(0.4)
    line.sink.report(dataset: "a", rows: 0, bytes: 0)
    line.erase()
    line.erase()
    let erasure = "\r\u{1B}[K"
    #expect(
      place.written.all == [
        erasure + "extract: 100 rows (50 %), 100 rows/s, 10 B", erasure, "one\n", "two\n",
        erasure + "extract: 150 rows (75 %), 100 rows/s, 20 B", erasure,
      ])
  }

  @Test("leaves the last column of the terminal free")
  func width() {
    let place = Place()
    let line = ProgressLine(place.setting(isTerminal: true, width: 24), isQuiet: false)
    line.sink.report(dataset: "a", rows: 0, bytes: 0)
    place.clock.pass(1)
    line.sink.report(dataset: "a", rows: 12_345_678, bytes: 10)
    #expect(place.written.all == ["\r\u{1B}[Kextract: 12,345,678 ro…"])
  }

  @Test("is a plain line every ten seconds elsewhere")
  func plain() {
    let place = Place()
    let line = ProgressLine(place.setting(isTerminal: false), isQuiet: false)
    line.sink.report(dataset: "a", rows: 0, bytes: 0)
    for _ in 0..<50 {
      place.clock.pass(0.5)
      line.sink.report(dataset: "a", rows: 5, bytes: 1)
    }
    line.erase()
    #expect(
      place.written.all == [
        "extract: 100 rows, 10 rows/s, 20 B\n", "extract: 200 rows, 10 rows/s, 40 B\n",
      ])
  }

  @Test("says nothing when quiet", arguments: [true, false])
  func quiet(isTerminal: Bool) {
    let place = Place()
    let line = ProgressLine(place.setting(isTerminal: isTerminal), isQuiet: true)
    line.sink.report(dataset: "a", rows: 0, bytes: 0)
    place.clock.pass(100)
    line.sink.report(dataset: "a", rows: 5, bytes: 1)
    line.erase()
    #expect(place.written.all == [])
  }

  @Test("counts the reports of several threads")
  func threads() {
    let place = Place()
    let line = ProgressLine(place.setting(isTerminal: false), isQuiet: false)
    DispatchQueue.concurrentPerform(iterations: 8) { thread in
      for _ in 0..<1_000 { line.sink.report(dataset: "d\(thread)", rows: 1, bytes: 2) }
    }
    place.clock.pass(10)
    line.sink.report(dataset: "d0", rows: 0, bytes: 0)
    #expect(place.written.all == ["extract: 8,000 rows, 800 rows/s, 16.0 kB\n"])
  }
}
