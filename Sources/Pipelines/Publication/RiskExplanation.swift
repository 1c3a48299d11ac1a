package import AlmanacCore
package import Postgres
import Predictions

/// Published predictions about one company with what they are made of, for a person to check.
package struct RiskExplanation: Sendable {
  /// One row of the prediction.
  package struct Prediction: Sendable {
    /// Which of the version's models it comes from, such as `days_0_30` or `tier`.
    package var part: String
    /// What it says, by the names of the columns.
    package var figures: [(name: String, value: String?)]
    /// What it is made of, largest first and the base last.
    package var reasons: [Reason]
  }

  /// What a feature adds to the log-odds.
  package struct Reason: Sendable {
    /// The feature's name; `base` for what every row begins with.
    package var feature: String
    /// Its value as it was seen; `nil` where it is missing or no number.
    package var value: Double?
    /// What it adds to the log-odds; NaN where what was published does not say.
    package var contribution: Double
    /// The same in words; empty where what was published has none.
    package var text: String
  }

  /// Statements that give from the source what a feature is made of.
  package struct Check: Sendable {
    /// The feature, or what several are made of.
    package var feature: String
    /// A statement for each quantity, which gives its value; none where only rows say it.
    package var values: [String]
    /// A statement for each quantity, which gives the rows behind it, the newest first.
    package var rows: [String]
  }

  /// What a statement finds.
  package struct Found: Sendable {
    /// The names of the columns.
    package var columns: [String]
    /// The newest rows, as text.
    package var rows: [[String?]]
    /// The number of all rows.
    package var total: String
  }

  /// The model's name.
  package let model: String
  /// The company.
  package let company: UUIDValue
  /// The day that was predicted for.
  package let asOf: CalendarDate
  /// The run.
  package let run: String
  /// The version, or the label of the share that stands in for a model.
  package let version: String
  /// The rows, in the order of their rank.
  package let predictions: [Prediction]
  /// The statements, in the order of the features.
  package let checks: [Check]

  /// The version of predictions that a share stands in for.
  package static let baseline = RiskSource.baselineName
}

extension RiskExplanation {
  /// Reads what was published last about a company.
  ///
  /// - Parameters:
  ///   - connection: a connection to the target.
  ///   - model: the model's name.
  ///   - company: the company.
  ///   - date: the day that was predicted for; `nil` for what readers see now.
  ///   - project: the definitions, whose datasets say where rows are.
  /// - Throws: ``PipelineError/noSuchPrediction(what:)`` where there is none, with what there is; a
  ///   `PostgresError`.
  package init(
    _ connection: Connection, model: String, company: UUIDValue, asOf date: CalendarDate?,
    project: Project
  ) throws {
    self.model = model
    self.company = company
    let found = try RiskExplanation.run(connection, model, date)
    (run, asOf) = (found.run, found.date)
    let rows = try connection.query(
      """
      SELECT model_version, part FROM (\(RiskExplanation.found)) AS found ORDER BY place
      """, [run, model, company.description])
    guard rows.count > 0, let version = rows[0, "model_version"] else {
      throw try RiskExplanation.missing(connection, model, company, found.date)
    }
    self.version = version
    var predictions = (0..<rows.count).map {
      Prediction(part: rows[$0, "part"] ?? "", figures: [], reasons: [])
    }
    let wanted = [run, model, company.description]
    try RiskExplanation.readFigures(of: &predictions, connection, wanted)
    try RiskExplanation.readReasons(of: &predictions, connection, wanted)
    self.predictions = predictions
    checks = try RiskExplanation.checks(
      connection, model, version, company, asOf: found.date, run: found.run, project)
  }

