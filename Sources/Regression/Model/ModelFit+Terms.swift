import Glibc
import LinearAlgebra

/// Choices between groups of terms, each by the loss on rows left out (D-475).
extension ModelFit {
  /// The knots of the finer curves that are tried.
  private static let fineKnots = 15
  /// The most rows that coarse and fine curves are compared on.
  private static let comparedRows = 20_000

  /// The fit with all curves finer, where that loses less on rows left out by more than one standard
  /// error; only for terms that were not declared.
  ///
  /// Many rows are compared by every k-th of them, since a fit of finer curves takes longer.
  mutating func withFinerCurves(
    _ layout: DesignLayout, _ main: Choice
  ) throws(RegressionError) -> (DesignLayout, Choice)? {
    guard specification.terms == nil, specification.penalty == .chosen,
      table.rowCount >= ModelFit.choosingRows
    else { return nil }
    let curves = layout.terms.filter(\.isCurve)
    let width = layout.width + curves.count * (ModelFit.fineKnots - DefaultTerms.coarseKnots)
    guard !curves.isEmpty, width <= DefaultTerms.mostCurveColumns(rowCount: table.rowCount)
    else { return nil }
    let step = (table.rowCount + ModelFit.comparedRows - 1) / ModelFit.comparedRows
    let gains: [Double]
    var found: (DesignLayout, Choice)?
    if step == 1 {
      let fine = try fineChoice(layout, main)
      gains = main.losses.indices.map { main.losses[$0] - fine.1.losses[$0] }
      found = fine
    } else {
      guard let sample = try every(step) else { return nil }
      let part = try DesignLayout(layout.terms, sample.table)
      var start = main
      start.penalty /= Double(step)
      start.losses = []
      let coarse = try sample.grouped(
        part, start, PenaltyGroups.main(part.terms, part.ranges))
      let fine = try sample.fineChoice(part, coarse).1
      gains = coarse.losses.indices.map { coarse.losses[$0] - fine.losses[$0] }
    }
    let isBetter = exceedsOneStandardError(gains)
    notes.append(
      "curves of \(ModelFit.fineKnots) knots "
        + "\(isBetter ? "are in the model" : "were tried and left out"): \(comparison(gains))")
    guard isBetter else { return nil }
    if let found { return found }
    return try fineChoice(layout, main)
  }

  /// The fit of every k-th row; `nil` where a class would have fewer than two.
  private func every(_ step: Int) throws(RegressionError) -> ModelFit? {
    let rows = Array(stride(from: 0, to: table.rowCount, by: step))
    let sample = try ModelFit(self, rows: rows)
    let isUsable = family != .logistic || sample.fewestOfClass >= 2
    return isUsable ? sample : nil
  }

  /// The columns with finer curves, and their fit from that with coarser ones on.
  private func fineChoice(
    _ layout: DesignLayout, _ coarse: Choice
  ) throws(RegressionError) -> (DesignLayout, Choice) {
    var terms: [FittedTerm] = []
    for term in layout.terms {
      guard term.isCurve else {
        terms.append(term)
        continue
      }
      terms.append(
        try FittedTerm(
          TermSpecification(
            column: term.name, kind: .spline(knots: ModelFit.fineKnots), takesLogarithm: nil,
            winsorises: true), training: table))
    }
    let fine = try DesignLayout(terms, table)
    var start = Choice(
      penalty: coarse.penalty, coefficients: [coarse.coefficients[0]], leftOut: [], losses: [],
      judged: coarse.judged, factors: [0])
    for (index, range) in fine.ranges.enumerated() {
      let old = layout.ranges[index].map { $0 + 1 }
      for position in range.indices {
        let place = position - range.lowerBound
        // The line is the same, and so is what says that a value was missing; bends begin at 0.
        let isSame = !terms[index].isCurve || place == 0
        let last = old[min(place, old.count - 1)]
        start.coefficients.append(isSame ? coarse.coefficients[last] : 0)
        start.factors.append(coarse.factors[isSame ? last : old[min(1, old.count - 1)]])
      }
    }
    return (
      fine, try grouped(fine, start, PenaltyGroups.main(fine.terms, fine.ranges))
    )
  }

  /// The fit with interactions, where they help; the layout then has their columns.
  mutating func withInteractions(
    _ layout: inout DesignLayout, _ main: Choice
  ) throws(RegressionError) -> (Choice, penalty: Double?) {
    let plain = layout.shape
    let products = try layout.addInteractions(coefficients: main.coefficients)
    let added = layout.terms.count - plain.termCount
    guard added > 0 else { return (main, nil) }
    let widened = try grouped(
      layout, choose(layout, penalties: interactionPenalties, fixed: main),
      PenaltyGroups.main(
        Array(layout.terms.prefix(plain.termCount)),
        Array(layout.ranges.prefix(plain.termCount))) + products)
    let gains = main.losses.indices.map { main.losses[$0] - widened.losses[$0] }
    let isBetter = exceedsOneStandardError(gains)
    notes.append(
      "\(added) interactions \(isBetter ? "are in the model" : "were tried and left out"): "
        + comparison(gains))
    guard isBetter else {
      layout.keep(plain)
      return (main, nil)
    }
    let least = widened.factors.dropFirst(plain.width + 1).min() ?? 1
    return (widened, widened.penalty * least)
  }

  private func comparison(_ gains: [Double]) -> String {
    let gain = moments(gains)
    let error = gain.deviation / Double(max(1, gains.count)).squareRoot()
    return "loss on rows left out lower by \(rounded(gain.mean)) ± \(rounded(error))"
  }
}

/// A number with three digits, for notes.
private func rounded(_ value: Double) -> String {
  guard value != 0, value.isFinite else { return "\(value)" }
  let scale = pow(10, 2 - log10(abs(value)).rounded(.down))
  let digits = (value * scale).rounded() / scale
  return "\(digits)"
}
