/// A value of a series that does not fit those before it.
package struct Anomaly: Equatable, Sendable {
  /// In what way a value does not fit.
  package enum Kind: String, CaseIterable, Sendable {
    /// One value far above what was expected.
    case spike
    /// One value far below what was expected.
    case drop
    /// The first of values that stay above, or below, what was expected.
    case levelShift = "level_shift"
    /// No value, or an exact zero, where there always was one.
    case missing
  }

  /// The period, counted from zero.
  package let position: Int
  /// In what way the value does not fit.
  package let kind: Kind
  /// The value; `nil` where there is none.
  package let actual: Double?
  /// The value that was expected, in the unit of the series.
  package let expected: Double
  /// The smallest value that would have been no anomaly.
  package let lower: Double
  /// The largest value that would have been no anomaly.
  package let upper: Double
  /// The distance from ``expected`` in robust standard deviations of earlier distances, with its
  /// sign; 0 where there is no value.
  package let score: Double
}
