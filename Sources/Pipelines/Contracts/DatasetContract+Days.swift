import AlmanacCore
import Codecs
import Columns

/// The rules about many rows that decide day by day: what was found on a day stands until its files
/// change, and where files were added only these are read (DECISIONS.md, D-138).
extension DatasetContract {
  /// Keys of a referenced dataset that the memo keeps at the most.
  static let maximumKeptKeys = 65_536

  /// Rows that repeat the key of an earlier row of their day.
  ///
  /// Rows of keys that another day counts are not there, so all repeated ones are of one day.
  func repeatedByDay(
    _ check: DatasetCheck, _ key: [String], _ content: ContractReader
  ) throws -> (bad: Int, examples: [String]) {
    try byDay(check.name, settings: ["unique 1"] + key, content) { unit, known in
      if let known, unit.agrees(with: known) { return known }
      if let known, let added = unit.added(to: known) {
        return try self.repeated(added, beside: known, of: unit, key, content)
      }
      let repeated = try RepeatedKeyCount(rows: unit.rows) { take in
        for batch in try content.read(unit, columns: key) {
          try take(batch.wholeKeyValues(of: key).compactMap(\.self))
        }
      }
      return unit.memo(
        bad: repeated.count,
        examples: try self.texts(of: repeated.examples, key, in: [unit], content))
    }
  }

  /// What is known of a day, with the rows of some files that were added.
  private func repeated(
    _ added: ContractUnit, beside known: ContractMemo.Day, of unit: ContractUnit, _ key: [String],
    _ content: ContractReader
  ) throws -> ContractMemo.Day {
    var keys = KeyTable()
    var hashes: [UInt64] = []
    var values: [KeyValue] = []
    var repeated: [KeyValue] = []
    for batch in try content.read(added, columns: key) {
      let own = batch.keyHashes(of: key)
      for (row, value) in batch.wholeKeyValues(of: key).enumerated() {
        guard let value else { continue }
        if keys.insert(value).isNew {
          hashes.append(own[row])
          values.append(value)
        } else {
          repeated.append(value)
        }
      }
    }
    // Of the files that were there, those are read whose filter knows one of the keys.
    var held = [Bool](repeating: false, count: values.count)
    let names = Set(known.parts)
    for part in unit.parts where names.contains(part.path) {
      var mayHold = false
      try reader.keyFilter(of: part, key: key).forEachMatch(of: hashes) { _ in mayHold = true }
      guard mayHold else { continue }
      let alone = ContractUnit(
        date: unit.date, parts: [part] + unit.parts.filter { !$0.holdsRows })
      for batch in try content.read(alone, columns: key) {
        for value in batch.keyValues(of: key) {
          if let index = keys.index(of: value) { held[index] = true }
        }
      }
    }
    repeated += values.indices.filter { held[$0] }.map { values[$0] }
    let wanted = max(0, CheckResult.maximumExamples - known.examples.count)
    let examples = try texts(of: Array(repeated.prefix(wanted)), key, in: [added], content)
    return unit.memo(bad: known.bad + repeated.count, examples: known.examples + examples)
  }

  /// Rows whose value does not occur in a column of another dataset, which fits into memory.
  func orphansByDay(
    _ check: DatasetCheck, _ column: String, in other: ContractReader, _ referenced: String,
    _ content: ContractReader
  ) throws -> (bad: Int, examples: [String]) {
    let keys = try ReferencedKeys(other, column: referenced, jobs: jobs)
    var stored: Set<String> = []
    if other.rows <= DatasetContract.maximumKeptKeys {
      try other.forEachKeys([referenced], jobs: jobs, seed: .stored) { values in
        for value in values { stored.insert(value.description) }
      }
    }
    let settings = ["foreign key 1", column, check.ruleText, referenced]
    let known = memo.finding(check.name, settings: settingsDigest(settings))
    // What had a row still has one if no key is gone; what had none may have one if one is new.
    let mayKeep = !stored.isEmpty && (known.keys ?? [""]).allSatisfy(stored.contains)
    let isSame = mayKeep && known.keys?.count == stored.count
    return try byDay(
      check.name, settings: settings, keys: stored.isEmpty ? nil : stored.sorted(), content
    ) { unit, earlier in
      let known = earlier.flatMap { mayKeep && ($0.bad == 0 || isSame) ? $0 : nil }
      if let known, unit.agrees(with: known) { return known }
      let added = known.flatMap { unit.added(to: $0) }
      let found = try self.orphans(in: added ?? unit, column, keys, content)
      let before = added == nil ? nil : known
      return unit.memo(
        bad: (before?.bad ?? 0) + found.count,
        examples: Array(
          ((before?.examples ?? []) + found.examples).prefix(CheckResult.maximumExamples)))
    }
  }

  /// Evaluates a rule on each day; the second argument of `evaluate` is what is known of the day.
  private func byDay(
    _ name: String, settings: [String], keys: [String]? = nil, _ content: ContractReader,
    _ evaluate: @escaping @Sendable (ContractUnit, ContractMemo.Day?) throws -> ContractMemo.Day
  ) throws -> (bad: Int, examples: [String]) {
    var finding = memo.finding(name, settings: settingsDigest(settings))
    let known = finding.days
    let days = try mapConcurrently(
      content.units, jobs: jobs, context: {},
      work: { _, unit in
        try evaluate(unit, unit.date.flatMap { known[$0.description] })
      })
    finding.days = Dictionary(
      zip(content.units, days).map { ($0.date?.description ?? "", $1) },
      uniquingKeysWith: { first, _ in first })
    finding.keys = keys
    memo.keep(finding, name)
    return (
      days.reduce(0) { $0 + $1.bad },
      Array(days.flatMap(\.examples).prefix(CheckResult.maximumExamples))
    )
  }

  /// The digest of settings and of the types of all columns.
  private func settingsDigest(_ settings: [String]) -> String {
    SHA256.hexadecimalDigest(of: (settings + [fieldText]).joined(separator: "\n"))
  }
}
