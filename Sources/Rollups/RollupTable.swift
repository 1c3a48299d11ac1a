import AlmanacCore
package import Columns

/// The rows of `hourly_rollups`, `daily_rollups` or `monthly_rollups`, or of one span of days.
///
/// Groups without events have no row. Equal sets of events give equal tables, down to the
/// dictionaries of the columns.
package struct RollupTable: Hashable, Sendable {
  /// The length of a bucket, `nil` where all is one span.
  package let grain: RollupGrain?
  /// The rows, ascending by company_id, event_type (by bytes), module_id and bucket.
  ///
  /// Columns: company_id, event_type, module_id (all zeros for none), hour (an instant), date or month
  /// (its first day; neither for a span),
  /// event_count, unique_users, amount_sum, amount_min, amount_max (money, null without an amount)
  /// and duration_ms_sum (null without a duration).
  package let batch: Batch
  /// The number of amounts left out of the sums because no currency is known for them.
  ///
  /// Such an amount cannot be converted and taking it for the reporting currency would be a guess,
  /// so the event counts and its amount does not.
  package let amountsWithoutCurrency: Int
  /// The rates taken to convert amounts, ascending by bucket, date and currency.
  package let rateUses: [RollupRateUse]

  /// The number of groups.
  package var rowCount: Int { batch.rowCount }

  /// The fields of ``batch`` for a grain.
  package static func fields(_ grain: RollupGrain?) -> [Field] {
    let bucket = grain.map { [Field($0.bucketColumn, $0 == .hour ? .timestamp : .date)] } ?? []
    return [Field("company_id", .uuid), Field("event_type", .text), Field("module_id", .uuid)]
      + bucket + [
        Field("event_count", .int64), Field("unique_users", .int64),
        Field("amount_sum", .money, isNullable: true),
        Field("amount_min", .money, isNullable: true),
        Field("amount_max", .money, isNullable: true),
        Field("duration_ms_sum", .int64, isNullable: true),
      ]
  }

  /// The names of the columns that identify a row.
  package static func key(_ grain: RollupGrain) -> [String] {
    ["company_id", "event_type", "module_id", grain.bucketColumn]
  }

  /// The starts of hours in place of their offsets from the first one.
  private static func hours(of buckets: consuming [Int64], from first: HourBucket) -> [Int64] {
    let start = first.start.microseconds
    for row in 0..<buckets.count {
      buckets[row] = start + buckets[row] * Timestamp.microsecondsPerHour
    }
    return buckets
  }

  init(
    _ run: consuming RollupRun, dictionaries: RollupDictionaries, buckets: RollupBuckets,
    amountsWithoutCurrency: Int, rateUses: [RollupRateUse]
  ) throws(RollupError) {
    grain = buckets.grain
    self.amountsWithoutCurrency = amountsWithoutCurrency
    self.rateUses = rateUses
    guard run.durationSums.wide == nil else { throw .overflow(column: "duration_ms_sum") }
    let companies = UsedEntries(run.companies.taken(), order: dictionaries.companies.sortedCodes())
    let eventTypes = UsedEntries(
      run.eventTypes.taken(), order: dictionaries.eventTypes.sortedCodes())
    let modules = UsedEntries(run.modules.taken(), order: dictionaries.modules.sortedCodes())
    var texts = TextStorage(codes: eventTypes.rows)
    for code in eventTypes.codes {
      texts.bytes.append(contentsOf: dictionaries.eventTypes.values[Int(code)])
      texts.offsets.append(texts.bytes.count)
    }
    let bucketStorage: ColumnStorage =
      switch buckets {
      case .hours(let range):
        .int64(
          RollupTable.hours(of: run.buckets.taken(), from: range.lowerBound))
      case .days(let range), .span(let range):
        .int32(run.buckets.map { range.lowerBound.daysSinceEpoch + Int32(truncatingIfNeeded: $0) })
      case .months(let first, _):
        .int32(run.buckets.map { first.monthStart(adding: Int($0)).daysSinceEpoch })
      }
    var storages: [ColumnStorage] = [
      .uuid(
        UUIDStorage(
          values: companies.codes.map { dictionaries.companies.values[Int($0)] },
          codes: companies.rows)),
      .text(texts),
      .uuid(
        UUIDStorage(
          values: modules.codes.map { dictionaries.modules.values[Int($0)] }, codes: modules.rows)),
      bucketStorage, .int64(run.eventCounts), .int64(run.uniqueUsers), run.amountSums.storage,
      run.amountMinima.storage, run.amountMaxima.storage, run.durationSums.storage,
    ]
    var validities: [ValidityBitmap?] =
      [nil, nil, nil, nil, nil, nil, run.hasAmount, run.hasAmount, run.hasAmount, run.hasDuration]
    if grain == nil {
      storages.remove(at: 3)
      validities.remove(at: 3)
    }
    let fields = RollupTable.fields(grain)
    batch = Batch(
      fields.indices.map { Column(fields[$0], storages[$0], validity: validities[$0]) })
  }
}

/// The dictionary entries that occur in a column, ascending, and the rows in terms of these.
private struct UsedEntries {
  /// The state's codes of the entries that occur, in the order of their values.
  let codes: [UInt32]
  /// For each row the index of its entry in ``codes``.
  let rows: [UInt32]

  /// The entries of a column of codes; `order` lists all codes in the order of their values.
  ///
  /// The column is changed in place: memory that is new costs more than the work in it.
  init(_ column: consuming [UInt32], order: [UInt32]) {
    var isUsed = [Bool](repeating: false, count: order.count)
    for row in 0..<column.count { isUsed[Int(column[row])] = true }
    codes = order.filter { isUsed[Int($0)] }
    var positions = [UInt32](repeating: 0, count: order.count)
    for (position, code) in codes.enumerated() { positions[Int(code)] = UInt32(position) }
    for row in 0..<column.count { column[row] = positions[Int(column[row])] }
    rows = column
  }
}

extension Array {
  /// Gives the array away and leaves an empty one, so that the new owner may change it in place.
  fileprivate mutating func taken() -> [Element] {
    let elements = self
    self = []
    return elements
  }
}

extension WideningIntegers {
  /// The numbers as a column stores them.
  var storage: ColumnStorage { wide.map { .int128($0) } ?? .int64(narrow) }
}
