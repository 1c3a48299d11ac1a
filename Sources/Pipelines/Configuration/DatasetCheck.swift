import AlmanacCore
package import Columns
package import Documents

/// One check of a dataset's contract, as its file declares it.
///
/// An item of `checks:` with a list of columns, or with a mapping of several, is one check for each
/// of them.
package struct DatasetCheck: Hashable, Sendable {
  /// What a failure means.
  package enum Level: String, Hashable, Sendable, CaseIterable {
    /// The run stops before anything is aggregated.
    case error
    /// The run goes on and says so.
    case warn
  }

  /// A limit of a range.
  package struct Limit: Hashable, Sendable {
    /// The limit in the units of the column's storage; `float` for a floating-point column.
    package var value: ColumnValue
    /// The limit as written.
    package var text: String
  }

  /// What has to hold.
  package enum Rule: Hashable, Sendable {
    /// Every row has a value.
    case notNull(column: String)
    /// No two rows agree in the columns; rows without a value in one of them do not count.
    case unique(columns: [String])
    /// Every value is one of these.
    case acceptedValues(column: String, values: [String])
    /// Every value occurs in a column of another dataset, in its key where none is named.
    case foreignKey(column: NameReference, dataset: NameReference, referenced: NameReference?)
    /// Every value lies within the limits, both included.
    case range(column: String, minimum: Limit?, maximum: Limit?)
    /// Of the values lifted from text, not more than ``DatasetCheck/maximumShare`` are malformed.
    case maximumBad
    /// No value lies further than the tolerance behind the cut of the source.
    case notInFuture(column: String, tolerance: Duration)
    /// The newest row is not older than this at the cut or the end of the logical date, whichever
    /// comes first.
    case freshness(Duration)
    /// There are at least so many rows.
    case minimumRows(Int)
    /// The days that changed hold as many different keys as in the source.
    case matchesSource
    /// Every value is a kind of event that the source contract names.
    case knownEventTypes(column: String)
  }

  /// What has to hold.
  package var rule: Rule
  /// What a failure means.
  package var level: Level
  /// The share of rows, from 0 to 1, that may break the rule.
  package var maximumShare: Double
  /// The share as written, such as `0.1%`; `nil` where no row may.
  package var maximumShareText: String?
  /// The name, unique within the dataset, such as `not_null(company_id)`.
  package var name: String
  /// Where the check is declared.
  package var mark: Mark
}

extension DatasetCheck {
  /// The kinds of check, as a dataset file writes them.
  fileprivate enum Kind: String, CaseIterable {
    case notNull = "not_null"
    case unique
    case acceptedValues = "accepted_values"
    case foreignKey = "foreign_key"
    case range
    case maximumBad = "max_bad"
    case notInFuture = "not_in_future"
    case freshness
    case minimumRows = "minimum_rows"
    case matchesSource = "matches_source"
    case knownEventTypes = "known_event_types"

    /// Names that other tools or other wordings use for the same.
    static let otherNames = [
      "accepted": "accepted_values", "values": "accepted_values", "enum": "accepted_values",
      "required": "not_null", "nonnull": "not_null", "primary_key": "unique",
      "relationships": "foreign_key", "references": "foreign_key", "between": "range",
      "min_rows": "minimum_rows", "row_count": "matches_source", "fresh": "freshness",
      "unknown_event_types": "known_event_types", "max_bad_share": "max_bad",
    ]
  }

  private static let options = ["level", "max_share", "tolerance", "min", "max"]

  /// Reads the list behind `checks:`.
  ///
  /// - Throws: `DocumentError` with the place of the first fault.
  static func read(
    _ node: Node, of dataset: DatasetDefinition
  ) throws(DocumentError) -> [DatasetCheck] {
    guard case .sequence(let items) = node.content else {
      throw node.unexpected("a list of checks, such as - {unique: id}")
    }
    var checks: [DatasetCheck] = []
    for item in items {
      for check in try Self.read(item: item, of: dataset) {
        if let first = checks.first(where: { $0.name == check.name }) {
          throw .unexpected(
            check.mark, found: "the check \(check.name) a second time",
            expected: "each check once (first in line \(first.mark.line))", suggestion: nil)
        }
        checks.append(check)
      }
    }
    return checks
  }

