import AlmanacCore
import Columns
import Postgres
import Rollups

/// A local day to compute.
struct RollupDay: Sendable {
  var date: CalendarDate
  /// The digest of the rows it draws on.
  var rowsDigest: String
  /// Events on the UTC days it draws on.
  var rows: Int
  /// Whether the source has nothing on it or before it, so that the ledger drops it.
  var isForgotten: Bool
  /// Whether nothing was ever rolled up, so that there are no rows to replace; not where it is asked
  /// for, which also mends tables without their ledger.
  var isFirst: Bool
  /// The parts that were added since the day was computed, if nothing else changed.
  var lateParts: [Manifest.Part] = []
}

/// What one transaction did.
struct ChunkResult: Sendable {
  var events = 0
  var repeated = 0
  var withoutCurrency = 0
  var written: [RollupGrain: Int] = [:]
  /// The digests that were recorded, by day.
  var inputs: [CalendarDate: String] = [:]
}

/// Computes and replaces neighbouring days.
struct RollupWork: Sendable {
  let grains: [RollupGrain]
  let settings: RollupSettings
  let conversion: RollupConversion
  let settingsDigest: String
  /// The dataset of events.
  let dataset: DatasetDefinition
  let reader: PartReader
  let fence: Fence
  let run: UUIDValue

  /// The rows of some UTC days, each key once a day, and how many were left out.
  func events(
    of days: ClosedRange<CalendarDate>
  ) throws -> (batches: [Batch], dropped: Int) {
    try reader.readDeduplicated(
      dataset, days: days,
      columns: Set(settings.columns + [recordedColumn].compactMap { $0 }).sorted())
  }

  private var recordedColumn: String? { dataset.recordedColumn }

  /// The rows of some UTC days, with all columns that are needed.
  func allRows(of days: ClosedRange<CalendarDate>) throws -> [Batch] {
    try reader.read(
      RollupStage.dataset, days: days,
      columns: Set(dataset.key + settings.columns + [recordedColumn].compactMap { $0 }).sorted())
  }

  /// The rows, each key once a day, and how many were left out.
  func droppingRepeated(_ batches: [Batch]) -> (batches: [Batch], dropped: Int) {
    dropRepeated(
      batches, key: dataset.key, recorded: recordedColumn, time: settings.timestampColumn)
  }

  /// The rollups of some local days, and of the UTC days with their dates, by hour and day.
  func tables(
    of batches: [Batch], in days: Range<CalendarDate>
  ) throws -> [(RollupGrain, RollupTable)] {
    try grains.filter { $0 != .month }.map { grain in
      (
        grain,
        try rollup(
          batches, into: grain == .hour ? hours(of: days) : .days(days),
          settings: settings)
      )
    }
  }

  private func hours(of days: Range<CalendarDate>) -> RollupBuckets {
    .hours(days.lowerBound.startUTC.hour..<days.upperBound.startUTC.hour)
  }

  /// Looks for an amount that no rate converts, and writes nothing.
  ///
  /// Only events in another than the reporting currency are looked at, which most days have none of.
  ///
  /// - Throws: `RollupError`, as aggregating the days would.
  func requireRates(for days: [RollupDay]) throws {
    guard let first = days.first?.date, let last = days.last?.date,
      let currency = settings.currencyColumn
    else { return }
    let utcDays = settings.zones.rollupDays(of: first...last)
    let own = settings.currency.description
    let currencies = try reader.read(RollupStage.dataset, days: utcDays, columns: [currency])
    guard currencies.contains(where: { $0[currency]?.rows(otherThan: own).isEmpty == false })
    else { return }
    let dates = first..<last.adding(days: 1)
    do {
      for batch in try reader.read(RollupStage.dataset, days: utcDays, columns: settings.columns) {
        let foreign = batch.taking(batch[currency]?.rows(otherThan: own) ?? [])
        try requireRates(for: [foreign], in: dates)
      }
    } catch is RollupError {
      // A row that repeats another one does not count: only the rows that do can tell.
      try requireRates(for: try events(of: utcDays).batches, in: dates)
    }
  }

  /// Looks for an amount of the rows of some days that no rate converts.
  func requireRates(for batches: [Batch], in days: Range<CalendarDate>) throws {
    var settings = settings
    settings.moduleColumn = nil
    settings.userColumn = nil
    settings.durationColumn = nil
    for buckets in grains.contains(.hour) ? [hours(of: days), .days(days)] : [.days(days)] {
      _ = try rollup(batches, into: buckets, settings: settings)
    }
  }

