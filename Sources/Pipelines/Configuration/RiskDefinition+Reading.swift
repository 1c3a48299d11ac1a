import AlmanacCore
package import Documents
import Predictions

extension RiskDefinition {
  /// Reads the definition in a file of `models/`.
  ///
  /// - Throws: `DocumentError` with the place of the first fault.
  package init(node: Node) throws(DocumentError) {
    var reader = try MappingReader(node, of: "the model")
    name = try reader.required("model", as: .name)
    mark = reader.mark(of: "model")
    kind = try reader.required("kind", as: .word)
    question = try reader.required("question", as: .text)
    months = try reader.optional("months", as: .integer(in: 8...120)) ?? RiskDefinition.usualMonths
    if kind == .paymentFailure {
      payments = try PaymentDefinition(reader: &reader)
      try reader.finish()
      counts = []
      self.features = []
      attributes = []
      bands = ChurnRisk.Bands()
      self.actions = []
      prerequisites = [:]
      canonicalText = node.without(["retries"]).canonicalText
      return
    }
    let counts = try reader.required("counts", as: .node)
    self.counts = try counts.entries(of: "the counts") { (entry) throws(DocumentError) in
      try Count(entry)
    }
    let features = try reader.required("features", as: .node)
    var bands: ChurnRisk.Bands?
    var actions: Node?
    var prerequisites: Node?
    switch kind {
    case .churn:
      bands = try reader.optional("bands", as: .mapping("the bands", ChurnRisk.Bands.init(reader:)))
      actions = try reader.optional("actions", as: .node)
    case .paymentFailure: break
    case .upsell: prerequisites = try reader.optional("prerequisites", as: .node)
    }
    self.bands = bands ?? ChurnRisk.Bands()
    try reader.finish()
    self.prerequisites = try RiskDefinition.prerequisites(prerequisites)
    let names = self.counts.map(\.name)
    let kind = kind
    var attributes: [NameReference] = []
    self.features = try features.entries(of: "the features") { (entry) throws(DocumentError) in
      try FeatureReading(counts: names, kind: kind).feature(entry, attributes: &attributes)
    }
    self.attributes = attributes
    guard !self.features.isEmpty else {
      throw .unexpected(
        features.mark, found: "no feature", expected: "at least one", suggestion: nil)
    }
    let known = self.features.map(\.name) + [RiskAction.scheduled]
    self.actions =
      try actions?.entries(of: "the actions") { (entry) throws(DocumentError) in
        try RiskAction(entry, reasons: known)
      } ?? []
    canonicalText = node.without(["actions", "bands"]).canonicalText
  }

  /// Which modules need which others, by code; a module that needs itself, by way of others or not,
  /// could never be added.
  private static func prerequisites(_ node: Node?) throws(DocumentError) -> [String: [String]] {
    var needs: [String: [String]] = [:]
    guard let node else { return needs }
    let codes = ValueReader<[String]>.set(of: .text)
    var marks: [String: Mark] = [:]
    _ = try node.entries(of: "the prerequisites") { (entry) throws(DocumentError) in
      needs[entry.key] = try codes.read(entry.value)
      marks[entry.key] = entry.keyMark
    }
    for module in needs.keys.sorted() {
      var reached: Set<String> = []
      var open = needs[module] ?? []
      while let next = open.popLast() {
        if reached.insert(next).inserted { open += needs[next] ?? [] }
      }
      guard reached.contains(module), let mark = marks[module] else { continue }
      throw .unexpected(
        mark, found: "\(quoted(module)), which needs itself", expected: "modules without a ring",
        suggestion: nil)
    }
    return needs
  }

  /// Whether a document of `models/` is one of these rather than a forecast of amounts.
  package static func describes(_ node: Node) -> Bool {
    guard case .mapping(let entries) = node.content else { return false }
    return entries.contains { ["kind", "features", "counts"].contains($0.key) }
  }
}

extension ChurnRisk.Bands {
  fileprivate init(reader: inout MappingReader) throws(DocumentError) {
    self.init()
    medium = try reader.required("medium", as: .percentage)
    high = try reader.required("high", as: .percentage)
    critical = try reader.required("critical", as: .percentage)
    guard medium < high, high < critical else {
      throw .unexpected(
        reader.mark, found: "bands that do not rise", expected: "medium below high below critical",
        suggestion: nil)
    }
  }
}

