package import AlmanacCore
package import Billing

/// Movements of MRR by month, as known at one time: what had happened, and what was scheduled.
package struct MovementTable: Equatable, Sendable {
  /// Per row one amount for each ``MovementKind``, in units of the currency.
  ///
  /// Row 0 is all that lies before the first period, row `r` the period `r − 1`.
  package var rows: [[Double]]
  /// Per kind, what of the first row to forecast had already happened; the rest of that row was
  /// scheduled.
  package var realised: [Double]

  /// A table of rows; `realised` is 0 where the month to forecast had not begun.
  package init(
    rows: [[Double]],
    realised: [Double] = [Double](repeating: 0, count: MovementKind.allCases.count)
  ) {
    self.rows = rows
    self.realised = realised
  }

  /// MRR at the end of a row.
  package func level(_ row: Int) -> Double {
    rows[...row].reduce(0) { $0 + $1.reduce(0, +) }
  }

  /// What had churned by the end of a row and not come back; not below 0.
  func lost(_ row: Int) -> Double {
    max(
      0,
      rows[...row].reduce(0) {
        $0 - $1[MovementKind.churned.column] - $1[MovementKind.reactivation.column]
      })
  }
}

extension MovementKind {
  /// The position of the kind's amounts in a row of a ``MovementTable``.
  package var column: Int { MovementKind.allCases.firstIndex(of: self) ?? 0 }
}

/// The movements of MRR as they were known at the end of each month (DECISIONS.md, D-502).
///
/// What was known at a time is the ledger of the changes recorded before it, led beyond that time: so
/// it holds cancellations and changes of plan that were scheduled and had not taken effect. Exchange
/// rates of later days are not read; scheduled amounts keep the last rate.
package struct MovementHistory: Sendable {
  /// The table of all companies after each month: the first as known after one month.
  package private(set) var total: [MovementTable] = []
  /// The tables of each segment.
  package private(set) var segments: [String: [MovementTable]] = [:]
  /// Companies with something scheduled: MRR at the ends of the months to come, by the number of
  /// months before the time at which that was known.
  package private(set) var scheduled: [UUIDValue: [Int: [Double]]] = [:]

  /// The history of a ledger's changes.
  ///
  /// - Parameters:
  ///   - input: what the ledger is made of.
  ///   - settings: the settings it is made with.
  ///   - start: the first day of the first month.
  ///   - knownAt: for each month the time before which knowledge counts, usually the month's end; of
  ///     the last it may be later. Ascending, at least one.
  ///   - horizon: how many months ahead scheduled changes are looked for.
  ///   - segments: the segment of each company that has one.
  /// - Complexity: the companies' ledgers are made anew only after months that bring them a change.
  package init(
    _ input: LedgerInput, settings: LedgerSettings, start: CalendarDate, knownAt: [Timestamp],
    horizon: Int, segments: [UUIDValue: String]
  ) {
    var reader = MovementReader(
      input, settings: settings, start: start, knownAt: knownAt, horizon: horizon,
      segments: segments)
    for months in 1...knownAt.count {
      reader.learn(through: months)
      total.append(reader.total.table)
      for (name, sums) in reader.segments { self.segments[name, default: []].append(sums.table) }
      for (company, levels) in reader.scheduledLevels(after: months) {
        scheduled[company, default: [:]][months] = levels
      }
    }
    let last = knownAt.count - 1
    let (whole, parts) = reader.realised()
    total[last].realised = whole.table.rows[0]
    for (name, sums) in parts { self.segments[name]?[last].realised = sums.table.rows[0] }
  }
}

/// Sums of movements by row and kind.
private struct MovementSums {
  var rows: [[Int128]]

  init(rowCount: Int) {
    rows = [[Int128]](
      repeating: [Int128](repeating: 0, count: MovementKind.allCases.count), count: rowCount)
  }

  mutating func add(_ movements: [MovementReader.Part], sign: Int128) {
    for movement in movements { rows[movement.row][movement.column] += sign * movement.amount }
  }

  var table: MovementTable {
    MovementTable(rows: rows.map { $0.map { Double($0) / Double(Money.scale) } })
  }
}

/// Learns what became known from month to month, company by company.
private struct MovementReader {
  /// A movement of one company.
  struct Part {
    let row: Int
    let column: Int
    let amount: Int128
  }

  private(set) var total: MovementSums
  private(set) var segments: [String: MovementSums] = [:]

  private let input: LedgerInput
  private let settings: LedgerSettings
  private let start: CalendarDate
  private let knownAt: [Timestamp]
  private let horizon: Int
  private let companies: [UUIDValue]
  private let names: [String]
  private let changes: [[SubscriptionChange]]
  /// The companies that each month brings something new.
  private var due: [[Int]]
  private var parts: [[Part]]

