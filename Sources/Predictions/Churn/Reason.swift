import Regression

/// Why a probability is what it is: one feature and what it adds to the log-odds.
package struct Reason: Equatable, Sendable {
  /// The feature.
  package let feature: String
  /// Its value; NaN where it is missing or a text.
  package let value: Double
  /// What it adds to the calibrated log-odds of the average company.
  package let contribution: Double
  /// The value in words.
  package let text: String

  /// The name of what all companies share.
  static let baseName = "base"

  /// What all companies, or whatever `subject` is, share: the log-odds of the average one.
  static func base(_ logOdds: Double, of subject: String = "company") -> Reason {
    Reason(feature: baseName, value: .nan, contribution: logOdds, text: "the average \(subject)")
  }

  /// The reasons of one row, largest first whatever their sign.
  ///
  /// All are given, so that with the base they sum to the log-odds. Equal ones are in the order of
  /// their names.
  ///
  /// - Parameters:
  ///   - score: the row's score.
  ///   - names: the features of the score's contributions.
  ///   - features: the features of the panel.
  ///   - panel: the features' values.
  ///   - row: the row of the panel.
  /// - Returns: one reason for each contribution.
  package static func all(
    of score: RiskModel.Score, names: [String], features: [FeatureSpecification],
    panel: FeaturePanel, row: Int
  ) -> [Reason] {
    zip(names, score.contributions).compactMap { name, contribution -> Reason? in
      guard let position = features.firstIndex(where: { $0.name == name }),
        let column = panel.table[name]
      else { return nil }
      if case .texts(let codes, let levels) = column {
        let feature = features[position]
        var level = codes[row] < 0 ? "not known" : levels[Int(codes[row])]
        if feature.holding != nil { level = panel.holdingNames[level] ?? level }
        let noun = FeatureQuantity.noun(
          of: feature.attribute ?? feature.holding?.rawValue ?? name)
        return Reason(
          feature: name, value: .nan, contribution: contribution, text: "\(noun): \(level)")
      }
      return Reason(
        feature: name, value: column.numbers[row], contribution: contribution,
        text: features[position].words(panel.quantities[position].map { $0[row] }))
    }.sorted {
      (-abs($0.contribution), $0.feature) < (-abs($1.contribution), $1.feature)
    }
  }
}

extension FeatureSpecification {
  /// A value in words, such as `uses fell from 41 to 12 in 30 days`.
  ///
  /// - Parameter quantities: the values of the quantities of ``kind``.
  /// - Returns: a phrase without a full stop.
  package func words(_ quantities: [Double]) -> String {
    switch kind {
    case .attribute(let name): return FeatureQuantity.noun(of: name)
    case .holding(let held): return FeatureQuantity.noun(of: held.rawValue)
    case .plain(let one), .logarithm(let one):
      return one.words(quantities[0])
    case .share(let one, let other):
      guard quantities[1] != 0, !quantities[1].isNaN else {
        return "no \(other.noun) to compare \(one.noun) with"
      }
      return "\(one.words(quantities[0])), \(other.words(quantities[1]))"
    case .logRatio(let one, let other, _):
      if quantities.contains(where: \.isNaN) {
        return "too new to compare \(one.noun) with those before"
      }
      let (before, now, noun) = FeatureSpecification.inOrder(one, other, quantities)
      let verb = now < before ? "fell" : now > before ? "rose" : "stayed"
      let change =
        verb == "stayed"
        ? "at \(FeatureQuantity.number(now))"
        : "from \(FeatureQuantity.number(before)) to \(FeatureQuantity.number(now))"
      guard case .count(_, let days, _) = one else { return "\(noun) \(verb) \(change)" }
      return "\(noun) \(verb) \(change) in \(days) days"
    }
  }

  /// The earlier and the later of two quantities, so that words follow time.
  private static func inOrder(
    _ one: FeatureQuantity, _ other: FeatureQuantity, _ values: [Double]
  ) -> (before: Double, now: Double, noun: String) {
    if case .count(_, _, let first) = one, case .count(_, _, let second) = other, first < second {
      return (values[1], values[0], one.noun)
    }
    return (values[0], values[1], one.noun)
  }
}

extension FeatureQuantity {
  /// What is measured, in words.
  var noun: String { FeatureQuantity.noun(of: measure) }

  /// A name in words.
  static func noun(of name: String) -> String { String(name.map { $0 == "_" ? " " : $0 }) }

  /// A value in words.
  func words(_ value: Double) -> String {
    if value.isNaN { return "\(noun) not known" }
    let text = FeatureQuantity.number(value)
    switch self {
    case .count(_, let days, 0): return "\(noun): \(text) in \(days) days"
    case .count(_, let days, let before):
      return "\(noun): \(text) in the \(days) days until \(before) days ago"
    case .distinct(_, let days): return "\(noun): by \(text) different ones in \(days) days"
    case .activeDays(_, let days): return "\(noun) on \(text) of \(days) days"
    case .sinceLast(_, let cap):
      return value >= Double(cap)
        ? "no \(noun) for \(cap) days or more" : "last \(noun) \(text) days ago"
    case .sinceFirst: return "first \(noun) \(text) days ago"
    case .slope(_, let weeks): return "\(noun) changed by \(text) a week over \(weeks) weeks"
    case .level: return "\(noun): \(text)"
    case .change(_, let days): return "\(noun) changed by \(text) in \(days) days"
    }
  }

  /// A number with at most one decimal.
  static func number(_ value: Double) -> String {
    let rounded = (value * 10).rounded() / 10
    guard rounded == rounded.rounded(), abs(rounded) < 1e15 else { return "\(rounded)" }
    return String(Int64(rounded))
  }
}
