import AlmanacCore
import Codecs
import Columns

/// The rules about many rows at once.
extension DatasetContract {
  /// Rows that repeat the columns of an earlier row, over all days.
  func unique(_ check: DatasetCheck, _ columns: [String]) throws -> CheckResult {
    let content = ContractReader(definition, reader)
    let inputs = inputsDigest(check, [content.digest])
    if let known = known(check, inputs) { return known }
    if definition.mode == .append, definition.timeColumn != nil,
      Set(columns) == Set(definition.key), !content.units.contains(where: { $0.date == nil })
    {
      let (bad, examples) = try repeatedByDay(check, columns, content)
      return result(
        check, bad: bad, of: rows(of: content), "repeat another one", examples: examples,
        inputsDigest: inputs)
    }
    if definition.mode == .changes, Set(columns) == Set(definition.key) {
      let (bad, examples) = try repeatedVersions(columns)
      return result(
        check, bad: bad, of: rows(of: content), "repeat another one", examples: examples,
        inputsDigest: inputs)
    }
    let repeated = try RepeatedKeyCount(rows: content.rows) { take in
      try content.forEachKeys(columns, jobs: jobs, take)
    }
    let examples = try texts(of: repeated.examples, columns, in: content.units, content)
    return result(
      check, bad: repeated.count, of: rows(of: content), "repeat another one", examples: examples,
      inputsDigest: inputs)
  }

  /// Rows with a key that one cut showed more than once; readers see one of them (DECISIONS.md, D-149).
  private func repeatedVersions(_ columns: [String]) throws -> (count: Int, examples: [String]) {
    let parts = reader.manifest.datasets[definition.name]?.parts ?? []
    // In bounded memory: whether any cut showed a key more than once, which none should.
    let ofOneCut = columns + [StoredColumn.seen]
    let ofAnyCut = try RepeatedKeyCount(rows: parts.reduce(0) { $0 + $1.rows }) { take in
      for part in parts where part.holdsSourceRows {
        try take(
          reader.decode(part, columns: ofOneCut).wholeKeyValues(of: ofOneCut).compactMap(\.self)
        )
      }
    }
    if ofAnyCut.count == 0 { return (0, []) }
    let found = try LatestVersions(parts, reader: reader, key: definition.key)
      .repeated(examples: CheckResult.maximumExamples)
    let examples = try found.places.map { place in
      try reader.decode(parts[place.part], columns: columns).keyText(place.row, key: columns)
    }
    return (found.rows, examples)
  }

  /// Rows whose value does not occur in the other dataset.
  func foreignKey(
    _ check: DatasetCheck, _ column: String, _ dataset: String, _ referenced: String?
  ) throws -> CheckResult {
    guard reader.manifest.datasets[dataset] != nil, let target = project.dataset(dataset) else {
      return CheckResult(
        check, of: definition.name, holds: nil, observed: "dataset \(dataset) is not extracted",
        expected: "a row of \(dataset) for each value")
    }
    let other = ContractReader(target, reader)
    let content = ContractReader(definition, reader)
    let inputs = inputsDigest(check, [content.digest, other.digest])
    if let known = known(check, inputs) { return known }
    if other.rows <= DatasetContract.maximumReferencedKeys, definition.keepsOneVersion,
      !content.units.contains(where: { $0.date == nil })
    {
      let (bad, examples) = try orphansByDay(
        check, column, in: other, referenced ?? target.key[0], content)
      return result(
        check, bad: bad, of: rows(of: content), "without a row in \(dataset)", examples: examples,
        inputsDigest: inputs)
    }
    var bad = 0
    var examples: [String] = []
    let buckets = UInt64(max(1, other.rows / DatasetContract.maximumReferencedKeys + 1))
    for bucket in 0..<buckets {
      let keys = try ReferencedKeys(
        other, column: referenced ?? target.key[0], bucket: bucket, of: buckets, jobs: jobs)
      let findings = try mapConcurrently(
        content.units, jobs: jobs, context: {},
        work: { _, unit in try self.orphans(in: unit, column, keys, content) })
      bad += findings.reduce(0) { $0 + $1.count }
      examples += findings.flatMap(\.examples)
    }
    return result(
      check, bad: bad, of: rows(of: content), "without a row in \(dataset)",
      examples: Array(examples.prefix(CheckResult.maximumExamples)), inputsDigest: inputs)
  }

