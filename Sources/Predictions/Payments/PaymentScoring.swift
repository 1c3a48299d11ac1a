import AlmanacCore
import Billing
import Glibc
import Regression

/// Scores invoices and methods, one after the other, since the tries that are proposed of one count
/// for the limits of the next.
struct PaymentScoring {
  private let panel: PaymentPanel
  private let policy: RetryPolicy
  private let source: RiskSource
  private let refusals: RefusalShares
  /// The methods that may be charged at all, of each company by identifier.
  private let methodsOf: [UUIDValue: [PaymentMethodHistory]]
  /// The attempts with each method, those proposed among them.
  private var attempts: [UUIDValue: [Timestamp]] = [:]
  /// The methods that were refused for good.
  private var stopped: Set<UUIDValue> = []
  private let usualAmount: Double

  /// The highest probability that is given; see `RegressionError`'s bound of log-odds.
  private static let certain = 1 - 1e-6

  init(_ panel: PaymentPanel, policy: RetryPolicy, source: RiskSource) {
    self.panel = panel
    self.policy = policy
    self.source = source
    refusals = RefusalShares(panel)
    let active = panel.history.methods.values.filter { method in
      method.recordedAt < panel.cut
        && (method.version(knownBefore: panel.cut)?.isActive ?? false)
    }
    methodsOf = Dictionary(grouping: active, by: \.company).mapValues {
      $0.sorted { $0.id < $1.id }
    }
    var amounts: [Double] = []
    for company in panel.companies {
      for attempt in panel.history.attempts(of: company) where attempt.isKnown(before: panel.cut) {
        guard let method = attempt.method else { continue }
        attempts[method, default: []].append(attempt.attemptedAt)
        if let found = attempt.declineClass, policy.neverClasses.contains(found) {
          stopped.insert(method)
        }
        if attempt.amount >= 0 { amounts.append(attempt.amount) }
      }
    }
    usualAmount = amounts.isEmpty ? .nan : quantile(amounts.sorted(), 0.5)
  }

  private func now(_ method: PaymentMethodHistory) -> PaymentMethodHistory.Version? {
    method.version(knownBefore: panel.cut)
  }

  /// A charge as of now.
  private func charge(
    _ company: UUIDValue, _ invoice: UUIDValue?, _ method: UUIDValue, _ amount: Double,
    at: Timestamp
  ) -> Charge {
    Charge(
      company: company, invoice: invoice, method: method, amount: amount, at: at,
      known: panel.cut)
  }

  // MARK: Invoices

  /// The rows of invoices, by company, invoice and method, and the charges they are about.
  mutating func invoices(
    _ due: [DueInvoice]
  ) throws(RegressionError) -> (rows: [PaymentForecast.InvoiceRow], charges: [Charge]) {
    let slots = policy.slots(after: panel.cut)
    guard let soon = slots.first else { return ([], []) }
    // Charges that are due count for the limits of tries; of those the largest amount goes first.
    for invoice in due {
      guard let planned = planned(invoice) else { continue }
      attempts[planned.method, default: []].append(planned.at)
    }
    var charges: [Charge] = []
    var places: [(invoice: DueInvoice, method: PaymentMethodHistory)] = []
    for invoice in due.sorted(by: { ($1.owed ?? 0, $0.id) < ($0.owed ?? 0, $1.id) }) {
      let at = (invoice.nextTry?.at ?? invoice.dueAt).map { max($0, soon) } ?? soon
      for method in methodsOf[invoice.company] ?? [] {
        charges.append(
          charge(
            invoice.company, invoice.id, method.id,
            invoice.owed.map(PaymentScoring.units) ?? .nan, at: at))
        places.append((invoice, method))
      }
    }
    let table = panel.history.table(panel.features, of: charges)
    guard let scores = try source.scores(table) else { return ([], charges) }
    var rows: [PaymentForecast.InvoiceRow] = []
    for (index, place) in places.enumerated() {
      var row = PaymentForecast.InvoiceRow(
        company: place.invoice.company, invoice: place.invoice.id, method: place.method.id,
        dueAt: place.invoice.dueAt, probability: scores[index].probability,
        amountAtRisk: place.invoice.owed,
        declineClass: refusals.expected(of: charges[index], in: panel.history),
        reasons: reasons(scores[index], table, index))
      if stopped.contains(place.method.id) {
        let (probability, reasons) = PaymentScoring.neverAgain(scores[index])
        row.probability = probability
        row.reasons = reasons
      } else if let retry = try retry(charges[index], place.invoice, place.method, slots) {
        row.retryAt = slots[retry.slot]
        row.retrySuccess = retry.success
        attempts[place.method.id] =
          others(place.method.id, beside: place.invoice) + [slots[retry.slot]]
      }
      let own = row.retrySuccess ?? 1 - row.probability
      if let other = try alternative(
        to: charges[index], place.method, from: row.retryAt ?? charges[index].at, slots),
        other.success > own
      {
        row.alternative = other.method
        row.alternativeSuccess = other.success
      }
      rows.append(row)
    }
    rows.sort { ($0.company, $0.invoice, $0.method) < ($1.company, $1.invoice, $1.method) }
    return (rows, charges)
  }

