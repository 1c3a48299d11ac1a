import Documents

/// How long a pipeline keeps what its runs leave in the target: `retention:` in its file.
package struct LedgerRetention: Hashable, Sendable {
  /// The days for which runs are kept, with their stages, checks and notifications.
  package var runDays: Int
  /// The days for which publications are kept, with their predictions.
  package var publicationDays: Int

  /// The fewest days: a week of nights stays at hand, whatever is written.
  static let fewestDays = 7

  /// Retention of so many days.
  package init(runDays: Int, publicationDays: Int) {
    self.runDays = runDays
    self.publicationDays = publicationDays
  }

  /// Reads `retention:` of a pipeline.
  ///
  /// - Throws: `DocumentError` with the place of the first fault.
  init(node: Node) throws(DocumentError) {
    var reader = try MappingReader(node, of: "retention")
    publicationDays = try reader.required("publications", as: .days)
    runDays = try reader.required("runs", as: .days)
    try reader.finish()
    guard runDays >= publicationDays else {
      throw .unexpected(
        reader.mark(of: "runs"), found: "runs for \(runDays) days",
        expected: "at least the \(publicationDays) days of publications, which refer to runs",
        suggestion: nil)
    }
  }
}

extension ValueReader where Value == Int {
  /// A number of days that is long enough to keep something.
  fileprivate static var days: ValueReader {
    .scalar("a number of days such as 400d, at least \(LedgerRetention.fewestDays)d") { text in
      guard text.hasSuffix("d"), let days = Int(text.dropLast()), !text.hasPrefix("+"),
        (LedgerRetention.fewestDays...3_653).contains(days)
      else { return nil }
      return days
    }
  }
}
