package import AlmanacCore
import Documents
import Files
package import Postgres

/// Every definition of an installation, each with all that is wrong with it.
package struct ProjectInspection: Sendable {
  /// One file.
  package struct Entry: Sendable, Equatable {
    /// `pipeline`, `model` or `dataset`.
    package var kind: String
    /// The name, which is that of its file.
    package var name: String
    /// What is wrong, each in one line; empty where all is well.
    package var faults: [String]
    /// What is worth knowing and no fault, each in one line.
    package var notes: [String] = []
    /// The exit status of the first fault.
    package var status: ExitStatus
  }

  /// The files: datasets, models, pipelines, each by name.
  package private(set) var entries: [Entry]
  /// The definitions that could be read.
  package let project: Project

  /// Reads the files below a folder and holds them against each other.
  ///
  /// A file gives the first fault that keeps it from being read; one that can be read all that does
  /// not fit. What refers to a file that cannot be read is not blamed for that.
  ///
  /// - Parameters:
  ///   - path: the folder with `pipelines`, `models` and `datasets`.
  ///   - environment: fills in `${NAME}` in the files.
  ///   - zones: finds the rules of a time zone.
  /// - Throws: ``PipelineError/missingProject(path:)`` if a folder is missing.
  package init(
    path: String, environment: [String: String], zones: (String) -> ZoneRules?
  ) throws {
    var entries: [Entry] = []
    let loader = ProjectLoader(path: path, environment: environment)
    func read<Definition>(
      _ kind: String, _ holds: ModelsFile? = nil,
      _ parse: (Node) throws(DocumentError) -> Definition
    ) throws -> [Definition] {
      try loader.inspect("\(kind)s").compactMap { name, document in
        if let holds, ModelsFile(name) != holds { return nil }
        var entry = Entry(kind: kind, name: name, faults: [], status: .ok)
        defer { entries.append(entry) }
        do throws(DocumentError) {
          return try parse(try document())
        } catch {
          entry.add(error)
          return nil
        }
      }
    }
    let datasets = try read("dataset") { (node) throws(DocumentError) -> DatasetDefinition in
      try DatasetDefinition(node: node)
    }
    let models = try read("model", .model) { (node) throws(DocumentError) -> ModelFile in
      try ModelFile(node: node)
    }
    let metrics = try read("model", .metrics) { (node) throws(DocumentError) -> MetricsDefinition in
      try MetricsDefinition(node: node)
    }
    let funnels = try read("model", .funnels) { (node) throws(DocumentError) -> FunnelsDefinition in
      try FunnelsDefinition(node: node)
    }
    let siblings = try loader.inspect("pipelines").compactMap { try? $0.document() }
    let pipelines = try read("pipeline") { (node) throws(DocumentError) -> PipelineDefinition in
      try PipelineDefinition(node: node, among: siblings)
    }
    project = Project(
      pipelines: pipelines, models: models.compactMap(\.forecast), datasets: datasets,
      risks: models.compactMap(\.risk), metrics: metrics.first ?? MetricsDefinition(),
      funnels: funnels.first ?? FunnelsDefinition())
    self.entries = entries
    addMisfits(zones)
  }

  /// Adds what does not fit between the definitions, and zones that nobody knows.
  private mutating func addMisfits(_ zones: (String) -> ZoneRules?) {
    let unread = Set(
      entries.filter { !$0.faults.isEmpty }.map { Project.undefined($0.kind, $0.name) })
    for problem in project.problems {
      if case .unexpected(_, let found, _, _) = problem, unread.contains(found) { continue }
      add(problem)
    }
    for pipeline in project.pipelines where pipeline.countsCompanyDays {
      guard let reason = project.missingCompanyZones else { continue }
      add(
        .unexpected(
          pipeline.zoneMark, found: "zone: company, but \(reason)",
          expected: "companies with the columns id and timezone, or the name of a zone",
          suggestion: nil))
    }
    for pipeline in project.pipelines
    where !pipeline.countsCompanyDays && zones(pipeline.zone) == nil {
      add(
        .unexpected(
          pipeline.zoneMark, found: "the zone \(quoted(pipeline.zone)), which is not known here",
          expected: "a name such as Europe/London, or an installed tzdata", suggestion: nil))
    }
  }

  /// Files a fault under the definition whose file it is in.
  private mutating func add(_ problem: DocumentError) {
    let parts = problem.mark.file.split(separator: "/")
    let kind = parts.dropLast().last.map { String($0.dropLast()) }
    let name = parts.last?.split(separator: ".").first.map { String($0) }
    for index in entries.indices where entries[index].kind == kind && entries[index].name == name {
      entries[index].add(problem)
    }
  }

  /// Resolves each dataset that is still listed and could be read against a source.
  ///
  /// - Throws: what keeps the source from being asked at all.
  package mutating func resolve(against source: ConnectionSettings) throws {
    let connection = try Connection(source, purpose: .source)
    for index in entries.indices where entries[index].kind == "dataset" {
      guard let definition = project.dataset(entries[index].name) else { continue }
      do {
        if let absence = try definition.absence(on: connection) {
          entries[index].notes.append(absence)
          continue
        }
        _ = try DatasetPlan(definition, on: connection)
      } catch let error as any ExitStatusConvertible {
        guard !error.exitStatus.isRetryable else { throw error }
        entries[index].add(error)
      }
    }
  }

  /// Leaves only a pipeline and what it names, directly or by its models.
  ///
  /// - Throws: ``PipelineError/unknownPipeline(name:suggestion:known:)``.
  package mutating func select(pipeline name: String) throws {
    let known = entries.filter { $0.kind == "pipeline" }.map(\.name)
    guard known.contains(name) else {
      throw PipelineError.unknownPipeline(
        name: name, suggestion: Suggestion.didYouMean(name, among: known), known: known)
    }
    guard let pipeline = project.pipeline(name) else {
      entries.removeAll { $0.kind != "pipeline" || $0.name != name }
      return
    }
    var models: Set<String> = []
    var datasets: Set<String>? = []
    for stage in pipeline.stages {
      switch stage.settings {
      case .extract(let names), .check(let names):
        // A check of all is a check of what is extracted.
        if let names {
          datasets?.formUnion(names.map(\.name))
        } else if stage.kind == .extract {
          datasets = nil
        }
      case .fit(let names), .predict(let names): models.formUnion(names.map(\.name))
      case .metrics: models.insert("metrics")
      case .funnels: models.insert("funnels")
      case .rollup, .cohorts, .usage, .anomalies, .publish: break
      }
      datasets?.formUnion(project.datasets(readBy: stage.settings))
    }
    entries.removeAll { entry in
      switch entry.kind {
      case "pipeline": entry.name != name
      case "model": !models.contains(entry.name)
      default: !(datasets?.contains(entry.name) ?? true)
      }
    }
  }
}

extension ProjectInspection.Entry {
  fileprivate mutating func add(_ fault: any ExitStatusConvertible) {
    if faults.isEmpty { status = fault.exitStatus }
    let line = fault.description.split(whereSeparator: \.isNewline).joined(separator: " ")
    if !faults.contains(line) { faults.append(line) }
  }
}
