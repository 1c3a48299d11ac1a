package import AlmanacCore

/// Why a company's MRR differs between two ends of a month: `mrr_movements.movement`.
package enum MovementKind: String, CaseIterable, Sendable, Comparable {
  case new
  case expansion
  case contraction
  case churned
  case reactivation
  case fx

  /// Orders as the cases stand.
  package static func < (left: MovementKind, right: MovementKind) -> Bool {
    left.order < right.order
  }

  private var order: Int { MovementKind.allCases.firstIndex(of: self) ?? 0 }

  /// What a change of a company's MRR is (DECISIONS.md, D-158); `nil` if there is none.
  ///
  /// - Parameters:
  ///   - before: MRR before.
  ///   - after: MRR after.
  ///   - isFirst: whether the company had never had MRR.
  package init?(from before: Int128, to after: Int128, isFirst: Bool) {
    if before == after { return nil }
    if before <= 0, after > 0 {
      self = isFirst ? .new : .reactivation
    } else if before > 0, after <= 0 {
      self = .churned
    } else {
      self = after > before ? .expansion : .contraction
    }
  }
}

/// A row of `mrr_movements`, without its company.
package struct Movement: Hashable, Sendable {
  /// The first day of the local month.
  package var month: CalendarDate
  /// What moved.
  package var kind: MovementKind
  /// By how much, in ten-thousandths; negative for contraction and churn.
  package var amount: Int128
  /// The changes that led to it, in the order in which they took effect; empty for `fx` and for a
  /// company that was deleted.
  package var causes: [UUIDValue]
}

/// The part of a company's MRR that belongs to one plan and, within it, one module.
package struct LevelPart: Hashable, Sendable {
  /// The plan; all-zero where none is named.
  package var plan: UUIDValue
  /// The module, or all-zero for what belongs to the plan itself.
  package var module: UUIDValue
  /// Ten-thousandths, not zero.
  package var amount: Int128
}

/// A company's MRR at the end of a month.
package struct MonthLevel: Hashable, Sendable {
  /// The first day of the local month.
  package var month: CalendarDate
  /// MRR at its end, or where time ends; ten-thousandths.
  package var amount: Int128
  /// Whether the month was over.
  package var isComplete: Bool
  /// The same by plan and module, ordered by both; adds up to ``amount``.
  package var parts: [LevelPart]
}

/// A company's MRR from an instant on.
package struct LevelStep: Hashable, Sendable {
  /// From when.
  package var instant: Timestamp
  /// Whether it is the revaluation that closes the month before ``instant``.
  package var isRevaluation: Bool
  /// MRR, in ten-thousandths.
  package var amount: Int128
  /// The changes that led to it.
  package var causes: [UUIDValue]
}

