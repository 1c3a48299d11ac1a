package import AlmanacCore

/// What a forecast of money is made for: `revenue_forecasts.scope`.
package enum ForecastScope: String, Hashable, Sendable, CaseIterable {
  /// All companies together.
  case total
  /// Companies of one segment.
  case segment
  /// What belongs to one plan.
  case plan
  /// What belongs to one module.
  case module
  /// One company.
  case company
}

/// What is forecast: `revenue_forecasts.measure`.
package enum ForecastMeasure: String, Hashable, Sendable, CaseIterable {
  /// Money that comes in during a period.
  case revenue
  /// MRR at the end of a period.
  case mrr
}

/// One series of the forecasts.
package struct ForecastSubject: Hashable, Sendable {
  /// What kind.
  package var scope: ForecastScope
  /// Which one: empty for the total, the name of a segment, else an identifier.
  package var id: String
  /// Whose rows these are: the company, or all-zero for all companies.
  package var company: UUIDValue

  /// The name of a segment that is not known.
  package static let unknownSegment = "none"
  /// What begins the identifier of companies that are still to come, before their segment.
  package static let newcomers = "new"

  /// The subject as `outcomes.subject_id` names it: `total`, or scope and identifier.
  package var outcomeName: String { id.isEmpty ? scope.rawValue : "\(scope.rawValue):\(id)" }
}

/// What one company brought, by local day.
package struct CompanyAmounts: Hashable, Sendable {
  /// An amount, or a new level, on a day.
  package struct Entry: Hashable, Sendable {
    /// The day.
    package var day: CalendarDate
    /// Ten-thousandths.
    package var amount: Int128

    /// An entry.
    package init(day: CalendarDate, amount: Int128) {
      self.day = day
      self.amount = amount
    }
  }

  /// To which plans and modules amounts belong from a day on.
  package struct Split: Hashable, Sendable {
    /// The first day.
    package var day: CalendarDate
    /// The parts, each by its weight above zero; none for amounts that belong to no plan.
    package var parts: [Part]

    /// A split.
    package init(day: CalendarDate, parts: [Part]) {
      self.day = day
      self.parts = parts
    }
  }

  /// A plan and module with a weight.
  package struct Part: Hashable, Sendable {
    /// The plan; all-zero for none.
    package var plan: UUIDValue
    /// The module; all-zero for what belongs to the plan itself.
    package var module: UUIDValue
    /// Its weight.
    package var weight: Int128

    /// A part.
    package init(plan: UUIDValue, module: UUIDValue, weight: Int128) {
      self.plan = plan
      self.module = module
      self.weight = weight
    }
  }

  /// The company; all-zero where rows name none.
  package var company: UUIDValue
  /// Its segment; `nil` where that is not known.
  package var segment: String?
  /// Amounts by day ascending, one a day; of a level the days on which it changes.
  package var entries: [Entry]
  /// To what they belong, by day ascending.
  package var splits: [Split]

  /// A company with its amounts.
  package init(company: UUIDValue, segment: String?, entries: [Entry], splits: [Split]) {
    self.company = company
    self.segment = segment
    self.entries = entries
    self.splits = splits
  }

  /// An amount shared out by weights: whole ten-thousandths that add up to it, the largest
  /// remainders rounded up, the earlier part first among equals.
  package static func shares(of amount: Int128, by parts: [Part]) -> [Int128] {
    let total = parts.reduce(0) { $0 + $1.weight }
    guard total > 0 else { return parts.map { _ in 0 } }
    let sign: Int128 = amount < 0 ? -1 : 1
    let size = amount * sign
    // Whole quotients first, so that the product of two large numbers stays in range.
    var shares = parts.map { size / total * $0.weight + size % total * $0.weight / total }
    let remainders = parts.map { size % total * $0.weight % total }
    let missing = Int(size - shares.reduce(0, +))
    let order = parts.indices.sorted {
      remainders[$0] != remainders[$1] ? remainders[$0] > remainders[$1] : $0 < $1
    }
    for index in order.prefix(missing) { shares[index] += 1 }
    return shares.map { $0 * sign }
  }
}
