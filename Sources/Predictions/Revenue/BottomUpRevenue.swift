import Billing
import Glibc
package import Regression

/// Forecasts MRR from its movements: each kind by a small regression of what was not scheduled, beside
/// what is (DECISIONS.md, D-502).
package enum BottomUpRevenue {
  /// The months whose movements are learnt from.
  private static let window = 36
  /// Half of a month's weight is gone after as many months.
  private static let halfLife = 12.0
  /// The fewest months to learn from.
  private static let fewest = 3
  /// The months from which on a yearly season is looked for.
  private static let seasonFrom = 24
  /// The share of a trend that is left after each month to come.
  private static let damping = 0.9
  /// What a degree of freedom costs: above 1, since few months let plain cross-validation overfit.
  private static let costOfFreedom = 1.4
  /// The penalties to choose from, the strongest first, in units of a month's weight.
  private static let penalties = [1_000.0, 100, 30, 10, 3, 1, 0.3, 0.1]

  /// MRR at the ends of the months to come.
  ///
  /// - Parameters:
  ///   - tables: what was known after one month, after two, … and now.
  ///   - horizon: the months to forecast; the last table has rows for as many.
  ///   - remaining: the share of the first of them that is still to come.
  /// - Returns: one value a month, none below 0.
  /// - Throws: `.linearAlgebra` if LAPACK finds no memory or an amount is not finite.
  package static func forecast(
    _ tables: ArraySlice<MovementTable>, horizon: Int, remaining: Double = 1
  ) throws(RegressionError) -> [Double] {
    guard let now = tables.last else { return [] }
    let end = tables.count
    var models: [(kind: MovementKind, model: Surprises?)] = []
    for kind in MovementKind.allCases where kind != .fx {
      models.append((kind, try Surprises(kind, tables: Array(tables), horizon: horizon)))
    }
    var level = now.level(end)
    var lost = now.lost(end)
    var elapsed = 0.0
    var levels: [Double] = []
    for lead in 1...horizon {
      elapsed += pow(damping, Double(lead))
      var losses = 0.0
      var gains = 0.0
      for (kind, model) in models {
        // What has happened is certain: only the rest may be withdrawn.
        let realised = lead == 1 ? now.realised[kind.column] : 0
        let scheduled = now.rows[end + lead][kind.column] - realised
        let exposure = kind.exposure(level: level, lost: lost)
        let surprise =
          model?.value(
            exposure: exposure, lead: lead, years: elapsed / 12, row: end + lead,
            scheduled: scheduled, remaining: lead == 1 ? remaining : 1) ?? 0
        let amount = realised + kind.rest(scheduled: scheduled, surprise: surprise)
        switch kind {
        case .contraction: losses += min(0, amount)
        case .churned:
          losses += min(0, amount)
          lost += max(0, -amount)
        case .reactivation:
          gains += max(0, amount)
          lost -= max(0, amount)
        case .new, .expansion, .fx: gains += max(0, amount)
        }
      }
      lost = max(0, lost)
      level = max(0, level + max(losses, -level) + gains)
      levels.append(level)
    }
    return levels
  }

  /// What movements of one kind there are beside the scheduled ones.
  ///
  /// The rate of a month is regressed on a constant, on the reciprocal of the months ahead (the
  /// longer ahead, the less of a month's movements is scheduled yet), on time, on what was scheduled
  /// (which may be withdrawn) and, from two years on, on a yearly wave; all but the constant are
  /// penalised, by generalised cross-validation with each degree of freedom counted 1.4 times (Kim & Gu,
  /// *JRSS B* 66(2), 2004, doi:10.1046/j.1369-7412.2003.05316.x). Months count by what they are a share of, and half as
  /// much for each year back.
  private struct Surprises {
    /// One coefficient for each of ``features(lead:years:row:scheduled:)``.
    private var coefficients: [Double]

    /// `nil` with too few months.
    init?(
      _ kind: MovementKind, tables: [MovementTable], horizon: Int
    ) throws(RegressionError) {
      let now = tables[tables.count - 1]
      let end = tables.count
      let first = max(2, end - window + 1)
      guard end - first + 1 >= fewest else { return nil }
      var rows: [[Double]] = []
      var target: [Double] = []
      var weights: [Double] = []
      var months = 0.0
      var level = now.level(first - 1)
      var lost = now.lost(first - 1)
      for row in first...end {
        let exposure = kind.exposure(level: level, lost: lost)
        level += now.rows[row].reduce(0, +)
        lost = now.lost(row)
        guard exposure > 0 else { continue }
        let age = Double(end - row)
        let recency = pow(0.5, age / halfLife)
        months += recency
        let reach = min(horizon, row - 1)
        for lead in 1...reach {
          let scheduled = tables[row - lead - 1].rows[row][kind.column]
          rows.append(
            Surprises.features(
              lead: lead, years: -age / 12, row: row, scheduled: scheduled / exposure))
          target.append((now.rows[row][kind.column] - scheduled) / exposure)
          weights.append(recency * exposure / Double(reach))
        }
      }
      let sum = weights.reduce(0, +)
      guard months >= 1, sum > 0 else { return nil }
      weights = weights.map { $0 * months / sum }
      coefficients = [Double](repeating: 0, count: rows[0].count)
      let isSeasonal = end >= seasonFrom
      let used = coefficients.indices.filter { column in
        (isSeasonal || column < Surprises.seasonal) && rows.contains { $0[column] != 0 }
      }
      let path = try RidgePath(
        columns: used.map { column in rows.map { $0[column] } }, weights: weights,
        penaltyFactors: used.map { $0 == 0 ? 0 : 1 }, standardisesColumns: true)
      var best: (score: Double, fit: [Double])?
      for penalty in penalties {
        let fit = try path.fit(target, penalty: penalty)
        let left = months - costOfFreedom * fit.effectiveDegreesOfFreedom
        let score = left > 0.5 ? months * fit.residualSumOfSquares / (left * left) : .infinity
        if best.map({ score < $0.score }) ?? true { best = (score, fit.coefficients) }
      }
      for (column, value) in zip(used, best?.fit ?? []) { coefficients[column] = value }
    }

    /// The first column of the season, which is the last.
    private static let seasonal = 4
    /// The column of what is scheduled.
    private static let known = 3

    private static func features(
      lead: Int, years: Double, row: Int, scheduled: Double
    ) -> [Double] {
      let angle = 2 * Double.pi * Double(row % 12) / 12
      return [1, 1 / Double(lead), years, scheduled, cos(angle), sin(angle)]
    }

    /// The amount to expect beside the scheduled one.
    func value(
      exposure: Double, lead: Int, years: Double, row: Int, scheduled: Double, remaining: Double
    ) -> Double {
      let features = Surprises.features(lead: lead, years: years, row: row, scheduled: 0)
      let rate = zip(features, coefficients).reduce(0) { $0 + $1.0 * $1.1 }
      return exposure * rate * remaining + coefficients[Surprises.known] * scheduled
    }
  }
}

extension MovementKind {
  /// What movements of the kind are a share of: MRR, what was lost, or nothing but time.
  fileprivate func exposure(level: Double, lost: Double) -> Double {
    switch self {
    case .new, .fx: 1
    case .expansion, .contraction, .churned: max(0, level)
    case .reactivation: lost
    }
  }

  /// What is still to come of a month: it has the sign of its kind, so that no surprise undoes what has
  /// happened, unless what is scheduled itself does.
  fileprivate func rest(scheduled: Double, surprise: Double) -> Double {
    switch self {
    case .contraction, .churned: min(scheduled + surprise, max(0, scheduled))
    case .new, .expansion, .reactivation: max(scheduled + surprise, min(0, scheduled))
    case .fx: scheduled + surprise
    }
  }
}
