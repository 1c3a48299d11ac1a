package import AlmanacCore
package import Billing
package import Columns

/// Revenue of all companies by local day, as known at one instant.
///
/// The shipped model sums payment attempts with outcome `succeeded` by `attempted_at`; a transaction
/// without any attempt counts at its `succeeded_at` (DECISIONS.md, D-004).
package struct DailyRevenue: Sendable, Equatable {
  /// The first day with revenue.
  package let start: CalendarDate
  /// Revenue of each day from ``start`` to the logical date, in ten-thousandths; days without a
  /// payment are 0.
  package let amounts: [Int128]
  /// The number of days with a payment that lie too far back; see ``longestHistory``.
  package let daysLeftOut: Int

  /// The most days a series has: ten years.
  ///
  /// Older revenue says little about the next months, and one payment with a wrong year must not
  /// become a thousand years of zeros (DECISIONS.md, D-017).
  package static let longestHistory = 3_653

  /// The last day.
  package var end: CalendarDate { start.adding(days: amounts.count - 1) }

  /// Revenue of the given days.
  package init(start: CalendarDate, amounts: [Int128]) {
    precondition(!amounts.isEmpty, "revenue without a day")
    self.start = start
    self.amounts = amounts
    daysLeftOut = 0
  }

  /// Sums amounts by local day.
  ///
  /// A row counts if it happened and was recorded before the logical date ended. A row of the
  /// alternative counts only if no row of the main source that was recorded by then refers to it,
  /// whatever that row's outcome.
  ///
  /// - Parameters:
  ///   - main: the rows that count, with the column that refers to the alternative's rows.
  ///   - alternative: rows that count where the main source has none; `nil` for none.
  ///   - date: the logical date: the last day of the series.
  ///   - zone: the zone whose days count.
  ///   - currency: the reporting currency.
  ///   - rates: what amounts in other currencies are converted with, at the rate of their local date
  ///     and each rounded once (DECISIONS.md, D-150, D-151, D-171); `nil` where there are none.
  /// - Throws: ``PredictionError``: a missing column, an amount in another currency without rates, a
  ///   rate that is missing, or no revenue at all.
  package init(
    main: AmountSource, alternative: AmountSource?, through date: CalendarDate, zone: ZoneRules,
    currency: CurrencyCode, rates: ExchangeRates? = nil
  ) throws(PredictionError) {
    var sums: [CalendarDate: Int128] = [:]
    try DailyRevenue.collect(
      main: main, alternative: alternative, through: date, zone: zone, currency: currency,
      rates: rates
    ) { _, day, amount in sums[day, default: 0] += amount }
    let earliest = date.adding(days: 1 - DailyRevenue.longestHistory)
    let tooOld = sums.keys.filter { $0 < earliest }
    for day in tooOld { sums[day] = nil }
    daysLeftOut = tooOld.count
    guard let first = sums.keys.min() else { throw .noRevenue(through: date) }
    start = first
    amounts = (first...date).map { sums[$0] ?? 0 }
  }

  /// Gives each amount that counts with its company and local day; see
  /// ``init(main:alternative:through:zone:currency:rates:)`` for which do.
  ///
  /// - Parameters:
  ///   - main: the rows that count.
  ///   - alternative: rows that count where the main source has none.
  ///   - date: the logical date.
  ///   - zone: the zone whose days count.
  ///   - currency: the reporting currency.
  ///   - rates: what amounts in other currencies are converted with.
  ///   - add: takes the company, all-zero where none is named, the day and the amount.
  /// - Throws: ``PredictionError`` as there, but for no revenue at all.
  static func collect(
    main: AmountSource, alternative: AmountSource?, through date: CalendarDate, zone: ZoneRules,
    currency: CurrencyCode, rates: ExchangeRates?,
    add: (UUIDValue, CalendarDate, Int128) -> Void
  ) throws(PredictionError) {
    let knowledgeEnd = zone.start(of: date.adding(days: 1)).microseconds
    var referredTo: Set<UUIDValue> = []
    for (source, isMain) in [(main, true)] + (alternative.map { [($0, false)] } ?? []) {
      for batch in source.batches {
        let rows = AmountRows(source: source, batch: batch)
        let identities = try source.identityColumn.map { (name) throws(PredictionError) in
          try rows.identifiers(name)
        }
        let holds = try source.condition.map { (condition) throws(PredictionError) in
          try rows.matches(condition.column, condition.value)
        }
        let times = try rows.instants(source.timeColumn)
        let recorded = try rows.instants(source.recordedColumn)
        let amounts = try rows.amounts(currency: currency, rates: rates)
        let companies = try source.companyColumn.map { (name) throws(PredictionError) in
          try rows.identifiers(name)
        }
        for row in 0..<batch.rowCount {
          guard let known = recorded(row), known < knowledgeEnd else { continue }
          if let identity = identities?(row) {
            if isMain {
              referredTo.insert(identity)
            } else if referredTo.contains(identity) {
              continue
            }
          }
          guard holds?(row) ?? true, let time = times(row), time < knowledgeEnd else { continue }
          let day = zone.localDate(at: Timestamp(microseconds: time))
          add(companies?(row) ?? .zero, day, try amounts(row, day))
        }
      }
    }
  }

  /// Revenue of whole months: the months that began with or after ``start`` and are over.
  ///
  /// A month in which the data begins or that is still going on is not comparable with the others
  /// and is left out (DECISIONS.md, D-009). Empty if there is no whole month.
  package var wholeMonths: (start: CalendarDate, amounts: [Int128]) {
    let first = start.day == 1 ? start : start.monthStart(adding: 1)
    var months: [Int128] = []
    var month = first
    while month.monthStart(adding: 1) <= end.adding(days: 1) {
      let from = start.distance(to: month)
      months.append(amounts[from..<(from + month.daysInMonth)].reduce(0, +))
      month = month.monthStart(adding: 1)
    }
    return (first, months)
  }
}

