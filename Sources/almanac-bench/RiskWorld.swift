import AlmanacCore
import Billing
import Columns
import FoundationEssentials
import Pipelines
import Predictions
import Simulation

/// A simulated business as the models of risk see it, beside the probabilities it was drawn by.
struct RiskWorld {
  /// A place in the truth of churn.
  struct Place: Hashable {
    var company: UUIDValue
    var instant: Int64
  }

  /// What the churn model learns from.
  let churn: ChurnPanel
  /// The probability that decided each company's month.
  let churnTruth: [Place: Double]
  /// What the model of failing payments learns from.
  let payments: PaymentPanel
  /// What decided each attempt.
  let attemptTruth: [UUIDValue: Decision]
  /// What the upsell model learns from.
  let upsell: UpsellPanel
  /// Who each company is.
  let profiles: [UUIDValue: CompanyProfile]
  /// The number of events that were counted.
  let eventCount: Int
  /// Seconds that counting events took, ledgers included, and those of the panel itself.
  let counting: Double
  let panel: Double
  /// Those of the panel that all threads had a processor for.
  let panelProcessor: Double

  /// Companies whose events are held at a time.
  private static let companiesPerPiece = 16

  /// Reads the rules of a zone.
  static func zone(_ name: String) -> ZoneRules? {
    (try? Data(contentsOf: URL(filePath: "/usr/share/zoneinfo/\(name)"))).flatMap {
      ZoneRules(name: name, file: [UInt8]($0))
    }
  }