  private static func read(
    item: Node, of dataset: DatasetDefinition
  ) throws(DocumentError) -> [DatasetCheck] {
    guard case .mapping(let entries) = item.content, !entries.isEmpty else {
      throw item.unexpected("a check, such as - {unique: id}")
    }
    let kinds = entries.filter { Kind(rawValue: $0.key) != nil }
    if kinds.count > 1 {
      throw .unexpected(
        kinds[1].keyMark, found: "\(quoted(kinds[1].key)) besides \(quoted(kinds[0].key))",
        expected: "each check as an item of its own, behind \"- \"", suggestion: nil)
    }
    guard let entry = kinds.first, let kind = Kind(rawValue: entry.key) else {
      let wrong = entries.first { !options.contains($0.key) } ?? entries[0]
      let known = Kind.allCases.map(\.rawValue)
      throw .unknownKey(
        wrong.keyMark, key: wrong.key, allowed: known,
        suggestion: Kind.otherNames[wrong.key] ?? Suggestion.closest(to: wrong.key, among: known))
    }
    var reader = try MappingReader(item, of: "the check")
    let rules = try rules(kind, entry, &reader, of: dataset)
    let level = try reader.optional("level", as: ValueReader<Level>.word)
    var share: (value: Double, text: String)?
    if kind == .maximumBad {
      share = (try ValueReader.percentage.read(entry.value), text(entry.value))
    } else if kind.allowsShare {
      share = try reader.optional("max_share", as: .writtenPercentage)
    }
    try reader.finish()
    return rules.map { rule in
      DatasetCheck(
        rule: rule.rule, level: level ?? (kind == .knownEventTypes ? .warn : .error),
        maximumShare: share?.value ?? 0, maximumShareText: share?.text,
        name: "\(kind.rawValue)(\(rule.argument))", mark: entry.keyMark)
    }
  }

  private typealias NamedRule = (rule: Rule, argument: String)

  private static func rules(
    _ kind: Kind, _ entry: Node.Entry, _ reader: inout MappingReader, of dataset: DatasetDefinition
  ) throws(DocumentError) -> [NamedRule] {
    // Asked for, so that the reader knows the key.
    let value = try reader.required(entry.key, as: .node)
    switch kind {
    case .notNull:
      return try columns(value, of: dataset).map { (.notNull(column: $0), $0) }
    case .unique:
      let columns = try columns(value, of: dataset)
      return [(.unique(columns: columns), columns.joined(separator: ", "))]
    case .acceptedValues: return try acceptedValues(value, of: dataset)
    case .foreignKey: return try foreignKeys(value, of: dataset)
    case .range: return [try range(value, &reader, of: dataset)]
    case .maximumBad: return [(.maximumBad, text(value))]
    case .notInFuture:
      let name = try column(value, of: dataset, "timestamp") { $0 == .timestamp }.name
      let tolerance = try reader.optional("tolerance", as: .duration) ?? .zero
      return [(.notInFuture(column: name, tolerance: tolerance), name)]
    case .freshness:
      guard dataset.recordedColumn != nil || dataset.timeColumn != nil else {
        throw .unexpected(
          entry.keyMark, found: "freshness of a dataset without a clock",
          expected: "a time: or recorded: column in the dataset", suggestion: nil)
      }
      return [(.freshness(try ValueReader.duration.read(value)), text(value))]
    case .minimumRows:
      let count = try ValueReader.integer(in: 1...1_000_000_000_000).read(value)
      return [(.minimumRows(count), String(count))]
    case .matchesSource:
      let word = try ValueReader<String>.oneOf(["count": "count"]).read(value)
      return [(.matchesSource, word)]
    case .knownEventTypes:
      let name = try column(value, of: dataset, "text") { $0 == .text }.name
      return [(.knownEventTypes(column: name), name)]
    }
  }

  /// `{status: [open, paid]}`, for one column or several.
  private static func acceptedValues(
    _ node: Node, of dataset: DatasetDefinition
  ) throws(DocumentError) -> [NamedRule] {
    try node.entries(of: "accepted_values") { (entry) throws(DocumentError) -> NamedRule in
      let name = try column(name(of: entry), of: dataset, "text") { $0 == .text }.name
      let values = try ValueReader<[String]>.set(of: .text).read(entry.value)
      return (.acceptedValues(column: name, values: values), name)
    }
  }

  /// `{company_id: companies}` or `{company_id: companies.id}`, for one column or several.
  private static func foreignKeys(
    _ node: Node, of dataset: DatasetDefinition
  ) throws(DocumentError) -> [NamedRule] {
    try node.entries(of: "foreign_key") { (entry) throws(DocumentError) -> NamedRule in
      let name = try column(name(of: entry), of: dataset, "uuid, text or int") {
        [.uuid, .text, .int64].contains($0)
      }
      let expected = "a dataset or its column, such as companies or companies.id"
      let parts = try ValueReader<[String]>.scalar(expected) { text in
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return (1...2).contains(parts.count) && parts.allSatisfy { isName($0) }
          ? parts.map(String.init) : nil
      }.read(entry.value)
      let references = parts.map { NameReference(name: $0, mark: entry.value.mark) }
      return (
        .foreignKey(
          column: name, dataset: references[0],
          referenced: references.count == 2 ? references[1] : nil), name.name
      )
    }
  }