/// Rows of a dataset with dated amounts.
package struct AmountSource: Sendable {
  /// The dataset's name, for errors.
  package var dataset: String
  /// The rows; every batch has the named columns.
  package var batches: [Batch]
  /// Money.
  package var amountColumn: String
  /// The currency of the amount.
  package var currencyColumn: String
  /// When a row's matter happened.
  package var timeColumn: String
  /// When the row was recorded.
  package var recordedColumn: String
  /// The identifier by which main and alternative rows are matched; `nil` where they are not.
  package var identityColumn: String?
  /// The column, and the value it must have, of rows that count; `nil` for all rows.
  package var condition: (column: String, value: String)?
  /// The column of the company an amount belongs to; `nil` where companies are not told apart.
  package var companyColumn: String?

  /// Rows with the columns of the given names.
  package init(
    dataset: String, batches: [Batch], amountColumn: String, currencyColumn: String,
    timeColumn: String, recordedColumn: String, identityColumn: String? = nil,
    condition: (column: String, value: String)? = nil, companyColumn: String? = nil
  ) {
    self.dataset = dataset
    self.batches = batches
    self.amountColumn = amountColumn
    self.currencyColumn = currencyColumn
    self.timeColumn = timeColumn
    self.recordedColumn = recordedColumn
    self.identityColumn = identityColumn
    self.condition = condition
    self.companyColumn = companyColumn
  }
}

/// Typed access to the columns of a batch.
struct AmountRows {
  let source: AmountSource
  let batch: Batch

  private func column(_ name: String) throws(PredictionError) -> Column {
    guard let column = batch[name] else { throw unsuitable(name) }
    return column
  }

  private func unsuitable(_ name: String) -> PredictionError {
    .missingColumn(dataset: source.dataset, column: name)
  }

  func identifiers(_ name: String) throws(PredictionError) -> (Int) -> UUIDValue? {
    let column = try column(name)
    guard case .uuid(let values) = column.storage else { throw unsuitable(name) }
    return { column.isNull($0) ? nil : values.row($0) }
  }

  /// Whether a row's text is `value`; null is not.
  func matches(_ name: String, _ value: String) throws(PredictionError) -> (Int) -> Bool {
    let texts = try texts(name)
    return { texts($0) == value }
  }

  func texts(_ name: String) throws(PredictionError) -> (Int) -> String? {
    let column = try column(name)
    guard case .text(let values) = column.storage else { throw unsuitable(name) }
    let entries = (0..<values.entryCount).map {
      String(decoding: values.entry($0), as: UTF8.self)
    }
    return { row in
      column.isNull(row) ? nil : entries[values.codes.map { Int($0[row]) } ?? row]
    }
  }

  func instants(_ name: String) throws(PredictionError) -> (Int) -> Int64? {
    let column = try column(name)
    guard case .int64(let values) = column.storage, column.field.type == .timestamp else {
      throw unsuitable(name)
    }
    return { column.isNull($0) ? nil : values[$0] }
  }

  /// Amounts in ten-thousandths of the reporting currency; a row without an amount counts 0.
  ///
  /// The function takes a row and the local date its amount belongs to.
  func amounts(
    currency: CurrencyCode, rates: ExchangeRates?
  ) throws(PredictionError) -> (Int, CalendarDate) throws(PredictionError) -> Int128 {
    let column = try column(source.amountColumn)
    let currencies = try texts(source.currencyColumn)
    guard column.field.type == .money else { throw unsuitable(source.amountColumn) }
    let name = currency.description
    let dataset = source.dataset
    return { (row, date) throws(PredictionError) -> Int128 in
      let amount: Int128
      switch column.storage {
      case _ where column.isNull(row): return 0
      case .int64(let values): amount = Int128(values[row])
      case .int128(let values): amount = values[row]
      default: return 0
      }
      let found = currencies(row)
      if found == name { return amount }
      guard let rates, let code = found.flatMap({ CurrencyCode($0) }) else {
        throw .foreignCurrency(
          dataset: dataset, currency: found ?? "no currency", reporting: currency)
      }
      do throws(ConversionFailure) {
        return try rates.convert(amount, from: code, to: currency, on: date)
      } catch { throw .conversion(error) }
    }
  }
}
