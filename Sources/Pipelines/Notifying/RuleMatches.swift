import AlmanacCore
import Postgres

/// What a rule of the business finds on a day.
struct RuleMatches {
  /// One company, or all of them together, with the value that counts.
  private struct Match {
    var company: String
    var value: String
    var unit: String
    var at: String
  }

  /// How many matches a message shows.
  static let shownCount = 10
  /// How many days back an anomaly may have begun: a shift of level is only seen after a few days.
  static let anomalyDays = 7

  /// How many there are.
  let count: Int
  /// The day or month that was looked at.
  let period: String
  private let matches: [Match]
  private let metric: String

  /// Looks for what matches, the greatest first.
  init(
    _ rule: NotifyRule, of pipeline: String, date: String, on connection: Connection
  ) throws {
    metric = rule.metric.name
    let companies = rule.isByCompany ? "<>" : "="
    let sql: String
    let parameters: [String?]
    switch rule.condition {
    case .metric(let name, let isMonthly, let limit):
      let (table, column) = isMonthly ? ("monthly", "month") : ("daily", "date")
      // A month has metrics once it is over, so that on most days the newest is the one before.
      let month = CalendarDate(date).map { $0.adding(days: 1).monthStart(adding: -1) }
      let day = "$2::date"
      period = isMonthly ? String((month?.description ?? date).prefix(7)) : date
      let looked = isMonthly ? month?.description ?? date : date
      let (test, order, number) =
        switch limit {
        case .above(let number): ("m.value > $3::numeric", "DESC", number)
        case .below(let number): ("m.value < $3::numeric", "ASC", number)
        case .reaches(let number):
          (
            """
            m.value >= $3::numeric AND NOT EXISTS (
              SELECT FROM analytics.\(table)_metrics AS e
              WHERE e.company_id = m.company_id AND e.metric_name = m.metric_name
                AND e.dimension = '' AND e.\(column) < m.\(column) AND e.value >= $3::numeric)
            """, "DESC", number
          )
        }
      sql = """
        SELECT m.company_id, trim_scale(m.value)::text AS value,
          coalesce(m.currency, CASE WHEN m.unit = 'days' THEN 'days' ELSE '' END) AS unit,
          m.\(column)::text AS at, count(*) OVER () AS count
        FROM analytics.\(table)_metrics AS m
        WHERE m.metric_name = $1 AND m.dimension = '' AND m.\(column) = \(day)
          AND m.company_id \(companies) '\(UUIDValue.zero)' AND \(test)
        ORDER BY m.value \(order), m.company_id LIMIT \(Self.shownCount)
        """
      parameters = [name.name, looked, number]
    case .anomaly(let name, let kind):
      period = date
      sql = """
        SELECT a.company_id, a.kind || ', ' || coalesce(trim_scale(round(a.actual::numeric, 2))::text,
            'nothing') || ' instead of ' || trim_scale(round(a.expected::numeric, 2)) AS value,
          '' AS unit, a.at::text AS at, count(*) OVER () AS count
        FROM analytics.anomalies AS a
        WHERE a.metric_name = $1 AND a.at > $2::date - \(Self.anomalyDays) AND a.at <= $2::date
          AND ($3::text IS NULL OR a.kind = $3::text)
          AND a.company_id \(companies) '\(UUIDValue.zero)'
          AND (a.at = $2::date OR a.kind = 'level_shift' AND NOT EXISTS (
            SELECT FROM almanac.notifications AS told
            WHERE told.pipeline = $4 AND told.kind = 'rule' AND told.payload ->> 'rule' = $5
              AND told.payload -> 'matches' @> jsonb_build_array(jsonb_build_object(
                'company', nullif(a.company_id, '\(UUIDValue.zero)'), 'at', a.at::text))))
        ORDER BY abs(a.score) DESC, a.company_id, a.at LIMIT \(Self.shownCount)
        """
      parameters = [name.name, date, kind, pipeline, rule.name]
    }
    let rows = try connection.query(sql, parameters)
    count = rows.count > 0 ? rows[0, "count"].flatMap { Int($0) } ?? 0 : 0
    matches = (0..<rows.count).map { row in
      Match(
        company: rows[row, "company_id"] ?? "", value: rows[row, "value"] ?? "",
        unit: (rows[row, "unit"] ?? "").trimmed, at: rows[row, "at"] ?? "")
    }
  }

  /// What was found, in words; `nil` if nothing was.
  var words: String? {
    guard !matches.isEmpty else { return nil }
    let parts = matches.map { match in
      let value = "\(metric) \(match.value)" + (match.unit.isEmpty ? "" : " \(match.unit)")
      return match.company == UUIDValue.zero.description
        ? "\(value) of all companies" : "\(value) of company \(match.company)"
    }
    let more = count - matches.count
    return parts.joined(separator: "; ") + (more > 0 ? "; and \(more) more" : "")
  }

  /// What was found, as a JSON array.
  var json: String {
    "["
      + matches.map { match in
        var object = JSONText()
        object.add(
          "company", text: match.company == UUIDValue.zero.description ? nil : match.company)
        object.add("value", text: match.value)
        object.add("unit", text: match.unit.isEmpty ? nil : match.unit)
        object.add("at", text: match.at)
        return object.finish()
      }.joined(separator: ",") + "]"
  }
}

extension String {
  fileprivate var trimmed: String {
    String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }
}
