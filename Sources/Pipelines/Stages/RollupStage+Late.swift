import AlmanacCore
import Columns
import Postgres
import Rollups

/// Company, type and module: what a row is counted with, in whatever hour, day or month.
struct RollupGroup: Hashable, Sendable {
  var company: UUIDValue
  var type: [UInt8]
  /// The module, zero for none.
  var module: UUIDValue
}

/// Days of one month whose input only gained rows since they were computed.
struct LateMonth: Sendable {
  /// The days, ascending.
  var days: [RollupDay]
  /// The month, where it is to be computed from the same groups.
  var month: RollupMonth?
  /// The inputs of all days of the month, before the late ones are known.
  var inputs: [CalendarDate: String]
  /// The groups that rows came late to, by the day that draws on them.
  var groups: [CalendarDate: Set<RollupGroup>] = [:]
  /// How often each key occurs among the late rows, by its hash.
  var keys: [UInt64: Int] = [:]
}

/// What was done for the late rows of a month.
struct LateResult: Sendable {
  var days = ChunkResult()
  var month: MonthResult?
}

/// Computes again only the groups that late rows belong to (DECISIONS.md, D-405).
struct LateWork: Sendable {
  let work: RollupWork
  /// The rates that the days took before, which the rows that are not looked at still need.
  let uses: [CalendarDate: [(currency: CurrencyCode, date: CalendarDate)]]

  /// The most rows of a month that are kept at once; where there are more, days are computed whole.
  let maximumRows: Int

  /// The month with the groups of its late rows, or `nil` where something is wrong with one of them,
  /// which computing whole days reports.
  func marked(_ month: LateMonth) throws -> LateMonth? {
    var month = month
    var seen: Set<String> = []
    for day in month.days {
      var groups: Set<RollupGroup> = []
      for part in day.lateParts {
        let batch = try work.reader.decode(
          part, columns: Set(work.settings.columns + work.dataset.key).sorted())
        // Several local days may draw on one part.
        if seen.insert(part.path).inserted {
          for hash in batch.keyHashes(of: work.dataset.key) { month.keys[hash, default: 0] += 1 }
        }
        guard let found = batch.rollupGroups(work.settings) else { return nil }
        groups.formUnion(found)
        do {
          try work.requireRates(for: [batch], in: day.date..<day.date.adding(days: 1))
        } catch is RollupError {
          return nil
        }
      }
      month.groups[day.date] = groups
    }
    return month
  }

  /// Replaces the groups of the days in one transaction and those of the month in another.
  ///
  /// - Returns: `nil`, and nothing is written, where the rows of the groups cannot be told apart from
  ///   the others, or are too many.
  func replace(_ month: LateMonth, on connection: Connection) throws -> LateResult? {
    let all = month.groups.values.reduce(into: Set<RollupGroup>()) { $0.formUnion($1) }
    var dates = Set(month.days.flatMap { work.settings.zones.rollupDays(of: $0.date...$0.date) })
    if let whole = month.month?.dates {
      let last = whole.upperBound.adding(days: -1)
      dates.formUnion(work.settings.zones.rollupDays(of: whole.lowerBound...last))
    }
    // Codes of companies, types and modules have 21 bits each.
    guard all.count < 1 << 21, let rows = try rows(of: all, on: dates, late: month.keys)
    else { return nil }
    var result = LateResult()
    result.days = try replaceDays(of: month, rows, on: connection)
    if var whole = month.month {
      var inputs = month.inputs
      for (date, digest) in result.days.inputs { inputs[date] = digest }
      whole.inputs = RollupMonth.digest(of: inputs)
      result.month = try MonthWork(work: work).replace(
        whole, all, of: rows.sorted { $0.key < $1.key }.flatMap(\.value), on: connection)
    }
    return result
  }

