import AlmanacCore
import Billing
import Columns
import Postgres

/// Reads what a query asks for from the schema analytics.
struct QueryReading {
  private let connection: Connection
  private let request: QueryRequest
  /// The schema of the tables.
  private let schema: String
  /// The names that mean something also where a table has no row of them.
  private let known: [String]

  /// Rows to print, and how they hang together.
  struct Answer {
    /// The columns, in the order they are shown.
    var fields: [Field]
    /// The rows, those of a series together and in the order of time.
    var batches: [Batch]
    /// The columns whose values tell series apart.
    var series: [String]
    /// The column that a sparkline shows; nil where there is none to show.
    var value: String?
  }

  /// A reading over a connection, of the tables of a schema; `known` are names of metrics or funnels
  /// that exist also where there is no row of them, where nothing had happened yet.
  init(
    _ connection: Connection, _ request: QueryRequest, schema: String = "analytics",
    known: [String] = []
  ) {
    self.schema = schema
    self.known = known
    self.connection = connection
    self.request = request
  }

  /// Reads the rows.
  ///
  /// - Throws: `QueryError` where there is nothing of the name, or a `PostgresError`.
  func run() throws -> Answer {
    switch request.subject {
    case .metric(let name, let dimension): try metric(name, by: dimension)
    case .rollup(let type, let dimensions): try rollup(type, by: dimensions)
    case .cohort(let kind): try cohort(kind)
    case .funnel(let name): try funnel(name)
    }
  }

  // MARK: The subjects

  private func metric(_ name: String, by dimension: String?) throws -> Answer {
    let table = request.grain == .month ? "monthly_metrics" : "daily_metrics"
    let period = request.grain.column
    // All companies together have a row for every period, whatever the metric.
    let ofMetric = "company_id = \(allCompanies) AND metric_name = \(quoteLiteral(name))"
    let head = try connection.query("SELECT unit FROM \(schema).\(table) WHERE \(ofMetric) LIMIT 1")
    guard head.count == 1 else {
      if known.contains(name) {
        return Answer(
          fields: [Field(period, .date)]
            + (dimension.map {
              [$0 == "company" ? Field("company_id", .uuid) : Field($0, .text)]
            } ?? []) + [Field("value", .decimal(scale: 4))], batches: [], series: [], value: nil)
      }
      throw QueryError.unknown(
        kind: "metric", name: name,
        known: known.isEmpty
          ? try names("metric_name", of: table, where: "company_id = \(allCompanies)") : known)
    }
    let unit = head[0, 0] ?? ""
    var columns = [Field(period, .date)]
    var expressions = [period]
    var conditions = ["metric_name = \(quoteLiteral(name))"]
    var series: [String] = []
    switch dimension {
    case nil: conditions += ["company_id = \(companyLiteral)", "dimension = ''"]
    case "company":
      conditions += ["company_id <> \(allCompanies)", "dimension = ''"]
      columns.append(Field("company_id", .uuid))
      expressions.append("company_id")
      series = ["company_id"]
    case let dimension?:
      let known = try names("dimension", of: table, where: ofMetric).filter { !$0.isEmpty }
      guard known.contains(dimension) else {
        throw QueryError.unknown(
          kind: "dimension of \(name)", name: dimension, known: known + ["company"])
      }
      conditions += ["company_id = \(companyLiteral)", "dimension = \(quoteLiteral(dimension))"]
      columns.append(Field(dimension, .text))
      expressions.append("dimension_value")
      series = [dimension]
    }
    columns.append(Field("value", valueType(unit), isNullable: true))
    expressions.append("round(value, \(scale(unit)))\(unit == "count" ? "::bigint" : "")")
    if unit == "ratio" {
      columns += [
        Field("numerator", .decimal(scale: 4)),
        Field("denominator", .decimal(scale: 4), isNullable: true),
      ]
      expressions += ["round(numerator, 4)", "round(denominator, 4)"]
    }
    if unit == "money" {
      columns.append(Field("currency", .text, isNullable: true))
      expressions.append("currency::text")
    }
    let order = series.isEmpty ? "1" : "2, 1"
    return try read(
      columns, expressions, from: table, conditions + bounds(period), order: order,
      series: series, value: "value")
  }

