package import AlmanacCore
package import Billing

extension ChargeAttempt {
  /// The attempts of rows, their amounts in the reporting currency at the rate of their local date, both
  /// as they were known when they were made (DECISIONS.md, D-516, D-584).
  ///
  /// - Parameters:
  ///   - rows: rows of `payment_attempts`.
  ///   - invoices: the invoice of attempts whose rows name none.
  ///   - currency: the reporting currency.
  ///   - rates: the exchange rates; an amount without one is NaN.
  ///   - clocks: whose dates count.
  /// - Returns: the attempts, in the order of the rows.
  package static func all(
    of rows: [CollectionAttempt], invoices: [UUIDValue: UUIDValue], currency: CurrencyCode,
    rates: ExchangeRates, clocks: CompanyClocks
  ) -> [ChargeAttempt] {
    rows.map { row in
      var amount = Double.nan
      if let own = row.currency {
        let date = clocks.zone(of: row.company, knownBefore: row.attemptedAt)
          .localDate(at: row.attemptedAt)
        let value =
          own == currency
          ? row.amount
          : try? rates.known(before: row.attemptedAt).convert(
            row.amount, from: own, to: currency, on: date)
        amount = value.map { Double($0) / Double(Money.scale) } ?? .nan
      }
      return ChargeAttempt(
        id: row.id, company: row.company, invoice: row.invoice ?? invoices[row.id],
        method: row.method, amount: amount, outcome: row.outcome, declineClass: row.declineClass,
        attemptedAt: row.attemptedAt, recordedAt: row.recordedAt)
    }
  }
}

extension PaymentMethodHistory {
  /// The methods of rows, with a version from each cut that saw a change.
  ///
  /// - Parameters:
  ///   - rows: all versions; one without a cut counts as seen at `end` only.
  ///   - end: now. What the first cut from then on saw is what was there at the end of the night's
  ///     date, and is known now; what later ones saw is not.
  /// - Returns: the methods by identifier.
  package static func all(of rows: [PaymentMethodRow], at end: Timestamp) -> [PaymentMethodHistory]
  {
    let last = Timestamp(microseconds: end.microseconds - 1)
    let cut = rows.compactMap(\.seenAt).filter { $0 >= end }.min()
    let known = rows.filter { row in
      row.recordedAt < end && (row.seenAt.map { $0 < end || $0 == cut } ?? true)
    }
    return Dictionary(grouping: known, by: \.id).values.compactMap { versions in
      let ordered = versions.sorted { ($0.seenAt ?? end) < ($1.seenAt ?? end) }
      // Texts are those of the first version: they never change under one identifier.
      guard let first = ordered.first else { return nil }
      return PaymentMethodHistory(
        id: first.id, company: first.company, recordedAt: first.recordedAt,
        attributes: first.attributes,
        versions: ordered.map { row in
          Version(
            knownFrom: min(row.seenAt ?? last, last),
            expiresAt: PaymentMethodHistory.expiry(month: row.expiryMonth, year: row.expiryYear),
            isActive: row.isActive, isDefault: row.isDefault)
        })
    }.sorted { $0.id < $1.id }
  }
}
