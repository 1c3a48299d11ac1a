import AlmanacCore
import Codecs
import Columns
import Postgres
package import Rollups

/// Aggregates events into hourly and daily rollups, unless forced only for days whose input changed.
///
/// The ledger keeps, for each day, the digest of the parts it was computed from. A day whose
/// digest or settings differ is computed again, and its rows are replaced in the transaction that
/// records it; so late rows, deleted rows, another data directory and a changed setting all end in
/// the tables of a run from scratch.
package struct RollupStage: Stage {
  package let name = "rollup"
  /// The grains to write.
  package let grains: [RollupGrain]
  /// The dataset that holds the events.
  package static let dataset = "events"

  /// Events that one transaction's days may hold together, unless a single day holds more.
  static let maximumChunkRows = 500_000
  /// Days that one transaction may replace.
  static let maximumChunkDays = 92

  /// A stage that writes the given grains.
  package init(grains: [RollupGrain]) {
    self.grains = grains
  }

  package func run(in context: RunContext) throws -> StageOutcome {
    var outcome = StageOutcome()
    guard let definition = context.project.dataset(RollupStage.dataset) else {
      throw PipelineError.notExtracted(dataset: RollupStage.dataset)
    }
    _ = try context.extracted(RollupStage.dataset)
    let coverage = try context.checkCoverage(of: definition)
    outcome.notices += coverage.notices
    let known = try LedgerReading(context.lock.connection).intervals(of: name)
    let settingsDigest = self.settingsDigest(context)
    let content = context.directory.manifest.days(of: RollupStage.dataset)
    let dates = self.dates(content, known: known, in: context)
    let first = context.zone.localDate(at: coverage.days.lowerBound.startUTC)
    var pending: [RollupDay] = []
    for date in dates {
      let inputs = utcDays(of: date, in: context.zone)
      let digests = IntervalDigests(
        inputs: content.digest(inputs), settings: settingsDigest)
      if known[date] != digests || (context.isForced && date <= context.date) {
        let rows = content.rowCount(inputs)
        pending.append(
          RollupDay(
            date: date, digests: digests, rows: rows, isForgotten: rows == 0 && date < first))
      }
    }
    outcome.note("days", dates.count)
    outcome.note("days_computed", pending.count)
    let results = try compute(chunks(pending), context: context, events: definition)
    for result in results {
      outcome.rowsIn += result.events
      outcome.rowsOut += result.written.values.reduce(0, +)
    }
    for grain in grains {
      outcome.note(grain.tableName, results.reduce(0) { $0 + ($1.written[grain] ?? 0) })
    }
    let repeated = results.reduce(0) { $0 + $1.repeated }
    if repeated > 0 {
      outcome.notices.append("events: \(repeated) repeated rows within a day were left out")
    }
    let withoutCurrency = results.reduce(0) { $0 + $1.withoutCurrency }
    if withoutCurrency > 0 {
      outcome.notices.append(
        "events: \(withoutCurrency) amounts without a usable currency are counted but not summed")
    }
    context.log(
      .info,
      "rollup: \(pending.count) of \(dates.count) days computed, \(outcome.rowsOut) rows")
    return outcome
  }

  /// The days to look at, ascending.
  ///
  /// All days up to the logical date, as far back as ``continuousDays``; before that only those
  /// that have events, since one event with a wrong year must not cost a millennium of days. And
  /// every day that is in the ledger: what the source no longer has, and later days that other
  /// settings computed.
  private func dates(
    _ content: DatasetDays, known: [CalendarDate: IntervalDigests], in context: RunContext
  ) -> [CalendarDate] {
    var dates = Set(known.keys)
    let start = context.date.adding(days: 1 - RollupStage.continuousDays)
    for day in content.dates {
      let end = Timestamp(microseconds: day.adding(days: 1).startUTC.microseconds - 1)
      dates.formUnion(
        [context.zone.localDate(at: day.startUTC), day, context.zone.localDate(at: end)]
          .filter { $0 <= context.date })
    }
    if let first = dates.filter({ $0 >= start }).min(), first <= context.date {
      dates.formUnion(first...context.date)
    }
    return dates.sorted()
  }

  /// How far back every day is looked at: ten years.
  package static let continuousDays = 3_653

  /// The digest of everything besides the input that the rows depend on.
  private func settingsDigest(_ context: RunContext) -> String {
    let text =
      "rollup 1\nzone \(context.zone.name)\ncurrency \(context.pipeline.currency)\n"
      + "grains \(grains.map(\.rawValue).sorted().joined(separator: ","))\n"
    return SHA256.hexadecimalDigest(of: text)
  }

  /// The UTC days that can hold events of a local day.
  private func utcDays(of date: CalendarDate, in zone: ZoneRules) -> ClosedRange<CalendarDate> {
    let start = zone.start(of: date).dateUTC
    let end = Timestamp(microseconds: zone.start(of: date.adding(days: 1)).microseconds - 1).dateUTC
    // Hourly rows are of the UTC day with the same date, which the local day may not cover.
    return min(start, date)...max(end, date)
  }

  /// Groups neighbouring days into transactions.
  private func chunks(_ days: [RollupDay]) -> [[RollupDay]] {
    var chunks: [[RollupDay]] = []
    var rows = 0
    for day in days {
      if let last = chunks.last?.last, last.date.adding(days: 1) == day.date,
        rows + day.rows <= RollupStage.maximumChunkRows,
        chunks[chunks.count - 1].count < RollupStage.maximumChunkDays
      {
        chunks[chunks.count - 1].append(day)
        rows += day.rows
      } else {
        chunks.append([day])
        rows = day.rows
      }
    }
    return chunks
  }

  private func compute(
    _ chunks: [[RollupDay]], context: RunContext, events: DatasetDefinition
  ) throws -> [ChunkResult] {
    let work = RollupWork(
      grains: grains,
      settings: RollupSettings(
        events: events, zone: context.zone, currency: context.pipeline.currency),
      key: events.key, recordedColumn: events.recordedColumn, reader: context.directory.reader,
      fence: context.lock.fence, run: context.run)
    let target = context.lock.settings
    return try mapConcurrently(
      chunks, jobs: context.jobs, context: { try Connection(target, purpose: .target) },
      work: { connection, chunk in try work.replace(chunk, on: connection) })
  }
}

