import AlmanacCore
package import Columns

/// The rows of `hourly_rollups` or `daily_rollups`.
///
/// Groups without events have no row. Equal sets of events give equal tables, down to the
/// dictionaries of the columns.
package struct RollupTable: Hashable, Sendable {
  /// The length of a bucket.
  package let grain: RollupGrain
  /// The rows, ascending by company_id, event_type (by bytes), module_id and bucket.
  ///
  /// Columns: company_id, event_type, module_id (all zeros for none), hour (an instant) or date,
  /// event_count, unique_users, amount_sum, amount_min, amount_max (money, null without an amount)
  /// and duration_ms_sum (null without a duration).
  package let batch: Batch
  /// The number of amounts left out of the sums because no currency is known for them.
  ///
  /// Such an amount cannot be converted and taking it for the reporting currency would be a guess,
  /// so the event counts and its amount does not.
  package let amountsWithoutCurrency: Int

  /// The number of groups.
  package var rowCount: Int { batch.rowCount }

  /// The fields of ``batch`` for a grain.
  package static func fields(_ grain: RollupGrain) -> [Field] {
    [
      Field("company_id", .uuid), Field("event_type", .text), Field("module_id", .uuid),
      Field(grain.bucketColumn, grain == .hour ? .timestamp : .date),
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

  init(
    _ run: consuming RollupRun, dictionaries: RollupDictionaries, buckets: RollupBuckets,
    amountsWithoutCurrency: Int
  ) throws(RollupError) {
    grain = buckets.grain
    self.amountsWithoutCurrency = amountsWithoutCurrency
    guard run.durationSums.wide == nil else { throw .overflow(column: "duration_ms_sum") }
    let companies = UsedEntries(run.companies, order: dictionaries.companies.sortedCodes())
    let eventTypes = UsedEntries(run.eventTypes, order: dictionaries.eventTypes.sortedCodes())
    let modules = UsedEntries(run.modules, order: dictionaries.modules.sortedCodes())
    var texts = TextStorage(codes: eventTypes.rows)
    for code in eventTypes.codes {
      texts.bytes.append(contentsOf: dictionaries.eventTypes.values[Int(code)])
      texts.offsets.append(texts.bytes.count)
    }
    let bucketStorage: ColumnStorage =
      switch buckets {
      case .hours(let range):
        .int64(
          run.buckets.map {
            (Int64(range.lowerBound.hoursSinceEpoch) + $0) * Timestamp.microsecondsPerHour
          })
      case .days(let range):
        .int32(run.buckets.map { range.lowerBound.daysSinceEpoch + Int32(truncatingIfNeeded: $0) })
      }
    let storages: [ColumnStorage] = [
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
    let validities: [ValidityBitmap?] =
      [nil, nil, nil, nil, nil, nil, run.hasAmount, run.hasAmount, run.hasAmount, run.hasDuration]
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
  init(_ column: [UInt32], order: [UInt32]) {
    var isUsed = [Bool](repeating: false, count: order.count)
    for code in column { isUsed[Int(code)] = true }
    codes = order.filter { isUsed[Int($0)] }
    var positions = [UInt32](repeating: 0, count: order.count)
    for (position, code) in codes.enumerated() { positions[Int(code)] = UInt32(position) }
    rows = column.map { positions[Int($0)] }
  }
}

extension WideningIntegers {
  /// The numbers as a column stores them.
  var storage: ColumnStorage { wide.map { .int128($0) } ?? .int64(narrow) }
}
