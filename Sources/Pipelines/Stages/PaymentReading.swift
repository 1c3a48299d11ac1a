import AlmanacCore
import Billing
import Columns
import Predictions

extension RunContext {
  /// What was charged, by which method, and what is still to be paid, as known at the end of the
  /// logical date (DECISIONS.md, D-536, D-537, D-538).
  ///
  /// - Throws: `BillingError`, ``PipelineError``.
  func paymentReading(_ model: RiskDefinition) throws -> RiskReading {
    func refused(_ reason: String) -> RiskReading {
      RiskReading(panel: nil, book: nil, refusal: reason, rowsRead: 0, notices: [])
    }
    guard let payments = model.payments else { return refused("it is no model of payments") }
    for name in PaymentDefinition.datasetNames where try !hasDataset(name) {
      return refused(
        "the source has no \(name); map datasets/\(name).yaml to a table that has them")
    }
    let rows = try CollectionAttempt.rows(
      in: try self.rows(of: "payment_attempts", CollectionAttempt.columns))
    let cut = knowledgeEnd
    guard let first = rows.filter({ $0.recordedAt < cut }).map(\.attemptedAt).min(), first < cut
    else { return refused("no attempt was made and recorded by the end of \(date)") }
    let books = try billing(project.metrics.ledgerSettings(pipeline.currency), through: date).books
    let methodRows = try paymentMethodVersions()
    var notices: [String] = []
    let clocks = try companyClocks(before: cut, &notices)
    let history = ChargeHistory(
      attempts: ChargeAttempt.all(
        of: rows, invoices: books.invoicesOfAttempts, currency: pipeline.currency,
        rates: try exchangeRates() ?? ExchangeRates([]), clocks: clocks.dates),
      methods: PaymentMethodHistory.all(of: methodRows, at: cut), clocks: clocks.hours)
    let tries = try scheduledTries(before: cut)
    let due = try books.invoicesToPay(at: date, before: cut).map { invoice, owed in
      DueInvoice(
        id: invoice.id, company: invoice.company, dueAt: invoice.dueAt, owed: owed,
        nextTry: tries[invoice.id])
    }
    let unknown = due.filter { $0.owed == nil }
    if let first = unknown.first {
      notices.append(
        "invoices: \(counted(unknown.count, "amount")) to be paid cannot be converted on \(date), "
          + "such as that of \(first.id); they are scored without it (add the rate to exchange_rates)"
      )
    }
    if history.methods.isEmpty {
      notices.append("payment_methods: no method is known by the end of \(date)")
    }
    return RiskReading(
      panel: PaymentPanel(
        payments.features, of: history, cut: cut,
        months: chargeMonths(since: zone.localDate(at: first), model), due: due),
      book: nil, refusal: nil, rowsRead: rows.count + methodRows.count, notices: notices)
  }

  /// When the source means to try invoices again; none where it does not say so.
  private func scheduledTries(before cut: Timestamp) throws -> [UUIDValue: ScheduledTry] {
    let name = "transactions"
    guard try hasDataset(name), let definition = project.dataset(name),
      ScheduledTry.columns.allSatisfy({ definition[column: $0] != nil })
    else { return [:] }
    return try ScheduledTry.next(in: try rows(of: name, ScheduledTry.columns), at: cut)
  }

  /// The starts of the months that are learned from, the one that holds the logical date the last.
  private func chargeMonths(
    since first: CalendarDate, _ model: RiskDefinition
  ) -> [Timestamp] {
    var months: [CalendarDate] = []
    var month = date.monthStart(adding: 0)
    while months.isEmpty || month.monthStart(adding: 1) > first, months.count < model.months {
      months.append(month)
      month = month.monthStart(adding: -1)
    }
    return months.reversed().map { zone.start(of: $0) }
  }

  /// The clock of each company for hours and weekdays, which is its own zone by the versions of its row
  /// that are kept, else the pipeline's; and that for local dates, which are the pipeline's days
  /// (DECISIONS.md, D-537, D-584).
  private func companyClocks(
    before cut: Timestamp, _ notices: inout [String]
  ) throws -> (hours: CompanyClocks, dates: CompanyClocks) {
    let name = Project.companies.name
    if let versions = try zoneVersions() {
      let clocks = CompanyClocks(versions, standard: zone, at: cut)
      return (clocks, pipeline.countsCompanyDays ? clocks : CompanyClocks(try zones()))
    }
    if project.missingCompanyZones == nil, directory.manifest.datasets[name] != nil,
      let mode = project.dataset(name)?.mode
    {
      notices.append(
        "\(name): mode \(mode.rawValue) keeps no versions, so hours and weekdays of charges are those "
          + "of \(zone.name); set mode: changes in datasets/\(name).yaml")
    }
    return (CompanyClocks(CompanyZones(zone)), CompanyClocks(try zones()))
  }

  /// All versions of payment methods that are kept; a method that was deleted has a last one that
  /// may not be charged.
  private func paymentMethodVersions() throws -> [PaymentMethodRow] {
    let name = "payment_methods"
    guard let definition = project.dataset(name) else { return [] }
    let texts = PaymentMethodHistory.fixedColumns.filter { definition[column: $0] != nil }
    let columns =
      ["id", "company_id", "created_at"] + texts
      + ["exp_month", "exp_year", "is_active", "is_default"].filter {
        definition[column: $0] != nil
      }
    let reader = directory.reader
    guard definition.mode == .changes else {
      return try PaymentMethodRow.rows(in: try rows(of: name, columns), texts: texts)
    }
    var versions = try PaymentMethodRow.rows(
      in: try reader.allVersions(of: name, columns: columns), texts: texts, seen: StoredColumn.seen)
    let latest = Dictionary(grouping: versions, by: \.id)
    for (id, seen) in try reader.deletions(of: name) {
      let newest = latest[id]?.max {
        ($0.seenAt?.microseconds ?? .min) < ($1.seenAt?.microseconds ?? .min)
      }
      guard var last = newest else { continue }
      last.isActive = false
      last.seenAt = seen
      versions.append(last)
    }
    return versions
  }
}

extension PartReader {
  /// Every version of the rows of a dataset of versions, with the cut that first saw each.
  ///
  /// - Throws: ``PipelineError/damagedPart(path:reason:)``.
  func allVersions(of dataset: String, columns: [String]) throws -> [Batch] {
    try manifest.entries(of: dataset).flatMap(\.parts)
      .filter { $0.kind != .tombstones && $0.kind != .repeats }
      .map { try decode($0, columns: columns + [StoredColumn.seen]) }
  }

  /// The keys of a dataset of versions, of one identifier each, that were found deleted, and when.
  ///
  /// - Throws: ``PipelineError/damagedPart(path:reason:)``.
  func deletions(of dataset: String) throws -> [(id: UUIDValue, seen: Timestamp)] {
    let entries = manifest.entries(of: dataset)
    guard let key = entries.first?.layout?.key.first else { return [] }
    var found: [(id: UUIDValue, seen: Timestamp)] = []
    for part in entries.flatMap(\.parts) where part.kind == .tombstones {
      let batch = try decode(part, columns: [key, StoredColumn.seen])
      guard case .uuid(let ids)? = batch[key]?.storage,
        case .int64(let seen)? = batch[StoredColumn.seen]?.storage
      else { continue }
      for row in seen.indices {
        found.append((ids.row(row), Timestamp(microseconds: seen[row])))
      }
    }
    return found
  }
}