/// The MRR of one company at every instant, and its movements by month.
package struct CompanyLedger: Hashable, Sendable {
  /// The company.
  package let company: UUIDValue
  /// MRR from each instant at which it changes; ascending, each step different from the last.
  package let steps: [LevelStep]
  /// MRR at the end of each month from the first in which it changes, without gaps.
  package let levels: [MonthLevel]
  /// The movements, by month and kind; none is zero.
  package let movements: [Movement]

  /// MRR just before an instant: what a period that ends there ends with.
  ///
  /// - Complexity: O(log of the number of steps).
  package func amount(atEnd end: Timestamp) -> Int128 {
    var low = 0
    var high = steps.count
    while low < high {
      let middle = (low + high) / 2
      let step = steps[middle]
      if step.instant < end || (step.instant == end && step.isRevaluation) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low == 0 ? 0 : steps[low - 1].amount
  }

  /// MRR at the end of a month given by its first day; 0 before the first change.
  package func amount(ofMonth month: CalendarDate) -> Int128 {
    level(ofMonth: month)?.amount ?? 0
  }

  /// The level of a month given by its first day; `nil` before the first change and after the end.
  package func level(ofMonth month: CalendarDate) -> MonthLevel? {
    guard let first = levels.first?.month, month >= first else { return nil }
    let (year, number, _) = first.parts
    let (otherYear, otherNumber, _) = month.parts
    let index = (otherYear - year) * 12 + otherNumber - number
    return index < levels.count ? levels[index] : nil
  }

  /// Adds up the subscriptions of a company.
  ///
  /// - Throws: ``BillingError/brokenIdentity(company:month:rule:)`` if the parts at the end of a
  ///   month are not what the movements lead to.
  init(
    company: UUIDValue, subscriptions: [[SubscriptionStep]], calendar: LedgerCalendar,
    recognition: LedgerSettings.Recognition
  ) throws(BillingError) {
    self.company = company
    steps = CompanyLedger.merged(subscriptions)
    guard let first = steps.first else {
      levels = []
      movements = []
      return
    }
    let months = calendar.index(of: first.instant)..<calendar.monthCount
    levels = CompanyLedger.levels(subscriptions, months: months, calendar: calendar)
    movements = CompanyLedger.movements(
      steps, months: months, calendar: calendar, recognition: recognition)
    try checkIdentities()
  }

  /// The company's steps: those of its subscriptions added up, equal instants together.
  private static func merged(_ subscriptions: [[SubscriptionStep]]) -> [LevelStep] {
    let order = subscriptions.indices.flatMap { owner in
      subscriptions[owner].indices.map { (owner: owner, index: $0) }
    }.sorted { left, right in
      let first = subscriptions[left.owner][left.index]
      let second = subscriptions[right.owner][right.index]
      if first.instant != second.instant { return first.instant < second.instant }
      if first.isRevaluation != second.isRevaluation { return first.isRevaluation }
      return left.owner != right.owner ? left.owner < right.owner : left.index < right.index
    }
    var amounts = [Int128](repeating: 0, count: subscriptions.count)
    var steps: [LevelStep] = []
    var total: Int128 = 0
    var position = 0
    while position < order.count {
      let first = subscriptions[order[position].owner][order[position].index]
      var step = LevelStep(
        instant: first.instant, isRevaluation: first.isRevaluation, amount: total, causes: [])
      while position < order.count {
        let (owner, index) = order[position]
        let part = subscriptions[owner][index]
        guard part.instant == step.instant, part.isRevaluation == step.isRevaluation else { break }
        if part.amount != amounts[owner], let cause = part.cause, !step.causes.contains(cause) {
          step.causes.append(cause)
        }
        step.amount += part.amount - amounts[owner]
        amounts[owner] = part.amount
        position += 1
      }
      if step.amount != total { steps.append(step) }
      total = step.amount
    }
    return steps
  }

  /// MRR by plan and module at the end of each month, from what each subscription is worth then.
  private static func levels(
    _ subscriptions: [[SubscriptionStep]], months: Range<Int>, calendar: LedgerCalendar
  ) -> [MonthLevel] {
    var positions = [Int](repeating: 0, count: subscriptions.count)
    return months.map { month in
      let end = calendar.end(ofMonth: month)
      var parts: [LevelPart] = []
      for (owner, steps) in subscriptions.enumerated() {
        while positions[owner] < steps.count {
          let step = steps[positions[owner]]
          guard step.instant < end || (step.instant == end && step.isRevaluation) else { break }
          positions[owner] += 1
        }
        guard positions[owner] > 0 else { continue }
        let step = steps[positions[owner] - 1]
        let ofModules = step.modules.reduce(Int128(0)) { $0 + $1.amount }
        parts.append(LevelPart(plan: step.plan, module: .zero, amount: step.amount - ofModules))
        parts += step.modules.map {
          LevelPart(plan: step.plan, module: $0.module, amount: $0.amount)
        }
      }
      let merged = CompanyLedger.merged(parts)
      return MonthLevel(
        month: calendar.month(month), amount: merged.reduce(0) { $0 + $1.amount },
        isComplete: calendar.isComplete(month), parts: merged)
    }
  }

  /// Parts of one plan and module together, in order, without zeros.
  private static func merged(_ parts: [LevelPart]) -> [LevelPart] {
    if parts.count == 1 { return parts[0].amount == 0 ? [] : parts }
    var merged: [LevelPart] = []
    for part in parts.sorted(by: { ($0.plan, $0.module) < ($1.plan, $1.module) }) {
      if let last = merged.last, last.plan == part.plan, last.module == part.module {
        merged[merged.count - 1].amount += part.amount
      } else {
        merged.append(part)
      }
    }
    return merged.filter { $0.amount != 0 }
  }

  /// The movements of each month (DECISIONS.md, D-158).
  private static func movements(
    _ steps: [LevelStep], months: Range<Int>, calendar: LedgerCalendar,
    recognition: LedgerSettings.Recognition
  ) -> [Movement] {
    var movements: [Movement] = []
    var position = 0
    var before: Int128 = 0
    var hadRevenue = false
    for month in months {
      var book = MovementBook(month: calendar.month(month))
      let end = calendar.end(ofMonth: month)
      var causes: [UUIDValue] = []
      let start = before
      while position < steps.count, steps[position].instant < end {
        let step = steps[position]
        switch recognition {
        case .event:
          book.add(from: before, to: step.amount, causes: step.causes, hadRevenue: &hadRevenue)
        case .monthEnd: causes += step.causes
        }
        before = step.amount
        position += 1
      }
      if recognition == .monthEnd {
        book.add(from: start, to: before, causes: causes, hadRevenue: &hadRevenue)
      }
      if position < steps.count, steps[position].instant == end, steps[position].isRevaluation {
        book.add(.fx, steps[position].amount - before, causes: [])
        before = steps[position].amount
        position += 1
      }
      movements += book.movements
    }
    return movements
  }

  /// MRR at the start + movements = MRR at the end, where the end is the sum over plans.
  private func checkIdentities() throws(BillingError) {
    var before: Int128 = 0
    var position = 0
    for level in levels {
      var expected = before
      while position < movements.count, movements[position].month == level.month {
        expected += movements[position].amount
        position += 1
      }
      guard expected == level.amount else {
        throw .brokenIdentity(
          company: company, month: level.month,
          rule: "start and movements make \(Money.text(expected)),"
            + " the plans \(Money.text(level.amount))")
      }
      before = level.amount
    }
    guard position == movements.count else {
      throw .brokenIdentity(
        company: company, month: movements[position].month, rule: "a movement without a month")
    }
  }
}

/// The movements of one company in one month while they are added up.
private struct MovementBook {
  let month: CalendarDate
  private var sums: [MovementKind: Movement] = [:]

  init(month: CalendarDate) {
    self.month = month
  }

  /// Adds what leads from one level to another, and notes whether there was revenue.
  mutating func add(
    from before: Int128, to after: Int128, causes: [UUIDValue], hadRevenue: inout Bool
  ) {
    if let kind = MovementKind(from: before, to: after, isFirst: !hadRevenue) {
      add(kind, after - before, causes: causes)
    }
    if after > 0 { hadRevenue = true }
  }

  mutating func add(_ kind: MovementKind, _ amount: Int128, causes: [UUIDValue]) {
    sums[kind, default: Movement(month: month, kind: kind, amount: 0, causes: [])].amount += amount
    sums[kind]?.causes += causes
  }

  /// What was added, by kind.
  var movements: [Movement] { sums.values.sorted { $0.kind < $1.kind } }
}