  private func rollup(_ type: String?, by dimensions: [String]) throws -> Answer {
    let table =
      switch request.grain {
      case .hour: "hourly_rollups"
      case .day, .range: "daily_rollups"
      case .month: "monthly_rollups"
      }
    let period = request.grain.column
    var conditions = bounds(period, isInstant: request.grain == .hour)
    if let company = request.company { conditions.append("company_id = '\(company)'") }
    if let type { conditions.append("event_type = \(quoteLiteral(type))") }
    var columns = [Field(period, request.grain == .hour ? .timestamp : .date)]
    var expressions = [period]
    let all = [
      ("company", Field("company_id", .uuid)), ("type", Field("event_type", .text)),
      ("module", Field("module_id", .uuid)),
    ]
    let split = all.filter { dimensions.contains($0.0) }.map(\.1)
    columns += split
    expressions += split.map(\.name)
    columns += [
      Field("event_count", .int64), Field("amount_sum", .money, isNullable: true),
      Field("amount_min", .money, isNullable: true), Field("amount_max", .money, isNullable: true),
      Field("duration_ms_sum", .decimal(scale: 0), isNullable: true),
    ]
    expressions += [
      "sum(event_count)::bigint", "sum(amount_sum)", "min(amount_min)", "max(amount_max)",
      "sum(duration_ms_sum)",
    ]
    // Users of several modules, types or companies must not be added up (D-006).
    if request.company != nil || dimensions.contains("company"),
      type != nil || dimensions.contains("type"), dimensions.contains("module")
    {
      columns.insert(Field("unique_users", .int64), at: columns.count - 4)
      expressions.insert("max(unique_users)", at: expressions.count - 4)
    }
    let group = (1...(1 + split.count)).map(String.init)
    let answer = try read(
      columns, expressions, from: table, conditions, group: group.joined(separator: ", "),
      order: (group.dropFirst() + ["1"]).joined(separator: ", "), series: split.map(\.name),
      value: "event_count")
    if let type, answer.batches.isEmpty, EventType(rawValue: type) == nil {
      throw QueryError.unknownType(type)
    }
    return answer
  }

  private func cohort(_ kind: String) throws -> Answer {
    let known = ["signup", "first_payment", "first_module"]
    guard known.contains(kind) else {
      throw QueryError.unknown(kind: "kind of cohort", name: kind, known: known)
    }
    return try read(
      [
        Field("cohort_month", .date), Field("period", .int32), Field("size", .int64),
        Field("retained", .int64), Field("retention", .decimal(scale: 4)),
        Field("revenue_start", .money), Field("revenue_retained_gross", .money),
        Field("revenue_retained_net", .money), Field("currency", .text), Field("complete", .bool),
      ],
      [
        "cohort_month", "period", "size", "retained", "round(retained::numeric / size, 4)",
        "revenue_start", "revenue_retained_gross", "revenue_retained_net", "currency::text",
        "complete",
      ],
      from: "cohort_retention",
      ["company_id = \(companyLiteral)", "cohort_kind = \(quoteLiteral(kind))"]
        + bounds("cohort_month"),
      order: "1, 2", series: ["cohort_month"], value: "retention")
  }

  private func funnel(_ name: String) throws -> Answer {
    let answer = try read(
      [
        Field("cohort_date", .date), Field("step", .int32), Field("step_name", .text),
        Field("entrants", .int64), Field("converted", .int64), Field("censored", .int64),
        Field("conversion_rate", .float64), Field("median_seconds", .float64, isNullable: true),
      ],
      [
        "cohort_date", "step", "step_name", "entrants", "converted", "censored",
        "conversion_rate", "median_seconds::float8",
      ],
      from: "funnels",
      ["company_id = \(companyLiteral)", "funnel = \(quoteLiteral(name))"]
        + bounds("cohort_date"),
      order: "2, 1", series: ["step"], value: "conversion_rate")
    if answer.batches.isEmpty {
      let known =
        self.known.isEmpty
        ? try names("funnel", of: "funnels", where: "company_id = \(allCompanies)") : self.known
      guard known.contains(name) else {
        throw QueryError.unknown(kind: "funnel", name: name, known: known)
      }
    }
    return answer
  }

