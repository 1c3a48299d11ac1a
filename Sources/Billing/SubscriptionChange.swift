package import AlmanacCore
package import Columns

/// What happened to a subscription: `billing.subscription_changes.change`.
package enum ChangeKind: String, CaseIterable, Sendable {
  case trialStart = "trial_start"
  case trialConvert = "trial_convert"
  case new
  case upgrade
  case downgrade
  case quantity
  case moduleAdded = "module_added"
  case moduleRemoved = "module_removed"
  case discount
  case pause
  case resume
  case cancel
  case cancelWithdrawn = "cancel_withdrawn"
  case reactivate

  /// Whether paid service begins with it.
  var startsService: Bool { self == .new || self == .trialConvert || self == .reactivate }

  /// Whether the row's amount, plan and quantity are those in force after it.
  ///
  /// A pause and a cancellation say when nothing is paid, not what for; their amounts are read only
  /// where no row before them says one.
  var setsTerms: Bool { self != .pause && self != .cancel && self != .cancelWithdrawn }
}

/// The unit of a billing period: `interval` of plans and changes.
package enum PlanInterval: String, CaseIterable, Sendable {
  case month
  case quarter
  case year

  /// The number of months in it.
  package var months: Int {
    switch self {
    case .month: 1
    case .quarter: 3
    case .year: 12
    }
  }
}

/// A row of `billing.subscription_changes`.
package struct SubscriptionChange: Hashable, Sendable {
  /// The change's identity.
  package var id: UUIDValue
  /// The subscription that changes.
  package var subscription: UUIDValue
  /// The company whose subscription it is.
  package var company: UUIDValue
  /// The order within the subscription.
  package var sequence: Int64
  /// What changes.
  package var kind: ChangeKind
  /// The plan after the change; `nil` where it stays.
  package var plan: UUIDValue?
  /// The module added or removed.
  package var module: UUIDValue?
  /// Seats or units after the change; `nil` where they stay.
  package var quantity: Int64?
  /// The new total of a whole period in ten-thousandths, modules included, after discount, before
  /// tax; `nil` where it stays.
  package var recurringAmount: Int128?
  /// The months of a period; `nil` where they stay.
  package var periodMonths: Int?
  /// The currency of the amount; `nil` where it stays.
  package var currency: CurrencyCode?
  /// When it was asked for.
  package var requestedAt: Timestamp?
  /// When it takes effect.
  package var effectiveAt: Timestamp
  /// When it was recorded.
  package var recordedAt: Timestamp

  /// A change of the given parts.
  package init(
    id: UUIDValue, subscription: UUIDValue, company: UUIDValue, sequence: Int64, kind: ChangeKind,
    plan: UUIDValue? = nil, module: UUIDValue? = nil, quantity: Int64? = nil,
    recurringAmount: Int128? = nil, periodMonths: Int? = nil, currency: CurrencyCode? = nil,
    requestedAt: Timestamp? = nil, effectiveAt: Timestamp, recordedAt: Timestamp
  ) {
    self.id = id
    self.subscription = subscription
    self.company = company
    self.sequence = sequence
    self.kind = kind
    self.plan = plan
    self.module = module
    self.quantity = quantity
    self.recurringAmount = recurringAmount
    self.periodMonths = periodMonths
    self.currency = currency
    self.requestedAt = requestedAt
    self.effectiveAt = effectiveAt
    self.recordedAt = recordedAt
  }

  /// The rows of batches of `subscription_changes`.
  ///
  /// A currency that is not three letters is none. A missing interval with a count, or a count
  /// below 1, is a period that is not known.
  ///
  /// - Throws: ``BillingError``: a column that is missing or of another type, a row without an
  ///   identifier, sequence or time, or an unknown word.
  package static func rows(in batches: [Batch]) throws(BillingError) -> [SubscriptionChange] {
    var rows: [SubscriptionChange] = []
    var table = TableReader(dataset: "subscription_changes")
    for batch in batches {
      table.start(batch)
      rows.reserveCapacity(rows.count + batch.rowCount)
      try append(table, batch.rowCount, to: &rows)
    }
    return rows
  }

  private static func append(
    _ table: TableReader, _ rowCount: Int, to rows: inout [SubscriptionChange]
  ) throws(BillingError) {
    let ids = try table.identifiers("id")
    let subscriptions = try table.identifiers("subscription_id")
    let companies = try table.identifiers("company_id")
    let sequences = try table.integers("sequence")
    let kinds = try table.words("change") { ChangeKind(rawValue: $0) }
    let plans = try table.identifiers("plan_id")
    let modules = try table.identifiers("module_id")
    let quantities = try table.integers("quantity")
    let amounts = try table.amounts("recurring_amount")
    let intervals = try table.words("interval") { PlanInterval(rawValue: $0) }
    let counts = try table.integers("interval_count")
    let currencies = try table.currencies("currency")
    let requested = try table.instants("requested_at")
    let effective = try table.instants("effective_at")
    let recorded = try table.instants("created_at")
    for row in 0..<rowCount {
      guard let kind = kinds(row) else { throw table.unknown("change", row) }
      let count = counts(row) ?? 1
      guard (1...1_200).contains(count) else { throw table.unknown("interval_count", row) }
      let at = try table.required(effective(row), "effective_at", row)
      guard at.isWithinCalendar else { throw table.unknown("effective_at", row) }
      rows.append(
        SubscriptionChange(
          id: try table.required(ids(row), "id", row),
          subscription: try table.required(subscriptions(row), "subscription_id", row),
          company: try table.required(companies(row), "company_id", row),
          sequence: try table.required(sequences(row), "sequence", row), kind: kind,
          plan: plans(row), module: modules(row), quantity: quantities(row),
          recurringAmount: amounts(row),
          periodMonths: intervals(row).map { $0.months * Int(count) },
          currency: currencies(row), requestedAt: requested(row), effectiveAt: at,
          recordedAt: try table.required(recorded(row), "created_at", row)))
    }
  }
}

extension Timestamp {
  /// Whether the instant lies in the years 2 to 9998, so that a day more or less is a date too.
  ///
  /// PostgreSQL's infinities do not.
  var isWithinCalendar: Bool {
    (-62_104_060_800_000_000..<253_370_764_800_000_000).contains(microseconds)
  }
}
