package import AlmanacCore
import Billing
package import Columns
package import Predictions

/// The panel of a model of what may happen to companies, and where it comes from.
struct RiskReading {
  /// The panel; `nil` where nothing can be said.
  let panel: (any RiskPanel)?
  /// What companies had at the instants; `nil` where there is no panel.
  let book: CompanyBook?
  /// Why there is none, in one line.
  let refusal: String?
  /// The rows it was counted from.
  var rowsRead: Int
  /// What a person should know.
  var notices: [String]

  /// MRR of companies as known now; `nil` where there is no panel.
  var ledger: RevenueLedger? { book?.known.last }
}

/// What companies had at the instants of a panel.
struct CompanyBook {
  /// The first days not known.
  let instants: [CalendarDate]
  /// What MRR is made of, as it was known at the instants.
  let source: KnownInput
  /// How MRR is counted.
  let settings: LedgerSettings
  /// MRR as it was known at each instant, where its time ends; the last is that of now.
  let known: [RevenueLedger]
  /// The companies by position.
  let companies: [UUIDValue]

  /// All changes of subscriptions known now, and what else MRR is made of.
  var input: LedgerInput { source.now }
}

extension RunContext {
  /// What each company had done by the ends of months, and by the end of the logical date, as it was
  /// known then (DECISIONS.md, D-515, D-516).
  ///
  /// - Throws: `BillingError`, `FeatureError`, ``PipelineError``.
  func riskReading(_ model: RiskDefinition) throws -> RiskReading {
    if model.kind == .paymentFailure { return try paymentReading(model) }
    func refused(_ reason: String) -> RiskReading {
      RiskReading(panel: nil, book: nil, refusal: reason, rowsRead: 0, notices: [])
    }
    let settings = project.metrics.ledgerSettings(pipeline.currency)
    let absent = RunContext.billingDatasets.first { name in
      project.dataset(name).map { !$0.isOptional && directory.manifest.datasets[name] == nil }
        ?? false
    }
    if let absent { return refused("dataset \(absent) was not extracted; extract it first") }
    guard var input = try billing(settings, through: date).ledgerInput else {
      return refused(
        "no subscription_changes say what companies pay and when they stop; "
          + "map datasets/subscription_changes.yaml to a table that does")
    }
    // The end of a period that is paid for looks like a cancellation that was known all along.
    guard input.source == .changes else {
      return refused(
        "MRR is counted from the periods of invoices, which do not say when a cancellation became "
          + "known; map datasets/subscription_changes.yaml to a table that does")
    }
    let now = knowledgeEnd
    input.changes.removeAll { $0.recordedAt >= now }
    input.rates = input.rates.known(before: now)
    guard let first = input.changes.map(\.effectiveAt).min(), first < now else {
      return refused("no change of a subscription happened and was recorded by the end of \(date)")
    }
    let instants = riskInstants(since: zone.localDate(at: first), model)
    let source = try knownInput(input)
    let known = try mapConcurrently(
      instants.map { zone.start(of: $0) }, jobs: jobs, context: {},
      work: { _, instant in
        try RevenueLedger(source.known(before: instant), settings: settings)
      })
    let companies = known[known.count - 1].companies.map(\.company)
    var history = FeatureHistory(
      companyCount: companies.count, asOf: instants,
      from: try firstDay(of: model, since: zone.localDate(at: first)), zone: zone,
      tallies: model.counts.map(\.name), states: ChurnStates.names,
      attributes: model.attributes.map(\.name))
    history.sources = Dictionary(
      model.counts.map { ($0.name, $0.dataset.name) }, uniquingKeysWith: { first, _ in first })
    ChurnStates.setSeats(in: &history, input.changes, companies: companies)
    if model.features.contains(where: { $0.holding == .plan }) {
      history.holdingNames = try planCodes()
    }
    var notices: [String] = []
    var rowsRead = input.changes.count
    for name in model.countedNames {
      guard let dataset = project.dataset(name) else { continue }
      guard try hasDataset(name) else {
        notices.append(
          "\(name): the source has no such table; features that count it are left out")
        continue
      }
      notices += gapNotices(dataset, since: zone.localDate(at: first))
      let counter = RiskCounter(
        model.counts.filter { $0.dataset.name == name }, dataset: dataset, companies: companies)
      rowsRead += try count(dataset, counter, through: instants, into: &history)
    }
    rowsRead += try describe(companies, by: model, in: &history, &notices)
    let book = CompanyBook(
      instants: instants, source: source, settings: settings, known: known, companies: companies)
    let panel: any RiskPanel
    switch model.kind {
    case .churn:
      panel = try ChurnPanel(
        model.features, of: history, companies: companies, changes: input.changes,
        origins: input.origins, known: known, held: try holdings(of: book))
    case .paymentFailure: preconditionFailure("payments are read otherwise")
    case .upsell:
      let prices = try priceList(&notices)
      panel = try UpsellPanel(
        model.features, of: history, try upsellInput(book, prices, model, &notices))
    }
    return RiskReading(
      panel: panel, book: book, refusal: nil, rowsRead: rowsRead, notices: notices)
  }

