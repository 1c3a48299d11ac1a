package import Documents
package import Forecasting
package import Predictions

/// A model of a series of amounts over time: what is forecast, how far, and how it is fitted.
package struct ModelDefinition: Hashable, Sendable {
  /// The amounts that are forecast: their daily sums.
  package struct Series: Hashable, Sendable {
    /// The column that is summed.
    package var amountColumn: NameReference
    /// The dataset it belongs to.
    package var dataset: NameReference
    /// The column that dates an amount.
    package var timeColumn: NameReference
    /// Which rows count; `nil` for all.
    package var condition: Condition?
    /// Rows of another dataset that count where this one has no row for them; `nil` for none.
    package var alternative: Alternative?
  }

  /// Rows that count where the main dataset of a series has no row that refers to them.
  package struct Alternative: Hashable, Sendable {
    /// The column that is summed.
    package var amountColumn: NameReference
    /// The dataset it belongs to, which has a key of one column.
    package var dataset: NameReference
    /// The column that dates an amount; a row without one does not count.
    package var timeColumn: NameReference
    /// The column of the main dataset that refers to the key of this one.
    package var referringColumn: NameReference
  }

  /// Rows whose column equals a value.
  package struct Condition: Hashable, Sendable {
    /// The column.
    package var column: NameReference
    /// The value it has to have.
    package var value: String
  }

  /// How far ahead the forecast goes.
  package struct Horizon: Hashable, Sendable {
    /// Days ahead.
    package var days: Int
    /// Calendar months ahead.
    package var months: Int
  }

  /// How a model is fitted.
  package enum Fit: Hashable, Sendable {
    /// A combination of methods for every scope, made to add up.
    case ensemble
    /// One regression, of the total alone.
    case harmonicRidge(HarmonicRidge)
  }

  /// Ridge regression on a trend with bends and on harmonics.
  package struct HarmonicRidge: Hashable, Sendable {
    /// Bends of the piecewise-linear trend.
    package var changepoints: Int
    /// Pairs of sine and cosine over the week, 0 to 3.
    package var weeklyHarmonics: Int
    /// Pairs of sine and cosine over the year.
    package var yearlyHarmonics: Int
    /// How the ridge penalty is found.
    package var penalty: PenaltyChoice
  }

  /// How a penalty is found.
  package enum PenaltyChoice: String, Hashable, Sendable, CaseIterable {
    /// The one with the least error over rolling origins.
    case rollingOrigin = "rolling_origin"
  }

  /// The forecasts a model has to beat to be published.
  package enum Baseline: String, Hashable, Sendable, CaseIterable {
    /// The value of one season before.
    case seasonalNaive = "seasonal_naive"
    /// The last value.
    case naive
    /// The last value and the mean change.
    case drift
  }

  /// The model's name.
  package var name: String
  /// Where the name stands.
  package var mark: Mark
  /// What the model answers, for people.
  package var question: String
  /// What is forecast.
  package var series: Series
  /// What forecasts are made for.
  package var scopes: [ForecastScope]
  /// What of it: revenue, or MRR at the end of each period as well.
  package var measures: [ForecastMeasure]
  /// How far ahead.
  package var horizon: Horizon
  /// How it is fitted.
  package var fit: Fit
  /// Days that come again and bring more or less than others.
  package var holidays: [Holiday]
  /// The levels of the intervals in per cent, ascending.
  package var levels: [Int]
  /// What it has to beat.
  package var beats: [Baseline]
  /// The definition as one text for a digest; see ``Node/canonicalText``.
  package var canonicalText: String
}

extension ModelDefinition {
  /// The datasets whose rows the model is fitted to.
  package var datasetNames: [String] {
    [series.dataset.name] + [series.alternative?.dataset.name].compactMap(\.self)
  }
}