  /// What a run says of a company, by its number ($1), the model ($2) and the company ($3): the row,
  /// its version, the part of the model and the place in the order.
  private static let found = """
    SELECT model_version, to_jsonb(c) AS r, 'days_0_30' AS part, ARRAY['1'] AS place
    FROM predictions.churn_risk AS c WHERE run_id = $1 AND model = $2 AND company_id = $3
    UNION ALL
    SELECT model_version, to_jsonb(u), CASE kind WHEN 'tier_upgrade' THEN 'tier' ELSE 'modules' END,
      ARRAY[lpad(rank::text, 10, '0')]
    FROM predictions.upsell_opportunities AS u
    WHERE run_id = $1 AND model = $2 AND company_id = $3
    UNION ALL
    SELECT model_version, to_jsonb(i), '\(PaymentForecast.part)',
      ARRAY['1', invoice_id::text, payment_method_id::text]
    FROM predictions.payment_failure_risk AS i
    WHERE run_id = $1 AND model = $2 AND company_id = $3
    UNION ALL
    SELECT model_version, to_jsonb(m), '\(PaymentForecast.part)', ARRAY['2', payment_method_id::text]
    FROM predictions.payment_method_risk AS m
    WHERE run_id = $1 AND model = $2 AND company_id = $3
    """

  /// The run that was published last, of a day or of any.
  private static func run(
    _ connection: Connection, _ model: String, _ date: CalendarDate?
  ) throws -> (run: String, date: CalendarDate) {
    let rows = try connection.query(
      """
      SELECT run_id, as_of FROM almanac.published_runs
      WHERE model = $1 AND ($2::date IS NULL OR as_of = $2::date)
      ORDER BY publication_id DESC LIMIT 1
      """, [model, date?.description])
    if rows.count == 1, let run = rows[0, "run_id"],
      let day = rows[0, "as_of"].flatMap({ CalendarDate($0) })
    {
      return (run, day)
    }
    let others = try connection.query(
      """
      SELECT string_agg(DISTINCT model, ', ' ORDER BY model) AS models,
        (SELECT as_of FROM almanac.published_runs WHERE model = $1
          ORDER BY abs(as_of - $2::date), as_of LIMIT 1) AS nearest
      FROM almanac.published_runs
      """, [model, date?.description])
    if let date, let nearest = others[0, "nearest"] {
      throw PipelineError.noSuchPrediction(
        what: "\(model) published nothing as of \(date)", hint: "the nearest day is \(nearest)")
    }
    let isForecast =
      try connection.query(
        "SELECT 1 FROM predictions.revenue_forecasts WHERE model = $1 LIMIT 1", [model]
      ).count > 0
    if isForecast {
      throw PipelineError.noSuchPrediction(
        what: "\(model) forecasts sums of companies, which features of one do not explain",
        hint: "`explain` is for models of churn, upsell and payment failure")
    }
    throw PipelineError.noSuchPrediction(
      what: "nothing of a model \(model) is published",
      hint: others[0, "models"].map { "there is something of \($0)" }
        ?? "run the pipeline with its publish stage first")
  }

  /// Why nothing is said of a company.
  private static func missing(
    _ connection: Connection, _ model: String, _ company: UUIDValue, _ date: CalendarDate
  ) throws -> PipelineError {
    let rows = try connection.query(
      """
      SELECT max(as_of) AS last FROM (
        SELECT run_id FROM predictions.churn_risk WHERE company_id = $1 AND model = $2
        UNION ALL
        SELECT run_id FROM predictions.upsell_opportunities WHERE company_id = $1 AND model = $2
        UNION ALL
        SELECT run_id FROM predictions.payment_failure_risk WHERE company_id = $1 AND model = $2
        UNION ALL
        SELECT run_id FROM predictions.payment_method_risk WHERE company_id = $1 AND model = $2)
        AS found JOIN almanac.published_runs AS p USING (run_id) WHERE p.model = $2
      """, [company.description, model])
    return .noSuchPrediction(
      what: "\(model) says nothing of company \(company) as of \(date)",
      hint: rows[0, "last"].map { "it did as of \($0); give --as-of \($0)" }
        ?? "companies without MRR, or with nothing to pay, are not scored; check the identifier")
  }

  /// Reads what the rows say, by the names of their columns.
  private static func readFigures(
    of predictions: inout [Prediction], _ connection: Connection, _ wanted: [String]
  ) throws {
    let rows = try connection.query(
      """
      SELECT number, key, value
      FROM (SELECT row_number() OVER (ORDER BY place) - 1 AS number, r FROM (\(found)) AS found)
          AS numbered,
        LATERAL jsonb_each_text(r - ARRAY['reasons', 'actions', 'company_id', 'run_id', 'model',
          'feature_digest'])
      ORDER BY number, key COLLATE "C"
      """, wanted)
    for row in 0..<rows.count {
      guard let number = rows[row, "number"].flatMap({ Int($0) }) else { continue }
      predictions[number].figures.append((rows[row, "key"] ?? "", rows[row, "value"]))
    }
  }