  /// The rows of some groups by UTC day, each key once a day.
  ///
  /// - Returns: `nil` where a key is in a row of them and in another one, or in a late row and in an
  ///   older one: only the row recorded first counts, so what was counted before may be wrong, in a
  ///   group or on a day that no late row names.
  private func rows(
    of groups: Set<RollupGroup>, on dates: Set<CalendarDate>, late: [UInt64: Int]
  ) throws -> [CalendarDate: [Batch]]? {
    let filter = GroupFilter(groups)
    var kept: [CalendarDate: [Batch]] = [:]
    var count = 0
    var left = late
    for day in work.reader.manifest.days(of: RollupStage.dataset).dates.sorted()
    where dates.contains(day) {
      let batches = try work.allRows(of: day...day)
      var chosen: [Batch] = []
      var marks: [[Bool]] = []
      for batch in batches {
        guard let rows = filter.rows(of: batch, work.settings) else { return nil }
        marks.append(rows.isEmpty ? [] : [Bool](repeating: false, count: batch.rowCount))
        if rows.isEmpty { continue }
        for row in rows { marks[marks.count - 1][row] = true }
        chosen.append(batch.taking(rows))
        count += rows.count
      }
      guard count <= maximumRows else { return nil }
      if chosen.isEmpty { continue }
      let hashes = chosen.flatMap { $0.keyHashes(of: work.dataset.key) }
      for hash in hashes {
        guard let count = left[hash] else { continue }
        if count == 0 { return nil }
        left[hash] = count - 1
      }
      let keys = KeyMarks(hashes)
      for (batch, isChosen) in zip(batches, marks)
      where keys.containsAny(of: batch, work.dataset.key, but: isChosen) {
        return nil
      }
      kept[day] = work.droppingRepeated(chosen).batches
    }
    return kept
  }

  private func replaceDays(
    of month: LateMonth, _ rows: [CalendarDate: [Batch]], on connection: Connection
  ) throws -> ChunkResult {
    var result = ChunkResult()
    var outputs: [(day: RollupDay, tables: [(RollupGrain, RollupTable)], recordings: Batch?)] = []
    var taken: [CalendarDate: Set<RollupRateUse>] = [:]
    for day in month.days {
      let filter = GroupFilter(month.groups[day.date] ?? [])
      let after = day.date.adding(days: 1)
      let batches = work.settings.zones.rollupDays(of: day.date...day.date).flatMap { utcDay in
        (rows[utcDay] ?? []).map { $0.taking(filter.rows(of: $0, work.settings) ?? []) }
      }
      result.events += batches.reduce(0) { $0 + $1.rowCount }
      let tables = try work.tables(of: batches, in: day.date..<after)
      result.withoutCurrency += tables.map(\.1.amountsWithoutCurrency).max() ?? 0
      outputs.append((day, tables, try work.recordings(of: batches, in: day.date..<after)))
      let all = Set(tables.flatMap(\.1.rateUses)).union(
        (uses[day.date] ?? []).map {
          RollupRateUse(currency: $0.currency, date: $0.date, bucketDate: day.date)
        })
      taken[day.date] = all
      result.inputs[day.date] = work.conversion.inputsDigest(
        rows: day.rowsDigest, uses: all.map { ($0.currency, $0.date) })
    }
    try work.fence.write(on: connection) { connection in
      let marks = month.groups.flatMap { date, groups in groups.map { (date: date, group: $0) } }
      for (table, condition) in [
        (
          "hourly_rollups",
          "t.hour >= g.day::timestamp AT TIME ZONE 'UTC'"
            + " AND t.hour < (g.day + 1)::timestamp AT TIME ZONE 'UTC'"
        ), ("daily_rollups", "t.date = g.day"), ("daily_rollup_recordings", "t.date = g.day"),
      ] {
        try connection.delete(from: table, marks, where: condition)
      }
      for (day, tables, recordings) in outputs {
        try work.copy(tables, recordings, into: &result, on: connection)
        try work.record(
          day, inputs: result.inputs[day.date] ?? day.rowsDigest,
          uses: (taken[day.date] ?? []).sorted(), on: connection)
      }
    }
    return result
  }
}

extension RollupGroup {
  /// The companies, types and modules of groups as arrays in PostgreSQL's notation.
  static func arrays(_ groups: [RollupGroup]) -> [String] {
    [
      array(groups.map(\.company.description)),
      array(groups.map { String(decoding: $0.type, as: UTF8.self) }),
      array(groups.map(\.module.description)),
    ]
  }
}

extension Connection {
  /// Deletes the rows `t` of a table of rollups for which `condition` holds, `g.day` being the date
  /// that a group is marked with.
  func delete(
    from table: String, _ marks: [(date: CalendarDate, group: RollupGroup)],
    where condition: String
  ) throws {
    try run(
      """
      DELETE FROM analytics.\(table) AS t
      USING unnest($1::uuid[], $2::text[], $3::uuid[], $4::date[]) AS g (company, type, module, day)
      WHERE t.company_id = g.company AND t.event_type = g.type AND t.module_id = g.module
        AND \(condition)
      """, RollupGroup.arrays(marks.map(\.group)) + [array(marks.map(\.date.description))])
  }
}