extension RiskAction {
  /// Reads an action; its reasons are features of the model or `scheduled`.
  fileprivate init(_ entry: Node.Entry, reasons known: [String]) throws(DocumentError) {
    let name = try entry.chosenName
    var reader = try MappingReader(entry.value, of: "the action \(entry.key)")
    let reason = ValueReader<String>.scalar(
      "a feature of this file or \(RiskAction.scheduled)", suggesting: known
    ) { known.contains($0) ? $0 : nil }
    let reasons = try reader.required("for", as: .set(of: reason))
    let saves = try reader.required("saves", as: .percentage)
    let cost = try reader.required("cost", as: .number(in: 0...1e12))
    let months = try reader.optional("months", as: .integer(in: 1...120)) ?? 12
    try reader.finish()
    self.init(name: name, reasons: reasons, saves: saves, cost: cost, months: months)
  }
}

extension RiskDefinition.Count {
  fileprivate init(_ entry: Node.Entry) throws(DocumentError) {
    name = try entry.chosenName
    var reader = try MappingReader(entry.value, of: "the count \(entry.key)")
    dataset = try reader.required("of", as: .reference)
    timeColumn = try reader.optional("at", as: .reference)
    let conditions = try reader.optional("where", as: .node)
    subject = try reader.optional("by", as: .reference)
    try reader.finish()
    self.conditions =
      try conditions?.entries(of: "the condition") { (entry) throws(DocumentError) in
        let column = NameReference(name: try entry.chosenName, mark: entry.keyMark)
        if case .sequence = entry.value.content {
          return Condition(
            column: column, values: try ValueReader<[String]>.set(of: .text).read(entry.value))
        }
        return Condition(column: column, values: [try ValueReader<String>.text.read(entry.value)])
      } ?? []
  }
}

/// Reads features, which refer to the counts of the same file.
private struct FeatureReading {
  /// The names of the counts.
  let counts: [String]
  /// What may happen.
  let kind: RiskDefinition.Kind

  /// The quantities that stand alone, the first key of each.
  static let quantities = [
    "count", "distinct", "days", "recency", "age", "slope", "level", "change",
  ]
  /// All kinds of feature.
  static let kinds = quantities + ["ratio", "share", "attribute", "holding"]

  /// A feature; one of a company and a module is the level alone.
  ///
  /// The columns of companies that it reads are added to `attributes`.
  func feature(
    _ entry: Node.Entry, attributes: inout [NameReference]
  ) throws(DocumentError) -> FeatureSpecification {
    let feature = try any(entry, attributes: &attributes)
    let isPlain = feature.kind == .plain(.level(state: UpsellPanel.affinity))
    guard isPlain || !feature.readsAffinity else {
      throw .unexpected(
        entry.value.mark, found: "\(UpsellPanel.affinity) in a feature of other things",
        expected: "{level: \(UpsellPanel.affinity)} alone", suggestion: nil)
    }
    return feature
  }

  private func any(
    _ entry: Node.Entry, attributes: inout [NameReference]
  ) throws(DocumentError) -> FeatureSpecification {
    let name = try entry.chosenName
    let owner = "the feature \(entry.key)"
    var reader = try MappingReader(entry.value, of: owner)
    let kind = try self.kind(&reader, of: entry.value, among: FeatureReading.kinds, owner)
    switch kind {
    case "ratio":
      let count = try reader.required("ratio", as: self.count)
      let days = try reader.required("window", as: .days)
      let prior = try reader.optional("prior", as: .integer(in: 1...1_000_000)) ?? 1
      try reader.finish()
      return FeatureSpecification(
        name,
        .logRatio(
          .count(tally: count, days: days), to: .count(tally: count, days: days, before: days),
          prior: Double(prior)))
    case "attribute":
      let column = try reader.required("attribute", as: .reference)
      try reader.finish()
      attributes.append(column)
      return FeatureSpecification(name, .attribute(column.name))
    case "holding":
      let held = try reader.required("holding", as: ValueReader<FeatureHolding>.word)
      try reader.finish()
      return FeatureSpecification(name, .holding(held))
    case "share":
      let part = try reader.required("share", as: quantity("the share"))
      let whole = try reader.required("of", as: quantity("the whole"))
      try reader.finish()
      return FeatureSpecification(name, .share(part, of: whole))
    default:
      let quantity = try quantity(kind, &reader)
      let isLogarithm = try reader.optional("log", as: .boolean) ?? false
      try reader.finish()
      return FeatureSpecification(name, isLogarithm ? .logarithm(quantity) : .plain(quantity))
    }
  }