  /// Reads what the rows are made of.
  private static func readReasons(
    of predictions: inout [Prediction], _ connection: Connection, _ wanted: [String]
  ) throws {
    let rows = try connection.query(
      """
      SELECT number, e ->> 'feature' AS feature, e ->> 'value' AS value,
        e ->> 'contribution' AS contribution, e ->> 'text' AS text
      FROM (SELECT row_number() OVER (ORDER BY place) - 1 AS number, r -> 'reasons' AS reasons
          FROM (\(found)) AS found) AS numbered,
        LATERAL jsonb_array_elements(reasons) WITH ORDINALITY AS elements (e, position)
      ORDER BY number, position
      """, wanted)
    for row in 0..<rows.count {
      guard let number = rows[row, "number"].flatMap({ Int($0) }) else { continue }
      predictions[number].reasons.append(
        Reason(
          feature: rows[row, "feature"] ?? "", value: rows[row, "value"].flatMap { Double($0) },
          contribution: rows[row, "contribution"].flatMap { Double($0) } ?? .nan,
          text: rows[row, "text"] ?? ""))
    }
  }

  /// The statements for the features of a version, or of the definition where a share stands in.
  private static func checks(
    _ connection: Connection, _ model: String, _ version: String, _ company: UUIDValue,
    asOf date: CalendarDate, run: String, _ project: Project
  ) throws -> [Check] {
    let pipelines = try connection.query(
      "SELECT pipeline FROM almanac.runs WHERE run_id = $1", [run])
    let zone =
      (pipelines.count == 1 ? pipelines[0, 0] : nil).flatMap { project.pipeline($0)?.zone } ?? "UTC"
    let kept = try RiskChampion.definition(of: model, version, on: connection)
    guard let definition = kept ?? project.risk(model) else { return [] }
    let statement = FeatureStatement(
      definition: definition, project: project, company: company, asOf: date,
      // A calendar of each company's own is said in UTC.
      zone: zone == PipelineDefinition.companyZone ? "UTC" : zone)
    if definition.payments != nil { return statement.payments }
    return definition.features.compactMap { feature in
      let quantities = feature.kind.quantities
      let check = Check(
        feature: feature.name, values: quantities.compactMap { statement.value($0) },
        rows: quantities.compactMap { statement.rows($0) }
          + [
            feature.attribute.flatMap { statement.attribute($0) },
            feature.holding.flatMap { statement.holding($0) },
          ].compactMap(\.self))
      return check.rows.isEmpty ? nil : check
    }
  }
}

extension RiskExplanation.Check {
  /// Runs the statements in the source.
  ///
  /// - Parameters:
  ///   - source: a connection to the source.
  ///   - limit: the most rows that are kept of each statement.
  /// - Returns: what the statements for values give, a line each, and what those for rows find.
  /// - Throws: a `PostgresError`.
  package func run(
    on source: Connection, limit: Int
  ) throws -> (values: [String], rows: [RiskExplanation.Found]) {
    try source.run("SET TIME ZONE 'UTC'")
    let values = try values.map { sql in
      let found = try source.query(sql)
      return (0..<found.count).map { row in
        found.columns.indices.map { found[row, $0] ?? "null" }.joined(separator: ": ")
      }.joined(separator: ", ")
    }
    return (
      values,
      try rows.map { sql in
        let body = sql.hasSuffix(";") ? String(sql.dropLast()) : sql
        let total = try source.query("SELECT count(*) FROM (\(body)) AS rows")
        let found = try source.query("\(body) LIMIT \(limit)")
        return RiskExplanation.Found(
          columns: found.columns,
          rows: (0..<found.count).map { row in found.columns.indices.map { found[row, $0] } },
          total: total[0, 0] ?? "0")
      }
    )
  }
}
