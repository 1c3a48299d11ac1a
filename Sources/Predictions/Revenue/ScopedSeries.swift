package import AlmanacCore
package import Forecasting
package import Regression

/// The series of one measure by day or month, for every subject, and the sums among them.
///
/// Total = Σ segments, segment = Σ its companies, total = Σ plans = Σ modules; companies still to
/// come are a subject for each segment, so that companies add up to what is expected of all
/// (DECISIONS.md, D-490).
package struct ScopedSeries: Sendable {
  /// Whose series the nodes are, in their order.
  package let subjects: [ForecastSubject]
  /// The series with their sums.
  package private(set) var input: HierarchyInput
  /// What is known of the period after the last whole one, per node.
  package let known: [Double]
  /// The first period.
  package let start: CalendarDate
  /// The length of a period.
  package let grain: Grain
  /// The scopes that were asked for but for which nothing is known.
  package let missing: [ForecastScope]
  /// The month that has begun, where months are forecast.
  package let runningMonth: RunningMonth?

  /// The series of companies up to and including a date; `nil` without a whole period.
  ///
  /// - Parameters:
  ///   - companies: what they brought, by identifier.
  ///   - measure: whether amounts are added up or levels.
  ///   - grain: the length of a period. A month that has not begun with the data, or is not over, is
  ///     left out (DECISIONS.md, D-009).
  ///   - scopes: what is asked for.
  ///   - date: the logical date.
  package init?(
    _ companies: [CompanyAmounts], measure: ForecastMeasure, grain: Grain, scopes: [ForecastScope],
    through date: CalendarDate
  ) {
    guard let first = companies.compactMap({ $0.entries.first?.day }).min() else { return nil }
    let periods = Periods(grain, first: first, date: date)
    guard periods.count > 0 else { return nil }
    var builder = ScopeBuilder(periods: periods, isLevel: measure == .mrr)
    for company in companies { builder.add(company) }
    let wanted = Set(scopes)
    let hasSegments = companies.contains { $0.segment != nil }
    let hasPlans = companies.contains { !$0.splits.isEmpty }
    missing = scopes.filter { scope in
      switch scope {
      case .segment: !hasSegments
      case .plan, .module: !hasPlans
      case .total, .company: false
      }
    }
    (subjects, input, known) = builder.finish(wanted.subtracting(missing))
    start = periods.start
    self.grain = grain
    let isOver = date.adding(days: 1).day == 1
    runningMonth =
      measure == .revenue && grain == .month && !isOver
      ? RunningMonth(
        start: date.monthStart, knownThrough: date, known: builder.runningTotal,
        isFloor: !builder.hasNegative) : nil
  }
}

extension ScopedSeries {
  /// The same series of monthly MRR with forecasts from its movements: of the total and the segments
  /// by regressions, of companies what is scheduled (DECISIONS.md, D-502).
  ///
  /// - Parameters:
  ///   - history: the movements as known at each month's end, of months from ``start`` on.
  ///   - ends: the numbers of months after which forecasts are wanted.
  ///   - horizon: the months to forecast.
  ///   - remaining: the share of the first month to forecast that is still to come.
  /// - Returns: the series with the forecasts beside their values.
  /// - Throws: what ``BottomUpRevenue/forecast(_:horizon:remaining:)`` throws.
  package func withMovements(
    _ history: MovementHistory, ends: [Int], horizon: Int, remaining: Double
  ) throws(RegressionError) -> ScopedSeries {
    var nodes = input.nodes
    for (node, subject) in subjects.enumerated() {
      let tables: [MovementTable]?
      switch subject.scope {
      case .total: tables = history.total
      case .segment: tables = history.segments[subject.id]
      case .company:
        nodes[node].supplied = history.scheduled[subject.company].map { SuppliedForecasts($0) }
        continue
      case .plan, .module: continue
      }
      guard let tables else { continue }
      var found: [Int: [Double]] = [:]
      for end in Set(ends + [input.count]) {
        found[end] = try BottomUpRevenue.forecast(
          tables[..<end], horizon: horizon, remaining: end == input.count ? remaining : 1)
      }
      nodes[node].supplied = SuppliedForecasts(found)
    }
    var result = self
    result.input = HierarchyInput(nodes: nodes, sums: input.hierarchy.sums)
    return result
  }
}

/// The periods of a grain within the data.
struct Periods {
  let grain: Grain
  let start: CalendarDate
  let count: Int

  init(_ grain: Grain, first: CalendarDate, date: CalendarDate) {
    self.grain = grain
    switch grain {
    case .day:
      start = first
      count = first.distance(to: date) + 1
    case .month:
      start = first.day == 1 ? first : first.monthStart(adding: 1)
      let end = date.adding(days: 1).monthStart
      count = Periods.months(from: start, to: end)
    }
  }

  /// The period of a day; negative before the first, the count for a month that is not over.
  func index(of day: CalendarDate) -> Int {
    switch grain {
    case .day: start.distance(to: day)
    case .month: Periods.months(from: start, to: day)
    }
  }

  /// The last day of a period.
  func end(of period: Int) -> CalendarDate {
    switch grain {
    case .day: start.adding(days: period)
    case .month: start.monthStart(adding: period + 1).adding(days: -1)
    }
  }

  /// The number of months from one to another.
  static func months(from: CalendarDate, to: CalendarDate) -> Int {
    (to.year - from.year) * 12 + to.month - from.month
  }
}