  /// The one kind that a mapping names.
  private func kind(
    _ reader: inout MappingReader, of node: Node, among kinds: [String], _ owner: String
  ) throws(DocumentError) -> String {
    let named = reader.keys.filter { kinds.contains($0) }
    if named.count == 1 { return named[0] }
    if named.isEmpty,
      let close = reader.keys.first(where: { Suggestion.closest(to: $0, among: kinds) != nil })
    {
      throw .unknownKey(
        reader.mark(of: close), key: close, allowed: kinds,
        suggestion: Suggestion.closest(to: close, among: kinds))
    }
    throw .unexpected(
      node.mark,
      found: named.isEmpty
        ? "no kind of feature" : "\(quoted(named[1])) besides \(quoted(named[0]))",
      expected: "one of \(kinds.joined(separator: ", ")) in \(owner)", suggestion: nil)
  }

  /// A quantity in a mapping of its own.
  private func quantity(_ owner: String) -> ValueReader<FeatureQuantity> {
    ValueReader("a mapping such as {count: NAME, window: 30d}") {
      (node) throws(DocumentError) -> FeatureQuantity in
      var reader = try MappingReader(node, of: owner)
      let kind = try self.kind(&reader, of: node, among: FeatureReading.quantities, owner)
      let quantity = try self.quantity(kind, &reader)
      try reader.finish()
      return quantity
    }
  }

  private func quantity(
    _ kind: String, _ reader: inout MappingReader
  ) throws(DocumentError) -> FeatureQuantity {
    switch kind {
    case "count":
      let count = try reader.required("count", as: self.count)
      let days = try reader.required("window", as: .days)
      return .count(tally: count, days: days, before: try reader.optional("before", as: .days) ?? 0)
    case "distinct":
      let count = try reader.required("distinct", as: self.count)
      return .distinct(tally: count, days: try reader.required("window", as: .days))
    case "days":
      let count = try reader.required("days", as: self.count)
      return .activeDays(tally: count, days: try reader.required("window", as: .days))
    case "recency":
      let count = try reader.required("recency", as: self.count)
      return .sinceLast(tally: count, cap: try reader.required("cap", as: .days))
    case "age": return .sinceFirst(tally: try reader.required("age", as: self.count))
    case "slope":
      let count = try reader.required("slope", as: self.count)
      return .slope(tally: count, weeks: try reader.required("window", as: .weeks))
    case "level": return .level(state: try reader.required("level", as: state))
    default:
      let state = try reader.required("change", as: self.state)
      return .change(state: state, days: try reader.required("window", as: .days))
    }
  }

  private var count: ValueReader<String> {
    let names = counts
    let expected =
      names.isEmpty ? "a name that counts: declares" : "\(listed(names)), as counts: declares"
    return .scalar(expected, suggesting: names) { names.contains($0) ? $0 : nil }
  }

  private var state: ValueReader<String> {
    let names = RiskDefinition.State.allCases.map(\.rawValue)
      .filter { kind == .upsell || $0 != UpsellPanel.affinity }
    return .scalar(listed(names), suggesting: names) { names.contains($0) ? $0 : nil }
  }
}

extension ValueReader where Value == Int {
  /// A window of whole days, such as `30d`.
  fileprivate static var days: ValueReader {
    let longest = RiskDefinition.longestWindow
    return .scalar("a window of 1d to \(longest)d") { text in
      guard text.hasSuffix("d"), let days = Int(text.dropLast()), (1...longest).contains(days)
      else { return nil }
      return days
    }
  }

  /// A window of whole weeks in days, such as `84d`, as the number of weeks.
  fileprivate static var weeks: ValueReader {
    let longest = RiskDefinition.longestWindow / 7 * 7
    return .scalar("a window of two weeks or more in days, 14d, 21d … \(longest)d") { text in
      guard text.hasSuffix("d"), let days = Int(text.dropLast()), days % 7 == 0,
        (14...longest).contains(days)
      else { return nil }
      return days / 7
    }
  }
}
