import AlmanacCore

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
