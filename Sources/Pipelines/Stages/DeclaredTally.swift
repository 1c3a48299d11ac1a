import AlmanacCore
import Billing
import Columns

/// Counts, sums and sets of identifiers by company, member and day: what declared metrics of one
/// dataset are made of.
///
/// Batches are added one after the other; rows of other days than those asked for are passed over.
struct DeclaredTally {
  /// What a metric has collected.
  fileprivate struct Collected {
    var metric: DeclaredMetric
    /// Counts, or sums in ten-thousandths of money or whole things, by ``Place``.
    var sums: [UInt64: Int128] = [:]
    /// A row for each identifier, company and day: identifier, company, day from high to low bits.
    var sightings: [UInt64] = []
    var isMoney = false
  }

  /// Days that are looked at.
  let days: Range<CalendarDate>
  private let zones: CompanyZones
  private let currency: CurrencyCode
  private let rates: ExchangeRates?
  private let dataset: DatasetDefinition
  private let timeColumn: String
  private var collected: [Collected]
  private var companies = Numbering<UUIDValue>()
  private var identifiers = Numbering<UUIDValue>()
  private var splits = Numbering<String>()
  /// Amounts without a currency, which are left out of sums.
  private(set) var amountsWithoutCurrency = 0
  /// The rates that amounts were converted by.
  private(set) var rateUses: Set<RateUse> = []

  /// A tally of metrics of one dataset and time column, none of them a ratio.
  init(
    _ metrics: [DeclaredMetric], dataset: DatasetDefinition, timeColumn: String,
    days: Range<CalendarDate>, zones: CompanyZones, currency: CurrencyCode, rates: ExchangeRates?
  ) {
    self.days = days
    self.zones = zones
    self.currency = currency
    self.rates = rates
    self.dataset = dataset
    self.timeColumn = timeColumn
    collected = metrics.map { metric in
      var isMoney = false
      if case .sum(let column) = metric.measure {
        isMoney = dataset[column: column.name]?.currencyColumn != nil
      }
      return Collected(metric: metric, isMoney: isMoney)
    }
  }

  /// The columns that batches must have.
  var columns: [String] {
    var names = [dataset.tenantColumn, timeColumn].compactMap(\.self)
    for metric in collected.map(\.metric) {
      names += metric.conditions.map(\.column.name) + [metric.split?.column.name].compactMap(\.self)
      switch metric.measure {
      case .sum(let column):
        names += [column.name, dataset[column: column.name]?.currencyColumn].compactMap(\.self)
      case .distinct(let column): names.append(column.name)
      case .count, .ratio: break
      }
    }
    return Set(names).sorted()
  }

  /// Adds the rows of a batch.
  ///
  /// - Throws: `BillingError` for an amount that cannot be converted.
  mutating func add(_ batch: Batch) throws {
    guard let tenant = dataset.tenantColumn, let company = batch[tenant],
      case .int64(let times)? = batch[timeColumn]?.storage, let time = batch[timeColumn]
    else { return }
    let owners = companies.numbers(of: company)
    var dates: [Int32] = []
    dates.reserveCapacity(batch.rowCount)
    let first = days.lowerBound.daysSinceEpoch
    let count = Int32(days.count)
    for row in 0..<batch.rowCount {
      if owners[row] < 0 || time.isNull(row) {
        dates.append(-1)
        continue
      }
      let zone =
        zones.areShared ? zones.standard : zones.zone(of: companies.values[Int(owners[row])])
      let day = zone.localDate(at: Timestamp(microseconds: times[row])).daysSinceEpoch
      let (index, overflows) = day.subtractingReportingOverflow(first)
      dates.append(overflows || index < 0 || index >= count ? -1 : index)
    }
    for index in collected.indices {
      // Taken out and put back, so that it is changed in place.
      var one = Collected(metric: collected[index].metric)
      swap(&one, &collected[index])
      try add(batch, to: &one, owners: owners, dates: dates)
      swap(&one, &collected[index])
    }
  }

  private mutating func add(
    _ batch: Batch, to collected: inout Collected, owners: [Int32], dates: [Int32]
  ) throws {
    let masks = collected.metric.conditions.map { condition in
      mask(batch[condition.column.name], condition)
    }
    let split = collected.metric.split.flatMap { batch[$0.column.name] }
    let members = split.map { splits.texts(of: $0) }
    var amounts: ((Int, CalendarDate) throws -> Int128?)?
    var codes: ((Int) -> CurrencyCode?)?
    var seen: [Int32]?
    switch collected.metric.measure {
    case .sum(let column):
      amounts = self.amounts(batch, column.name)
      codes = dataset[column: column.name]?.currencyColumn.flatMap { batch[$0] }
        .map { textValues($0) { CurrencyCode($0) } }
    case .distinct(let column):
      guard let values = batch[column.name] else { return }
      seen = identifiers.numbers(of: values)
    case .count, .ratio: break
    }
    rows: for row in 0..<batch.rowCount where dates[row] >= 0 {
      for mask in masks where !mask(row) { continue rows }
      if let seen {
        guard seen[row] >= 0 else { continue }
        collected.sightings.append(
          UInt64(seen[row]) << 36 | UInt64(owners[row]) << 14 | UInt64(dates[row]))
        continue
      }
      let place = Place(
        company: owners[row], member: members.map { $0[row] } ?? 0, day: dates[row])
      var value: Int128 = 1
      if let amounts {
        let date = days.lowerBound.adding(days: Int(dates[row]))
        guard let amount = try amounts(row, date) else { continue }
        value = amount
        if amount != 0, let code = codes?(row), code != currency {
          rateUses.insert(RateUse(source: code, target: currency, date: date))
        }
      }
      collected.sums[place.bits, default: 0] += value
    }
    if collected.sightings.count > 4_000_000 { RadixOrder.sortUnique(&collected.sightings) }
  }

