import AlmanacCore
import Billing
import Columns
package import Documents
package import Predictions

/// What a model of failing payments is made of, such as `models/payment_failure.yaml`.
package struct PaymentDefinition: Hashable, Sendable {
  /// What charges are told apart by.
  package var features: [PaymentFeature]
  /// Where each of ``features`` stands.
  package var marks: [Mark]
  /// Within which limits a refused charge may be tried again.
  package var policy: RetryPolicy

  /// The datasets that are read.
  static let datasetNames = ["invoices", "payment_attempts", "payment_methods"]
}

extension PaymentDefinition {
  /// Reads the parts of a definition that are its own.
  init(reader: inout MappingReader) throws(DocumentError) {
    let node = try reader.required("features", as: .node)
    let entries = try node.entries(of: "the features") { (entry) throws(DocumentError) in
      (try PaymentFeature(entry), entry.keyMark)
    }
    guard !entries.isEmpty else {
      throw .unexpected(node.mark, found: "no feature", expected: "at least one", suggestion: nil)
    }
    features = entries.map(\.0)
    marks = entries.map(\.1)
    policy =
      try reader.optional("retries", as: .mapping("the retries", RetryPolicy.init(reader:)))
      ?? RetryPolicy()
  }

  /// The policy as one text for a digest; nothing is learned from it.
  var policyText: String {
    let limits = policy.limits.map { "\($0.brand ?? "*") \($0.attempts) \($0.hours)\n" }.joined()
    let never = policy.neverClasses.map(\.rawValue).sorted().joined(separator: " ")
    return "\(policy.days) \(policy.stepHours) \(policy.mostRetries) \(never)\n\(limits)"
  }

  /// What does not fit the datasets, by position.
  ///
  /// - Parameters:
  ///   - project: the definitions.
  ///   - mark: where the model is named.
  /// - Returns: the problems; none where everything fits.
  func problems(_ project: Project, of mark: Mark) -> [DocumentError] {
    var found: [DocumentError?] = []
    for name in PaymentDefinition.datasetNames where project.dataset(name) == nil {
      found.append(
        Project.missing(
          NameReference(name: name, mark: mark), "dataset", project.datasets.map(\.name)))
    }
    func check(
      _ dataset: DatasetDefinition, _ columns: [String], _ type: String,
      _ suits: @escaping (DatasetColumn) -> Bool
    ) {
      for column in columns {
        found.append(
          Project.unsuitable(
            NameReference(name: column, mark: mark), in: dataset, type, suits))
      }
    }
    if let attempts = project.dataset("payment_attempts") {
      if attempts.mode != .append {
        found.append(
          .unexpected(
            mark,
            found: "the dataset \(quoted(attempts.name)), whose rows change afterwards (mode: "
              + "\(attempts.mode.rawValue))",
            expected: "mode: append, of which it is known what an earlier day could see",
            suggestion: nil))
      }
      check(
        attempts, ["id", "company_id", "invoice_id", "payment_method_id"], "uuid"
      ) { $0.type == .uuid }
      check(attempts, ["outcome", "decline_class"], "text") { $0.type == .text }
      check(attempts, ["attempted_at", "created_at"], "timestamp") { $0.type == .timestamp }
    }
    if let methods = project.dataset("payment_methods") {
      check(methods, ["id", "company_id"], "uuid") { $0.type == .uuid }
      check(methods, ["created_at"], "timestamp") { $0.type == .timestamp }
      for (feature, mark) in zip(features, marks) {
        found.append(feature.problem(mark, methods))
      }
    }
    return found.compactMap(\.self)
  }
}

extension PaymentFeature {
  /// What keeps a feature from being read from `payment_methods`.
  fileprivate func problem(_ mark: Mark, _ methods: DatasetDefinition) -> DocumentError? {
    switch kind {
    case .method(let column):
      return Project.unsuitable(
        NameReference(name: column, mark: mark), in: methods, "text"
      ) { $0.type == .text }
    case .expired, .daysLeft:
      for column in ["exp_month", "exp_year"] where methods[column: column] == nil {
        return Project.unsuitable(
          NameReference(name: column, mark: mark), in: methods, "int"
        ) { _ in true }
      }
      // Cards are renewed under one identifier, so what an earlier day saw has to be kept.
      guard methods.mode != .changes else { return nil }
      return .unexpected(
        mark,
        found: "the expiry of a dataset of mode: \(methods.mode.rawValue), which keeps no versions",
        expected: "mode: changes in datasets/payment_methods.yaml, or the model without \(name)",
        suggestion: nil)
    default: return nil
    }
  }

