package import AlmanacCore
package import Columns

/// When the source means to try an invoice again, by its row of `billing.transactions`.
package struct ScheduledTry: Hashable, Sendable {
  /// When.
  package var at: Timestamp
  /// What it means to charge; `nil` where that is not said.
  package var method: UUIDValue?

  /// A try of the given parts.
  package init(at: Timestamp, method: UUIDValue?) {
    self.at = at
    self.method = method
  }

  /// The columns that are read.
  package static let columns = [
    "invoice_id", "payment_method_id", "status", "next_retry_at", "created_at", "updated_at",
  ]

  /// The next tries of batches of `transactions`, by invoice.
  ///
  /// - Parameters:
  ///   - batches: the rows, of which only the newest state is kept.
  ///   - end: now. A row that was changed from then on does not say what was meant before, and a time
  ///     before it is over.
  /// - Returns: the earliest try of each invoice.
  /// - Throws: ``BillingError``.
  package static func next(
    in batches: [Batch], at end: Timestamp
  ) throws(BillingError) -> [UUIDValue: ScheduledTry] {
    var found: [UUIDValue: ScheduledTry] = [:]
    var table = TableReader(dataset: "transactions")
    for batch in batches {
      table.start(batch)
      let invoices = try table.identifiers("invoice_id")
      let methods = try table.identifiers("payment_method_id")
      let times = try table.instants("next_retry_at")
      let recorded = try table.instants("created_at")
      let changed = try table.instants("updated_at")
      let isOpen = try table.words("status") { $0 != "succeeded" && $0 != "refunded" }
      for row in 0..<batch.rowCount {
        guard let invoice = invoices(row), let at = times(row), at >= end, isOpen(row) ?? true,
          let last = changed(row) ?? recorded(row), last < end,
          found[invoice].map({ at < $0.at }) ?? true
        else { continue }
        found[invoice] = ScheduledTry(at: at, method: methods(row))
      }
    }
    return found
  }
}

/// A row of `billing.payment_attempts`, as far as the next attempt depends on it.
package struct CollectionAttempt: Hashable, Sendable {
  /// The attempt.
  package var id: UUIDValue
  /// The company that pays.
  package var company: UUIDValue
  /// The invoice it pays.
  package var invoice: UUIDValue?
  /// What is charged.
  package var method: UUIDValue?
  /// Ten-thousandths of the currency.
  package var amount: Int128
  /// The currency; `nil` where it is not three letters.
  package var currency: CurrencyCode?
  /// How it ended.
  package var outcome: AttemptOutcome
  /// What kind of refusal it met; `nil` for none, or one that is not known.
  package var declineClass: DeclineClass?
  /// When it was made.
  package var attemptedAt: Timestamp
  /// When it was recorded.
  package var recordedAt: Timestamp

  /// The columns that are read.
  package static let columns = [
    "id", "company_id", "invoice_id", "payment_method_id", "amount", "currency", "outcome",
    "decline_class", "attempted_at", "created_at",
  ]

  /// The rows of batches of `payment_attempts`.
  package static func rows(in batches: [Batch]) throws(BillingError) -> [CollectionAttempt] {
    var rows: [CollectionAttempt] = []
    var table = TableReader(dataset: "payment_attempts")
    for batch in batches {
      table.start(batch)
      let ids = try table.identifiers("id")
      let companies = try table.identifiers("company_id")
      let invoices = try table.identifiers("invoice_id")
      let methods = try table.identifiers("payment_method_id")
      let amounts = try table.amounts("amount")
      let currencies = try table.currencies("currency")
      let outcomes = try table.words("outcome") { AttemptOutcome(rawValue: $0) }
      let classes = try table.words("decline_class") { DeclineClass(rawValue: $0) }
      let attempted = try table.instants("attempted_at")
      let recorded = try table.instants("created_at")
      for row in 0..<batch.rowCount {
        guard let outcome = outcomes(row) else { throw table.unknown("outcome", row) }
        rows.append(
          CollectionAttempt(
            id: try table.required(ids(row), "id", row),
            company: try table.required(companies(row), "company_id", row),
            invoice: invoices(row), method: methods(row), amount: amounts(row) ?? 0,
            currency: currencies(row), outcome: outcome, declineClass: classes(row) ?? nil,
            attemptedAt: try table.required(attempted(row), "attempted_at", row),
            recordedAt: try table.required(recorded(row), "created_at", row)))
      }
    }
    return rows
  }
}

/// A version of a row of `billing.payment_methods`.
package struct PaymentMethodRow: Hashable, Sendable {
  /// The method.
  package var id: UUIDValue
  /// Whose it is.
  package var company: UUIDValue
  /// When it was recorded.
  package var recordedAt: Timestamp
  /// The texts of the row, such as `type` and `brand`, by column.
  package var attributes: [String: String]
  /// The last month of validity; `nil` where nothing expires.
  package var expiryMonth: Int?
  /// Its year.
  package var expiryYear: Int?
  /// Whether it may be charged; a row that does not say so may.
  package var isActive: Bool
  /// Whether it is charged unless another is chosen.
  package var isDefault: Bool
  /// The cut that first saw this version; `nil` where that was not read.
  package var seenAt: Timestamp?

  /// The rows of batches of `payment_methods`.
  ///
  /// - Parameters:
  ///   - batches: the rows; of the columns `exp_month`, `exp_year`, `is_active`, `is_default` and
  ///     those of `texts` any may be missing.
  ///   - texts: the columns of texts that are wanted.
  ///   - seen: the column that says when a version was first seen, if it was read.
  /// - Returns: the rows in order.
  /// - Throws: ``BillingError``.
  package static func rows(
    in batches: [Batch], texts: [String], seen: String? = nil
  ) throws(BillingError) -> [PaymentMethodRow] {
    var rows: [PaymentMethodRow] = []
    var table = TableReader(dataset: "payment_methods")
    for batch in batches {
      table.start(batch)
      func integers(_ name: String) throws(BillingError) -> (Int) -> Int64? {
        batch[name] == nil ? { _ in nil } : try table.integers(name)
      }
      func flags(_ name: String, _ missing: Bool) throws(BillingError) -> (Int) -> Bool {
        guard batch[name] != nil else { return { _ in missing } }
        let values = try table.flags(name)
        return { values($0) ?? missing }
      }
      let ids = try table.identifiers("id")
      let companies = try table.identifiers("company_id")
      let recorded = try table.instants("created_at")
      let (months, years) = (try integers("exp_month"), try integers("exp_year"))
      let (active, standard) = (try flags("is_active", true), try flags("is_default", false))
      var seenAt: (Int) -> Timestamp? = { _ in nil }
      if let seen { seenAt = try table.instants(seen) }
      var words: [(name: String, value: (Int) -> String?)] = []
      for name in texts where batch[name] != nil {
        words.append((name, try table.words(name) { $0 }))
      }
      for row in 0..<batch.rowCount {
        var attributes: [String: String] = [:]
        for word in words { attributes[word.name] = word.value(row) }
        rows.append(
          PaymentMethodRow(
            id: try table.required(ids(row), "id", row),
            company: try table.required(companies(row), "company_id", row),
            recordedAt: try table.required(recorded(row), "created_at", row),
            attributes: attributes, expiryMonth: months(row).map { Int($0) },
            expiryYear: years(row).map { Int($0) }, isActive: active(row),
            isDefault: standard(row), seenAt: seenAt(row)))
      }
    }
    return rows
  }
}
