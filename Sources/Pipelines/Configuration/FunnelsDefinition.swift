package import Billing
import Columns
package import Documents

/// What `models/funnels.yaml` says: the ordered ways that companies or users may go.
package struct FunnelsDefinition: Hashable, Sendable {
  /// One funnel.
  package struct Funnel: Hashable, Sendable {
    /// Who goes through it.
    package enum Subject: String, CaseIterable, Sendable {
      case company
      case user
    }

    /// Which events of the first step are entries.
    package enum Entries: String, CaseIterable, Sendable {
      /// The first one ever of a subject.
      case first
      /// Each one that comes while the subject is not on its way (DECISIONS.md, D-420).
      case every
    }

    /// What counts as a step.
    package struct Step: Hashable, Sendable {
      /// The types of event.
      package var events: [String]
      /// The column of dataset `users` that says when the step came; `nil` for events.
      package var userColumn: NameReference?
      /// Which event of these types of a subject counts first, 1 for the first one.
      package var occurrence: Int
    }

    /// Steps and windows.
    package var definition: FunnelDefinition
    /// Who goes through it.
    package var subject: Subject
    /// What counts as each step, in the order of the definition's.
    package var steps: [Step]
    /// The types of event that end the way.
    package var exclusions: [String]
  }

  /// The funnels, in the order of the file.
  package var funnels: [Funnel] = []
  /// Where the file begins; `nil` without one.
  package var mark: Mark?
  /// The definition as one text for a digest; empty without a file.
  package var canonicalText = ""

  /// No funnel: what holds without a file.
  package init() {}
}

extension FunnelsDefinition {
  /// Reads the definition in `models/funnels.yaml`.
  ///
  /// - Throws: `DocumentError` with the place of the first fault.
  package init(node: Node) throws(DocumentError) {
    var reader = try MappingReader(node, of: "the funnels")
    let funnels = try reader.required("funnels", as: .node)
    try reader.finish()
    mark = node.mark
    canonicalText = node.canonicalText
    self.funnels = try funnels.entries(of: "the funnels") { (entry) throws(DocumentError) in
      try Funnel(entry)
    }
  }
}

extension FunnelsDefinition.Funnel {
  fileprivate init(_ entry: Node.Entry) throws(DocumentError) {
    let name = try entry.chosenName
    var reader = try MappingReader(entry.value, of: "the funnel \(name)")
    subject = try reader.required("of", as: .word)
    let window = try reader.optional("window", as: .duration)
    let entries: Entries = try reader.optional("entries", as: .word) ?? .first
    exclusions = try reader.optional("excluding", as: .set(of: .name)) ?? []
    let read = try reader.required("steps", as: .list(of: .funnelStep))
    try reader.finish()
    steps = read.map(\.step)
    var seen: Set<String> = []
    for step in read where !seen.insert(step.name).inserted {
      throw .unexpected(
        step.mark, found: "the step \(quoted(step.name)) a second time",
        expected: "each step with a name of its own", suggestion: nil)
    }
    do throws(BillingError) {
      definition = try FunnelDefinition(
        name: name,
        steps: read.map { FunnelDefinition.Step($0.name, window: $0.window.map(\.microseconds)) },
        window: window.map(\.microseconds), isEnteredAgain: entries == .every)
    } catch {
      guard case .badFunnel(_, let reason) = error else {
        throw .unexpected(
          entry.keyMark, found: error.description, expected: "a funnel", suggestion: nil)
      }
      throw .unexpected(
        entry.keyMark, found: "a funnel of which \(reason)", expected: "2 to 64 steps with windows",
        suggestion: nil)
    }
  }
}

/// A step as the file has it.
struct ReadFunnelStep {
  var name: String
  var mark: Mark
  var step: FunnelsDefinition.Funnel.Step
  var window: Duration?
}

extension ValueReader where Value == ReadFunnelStep {
  /// `{name: …, event: …, window: …, occurrence: …}`.
  static var funnelStep: ValueReader {
    .mapping("the step") { (reader) throws(DocumentError) -> ReadFunnelStep in
      let name = try reader.required("name", as: .name)
      let mark = reader.mark(of: "name")
      let userColumn = try reader.optional("user", as: .reference)
      let events =
        userColumn == nil ? try reader.required("event", as: .oneOrMoreNames) : []
      let occurrence = try reader.optional("occurrence", as: .integer(in: 1...1_000)) ?? 1
      let window = try reader.optional("window", as: .duration)
      return ReadFunnelStep(
        name: name, mark: mark,
        step: FunnelsDefinition.Funnel.Step(
          events: events, userColumn: userColumn, occurrence: occurrence),
        window: window)
    }
  }
}

extension FunnelsDefinition {
  /// What does not fit the datasets, by position.
  func problems(_ project: Project) -> [DocumentError] {
    funnels.flatMap { funnel in
      funnel.steps.compactMap { step -> DocumentError? in
        guard let column = step.userColumn else { return nil }
        guard funnel.subject == .user, let users = project.dataset(Funnel.usersDataset) else {
          return .unexpected(
            column.mark, found: "a step at a time of dataset users",
            expected: "a funnel of: user, and a file datasets/users.yaml", suggestion: nil)
        }
        return Project.unsuitable(column, in: users, "timestamp") { $0.type == .timestamp }
      }
    }
  }
}

extension FunnelsDefinition.Funnel {
  /// The dataset of users.
  static let usersDataset = "users"

  /// Whether a step is a time of the dataset of users.
  var needsUsers: Bool { steps.contains { $0.userColumn != nil } }
}

extension Duration {
  /// Whole microseconds.
  var microseconds: Int64 { components.seconds * 1_000_000 }
}