extension Batch {
  /// The groups that rows belong to, or `nil` where one has no company or type, which aggregating
  /// whole days reports.
  fileprivate func rollupGroups(_ settings: RollupSettings) -> Set<RollupGroup>? {
    guard let companies = self[settings.companyColumn],
      case .uuid(let companyValues) = companies.storage,
      let types = self[settings.eventTypeColumn], case .text(let typeValues) = types.storage
    else { return nil }
    let modules = settings.moduleColumn.flatMap { self[$0] }
    var groups: Set<RollupGroup> = []
    for row in 0..<rowCount {
      guard !companies.isNull(row), !types.isNull(row) else { return nil }
      var module = UUIDValue.zero
      if let modules, !modules.isNull(row) {
        guard case .uuid(let values) = modules.storage else { return nil }
        module = values.row(row)
      }
      groups.insert(
        RollupGroup(
          company: companyValues.row(row), type: Array(typeValues.row(row)), module: module))
    }
    return groups
  }
}

/// Finds the rows of some groups.
struct GroupFilter: Sendable {
  private var companies: [UUIDValue: Int32] = [:]
  private var types: [ArraySlice<UInt8>: Int32] = [:]
  private var modules: [UUIDValue: Int32] = [:]
  private var wanted: Set<UInt64> = []

  init(_ groups: Set<RollupGroup>) {
    func code<Key>(_ key: Key, in codes: inout [Key: Int32]) -> UInt64 {
      let code = codes[key] ?? Int32(codes.count)
      codes[key] = code
      return UInt64(code)
    }
    for group in groups {
      wanted.insert(
        code(group.company, in: &companies) << 42 | code(group.type[...], in: &types) << 21
          | code(group.module, in: &modules))
    }
    precondition(
      max(companies.count, types.count, modules.count) < 1 << 21, "codes of 21 bits each")
  }

  /// The rows, ascending; `nil` where one has no company or type.
  func rows(of batch: Batch, _ settings: RollupSettings) -> [Int]? {
    guard let company = batch[settings.companyColumn], case .uuid(let owners) = company.storage,
      let type = batch[settings.eventTypeColumn], case .text(let texts) = type.storage,
      company.validity == nil, type.validity == nil
    else { return nil }
    let companyCodes = owners.values.map { companies[$0] ?? -1 }
    let typeCodes = (0..<texts.entryCount).map { types[texts.entry($0)] ?? -1 }
    let module = settings.moduleColumn.flatMap { batch[$0] }
    var moduleValues = UUIDStorage()
    if let module {
      guard case .uuid(let values) = module.storage else { return nil }
      moduleValues = values
    }
    let moduleCodes = moduleValues.values.map { modules[$0] ?? -1 }
    let none = modules[.zero] ?? -1
    var found: [Int] = []
    for row in 0..<batch.rowCount {
      let company = companyCodes[owners.codes.map { Int($0[row]) } ?? row]
      if company < 0 { continue }
      let type = typeCodes[texts.codes.map { Int($0[row]) } ?? row]
      if type < 0 { continue }
      let isNone = module?.isNull(row) ?? true
      let code = isNone ? none : moduleCodes[moduleValues.codes.map { Int($0[row]) } ?? row]
      if code < 0 { continue }
      if wanted.contains(UInt64(company) << 42 | UInt64(type) << 21 | UInt64(code)) {
        found.append(row)
      }
    }
    return found
  }
}

/// The hashes of some keys, to look for them among many others.
private struct KeyMarks {
  private var bits: [UInt64]
  private let mask: UInt64
  private let hashes: Set<UInt64>

  init(_ hashes: [UInt64]) {
    self.hashes = Set(hashes)
    var size = 1 << 12
    while size < hashes.count * 32 { size *= 2 }
    mask = UInt64(size - 1)
    bits = [UInt64](repeating: 0, count: size / 64)
    for hash in hashes { bits[Int((hash & mask) / 64)] |= 1 << (hash & 63) }
  }

  /// Whether a row of a batch that is not chosen has one of the keys; `isChosen` is empty where none
  /// is.
  func containsAny(of batch: Batch, _ key: [String], but isChosen: [Bool]) -> Bool {
    let found = batch.keyHashes(of: key)
    for row in found.indices {
      let hash = found[row]
      if bits[Int((hash & mask) / 64)] & 1 << (hash & 63) == 0 { continue }
      if isChosen.isEmpty || !isChosen[row], hashes.contains(hash) { return true }
    }
    return false
  }
}
