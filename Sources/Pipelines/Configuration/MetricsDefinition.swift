package import AlmanacCore
package import Billing
package import Documents

/// What `models/metrics.yaml` says: the habits behind MRR, and the metrics that users declare.
package struct MetricsDefinition: Hashable, Sendable {
  /// When movements are judged.
  package var recognition = LedgerSettings.Recognition.monthEnd
  /// When a cancellation counts.
  package var churnAt = LedgerSettings.ChurnTime.serviceEnd
  /// What a pause does.
  package var pause = LedgerSettings.Pause.zero
  /// When foreign amounts are converted.
  package var fx = LedgerSettings.ForeignExchange.atChange
  /// The share of revenue that `ltv` counts, in ten-thousandths.
  package var margin = 10_000
  /// The declared metrics, in the order of the file.
  package var declared: [DeclaredMetric] = []
  /// The definition as one text for a digest; empty without a file.
  package var canonicalText = ""

  /// The defaults and no declared metric: what holds without a file.
  package init() {}

  /// The settings of the ledger with a reporting currency.
  package func ledgerSettings(_ currency: CurrencyCode) -> LedgerSettings {
    LedgerSettings(
      currency: currency, recognition: recognition, churnAt: churnAt, pause: pause, fx: fx)
  }
}

/// A metric made of the rows of a dataset, by company and local day.
package struct DeclaredMetric: Hashable, Sendable {
  /// How rows become a number.
  package enum Measure: Hashable, Sendable {
    /// The number of rows.
    case count
    /// The sum of a column of money (in the reporting currency) or of whole numbers.
    case sum(NameReference)
    /// The number of different values of a column of identifiers.
    case distinct(NameReference)
    /// One metric over another.
    case ratio(NameReference, NameReference)
  }

  /// A comparison of a column with a text.
  package struct Condition: Hashable, Sendable {
    /// The column.
    package var column: NameReference
    /// What it is compared with.
    package var value: String
    /// Whether it must be equal; a missing value is equal to nothing and unlike nothing.
    package var isEqual: Bool
  }

  /// Along what the rows are split.
  package struct Split: Hashable, Sendable {
    /// The name of the dimension.
    package var name: String
    /// The column whose values are the members.
    package var column: NameReference
  }

  /// The metric's name.
  package var name: String
  /// Where it stands.
  package var mark: Mark
  /// How rows become a number.
  package var measure: Measure
  /// The dataset of the rows; of a ratio, without meaning.
  package var dataset: NameReference
  /// The column that says when a row counts; `nil` for the dataset's own time.
  package var timeColumn: NameReference?
  /// What rows have to fulfil, all of it.
  package var conditions: [Condition]
  /// Along what the rows are split; `nil` for not at all.
  package var split: Split?
  /// How many days, ending with the period's last, are looked at; `nil` for the period itself.
  package var windowDays: Int?
}

extension DeclaredMetric {
  /// The longest window of a distinct count, in days.
  package static let longestWindow = 92
}
