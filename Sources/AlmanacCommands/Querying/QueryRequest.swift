import AlmanacCore
import Pipelines

/// What `almanac query` is asked for.
struct QueryRequest {
  /// The length of the periods of the answer.
  enum Grain: String, CaseIterable {
    case hour, day, month
    /// All days together, from the partitions.
    case range

    /// The column that holds the start of a period.
    var column: String { self == .day ? "date" : rawValue }
  }

  /// A table of the schema analytics, and what of it.
  enum Subject {
    /// A metric by day or month; `by` is a dimension, or `company`.
    case metric(String, by: String?)
    /// Events of a type, or of all; `by` are any of `type`, `module` and `company`.
    case rollup(type: String?, by: [String])
    /// A kind of cohort.
    case cohort(String)
    /// A funnel.
    case funnel(String)
  }

  /// The names of the subjects on the command line.
  static let subjects = ["metric", "rollup", "cohort", "funnel"]
  /// What rollups can be split by.
  static let rollupDimensions = ["type", "module", "company"]

  var subject: Subject
  /// The length of the periods.
  var grain: Grain
  /// The first and the last day; open where nil.
  var from: CalendarDate?
  var to: CalendarDate?
  /// The company; nil for all.
  var company: UUIDValue?
  /// The time that is looked back to; nil for what the tables hold.
  var asOf: AsOfReading.Moment?
  /// Where a range or an earlier time is computed from; nil where the tables are read.
  var place: Place?

  /// What a range or an earlier time is computed from.
  struct Place {
    /// The folder of snapshots.
    var data: String
    /// The folder of definitions.
    var project: String
    /// The pipeline whose zone and currency count; nil for the only one.
    var pipeline: String?
  }

  /// The request of a command line.
  init(_ scanner: inout ArgumentScanner) throws(UsageError) {
    let by = try scanner.value("--by")
    let grainText = try scanner.value("--grain")
    from = try scanner.date("--from")
    to = try scanner.date("--to")
    if let from, let to, from > to {
      throw UsageError("--from \(from) is after --to \(to)")
    }
    if let text = try scanner.value("--company") {
      guard let id = UUIDValue(text) else {
        throw UsageError("--company is the uuid of a company, found \(shown(text))")
      }
      company = id
    }
    let places = [
      ("--data", try scanner.value("--data")), ("--project", try scanner.value("--project")),
      ("--pipeline", try scanner.value("--pipeline")),
    ]
    asOf = try scanner.value("--as-of").map { (text) throws(UsageError) in
      if let day = CalendarDate(text) { return .date(day) }
      if let instant = Timestamp(text) { return .instant(instant) }
      throw UsageError(
        "--as-of takes a day or an instant, such as 2026-01-31 or 2026-01-31T12:00:00Z, "
          + "not \(shown(text))")
    }
    guard let word = scanner.operand() else {
      throw UsageError("say what to query: \(QueryRequest.subjects.joined(separator: ", "))")
    }
    let name = scanner.operand()
    if let name, !shown(name).contains(name) {
      throw UsageError("the \(word)'s name is a connection string; use --target")
    }
    let grains: [Grain]
    switch word {
    case "metric":
      subject = .metric(try QueryRequest.needed(name, word, "mrr"), by: by)
      grains = [.day, .month]
    case "rollup":
      let parts = by?.split(separator: ",", omittingEmptySubsequences: false).map(String.init) ?? []
      for part in parts where !QueryRequest.rollupDimensions.contains(part) {
        throw UsageError(
          "--by of a rollup is type, module or company, or some of them with commas, "
            + "found \(shown(part))"
            + Suggestion.didYouMean(part, among: QueryRequest.rollupDimensions))
      }
      subject = .rollup(type: name, by: parts)
      grains = Grain.allCases
    case "cohort":
      subject = .cohort(try QueryRequest.needed(name, word, "signup"))
      grains = [.month]
    case "funnel":
      subject = .funnel(try QueryRequest.needed(name, word, "trial"))
      grains = [.day]
    default:
      throw UsageError(
        "almanac query has no \(shown(word))"
          + Suggestion.didYouMean(word, among: QueryRequest.subjects)
          + "; known: \(QueryRequest.subjects.joined(separator: ", "))")
    }
    if by != nil, ["cohort", "funnel"].contains(word) {
      throw UsageError("--by means nothing to `almanac query \(word)`")
    }
    if company != nil, by?.split(separator: ",").contains("company") == true {
      throw UsageError("--by company shows every company; leave --company out")
    }
    grain = grains.count == 1 ? grains[0] : .day
    if let grainText {
      guard let asked = Grain(rawValue: grainText), grains.contains(asked) else {
        let known = grains.map(\.rawValue)
        throw UsageError(
          "--grain of a \(word) is \(known.joined(separator: " or ")), found \(shown(grainText))"
            + Suggestion.didYouMean(grainText, among: known))
      }
      grain = asked
    }
    if grain == .range {
      guard from != nil, to != nil else {
        throw UsageError("--grain range needs --from and --to, the first and the last day of it")
      }
    }
    if asOf != nil, word == "rollup", grain != .range {
      throw UsageError("--as-of of a rollup needs --grain range, with --from and --to")
    }
    if grain == .range || asOf != nil {
      place = Place(
        data: places[0].1 ?? "var/data", project: places[1].1 ?? ".", pipeline: places[2].1)
    } else if let given = places.first(where: { $0.1 != nil }) {
      throw UsageError("\(given.0) means nothing without --grain range or --as-of")
    }
  }

  private static func needed(
    _ name: String?, _ word: String, _ example: String
  ) throws(UsageError) -> String {
    guard let name else {
      throw UsageError("name the \(word), such as `almanac query \(word) \(example)`")
    }
    return name
  }
}