  /// Generates a world and counts its rows as a night does.
  init(_ world: World, _ project: Project) throws {
    guard let churnModel = project.risk("churn"), let upsellModel = project.risk("upsell"),
      let paymentModel = project.risk("payment_failure"),
      let features = paymentModel.payments?.features, let currency = CurrencyCode("USD")
    else { throw BenchmarkError.cannotRead(path: "models") }
    let settings = world.settings
    var rows = PaymentRowsOfWorld()
    var changes: [SubscriptionChange] = []
    var origins: [SubscriptionOrigin] = []
    var churnTruth: [Place: Double] = [:]
    var attemptTruth: [UUIDValue: Decision] = [:]
    var profiles: [UUIDValue: CompanyProfile] = [:]
    for index in 0..<world.companyCount {
      let record = world.company(index, includesUse: false)
      profiles[record.profile.id] = record.profile
      changes += record.changes.map { RiskWorld.change($0, of: record, currency) }
      origins += record.subscriptions.compactMap { row in
        row.migratedFrom.map { SubscriptionOrigin(subscription: row.id, predecessor: $0) }
      }
      for decision in record.decisions {
        if decision.question == .churn {
          let place = Place(company: record.profile.id, instant: decision.at)
          churnTruth[place] = decision.probability
        } else if let attempt = decision.attempt {
          attemptTruth[record.attempts[attempt].id] = decision
        }
      }
      rows.append(record)
    }
    self.churnTruth = churnTruth
    self.attemptTruth = attemptTruth
    self.profiles = profiles

    let clock = ContinuousClock()
    let first = clock.now
    let days = (1...settings.months).map { settings.start.monthStart(adding: $0) }
      .filter { $0 <= settings.end.adding(days: 1) }
    let ledgerSettings = LedgerSettings(currency: currency)
    let zones = CompanyZones(.utc)
    let (allChanges, allOrigins) = (changes, origins)
    let books = try inParallel(days) { day in
      let input = LedgerInput(
        changes: allChanges, origins: allOrigins, rates: ExchangeRates([]), zones: zones,
        knownBy: Timestamp(microseconds: day.startUTC.microseconds - 1), end: day.startUTC)
      return (
        ledger: try RevenueLedger(input, settings: ledgerSettings),
        held: SubscriptionHoldings(input, settings: ledgerSettings)
      )
    }
    let known = books.map(\.ledger)
    let companies = known[known.count - 1].companies.map(\.company)
    var history = FeatureHistory(
      companyCount: companies.count, asOf: days, from: settings.start, zone: .utc,
      tallies: churnModel.counts.map(\.name), states: ChurnStates.names)
    ChurnStates.setSeats(in: &history, changes, companies: companies)
    var seconds = (clock.now - first) / .seconds(1)
    let counters = RiskWorld.counters(of: churnModel, project, companies)
    let upsellCounters = RiskWorld.counters(of: upsellModel, project, companies)
    var upsellHistory = FeatureHistory(
      companyCount: companies.count, asOf: days, from: settings.start, zone: .utc,
      tallies: upsellModel.counts.map(\.name), states: ChurnStates.names)
    ChurnStates.setSeats(in: &upsellHistory, changes, companies: companies)
    var events = 0
    let pieces = stride(
      from: 0, to: world.companyCount, by: 2 * RiskWorld.companiesPerPiece
    ).map { $0 }
    for start in pieces {
      let halves = [start, start + RiskWorld.companiesPerPiece].filter { $0 < world.companyCount }
      let tables = inParallel(halves) { half in
        var rows = WorldRows(from: nil, to: settings.cut)
        for index in half..<min(half + RiskWorld.companiesPerPiece, world.companyCount) {
          rows.append(world.company(index))
        }
        return rows.finish()
      }
      let begin = clock.now
      let known = RiskWorld.withoutRepeats(
        tables.flatMap { $0 }, (counters + upsellCounters).map(\.dataset))
      events += known["events"]?.reduce(0) { $0 + $1.rowCount } ?? 0
      RiskWorld.count(known, counters, into: &history)
      seconds += (clock.now - begin) / .seconds(1)
      RiskWorld.count(known, upsellCounters, into: &upsellHistory)
    }
    eventCount = events
    counting = seconds
    let processor = processorSeconds()
    let (churn, panelSeconds) = try timed {
      try ChurnPanel(
        churnModel.features, of: history, companies: companies, changes: changes,
        origins: origins, known: known, held: books.map(\.held))
    }
    self.churn = churn
    panel = panelSeconds
    panelProcessor = processorSeconds() - processor
    let lists = CatalogueRows.priceLists(in: settings)
    func input(_ instant: Timestamp, end: Timestamp) -> LedgerInput {
      LedgerInput(
        changes: allChanges, origins: allOrigins, rates: ExchangeRates([]), zones: zones,
        knownBy: Timestamp(microseconds: instant.microseconds - 1), end: end)
    }
    upsell = try UpsellPanel(
      upsellModel.features, of: upsellHistory,
      UpsellInput(
        companies: companies, known: known,
        outlooks: days.map(\.startUTC).map { instant in
          SubscriptionHoldings(
            input(instant, end: UpsellLabels.maturity(of: instant)), settings: ledgerSettings)
        },
        now: SubscriptionHoldings(
          input(days[days.count - 1].startUTC, end: days[days.count - 1].startUTC),
          settings: ledgerSettings),
        prices: try PriceList(
          plans: lists.filter { $0.table.name == "plans" }.map(\.batch),
          modules: lists.filter { $0.table.name == "modules" }.map(\.batch))))
    payments = PaymentPanel(
      features, of: rows.history(), cut: settings.cut,
      months: (0..<settings.months).map { settings.start.monthStart(adding: $0).startUTC }
        .filter { $0 < settings.cut })
  }

  /// What counts the rows of each dataset that a model reads.
  private static func counters(
    of model: RiskDefinition, _ project: Project, _ companies: [UUIDValue]
  ) -> [(dataset: DatasetDefinition, counter: RiskCounter)] {
    model.countedNames.compactMap { name in
      project.dataset(name).map { dataset in
        (
          dataset,
          RiskCounter(
            model.counts.filter { $0.dataset.name == name }, dataset: dataset,
            companies: companies)
        )
      }
    }
  }

