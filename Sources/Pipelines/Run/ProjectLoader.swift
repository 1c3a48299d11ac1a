import AlmanacCore
import Documents
import Files

/// Reads the definitions of an installation from its folders.
package struct ProjectLoader {
  private let path: String
  private let environment: [String: String]

  /// A loader for the folder that holds `pipelines`, `models` and `datasets`.
  ///
  /// `environment` fills in `${NAME}` in the files.
  package init(path: String, environment: [String: String]) {
    self.path = path
    self.environment = environment
  }

  /// Reads and checks every definition.
  ///
  /// - Throws: `DocumentError` with file, line and column; ``PipelineError/missingProject(path:)``
  ///   if a folder is missing; there may be no `models`.
  package func load() throws -> Project {
    let models = try inspect("models")
    let definitions = try models.filter { ModelsFile($0.name) == .model }.map {
      try ModelFile(node: try $0.document())
    }
    let nodes = try files(in: "pipelines")
    // What is wrong in a pipeline is told of it, and not of one that is like it.
    let pipelines = try (nodes.filter { !$0.isLikeAnother } + nodes.filter(\.isLikeAnother))
      .map { try PipelineDefinition(node: $0, among: nodes) }
    let project = Project(
      pipelines: pipelines.sorted { $0.mark.file < $1.mark.file },
      models: definitions.compactMap(\.forecast),
      datasets: try files(in: "datasets").map { try DatasetDefinition(node: $0) },
      risks: definitions.compactMap(\.risk),
      metrics: try models.first { ModelsFile($0.name) == .metrics }.map {
        try MetricsDefinition(node: try $0.document())
      } ?? MetricsDefinition(),
      funnels: try models.first { ModelsFile($0.name) == .funnels }.map {
        try FunnelsDefinition(node: try $0.document())
      } ?? FunnelsDefinition())
    try project.validate()
    return project
  }

  /// The documents of a folder, in the order of their names.
  private func files(in folder: String) throws -> [Node] {
    try inspect(folder).map { try $0.document() }
  }

  /// The files of a folder by name, each with a way to read it that throws its own fault.
  func inspect(
    _ folder: String
  ) throws -> [(name: String, document: () throws(DocumentError) -> Node)] {
    let directory = path == "." ? folder : path + "/" + folder
    guard try FileSystem.isDirectory(directory) else {
      // What names a model that is not there is told so by name.
      if folder == "models", try !FileSystem.exists(directory) { return [] }
      throw PipelineError.missingProject(path: directory)
    }
    let environment = self.environment
    return try FileSystem.list(directory).filter { $0.hasSuffix(".yaml") }.map { name in
      let file = directory + "/" + name
      let bytes = try FileSystem.read(file)
      return (
        String(name.dropLast(5)),
        { () throws(DocumentError) -> Node in
          try Document.parse(bytes, file: file) { environment[$0] }
        }
      )
    }
  }
}

/// What a file of `models/` holds, which its name says.
enum ModelsFile {
  case model
  case metrics
  case funnels

  /// What the file of a name without its ending holds.
  init(_ name: String) {
    switch name {
    case "metrics": self = .metrics
    case "funnels": self = .funnels
    default: self = .model
    }
  }
}

/// A model of either kind.
enum ModelFile {
  case forecast(ModelDefinition)
  case risk(RiskDefinition)

  /// Reads a file of `models/` that holds a model.
  ///
  /// - Throws: `DocumentError` with the place of the first fault.
  init(node: Node) throws(DocumentError) {
    self =
      RiskDefinition.describes(node)
      ? .risk(try RiskDefinition(node: node)) : .forecast(try ModelDefinition(node: node))
  }

  /// The forecast of amounts, if it is one.
  var forecast: ModelDefinition? { if case .forecast(let model) = self { model } else { nil } }
  /// The model of what may happen to companies, if it is one.
  var risk: RiskDefinition? { if case .risk(let model) = self { model } else { nil } }
}
