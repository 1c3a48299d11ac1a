import AlmanacCore
import Codecs
import Columns
import Documents

/// The checks of one dataset, with everything they look at.
struct DatasetContract: Sendable {
  /// What earlier runs found, to be used again where nothing changed.
  struct Memory: Sendable {
    /// The digests under which no row of a day broke a rule; of a dataset without a time under the
    /// first day of all.
    var soundDays: [CalendarDate: IntervalDigests] = [:]
    /// The newest result of each check, by its name.
    var results: [String: CheckResult] = [:]
  }

  /// What an evaluation gave.
  struct Evaluation: Sendable {
    /// A result for each check, in the order of the file.
    var results: [CheckResult]
    /// The days on which no row broke a rule and that were not known for it, with their rows.
    var soundDays: [(date: CalendarDate, digests: IntervalDigests, rows: Int)]
    /// The number of days, or of parts of a dataset without a time, that were read for rules about
    /// single rows.
    var unitsRead: Int
    /// The number of rows in these.
    var rowsRead: Int
  }

  let definition: DatasetDefinition
  /// All definitions, for what foreign keys lead to.
  let project: Project
  let reader: PartReader
  /// The instant of the extraction.
  let cut: Timestamp
  /// The end of the logical date.
  let knowledgeEnd: Timestamp
  /// What the extraction of this run noticed; `nil` where this run did not extract.
  let findings: DatasetFindings?
  let memory: Memory
  /// What earlier runs found on each day.
  let memo: ContractMemo
  let jobs: Int
  /// The rows that readers see, once they are counted.
  var visibleRows: Int?

  private var content: ContractReader { ContractReader(definition, reader) }

  /// The day under which the ledger keeps what is known of a dataset without a time.
  static let undatedDay = CalendarDate(daysSinceEpoch: 0)

  /// Evaluates every check.
  func evaluate() throws -> Evaluation {
    var contract = self
    // Versions that readers do not see are no rows to them.
    if !definition.keepsOneVersion, !definition.checks.isEmpty {
      contract.visibleRows = try content.visibleRows(jobs: jobs)
    }
    return try contract.evaluateChecks()
  }

  /// The rows of a dataset's content that readers see.
  func rows(of content: ContractReader) -> Int { visibleRows ?? content.rows }

  private func evaluateChecks() throws -> Evaluation {
    let rules = definition.checks.compactMap { RowRule($0, cut: cut) }
    var evaluation = Evaluation(results: [], soundDays: [], unitsRead: 0, rowsRead: 0)
    let rowResults = try evaluate(rules, &evaluation)
    for check in definition.checks {
      evaluation.results.append(try rowResults[check.name] ?? result(of: check))
    }
    if definition.incrementBound != nil { evaluation.results.append(boundResult) }
    return evaluation
  }

  /// Whether `increment_bound` left no row out, which every dataset with one promises
  /// (DECISIONS.md, D-128).
  private var boundResult: CheckResult {
    let missed = reader.manifest.datasets[definition.name]?.missedByBound
    return CheckResult(
      dataset: definition.name, check: "increment_bound", level: .error,
      status: missed.map { $0 == 0 ? .passed : .failed } ?? .skipped,
      observed: missed.map {
        "the last increment without it found \(counted($0, "row")) that it leaves out"
      } ?? "it was not proved yet",
      expected: "none: lengthen increment_bound, or leave it away", rows: missed ?? 0,
      badRows: missed ?? 0, examples: [])
  }

  private func result(of check: DatasetCheck) throws -> CheckResult {
    switch check.rule {
    case .unique(let columns): return try unique(check, columns)
    case .foreignKey(let column, let dataset, let referenced):
      return try foreignKey(check, column.name, dataset.name, referenced?.name)
    case .maximumBad: return maximumBad(check)
    case .freshness(let limit): return try freshness(check, limit)
    case .minimumRows(let count):
      let rows = rows(of: content)
      return CheckResult(
        check, of: definition.name, holds: rows >= count, observed: "\(rows) rows",
        expected: "at least \(count)", rows: rows)
    case .matchesSource: return try matchesSource(check)
    case .notNull, .acceptedValues, .range, .notInFuture, .knownEventTypes:
      preconditionFailure("\(check.name) is about single rows")
    }
  }

  /// A result about rows that may be bad up to the check's share.
  func result(
    _ check: DatasetCheck, bad: Int, of rows: Int, _ words: String, expected: String? = nil,
    examples: [String] = [], inputsDigest: String? = nil
  ) -> CheckResult {
    let limit = check.maximumShareText.map { "at most \($0)" } ?? "none"
    return CheckResult(
      check, of: definition.name, holds: Double(bad) <= check.maximumShare * Double(rows),
      observed: "\(bad) of \(rows) rows \(words)", expected: expected ?? limit, rows: rows,
      badRows: bad, examples: examples, inputsDigest: inputsDigest)
  }
}

// MARK: - Single rows

extension DatasetContract {
  /// What one piece holds against the rules.
  private struct UnitFinding: Sendable {
    /// By rule, the number of bad rows.
    var bad: [Int]
    /// By rule, the keys of the first of them.
    var examples: [[String]]
    /// By rule, the kinds of event that are not known.
    var names: [Set<String>]
  }