/// Adds up companies into the series of all scopes.
struct ScopeBuilder {
  let periods: Periods
  let isLevel: Bool
  private(set) var hasNegative = false
  private(set) var runningTotal: Int128 = 0
  private var total: [Int128]
  private var segments: [String: Part] = [:]
  private var plans: [UUIDValue: Part] = [:]
  private var modules: [UUIDValue: Part] = [:]
  private var companies: [(id: UUIDValue, segment: String, part: Part)] = []

  /// A series with what is known of the period after it.
  private struct Part {
    var values: [Int128]
    var known: Int128 = 0

    mutating func add(_ amount: Int128, at period: Int) {
      if period < values.count { values[period] += amount } else { known += amount }
    }
  }

  init(periods: Periods, isLevel: Bool) {
    self.periods = periods
    self.isLevel = isLevel
    total = [Int128](repeating: 0, count: periods.count)
  }

  private var empty: Part { Part(values: [Int128](repeating: 0, count: periods.count)) }

  /// Adds a company.
  mutating func add(_ company: CompanyAmounts) {
    let segment = company.segment ?? ForecastSubject.unknownSegment
    let blank = empty
    var own = blank
    var split = 0
    func parts(on day: CalendarDate) -> [CompanyAmounts.Part] {
      while split + 1 < company.splits.count, company.splits[split + 1].day <= day { split += 1 }
      // Before its first split a company is taken as it was then.
      return company.splits.isEmpty
        ? [CompanyAmounts.Part(plan: .zero, module: .zero, weight: 1)]
        : company.splits[split].parts
    }
    func book(_ amount: Int128, at period: Int, on day: CalendarDate) {
      if amount == 0 { return }
      if amount < 0 { hasNegative = true }
      own.add(amount, at: period)
      if period < total.count { total[period] += amount } else { runningTotal += amount }
      segments[segment, default: blank].add(amount, at: period)
      let parts = parts(on: day)
      for (part, share) in zip(parts, CompanyAmounts.shares(of: amount, by: parts)) {
        plans[part.plan, default: blank].add(share, at: period)
        modules[part.module, default: blank].add(share, at: period)
      }
    }
    if isLevel {
      var position = 0
      var level: Int128 = 0
      for period in 0..<periods.count {
        let end = periods.end(of: period)
        while position < company.entries.count, company.entries[position].day <= end {
          level = company.entries[position].amount
          position += 1
        }
        book(level, at: period, on: end)
      }
    } else {
      for entry in company.entries {
        let period = periods.index(of: entry.day)
        if period >= 0 { book(entry.amount, at: period, on: entry.day) }
      }
    }
    companies.append((company.company, segment, own))
  }

  /// The nodes of the wanted scopes, aggregates first, with the sums among them.
  func finish(_ scopes: Set<ForecastScope>) -> ([ForecastSubject], HierarchyInput, [Double]) {
    var subjects: [ForecastSubject] = []
    var nodes: [HierarchyInput.Node] = []
    var sums: [Hierarchy.Sum] = []
    var known: [Double] = []
    func add(
      _ scope: ForecastScope, _ id: String, _ company: UUIDValue, _ part: Part,
      _ role: HierarchyInput.Role
    ) {
      subjects.append(ForecastSubject(scope: scope, id: id, company: company))
      known.append(ScopeBuilder.money(part.known))
      nodes.append(
        HierarchyInput.Node(
          role: role, values: part.values.map(ScopeBuilder.money),
          group: ForecastScope.allCases.firstIndex(of: scope) ?? 0,
          floor: hasNegative || isLevel ? 0 : known[known.count - 1]))
    }
    add(.total, "", .zero, Part(values: total, known: runningTotal), .aggregate)
    let names = segments.keys.sorted()
    if scopes.contains(.segment) {
      for name in names { add(.segment, name, .zero, segments[name] ?? empty, .aggregate) }
      sums.append(Hierarchy.Sum(total: 0, parts: Array(1..<nodes.count)))
    }
    for (scope, parts) in [(ForecastScope.plan, plans), (.module, modules)]
    where scopes.contains(scope) {
      let first = nodes.count
      for id in parts.keys.sorted() {
        add(scope, id.description, .zero, parts[id] ?? empty, .aggregate)
      }
      sums.append(Hierarchy.Sum(total: 0, parts: Array(first..<nodes.count)))
    }
    if scopes.contains(.company) {
      addCompanies(names, isSplit: scopes.contains(.segment), &sums, count: { nodes.count }, add)
    }
    return (subjects, HierarchyInput(nodes: nodes, sums: sums), known)
  }

  /// Adds companies below their segments, or below the total, and those still to come.
  private func addCompanies(
    _ names: [String], isSplit: Bool, _ sums: inout [Hierarchy.Sum], count: () -> Int,
    _ add: (ForecastScope, String, UUIDValue, Part, HierarchyInput.Role) -> Void
  ) {
    var members: [String: [Int]] = [:]
    for company in companies {
      members[isSplit ? company.segment : "", default: []].append(count())
      add(.company, company.id.description, company.id, company.part, .leaf)
    }
    for (place, name) in (isSplit ? names : [""]).enumerated() {
      let leaves = members[name] ?? []
      let node = count()
      let id = isSplit ? "\(ForecastSubject.newcomers):\(name)" : ForecastSubject.newcomers
      add(.company, id, .zero, empty, .newcomers(of: leaves))
      sums.append(Hierarchy.Sum(total: isSplit ? place + 1 : 0, parts: leaves + [node]))
    }
  }

  /// An amount in units.
  ///
  /// The general conversion of so wide a number takes longer than all else here.
  private static func money(_ amount: Int128) -> Double {
    let number = Int64(exactly: amount).map { Double($0) } ?? Double(amount)
    return number / Double(Money.scale)
  }
}
