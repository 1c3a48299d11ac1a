package import AlmanacCore

/// A plan that a company has, by one of its subscriptions.
package struct HeldPlan: Hashable, Sendable {
  /// The plan; all-zero where none is named.
  package var plan: UUIDValue
  /// Seats or units.
  package var quantity: Int64
  /// The months of a period; `nil` where they are not known.
  package var months: Int?
  /// The currency it is paid in; `nil` where it is not known.
  package var currency: CurrencyCode?
}

/// What a company has: its plans and modules.
package struct Holding: Hashable, Sendable {
  /// The plans of its subscriptions, in the order of these.
  package var plans: [HeldPlan]
  /// The modules, ascending.
  package var modules: [UUIDValue]

  /// Of one who has nothing.
  package static let nothing = Holding(plans: [], modules: [])
}

/// What a company has from an instant on.
package struct HoldingStep: Hashable, Sendable {
  /// From when.
  package var instant: Timestamp
  /// What it has.
  package var holding: Holding
}

/// What one company has at every instant, whatever it pays for it.
package struct CompanyHoldings: Hashable, Sendable {
  /// The company.
  package let company: UUIDValue
  /// What it has from each instant on; ascending, each different from the last.
  package let steps: [HoldingStep]

  /// What it has just before an instant.
  package func holding(before instant: Timestamp) -> Holding {
    steps.last { $0.instant < instant }?.holding ?? .nothing
  }

  /// What it has at the instants of a span, that just before its start first.
  ///
  /// - Parameters:
  ///   - start: the start of the span.
  ///   - end: its end, excluded.
  /// - Returns: one holding more than there are changes in the span.
  package func holdings(from start: Timestamp, to end: Timestamp) -> [Holding] {
    [holding(before: start)]
      + steps.filter { $0.instant >= start && $0.instant < end }.map(\.holding)
  }
}

/// What companies have, by the changes of their subscriptions.
///
/// Changes count as they do for MRR (DECISIONS.md, D-152 to D-154, D-159, D-160): by when they take
/// effect, a withdrawn cancellation never, and a subscription that continues another in its place. A
/// trial is nothing that one has; what is paused is.
package struct SubscriptionHoldings: Sendable {
  /// The companies that ever had something, ascending.
  package let companies: [CompanyHoldings]

  /// Takes the known changes that take effect before time ends.
  ///
  /// - Parameters:
  ///   - input: the changes; prices and rates are not looked at.
  ///   - settings: when cancellations count.
  /// - Complexity: a sort of the changes.
  package init(_ input: LedgerInput, settings: LedgerSettings) {
    let changes = RevenueLedger.ordered(input)
    var predecessors: [UUIDValue: UUIDValue] = [:]
    for origin in input.origins { predecessors[origin.subscription] = origin.predecessor }
    var builder = CompanyBuilder(
      input: input, settings: settings, predecessors: predecessors, earliest: input.end)
    var companies: [CompanyHoldings] = []
    var start = 0
    while start < changes.count {
      let company = changes[start].company
      var end = start
      while end < changes.count, changes[end].company == company { end += 1 }
      let steps = SubscriptionHoldings.steps(
        builder.effects(of: company, changes[start..<end]), before: input.end)
      start = end
      if !steps.isEmpty { companies.append(CompanyHoldings(company: company, steps: steps)) }
    }
    self.companies = companies
  }

  /// The holdings of a company; `nil` if it never had anything.
  package func holdings(of company: UUIDValue) -> CompanyHoldings? {
    var cursor = cursor
    return cursor.element(of: company)
  }

  /// What finds the holdings of many companies.
  package var cursor: CompanyCursor<CompanyHoldings> { CompanyCursor(companies) }

  /// What the subscriptions of a company add up to at each instant.
  private static func steps(
    _ subscriptions: [SubscriptionEffects], before end: Timestamp
  ) -> [HoldingStep] {
    let order = subscriptions.indices.flatMap { owner in
      subscriptions[owner].effects.indices.map { (owner: owner, index: $0) }
    }.filter { subscriptions[$0.owner].effects[$0.index].instant < end }.sorted { left, right in
      let first = subscriptions[left.owner].effects[left.index].instant
      let second = subscriptions[right.owner].effects[right.index].instant
      if first != second { return first < second }
      return left.owner != right.owner ? left.owner < right.owner : left.index < right.index
    }
    var states = [SubscriptionState](repeating: SubscriptionState(), count: subscriptions.count)
    var terms = [SubscriptionTerms](repeating: SubscriptionTerms(), count: subscriptions.count)
    var isTold = [Bool](repeating: false, count: subscriptions.count)
    var steps: [HoldingStep] = []
    var position = 0
    while position < order.count {
      let instant = subscriptions[order[position].owner].effects[order[position].index].instant
      // What changes at one instant changes together.
      while position < order.count {
        let (owner, index) = order[position]
        let effect = subscriptions[owner].effects[index]
        guard effect.instant == instant else { break }
        switch effect.action {
        case .ended: states[owner].end()
        case .change(let change):
          states[owner].apply(change.kind)
          if change.kind.setsTerms || !isTold[owner] { terms[owner].take(change) }
          isTold[owner] = isTold[owner] || change.recurringAmount != nil
        }
        position += 1
      }
      let held = states.indices.filter { states[$0].phase == .active }
      let holding = Holding(
        plans: held.map {
          HeldPlan(
            plan: terms[$0].plan, quantity: terms[$0].quantity, months: terms[$0].months,
            currency: terms[$0].currency)
        }, modules: Set(held.flatMap { terms[$0].modules }).sorted())
      if holding != (steps.last?.holding ?? .nothing) {
        steps.append(HoldingStep(instant: instant, holding: holding))
      }
    }
    return steps
  }
}