  /// Keys of another dataset that are held at once: 64 MB.
  static let maximumReferencedKeys = 4_000_000

  func orphans(
    in unit: ContractUnit, _ column: String, _ keys: ReferencedKeys, _ content: ContractReader
  ) throws -> (count: Int, examples: [String]) {
    var count = 0
    var places: [(batch: Int, row: Int)] = []
    for (index, batch) in try content.read(unit, columns: [column]).enumerated() {
      for (row, value) in batch.wholeKeyValues(of: [column]).enumerated() {
        guard let value, keys.isMissing(value) else { continue }
        count += 1
        if places.count < CheckResult.maximumExamples { places.append((index, row)) }
      }
    }
    if places.isEmpty { return (0, []) }
    let rows = try content.read(unit, columns: definition.key)
    return (count, places.map { rows[$0.batch].keyText($0.row, key: definition.key) })
  }

  /// The texts of a few keys that are known by fingerprint alone.
  func texts(
    of fingerprints: [KeyValue], _ columns: [String], in units: [ContractUnit],
    _ content: ContractReader
  ) throws -> [String] {
    var texts: [KeyValue: String] = [:]
    for unit in units where texts.count < fingerprints.count {
      for batch in try content.read(unit, columns: columns) {
        for (row, key) in batch.wholeKeyValues(of: columns).enumerated() {
          guard let key, fingerprints.contains(key), texts[key] == nil else { continue }
          texts[key] = batch.keyText(row, key: columns)
        }
      }
    }
    return fingerprints.compactMap { texts[$0] }
  }

  /// The digest of what a result depends on.
  private func inputsDigest(_ check: DatasetCheck, _ contents: [String]) -> String {
    let share = check.maximumShareText ?? ""
    return SHA256.hexadecimalDigest(
      of: (["keys 2", check.name, check.ruleText, share] + contents).joined(separator: "\n"))
  }

  /// The result of an earlier run, if it passed and nothing it depends on changed.
  private func known(_ check: DatasetCheck, _ inputs: String) -> CheckResult? {
    guard var known = memory.results[check.name], known.status == .passed,
      known.inputsDigest == inputs
    else { return nil }
    known.level = check.level
    return known
  }
}

extension DatasetCheck {
  /// What a foreign key leads to, as text for a digest.
  var ruleText: String {
    guard case .foreignKey(_, let dataset, let referenced) = rule else { return "" }
    return [dataset.name, referenced?.name].compactMap(\.self).joined(separator: ".")
  }
}

/// The values of a column of another dataset, or one bucket of them, sorted.
struct ReferencedKeys: Sendable {
  private let keys: [KeyValue]
  private let bucket: UInt64
  private let buckets: UInt64

  /// Reads the values of a bucket.
  init(
    _ reader: ContractReader, column: String, bucket: UInt64, of buckets: UInt64, jobs: Int
  ) throws {
    var keys: [KeyValue] = []
    try reader.forEachKeys([column], jobs: jobs) { read in
      keys +=
        buckets == 1
        ? read : read.filter { KeyTable.slot(of: $0) % buckets == bucket }
    }
    keys.sort()
    self.keys = keys
    self.bucket = bucket
    self.buckets = buckets
  }

  /// Reads all values.
  init(_ reader: ContractReader, column: String, jobs: Int) throws {
    try self.init(reader, column: column, bucket: 0, of: 1, jobs: jobs)
  }

  /// Whether a value is of this bucket and is not there.
  func isMissing(_ value: KeyValue) -> Bool {
    guard buckets == 1 || KeyTable.slot(of: value) % buckets == bucket else { return false }
    var low = 0
    var high = keys.count
    while low < high {
      let middle = (low + high) / 2
      if keys[middle] < value { low = middle + 1 } else { high = middle }
    }
    return low == keys.count || keys[low] != value
  }
}