  /// What a person should know of days that a dataset lacks (DECISIONS.md, D-546).
  private func gapNotices(
    _ dataset: DatasetDefinition, since first: CalendarDate
  ) -> [String] {
    let name = dataset.name
    let days = directory.manifest.days(of: name).dates
    return DayGaps.found(in: days, since: first, through: date).map { gap in
      "\(name): no row of the days from \(gap.lowerBound) to \(gap.upperBound); what is counted of them "
        + "is too little (see whether the source lost them, and extract them again)"
    }
  }

  /// Says what companies are by the versions of their rows that are kept, and returns their number
  /// (DECISIONS.md, D-545).
  private func describe(
    _ companies: [UUIDValue], by model: RiskDefinition, in history: inout FeatureHistory,
    _ notices: inout [String]
  ) throws -> Int {
    let name = RiskDefinition.companies
    guard !model.attributes.isEmpty, let tenant = project.dataset(name)?.tenantColumn else {
      return 0
    }
    guard try hasDataset(name) else {
      notices.append("\(name): the source has no such table; what it says of companies is missing")
      return 0
    }
    let positions = Dictionary(uniqueKeysWithValues: companies.enumerated().map { ($1, $0) })
    let columns = Set(model.attributes.map(\.name)).sorted()
    var rows = 0
    for batch in try directory.reader.allVersions(of: name, columns: [tenant] + columns) {
      rows += batch.rowCount
      guard case .uuid(let owners)? = batch[tenant]?.storage,
        case .int64(let seen)? = batch[StoredColumn.seen]?.storage
      else { continue }
      for column in columns {
        guard let values = batch[column], case .text(let texts) = values.storage else { continue }
        for row in seen.indices {
          guard let company = positions[owners.row(row)] else { continue }
          history.describe(
            column, company: company, seen: Timestamp(microseconds: seen[row]),
            value: values.isNull(row) ? nil : String(decoding: texts.row(row), as: UTF8.self))
        }
      }
    }
    return rows
  }

  /// The first days not known: those of the newest months, and that after the logical date.
  private func riskInstants(
    since first: CalendarDate, _ model: RiskDefinition
  ) -> [CalendarDate] {
    let last = date.adding(days: 1)
    var months: [CalendarDate] = []
    var month = last.monthStart(adding: 0)
    if month == last { month = last.monthStart(adding: -1) }
    let oldest = max(first, last.adding(days: 1 - DailyRevenue.longestHistory))
    while month > oldest, months.count < model.months {
      months.append(month)
      month = month.monthStart(adding: -1)
    }
    return months.reversed() + [last]
  }

  /// The first day that is counted: ten years back at most, as forecasts do (DECISIONS.md, D-017).
  private func firstDay(
    of model: RiskDefinition, since first: CalendarDate
  ) throws -> CalendarDate {
    let days = model.countedNames.compactMap {
      directory.manifest.days(of: $0).range()?.lowerBound.adding(days: -1)
    }
    let earliest = date.adding(days: 1 - DailyRevenue.longestHistory)
    return min(date, max(earliest, (days + [first.adding(days: -1)]).min() ?? first))
  }

