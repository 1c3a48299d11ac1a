import AlmanacCore
import Columns
import Forecasting
import Postgres

/// Finds the days of daily metrics that do not fit those before them (DECISIONS.md, D-186).
///
/// The table holds what was found in the ninety days up to the last date that was computed, so it
/// depends on the metrics and that date alone; it is replaced where it differs. A run for an older
/// date takes nothing back (D-403).
package struct AnomaliesStage: Stage {
  package let name = "anomalies"

  /// The days that are reported, and the days before them that it takes to judge them.
  static let reportedDays = 90
  static let historyDays = 365

  /// A stage.
  package init() {}

  package func run(in context: RunContext) throws -> StageOutcome {
    var outcome = StageOutcome()
    let date = try context.newestDate(of: name)
    let over = try context.datesOver(through: date)
    let series = try MetricSeries.read(context.lock.connection, through: date, over: over)
    outcome.rowsIn = series.reduce(0) { $0 + $1.values.count }
    let found = try mapConcurrently(
      Array(stride(from: 0, to: series.count, by: AnomaliesStage.seriesPerPiece)),
      jobs: context.jobs, context: {}
    ) { _, first in
      series[first..<min(series.count, first + AnomaliesStage.seriesPerPiece)].flatMap {
        $0.anomalies(through: date)
      }
    }.flatMap { $0 }
    let batch = AnomalyRow.batch(found)
    let table = QualifiedName(schema: "analytics", name: "anomalies")
    if try AnomalyRow.read(context.lock.connection) != AnomalyRow.values(batch) {
      try context.lock.write { connection in
        try connection.run("DELETE FROM \(table.quoted)")
        if batch.rowCount > 0 { try connection.copyIn(batch, into: table) }
      }
    }
    outcome.rowsOut = found.count
    outcome.note("series", series.count)
    outcome.note("anomalies", found.count)
    context.log(
      .info,
      "anomalies: \(found.count) in \(series.count) series of \(AnomaliesStage.reportedDays) days")
    return outcome
  }

  private static let seriesPerPiece = 64
}

/// A row of analytics.anomalies.
struct AnomalyRow: Sendable {
  let company: UUIDValue
  let metric: String
  let date: CalendarDate
  let anomaly: Anomaly

  private static let fields = [
    Field("company_id", .uuid), Field("metric_name", .text), Field("at", .date),
    Field("actual", .float64, isNullable: true), Field("expected", .float64),
    Field("lower", .float64), Field("upper", .float64), Field("score", .float64),
    Field("kind", .text),
  ]

  /// The rows as a batch, in the order of the key.
  static func batch(_ rows: [AnomalyRow]) -> Batch {
    var builders = fields.map { ColumnBuilder($0) }
    for row in rows {
      builders[0].append(row.company)
      builders[1].append(row.metric)
      builders[2].append(row.date)
      if let actual = row.anomaly.actual {
        builders[3].append(actual)
      } else {
        builders[3].appendNull()
      }
      builders[4].append(row.anomaly.expected)
      builders[5].append(row.anomaly.lower)
      builders[6].append(row.anomaly.upper)
      builders[7].append(row.anomaly.score)
      builders[8].append(row.anomaly.kind.rawValue)
    }
    return Batch(builders.map { $0.finish() })
  }

  /// The values of each row.
  static func values(_ batch: Batch) -> [[ColumnValue?]] {
    (0..<batch.rowCount).map { row in batch.columns.map { $0.value(row) } }
  }

  /// The rows that are there, in the order of the key.
  static func read(_ connection: Connection) throws -> [[ColumnValue?]] {
    let names = fields.map { quoteIdentifier($0.name) }.joined(separator: ", ")
    var rows: [[ColumnValue?]] = []
    try connection.copyOut(
      """
      SELECT \(names) FROM analytics.anomalies ORDER BY company_id, metric_name COLLATE "C", at
      """,
      fields: fields, source: "analytics.anomalies"
    ) { rows += values($0) }
    return rows
  }
}