/// A local day to compute, with the digests to record for it.
struct RollupDay: Sendable {
  var date: CalendarDate
  var digests: IntervalDigests
  /// Events on the UTC days it draws on.
  var rows: Int
  /// Whether the source has nothing on it or before it, so that the ledger drops it.
  var isForgotten: Bool
}

/// What one transaction did.
struct ChunkResult: Sendable {
  var events = 0
  var repeated = 0
  var withoutCurrency = 0
  var written: [RollupGrain: Int] = [:]
}

/// Computes and replaces neighbouring days.
struct RollupWork: Sendable {
  let grains: [RollupGrain]
  let settings: RollupSettings
  let key: [String]
  let recordedColumn: String?
  let reader: PartReader
  let fence: Fence
  let run: UUIDValue

  /// Reads the events of the days, aggregates them and replaces their rows and ledger entries in
  /// one transaction.
  func replace(_ days: [RollupDay], on connection: Connection) throws -> ChunkResult {
    guard let first = days.first?.date, let last = days.last?.date else { return ChunkResult() }
    var result = ChunkResult()
    let localStart = settings.zone.start(of: first)
    let localEnd = settings.zone.start(of: last.adding(days: 1))
    // Hourly rows are of the UTC days with the same dates, which the local days may not cover.
    let utcStart = min(localStart.dateUTC, first)
    let utcEnd = max(Timestamp(microseconds: localEnd.microseconds - 1).dateUTC, last)
    let batches = try reader.read(
      RollupStage.dataset, days: utcStart...utcEnd,
      columns: Set(key + settings.columns + [recordedColumn].compactMap { $0 }).sorted())
    let events = dropRepeated(
      batches, key: key, recorded: recordedColumn, time: settings.timestampColumn)
    result.events = events.batches.reduce(0) { $0 + $1.rowCount }
    result.repeated = events.dropped
    let after = last.adding(days: 1)
    let tables = try grains.map { grain in
      let buckets: RollupBuckets =
        grain == .hour ? .hours(first.startUTC.hour..<after.startUTC.hour) : .days(first..<after)
      return (grain, try rollup(events.batches, into: buckets, settings: settings))
    }
    result.withoutCurrency = tables.map(\.1.amountsWithoutCurrency).max() ?? 0
    try fence.write(on: connection) { connection in
      // Grains that are no longer asked for would keep rows of another time.
      for grain in RollupGrain.allCases {
        try connection.run(
          """
          DELETE FROM analytics.\(grain.tableName)
          WHERE \(grain.bucketColumn) >= $1::\(grain.bucketType)
            AND \(grain.bucketColumn) < $2::\(grain.bucketType)
          """,
          grain == .hour
            ? [first.startUTC.description, after.startUTC.description]
            : [first.description, after.description])
      }
      for (grain, table) in tables {
        result.written[grain] = try connection.copyIn(
          table.batch, into: QualifiedName(schema: "analytics", name: grain.tableName))
      }
      try recordIntervals(days, on: connection)
    }
    return result
  }

