/// The target of a model, read from a table.
struct Target {
  var family: ModelFamily
  /// One value per row that has one.
  var values: [Double]
  /// The rows that have a target.
  var rows: [Int]
  /// The name of yes, for probabilities.
  var positive: String?
  /// The name of no.
  var negative: String?
  var notes: [String] = []

  /// Sizes whose squares, times those of inverse columns, fit a double with all digits.
  private static let sizes = 1e-70...1e70

  init(_ specification: ModelSpecification, _ table: Table) throws(RegressionError) {
    let name = specification.target
    guard let column = table[name] else { throw .missingColumn(name) }
    let (codes, labels) = column.coded
    rows = codes.indices.filter { codes[$0] >= 0 }
    guard !rows.isEmpty else { throw .unusableColumn(name, "the target has no value") }
    if rows.count < codes.count {
      notes.append("\(codes.count - rows.count) rows without a target are left out")
    }
    var occurs = [Bool](repeating: false, count: labels.count)
    for row in rows { occurs[Int(codes[row])] = true }
    let distinct = Set(labels.indices.filter { occurs[$0] }.map { labels[$0] }).sorted()
    guard distinct.count > 1 else {
      throw .unusableColumn(name, "the target has one value only, so there is nothing to learn")
    }
    let isNumeric = distinct.allSatisfy { Double($0) != nil }
    family =
      specification.family
      ?? (distinct.count == 2 ? .logistic : .linear)
    guard family == .logistic || isNumeric else {
      throw .unusableColumn(
        name,
        "the target holds texts of \(distinct.count) kinds; "
          + "name two of them or a number to predict")
    }
    switch family {
    case .logistic:
      let yes: String
      if let positive = specification.positive {
        guard distinct.contains(positive) else {
          throw .unusableColumn(name, "the target never is \"\(positive)\"")
        }
        yes = positive
      } else {
        guard distinct.count == 2 else {
          throw .unusableColumn(
            name, "the target has \(distinct.count) values; say which one is \"positive\"")
        }
        let words: Set<String> = ["1", "yes", "true", "t", "y"]
        if let word = distinct.first(where: { words.contains($0.lowercased()) }) {
          yes = word
        } else if isNumeric {
          yes = (Double(distinct[0]) ?? 0) > (Double(distinct[1]) ?? 0) ? distinct[0] : distinct[1]
        } else {
          let isFirst = labels.map { $0 == distinct[0] }
          let first = rows.count { isFirst[Int(codes[$0])] }
          yes = first * 2 <= rows.count ? distinct[0] : distinct[1]
          notes.append("\"\(yes)\" counts as yes; say \"positive\" to choose")
        }
      }
      positive = yes
      negative = distinct.count == 2 ? distinct.first { $0 != yes } : "(other)"
      let outcomes = labels.map { $0 == yes ? 1.0 : 0 }
      values = rows.map { outcomes[Int(codes[$0])] }
    case .linear, .poisson:
      let numbers = column.numbers
      values = rows.map { numbers[$0] }
      guard values.allSatisfy(\.isFinite) else {
        throw .unusableColumn(name, "the target holds infinite values")
      }
      let largest = values.reduce(0) { max($0, abs($1)) }
      let deviation = moments(values).deviation
      guard deviation > 0 || largest == 0 else {
        throw .unusableColumn(name, "the target's values differ by rounding alone")
      }
      guard Target.sizes.contains(largest), Target.sizes.contains(deviation) else {
        throw .unusableColumn(
          name,
          "values beyond 1e70, or that differ by less than 1e-70, leave no room for their squares; "
            + "give the target in another unit")
      }
      guard family == .linear || values.allSatisfy({ $0 >= 0 }) else {
        throw .unusableColumn(name, "counts cannot be negative")
      }
    }
  }
}
