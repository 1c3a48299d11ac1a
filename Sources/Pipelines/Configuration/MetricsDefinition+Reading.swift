import AlmanacCore
import Billing
import Columns
package import Documents

extension MetricsDefinition {
  /// Reads the definition in `models/metrics.yaml`.
  ///
  /// - Throws: `DocumentError` with the place of the first fault.
  package init(node: Node) throws(DocumentError) {
    self.init()
    var reader = try MappingReader(node, of: "the metrics")
    if let settings = try reader.optional("settings", as: .node) {
      try readSettings(settings)
    }
    let metrics = try reader.optional("metrics", as: .node)
    try reader.finish()
    canonicalText = node.canonicalText
    guard let metrics else { return }
    declared = try metrics.entries(of: "the metrics") { (entry) throws(DocumentError) in
      try DeclaredMetric(entry)
    }
  }

  private mutating func readSettings(_ node: Node) throws(DocumentError) {
    var reader = try MappingReader(node, of: "the settings")
    recognition = try reader.optional("recognition", as: .word) ?? recognition
    churnAt = try reader.optional("churn_at", as: .word) ?? churnAt
    pause = try reader.optional("pause", as: .word) ?? pause
    fx = try reader.optional("fx", as: .word) ?? fx
    if let share = try reader.optional("margin", as: .percentage) {
      margin = Int((share * 10_000).rounded())
    }
    try reader.finish()
  }
}

extension DeclaredMetric {
  private static let measures = ["count", "sum", "distinct", "ratio"]

  fileprivate init(_ entry: Node.Entry) throws(DocumentError) {
    name = try entry.chosenName
    mark = entry.keyMark
    if let built = Metric.allCases.first(where: { $0.name == entry.key }) {
      throw .unexpected(
        entry.keyMark, found: "the metric \(quoted(built.name)), which is computed already",
        expected: "another name", suggestion: nil)
    }
    var reader = try MappingReader(entry.value, of: "the metric \(entry.key)")
    let named = reader.keys.filter { DeclaredMetric.measures.contains($0) }
    guard named.count == 1 else {
      if named.isEmpty,
        let close = reader.keys.first(where: {
          Suggestion.closest(to: $0, among: DeclaredMetric.measures) != nil
        })
      {
        throw .unknownKey(
          reader.mark(of: close), key: close, allowed: DeclaredMetric.measures,
          suggestion: Suggestion.closest(to: close, among: DeclaredMetric.measures))
      }
      throw .unexpected(
        entry.value.mark, found: named.isEmpty ? "no measure" : "\(named.count) measures",
        expected: "one of \(DeclaredMetric.measures.joined(separator: ", "))", suggestion: nil)
    }
    let events = NameReference(name: "events", mark: entry.keyMark)
    dataset = events
    conditions = []
    switch named[0] {
    case "ratio":
      let parts = try reader.required("ratio", as: .list(of: .reference))
      guard parts.count == 2 else {
        throw .unexpected(
          reader.mark(of: "ratio"), found: "\(parts.count) metrics",
          expected: "two, the second of which divides the first", suggestion: nil)
      }
      measure = .ratio(parts[0], parts[1])
      try reader.finish()
      return
    case "count":
      measure = .count
      dataset = try reader.required("count", as: .reference)
    case "sum":
      measure = .sum(try reader.required("sum", as: .reference))
      dataset = try reader.optional("from", as: .reference) ?? events
    default:
      measure = .distinct(try reader.required("distinct", as: .reference))
      dataset = try reader.optional("from", as: .reference) ?? events
      windowDays = try reader.optional("window", as: .windowDays)
    }
    timeColumn = try reader.optional("at", as: .reference)
    conditions = try reader.optional("where", as: .conditions) ?? []
    // A number of different ones is not split: the parts would not add up.
    if named[0] != "distinct" { split = try reader.optional("by", as: .split) }
    try reader.finish()
  }
}

extension ValueReader where Value == Int {
  /// A window of whole days, such as `7d`.
  fileprivate static var windowDays: ValueReader {
    .scalar("a window of 1d to \(DeclaredMetric.longestWindow)d") { text in
      guard text.hasSuffix("d"), let days = Int(text.dropLast()),
        (1...DeclaredMetric.longestWindow).contains(days)
      else { return nil }
      return days
    }
  }
}

