import AlmanacCore
import Columns
package import Documents

/// All definitions of one installation.
package struct Project: Hashable, Sendable {
  /// The pipelines, in the order of their files.
  package var pipelines: [PipelineDefinition]
  /// The forecasts of amounts, in the order of their files.
  package var models: [ModelDefinition]
  /// The models of what may happen to companies, in the order of their files.
  package var risks: [RiskDefinition] = []
  /// The datasets, in the order of their files.
  package var datasets: [DatasetDefinition]
  /// The settings of metrics, and the declared ones.
  package var metrics = MetricsDefinition()
  /// The funnels.
  package var funnels = FunnelsDefinition()

  /// The given definitions, not yet checked against each other.
  package init(
    pipelines: [PipelineDefinition], models: [ModelDefinition], datasets: [DatasetDefinition],
    risks: [RiskDefinition] = [], metrics: MetricsDefinition = MetricsDefinition(),
    funnels: FunnelsDefinition = FunnelsDefinition()
  ) {
    self.pipelines = pipelines
    self.models = models
    self.risks = risks
    self.datasets = datasets
    self.metrics = metrics
    self.funnels = funnels
  }

  /// The pipeline of a name.
  package func pipeline(_ name: String) -> PipelineDefinition? {
    pipelines.first { $0.name == name }
  }

  /// The pipeline whose days and currency count where none is named: that with the most stages, if all
  /// pipelines have the same zone and currency; `nil` if not, or if there is none.
  package var countingPipeline: PipelineDefinition? {
    guard let first = pipelines.first,
      pipelines.allSatisfy({ $0.zone == first.zone && $0.currency == first.currency })
    else { return nil }
    return pipelines.dropFirst().reduce(first) { most, other in
      other.stages.count > most.stages.count ? other : most
    }
  }

  /// The pipeline of a name that somebody asked for.
  ///
  /// - Throws: ``PipelineError/unknownPipeline(name:suggestion:known:)`` if there is none.
  package func requiredPipeline(_ name: String) throws(PipelineError) -> PipelineDefinition {
    if let found = pipeline(name) { return found }
    let known = pipelines.map(\.name)
    throw .unknownPipeline(
      name: name, suggestion: Suggestion.didYouMean(name, among: known), known: known)
  }

  /// The model of a name.
  package func model(_ name: String) -> ModelDefinition? { models.first { $0.name == name } }

  /// The model of a name of what may happen to companies.
  package func risk(_ name: String) -> RiskDefinition? { risks.first { $0.name == name } }

  /// The names of all models.
  private var modelNames: [String] { models.map(\.name) + risks.map(\.name) }

  /// The dataset of a name.
  package func dataset(_ name: String) -> DatasetDefinition? {
    datasets.first { $0.name == name }
  }

  /// Throws the first of ``problems``, if there is one.
  ///
  /// Models of what may happen to companies do not count: a pipeline that uses one asks for itself, so
  /// that no other pipeline depends on them; see ``validate(_:)``.
  package func validate() throws(DocumentError) {
    if let first = problems(withRisks: false).first { throw first }
  }

  /// Throws the first problem of the models that a pipeline fits or predicts with.
  package func validate(_ pipeline: PipelineDefinition) throws(DocumentError) {
    for stage in pipeline.stages {
      switch stage.settings {
      case .fit(let names), .predict(let names):
        for name in names {
          if let problem = risk(name.name)?.problems(self).first { throw problem }
        }
      default: continue
      }
    }
  }

  /// What does not fit between the definitions, by file and position.
  ///
  /// A name has to be its file's name and unique; pipelines have to name datasets and models that
  /// exist, models datasets and columns that exist and suit.
  package var problems: [DocumentError] { problems(withRisks: true) }

  private func problems(withRisks: Bool) -> [DocumentError] {
    var found: [DocumentError] = []
    found += Self.nameProblems("dataset", datasets.map { ($0.name, $0.mark) })
    found += Self.nameProblems(
      "model", models.map { ($0.name, $0.mark) } + risks.map { ($0.name, $0.mark) })
    found += Self.nameProblems("pipeline", pipelines.map { ($0.name, $0.mark) })
    found += pipelines.flatMap(problems(of:))
    found += models.flatMap(problems(of:))
    // The datasets of a business that predicts nothing of its companies may be of any kind.
    if withRisks { found += risks.filter { isAskedFor($0.name) }.flatMap { $0.problems(self) } }
    found += datasets.flatMap(problems(of:))
    found += metrics.problems(self)
    found += funnels.problems(self)
    return found.sorted { $0.mark < $1.mark }
  }

  private static func nameProblems(
    _ kind: String, _ names: [(name: String, mark: Mark)]
  ) -> [DocumentError] {
    var problems: [DocumentError] = []
    var files: [String: String] = [:]
    for (name, mark) in names {
      if let first = files[name] {
        problems.append(
          .unexpected(
            mark, found: "\(kind) \(quoted(name)) a second time",
            expected: "each name once (first in \(first))", suggestion: nil))
      } else {
        files[name] = mark.file
      }
      let file = mark.file.split(separator: "/").last ?? ""
      let stem = file.split(separator: ".").first ?? ""
      if stem != name {
        problems.append(
          .unexpected(
            mark, found: "\(kind) \(quoted(name)) in a file named \(quoted(String(file)))",
            expected: "the file's own name", suggestion: isName(stem) ? String(stem) : nil))
      }
    }
    return problems
  }

  /// Whether a pipeline fits the model of a name or predicts with it.
  private func isAskedFor(_ model: String) -> Bool {
    pipelines.contains { pipeline in
      pipeline.stages.contains { stage in
        switch stage.settings {
        case .fit(let names), .predict(let names): names.contains { $0.name == model }
        default: false
        }
      }
    }
  }

  private func problems(of pipeline: PipelineDefinition) -> [DocumentError] {
    (pipeline.notify?.problems(self) ?? [])
      + pipeline.stages.flatMap { stage -> [DocumentError] in
        switch stage.settings {
        case .extract(let names), .check(let names):
          (names ?? []).compactMap { Self.missing($0, "dataset", datasets.map(\.name)) }
        case .fit(let names), .predict(let names):
          names.compactMap { Self.missing($0, "model", modelNames) }
        case .rollup, .metrics, .cohorts, .funnels, .usage, .anomalies, .publish: []
        }
      }
  }

  /// A foreign key has to lead to a column of its own type.
  private func problems(of dataset: DatasetDefinition) -> [DocumentError] {
    dataset.checks.compactMap { check in
      guard case .foreignKey(let column, let target, let referenced) = check.rule else {
        return nil
      }
      guard let other = self.dataset(target.name) else {
        return Self.missing(target, "dataset", datasets.map(\.name))
      }
      let type = dataset[column: column.name]?.type
      if let referenced {
        return Self.unsuitable(
          referenced, in: other, type?.declaredName ?? "any", { $0.type == type })
      }
      guard other.key.count != 1 || other[column: other.key[0]]?.type != type else { return nil }
      return .unexpected(
        target.mark, found: "the dataset \(quoted(other.name)) with the key \(listed(other.key))",
        expected: "a dataset with a key of one column of type \(type?.declaredName ?? "any"), or "
          + "the column behind a point", suggestion: nil)
    }
  }

  private func problems(of model: ModelDefinition) -> [DocumentError] {
    let series = model.series
    guard let dataset = dataset(series.dataset.name) else {
      return [Self.missing(series.dataset, "dataset", datasets.map(\.name))].compactMap(\.self)
    }
    let problems = [
      Self.unsuitable(series.amountColumn, in: dataset, "money(…)") { $0.currencyColumn != nil },
      Self.unsuitable(series.timeColumn, in: dataset, "timestamp") { $0.type == .timestamp },
      Self.unclocked(series.dataset, dataset),
      series.condition.flatMap {
        Self.unsuitable($0.column, in: dataset, "text") { $0.type == .text }
      },
    ].compactMap(\.self)
    return problems + (series.alternative.map { self.problems(of: $0, main: dataset) } ?? [])
  }

  private func problems(
    of alternative: ModelDefinition.Alternative, main: DatasetDefinition
  ) -> [DocumentError] {
    guard let other = dataset(alternative.dataset.name) else {
      return [Self.missing(alternative.dataset, "dataset", datasets.map(\.name))]
        .compactMap(\.self)
    }
    return [
      Self.unsuitable(alternative.amountColumn, in: other, "money(…)") { $0.currencyColumn != nil },
      Self.unsuitable(alternative.timeColumn, in: other, "timestamp") { $0.type == .timestamp },
      Self.unsuitable(alternative.referringColumn, in: main, "uuid") { $0.type == .uuid },
      Self.unclocked(alternative.dataset, other),
      other.key.count == 1 && other[column: other.key[0]]?.type == .uuid
        ? nil
        : .unexpected(
          alternative.dataset.mark,
          found: "the dataset \(quoted(other.name)) with the key \(listed(other.key))",
          expected: "a dataset with a key of one uuid column, which unless: refers to",
          suggestion: nil),
    ].compactMap(\.self)
  }

  /// The second clock is what keeps a forecast from seeing what was recorded later.
  private static func unclocked(
    _ reference: NameReference, _ dataset: DatasetDefinition
  ) -> DocumentError? {
    guard dataset.recordedColumn == nil else { return nil }
    return .unexpected(
      reference.mark, found: "the dataset \(quoted(dataset.name)), which names no recorded: column",
      expected: "one that says when a row was recorded", suggestion: nil)
  }

  static func missing(
    _ reference: NameReference, _ kind: String, _ known: [String]
  ) -> DocumentError? {
    known.contains(reference.name) ? nil : undefined(reference, kind, known: known)
  }

  /// The error about a name that is none of those that are known.
  static func undefined(
    _ reference: NameReference, _ kind: String, known: [String]
  ) -> DocumentError {
    .unexpected(
      reference.mark, found: undefined(kind, reference.name),
      expected: known.isEmpty ? "a file in \(kind)s/" : listed(known.sorted()),
      suggestion: Suggestion.closest(to: reference.name, among: known))
  }

  /// How an error names a definition that is not there.
  static func undefined(_ kind: String, _ name: String) -> String {
    "the \(kind) \(quoted(name)), which no file defines"
  }

  static func unsuitable(
    _ reference: NameReference, in dataset: DatasetDefinition, _ type: String,
    _ suits: (DatasetColumn) -> Bool
  ) -> DocumentError? {
    if let column = dataset[column: reference.name] {
      guard !suits(column) else { return nil }
      return .unexpected(
        reference.mark,
        found: "column \(quoted(reference.name)) of dataset \(dataset.name) as \(column.typeText)",
        expected: "a column of type \(type)", suggestion: nil)
    }
    let known = dataset.allColumns.filter(suits).map(\.name)
    return .unexpected(
      reference.mark,
      found: "column \(quoted(reference.name)), which dataset \(dataset.name) has not",
      expected: "a column of type \(type)",
      suggestion: Suggestion.closest(to: reference.name, among: known))
  }
}