  private func recordIntervals(_ days: [RollupDay], on connection: Connection) throws {
    for day in days {
      if day.isForgotten {
        try connection.run(
          "DELETE FROM almanac.intervals WHERE stage = 'rollup' AND interval_start = $1",
          [day.date.description])
        continue
      }
      try connection.run(
        """
        INSERT INTO almanac.intervals (stage, interval_start, interval_end, run_id, inputs_digest,
          settings_digest, rows, finished_at)
        VALUES ('rollup', $1, $2, $3, $4, $5, $6, now())
        ON CONFLICT (stage, interval_start) DO UPDATE SET interval_end = excluded.interval_end,
          run_id = excluded.run_id, inputs_digest = excluded.inputs_digest,
          settings_digest = excluded.settings_digest, rows = excluded.rows,
          finished_at = excluded.finished_at
        """,
        [
          day.date.description, day.date.adding(days: 1).description, run.description,
          day.digests.inputs, day.digests.settings, String(day.rows),
        ])
    }
  }
}

extension RollupSettings {
  /// Settings for the columns that a dataset of events has.
  ///
  /// Time and company are those that the definition names; what is optional and not declared is
  /// not aggregated.
  init(events: DatasetDefinition, zone: ZoneRules, currency: CurrencyCode) {
    self.init(zone: zone, currency: currency)
    timestampColumn = events.timeColumn ?? timestampColumn
    companyColumn = events.tenantColumn ?? companyColumn
    func declared(_ name: String?) -> String? {
      name.flatMap { events[column: $0] == nil ? nil : $0 }
    }
    moduleColumn = declared(moduleColumn)
    userColumn = declared(userColumn)
    durationColumn = declared(durationColumn)
    amountColumn = declared(amountColumn)
    currencyColumn = declared(amountColumn.flatMap { events[column: $0]?.currencyColumn })
  }

  /// The names of all columns that are read.
  var columns: [String] {
    [eventTypeColumn, companyColumn, timestampColumn]
      + [moduleColumn, userColumn, amountColumn, currencyColumn, durationColumn].compactMap { $0 }
  }
}

extension RollupGrain {
  /// The table of schema `analytics` that holds the grain.
  package var tableName: String { self == .hour ? "hourly_rollups" : "daily_rollups" }
  /// The type of that column.
  var bucketType: String { self == .hour ? "timestamptz" : "date" }
}