extension ValueReader where Value == [DeclaredMetric.Condition] {
  /// `column = value`, `column != value`, or a list of these, all of which hold.
  static var conditions: ValueReader {
    let one = ValueReader<DeclaredMetric.Condition>("a condition") {
      (node) throws(DocumentError) -> DeclaredMetric.Condition in
      let expected = "a condition such as event_type = module_used"
      guard case .scalar(let scalar) = node.content else { throw node.unexpected(expected) }
      let isUnequal = scalar.text.contains("!=")
      let halves = scalar.text.split(separator: "=", omittingEmptySubsequences: false)
      guard halves.count == 2 else { throw node.unexpected(expected) }
      let column = trimmed(isUnequal ? halves[0].dropLast() : halves[0])
      let value = trimmed(halves[1])
      guard isName(column), !value.isEmpty else { throw node.unexpected(expected) }
      return DeclaredMetric.Condition(
        column: NameReference(name: column, mark: node.mark), value: value, isEqual: !isUnequal)
    }
    return ValueReader("conditions") { (node) throws(DocumentError) -> Value in
      if case .sequence = node.content {
        return try ValueReader<Value>.set(of: one).read(node)
      }
      return [try one.read(node)]
    }
  }
}

extension ValueReader where Value == DeclaredMetric.Split {
  /// A column, whose name without `_id` names the dimension, or `{name: column}`.
  static var split: ValueReader {
    ValueReader("a column") { (node) throws(DocumentError) -> DeclaredMetric.Split in
      if case .mapping(let entries) = node.content, entries.count == 1, isName(entries[0].key) {
        return DeclaredMetric.Split(
          name: entries[0].key,
          column: try ValueReader<NameReference>.reference.read(entries[0].value))
      }
      let column = try ValueReader<NameReference>.reference.read(node)
      let name = column.name.hasSuffix("_id") ? String(column.name.dropLast(3)) : column.name
      return DeclaredMetric.Split(name: name, column: column)
    }
  }
}

extension MetricsDefinition {
  /// What does not fit the datasets, by position.
  func problems(_ project: Project) -> [DocumentError] {
    declared.flatMap { metric -> [DocumentError] in
      if case .ratio(let above, let below) = metric.measure {
        let faults = [above, below].compactMap { problem(ofPart: $0, project) }
        return faults.isEmpty ? [mismatch(above, below, project)].compactMap(\.self) : faults
      }
      return problems(of: metric, project)
    }
  }

  /// A part of a ratio is a metric of the file that is neither split nor a ratio itself.
  private func problem(ofPart part: NameReference, _ project: Project) -> DocumentError? {
    let usable = declared.filter { metric in
      if case .ratio = metric.measure { return false }
      return metric.split == nil
    }
    guard !usable.contains(where: { $0.name == part.name }) else { return nil }
    return .unexpected(
      part.mark, found: "\(quoted(part.name)) in a ratio",
      expected: "a metric of this file that is neither split nor a ratio: "
        + listed(usable.map(\.name)),
      suggestion: Suggestion.closest(to: part.name, among: usable.map(\.name)))
  }

  /// Both parts have to be made of rows kept by day, or neither.
  private func mismatch(
    _ above: NameReference, _ below: NameReference, _ project: Project
  ) -> DocumentError? {
    func readsByDay(_ part: NameReference) -> Bool? {
      declared.first { $0.name == part.name }.map(project.readsByDay)
    }
    guard readsByDay(above) != readsByDay(below) else { return nil }
    return .unexpected(
      below.mark, found: "\(quoted(below.name)) under \(quoted(above.name))",
      expected: "two metrics by their datasets' own time, or two with at:", suggestion: nil)
  }

  private func problems(of metric: DeclaredMetric, _ project: Project) -> [DocumentError] {
    guard let dataset = project.dataset(metric.dataset.name) else {
      return [Project.missing(metric.dataset, "dataset", project.datasets.map(\.name))]
        .compactMap(\.self)
    }
    var found: [DocumentError?] = []
    if dataset.tenantColumn == nil {
      found.append(
        .unexpected(
          metric.dataset.mark, found: "the dataset \(quoted(dataset.name)), which has no tenant:",
          expected: "one whose rows belong to companies", suggestion: nil))
    }
    if let time = metric.timeColumn {
      found.append(Project.unsuitable(time, in: dataset, "timestamp") { $0.type == .timestamp })
    } else if dataset.timeColumn == nil {
      found.append(
        .unexpected(
          metric.dataset.mark, found: "the dataset \(quoted(dataset.name)), which has no time:",
          expected: "at: with the column that says when a row counts", suggestion: nil))
    }
    switch metric.measure {
    case .sum(let column):
      found.append(
        Project.unsuitable(column, in: dataset, "money or int") {
          $0.currencyColumn != nil || $0.type == .int64 || $0.type == .int32 || $0.type == .int16
        })
    case .distinct(let column):
      found.append(Project.unsuitable(column, in: dataset, "uuid") { $0.type == .uuid })
    case .count, .ratio: break
    }
    found += metric.conditions.map { condition in
      Project.unsuitable(condition.column, in: dataset, "text or uuid") {
        $0.type == .text || $0.type == .uuid
      }
    }
    if let split = metric.split {
      found.append(
        Project.unsuitable(split.column, in: dataset, "text or uuid") {
          $0.type == .text || $0.type == .uuid
        })
    }
    return found.compactMap(\.self)
  }
}
