import AlmanacCore
import Billing
import Documents
package import Notifications

/// Whom a pipeline tells of what: `notify:` in its file.
package struct NotifyDefinition: Hashable, Sendable {
  /// What can be told besides rules.
  package enum Event: String, Hashable, Sendable, CaseIterable {
    /// A run failed.
    case failure
    /// A run did its night after a failure that was told.
    case recovery
    /// A newly fitted model may not serve.
    case gate
    /// A night was not done by its deadline.
    case late
  }

  /// Where messages go.
  package var webhook: Webhook
  /// What is told besides rules.
  package var events: Set<Event>
  /// The rules of the business.
  package var rules: [NotifyRule]
}

/// A rule of the business: what of metrics or anomalies is worth telling.
package struct NotifyRule: Hashable, Sendable {
  /// What is looked at.
  package enum Condition: Hashable, Sendable {
    /// A metric of the newest day, or of its month, beyond a limit.
    case metric(NameReference, isMonthly: Bool, Limit)
    /// An anomaly of a metric, of one kind or of any.
    case anomaly(NameReference, kind: String?)
  }

  /// How a value is beyond a limit.
  package enum Limit: Hashable, Sendable {
    /// Greater.
    case above(String)
    /// Smaller.
    case below(String)
    /// At least as great, and never before.
    case reaches(String)
  }

  /// The name, as messages show it.
  package var name: String
  /// What is looked at.
  package var condition: Condition
  /// Whether each company is looked at by itself, rather than all together.
  package var isByCompany: Bool

  /// The metric that is looked at.
  package var metric: NameReference {
    switch condition {
    case .metric(let metric, _, _), .anomaly(let metric, _): metric
    }
  }
}

extension NotifyDefinition {
  /// Reads `notify:` of a pipeline.
  ///
  /// - Throws: `DocumentError` with the place of the first fault.
  init(node: Node) throws(DocumentError) {
    var reader = try MappingReader(node, of: "notify")
    webhook = try reader.required("webhook", as: .webhook)
    let words = try reader.optional(
      "on",
      as: .list(
        of: ValueReader<Event>.oneOf([
          "failure": .failure, "recovery": .recovery, "gate": .gate, "late": .late,
        ])))
    events = words.map { Set($0) } ?? Set(Event.allCases)
    let rules = try reader.optional("rules", as: .node)
    try reader.finish()
    self.rules =
      try rules?.entries(of: "the rules") { (entry) throws(DocumentError) in
        try NotifyRule(entry)
      } ?? []
  }
}

extension NotifyRule {
  private static let limits = ["above", "below", "reaches"]

  fileprivate init(_ entry: Node.Entry) throws(DocumentError) {
    name = try entry.chosenName
    var reader = try MappingReader(entry.value, of: "the rule \(entry.key)")
    isByCompany =
      try reader.optional("by", as: .oneOf(["company": true, "all": false])) ?? false
    if let anomaly = try reader.optional("anomaly", as: .reference) {
      let kind = try reader.optional(
        "kind",
        as: ValueReader<String>.oneOf([
          "spike": "spike", "drop": "drop", "level_shift": "level_shift", "missing": "missing",
        ]))
      condition = .anomaly(anomaly, kind: kind)
      try reader.finish()
      return
    }
    let metric = try reader.required("metric", as: .reference)
    let isMonthly =
      try reader.optional("grain", as: .oneOf(["day": false, "month": true])) ?? false
    let named = reader.keys.filter { NotifyRule.limits.contains($0) }
    guard named.count == 1 else {
      throw .unexpected(
        entry.value.mark, found: named.isEmpty ? "no limit" : "\(named.count) limits",
        expected: "one of above, below and reaches", suggestion: nil)
    }
    let limit = try reader.required(named[0], as: .decimal)
    switch named[0] {
    case "above": condition = .metric(metric, isMonthly: isMonthly, .above(limit))
    case "below": condition = .metric(metric, isMonthly: isMonthly, .below(limit))
    default: condition = .metric(metric, isMonthly: isMonthly, .reaches(limit))
    }
    try reader.finish()
  }
}

extension ValueReader where Value == Webhook {
  /// An address of http or https.
  ///
  /// Errors show it as it is written, which for `${NAME}` is that.
  fileprivate static var webhook: ValueReader {
    .scalar("the address of a webhook, such as ${ALMANAC_WEBHOOK} with https://… in it") {
      Webhook($0)
    }
  }
}

extension ValueReader where Value == String {
  /// A plain decimal number, as it is written.
  fileprivate static var decimal: ValueReader {
    .scalar("a number such as 1000 or 0.25") { text in
      let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
      let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
      let isPlain = parts.allSatisfy { part in
        (1...15).contains(part.utf8.count) && part.utf8.allSatisfy { (48...57).contains($0) }
      }
      return isPlain && parts.count <= 2 ? text : nil
    }
  }
}

extension NotifyDefinition {
  /// What of the rules does not fit the other definitions.
  func problems(_ project: Project) -> [DocumentError] {
    let known = Metric.allCases.map(\.name) + project.metrics.declared.map(\.name)
    return rules.compactMap { Project.missing($0.metric, "metric", known) }
  }
}
