import AlmanacCore
import Billing
import Codecs
import Columns
import Postgres

/// Follows companies and users through the funnels of `models/funnels.yaml`.
///
/// The events of the steps are read from the day partitions; the funnels are computed whole and
/// compared by month of entry with what was written, and only months that differ are replaced.
package struct FunnelsStage: Stage {
  package let name = "funnels"
  /// The funnels.
  package let definition: FunnelsDefinition

  /// The version of the computation: another one writes everything again.
  private static let version = 1

  /// A stage with the given funnels.
  package init(definition: FunnelsDefinition) {
    self.definition = definition
  }

  package func run(in context: RunContext) throws -> StageOutcome {
    var outcome = StageOutcome()
    let dataset = RollupStage.dataset
    guard try context.hasDataset(dataset), let events = context.project.dataset(dataset) else {
      outcome.notices.append("\(dataset): is not there; funnels are switched off")
      return outcome
    }
    let hasUsers = try context.hasDataset(FunnelsDefinition.Funnel.usersDataset)
    let funnels = definition.funnels.filter { hasUsers || !$0.needsUsers }
    for funnel in definition.funnels where !hasUsers && funnel.needsUsers {
      outcome.notices.append(
        "users: is not there; the funnel \(funnel.definition.name) is switched off")
    }
    let digest = FunnelsStage.settingsDigest(definition, zone: context.zoneName)
    let newest = try context.newestDate(of: name)
    let places = context.pipeline.countsCompanyDays ? ["companies"] : []
    let inputs = SHA256.hexadecimalDigest(
      of: "\(newest)\n" + context.contentDigest([dataset, "users"] + places))
    let ledger = IntervalLedger(stage: name, run: context.run)
    let known = try ledger.entries(on: context.lock.connection)
    let isDone = known.values.allSatisfy { $0.inputs == inputs && $0.settings == digest }
    if isDone, !known.isEmpty, !context.redo.isAny { return outcome }
    let (end, zones) = (context.end(of: newest), try context.zones())
    let over = try context.datesOver(through: newest)
    outcome.note(over, through: newest)
    let (computed, rowsRead) = try FunnelsStage.rows(
      funnels, events: events, before: end, in: try context.inputs())
    outcome.rowsIn = rowsRead
    var months: [CalendarDate: [(funnel: Int, row: FunnelRow)]] = [:]
    for (index, rows) in computed.enumerated() {
      for row in rows {
        months[row.cohortDate.monthStart, default: []].append((index, row))
      }
    }
    try write(
      funnels, months, inputs: inputs, digest: SettingsDigests(digest, zones), known: known,
      in: context, &outcome)
    context.directory.reader.keepRepeatedRows(of: events)
    return outcome
  }

  /// The rows of funnels from the events before the end of a date, as far as days of entry are over.
  ///
  /// - Returns: the rows of each funnel, and how many rows were read.
  /// - Throws: what reading partitions throws.
  static func rows(
    _ funnels: [FunnelsDefinition.Funnel], events: DatasetDefinition, before end: Timestamp,
    in inputs: StageInputs
  ) throws -> (rows: [[FunnelRow]], rowsRead: Int) {
    let reading = try FunnelReading(funnels, events: events, before: end, in: inputs)
    let (zones, over) = (inputs.zones, DatesOver(inputs.zones, at: end))
    let rows = try mapConcurrently(
      Array(funnels.indices), jobs: inputs.jobs, context: {},
      work: { _, index in
        let funnel = funnels[index].definition
        return funnel.rows(funnel.passages(of: reading.events[index], end: end), zones: zones)
          .filter { over.isOver($0.cohortDate, $0.company) }
      })
    return (rows, reading.rowsRead)
  }

  private func write(
    _ funnels: [FunnelsDefinition.Funnel],
    _ months: [CalendarDate: [(funnel: Int, row: FunnelRow)]], inputs: String,
    digest: SettingsDigests, known: [CalendarDate: IntervalEntry], in context: RunContext,
    _ outcome: inout StageOutcome
  ) throws {
    let ledger = IntervalLedger(stage: name, run: context.run)
    let entries = months.sorted { $0.key < $1.key }.map { month, rows in
      IntervalEntry(
        start: month, end: month.monthStart(adding: 1), inputs: inputs,
        settings: digest.shared, outputs: outputsDigest(rows, digest), rows: rows.count)
    }
    let again = try context.redone(name)
    let changed = entries.filter { again.concern($0.start, $0.end) || !known.holds($0) }
    let gone = known.keys.filter { months[$0] == nil }.sorted()
    let touched = changed.map { ($0.start, $0.end) } + gone.map { ($0, $0.monthStart(adding: 1)) }
    try context.lock.write { connection in
      for (start, end) in touched {
        try connection.run(
          "DELETE FROM analytics.funnels WHERE cohort_date >= $1::date AND cohort_date < $2::date",
          [start.description, end.description])
      }
      outcome.rowsOut = try connection.copyIn(
        FunnelsStage.batch(funnels, changed.flatMap { months[$0.start] ?? [] }, digest),
        into: QualifiedName(schema: "analytics", name: "funnels"))
      try ledger.record(entries, on: connection)
      try ledger.forget(gone, on: connection)
    }
    outcome.note("months", months.count)
    outcome.note("months_written", touched.count)
    context.log(.info, "funnels: \(touched.count) of \(months.count) months written")
  }

  private func outputsDigest(
    _ rows: [(funnel: Int, row: FunnelRow)], _ settings: SettingsDigests
  ) -> String {
    var bytes = ByteText()
    for (funnel, row) in rows {
      bytes.append(row.company)
      if let zone = settings.zoneText(row.company) { bytes.append(zone) }
      bytes.append(Int64(row.cohortDate.daysSinceEpoch))
      for number in [funnel, row.step, row.entrants, row.converted, row.censored] {
        bytes.append(Int64(number))
      }
      bytes.append(row.medianMicroseconds.map { Int128($0) })
      bytes.append(Int64(bitPattern: row.conversionRate.bitPattern))
    }
    return SHA256.hexadecimalDigest(of: bytes.bytes)
  }

  /// The digest of everything besides the rows that funnels depend on.
  static func settingsDigest(_ definition: FunnelsDefinition, zone: String) -> String {
    SHA256.hexadecimalDigest(
      of: "funnels \(version)\nzone \(zone)\n" + definition.canonicalText)
  }

  /// The rows of `analytics.funnels`.
  static func batch(
    _ funnels: [FunnelsDefinition.Funnel], _ rows: [(funnel: Int, row: FunnelRow)],
    _ settings: SettingsDigests
  ) -> Batch {
    let names = funnels.map(\.definition.name)
    let ordered = rows.sorted { left, right in
      if left.row.company != right.row.company { return left.row.company < right.row.company }
      if left.funnel != right.funnel { return names[left.funnel] < names[right.funnel] }
      return (left.row.cohortDate, left.row.step) < (right.row.cohortDate, right.row.step)
    }
    var company = ColumnBuilder(Field("company_id", .uuid))
    var funnel = ColumnBuilder(Field("funnel", .text))
    var date = ColumnBuilder(Field("cohort_date", .date))
    var step = ColumnBuilder(Field("step", .int32))
    var title = ColumnBuilder(Field("step_name", .text))
    var entrants = ColumnBuilder(Field("entrants", .int64))
    var converted = ColumnBuilder(Field("converted", .int64))
    var median = ColumnBuilder(Field("median_seconds", .decimal(scale: 6), isNullable: true))
    var censored = ColumnBuilder(Field("censored", .int64))
    var rate = ColumnBuilder(Field("conversion_rate", .float64))
    var digest = ColumnBuilder(Field("settings_digest", .text))
    for (index, row) in ordered {
      company.append(row.company)
      funnel.append(names[index])
      date.append(row.cohortDate)
      step.append(Int64(row.step))
      title.append(funnels[index].definition.steps[row.step].name)
      entrants.append(Int64(row.entrants))
      converted.append(Int64(row.converted))
      median.appendInteger(row.medianMicroseconds.map { Int128($0) })
      censored.append(Int64(row.censored))
      rate.append(row.conversionRate)
      digest.append(settings.text(row.company))
    }
    return Batch([
      company.finish(), funnel.finish(), date.finish(), step.finish(), title.finish(),
      entrants.finish(), converted.finish(), median.finish(), censored.finish(), rate.finish(),
      digest.finish(),
    ])
  }
}

