import Regression

/// A number that is taken from a company's history as of an instant T.
///
/// Days are local days of the panel's zone; windows are half-open and end with the day before T.
package enum FeatureQuantity: Hashable, Sendable {
  /// The sum of a tally in `days` days, which end `before` days before T.
  case count(tally: String, days: Int, before: Int = 0)
  /// The number of different subjects of a tally, such as users, in `days` days.
  case distinct(tally: String, days: Int)
  /// The number of days of the window on which a tally has a row.
  case activeDays(tally: String, days: Int)
  /// Days since the latest row of a tally, at most `cap`; `cap` where there is none.
  case sinceLast(tally: String, cap: Int)
  /// Days since the first row of a tally; missing where there is none.
  case sinceFirst(tally: String)
  /// The slope per week of the weekly sums of a tally over `weeks` weeks, by least squares.
  case slope(tally: String, weeks: Int)
  /// The sum over the keys of a state of each key's value at T.
  case level(state: String)
  /// The level at T less the level `days` days before, both as known at T.
  case change(state: String, days: Int)

  /// The tally or state that is read.
  package var measure: String {
    switch self {
    case .count(let name, _, _), .distinct(let name, _), .activeDays(let name, _),
      .sinceLast(let name, _), .sinceFirst(let name), .slope(let name, _), .level(let name),
      .change(let name, _):
      name
    }
  }

  /// Whether a state is read, not a tally.
  package var readsState: Bool {
    switch self {
    case .level, .change: true
    default: false
    }
  }
}

/// A feature of a panel: one column of numbers.
package struct FeatureSpecification: Hashable, Sendable {
  /// How a feature is made of its quantities.
  package enum Kind: Hashable, Sendable {
    /// The quantity itself.
    case plain(FeatureQuantity)
    /// The first over the second; missing where that is 0 or either is missing.
    case share(FeatureQuantity, of: FeatureQuantity)
    /// `log((a + k) / (b + k))` of two quantities, so that small counts make no large ratios; of two
    /// windows missing where nothing of the company is as old as the earlier one (DECISIONS.md, D-581).
    case logRatio(FeatureQuantity, to: FeatureQuantity, prior: Double)
    /// `log(1 + a)` of a quantity; missing where it is below 0.
    case logarithm(FeatureQuantity)
    /// What the company was said to be, such as its segment, by the latest version of it that had been
    /// seen before T: a text, missing where none had.
    case attribute(String)
    /// What the company holds, as known at T: an identifier as a text, missing where that is nothing.
    case holding(FeatureHolding)

    /// Of two windows that are compared the earlier one: its position among the quantities, and how
    /// many days before T it begins; `nil` where no two are.
    var earlierWindow: (position: Int, days: Int)? {
      guard
        case .logRatio(.count(_, let days, let before), .count(_, let others, let other), _) = self,
        before != other
      else { return nil }
      return before > other ? (0, before + days) : (1, other + others)
    }

    /// The quantities, one or two; none of an attribute or a holding.
    package var quantities: [FeatureQuantity] {
      switch self {
      case .plain(let one), .logarithm(let one): [one]
      case .share(let one, let other), .logRatio(let one, let other, _): [one, other]
      case .attribute, .holding: []
      }
    }
  }

  /// The name of the column.
  package var name: String
  /// How it is computed.
  package var kind: Kind

  /// A feature of the given name.
  package init(_ name: String, _ kind: Kind) {
    self.name = name
    self.kind = kind
  }

  /// The attribute that is read; `nil` of a feature made of quantities.
  package var attribute: String? {
    if case .attribute(let name) = kind { name } else { nil }
  }

  /// What is held that is read; `nil` of other features.
  package var holding: FeatureHolding? {
    if case .holding(let held) = kind { held } else { nil }
  }
}

/// Which texts are told apart by a model of risk: others are one level (DECISIONS.md, D-545, D-582).
enum CategoryPooling {
  /// The rows that a text needs.
  static let minimumCount = 30
  /// The most texts, those with the most rows.
  static let maximumLevels = 20
  /// What becomes of a column of texts.
  static let term = TermSpecification.Kind.categorical(
    minimumCount: minimumCount, maximumLevels: maximumLevels)
}

extension [FeatureSpecification] {
  /// What becomes of the columns that are no numbers, by name.
  var terms: [String: TermSpecification.Kind] {
    Dictionary(
      filter { $0.attribute != nil || $0.holding != nil }.map {
        ($0.name, CategoryPooling.term)
      }, uniquingKeysWith: { first, _ in first })
  }
}

/// Why a panel cannot be made.
package enum FeatureError: Error, Equatable, Sendable {
  /// A feature reads a tally, state, attribute or holding that the history does not hold.
  case unknownMeasure(feature: String, measure: String)
  /// Two features have one name.
  case repeatedName(String)
  /// A window is not of at least one day, or a slope not of at least two weeks.
  case emptyWindow(feature: String)
}

extension FeatureError: CustomStringConvertible {
  /// The error as one line.
  package var description: String {
    switch self {
    case .unknownMeasure(let feature, let measure):
      "feature \(feature): there is no measure \(measure) of that kind; declare it or correct it"
    case .repeatedName(let name): "two features are called \(name); rename one"
    case .emptyWindow(let feature): "feature \(feature): the window is empty; give a longer one"
    }
  }
}
