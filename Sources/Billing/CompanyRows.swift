package import AlmanacCore
package import Columns

/// A row of `billing.companies`, as far as ledger and cohorts need it.
package struct CompanyDates: Hashable, Sendable {
  /// The company.
  package var id: UUIDValue
  /// When it signed up; `nil` where that is not known.
  package var signedUpAt: Timestamp?
  /// When it was deleted.
  package var deletedAt: Timestamp?

  /// The rows of batches of `companies`.
  ///
  /// - Throws: ``BillingError``: a column that is missing or of another type, or a row without id.
  package static func rows(in batches: [Batch]) throws(BillingError) -> [CompanyDates] {
    var rows: [CompanyDates] = []
    var table = TableReader(dataset: "companies")
    for batch in batches {
      table.start(batch)
      let ids = try table.identifiers("id")
      let signedUp = try table.instants("signed_up_at")
      let deleted = try table.instants("deleted_at")
      for row in 0..<batch.rowCount {
        rows.append(
          CompanyDates(
            id: try table.required(ids(row), "id", row), signedUpAt: signedUp(row),
            deletedAt: deleted(row)))
      }
    }
    return rows
  }
}

/// A row of `billing.users`, as far as cohorts need it.
package struct UserRecord: Hashable, Sendable {
  /// The company the user belongs to.
  package var company: UUIDValue
  /// When the user was activated; `nil` where that has not happened.
  package var activatedAt: Timestamp?

  /// The rows of batches of `users`.
  ///
  /// - Throws: ``BillingError``: a column that is missing or of another type, or no company.
  package static func rows(in batches: [Batch]) throws(BillingError) -> [UserRecord] {
    var rows: [UserRecord] = []
    var table = TableReader(dataset: "users")
    for batch in batches {
      table.start(batch)
      let companies = try table.identifiers("company_id")
      let activated = try table.instants("activated_at")
      for row in 0..<batch.rowCount {
        rows.append(
          UserRecord(
            company: try table.required(companies(row), "company_id", row),
            activatedAt: activated(row)))
      }
    }
    return rows
  }
}

extension SubscriptionOrigin {
  /// The subscriptions of batches of `subscriptions` that continue another one; where batches have no
  /// `created_at`, each counts as if it had always been recorded.
  ///
  /// - Throws: ``BillingError``: a column that is missing or of another type, or a row without id.
  package static func rows(in batches: [Batch]) throws(BillingError) -> [SubscriptionOrigin] {
    var rows: [SubscriptionOrigin] = []
    var table = TableReader(dataset: "subscriptions")
    for batch in batches {
      table.start(batch)
      let ids = try table.identifiers("id")
      let predecessors = try table.identifiers("migrated_from")
      let recorded = batch["created_at"] == nil ? nil : try table.instants("created_at")
      for row in 0..<batch.rowCount {
        guard let predecessor = predecessors(row) else { continue }
        rows.append(
          SubscriptionOrigin(
            subscription: try table.required(ids(row), "id", row), predecessor: predecessor,
            recordedAt: recorded?(row)))
      }
    }
    return rows
  }
}

extension ModulePrice {
  /// The prices in batches of `modules`; one without an amount or a currency has none.
  ///
  /// - Throws: ``BillingError``: a column that is missing or of another type, or a row without id.
  package static func rows(
    in batches: [Batch]
  ) throws(BillingError) -> [UUIDValue: ModulePrice] {
    var prices: [UUIDValue: ModulePrice] = [:]
    var table = TableReader(dataset: "modules")
    for batch in batches {
      table.start(batch)
      let ids = try table.identifiers("id")
      let amounts = try table.amounts("unit_amount")
      let currencies = try table.currencies("currency")
      for row in 0..<batch.rowCount {
        guard let amount = amounts(row), let currency = currencies(row) else { continue }
        prices[try table.required(ids(row), "id", row)] = ModulePrice(
          unitAmount: amount, currency: currency)
      }
    }
    return prices
  }
}