  /// What a row adds to a sum; `nil` for nothing.
  private mutating func amounts(
    _ batch: Batch, _ name: String
  ) -> (Int, CalendarDate) throws -> Int128? {
    guard let column = batch[name] else { return { _, _ in nil } }
    func integer(_ row: Int) -> Int128? {
      if column.isNull(row) { return nil }
      switch column.storage {
      case .int32(let values): return Int128(values[row])
      case .int64(let values): return Int128(values[row])
      case .int128(let values): return values[row]
      default: return nil
      }
    }
    guard let currencyColumn = dataset[column: name]?.currencyColumn,
      let currencies = batch[currencyColumn]
    else { return { row, _ in integer(row) } }
    let codes = textValues(currencies) { CurrencyCode($0) }
    let (rates, currency, dataset) = (self.rates, self.currency, self.dataset.name)
    // Amounts that no currency stands beside count nowhere: to guess one would be worse.
    amountsWithoutCurrency += (0..<batch.rowCount).count {
      codes($0) == nil && integer($0).map { $0 != 0 } ?? false
    }
    return { row, date in
      guard let amount = integer(row), let code = codes(row) else { return nil }
      if code == currency || amount == 0 { return amount }
      guard let rates else {
        throw PipelineError.foreignCurrency(
          dataset: dataset, currency: code.description, reporting: currency.description)
      }
      do throws(ConversionFailure) {
        return try rates.convert(amount, from: code, to: currency, on: date)
      } catch { throw BillingError.conversion(error) }
    }
  }

  /// Whether rows fulfil a condition; a missing value never does.
  private func mask(
    _ column: Column?, _ condition: DeclaredMetric.Condition
  ) -> (Int) -> Bool {
    guard let column else { return { _ in false } }
    switch column.storage {
    case .text:
      let holds = textValues(column) { ($0 == condition.value) == condition.isEqual }
      return { holds($0) ?? false }
    case .uuid(let values):
      let wanted = UUIDValue(condition.value)
      return { row in
        !column.isNull(row) && (values.row(row) == wanted) == condition.isEqual
      }
    default: return { _ in false }
    }
  }
}

extension DeclaredTally {
  /// The rows of the metrics for some days and months.
  ///
  /// - Parameters:
  ///   - wantedDays: days within ``days``, each with what its windows need before it.
  ///   - months: months, given by their first days, that lie within ``days`` likewise.
  /// - Returns: the rows of each day and month, in an order that may differ from run to run.
  func rows(
    days wantedDays: [CalendarDate], months: [CalendarDate]
  ) -> (days: [CalendarDate: [MetricTableRow]], months: [CalendarDate: [MetricTableRow]]) {
    var byDay: [CalendarDate: [MetricTableRow]] = [:]
    var byMonth: [CalendarDate: [MetricTableRow]] = [:]
    for day in wantedDays { byDay[day] = [] }
    for month in months { byMonth[month] = [] }
    for collected in collected {
      switch collected.metric.measure {
      case .distinct: addDistinct(collected, to: &byDay, &byMonth)
      case .count, .sum: addSums(collected, to: &byDay, &byMonth)
      case .ratio: break
      }
    }
    return (byDay, byMonth)
  }

  private func addSums(
    _ collected: Collected, to byDay: inout [CalendarDate: [MetricTableRow]],
    _ byMonth: inout [CalendarDate: [MetricTableRow]]
  ) {
    struct Group: Hashable {
      var date: CalendarDate
      var company: UUIDValue
      var member: Int32
    }
    let metric = collected.metric
    var daily: [Group: Int128] = [:]
    var monthly: [Group: Int128] = [:]
    for (bits, value) in collected.sums {
      let place = Place(bits: bits)
      let date = days.lowerBound.adding(days: Int(place.day))
      let company = companies.values[Int(place.company)]
      for owner in [company, .zero] {
        if byDay[date] != nil {
          daily[Group(date: date, company: owner, member: place.member), default: 0] += value
        }
        if byMonth[date.monthStart] != nil {
          monthly[
            Group(date: date.monthStart, company: owner, member: place.member), default: 0] += value
        }
      }
    }
    func add(_ sums: [Group: Int128], to rows: inout [CalendarDate: [MetricTableRow]]) {
      if metric.split == nil {
        for date in rows.keys {
          rows[date]?.append(
            row(
              metric, .zero, nil, date, sums[Group(date: date, company: .zero, member: 0)] ?? 0,
              isMoney: collected.isMoney))
        }
      }
      for (group, sum) in sums where sum != 0 {
        if metric.split == nil, group.company == .zero { continue }
        rows[group.date]?.append(
          row(
            metric, group.company, metric.split == nil ? nil : group.member, group.date, sum,
            isMoney: collected.isMoney))
      }
    }
    add(daily, to: &byDay)
    add(monthly, to: &byMonth)
  }