  /// Evaluates the rules about single rows on every piece that is not known to be sound.
  private func evaluate(
    _ rules: [RowRule], _ evaluation: inout Evaluation
  ) throws -> [String: CheckResult] {
    if rules.isEmpty { return [:] }
    let content = self.content
    let settings = SHA256.hexadecimalDigest(
      of: "rows 1\n" + fieldText + rules.map { $0.digestText + "\n" }.joined())
    let isUndated = content.units.contains { $0.date == nil }
    let groups: [(date: CalendarDate, digests: IntervalDigests, units: [ContractUnit])] =
      isUndated
      ? [
        (
          DatasetContract.undatedDay, IntervalDigests(inputs: content.digest, settings: settings),
          content.units
        )
      ]
      : content.units.map { unit in
        (
          unit.date ?? DatasetContract.undatedDay,
          IntervalDigests(inputs: unit.digest, settings: settings), [unit]
        )
      }
    let open = groups.filter { memory.soundDays[$0.date] != $0.digests }
    // Of a day that broke no rule and got files since, only these are read.
    var found = memo.finding("rows", settings: settings)
    let units = open.flatMap(\.units).map { unit in
      guard let known = unit.date.flatMap({ found.days[$0.description] }), known.bad == 0 else {
        return unit
      }
      return unit.added(to: known) ?? unit
    }
    let findings = try mapConcurrently(
      units, jobs: jobs, context: {},
      work: { _, unit in try self.finding(of: rules, in: unit, content) })
    var position = 0
    for group in open {
      let own = findings[position..<(position + group.units.count)]
      position += group.units.count
      if own.allSatisfy({ $0.bad.allSatisfy { $0 == 0 } }) {
        evaluation.soundDays.append(
          (group.date, group.digests, group.units.reduce(0) { $0 + $1.rows }))
      }
    }
    if definition.keepsOneVersion, !isUndated {
      let bad = Dictionary(
        zip(units, findings).map { ($0.date, $1.bad.reduce(0, +)) }, uniquingKeysWith: +)
      found.days = Dictionary(
        content.units.map { unit in
          (
            unit.date?.description ?? "",
            unit.memo(bad: bad[unit.date] ?? 0, examples: [])
          )
        }, uniquingKeysWith: { first, _ in first })
      memo.keep(found, "rows")
    }
    evaluation.unitsRead = units.count
    evaluation.rowsRead = units.reduce(0) { $0 + $1.rows }
    var results: [String: CheckResult] = [:]
    for (index, rule) in rules.enumerated() {
      results[rule.check.name] = result(
        rule, bad: findings.reduce(0) { $0 + $1.bad[index] }, of: self.rows(of: content),
        examples: findings.flatMap { $0.examples[index] },
        names: findings.reduce(into: Set()) { $0.formUnion($1.names[index]) })
    }
    return results
  }

  /// The types of all columns, on which the meaning of stored units depends.
  var fieldText: String {
    definition.allColumns.map { "\($0.name) \($0.typeText)\n" }.joined()
  }

  private func finding(
    of rules: [RowRule], in unit: ContractUnit, _ content: ContractReader
  ) throws -> UnitFinding {
    var finding = UnitFinding(
      bad: rules.map { _ in 0 }, examples: rules.map { _ in [] }, names: rules.map { _ in [] })
    let batches = try content.read(unit, columns: Set(rules.map(\.column)).sorted())
    var places: [(rule: Int, batch: Int, row: Int)] = []
    for (batchIndex, batch) in batches.enumerated() {
      for (index, rule) in rules.enumerated() {
        let bad = rule.badRows(in: batch)
        let wanted = CheckResult.maximumExamples - places.count { $0.rule == index }
        places += bad.prefix(max(0, wanted)).map { (index, batchIndex, $0) }
        finding.bad[index] += bad.count
        if case .knownEventTypes = rule.check.rule, !bad.isEmpty {
          finding.names[index].formUnion(batch[rule.column]?.someTexts(bad) ?? [])
        }
      }
    }
    if places.isEmpty { return finding }
    // Keys are read only where a row is bad.
    let keys = try content.read(unit, columns: definition.key)
    for place in places {
      finding.examples[place.rule].append(
        keys[place.batch].keyText(place.row, key: definition.key))
    }
    return finding
  }

  private func result(
    _ rule: RowRule, bad: Int, of rows: Int, examples: [String], names: Set<String>
  ) -> CheckResult {
    let check = rule.check
    var words: String
    var expected: String?
    let share = check.maximumShareText.map { "; at most \($0) others" } ?? ""
    switch check.rule {
    case .notNull: words = "without a value"
    case .acceptedValues(_, let values):
      words = "with another value"
      expected = listed(values) + share
    case .range(_, let minimum, let maximum):
      words = "outside"
      expected =
        [minimum.map { "at least \($0.text)" }, maximum.map { "at most \($0.text)" }]
        .compactMap(\.self).joined(separator: " and ") + share
    case .notInFuture: words = "dated after the cut \(cut)"
    case .knownEventTypes:
      let shown = names.sorted().prefix(5)
      words = "of unknown types"
      if !shown.isEmpty {
        words +=
          " (\(shown.joined(separator: ", "))\(names.count > shown.count ? ", …" : ""))"
      }
      expected = "the types of the source contract" + share
    case .unique, .foreignKey, .maximumBad, .freshness, .minimumRows, .matchesSource: words = ""
    }
    return result(
      check, bad: bad, of: rows, words, expected: expected,
      examples: Array(examples.prefix(CheckResult.maximumExamples)))
  }
}

extension Column {
  /// A few of the different texts in some rows.
  fileprivate func someTexts(_ rows: [Int]) -> Set<String> {
    guard case .text(let storage) = storage else { return [] }
    var texts: Set<String> = []
    for row in rows where texts.count < 20 {
      texts.insert(String(decoding: storage.row(row).prefix(64), as: UTF8.self))
    }
    return texts
  }
}
