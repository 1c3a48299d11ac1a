package import AlmanacCore
package import Billing
package import Columns

/// The rows of some companies for every table, for as long as they are fewer than a caller wants.
package struct WorldRows {
  private let start: Int64
  private let end: Int64
  private var builders: [RowBuilder]
  private var events = EventColumns()

  /// No rows yet.
  ///
  /// - Parameters:
  ///   - start: rows recorded or changed from here on; `nil` for all.
  ///   - end: rows recorded before here.
  package init(from start: Timestamp?, to end: Timestamp) {
    self.start = start?.microseconds ?? .min
    self.end = end.microseconds
    builders = WorldRows.tables.map { RowBuilder($0.fields) }
  }

  /// The tables of ``finish()`` but the events, in its order.
  private static let tables = [
    SourceContract.companies, SimulatedTables.users, SimulatedTables.subscriptions,
    SimulatedTables.subscriptionChanges, SimulatedTables.paymentMethods, SourceContract.invoices,
    SourceContract.transactions, SourceContract.paymentAttempts, SourceContract.refunds,
    SourceContract.creditNotes,
  ]

  /// The number of events so far, by which a caller may bound memory.
  package var eventCount: Int { events.rowCount }

  /// Adds what a company recorded within the bounds.
  package mutating func append(_ record: CompanyRecord) {
    appendCompany(record)
    appendUsers(record)
    appendSubscriptions(record)
    appendChanges(record)
    appendMethods(record)
    appendInvoices(record)
    appendTransactions(record)
    appendAttempts(record)
    appendRefunds(record)
    appendCreditNotes(record)
    events.append(record, from: start, to: end)
  }

  /// The rows of each table, those without rows left out.
  package consuming func finish() -> [(table: SourceTable, batch: Batch)] {
    let all =
      zip(WorldRows.tables, builders).map { (table: $0, batch: $1.finish()) } + [
        (table: SourceContract.events, batch: events.finish())
      ]
    return all.filter { $0.batch.rowCount > 0 }
  }

  /// Whether a row belongs within the bounds; `changedAt` only where rows change.
  private func holds(_ recordedAt: Int64, changedAt: Int64 = .min) -> Bool {
    recordedAt < end && max(recordedAt, changedAt) >= start
  }

  private mutating func appendCompany(_ record: CompanyRecord) {
    let profile = record.profile
    let changedAt = max(record.recordedAt, record.deletedAt.map { $0 + 1_000 } ?? .min)
    guard holds(record.recordedAt, changedAt: changedAt) else { return }
    builders[0].add(profile.id)
    builders[0].add(profile.id)
    builders[0].add(profile.name)
    builders[0].add(profile.country.code)
    builders[0].add(profile.industry)
    builders[0].add(CompanyProfile.sizeBands[profile.size])
    builders[0].add(CompanyProfile.segments[profile.size])
    builders[0].add(profile.zone)
    builders[0].add(profile.currency.code)
    builders[0].add(profile.signUp.microseconds)
    builders[0].add(record.deletedAt)
    builders[0].add(record.recordedAt)
    builders[0].add(changedAt)
  }

  private mutating func appendUsers(_ record: CompanyRecord) {
    for row in record.users where holds(row.recordedAt, changedAt: row.changedAt) {
      builders[1].add(row.id)
      builders[1].add(record.profile.id)
      builders[1].add(row.role)
      builders[1].add(row.invitedAt)
      builders[1].add(row.activatedAt)
      builders[1].add(row.lastSeenAt)
      builders[1].add(row.deactivatedAt)
      builders[1].add(row.recordedAt)
    }
  }

  private mutating func appendSubscriptions(_ record: CompanyRecord) {
    for row in record.subscriptions where holds(row.recordedAt, changedAt: row.changedAt) {
      builders[2].add(row.id)
      builders[2].add(record.profile.id)
      builders[2].add(row.planID)
      builders[2].add(count: row.quantity)
      builders[2].add(row.status.rawValue)
      builders[2].add(row.startedAt)
      builders[2].add(row.trialEndsAt)
      builders[2].add(row.periodStart)
      builders[2].add(row.periodEnd)
      builders[2].add(row.cancelAt)
      builders[2].add(row.canceledAt)
      builders[2].add(row.endedAt)
      builders[2].add(row.cancelReason?.rawValue)
      builders[2].add(row.migratedFrom)
      builders[2].add(row.recordedAt)
      builders[2].add(row.changedAt)
    }
  }

  private mutating func appendChanges(_ record: CompanyRecord) {
    for row in record.changes where holds(row.recordedAt) {
      builders[3].add(row.id)
      builders[3].add(row.subscriptionID)
      builders[3].add(record.profile.id)
      builders[3].add(count: row.sequence)
      builders[3].add(row.change.rawValue)
      builders[3].add(row.planID)
      builders[3].add(row.module.map(Catalogue.moduleID))
      builders[3].add(count: row.quantity)
      builders[3].add(row.recurringAmount)
      builders[3].add(row.interval.word)
      builders[3].add(count: 1)
      builders[3].add(record.profile.currency.code)
      builders[3].add(row.requestedAt)
      builders[3].add(row.effectiveAt)
      builders[3].add(row.recordedAt)
    }
  }

  private mutating func appendMethods(_ record: CompanyRecord) {
    for row in record.methods where holds(row.recordedAt, changedAt: row.changedAt) {
      builders[4].add(row.id)
      builders[4].add(record.profile.id)
      builders[4].add(record.users.first?.id)
      builders[4].add(["card", "bank_account", "paypal"][row.kind.rawValue])
      builders[4].add(["stripe", "bank", "paypal"][row.kind.rawValue])
      builders[4].add(row.brand)
      builders[4].add(row.funding)
      builders[4].add(record.profile.country.code)
      builders[4].add(count: row.expiryMonth)
      builders[4].add(count: row.expiryYear)
      builders[4].add(row.isActive)
      builders[4].add(row.isActive)
      builders[4].add(row.recordedAt)
      builders[4].add(row.changedAt)
    }
  }

  private mutating func appendInvoices(_ record: CompanyRecord) {
    for row in record.invoices where holds(row.recordedAt, changedAt: row.changedAt) {
      builders[5].add(row.id)
      builders[5].add(record.profile.id)
      builders[5].add(row.subscriptionID)
      builders[5].add(row.number)
      builders[5].add(row.status)
      builders[5].add(record.profile.currency.code)
      builders[5].add(row.subtotal)
      builders[5].add(row.tax)
      builders[5].add(row.total)
      builders[5].add(row.amountPaid)
      builders[5].add(row.issuedAt)
      builders[5].add(row.dueAt)
      builders[5].add(row.paidAt)
      builders[5].add(row.voidedAt)
      builders[5].add(row.uncollectibleAt)
      builders[5].add(row.periodStart)
      builders[5].add(row.periodEnd)
      builders[5].add(row.reason)
      builders[5].add(row.recordedAt)
      builders[5].add(row.changedAt)
    }
  }

  private mutating func appendTransactions(_ record: CompanyRecord) {
    for row in record.transactions where holds(row.recordedAt, changedAt: row.changedAt) {
      builders[6].add(row.id)
      builders[6].add(record.invoices[row.invoice].id)
      builders[6].add(record.profile.id)
      builders[6].add(record.users.first?.id)
      builders[6].add(row.amount)
      builders[6].add(record.profile.currency.code)
      builders[6].add(row.status)
      builders[6].add(row.channel)
      builders[6].add(record.methods[row.method].id)
      builders[6].add(row.providerID)
      builders[6].add(count: row.retries)
      builders[6].add(row.lastRetryAt)
      builders[6].add(row.nextRetryAt)
      builders[6].add(row.errorMessage)
      builders[6].add(row.succeededAt)
      builders[6].add(row.recordedAt)
      builders[6].add(row.changedAt)
    }
  }

  private mutating func appendAttempts(_ record: CompanyRecord) {
    for row in record.attempts where holds(row.recordedAt) {
      builders[7].add(row.id)
      builders[7].add(
        record.transactionOfInvoice[row.invoice].map { record.transactions[$0].id })
      builders[7].add(record.invoices[row.invoice].id)
      builders[7].add(record.profile.id)
      builders[7].add(record.methods[row.method].id)
      builders[7].add(count: row.number)
      builders[7].add(row.amount)
      builders[7].add(record.profile.currency.code)
      builders[7].add(row.outcome)
      builders[7].add(row.declineCode)
      builders[7].add(row.declineClass)
      builders[7].add(row.attemptedAt)
      builders[7].add(row.recordedAt)
    }
  }

  private mutating func appendRefunds(_ record: CompanyRecord) {
    for row in record.refunds where holds(row.recordedAt, changedAt: row.changedAt) {
      builders[8].add(row.id)
      builders[8].add(
        record.transactionOfInvoice[row.invoice].map { record.transactions[$0].id })
      builders[8].add(record.profile.id)
      builders[8].add(row.amount)
      builders[8].add(record.profile.currency.code)
      builders[8].add(row.reason)
      builders[8].add(row.status)
      builders[8].add(row.succeededAt)
      builders[8].add(row.recordedAt)
    }
  }

  private mutating func appendCreditNotes(_ record: CompanyRecord) {
    for row in record.creditNotes where holds(row.recordedAt) {
      builders[9].add(row.id)
      builders[9].add(record.invoices[row.invoice].id)
      builders[9].add(record.profile.id)
      builders[9].add(row.amount)
      builders[9].add(record.profile.currency.code)
      builders[9].add(row.reason)
      builders[9].add(row.issuedAt)
      builders[9].add(row.recordedAt)
    }
  }
}
