import AlmanacCore

/// How a report is printed that is no rows of one table.
enum ReportFormat: String, CaseIterable, Sendable {
  /// Lines and aligned tables for people.
  case text
  /// One JSON object.
  case json

  /// The format that `--format` names, text where it is not given.
  static func option(_ scanner: inout ArgumentScanner) throws(UsageError) -> ReportFormat {
    guard let text = try scanner.value("--format") else { return .text }
    guard let format = ReportFormat(rawValue: text) else {
      throw UsageError(
        "--format is text or json, found \(shown(text))"
          + Suggestion.didYouMean(text, among: allCases.map(\.rawValue)))
    }
    return format
  }
}

/// How rows are printed.
package enum OutputFormat: String, CaseIterable, Sendable {
  /// Aligned columns for people, within a terminal's width.
  case table
  /// Comma-separated values, as RFC 4180 has them but with line feeds.
  case csv
  /// One JSON array with an object for each row.
  case json

  /// The format that the value of `--format` names.
  init(option text: String) throws(UsageError) {
    guard let format = OutputFormat(rawValue: text) else {
      let known = OutputFormat.allCases.map(\.rawValue)
      throw UsageError(
        "--format is table, csv or json, found \(shown(text))"
          + Suggestion.didYouMean(text, among: known))
    }
    self = format
  }
}

/// How rows are written that programs read.
enum RowFormat: String, CaseIterable, Sendable {
  /// Comma-separated values below a line of names; what is missing is empty.
  case csv
  /// One JSON array with an object for each row, of the same names and digits; what is missing is null.
  case json

  /// The format that `--format` names, CSV where it is not given.
  static func option(_ scanner: inout ArgumentScanner) throws(UsageError) -> RowFormat {
    guard let text = try scanner.value("--format") else { return .csv }
    guard let format = RowFormat(rawValue: text) else {
      throw UsageError(
        "--format is csv or json, found \(shown(text))"
          + Suggestion.didYouMean(text, among: allCases.map(\.rawValue)))
    }
    return format
  }
}
