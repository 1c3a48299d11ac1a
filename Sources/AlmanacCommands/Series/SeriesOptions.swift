import AlmanacCore
import Files
import Forecasting
import Pipelines

/// The options that the commands on series files share.
struct SeriesOptions {
  /// The file.
  let path: String
  /// The seasons asked for; `nil` to find them.
  let seasons: [Int]?
  /// Where the result goes; `nil` for standard output.
  let out: String?
  /// Where the holidays are; `nil` for none.
  let holidays: String?
  /// The number of threads; `nil` for the processors.
  let jobs: Int?

  /// The options of a command line; `--holidays` only where the command forecasts.
  init(_ scanner: inout ArgumentScanner, forecasts: Bool = true) throws(UsageError) {
    guard let path = try scanner.value("--data") else {
      throw UsageError("--data FILE is needed: a CSV file with the columns unique_id, ds and y")
    }
    self.path = path
    let text = try scanner.value("--season") ?? "auto"
    seasons = try text == "auto" ? nil : SeriesOptions.numbers(text, "--season", 1...100_000)
    holidays = forecasts ? try scanner.value("--holidays") : nil
    out = try scanner.value("--out")
    jobs = try scanner.integer("--jobs", in: 1...1_024)
  }

  /// Whole numbers between commas.
  static func numbers(
    _ text: String, _ name: String, _ bounds: ClosedRange<Int>
  ) throws(UsageError) -> [Int] {
    var numbers: [Int] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let number = Int(part), bounds.contains(number) else {
        throw UsageError(
          "\(name) is \(name == "--season" ? "auto or " : "")whole numbers from "
            + "\(bounds.lowerBound) to \(bounds.upperBound) between commas, found \(shown(text))")
      }
      numbers.append(number)
    }
    return numbers
  }

  /// The members that names between commas stand for.
  static func members(_ text: String) throws(UsageError) -> [EnsembleMember] {
    var members: [EnsembleMember] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let member = EnsembleMember(rawValue: String(part)),
        EnsembleMember.ofSeries.contains(member)
      else {
        let names = EnsembleMember.ofSeries.map(\.rawValue)
        throw UsageError(
          "--models: there is no model \(shown(String(part)))"
            + Suggestion.didYouMean(String(part), among: names)
            + "; the models are \(names.joined(separator: ", "))")
      }
      guard !members.contains(member) else { throw UsageError("--models: \(part) stands twice") }
      members.append(member)
    }
    return members
  }

  /// Reads the file.
  func read(processors: Int) throws -> LongFormFile {
    try LongFormFile(reading: path, jobs: jobs ?? processors)
  }

  /// Reads the holidays.
  func readHolidays() throws -> [Holiday] {
    guard let holidays else { return [] }
    return try Holiday.read(try FileSystem.read(holidays), file: holidays)
  }

  /// Says for how many series the holidays say nothing.
  func reportUnusedHolidays(
    _ results: [Result<SeriesResult, SeriesProblem>], to console: Console
  ) {
    guard let holidays else { return }
    let count = results.count { (try? $0.get())?.axis.kind == .number }
    guard count > 0 else { return }
    console.report(
      "almanac: \(holidays) is of no use for \(count) of \(results.count) series: whole numbers as "
        + "ds have no calendar")
  }

  /// The seasons of a series.
  ///
  /// A given season is taken as it is, and the longer one that usually goes with it: the week of
  /// hours where the series holds three, the year of days where the series shows it. Without one the usual seasons of the step count: those of a calendar step
  /// always where the series holds two, others where the series shows them.
  func seasonLengths(_ axis: TimeAxis, _ values: [Double]) -> [Int] {
    guard values.contains(where: { !$0.isNaN }) else { return [] }
    let usual = axis.step.usualSeasons
    // Nothing longer than the season of course is looked for in so few.
    if seasons == nil, usual.count == 2, let first = usual.first, values.count >= 2 * first,
      values.count < SeasonDetection.fewestSeasons * usual[1]
    {
      return [first]
    }
    let complete = filled(values, seasonLength: 1)
    if let seasons {
      let given = seasons.filter { $0 > 1 && values.count >= 2 * $0 }
      guard given.count == 1, let longer = AxisStep.longerSeason(than: given[0]) else {
        return given
      }
      if isHeld(longer, values) { return [given[0], longer] }
      let found = SeasonDetection.seasons(complete, candidates: [given[0], longer])
      return found.contains(longer) ? [given[0], longer] : given
    }
    switch axis.step {
    case .count:
      let found = SeasonDetection.seasons(complete, candidates: usual)
      return found.first.map { [$0] } ?? []
    case .months:
      return usual.filter { values.count >= 2 * $0 }
    case .days, .seconds:
      guard let first = usual.first, values.count >= 2 * first else { return [] }
      if usual.count == 2, isHeld(usual[1], values) { return usual }
      let found = SeasonDetection.seasons(complete, candidates: usual)
      return [first] + found.dropFirst(found.first == first ? 1 : 0)
    }
  }

  /// Whether a longer season is taken without a look: weeks of hours cost little where there are
  /// none, since their indices are shrunk; years of days would.
  private func isHeld(_ longer: Int, _ values: [Double]) -> Bool {
    longer != 365 && values.count >= 3 * longer
  }

  /// Writes the result to the file or to standard output.
  func write(_ text: String, to console: Console) throws {
    try write(1, jobs: 1, to: console) { _ in [UInt8](text.utf8) }
  }

  /// The same of text in UTF-8 in parts, which `jobs` threads make.
  func write(
    _ partCount: Int, jobs: Int, to console: Console, _ part: @Sendable (Int) -> [UInt8]
  ) throws {
    if let out { return try OrderedFile.write(out, partCount: partCount, jobs: jobs, part) }
    var text = Array(inParallel(partCount, jobs: jobs, part).joined())
    if text.last == 10 { text.removeLast() }
    console.print(String(decoding: text, as: UTF8.self))
  }
}

/// A field of a CSV line, quoted where it must be.
func csvField(_ text: String) -> String {
  let special = text.utf8.contains { [10, 13, 34, 44].contains($0) }
  guard special else { return text }
  return "\""
    + text.split(separator: "\"", omittingEmptySubsequences: false)
    .joined(separator: "\"\"") + "\""
}
