import AlmanacCore
import Columns

/// The rules that compare the dataset with its source or a clock.
extension DatasetContract {
  /// The column with the greatest share of malformed values decides.
  func maximumBad(_ check: DatasetCheck) -> CheckResult {
    let expected = "at most \(check.maximumShareText ?? "none") malformed"
    guard let findings else {
      return CheckResult(
        check, of: definition.name, holds: nil, observed: "this run did not extract",
        expected: expected)
    }
    let columns = findings.lifted.filter { $0.malformed > 0 }
    func share(_ column: LiftedValues) -> Double {
      Double(column.malformed) / Double(max(1, column.values))
    }
    guard let worst = columns.max(by: { share($0) < share($1) }) else {
      let values = findings.lifted.reduce(0) { $0 + $1.values }
      return CheckResult(
        check, of: definition.name, holds: true, observed: "0 of \(values) values malformed",
        expected: expected, rows: values)
    }
    return CheckResult(
      check, of: definition.name, holds: share(worst) <= check.maximumShare,
      observed: "\(worst.malformed) of \(worst.values) values of \(worst.column) malformed",
      expected: expected, rows: worst.values, badRows: worst.malformed,
      examples: worst.examples.prefix(CheckResult.maximumExamples).map {
        "\($0.key) (\($0.reason))"
      })
  }

  /// The age of the newest row at the cut or at the end of the logical date.
  ///
  /// It goes by the second clock where there is one. Rows of later than that instant do not count:
  /// a night that is made up for is judged as it would have been. Days are read from the newest
  /// back, until a row is new enough or a month before the limit is over.
  func freshness(_ check: DatasetCheck, _ limit: Duration) throws -> CheckResult {
    let reference = min(cut, knowledgeEnd)
    let content = ContractReader(definition, reader)
    guard let clock = definition.recordedColumn ?? definition.timeColumn else {
      preconditionFailure("freshness of \(definition.name), which has no clock")
    }
    let oldest = reference.microseconds - limit.components.seconds * 1_000_000
    let lastLooked = Timestamp(microseconds: oldest).dateUTC.adding(days: -31)
    var newest: Int64?
    for unit in content.units.reversed() where newest ?? .min < oldest {
      if let date = unit.date {
        if date.startUTC > reference { continue }
        if date < lastLooked, newest != nil { break }
      }
      for batch in try content.read(unit, columns: [clock]) {
        guard let column = batch[clock], case .int64(let instants) = column.storage else {
          continue
        }
        for row in instants.indices
        where instants[row] <= reference.microseconds && !column.isNull(row) {
          newest = max(newest ?? .min, instants[row])
        }
      }
    }
    let observed = newest.map { newest in
      let age = (reference.microseconds - newest) / 1_000_000
      return "newest row of \(Timestamp(microseconds: newest)), \(Self.hours(age)) before "
        + "\(reference)"
    }
    return CheckResult(
      check, of: definition.name, holds: newest ?? .min >= oldest,
      observed: observed ?? "no row before \(reference)",
      expected: "at most \(Self.hours(limit.components.seconds))", rows: rows(of: content))
  }

  /// A number of seconds as hours and minutes.
  private static func hours(_ seconds: Int64) -> String {
    let minutes = seconds % 3_600 / 60
    return "\(seconds / 3_600) h" + (minutes == 0 ? "" : " \(minutes) min")
  }

  /// The number of different keys on each day the extraction counted in the source.
  ///
  /// Where rows are kept that the source has not any more there may be more here. A key that lies on
  /// several days counts on each of them, as in the source.
  func matchesSource(_ check: DatasetCheck) throws -> CheckResult {
    let expected = "as many keys as the source has"
    guard let counts = findings?.sourceCounts else {
      return CheckResult(
        check, of: definition.name, holds: nil,
        observed: findings == nil ? "this run did not extract" : "the source was not counted",
        expected: expected)
    }
    let content = ContractReader(definition, reader)
    guard definition.timeColumn != nil else {
      let keys = try distinctKeys(content.units, content)
      return result(check, [("in all", keys, counts.keysByDay[""] ?? 0)], expected)
    }
    let entry = reader.manifest.datasets[definition.name]
    let units = Dictionary(
      entry.map { ContractUnit.units(of: $0) }?.compactMap { unit in
        unit.date.map { date in
          // Without the list of keys that another day counts.
          (date.description, ContractUnit(date: date, parts: unit.parts.filter(\.holdsRows)))
        }
      } ?? [], uniquingKeysWith: { first, _ in first })
    let days = Set(counts.keysByDay.keys).union(counts.coversAllDays ? Array(units.keys) : [])
      .filter { $0 >= entry?.floor ?? "" }.sorted()
    let held = try mapConcurrently(
      days, jobs: jobs, context: {},
      work: { _, day in try self.distinctKeys(units[day].map { [$0] } ?? [], content) })
    return result(
      check, zip(days, held).map { ("on \($0)", $1, counts.keysByDay[$0] ?? 0) }, expected)
  }

  private func distinctKeys(_ units: [ContractUnit], _ content: ContractReader) throws -> Int {
    var keys = KeyTable(minimumCapacity: units.reduce(0) { $0 + $1.rows })
    for unit in units {
      for batch in try content.read(unit, columns: definition.key) {
        for case let key? in batch.wholeKeyValues(of: definition.key) { _ = keys.insert(key) }
      }
    }
    return keys.count
  }

  private func result(
    _ check: DatasetCheck, _ counts: [(place: String, held: Int, source: Int)], _ expected: String
  ) -> CheckResult {
    // Only what is read whole each night, or whose keys are compared, loses the rows that the source
    // has not any more.
    let isExact = definition.mode == .full || definition.deletes == .keySweep
    let wrong = counts.filter {
      isExact ? $0.held != $0.source : $0.held < $0.source
    }
    let source = counts.reduce(0) { $0 + $1.source }
    guard let first = wrong.first else {
      return CheckResult(
        check, of: definition.name, holds: true, observed: "all \(source) keys of the source",
        expected: expected, rows: source)
    }
    let more = wrong.count > 1 ? ", and \(wrong.count - 1) more days differ" : ""
    return CheckResult(
      check, of: definition.name, holds: false,
      observed: "\(first.held) keys \(first.place), the source has \(first.source)\(more)",
      expected: expected, rows: source,
      badRows: wrong.reduce(0) { $0 + abs($1.held - $1.source) })
  }
}