  /// `range: amount` with `min:` or `max:` or both beside it.
  private static func range(
    _ node: Node, _ reader: inout MappingReader, of dataset: DatasetDefinition
  ) throws(DocumentError) -> NamedRule {
    let name = try column(node, of: dataset, "a number, date or timestamp") {
      Limit.parse("0", as: $0) != nil || $0 == .date || $0 == .timestamp
    }.name
    let type = dataset[column: name]?.type ?? .int64
    let limit = ValueReader("a value of the column") { (node) throws(DocumentError) -> Limit in
      try ValueReader<Limit>.scalar("a value of type \(type.declaredName)") { text in
        Limit.parse(text, as: type).map { Limit(value: $0, text: text) }
      }.read(node)
    }
    let minimum = try reader.optional("min", as: limit)
    let maximum = try reader.optional("max", as: limit)
    guard minimum != nil || maximum != nil else {
      throw .missingKey(node.mark, key: "min", owner: "the range, or max, or both")
    }
    if let minimum, let maximum, maximum.value < minimum.value {
      throw .unexpected(
        reader.mark(of: "max"), found: "max \(maximum.text) below min \(minimum.text)",
        expected: "a max of at least min", suggestion: nil)
    }
    let words = [minimum.map { "min \($0.text)" }, maximum.map { "max \($0.text)" }]
    return (
      .range(column: name, minimum: minimum, maximum: maximum),
      ([name] + words.compactMap(\.self)).joined(separator: ", ")
    )
  }

  /// One column, or a list of them.
  private static func columns(
    _ node: Node, of dataset: DatasetDefinition
  ) throws(DocumentError) -> [String] {
    guard case .sequence(let items) = node.content else {
      return [try column(node, of: dataset).name]
    }
    _ = try ValueReader<[String]>.set(of: .name).read(node)
    var names: [String] = []
    for item in items { names.append(try column(item, of: dataset).name) }
    return names
  }

  /// A column that exists and suits; `type` is what its type has to be, in words.
  private static func column(
    _ node: Node, of dataset: DatasetDefinition, _ type: String = "any",
    _ suits: (ColumnType) -> Bool = { _ in true }
  ) throws(DocumentError) -> NameReference {
    let reference = try ValueReader.reference.read(node)
    guard let column = dataset[column: reference.name] else {
      let known = dataset.allColumns.filter { suits($0.type) }.map(\.name)
      throw .unexpected(
        node.mark,
        found: "column \(quoted(reference.name)), which dataset \(dataset.name) has not",
        expected: type == "any" ? listed(known) : "a column of type \(type)",
        suggestion: Suggestion.closest(to: reference.name, among: known))
    }
    guard suits(column.type) else {
      throw .unexpected(
        node.mark, found: "column \(quoted(reference.name)) as \(column.typeText)",
        expected: "a column of type \(type)", suggestion: nil)
    }
    return reference
  }

  /// The key of an entry as a node.
  private static func name(of entry: Node.Entry) -> Node {
    Node(.scalar(Node.Scalar(entry.key)), at: entry.keyMark)
  }

  /// A scalar as the file has it.
  private static func text(_ node: Node) -> String {
    if case .scalar(let scalar) = node.content { scalar.written } else { "" }
  }
}

extension DatasetCheck.Kind {
  /// Whether some rows may break the rule.
  fileprivate var allowsShare: Bool {
    switch self {
    case .notNull, .unique, .acceptedValues, .foreignKey, .range, .notInFuture, .knownEventTypes:
      true
    case .maximumBad, .freshness, .minimumRows, .matchesSource: false
    }
  }
}

extension DatasetCheck.Limit {
  /// A limit for a column of a type, or `nil` if the text is no value of it.
  static func parse(_ text: String, as type: ColumnType) -> ColumnValue? {
    switch type {
    case .decimal(let scale):
      guard case .amount(let units, false) = Money.parse(decimal: text, decimals: scale) else {
        return nil
      }
      return .integer(Int128(units))
    case .int16, .int32, .int64: return Int64(text).map { .integer(Int128($0)) }
    case .float32, .float64:
      return Double(text).flatMap { $0.isFinite ? .float($0) : nil }
    case .date: return CalendarDate(text).map { .date($0) }
    case .timestamp: return Timestamp(text).map { .timestamp($0) }
    default: return nil
    }
  }
}

extension ValueReader where Value == (value: Double, text: String) {
  /// A percentage with its text.
  fileprivate static var writtenPercentage: ValueReader {
    ValueReader("a percentage") { (node) throws(DocumentError) -> (value: Double, text: String) in
      let value = try ValueReader<Double>.percentage.read(node)
      guard case .scalar(let scalar) = node.content else { return (value, "") }
      return (value, scalar.written)
    }
  }
}

extension Node {
  /// The mapping without an entry; any other node as it is.
  func without(_ key: String) -> Node {
    guard case .mapping(let entries) = content else { return self }
    return Node(.mapping(entries.filter { $0.key != key }), at: mark)
  }
}