  /// Reads the events of the days, aggregates them and replaces their rows and ledger entries in
  /// one transaction.
  func replace(_ days: [RollupDay], on connection: Connection) throws -> ChunkResult {
    guard let first = days.first?.date, let last = days.last?.date else { return ChunkResult() }
    var result = ChunkResult()
    let after = last.adding(days: 1)
    let utcDays = settings.zones.rollupDays(of: first...last)
    let events = try events(of: utcDays)
    result.events = events.batches.reduce(0) { $0 + $1.rowCount }
    result.repeated = events.dropped
    let tables = try tables(of: events.batches, in: first..<after)
    let recordings = try recordings(of: events.batches, in: first..<after)
    result.withoutCurrency = tables.map(\.1.amountsWithoutCurrency).max() ?? 0
    let uses = Dictionary(grouping: tables.flatMap(\.1.rateUses), by: \.bucketDate)
    for day in days {
      result.inputs[day.date] = conversion.inputsDigest(
        rows: day.rowsDigest, uses: (uses[day.date] ?? []).map { ($0.currency, $0.date) })
    }
    try fence.write(on: connection) { connection in
      // Rows and their entry in the ledger are written by one transaction, and what was written last
      // the index by blocks does not know yet: it would be looked through for nothing.
      if !days.allSatisfy(\.isFirst) { try delete(first..<after, on: connection) }
      try copy(tables, recordings, into: &result, on: connection)
      for day in days {
        try record(
          day, inputs: result.inputs[day.date] ?? day.rowsDigest, uses: uses[day.date] ?? [],
          on: connection)
      }
    }
    return result
  }

  /// Copies what was computed of some days into the tables, and counts it.
  func copy(
    _ tables: [(RollupGrain, RollupTable)], _ recordings: Batch?, into result: inout ChunkResult,
    on connection: Connection
  ) throws {
    for (grain, table) in tables {
      result.written[grain, default: 0] += try connection.copyIn(
        table.batch, into: QualifiedName(schema: "analytics", name: grain.tableName))
    }
    if let recordings, recordings.rowCount > 0 {
      _ = try connection.copyIn(
        recordings, into: QualifiedName(schema: "analytics", name: "daily_rollup_recordings"))
    }
  }

  /// What was recorded later than it happened, where days are written and there is such a clock.
  func recordings(
    of batches: [Batch], in days: Range<CalendarDate>
  ) throws -> Batch? {
    guard grains.contains(.day), let recordedColumn else { return nil }
    var counts = RecordedCounts(days, settings: settings, recordedColumn: recordedColumn)
    for batch in batches { try counts.accumulate(batch) }
    return try counts.finish()
  }

  /// Deletes the rows of some days, also of grains that are no longer asked for: they would stay as
  /// rows of another time.
  private func delete(_ days: Range<CalendarDate>, on connection: Connection) throws {
    for (table, column, type) in [
      ("hourly_rollups", "hour", "timestamptz"), ("daily_rollups", "date", "date"),
      ("daily_rollup_recordings", "date", "date"),
    ] {
      try connection.run(
        """
        DELETE FROM analytics.\(table) WHERE \(column) >= $1::\(type) AND \(column) < $2::\(type)
        """,
        column == "hour"
          ? [days.lowerBound.startUTC.description, days.upperBound.startUTC.description]
          : [days.lowerBound.description, days.upperBound.description])
    }
  }

  /// Records a day as done, with the rates that its amounts were converted by, or forgets it.
  func record(
    _ day: RollupDay, inputs: String, uses: [RollupRateUse], on connection: Connection
  ) throws {
    if day.isForgotten {
      try connection.run(
        "DELETE FROM almanac.intervals WHERE stage = 'rollup' AND interval_start = $1",
        [day.date.description])
    } else {
      try record(
        "rollup", day.date..<day.date.adding(days: 1), inputs: inputs, rows: day.rows,
        on: connection)
    }
    try conversion.record(day.isForgotten ? [] : uses, of: day.date, on: connection)
  }

  /// Records an interval as done.
  func record(
    _ stage: String, _ dates: Range<CalendarDate>, inputs: String, rows: Int,
    on connection: Connection
  ) throws {
    try connection.run(
      """
      INSERT INTO almanac.intervals (stage, interval_start, interval_end, run_id, inputs_digest,
        settings_digest, rows, finished_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, now())
      ON CONFLICT (stage, interval_start) DO UPDATE SET interval_end = excluded.interval_end,
        run_id = excluded.run_id, inputs_digest = excluded.inputs_digest,
        settings_digest = excluded.settings_digest, rows = excluded.rows,
        finished_at = excluded.finished_at
      """,
      [
        stage, dates.lowerBound.description, dates.upperBound.description, run.description, inputs,
        settingsDigest, String(rows),
      ])
  }
}

extension Column {
  /// The rows of a column of texts whose text is another one than the given; nulls are none.
  fileprivate func rows(otherThan text: String) -> [Int] {
    guard case .text(let texts) = storage else { return [] }
    let isOther = (0..<texts.entryCount).map { !texts.entry($0).elementsEqual(text.utf8) }
    guard isOther.contains(true) else { return [] }
    return (0..<rowCount).filter { row in
      isOther[texts.codes.map { Int($0[row]) } ?? row] && !isNull(row)
    }
  }
}

extension CompanyZones {
  /// The UTC days that can hold events of local days, and those with the same dates, whose hours are
  /// computed with them.
  func rollupDays(of dates: ClosedRange<CalendarDate>) -> ClosedRange<CalendarDate> {
    let days = utcDays(of: dates)
    return min(days.lowerBound, dates.lowerBound)...max(days.upperBound, dates.upperBound)
  }
}