  private func row(
    _ metric: DeclaredMetric, _ company: UUIDValue, _ member: Int32?, _ date: CalendarDate,
    _ sum: Int128, isMoney: Bool
  ) -> MetricTableRow {
    let scaled = sum * (isMoney ? 1_000_000 : 10_000_000_000)
    return MetricTableRow(
      company: company, name: metric.name, dimension: member == nil ? "" : metric.split?.name ?? "",
      member: member.map { splits.values[Int($0)] } ?? "", date: date, value: scaled,
      numerator: scaled, unit: isMoney ? .money : .count)
  }

  /// Distinct identifiers: each day of one covers the days whose windows hold it.
  private func addDistinct(
    _ collected: Collected, to byDay: inout [CalendarDate: [MetricTableRow]],
    _ byMonth: inout [CalendarDate: [MetricTableRow]]
  ) {
    var collected = collected
    RadixOrder.sortUnique(&collected.sightings)
    let window = collected.metric.windowDays
    let length = days.count
    // Changes from day to day of how many are seen, for each company and, at the end, for all.
    var steps = [Int32](repeating: 0, count: (companies.values.count + 1) * (length + 1))
    var monthSteps = steps
    func cover(_ company: Int, _ visits: [Int], of steps: inout [Int32], _ reach: (Int) -> Int) {
      let base = company * (length + 1)
      for (index, day) in visits.enumerated() {
        let end = min(reach(day), index + 1 < visits.count ? visits[index + 1] : length)
        if end <= day { continue }
        steps[base + day] += 1
        steps[base + min(end, length)] -= 1
      }
    }
    func coverAll(_ company: Int, _ visits: [Int]) {
      cover(company, visits, of: &steps) { $0 + (window ?? 1) }
      if window == nil {
        // Of a month without a window: from the first visit in it to its end.
        cover(company, visits, of: &monthSteps) { day in
          let date = days.lowerBound.adding(days: day)
          return day + date.distance(to: date.monthStart(adding: 1))
        }
      }
    }
    let sightings = collected.sightings
    var start = 0
    while start < sightings.count {
      let identifier = sightings[start] >> 36
      var end = start
      var all: [Int] = []
      while end < sightings.count, sightings[end] >> 36 == identifier {
        let owner = sightings[end] >> 14 & 0x3F_FFFF
        var visits: [Int] = []
        while end < sightings.count, sightings[end] >> 36 == identifier,
          sightings[end] >> 14 & 0x3F_FFFF == owner
        {
          visits.append(Int(sightings[end] & 0x3FFF))
          end += 1
        }
        coverAll(Int(owner), visits)
        all += visits
      }
      all.sort()
      var unique: [Int] = []
      for day in all where unique.last != day { unique.append(day) }
      coverAll(companies.values.count, unique)
      start = end
    }
    for company in 0...companies.values.count {
      let isAll = company == companies.values.count
      let owner = isAll ? UUIDValue.zero : companies.values[company]
      let base = company * (length + 1)
      var seen: Int32 = 0
      var seenInMonth: Int32 = 0
      for day in 0..<length {
        seen += steps[base + day]
        seenInMonth += monthSteps[base + day]
        let date = days.lowerBound.adding(days: day)
        if isAll || seen > 0 {
          byDay[date]?.append(
            row(collected.metric, owner, nil, date, Int128(seen), isMoney: false))
        }
        guard date.day == date.daysInMonth else { continue }
        let month = window == nil ? seenInMonth : seen
        if isAll || month > 0 {
          byMonth[date.monthStart]?.append(
            row(collected.metric, owner, nil, date.monthStart, Int128(month), isMoney: false))
        }
      }
    }
  }
}

/// A company, member and day as one number.
private struct Place {
  var company: Int32
  var member: Int32
  var day: Int32

  init(company: Int32, member: Int32, day: Int32) {
    self.company = company
    self.member = member
    self.day = day
  }

  init(bits: UInt64) {
    company = Int32(truncatingIfNeeded: bits >> 40)
    member = Int32(truncatingIfNeeded: bits >> 14 & 0x3FF_FFFF)
    day = Int32(truncatingIfNeeded: bits & 0x3FFF)
  }

  var bits: UInt64 { UInt64(company) << 40 | UInt64(member) << 14 | UInt64(day) }
}
