import Regression

/// A coefficient of a fitted model with its test.
struct CoefficientRow {
  /// The name of the column of the design, or that of the intercept.
  let name: String
  /// Whether it is the intercept.
  let isIntercept: Bool
  /// The coefficient, on the scale of the link.
  let estimate: Double
  /// Its standard error; `nil` for a model that has none.
  let error: Double?
  /// The estimate over its error: t of a linear model, z of others; `nil` without an error, or where it
  /// is zero.
  let statistic: Double?
  /// The probability of a larger statistic where the coefficient is zero; `nil` without one.
  let pValue: Double?
  /// The variance inflation factor; `nil` for the intercept, for a model that has none, and where it has
  /// no bound.
  let inflationFactor: Double?
}

/// What a term adds to the prediction of an average row, over its range.
struct TermEffect {
  /// A value of the term's column and its effect.
  struct Point {
    /// The value as people read it.
    let label: String
    /// The value, for a term of numbers.
    let number: Double?
    /// What it adds, on the scale of the link.
    let effect: Double
  }

  /// The term.
  let term: String
  /// Values in order.
  let points: [Point]
}

extension FittedModel {
  /// The intercept and the coefficients in order, with their tests.
  var coefficientRows: [CoefficientRow] {
    let names = ["(intercept)"] + terms.flatMap(\.columnNames)
    let freedom =
      leastSquares.map { Double($0.residualDegreesOfFreedom) }
      ?? max(1, Double(rowCount) - effectiveParameters)
    return zip(names, [intercept] + coefficients.joined()).enumerated().map { index, entry in
      let error = standardErrors.isEmpty ? nil : standardErrors[index]
      let statistic = error.flatMap { $0 > 0 ? entry.1 / $0 : nil }
      let pValue = statistic.map { ratio in
        family == .linear
          ? Distributions.studentTwoSided(ratio, degreesOfFreedom: freedom)
          : Distributions.normalTwoSided(ratio)
      }
      return CoefficientRow(
        name: entry.0, isIntercept: index == 0, estimate: entry.1, error: error,
        statistic: statistic, pValue: pValue,
        inflationFactor: index == 0 ? nil : leastSquares?.inflationFactors[index - 1])
    }
  }

  /// The effect of each curved or graded term over the range of the training rows.
  func effects() throws -> [TermEffect] {
    var found: [TermEffect] = []
    for (term, coefficients) in zip(terms, coefficients) {
      let values: [(label: String, number: Double?)]
      var table: Table
      switch term.state {
      case .numeric(let preparation, _, _), .spline(let preparation, _, _),
        .polynomial(let preparation, _, _, _):
        let points = (0...8).map { step in
          let share = Double(step) / 8
          // A difference of the ends may be beyond the largest number.
          return preparation.original(preparation.lower * (1 - share) + preparation.upper * share)
        }
        values = points.map { (ModelText.number($0), $0) }
        table = Table(rowCount: points.count)
        table.add(term.name, .numbers(points))
      case .categorical(let levels, let reference, _, _):
        let all = (reference.map { [$0] } ?? []) + levels
        values = all.map { ($0, nil) }
        table = Table(rowCount: all.count)
        table.add(term.name, .texts(codes: all.indices.map { Int32($0) }, levels: all))
      default: continue
      }
      let mean = zip(term.means, coefficients).reduce(0) { $0 + $1.0 * $1.1 }
      let added = try term.contribution(of: table, coefficients: coefficients).map { $0 - mean }
      found.append(
        TermEffect(
          term: term.name,
          points: zip(values, added).map { value, effect in
            TermEffect.Point(label: value.label, number: value.number, effect: effect)
          }))
    }
    return found
  }
}
