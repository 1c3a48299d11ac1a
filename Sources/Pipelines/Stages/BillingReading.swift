import AlmanacCore
import Billing
import Codecs
import Columns

/// The billing records of a run, read once for all stages that need them.
struct BillingRecords {
  /// Whose days count.
  let zones: CompanyZones
  /// Where time ends: the end of the last date that is computed.
  let end: Timestamp
  /// The companies; empty where the source has none.
  let companies: [CompanyDates]
  /// The changes of subscriptions that the ledger is made of.
  let changes: [SubscriptionChange]
  /// MRR; `nil` where nothing says what subscriptions are worth.
  let ledger: RevenueLedger?
  /// What the ledger is made of.
  let ledgerInput: LedgerInput?
  /// Payments, refunds, invoices and credit notes.
  let books: PaymentBooks
  /// Whether there is a dataset that says what was paid.
  let hasPayments: Bool
  /// Whether there is a dataset of invoices.
  let hasInvoices: Bool
  /// Whether there is a dataset of attempts, which failure is counted from.
  let hasAttempts: Bool
  /// The rows read.
  let rowCount: Int
  /// What a person should know.
  let notices: [String]
}

extension RunContext {
  /// The datasets that ``billing()`` reads, where they are there.
  static let billingDatasets = [
    "companies", "credit_notes", "exchange_rates", "invoices", "modules", "payment_attempts",
    "refunds", "subscription_changes", "subscriptions", "transactions",
  ]

  /// The digest of the rows of some datasets: equal parts, equal digests.
  func contentDigest(_ datasets: [String]) -> String {
    var text = ""
    for name in datasets.sorted() {
      for entry in directory.manifest.entries(of: name) {
        text += "\(name) \(entry.definitionDigest)\n"
        for part in entry.parts { text += "\(part.path) \(part.rows) \(part.sha256)\n" }
      }
    }
    return SHA256.hexadecimalDigest(of: text)
  }

  /// The billing records up to the end of a date, as the data directory holds them.
  ///
  /// - Throws: `BillingError` for rows that are not as the contract says, a missing rate, or MRR that
  ///   does not add up; ``PipelineError``.
  func billing(
    _ settings: LedgerSettings, through date: CalendarDate
  ) throws -> BillingRecords {
    let end = end(of: date)
    return try RunMemo.once(memo.billing) { billing in
      if let known = billing, known.settings == settings, known.end == end {
        return known.records
      }
      let records = try BillingRecords(try inputs(), settings, end: end)
      billing = RunMemo.Billing(settings: settings, end: end, records: records)
      return records
    }
  }
}

extension BillingRecords {
  /// The records up to an instant; MRR from the changes recorded by `knownBy` alone, where that is
  /// given.
  ///
  /// - Throws: what ``RunContext/billing(_:through:)`` throws.
  init(
    _ context: StageInputs, _ settings: LedgerSettings, end: Timestamp, knownBy: Timestamp? = nil
  ) throws {
    var notices: [String] = []
    zones = context.zones
    self.end = end
    let rates = try context.exchangeRates() ?? ExchangeRates([])
    companies = try CompanyDates.rows(
      in: try context.rows(of: "companies", ["id", "signed_up_at", "deleted_at"]))
    let invoices = try Invoice.rows(
      in: try context.rows(
        of: "invoices",
        [
          "id", "company_id", "subscription_id", "status", "billing_reason", "currency", "subtotal",
          "total", "issued_at", "due_at", "paid_at", "voided_at", "period_start", "period_end",
          "created_at",
        ]))
    let recorded = try SubscriptionChange.rows(
      in: try context.rows(
        of: "subscription_changes",
        [
          "id", "subscription_id", "company_id", "sequence", "change", "plan_id", "module_id",
          "quantity", "recurring_amount", "interval", "interval_count", "currency", "requested_at",
          "effective_at", "created_at",
        ]))
    changes = recorded.isEmpty ? SubscriptionChange.shown(by: invoices) : recorded
    if changes.isEmpty {
      ledger = nil
      ledgerInput = nil
      notices.append(
        "neither subscription_changes nor the periods of invoices say what subscriptions are "
          + "worth; MRR and what is made of it are switched off")
    } else {
      if recorded.isEmpty {
        notices.append(
          "MRR is counted from the periods of invoices, since there are no subscription_changes")
      }
      var deletions: [UUIDValue: Timestamp] = [:]
      for company in companies { deletions[company.id] = company.deletedAt }
      let input = LedgerInput(
        changes: changes, source: recorded.isEmpty ? .invoices : .changes,
        origins: try BillingRecords.origins(context),
        deletions: deletions,
        modules: try ModulePrice.rows(
          in: try context.rows(of: "modules", ["id", "unit_amount", "currency"])),
        rates: rates, zones: zones, knownBy: knownBy, end: end)
      let made = try RevenueLedger(input, settings: settings)
      notices += BillingRecords.notices(of: made.notes)
      ledger = made
      ledgerInput = input
    }
    let attempts = try PaymentAttempt.rows(
      in: try context.rows(
        of: "payment_attempts",
        [
          "id", "transaction_id", "invoice_id", "company_id", "amount", "currency", "outcome",
          "attempted_at", "created_at",
        ]))
    let money = ["id", "company_id", "amount", "currency", "created_at"]
    let transactions = try MoneyRow.transactions(
      in: try context.rows(of: "transactions", money + ["invoice_id", "succeeded_at", "status"]))
    let refunds = try MoneyRow.refunds(
      in: try context.rows(of: "refunds", money + ["transaction_id", "succeeded_at", "status"]))
    let creditNotes = try MoneyRow.creditNotes(
      in: try context.rows(of: "credit_notes", money + ["invoice_id", "issued_at"]))
    books = PaymentBooks(
      attempts: attempts, transactions: transactions, refunds: refunds, invoices: invoices,
      creditNotes: creditNotes, rates: rates, zones: zones, currency: settings.currency)
    let tried = try context.hasDataset("payment_attempts")
    let collected = try context.hasDataset("transactions")
    hasAttempts = tried
    hasPayments = tried || collected
    hasInvoices = try context.hasDataset("invoices")
    if !hasPayments {
      notices.append(
        "there are neither payment_attempts nor transactions; revenue and what is made of payments "
          + "are switched off")
    }
    rowCount =
      companies.count + invoices.count + recorded.count + attempts.count + transactions.count
      + refunds.count + creditNotes.count
    self.notices = notices
  }

  /// The subscriptions that continue another, with when they were recorded where the source says that.
  private static func origins(_ context: StageInputs) throws -> [SubscriptionOrigin] {
    let (name, recorded) = ("subscriptions", "created_at")
    let isDated = context.project.dataset(name)?[column: recorded] != nil
    return try SubscriptionOrigin.rows(
      in: try context.rows(of: name, ["id", "migrated_from"] + (isDated ? [recorded] : [])))
  }

  private static func notices(of notes: LedgerNotes) -> [String] {
    var notices: [String] = []
    if notes.startsInTheMiddle > 0 {
      notices.append(
        "subscription_changes: \(notes.startsInTheMiddle) subscriptions begin in the middle; what "
          + "they were worth before is not known")
    }
    if notes.unusableOrigins > 0 {
      notices.append(
        "subscriptions: \(notes.unusableOrigins) migrated_from name no earlier subscription of the "
          + "same company and are ignored")
    }
    if !notes.unpricedModules.isEmpty {
      notices.append(
        "modules: \(notes.unpricedModules.count) have no known price; their MRR belongs to plans")
    }
    return notices
  }
}
