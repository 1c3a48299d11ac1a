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

/// A daily metric of a company, or of all of them.
struct MetricSeries: Sendable {
  let company: UUIDValue
  let metric: String
  /// The first day.
  let start: CalendarDate
  /// One for each day up to the last date, or the last one that is over; NaN where there is none.
  let values: [Double]

  /// The anomalies of the days that are reported.
  func anomalies(through date: CalendarDate) -> [AnomalyRow] {
    let first = start.distance(to: date.adding(days: 1 - AnomaliesStage.reportedDays))
    let found = AnomalyRule(seasonLength: 7).anomalies(in: values)
    return found.filter { $0.position >= first }.map {
      AnomalyRow(
        company: company, metric: metric, date: start.adding(days: $0.position), anomaly: $0)
    }
  }

  /// The series that are judged, by company and metric.
  ///
  /// Of all companies each metric without a dimension; of a single company those counts and amounts
  /// that it has on four of five days since the first one. A company has no row where the numerator
  /// is zero, so there a day without a row is a zero, and in those of all companies it is unknown.
  ///
  /// A series ends with the last day that is over for its company, `date` or the one before.
  static func read(
    _ connection: Connection, through date: CalendarDate, over: DatesOver
  ) throws -> [MetricSeries] {
    let from = date.adding(days: 1 - AnomaliesStage.historyDays - AnomaliesStage.reportedDays)
    let days = "date BETWEEN date '\(from)' AND date '\(date)' AND dimension = ''"
    let query = """
      SELECT m.company_id, m.metric_name, m.date, m.value::float8
      FROM analytics.daily_metrics AS m JOIN (
        SELECT company_id, metric_name FROM analytics.daily_metrics WHERE \(days)
        GROUP BY company_id, metric_name
        HAVING company_id = '\(UUIDValue.zero)'
          OR (count(*) >= 0.8 * (date '\(date)' - min(date) + 1)
            AND bool_and(unit IN ('money', 'count')))
      ) AS judged USING (company_id, metric_name)
      WHERE \(days) ORDER BY 1, 2, 3
      """
    var found: [MetricSeries] = []
    var current: (company: UUIDValue, metric: String, start: CalendarDate, values: [Double])?
    func finish() {
      guard var series = current else { return }
      let length = series.start.distance(to: min(date, over.last(series.company))) + 1
      let gap = series.company == .zero ? Double.nan : 0
      series.values += Array(repeating: gap, count: max(0, length - series.values.count))
      found.append(
        MetricSeries(
          company: series.company, metric: series.metric, start: series.start,
          values: series.values))
    }
    let fields = [
      Field("company_id", .uuid), Field("metric_name", .text), Field("date", .date),
      Field("value", .float64, isNullable: true),
    ]
    try connection.copyOut(query, fields: fields, source: "analytics.daily_metrics") { batch in
      for row in 0..<batch.rowCount {
        guard case .uuid(let company)? = batch.columns[0].value(row),
          case .bytes(let name)? = batch.columns[1].value(row),
          case .date(let day)? = batch.columns[2].value(row)
        else { continue }
        let metric = String(decoding: name, as: UTF8.self)
        if current?.company != company || current?.metric != metric {
          finish()
          current = (company, metric, day, [])
        }
        guard let start = current?.start, let count = current?.values.count else { continue }
        let gap = company == .zero ? Double.nan : 0
        let missing = start.distance(to: day) - count
        if missing > 0 {
          current?.values += Array(repeating: gap, count: missing)
        }
        if case .float(let value)? = batch.columns[3].value(row) {
          current?.values.append(value)
        } else {
          current?.values.append(.nan)
        }
      }
    }
    finish()
    return found
  }
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
      "SELECT \(names) FROM analytics.anomalies ORDER BY company_id, metric_name, at",
      fields: fields, source: "analytics.anomalies"
    ) { rows += values($0) }
    return rows
  }
}