  /// Counts the rows of a dataset month by month, read on `jobs` threads, and returns their number.
  private func count(
    _ dataset: DatasetDefinition, _ counter: RiskCounter, through instants: [CalendarDate],
    into history: inout FeatureHistory
  ) throws -> Int {
    let reader = directory.reader
    var rows = 0
    guard dataset.timeColumn != nil, let days = reader.manifest.days(of: dataset.name).range()
    else {
      for batch in try reader.read(dataset.name, columns: counter.columns) {
        rows += batch.rowCount
        counter.add(batch, to: &history)
      }
      return rows
    }
    // What happens later than the last instant is seen by none.
    let last = min(days.upperBound, instants[instants.count - 1])
    var chunks: [ClosedRange<CalendarDate>] = []
    var start = days.lowerBound
    while start <= last {
      let end = min(last, start.adding(days: 13))
      chunks.append(start...end)
      start = end.adding(days: 1)
    }
    for wave in stride(from: 0, to: chunks.count, by: max(1, jobs)) {
      let some = Array(chunks[wave..<min(chunks.count, wave + max(1, jobs))])
      let read = try mapConcurrently(
        some, jobs: jobs, context: { reader },
        work: { reader, days in
          try reader.readDeduplicated(dataset, days: days, columns: counter.columns).batches
        })
      for batch in read.joined() {
        rows += batch.rowCount
        counter.add(batch, to: &history)
      }
    }
    return rows
  }
}

/// Counts rows of one dataset.
package struct RiskCounter: Sendable {
  private let counts: [RiskDefinition.Count]
  private let dataset: DatasetDefinition
  private let positions: [UUIDValue: Int]

  /// A counter of companies that are named by position.
  package init(
    _ counts: [RiskDefinition.Count], dataset: DatasetDefinition, companies: [UUIDValue]
  ) {
    self.counts = counts
    self.dataset = dataset
    positions = Dictionary(uniqueKeysWithValues: companies.enumerated().map { ($1, $0) })
  }

  /// The columns that batches must have.
  var columns: [String] {
    var names = [dataset.tenantColumn, dataset.timeColumn, dataset.recordedColumn]
      .compactMap(\.self)
    for count in counts {
      names += [count.timeColumn?.name, count.subject?.name].compactMap(\.self)
      names += count.conditions.map(\.column.name)
    }
    return Set(names).sorted()
  }

  /// Adds the rows of a batch that belong to a company and were dated and recorded.
  package func add(_ batch: Batch, to history: inout FeatureHistory) {
    guard let tenant = dataset.tenantColumn.flatMap({ batch[$0] }),
      case .uuid(let owners) = tenant.storage,
      let recorded = dataset.recordedColumn.flatMap({ RiskCounter.instants(batch[$0]) })
    else { return }
    var (owner, position): (UUIDValue?, Int?)
    let companies = (0..<batch.rowCount).map { row -> Int? in
      if tenant.isNull(row) { return nil }
      // Rows of one company often follow each other.
      let found = owners.row(row)
      if found != owner { (owner, position) = (found, positions[found]) }
      return position
    }
    for count in counts {
      guard
        let happened = (count.timeColumn?.name ?? dataset.timeColumn)
          .flatMap({ RiskCounter.instants(batch[$0]) })
      else { continue }
      let conditions = count.conditions.map { condition in
        RiskCounter.matches(batch[condition.column.name], condition.values)
      }
      let subjects = count.subject.flatMap { batch[$0.name] }
      let tally = history.position(ofTally: count.name)
      rows: for row in 0..<batch.rowCount {
        guard let company = companies[row] else { continue }
        for holds in conditions where !holds(row) { continue rows }
        guard let time = happened(row), let known = recorded(row) else { continue }
        var subject: Int?
        if let subjects, !subjects.isNull(row), case .uuid(let values) = subjects.storage {
          subject = history.number(ofSubject: values.row(row))
        }
        history.add(
          toTally: tally, company: company, happened: time, recorded: known, subject: subject)
      }
    }
  }

  private static func instants(_ column: Column?) -> ((Int) -> Timestamp?)? {
    guard let column, case .int64(let values) = column.storage else { return nil }
    return { column.isNull($0) ? nil : Timestamp(microseconds: values[$0]) }
  }

  /// Whether a row has one of some values; a missing one never does.
  private static func matches(_ column: Column?, _ values: [String]) -> (Int) -> Bool {
    guard let column else { return { _ in false } }
    switch column.storage {
    case .text(let storage):
      let holds = (0..<storage.entryCount).map {
        values.contains(String(decoding: storage.entry($0), as: UTF8.self))
      }
      return { row in
        !column.isNull(row) && holds[storage.codes.map { Int($0[row]) } ?? row]
      }
    case .uuid(let identifiers):
      let wanted = Set(values.compactMap { UUIDValue($0) })
      return { !column.isNull($0) && wanted.contains(identifiers.row($0)) }
    default: return { _ in false }
    }
  }
}
