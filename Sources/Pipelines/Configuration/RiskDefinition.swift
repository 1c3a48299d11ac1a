import AlmanacCore
import Columns
package import Documents
package import Predictions

/// A model of something that may happen to a company, such as `models/churn.yaml`: what is counted
/// of each company, and the features that are made of it.
package struct RiskDefinition: Hashable, Sendable {
  /// What may happen.
  package enum Kind: String, CaseIterable, Sendable {
    /// MRR falls to 0.
    case churn
    /// The next charge of an invoice fails.
    case paymentFailure = "payment_failure"
    /// A company moves to a higher tier or adds a module.
    case upsell
  }

  /// Rows of a dataset that are counted by company and day.
  package struct Count: Hashable, Sendable {
    /// A column and the values of which it has to have one.
    package struct Condition: Hashable, Sendable {
      /// The column.
      package var column: NameReference
      /// The values.
      package var values: [String]
    }

    /// Its name, which features refer to.
    package var name: String
    /// The dataset of the rows.
    package var dataset: NameReference
    /// The column that says when a row happened; `nil` for the dataset's own time.
    package var timeColumn: NameReference?
    /// What rows have to fulfil, all of it.
    package var conditions: [Condition]
    /// The column that says whose row it is, for numbers of different ones; `nil` for nobody's.
    package var subject: NameReference?
  }

  /// What a company has at an instant, whether or not anything happens: read from its ledger.
  package enum State: String, CaseIterable, Sendable {
    /// MRR in units of the reporting currency.
    case mrr
    /// Seats or units of its subscriptions.
    case seats
    /// The modules that have a part in its MRR.
    case modules
    /// How a module that it could add goes with those it has; of upsell alone.
    case affinity
  }

  /// The model's name.
  package var name: String
  /// Where the name stands.
  package var mark: Mark
  /// What may happen.
  package var kind: Kind
  /// What the model answers, for people.
  package var question: String
  /// The months that are learned from, the newest ones.
  package var months: Int
  /// What is counted.
  package var counts: [Count]
  /// What the model is made of.
  package var features: [FeatureSpecification]
  /// The columns of companies that features read, where they are named.
  package var attributes: [NameReference]
  /// From which probabilities the bands begin.
  package var bands: ChurnRisk.Bands
  /// What may be done about it.
  package var actions: [RiskAction]
  /// What a model of failing payments is made of, in place of counts, features and bands; `nil` for
  /// other kinds.
  package var payments: PaymentDefinition?
  /// The codes of the modules that a module needs, by its code.
  package var prerequisites: [String: [String]]
  /// The definition but its actions and bands, which nothing is learned from, as one text for a
  /// digest; see ``Node/canonicalText``.
  package var canonicalText: String
}

extension RiskDefinition {
  /// The months that are learned from where the definition does not say.
  package static let usualMonths = 36

  /// The longest window of a feature, in days.
  package static let longestWindow = 730

  /// The datasets that are read besides those of billing.
  package var datasetNames: [String] {
    if payments != nil { return PaymentDefinition.datasetNames }
    return Set(countedNames + (attributes.isEmpty ? [] : [RiskDefinition.companies])).sorted()
  }

  /// The datasets whose rows are counted.
  package var countedNames: [String] { Set(counts.map(\.dataset.name)).sorted() }

  /// The actions and bands, which nothing is learned from, as one text for a digest.
  var actionsText: String {
    "\(bands.medium) \(bands.high) \(bands.critical)\n"
      + actions.map { "\($0.name) \($0.reasons) \($0.saves) \($0.cost) \($0.months)\n" }.joined()
      + (payments?.policyText ?? "")
  }

  /// What does not fit the datasets, by position.
  func problems(_ project: Project) -> [DocumentError] {
    if let payments { return payments.problems(project, of: mark) }
    return counts.flatMap { $0.problems(project) }
      + attributes.compactMap { RiskDefinition.problem(of: $0, project) }
  }

  /// The dataset whose versions say what companies are.
  static let companies = "companies"

  /// Why a column cannot be read as it was known at an instant (DECISIONS.md, D-545).
  private static func problem(
    of attribute: NameReference, _ project: Project
  ) -> DocumentError? {
    guard let dataset = project.dataset(companies) else {
      return Project.missing(
        NameReference(name: companies, mark: attribute.mark), "dataset",
        project.datasets.map(\.name))
    }
    guard dataset.mode == .changes, let tenant = dataset.tenantColumn, dataset.key == [tenant]
    else {
      return .unexpected(
        attribute.mark, found: "a column of a dataset that keeps no versions of companies",
        expected: "mode: changes and one column as key: and tenant: in datasets/\(companies).yaml",
        suggestion: nil)
    }
    return Project.unsuitable(attribute, in: dataset, "text") { $0.type == .text }
  }
}

extension RiskDefinition.Count {
  fileprivate func problems(_ project: Project) -> [DocumentError] {
    guard let dataset = project.dataset(self.dataset.name) else {
      return [Project.missing(self.dataset, "dataset", project.datasets.map(\.name))]
        .compactMap(\.self)
    }
    var found: [DocumentError?] = [fault(of: dataset)]
    if let timeColumn {
      found.append(
        Project.unsuitable(timeColumn, in: dataset, "timestamp") { $0.type == .timestamp })
    }
    found += conditions.map { condition in
      Project.unsuitable(condition.column, in: dataset, "text or uuid") {
        $0.type == .text || $0.type == .uuid
      }
    }
    if let subject {
      found.append(Project.unsuitable(subject, in: dataset, "uuid") { $0.type == .uuid })
    }
    return found.compactMap(\.self)
  }

  /// Why the rows of a dataset cannot be seen as they were at an instant (DECISIONS.md, D-515).
  private func fault(of dataset: DatasetDefinition) -> DocumentError? {
    let name = "the dataset \(quoted(dataset.name))"
    func refusal(_ what: String, _ expected: String) -> DocumentError {
      .unexpected(
        self.dataset.mark, found: "\(name), \(what)", expected: expected, suggestion: nil)
    }
    if dataset.mode != .append {
      return refusal(
        "whose rows change afterwards (mode: \(dataset.mode.rawValue))",
        "one of mode: append, of which it is known what an earlier day could see")
    }
    if dataset.tenantColumn == nil {
      return refusal("which has no tenant:", "one whose rows belong to companies")
    }
    if dataset.recordedColumn == nil {
      return refusal("which names no recorded: column", "one that says when a row was recorded")
    }
    if dataset.timeColumn == nil, timeColumn == nil {
      return refusal("which has no time:", "at: with the column that says when a row happened")
    }
    return nil
  }
}