  /// Reads a feature of charges.
  fileprivate init(_ entry: Node.Entry) throws(DocumentError) {
    let name = try entry.chosenName
    var reader = try MappingReader(entry.value, of: "the feature \(entry.key)")
    let kind = try reader.oneKind(of: entry, among: PaymentFeature.kinds)
    let read: Kind
    switch kind {
    case "method":
      read = .method(
        try reader.required(
          "method",
          as: .scalar(
            listed(PaymentMethodHistory.fixedColumns), suggesting: PaymentMethodHistory.fixedColumns
          ) { PaymentMethodHistory.fixedColumns.contains($0) ? $0 : nil }))
    case "expiry":
      let isDays = try reader.required("expiry", as: .oneOf(["expired": false, "days": true]))
      read = isDays ? .daysLeft(cap: try reader.required("cap", as: .wholeDays)) : .expired
    case "amount":
      read = try reader.required("amount", as: .oneOf(["log": .amount]))
    case "clock":
      let isHour = try reader.required("clock", as: .oneOf(["hour": true, "weekday": false]))
      let most = isHour ? 6 : 3
      let harmonics = try reader.optional("harmonics", as: .integer(in: 1...most)) ?? 2
      read = isHour ? .hour(harmonics: harmonics) : .weekday(harmonics: harmonics)
    case "attempt":
      _ = try reader.required("attempt", as: .oneOf(["number": true]))
      read = .attempt(cap: try reader.optional("cap", as: .integer(in: 1...50)) ?? 6)
    case "last":
      read = try reader.required("last", as: .oneOf(["decline_class": .lastDecline]))
    case "since":
      read = try reader.required("since", as: .oneOf(["last_attempt": .sinceLast]))
    case "failures":
      let subject: Subject = try reader.required("failures", as: .word)
      read = .failures(of: subject, days: try reader.required("window", as: .wholeDays))
    case "failure_rate":
      let subject: Subject = try reader.required("failure_rate", as: .word)
      let days = try reader.required("window", as: .wholeDays)
      let prior = try reader.optional("prior", as: .integer(in: 1...1_000)) ?? 5
      read = .failureRate(of: subject, days: days, prior: Double(prior))
    default: read = try reader.required("age", as: .oneOf(["method": .age]))
    }
    try reader.finish()
    self.init(name, read)
  }

  private static let kinds = [
    "method", "expiry", "amount", "clock", "attempt", "last", "since", "failures", "failure_rate",
    "age",
  ]
}

extension RetryPolicy {
  /// Reads `retries:`.
  fileprivate init(reader: inout MappingReader) throws(DocumentError) {
    self.init()
    days = try reader.optional("days", as: .integer(in: 1...30)) ?? days
    let step = try reader.optional("step", as: .wholeHours)
    stepHours = step ?? stepHours
    mostRetries = try reader.optional("tries", as: .integer(in: 1...6)) ?? mostRetries
    neverClasses = Set(
      try reader.optional("never", as: .list(of: .word)) ?? [DeclineClass.never])
    limits =
      try reader.optional(
        "limits", as: .list(of: .mapping("the limit", Limit.init(reader:)))) ?? limits
    guard stepHours <= 24 * days, 24 * days / stepHours <= RetryPolicy.mostSlots else {
      throw .unexpected(
        step == nil ? reader.mark(of: "days") : reader.mark(of: "step"),
        found: "\(24 * days / stepHours) times to look at in \(days) days",
        expected: "from 1 to \(RetryPolicy.mostSlots); take a step of at least "
          + "\((24 * days + RetryPolicy.mostSlots - 1) / RetryPolicy.mostSlots)h and at most the days",
        suggestion: nil)
    }
    let slots = 24 * days / stepHours
    guard RetryPolicy.ways(slots: slots, retries: mostRetries) <= RetryPolicy.mostWays else {
      let most = (1...6).last {
        RetryPolicy.ways(slots: slots, retries: $0) <= RetryPolicy.mostWays
      }
      throw .unexpected(
        reader.mark(of: "tries"), found: "\(mostRetries) tries at \(slots) times",
        expected: "no more than \(most ?? 1) tries, or a longer step; there are too many ways to "
          + "spread them",
        suggestion: nil)
    }
  }
}

extension RetryPolicy.Limit {
  fileprivate init(reader: inout MappingReader) throws(DocumentError) {
    let brand = try reader.optional("brand", as: .text)
    let attempts = try reader.required("attempts", as: .integer(in: 1...1_000))
    self.init(
      brand: brand, attempts: attempts, hours: try reader.required("within", as: .wholeHours))
  }
}

extension MappingReader {
  /// The one of some keys that the mapping has.
  fileprivate func oneKind(
    of entry: Node.Entry, among kinds: [String]
  ) throws(DocumentError) -> String {
    let named = keys.filter { kinds.contains($0) }
    if named.count == 1 { return named[0] }
    if named.isEmpty,
      let close = keys.first(where: { Suggestion.closest(to: $0, among: kinds) != nil })
    {
      throw .unknownKey(
        mark(of: close), key: close, allowed: kinds,
        suggestion: Suggestion.closest(to: close, among: kinds))
    }
    throw .unexpected(
      entry.value.mark,
      found: named.isEmpty
        ? "no kind of feature" : "\(quoted(named[1])) besides \(quoted(named[0]))",
      expected: "one of \(kinds.joined(separator: ", ")) in the feature \(entry.key)",
      suggestion: nil)
  }
}

extension ValueReader where Value == Int {
  /// A window of whole days, such as `30d`.
  fileprivate static var wholeDays: ValueReader {
    let longest = RiskDefinition.longestWindow
    return .scalar("a window of 1d to \(longest)d") { text in
      guard text.hasSuffix("d"), let days = Int(text.dropLast()), (1...longest).contains(days)
      else { return nil }
      return days
    }
  }

  /// A span of whole hours or days, such as `24h` or `30d`, in hours.
  fileprivate static var wholeHours: ValueReader {
    .scalar("a span of hours or days such as 24h or 30d, at most 365d") { text in
      guard let unit = text.last, unit == "h" || unit == "d",
        let count = Int(text.dropLast()), count > 0, count <= 8_760
      else { return nil }
      let hours = unit == "d" ? 24 * count : count
      return hours <= 8_760 ? hours : nil
    }
  }
}
