/// The terms for the columns of a table by what their values suggest, with a note for each column
/// that is left out or was in doubt (D-301).
struct DefaultTerms {
  /// The knots of a curve, unless finer ones lose less on rows left out.
  static let coarseKnots = 4

  /// The columns that a table with curves has at most: curves cost columns, and are for tables with
  /// rows enough for them.
  static func mostCurveColumns(rowCount: Int) -> Int { min(rowCount / 8, 600) }

  var terms: [TermSpecification] = []
  var notes: [String] = []

  /// - Parameters:
  ///   - table: the training rows.
  ///   - excluded: the target, the weight and what the user ignores.
  init(_ table: Table, excluding excluded: Set<String>) {
    let candidates = table.names.filter { !excluded.contains($0) }
    let curveRoom = DefaultTerms.mostCurveColumns(rowCount: table.rowCount)
    let knots = candidates.count * 3 <= curveRoom ? DefaultTerms.coarseKnots : 0
    var seen: [Fingerprint: [String]] = [:]
    for name in candidates {
      guard let column = table[name] else { continue }
      let profile = Profile(column)
      if let reason = profile.reasonToDrop(rowCount: table.rowCount) {
        notes.append("column \"\(name)\" is left out: \(reason)")
        continue
      }
      if let twin = seen[profile.fingerprint]?.first(where: {
        table[$0]?.hasSameValues(as: column) ?? false
      }) {
        notes.append("column \"\(name)\" is left out: it equals column \"\(twin)\"")
        continue
      }
      seen[profile.fingerprint, default: []].append(name)
      terms.append(profile.term(name, rowCount: table.rowCount, knots: knots))
    }
  }
}

/// What equal columns share.
private struct Fingerprint: Hashable {
  var distinct: Int
  var missing: Int
  var firstLabel: String?
}

/// What the values of a column look like.
private struct Profile {
  let isNumeric: Bool
  let distinct: Int
  let missing: Int
  /// Whether every value is a whole number.
  let isWhole: Bool
  /// The largest less the smallest number.
  let range: Double
  let fingerprint: Fingerprint
  private let largestCount: Int

  init(_ column: TableColumn) {
    switch column {
    case .numbers(let values):
      isNumeric = true
      let present = values.filter { !$0.isNaN }.sorted()
      missing = values.count - present.count
      var count = 0
      var whole = true
      var last = Double.nan
      var run = 0
      var longest = 0
      for value in present {
        if value != last {
          count += 1
          run = 0
        }
        run += 1
        longest = max(longest, run)
        if value != value.rounded() { whole = false }
        last = value
      }
      distinct = count
      isWhole = whole
      largestCount = longest
      range = (present.last ?? 0) - (present.first ?? 0)
    case .texts(let codes, let levels):
      isNumeric = false
      var counts = [Int](repeating: 0, count: levels.count)
      for code in codes where code >= 0 { counts[Int(code)] += 1 }
      missing = codes.count { $0 < 0 }
      distinct = counts.count { $0 > 0 }
      isWhole = false
      largestCount = counts.max() ?? 0
      range = 0
    }
    fingerprint = Fingerprint(
      distinct: distinct, missing: missing,
      firstLabel: column.rowCount > 0 ? firstLabel(column) : nil)
  }

  func reasonToDrop(rowCount: Int) -> String? {
    let present = rowCount - missing
    if present == 0 { return "it has no value" }
    if distinct == 1, missing == 0 { return "all its values are equal" }
    if isNumeric {
      if isWhole, distinct == present, present >= 50, range < 4 * Double(present) {
        return "its values number the rows, as an identifier does"
      }
    } else if distinct == present, present > 20 {
      return "no value occurs twice, as in an identifier"
    } else if Double(distinct) > 0.5 * Double(present), present > 50 {
      return "\(distinct) of \(present) values are different, as in an identifier"
    }
    return nil
  }

  func term(_ name: String, rowCount: Int, knots: Int) -> TermSpecification {
    let minimum = max(5, min(50, rowCount / 500))
    if !isNumeric || (isWhole && distinct <= 12) || (distinct <= 2) {
      return TermSpecification(
        column: name, kind: .categorical(minimumCount: minimum, maximumLevels: 40))
    }
    if knots == 0 || distinct < 8 {
      return TermSpecification(
        column: name, kind: .numeric, takesLogarithm: nil, winsorises: true)
    }
    return TermSpecification(
      column: name, kind: .spline(knots: knots), takesLogarithm: nil, winsorises: true)
  }
}

private func firstLabel(_ column: TableColumn) -> String? {
  switch column {
  case .numbers(let values): values.first.map { label(of: $0.isNaN ? 0 : $0) }
  case .texts(let codes, let levels):
    codes.first.flatMap { $0 < 0 ? nil : levels[Int($0)] }
  }
}