  /// The charge of an invoice that is to be expected whatever is proposed: the one that the source
  /// means to try, else that at its due time; `nil` where none is ahead.
  private func planned(_ invoice: DueInvoice) -> (method: UUIDValue, at: Timestamp)? {
    guard let at = invoice.nextTry?.at ?? invoice.dueAt, at > panel.cut,
      let method = invoice.nextTry?.method ?? standard(of: invoice.company)?.id
    else { return nil }
    return (method, at)
  }

  /// The method that is charged unless another is chosen: the default, else the newest.
  private func standard(of company: UUIDValue) -> PaymentMethodHistory? {
    (methodsOf[company] ?? []).max { left, right in
      let first = now(left)?.isDefault ?? false
      let second = now(right)?.isDefault ?? false
      return first != second ? second : (left.recordedAt, left.id) < (right.recordedAt, right.id)
    }
  }

  /// The attempts with a method but for the try of an invoice that the source means to make, whose
  /// place a proposal takes (DECISIONS.md, D-542).
  private func others(_ method: UUIDValue, beside invoice: DueInvoice) -> [Timestamp] {
    var others = attempts[method] ?? []
    if invoice.nextTry != nil, let planned = planned(invoice), planned.method == method,
      let own = others.firstIndex(of: planned.at)
    {
      others.remove(at: own)
    }
    return others
  }

  /// The best time to try a charge again whose latest attempt with the method failed; `nil` where
  /// there is none, or nothing that tells times apart.
  private func retry(
    _ charge: Charge, _ invoice: DueInvoice, _ method: PaymentMethodHistory, _ slots: [Timestamp]
  ) throws(RegressionError) -> (slot: Int, success: Double)? {
    guard case .model(let model) = source,
      let last = panel.history.attempts(of: charge.company).last(where: {
        $0.isKnown(before: panel.cut) && $0.invoice == charge.invoice
      }), last.outcome == .failed, last.method == method.id
    else { return nil }
    let scores = try RetryScores(
      model, of: charge, at: slots, in: panel, mostRetries: policy.mostRetries)
    let problem = RetryProblem(
      slots: slots, attempts: others(method.id, beside: invoice),
      limits: policy.limits(ofBrand: method.attributes[PaymentMethodHistory.brand]),
      neverClasses: policy.neverClasses, mostRetries: policy.mostRetries,
      declineClass: last.declineClass, success: scores.success, refusals: refusals(charge, slots))
    let plan = RetryPlan(problem)
    return plan.first.map { ($0, scores.success($0, problem.start)) }
  }

  /// The classes that refusals at slots may have, each kind of charge looked up once.
  private func refusals(
    _ charge: Charge, _ slots: [Timestamp]
  ) -> (Int, RetryProblem.State) -> [(declineClass: DeclineClass?, share: Double)] {
    var known: [DeclineClass?: [[(declineClass: DeclineClass?, share: Double)]]] = [:]
    for last in DeclineClass.allCases.map({ Optional($0) }) + [nil] {
      known[last] = slots.map { at in
        var moved = charge
        moved.at = at
        moved.assumedFailures = 1
        moved.assumedClass = last
        let found = refusals.shares(of: moved, in: panel.history)
        return found.isEmpty ? [(nil, 1)] : found.map { ($0.declineClass, $0.share) }
      }
    }
    return { slot, state in known[state.declineClass]?[slot] ?? [(nil, 1)] }
  }

