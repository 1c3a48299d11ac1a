package import AlmanacCore
package import Billing

/// An attempt to charge a payment method, as far as what comes next depends on it.
package struct ChargeAttempt: Hashable, Sendable {
  /// The attempt.
  package var id: UUIDValue
  /// The company that pays.
  package var company: UUIDValue
  /// The invoice it pays; `nil` where none is named.
  package var invoice: UUIDValue?
  /// What was charged; `nil` where it is not named.
  package var method: UUIDValue?
  /// The amount in units of the reporting currency; NaN where it cannot be converted.
  package var amount: Double
  /// How it ended.
  package var outcome: AttemptOutcome
  /// What kind of refusal it met; `nil` for none, or one that is not known.
  package var declineClass: DeclineClass?
  /// When it was made.
  package var attemptedAt: Timestamp
  /// When it was recorded.
  package var recordedAt: Timestamp

  /// An attempt of the given parts.
  package init(
    id: UUIDValue, company: UUIDValue, invoice: UUIDValue?, method: UUIDValue?, amount: Double,
    outcome: AttemptOutcome, declineClass: DeclineClass? = nil, attemptedAt: Timestamp,
    recordedAt: Timestamp
  ) {
    self.id = id
    self.company = company
    self.invoice = invoice
    self.method = method
    self.amount = amount
    self.outcome = outcome
    self.declineClass = declineClass
    self.attemptedAt = attemptedAt
    self.recordedAt = recordedAt
  }

  /// Whether it had been made and recorded before an instant.
  func isKnown(before instant: Timestamp) -> Bool { attemptedAt < instant && recordedAt < instant }
}

/// A charge whose failure is to be foretold: one that was made, or one that may be.
package struct Charge: Hashable, Sendable {
  /// The company that pays.
  package var company: UUIDValue
  /// The invoice that is paid; `nil` for none in particular.
  package var invoice: UUIDValue?
  /// What is charged.
  package var method: UUIDValue
  /// The amount in units of the reporting currency; NaN where it is not known.
  package var amount: Double
  /// When it is charged.
  package var at: Timestamp
  /// Nothing that happened or was recorded from here on is known.
  package var known: Timestamp
  /// Further refusals of the invoice that are assumed, none of which is in the history.
  package var assumedFailures = 0
  /// The class of the latest of them.
  package var assumedClass: DeclineClass?
  /// When the latest of them was.
  package var assumedAt: Timestamp?

  /// A charge of the given parts.
  package init(
    company: UUIDValue, invoice: UUIDValue?, method: UUIDValue, amount: Double, at: Timestamp,
    known: Timestamp
  ) {
    self.company = company
    self.invoice = invoice
    self.method = method
    self.amount = amount
    self.at = at
    self.known = known
  }
}

/// All attempts and methods of companies, by company.
package struct ChargeHistory: Sendable {
  /// The methods by identifier.
  package let methods: [UUIDValue: PaymentMethodHistory]
  /// The clocks of companies.
  package let clocks: CompanyClocks
  private let attempts: [UUIDValue: [ChargeAttempt]]

  /// A history; of attempts with one identifier the one recorded first counts.
  package init(
    attempts: [ChargeAttempt], methods: [PaymentMethodHistory], clocks: CompanyClocks
  ) {
    var seen: Set<UUIDValue> = []
    let ordered = attempts.sorted {
      ($0.attemptedAt.microseconds, $0.recordedAt.microseconds, $0.id)
        < ($1.attemptedAt.microseconds, $1.recordedAt.microseconds, $1.id)
    }
    self.attempts = Dictionary(
      grouping: ordered.filter { seen.insert($0.id).inserted }, by: \.company)
    self.methods = Dictionary(methods.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    self.clocks = clocks
  }

  /// A history of companies that never move.
  package init(attempts: [ChargeAttempt], methods: [PaymentMethodHistory], zones: CompanyZones) {
    self.init(attempts: attempts, methods: methods, clocks: CompanyClocks(zones))
  }

  /// The companies with an attempt, ascending.
  package var companies: [UUIDValue] { attempts.keys.sorted() }

  /// The attempts of a company by time.
  package func attempts(of company: UUIDValue) -> [ChargeAttempt] { attempts[company] ?? [] }
}

/// A charge that was made, with what became of it.
package struct LabelledCharge: Hashable, Sendable {
  /// The charge.
  package var charge: Charge
  /// The attempt that began it.
  package var attempt: UUIDValue
  /// The attempt that decided it; `nil` while nothing has.
  package var decidedBy: UUIDValue?
  /// Whether it failed; `nil` while that is open.
  package var failed: Bool?
  /// The class of refusal, where it failed.
  package var declineClass: DeclineClass?
  /// When the outcome was recorded, or the attempt itself where there is none.
  package var knownAt: Timestamp

  /// How long an attempt that asked the customer for something may take to be decided.
  package static let resolutionDays = 7
}

extension ChargeHistory {
  /// The charges that were made on a method and what became of them (DECISIONS.md, D-536).
  ///
  /// An attempt that asked the customer for something is decided by the next attempt at its invoice
  /// with its method, if that comes within seven days; both are one charge.
  ///
  /// - Parameters:
  ///   - company: the company.
  ///   - start: charges made earlier are left out.
  ///   - cut: attempts made or recorded at or after it are not known.
  /// - Returns: the charges by time.
  package func charges(
    of company: UUIDValue, from start: Timestamp, before cut: Timestamp
  ) -> [LabelledCharge] {
    let own = attempts(of: company).filter { $0.isKnown(before: cut) }
    var isPart = [Bool](repeating: false, count: own.count)
    var charges: [LabelledCharge] = []
    for (index, attempt) in own.enumerated() where !isPart[index] {
      guard let method = attempt.method else { continue }
      var charge = LabelledCharge(
        charge: Charge(
          company: company, invoice: attempt.invoice, method: method, amount: attempt.amount,
          at: attempt.attemptedAt, known: attempt.attemptedAt),
        attempt: attempt.id, knownAt: attempt.recordedAt)
      var last = index
      while own[last].outcome == .actionRequired,
        let next = resolution(of: last, in: own, isPart)
      {
        isPart[next] = true
        last = next
      }
      if own[last].outcome != .actionRequired {
        charge.decidedBy = own[last].id
        charge.failed = own[last].outcome == .failed
        charge.declineClass = own[last].declineClass
        charge.knownAt = max(own[last].recordedAt, own[last].attemptedAt)
      }
      if attempt.attemptedAt >= start { charges.append(charge) }
    }
    return charges
  }

  private func resolution(
    of index: Int, in own: [ChargeAttempt], _ isPart: [Bool]
  ) -> Int? {
    guard let invoice = own[index].invoice else { return nil }
    let end = own[index].attemptedAt.adding(days: LabelledCharge.resolutionDays)
    var next = index + 1
    while next < own.count, own[next].attemptedAt < end {
      if own[next].invoice == invoice {
        return own[next].method == own[index].method && !isPart[next] ? next : nil
      }
      next += 1
    }
    return nil
  }
}