  init(
    _ input: LedgerInput, settings: LedgerSettings, start: CalendarDate, knownAt: [Timestamp],
    horizon: Int, segments: [UUIDValue: String]
  ) {
    self.input = input
    self.settings = settings
    self.start = start
    self.knownAt = knownAt
    self.horizon = horizon
    let grouped = Dictionary(grouping: input.changes, by: \.company)
    let companies = grouped.keys.sorted()
    self.companies = companies
    changes = companies.map { grouped[$0] ?? [] }
    names = companies.map { segments[$0] ?? ForecastSubject.unknownSegment }
    parts = [[Part]](repeating: [], count: companies.count)
    let rowCount = knownAt.count + horizon + 1
    total = MovementSums(rowCount: rowCount)
    for name in names where self.segments[name] == nil {
      self.segments[name] = MovementSums(rowCount: rowCount)
    }
    due = [[Int]](repeating: [], count: knownAt.count)
    for company in companies.indices {
      // A change counts when it is recorded, and has its rate once it takes effect.
      var instants = changes[company].flatMap {
        [$0.recordedAt, max($0.recordedAt, $0.effectiveAt)]
      }
      if let deleted = input.deletions[companies[company]] { instants.append(deleted) }
      for month in Set(instants.compactMap(month)) { due[month].append(company) }
    }
  }

  /// The position of the first time at which something of an instant is known: at the end of a month
  /// what is recorded at that very instant is the next month's.
  private func month(of instant: Timestamp) -> Int? {
    var low = 0
    var high = knownAt.count
    while low < high {
      let middle = (low + high) / 2
      if knownAt[middle] <= instant { low = middle + 1 } else { high = middle }
    }
    return low < knownAt.count ? low : nil
  }

  /// Takes up what is known after a number of months.
  mutating func learn(through months: Int) {
    // Revaluations of every month's end reach all companies.
    let moved = settings.fx == .monthEnd ? Array(companies.indices) : due[months - 1]
    let known = ledgers(of: moved, at: knownAt[months - 1])
    for company in moved {
      guard let ledger = known[company] else { continue }
      let found = found(in: ledger)
      for (list, sign) in [(parts[company], -1), (found, 1)] as [([Part], Int128)] {
        total.add(list, sign: sign)
        segments[names[company]]?.add(list, sign: sign)
      }
      parts[company] = found
    }
  }

  /// The movements of a ledger, but for those beyond the last row.
  private func found(in ledger: CompanyLedger) -> [Part] {
    ledger.movements.compactMap { movement in
      let row = max(0, Periods.months(from: start, to: movement.month) + 1)
      guard row < total.rows.count else { return nil }
      return Part(row: row, column: movement.kind.column, amount: movement.amount)
    }
  }

  /// What had happened before the last time in the month after the last: one row of all companies,
  /// and one of each segment.
  func realised() -> (total: MovementSums, segments: [String: MovementSums]) {
    let row = knownAt.count + 1
    let instant = knownAt[knownAt.count - 1]
    let moved = companies.indices.filter { parts[$0].contains { $0.row == row } }
    var total = MovementSums(rowCount: 1)
    var segments: [String: MovementSums] = [:]
    for (company, ledger) in ledgers(of: moved, at: instant, through: instant) {
      let happened = found(in: ledger).filter { $0.row == row }.map {
        Part(row: 0, column: $0.column, amount: $0.amount)
      }
      total.add(happened, sign: 1)
      segments[names[company], default: MovementSums(rowCount: 1)].add(happened, sign: 1)
    }
    return (total, segments)
  }

  /// The ledgers of companies by what was known before a time, by position; led on to `end`, or
  /// through all rows.
  ///
  /// A company whose rows make no ledger at that time, such as one whose terms were recorded later,
  /// keeps what was known of it before.
  private func ledgers(
    of wanted: [Int], at instant: Timestamp, through end: Timestamp? = nil
  ) -> [Int: CompanyLedger] {
    var base = input
    // The instant itself is no longer part of the month that it ends.
    let last = Timestamp(microseconds: instant.microseconds - 1)
    base.knownBy = last
    base.end = end ?? start.monthStart(adding: knownAt.count + horizon + 1).startUTC
    base.deletions = input.deletions.filter { $0.value < instant }
    base.modules = [:]
    base.rates = input.rates.held(after: input.zones.standard.localDate(at: last))
    func made(_ positions: [Int]) -> RevenueLedger? {
      var part = base
      part.changes = positions.flatMap { changes[$0] }
      return try? RevenueLedger(part, settings: settings)
    }
    var found: [Int: CompanyLedger] = [:]
    if let all = made(wanted) {
      for position in wanted { found[position] = all.ledger(of: companies[position]) }
    } else {
      for position in wanted {
        found[position] = made([position])?.ledger(of: companies[position])
      }
    }
    return found
  }

  /// MRR at the ends of the months to come, of companies for which something is scheduled.
  func scheduledLevels(after months: Int) -> [(UUIDValue, [Double])] {
    companies.indices.compactMap { company in
      guard parts[company].contains(where: { $0.row > months }) else { return nil }
      var changes = [Int128](repeating: 0, count: horizon + 1)
      for part in parts[company] where part.row <= months + horizon {
        changes[max(0, part.row - months)] += part.amount
      }
      var level = changes[0]
      let levels = changes.dropFirst().map { change in
        level += change
        return Double(level) / Double(Money.scale)
      }
      return (companies[company], levels)
    }
  }
}
