import AlmanacCore
import Billing
import Columns
import Pipelines
import Postgres

extension SnapshotQuery {
  /// The rows of the range of a rollup, up to the last day that a rollup was computed for: later events that are
  /// held are of days that are not complete.
  ///
  /// The connection says which days are computed.
  ///
  /// - Throws: `QueryError`, and what reading snapshots throws.
  func range(_ console: Console) throws -> QueryReading.Answer {
    guard case .rollup(let type, let names) = request.subject, let from = request.from,
      let to = request.to
    else { preconditionFailure("a range is asked for of rollups, with both ends") }
    let dimensions = Set(names.compactMap { SpanRollup.Dimension(rawValue: $0) })
    let fields = SpanRollup.fields(by: dimensions)
    let series = fields.map(\.name).filter {
      ["company_id", "event_type", "module_id"].contains($0)
    }
    let rollup = try SpanRollup(
      project, pipeline, zones: systemZone, directory: directory,
      asOf: request.asOf)
    let last = try connection.query(
      "SELECT max(interval_start) AS last FROM almanac.intervals WHERE stage = 'rollup'")
    let computed = last[0, "last"].flatMap { CalendarDate($0) }
    let end = [computed, rollup.lastKnown].compactMap(\.self).reduce(to, min)
    var batches: [Batch] = []
    if let computed, from <= end {
      batches = [
        try rollup.rows(
          from...end, type: type, company: request.company, by: dimensions, computed: computed)
      ]
    }
    if let computed, computed < to {
      console.report("warning: days after \(computed) are not computed yet and left out")
    }
    if let type, batches.allSatisfy({ $0.rowCount == 0 }), EventType(rawValue: type) == nil {
      throw QueryError.unknownType(type)
    }
    return QueryReading.Answer(fields: fields, batches: batches, series: series, value: nil)
  }
}
