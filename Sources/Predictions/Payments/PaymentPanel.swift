package import AlmanacCore
package import Billing
import Regression

/// What the model of failing payments learns from: each charge that was made, as it was known when it
/// was made, with what became of it as far as that is known now.
package struct PaymentPanel: Sendable {
  /// The attempts and methods.
  package let history: ChargeHistory
  /// The features.
  package let features: [PaymentFeature]
  /// The invoices that are to be paid.
  package let due: [DueInvoice]
  /// Now: nothing that happened or was recorded from here on is known.
  package let cut: Timestamp
  /// The companies, ascending; rows name them by position.
  package let companies: [UUIDValue]
  /// The charges, one for each row of ``rows``.
  package let charges: [LabelledCharge]
  /// The rows with whether the charge failed, by month of the charge.
  package let rows: RiskRows

  /// Brings together charges, features and outcomes.
  ///
  /// - Parameters:
  ///   - features: the columns, names different.
  ///   - history: attempts and methods; what is later than `cut` is not looked at.
  ///   - cut: now.
  ///   - months: the starts of the months that are learned from, ascending and before `cut`.
  ///   - due: the invoices that are to be paid.
  package init(
    _ features: [PaymentFeature], of history: ChargeHistory, cut: Timestamp, months: [Timestamp],
    due: [DueInvoice] = []
  ) {
    precondition(!months.isEmpty && months[months.count - 1] < cut, "no month before the cut")
    self.history = history
    self.features = features
    self.due = due
    self.cut = cut
    companies = history.companies
    var charges: [LabelledCharge] = []
    var rows: [PanelRow] = []
    for (company, id) in companies.enumerated() {
      for charge in history.charges(of: id, from: months[0], before: cut) {
        let period = (months.firstIndex { $0 > charge.charge.at } ?? months.count) - 1
        charges.append(charge)
        rows.append(PanelRow(company: company, period: period))
      }
    }
    self.charges = charges
    let kinds = charges.map { charge in
      let attributes = history.methods[charge.charge.method]?.attributes ?? [:]
      return ["type", "funding", "brand"].map { attributes[$0] ?? "" }.joined(separator: " ")
    }
    let numbers = Dictionary(
      uniqueKeysWithValues: Set(kinds).sorted().enumerated().map { ($1, $0) })
    self.rows = RiskRows(
      rows: rows, table: history.table(features, of: charges.map(\.charge)),
      outcomes: charges.map { $0.failed.map { $0 ? 1 : 0 } ?? .nan },
      segments: kinds.map { numbers[$0] ?? 0 }, asOf: months,
      maturity: Array(months.dropFirst()) + [cut],
      subjects: charges.map(\.attempt),
      // What is recorded at an instant is known after it.
      known: charges.map { Timestamp(microseconds: $0.knownAt.microseconds + 1) },
      terms: Dictionary(
        features.map { ($0.name, $0.term) }, uniquingKeysWith: { first, _ in first }))
  }
}

extension PaymentPanel: RiskPanel {
  package var parts: [RiskPart] {
    [RiskPart(name: PaymentForecast.part, title: "the next charge", rows: rows, decides: true)]
  }
}

/// Which class of refusal to expect of a charge that fails, by what was known of it.
package struct RefusalShares: Sendable {
  private struct Key: Hashable {
    var isExpired: Bool
    var last: String?
  }

  /// The classes that occurred, with their shares of all refusals.
  private var overall: [DeclineClass: Double] = [:]
  private var counts: [Key: [DeclineClass: Double]] = [:]

  /// Refusals of everything that each kind of charge gets mixed in.
  static let prior = 10.0

  /// Counts the refusals of a panel.
  package init(_ panel: PaymentPanel) {
    for charge in panel.charges {
      guard charge.failed == true, let found = charge.declineClass else { continue }
      overall[found, default: 0] += 1
      counts[RefusalShares.key(charge.charge, panel.history), default: [:]][found, default: 0] += 1
    }
    let total = overall.values.reduce(0, +)
    if total > 0 { overall = overall.mapValues { $0 / total } }
  }

  private static func key(_ charge: Charge, _ history: ChargeHistory) -> Key {
    let facts = ChargeFacts(charge, history)
    guard case .number(let expired) = facts.value(of: .expired),
      case .text(let last) = facts.value(of: .lastDecline)
    else { return Key(isExpired: false, last: nil) }
    return Key(isExpired: expired == 1, last: last)
  }

  /// The shares of classes if a charge fails, in the order of the classes' names; empty where no
  /// refusal with a class is known.
  package func shares(
    of charge: Charge, in history: ChargeHistory
  ) -> [(declineClass: DeclineClass, share: Double)] {
    let own = counts[RefusalShares.key(charge, history)] ?? [:]
    let total = own.values.reduce(0, +) + RefusalShares.prior
    return overall.sorted { $0.key.rawValue < $1.key.rawValue }.map { found, share in
      (found, ((own[found] ?? 0) + RefusalShares.prior * share) / total)
    }
  }

  /// The most likely class if a charge fails; `nil` where none is known.
  package func expected(of charge: Charge, in history: ChargeHistory) -> DeclineClass? {
    shares(of: charge, in: history).max { $0.share < $1.share }?.declineClass
  }
}
