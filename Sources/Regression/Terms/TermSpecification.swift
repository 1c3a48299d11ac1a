/// A term of a model as it is declared: what becomes of one or two columns.
package struct TermSpecification: Codable, Equatable, Sendable {
  /// What a term makes of its columns.
  package enum Kind: Codable, Equatable, Sendable {
    /// A number, standardised where there is a penalty.
    case numeric
    /// A natural cubic spline with this many knots at quantiles of the training rows.
    case spline(knots: Int)
    /// One column per level but the most frequent; rarer levels than `minimumCount` rows are
    /// pooled, and those beyond the `maximumLevels` most frequent.
    case categorical(minimumCount: Int, maximumLevels: Int)
    /// Sine and cosine of this many harmonics of a period, such as 24 for an hour.
    case cyclic(period: Double, harmonics: Int)
    /// Powers up to a degree of a number, standardised where there is a penalty.
    case polynomial(degree: Int)
    /// The products of the columns of the terms of two columns.
    case interaction(String, String)
  }

  /// The column of the table; for an interaction its first.
  package var column: String
  /// What becomes of it.
  package var kind: Kind
  /// Whether numbers are taken by their signed logarithm; `nil` where the values decide.
  package var takesLogarithm: Bool?
  /// Whether numbers beyond the outer half percent of the training rows are drawn in.
  package var winsorises: Bool

  /// A term of the given parts.
  package init(
    column: String, kind: Kind, takesLogarithm: Bool? = false, winsorises: Bool = false
  ) {
    self.column = column
    self.kind = kind
    self.takesLogarithm = takesLogarithm
    self.winsorises = winsorises
  }

  /// As many columns as the term may have of a column; for an interaction a guess.
  func mostColumns(of column: TableColumn?) -> Int {
    switch kind {
    case .numeric: 2
    case .spline(let knots): knots + 1
    case .categorical(_, let maximumLevels):
      if case .texts(_, let levels)? = column {
        min(maximumLevels, levels.count) + 2
      } else {
        maximumLevels + 2
      }
    case .cyclic(_, let harmonics): 2 * max(1, harmonics) + 1
    case .polynomial(let degree): max(1, degree) + 1
    case .interaction: 4
    }
  }

  /// How the term is called in tables and reasons.
  package var name: String {
    if case .interaction(let left, let right) = kind { return "\(left):\(right)" }
    return column
  }
}
