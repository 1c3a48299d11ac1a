package import Documents
import Predictions

extension ModelDefinition {
  /// Reads the definition in a file of `models/`.
  ///
  /// - Throws: `DocumentError` with the place of the first fault.
  package init(node: Node) throws(DocumentError) {
    var reader = try MappingReader(node, of: "the model")
    name = try reader.required("model", as: .name)
    mark = reader.mark(of: "model")
    question = try reader.required("question", as: .text)
    series = try reader.required("series", as: .mapping("the series", Series.init(reader:)))
    scopes = try reader.required("scopes", as: .set(of: .word))
    measures = try reader.optional("measures", as: .set(of: .word)) ?? [.revenue]
    horizon = try reader.required("horizon", as: .mapping("the horizon", Horizon.init(reader:)))
    fit = try reader.required("fit", as: .mapping("the fit", Fit.init(reader:)))
    holidays = try reader.optional("holidays", as: .holidays) ?? []
    levels = try reader.required("levels", as: .levels)
    beats = try reader.required("gate", as: .gate)
    try reader.finish()
    if case .harmonicRidge = fit, scopes != [.total] || measures != [.revenue] {
      throw .notSupported(
        mark, found: "the family harmonic_ridge for more than the revenue of the total",
        instead: "family: ensemble")
    }
    if case .harmonicRidge = fit, !holidays.isEmpty {
      throw .notSupported(
        reader.mark(of: "holidays"), found: "holidays for the family harmonic_ridge",
        instead: "family: ensemble")
    }
    canonicalText = node.canonicalText
  }
}

extension ModelDefinition.Series {
  fileprivate init(reader: inout MappingReader) throws(DocumentError) {
    amountColumn = try reader.required("sum", as: .reference)
    dataset = try reader.required("from", as: .reference)
    condition = try reader.optional("where", as: .condition)
    timeColumn = try reader.required("at", as: .reference)
    alternative = try reader.optional(
      "or", as: .mapping("the alternative", ModelDefinition.Alternative.init(reader:)))
  }
}

extension ModelDefinition.Alternative {
  fileprivate init(reader: inout MappingReader) throws(DocumentError) {
    amountColumn = try reader.required("sum", as: .reference)
    dataset = try reader.required("from", as: .reference)
    timeColumn = try reader.required("at", as: .reference)
    referringColumn = try reader.required("unless", as: .reference)
  }
}

extension ModelDefinition.Horizon {
  fileprivate init(reader: inout MappingReader) throws(DocumentError) {
    days = try reader.required("day", as: .integer(in: 1...730))
    months = try reader.required("month", as: .integer(in: 1...24))
  }
}

extension ModelDefinition.Fit {
  fileprivate init(reader: inout MappingReader) throws(DocumentError) {
    let isEnsemble = try reader.required(
      "family", as: .oneOf(["ensemble": true, "harmonic_ridge": false]))
    self =
      isEnsemble
      ? .ensemble : .harmonicRidge(try ModelDefinition.HarmonicRidge(reader: &reader))
  }
}

extension ModelDefinition.HarmonicRidge {
  fileprivate init(reader: inout MappingReader) throws(DocumentError) {
    changepoints = try reader.required(
      "trend",
      as: .mapping("the trend") { (trend) throws(DocumentError) -> Int in
        try trend.required("changepoints", as: .integer(in: 0...100))
      })
    (weeklyHarmonics, yearlyHarmonics) = try reader.required(
      "harmonics",
      as: .mapping("the harmonics") { (harmonics) throws(DocumentError) -> (Int, Int) in
        // A week has seven days, so a fourth pair would repeat the third.
        (
          try harmonics.required("weekly", as: .integer(in: 0...3)),
          try harmonics.required("yearly", as: .integer(in: 0...26))
        )
      })
    penalty = try reader.required(
      "penalty",
      as: .mapping("the penalty") {
        (choice) throws(DocumentError) -> ModelDefinition.PenaltyChoice
        in
        try choice.required("choose", as: .word)
      })
  }
}

extension ValueReader where Value == ModelDefinition.Condition {
  /// `column = value`.
  fileprivate static var condition: ValueReader {
    let expected = "a condition such as outcome = succeeded"
    return ValueReader(expected) { (node) throws(DocumentError) -> ModelDefinition.Condition in
      guard case .scalar(let scalar) = node.content else { throw node.unexpected(expected) }
      let halves = scalar.text.split(separator: "=", omittingEmptySubsequences: false).map(trimmed)
      guard halves.count == 2, isName(halves[0]), !halves[1].isEmpty else {
        throw node.unexpected(expected)
      }
      return ModelDefinition.Condition(
        column: NameReference(name: halves[0], mark: node.mark), value: halves[1])
    }
  }
}

extension ValueReader where Value == [Int] {
  /// The levels of the intervals, which are those that the prediction tables have columns for.
  fileprivate static var levels: ValueReader {
    ValueReader("[80, 95]") { (node) throws(DocumentError) -> [Int] in
      let level = ValueReader<Int>.scalar("80 or 95, the levels that the tables hold") { text in
        [80, 95].first { String($0) == text }
      }
      let levels = try ValueReader<[Int]>.set(of: level).read(node)
      guard levels.count == 2 else {
        throw .unexpected(
          node.mark, found: "\(levels.count) level", expected: "both 80 and 95", suggestion: nil)
      }
      return levels.sorted()
    }
  }
}

extension ValueReader where Value == [ModelDefinition.Baseline] {
  /// The gate: what has to be beaten.
  fileprivate static var gate: ValueReader {
    .mapping("the gate") { (gate) throws(DocumentError) -> [ModelDefinition.Baseline] in
      try gate.required("beats", as: .set(of: .word))
    }
  }
}