/// The events that the steps and exclusions of funnels are made of.
private struct FunnelReading: Sendable {
  /// The events of each funnel.
  let events: [[FunnelEvent]]
  let rowsRead: Int

  /// What an event of one type means to one funnel.
  private struct Meaning: Sendable {
    var funnel: Int
    var steps: UInt64
    var isExclusion: Bool
  }

  /// Reads the partitions up to an instant, several days at once.
  init(
    _ funnels: [FunnelsDefinition.Funnel], events: DatasetDefinition, before end: Timestamp,
    in context: StageInputs
  ) throws {
    var meanings: [String: [Meaning]] = [:]
    for (index, funnel) in funnels.enumerated() {
      var steps: [String: UInt64] = [:]
      for (number, step) in funnel.steps.enumerated() {
        for type in step.events { steps[type, default: 0] |= 1 << UInt64(number) }
      }
      for type in Set(steps.keys).union(funnel.exclusions) {
        meanings[type, default: []].append(
          Meaning(
            funnel: index, steps: steps[type] ?? 0, isExclusion: funnel.exclusions.contains(type)))
      }
    }
    let reader = context.reader
    let last = Timestamp(microseconds: end.microseconds - 1).dateUTC
    let days = context.manifest.days(of: events.name).dates.filter { $0 <= last }.sorted()
    let known = meanings
    let subjects = funnels.map(\.subject)
    let read = try mapConcurrently(
      days, jobs: context.jobs, context: {},
      work: { _, day in
        try FunnelReading.read(day, events, reader, known, subjects)
      })
    var found = [[FunnelEvent]](repeating: [], count: funnels.count)
    for day in read {
      for index in found.indices { found[index] += day.events[index] }
    }
    for (index, funnel) in funnels.enumerated() where funnel.needsUsers {
      found[index] += try FunnelReading.users(of: funnel, in: context)
    }
    for (index, funnel) in funnels.enumerated() {
      found[index] = FunnelReading.counting(found[index], funnel.steps)
    }
    self.events = found
    rowsRead = read.reduce(0) { $0 + $1.rows }
  }

