package import Postgres

/// What monitoring asks of the runs of a target, in the text format of Prometheus.
package struct RunMetrics: Sendable {
  /// A gauge: its name and what it tells.
  package struct Gauge: Sendable {
    package var name: String
    package var help: String
  }

  /// One value of a gauge.
  package struct Sample: Sendable, Equatable {
    /// The gauge's name.
    package var name: String
    /// The pipeline, `nil` where the value is of none.
    package var pipeline: String?
    /// The stage, `nil` where the value is of none.
    package var stage: String?
    /// The value in the unit that the name ends with.
    package var value: Double

    /// A value of the given parts.
    package init(name: String, pipeline: String?, stage: String?, value: Double) {
      self.name = name
      self.pipeline = pipeline
      self.stage = stage
      self.value = value
    }
  }

  /// All gauges, in the order in which they are written.
  package static let gauges = [
    Gauge(
      name: "almanac_run_success", help: "Whether the newest run of the pipeline ended well."),
    Gauge(
      name: "almanac_run_start_timestamp_seconds", help: "When the newest run began."),
    Gauge(name: "almanac_run_duration_seconds", help: "How long the newest run took."),
    Gauge(
      name: "almanac_run_last_success_timestamp_seconds",
      help: "When the last run that ended well did so."),
    Gauge(
      name: "almanac_run_last_success_date_timestamp_seconds",
      help: "The latest date that a run has finished, as its start in UTC."),
    Gauge(
      name: "almanac_stage_duration_seconds", help: "How long the stage took in the newest run."),
    Gauge(name: "almanac_stage_rows_read", help: "Rows that the stage read in the newest run."),
    Gauge(
      name: "almanac_stage_rows_written", help: "Rows that the stage wrote in the newest run."),
    Gauge(
      name: "almanac_publication_timestamp_seconds",
      help: "When the predictions that readers see were published."),
    Gauge(
      name: "almanac_publication_valid_until_timestamp_seconds",
      help: "Until when the predictions that readers see are meant to be read."),
  ]

  /// The values.
  package var samples: [Sample]

  /// Metrics of the given values.
  package init(samples: [Sample]) {
    self.samples = samples
  }

  /// Reads the newest runs of every pipeline.
  package init(_ connection: Connection) throws {
    let rows = try connection.query(RunMetrics.query)
    samples = (0..<rows.count).compactMap { row in
      guard let name = rows[row, "name"], let value = rows[row, "value"].flatMap({ Double($0) })
      else { return nil }
      return Sample(
        name: name, pipeline: rows[row, "pipeline"], stage: rows[row, "stage"], value: value)
    }
  }

  /// The text, with a line feed at the end; a gauge without a value is left out.
  package var text: String {
    var text = ""
    for gauge in RunMetrics.gauges {
      let own = samples.filter { $0.name == gauge.name }
      if own.isEmpty { continue }
      text += "# HELP \(gauge.name) \(gauge.help)\n# TYPE \(gauge.name) gauge\n"
      for sample in own {
        let labels = [("pipeline", sample.pipeline), ("stage", sample.stage)]
          .compactMap { name, value in value.map { "\(name)=\"\(RunMetrics.escaped($0))\"" } }
        text +=
          sample.name + (labels.isEmpty ? "" : "{\(labels.joined(separator: ","))}")
          + " \(sample.value)\n"
      }
    }
    return text
  }

  /// A label's value with what the format escapes.
  private static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\"": result += "\\\""
      case "\n": result += "\\n"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  private static let query = """
    WITH newest AS (
      SELECT DISTINCT ON (pipeline) * FROM almanac.runs ORDER BY pipeline, started_at DESC),
    good AS (
      SELECT pipeline, extract(epoch FROM max(finished_at)) AS finished,
        extract(epoch FROM max(logical_date)) AS date
      FROM almanac.runs WHERE status = 'succeeded' AND \(LedgerReading.isWhole)
      GROUP BY pipeline),
    published AS (SELECT * FROM almanac.published ORDER BY publication_id DESC LIMIT 1)
    SELECT name, pipeline, stage, value::float8 AS value FROM (
      SELECT 'almanac_run_success' AS name, pipeline, NULL AS stage,
        CASE WHEN status = 'succeeded' THEN 1 ELSE 0 END AS value FROM newest
      UNION ALL SELECT 'almanac_run_start_timestamp_seconds', pipeline, NULL,
        extract(epoch FROM started_at) FROM newest
      UNION ALL SELECT 'almanac_run_duration_seconds', pipeline, NULL,
        extract(epoch FROM finished_at - started_at) FROM newest
      UNION ALL SELECT 'almanac_run_last_success_timestamp_seconds', pipeline, NULL, finished FROM good
      UNION ALL SELECT 'almanac_run_last_success_date_timestamp_seconds', pipeline, NULL, date FROM good
      UNION ALL SELECT 'almanac_stage_duration_seconds', n.pipeline, s.stage,
        extract(epoch FROM s.finished_at - s.started_at)
        FROM newest AS n JOIN almanac.stage_runs AS s ON s.run_id = n.run_id
      UNION ALL SELECT 'almanac_stage_rows_read', n.pipeline, s.stage, s.rows_in
        FROM newest AS n JOIN almanac.stage_runs AS s ON s.run_id = n.run_id
      UNION ALL SELECT 'almanac_stage_rows_written', n.pipeline, s.stage, s.rows_out
        FROM newest AS n JOIN almanac.stage_runs AS s ON s.run_id = n.run_id
      UNION ALL SELECT 'almanac_publication_timestamp_seconds', NULL, NULL,
        extract(epoch FROM published_at) FROM published
      UNION ALL SELECT 'almanac_publication_valid_until_timestamp_seconds', NULL, NULL,
        extract(epoch FROM valid_until) FROM published) AS samples
    WHERE value IS NOT NULL ORDER BY name, pipeline, stage
    """
}
