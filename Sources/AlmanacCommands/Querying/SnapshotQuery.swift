import Pipelines
import Postgres

/// Answers a query from the snapshots, where the tables do not hold what is asked for.
struct SnapshotQuery {
  let connection: Connection
  let request: QueryRequest
  let project: Project
  /// The pipeline whose days and currency count.
  let pipeline: PipelineDefinition
  let directory: DataDirectoryReading

  /// A query of the snapshots in a place.
  ///
  /// - Throws: `QueryError`, and what loading definitions and opening the folder throws.
  init(
    _ connection: Connection, _ request: QueryRequest, _ place: QueryRequest.Place,
    _ environment: [String: String], _ console: Console
  ) throws {
    self.connection = connection
    self.request = request
    (project, pipeline) = try place.load(environment)
    directory = try DataDirectoryReading(path: place.data)
    if let notice = directory.notice { console.report("warning: \(notice)") }
  }
}

extension QueryRequest.Place {
  /// Reads the definitions, and finds the pipeline whose days and currency count.
  ///
  /// - Throws: `QueryError`, and what reading definitions throws.
  func load(_ environment: [String: String]) throws -> (Project, PipelineDefinition) {
    let project = try ProjectLoader(path: self.project, environment: environment).load()
    let known = project.pipelines.map(\.name)
    if let name = pipeline {
      guard let found = project.pipeline(name) else {
        throw QueryError.unknown(kind: "pipeline", name: name, known: known)
      }
      return (project, found)
    }
    guard let pipeline = project.countingPipeline else {
      throw QueryError.ambiguousPipeline(known: known)
    }
    return (project, pipeline)
  }
}