  /// The rows of some companies by dataset, those that a producer repeated once.
  private static func withoutRepeats(
    _ tables: [(table: SourceTable, batch: Batch)], _ datasets: [DatasetDefinition]
  ) -> [String: [Batch]] {
    var found: [String: [Batch]] = [:]
    for dataset in datasets where found[dataset.name] == nil {
      found[dataset.name] =
        dropRepeated(
          tables.filter { $0.table.name == dataset.name }.map(\.batch), key: dataset.key,
          recorded: dataset.recordedColumn, time: dataset.timeColumn ?? ""
        ).batches
    }
    return found
  }

  /// Counts the rows of some companies.
  private static func count(
    _ rows: [String: [Batch]],
    _ counters: [(dataset: DatasetDefinition, counter: RiskCounter)],
    into history: inout FeatureHistory
  ) {
    for (dataset, counter) in counters {
      for batch in rows[dataset.name] ?? [] { counter.add(batch, to: &history) }
    }
  }

  /// A change, its amount in dollars at the usual rate.
  private static func change(
    _ row: ChangeRow, of record: CompanyRecord, _ currency: CurrencyCode
  ) -> SubscriptionChange {
    let amount = Double(row.recurringAmount) / record.profile.currency.perDollar
    return SubscriptionChange(
      id: row.id, subscription: row.subscriptionID, company: record.profile.id,
      sequence: Int64(row.sequence), kind: row.change, plan: row.planID,
      module: row.module.map(Catalogue.moduleID), quantity: Int64(row.quantity),
      recurringAmount: Int128(amount.rounded()), periodMonths: row.interval.rawValue,
      currency: currency, requestedAt: Timestamp(microseconds: row.requestedAt),
      effectiveAt: Timestamp(microseconds: row.effectiveAt),
      recordedAt: Timestamp(microseconds: row.recordedAt))
  }
}

/// The attempts and methods of a world, with the versions that a night would have seen.
private struct PaymentRowsOfWorld {
  private var attempts: [ChargeAttempt] = []
  private var methods: [PaymentMethodHistory] = []
  private var zones: [UUIDValue: ZoneRules] = [:]
  private var rules: [String: ZoneRules] = [:]

  mutating func append(_ record: CompanyRecord) {
    let name = record.profile.zone
    if rules[name] == nil { rules[name] = RiskWorld.zone(name) }
    zones[record.profile.id] = rules[name]
    attempts += record.attempts.map { row in
      ChargeAttempt(
        id: row.id, company: record.profile.id, invoice: record.invoices[row.invoice].id,
        method: record.methods[row.method].id,
        amount: Double(row.amount) / 10_000 / record.profile.currency.perDollar,
        outcome: AttemptOutcome(rawValue: row.outcome) ?? .failed,
        declineClass: row.declineClass.flatMap { DeclineClass(rawValue: $0) },
        attemptedAt: Timestamp(microseconds: row.attemptedAt),
        recordedAt: Timestamp(microseconds: row.recordedAt))
    }
    let renewals = record.events.filter { $0.type == .paymentMethodUpdated }.map(\.happenedAt)
    for (index, row) in record.methods.enumerated() {
      let end = index + 1 < record.methods.count ? record.methods[index + 1].recordedAt : Int64.max
      let own = renewals.filter { $0 > row.recordedAt && $0 < end }
      // Each renewal moves the expiry on by three years; the row shows the last one only.
      let versions = ([row.recordedAt] + own).enumerated().map { place, from in
        PaymentMethodHistory.Version(
          knownFrom: Timestamp(microseconds: from),
          expiresAt: PaymentMethodHistory.expiry(
            month: row.expiryMonth, year: row.expiryYear.map { $0 - 3 * (own.count - place) }))
      }
      var attributes = [
        "type": row.kind == .card ? "card" : row.kind == .paypal ? "paypal" : "bank_account"
      ]
      attributes["brand"] = row.brand
      attributes["funding"] = row.funding
      methods.append(
        PaymentMethodHistory(
          id: row.id, company: record.profile.id,
          recordedAt: Timestamp(microseconds: row.recordedAt), attributes: attributes,
          versions: versions))
    }
  }

  func history() -> ChargeHistory {
    ChargeHistory(
      attempts: attempts, methods: methods, zones: CompanyZones(.utc, own: zones))
  }
}
