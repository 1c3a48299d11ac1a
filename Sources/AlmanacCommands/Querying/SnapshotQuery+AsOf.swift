import AlmanacCore
import Pipelines
import Postgres

extension SnapshotQuery {
  /// Computes what is asked for as of a moment, and reads it as a query reads the tables.
  ///
  /// The connection lends its temporary tables.
  ///
  /// - Throws: `QueryError`, and what computing throws.
  func answer(asOf moment: AsOfReading.Moment, jobs: Int, _ console: Console) throws
    -> QueryReading.Answer
  {
    let reading = try AsOfReading(
      project, pipeline, directory, at: moment, jobs: jobs, zones: systemZone)
    for notice in reading.notices { console.report("note: \(notice)") }
    let subject: AsOfReading.Subject
    let names: [String]
    switch request.subject {
    case .metric(let name, _):
      (subject, names) = (.metric(name), try reading.metricNames())
      guard names.contains(name) else {
        throw QueryError.unknown(kind: "metric", name: name, known: names.sorted())
      }
    case .cohort: (subject, names) = (.cohorts, [])
    case .funnel: (subject, names) = (.funnels, reading.funnelNames)
    case .rollup: preconditionFailure("rollups as of a time are ranges")
    }
    let first = request.from.map { request.grain == .month ? $0.monthStart : $0 }
    let last = request.to.map {
      min(
        request.grain == .month ? $0.monthStart(adding: 1).adding(days: -1) : $0, reading.date)
    }
    let from = first ?? SnapshotQuery.earliest
    let to = last ?? reading.date
    try reading.fill(subject, days: min(from, to)...to, on: connection)
    return try QueryReading(connection, request, schema: "pg_temp", known: names).run()
  }

  /// A day before all that is asked for.
  private static let earliest = CalendarDate(daysSinceEpoch: -200_000)
}