  private static func read(
    _ day: CalendarDate, _ dataset: DatasetDefinition, _ reader: PartReader,
    _ meanings: [String: [Meaning]], _ subjects: [FunnelsDefinition.Funnel.Subject]
  ) throws -> (events: [[FunnelEvent]], rows: Int) {
    var found = [[FunnelEvent]](repeating: [], count: subjects.count)
    guard let time = dataset.timeColumn, let tenant = dataset.tenantColumn else {
      return (found, 0)
    }
    let user = dataset[column: "user_id"] == nil ? nil : "user_id"
    let columns = Set([time, tenant, "event_type"] + [user].compactMap(\.self)).sorted()
    let batches = try reader.readDeduplicated(dataset, days: day...day, columns: columns).batches
    var rows = 0
    for batch in batches {
      rows += batch.rowCount
      guard let types = batch["event_type"], case .text(let words) = types.storage,
        case .int64(let times)? = batch[time]?.storage,
        case .uuid(let companies)? = batch[tenant]?.storage
      else { continue }
      let entries = (0..<words.entryCount).map {
        meanings[String(decoding: words.entry($0), as: UTF8.self)]
      }
      let users = user.flatMap { batch[$0] }
      for row in 0..<batch.rowCount where !types.isNull(row) {
        guard let wanted = entries[words.codes.map { Int($0[row]) } ?? row] else { continue }
        let company = companies.row(row)
        for meaning in wanted {
          var subject = company
          if subjects[meaning.funnel] == .user {
            guard let users, !users.isNull(row), case .uuid(let values) = users.storage else {
              continue
            }
            subject = values.row(row)
          }
          found[meaning.funnel].append(
            FunnelEvent(
              subject: subject, company: company, at: Timestamp(microseconds: times[row]),
              steps: meaning.steps, isExclusion: meaning.isExclusion))
        }
      }
    }
    return (found, rows)
  }

  /// The times in the dataset of users that are steps of a funnel.
  private static func users(
    of funnel: FunnelsDefinition.Funnel, in context: StageInputs
  ) throws -> [FunnelEvent] {
    let name = FunnelsDefinition.Funnel.usersDataset
    guard let dataset = context.project.dataset(name), let tenant = dataset.tenantColumn,
      dataset.key.count == 1
    else { return [] }
    let wanted = funnel.steps.enumerated().compactMap { number, step in
      step.userColumn.map { (number: number, column: $0.name) }
    }
    let columns = Set([dataset.key[0], tenant] + wanted.map(\.column)).sorted()
    var found: [FunnelEvent] = []
    for batch in try context.rows(of: name, columns) {
      guard case .uuid(let ids)? = batch[dataset.key[0]]?.storage,
        case .uuid(let companies)? = batch[tenant]?.storage
      else { continue }
      for (number, name) in wanted {
        guard let column = batch[name], case .int64(let times) = column.storage else { continue }
        for row in 0..<batch.rowCount where !column.isNull(row) {
          found.append(
            FunnelEvent(
              subject: ids.row(row), company: companies.row(row),
              at: Timestamp(microseconds: times[row]), steps: 1 << UInt64(number)))
        }
      }
    }
    return found
  }

  /// The events with the steps taken away that they come too early in number for.
  ///
  /// Of a step with `occurrence: n` a subject's first n − 1 events do not count.
  private static func counting(
    _ events: [FunnelEvent], _ steps: [FunnelsDefinition.Funnel.Step]
  ) -> [FunnelEvent] {
    let counted = steps.indices.filter { steps[$0].occurrence > 1 }
    if counted.isEmpty { return events }
    var ordered = events.sorted { ($0.subject, $0.at) < ($1.subject, $1.at) }
    for step in counted {
      var subject: UUIDValue?
      var number = 0
      for index in ordered.indices where ordered[index].steps >> UInt64(step) & 1 == 1 {
        if ordered[index].subject != subject { number = 0 }
        subject = ordered[index].subject
        number += 1
        if number < steps[step].occurrence { ordered[index].steps &= ~(1 << UInt64(step)) }
      }
    }
    return ordered
  }
}