  // MARK: Statements

  private func read(
    _ fields: [Field], _ expressions: [String], from table: String, _ conditions: [String],
    group: String? = nil, order: String, series: [String], value: String
  ) throws -> Answer {
    let columns = zip(expressions, fields).map { "\($0) AS \(quoteIdentifier($1.name))" }
    var query = "SELECT \(columns.joined(separator: ", ")) FROM \(schema).\(table)"
    if !conditions.isEmpty { query += " WHERE " + conditions.joined(separator: " AND ") }
    if let group { query += " GROUP BY \(group)" }
    query += " ORDER BY \(order)"
    var batches: [Batch] = []
    try connection.copyOut(query, fields: fields, source: "\(schema).\(table)") {
      batches.append($0)
    }
    return Answer(fields: fields, batches: batches, series: series, value: value)
  }

  private var allCompanies: String { "'\(UUIDValue(high: 0, low: 0))'" }

  private var companyLiteral: String { request.company.map { "'\($0)'" } ?? allCompanies }

  private func bounds(_ column: String, isInstant: Bool = false) -> [String] {
    // A month is asked for by any of its days.
    func literal(_ date: CalendarDate) -> String {
      isInstant ? "timestamptz '\(date) 00:00Z'" : "date '\(date)'"
    }
    let isMonth = request.grain == .month
    var conditions: [String] = []
    if let from = request.from {
      conditions.append("\(column) >= \(literal(isMonth ? from.monthStart : from))")
    }
    if let to = request.to {
      conditions.append(
        isInstant
          ? "\(column) < \(literal(to.adding(days: 1)))" : "\(column) <= \(literal(to))")
    }
    return conditions
  }

  /// The values of a column in order, read by jumping from one to the next in the index.
  private func names(
    _ column: String, of table: String, where condition: String?
  ) throws -> [String] {
    let also = condition.map { " AND \($0)" } ?? ""
    let rows = try connection.query(
      """
      WITH RECURSIVE found AS (
        (SELECT \(column) AS name FROM \(schema).\(table) WHERE true\(also)
         ORDER BY \(column) LIMIT 1)
        UNION ALL
        SELECT (SELECT \(column) FROM \(schema).\(table)
          WHERE \(column) > found.name\(also) ORDER BY \(column) LIMIT 1)
        FROM found WHERE found.name IS NOT NULL)
      SELECT name FROM found WHERE name IS NOT NULL
      """)
    return (0..<rows.count).compactMap { rows[$0, 0] }
  }

  private func valueType(_ unit: String) -> ColumnType {
    unit == "count" ? .int64 : .decimal(scale: scale(unit))
  }

  private func scale(_ unit: String) -> Int {
    switch unit {
    case "count": 0
    case "ratio": 6
    default: 4
    }
  }
}

/// Why a query has no answer.
enum QueryError: ExitStatusConvertible, Equatable {
  /// There is nothing of the name.
  case unknown(kind: String, name: String, known: [String])
  /// There are no events of a type that the source contract does not know.
  case unknownType(String)
  /// A range asks for days that pipelines count differently.
  case ambiguousPipeline(known: [String])

  var exitStatus: ExitStatus {
    if case .ambiguousPipeline = self { .usage } else { .missingInput }
  }

  var description: String {
    switch self {
    case .unknown(let kind, let name, let known):
      known.isEmpty
        ? "there is no \(kind) \(shown(name)), and none at all yet; run the pipeline first"
        : "there is no \(kind) \(shown(name))" + Suggestion.didYouMean(name, among: known)
          + "; known: \(known.joined(separator: ", "))"
    case .unknownType(let name):
      "there are no events of the type \(shown(name)) in these days"
        + Suggestion.didYouMean(name, among: EventType.allCases.map(\.rawValue))
    case .ambiguousPipeline(let known):
      "say whose days and currency count with --pipeline: \(known.joined(separator: ", "))"
    }
  }
}