  /// The other method of the company that is likeliest to succeed when the charge is to be made, or as
  /// soon afterwards as its limits allow.
  private func alternative(
    to charge: Charge, _ method: PaymentMethodHistory, from at: Timestamp, _ slots: [Timestamp]
  ) throws(RegressionError) -> (method: UUIDValue, success: Double)? {
    guard case .model(let model) = source else { return nil }
    let times = [at] + slots.filter { $0 > at }
    let charges = (methodsOf[charge.company] ?? []).compactMap { other -> Charge? in
      guard other.id != method.id, !stopped.contains(other.id) else { return nil }
      let limits = policy.limits(ofBrand: other.attributes[PaymentMethodHistory.brand])
      let made = (attempts[other.id] ?? []).sorted()
      let allowed = times.first { time in limits.allSatisfy { $0.allows(time, beside: made) } }
      return allowed.map {
        self.charge(charge.company, charge.invoice, other.id, charge.amount, at: $0)
      }
    }
    if charges.isEmpty { return nil }
    let scores = try model.scores(panel.history.table(panel.features, of: charges))
    let best = zip(charges, scores).min { $0.1.probability < $1.1.probability }
    return best.map { ($0.0.method, 1 - $0.1.probability) }
  }

  // MARK: Methods

  /// The rows of methods, by company and method: of a first charge of the company's usual amount at
  /// noon of the company's next day.
  mutating func methods() throws(RegressionError) -> [PaymentForecast.MethodRow] {
    var charges: [Charge] = []
    var found: [PaymentMethodHistory] = []
    for company in methodsOf.keys.sorted() {
      let own = panel.history.attempts(of: company)
        .filter { $0.isKnown(before: panel.cut) && $0.amount >= 0 }.suffix(12).map(\.amount)
      let amount = own.isEmpty ? usualAmount : quantile(own.sorted(), 0.5)
      let zone = panel.history.clocks.zone(of: company, knownBefore: panel.cut)
      let day = zone.localDate(at: panel.cut).adding(days: 1)
      for method in methodsOf[company] ?? [] {
        charges.append(
          charge(company, nil, method.id, amount, at: zone.start(of: day).adding(hours: 12)))
        found.append(method)
      }
    }
    let table = panel.history.table(panel.features, of: charges)
    guard let scores = try source.scores(table) else { return [] }
    return found.enumerated().map { index, method in
      var row = PaymentForecast.MethodRow(
        company: method.company, method: method.id, probability: scores[index].probability,
        expiresInDays: now(method)?.expiresAt.map { expiry in
          Int(
            floorDivide(
              expiry.microseconds - panel.cut.microseconds, Timestamp.microsecondsPerDay))
        }, reasons: reasons(scores[index], table, index))
      if stopped.contains(method.id) {
        (row.probability, row.reasons) = PaymentScoring.neverAgain(scores[index])
      }
      return row
    }
  }

  // MARK: Reasons

  private static func units(_ amount: Int128) -> Double { Double(amount) / Double(Money.scale) }

  private func reasons(_ score: RiskModel.Score, _ table: Table, _ row: Int) -> [Reason] {
    guard case .model(let model) = source else {
      return [
        Reason(
          feature: RiskSource.baselineName, value: score.probability, contribution: 0,
          text: "the share of all charges, since there is no model: \(source.reason ?? "")"),
        .base(score.base, of: "charge"),
      ]
    }
    let found = zip(model.reasonNames, score.contributions).compactMap {
      (name, contribution) -> Reason? in
      guard let feature = panel.features.first(where: { $0.name == name }),
        let column = table[name]
      else { return nil }
      var value = Double.nan
      if case .numbers(let values) = column { value = values[row] }
      return Reason(
        feature: name, value: value, contribution: contribution,
        text: feature.words(column, row: row))
    }.sorted { (-abs($0.contribution), $0.feature) < (-abs($1.contribution), $1.feature) }
    return found + [.base(score.base, of: "charge")]
  }

  /// What is said of a method that the bank forbade to charge again.
  private static func neverAgain(_ score: RiskModel.Score) -> (Double, [Reason]) {
    (
      certain,
      [
        Reason(
          feature: PaymentForecast.neverCharged, value: 1,
          contribution: logit(certain) - score.base,
          text: "the bank refused the method for good; it may not be charged again"),
        .base(score.base, of: "charge"),
      ]
    )
  }
}
