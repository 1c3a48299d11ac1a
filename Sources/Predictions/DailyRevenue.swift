package import AlmanacCore
package import Columns

/// Revenue of all companies by local day, as known at one instant.
///
/// Revenue is what succeeded: payment attempts with outcome `succeeded` by `attempted_at`; a
/// transaction without any attempt counts at its `succeeded_at` (DECISIONS.md, D-004).
package struct DailyRevenue: Sendable, Equatable {
  /// The first day with revenue.
  package let start: CalendarDate
  /// Revenue of each day from ``start`` to the logical date, in ten-thousandths; days without a
  /// payment are 0.
  package let amounts: [Int128]

  /// The last day.
  package var end: CalendarDate { start.adding(days: amounts.count - 1) }

  /// Revenue of the given days.
  package init(start: CalendarDate, amounts: [Int128]) {
    precondition(!amounts.isEmpty, "revenue without a day")
    self.start = start
    self.amounts = amounts
  }

  /// Sums revenue from attempts and transactions.
  ///
  /// - Parameters:
  ///   - attempts: batches with `transaction_id`, `outcome`, `amount`, `currency`, `attempted_at`
  ///     and `created_at`.
  ///   - transactions: batches with `id`, `amount`, `currency`, `succeeded_at` and `created_at`.
  ///   - date: the logical date: the last day of the series.
  ///   - zone: the zone whose days count.
  ///   - currency: the reporting currency.
  /// - Throws: ``PredictionError``: a missing column, an amount in another currency, or no revenue
  ///   at all. A row counts if it happened and was recorded before the logical date ended.
  package init(
    attempts: [Batch], transactions: [Batch], through date: CalendarDate, zone: ZoneRules,
    currency: CurrencyCode
  ) throws(PredictionError) {
    let knowledgeEnd = zone.start(of: date.adding(days: 1)).microseconds
    var sums: [CalendarDate: Int128] = [:]
    var attempted: Set<UUIDValue> = []
    for batch in attempts {
      let rows = PaymentRows(dataset: "payment_attempts", batch: batch)
      let owners = try rows.identifiers("transaction_id")
      let outcomes = try rows.texts("outcome")
      let times = try rows.instants("attempted_at")
      let recorded = try rows.instants("created_at")
      let amounts = try rows.amounts(currency: currency)
      for row in 0..<batch.rowCount {
        guard let known = recorded(row), known < knowledgeEnd else { continue }
        if let owner = owners(row) { attempted.insert(owner) }
        guard outcomes(row) == "succeeded", let time = times(row), time < knowledgeEnd else {
          continue
        }
        let day = zone.localDate(at: Timestamp(microseconds: time))
        sums[day, default: 0] += try amounts(row)
      }
    }
    for batch in transactions {
      let rows = PaymentRows(dataset: "transactions", batch: batch)
      let identities = try rows.identifiers("id")
      let times = try rows.instants("succeeded_at")
      let recorded = try rows.instants("created_at")
      let amounts = try rows.amounts(currency: currency)
      for row in 0..<batch.rowCount {
        guard let time = times(row), time < knowledgeEnd, let known = recorded(row),
          known < knowledgeEnd, let identity = identities(row), !attempted.contains(identity)
        else { continue }
        let day = zone.localDate(at: Timestamp(microseconds: time))
        sums[day, default: 0] += try amounts(row)
      }
    }
    guard let first = sums.keys.min() else { throw .noRevenue(through: date) }
    start = first
    amounts = (first...date).map { sums[$0] ?? 0 }
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

/// Typed access to the columns of payments.
private struct PaymentRows {
  let dataset: String
  let batch: Batch

  private func column(_ name: String) throws(PredictionError) -> Column {
    guard let column = batch[name] else {
      throw .missingColumn(dataset: dataset, column: name)
    }
    return column
  }

  func identifiers(_ name: String) throws(PredictionError) -> (Int) -> UUIDValue? {
    let column = try column(name)
    guard case .uuid(let values) = column.storage else {
      throw .missingColumn(dataset: dataset, column: name)
    }
    return { column.isNull($0) ? nil : values.row($0) }
  }

  func texts(_ name: String) throws(PredictionError) -> (Int) -> String? {
    let column = try column(name)
    guard case .text(let values) = column.storage else {
      throw .missingColumn(dataset: dataset, column: name)
    }
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
      throw .missingColumn(dataset: dataset, column: name)
    }
    return { column.isNull($0) ? nil : values[$0] }
  }

  /// Amounts in ten-thousandths; a row without an amount counts 0.
  func amounts(
    currency: CurrencyCode
  ) throws(PredictionError) -> (Int) throws(PredictionError) -> Int128 {
    let column = try column("amount")
    let currencies = try texts("currency")
    guard column.field.type == .money else {
      throw .missingColumn(dataset: dataset, column: "amount")
    }
    let name = currency.description
    return { (row) throws(PredictionError) -> Int128 in
      if column.isNull(row) { return 0 }
      if let found = currencies(row), found != name {
        throw .foreignCurrency(dataset: dataset, currency: found, reporting: currency)
      }
      switch column.storage {
      case .int64(let values): return Int128(values[row])
      case .int128(let values): return values[row]
      default: return 0
      }
    }
  }
}
