import AlmanacCore
import Pipelines
import Postgres

/// Answers a query as of an earlier time, from the snapshots.
struct AsOfQuery {
  private let connection: Connection
  private let request: QueryRequest
  private let place: QueryRequest.Place
  private let environment: [String: String]

  /// A query of the snapshots in a place; the connection lends its temporary tables.
  init(
    _ connection: Connection, _ request: QueryRequest, _ place: QueryRequest.Place,
    _ environment: [String: String]
  ) {
    self.connection = connection
    self.request = request
    self.place = place
    self.environment = environment
  }

  /// Computes what is asked for as of a moment, and reads it as a query reads the tables.
  ///
  /// - Throws: `QueryError`, and what loading definitions and computing throws.
  func run(_ moment: AsOfReading.Moment, jobs: Int, _ console: Console) throws
    -> QueryReading.Answer
  {
    let (project, pipeline) = try place.load(environment)
    let directory = try DataDirectoryReading(path: place.data)
    if let notice = directory.notice { console.report("warning: \(notice)") }
    let reading = try AsOfReading(
      project, pipeline, directory, at: moment, jobs: jobs, zones: systemZone)
    for notice in reading.notices { console.report("note: \(notice)") }
    let subject: AsOfReading.Subject
    switch request.subject {
    case .metric(let name, _): subject = .metric(name)
    case .cohort: subject = .cohorts
    case .funnel: subject = .funnels
    case .rollup: preconditionFailure("rollups as of a time are ranges")
    }
    let first = request.from.map { request.grain == .month ? $0.monthStart : $0 }
    let last = request.to.map {
      min(
        request.grain == .month ? $0.monthStart(adding: 1).adding(days: -1) : $0, reading.date)
    }
    let from = first ?? AsOfQuery.earliest
    let to = last ?? reading.date
    try reading.fill(subject, days: min(from, to)...to, on: connection)
    return try QueryReading(connection, request, schema: "pg_temp").run()
  }

  /// A day before all that is asked for.
  private static let earliest = CalendarDate(daysSinceEpoch: -200_000)
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
    guard project.pipelines.count == 1 else { throw QueryError.ambiguousPipeline(known: known) }
    return (project, project.pipelines[0])
  }
}
