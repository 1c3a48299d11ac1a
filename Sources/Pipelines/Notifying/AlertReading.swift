import AlmanacCore
import Postgres

/// What of the ledger and of the numbers is worth telling.
///
/// Everything is found from what is stored, so that what a crash kept from being told is found by the
/// next run, and recorded once because each alert has a subject of its own (DECISIONS.md, D-554).
struct AlertReading {
  let connection: Connection
  let pipeline: PipelineDefinition
  let notify: NotifyDefinition
  let zone: ZoneRules

  /// The instant as PostgreSQL reads it, in UTC.
  private static let instant = #"to_char(%@ AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"#

  private static func instant(_ column: String) -> String {
    instant.replacing("%@", with: column)
  }

  /// Records what is new.
  func record(now: Timestamp) throws {
    var alerts: [Alert] = []
    if notify.events.contains(.failure) { alerts += try failures() }
    for alert in alerts { try alert.record(on: connection) }
    alerts = []
    if notify.events.contains(.recovery) { alerts += try recoveries() }
    if notify.events.contains(.gate) { alerts += try refusals() }
    if notify.events.contains(.late) { alerts += try late(now: now) }
    alerts += try rules()
    for alert in alerts { try alert.record(on: connection) }
  }

  /// The first failed run of each night since the last one that did its night.
  ///
  /// An attempt that the same process followed by another one is none.
  /// Runs of some stages only are the business of whoever started them.
  private func failures() throws -> [Alert] {
    let rows = try connection.query(
      """
      WITH ended AS (
        SELECT run_id, logical_date, status, error, finished_at, started_at,
          count(*) FILTER (WHERE status = 'succeeded') OVER (ORDER BY started_at, run_id) AS streak
        FROM almanac.runs AS r
        WHERE pipeline = $1 AND status IN ('succeeded', 'failed')
          AND \(LedgerReading.isWhole)
          AND NOT (status = 'failed' AND EXISTS (SELECT FROM almanac.runs AS next
            WHERE next.pipeline = r.pipeline AND next.logical_date = r.logical_date
              AND next.pid = r.pid AND next.host = r.host AND next.started_at > r.started_at))),
      first AS (
        SELECT DISTINCT ON (streak, logical_date) * FROM ended WHERE status = 'failed'
        ORDER BY streak, logical_date, started_at, run_id)
      SELECT run_id, logical_date, coalesce(error, 'no reason recorded') AS error,
        \(Self.instant("finished_at")) AS at,
        (SELECT stage FROM almanac.stage_runs AS s
          WHERE s.run_id = first.run_id AND s.status = 'failed' ORDER BY sequence LIMIT 1) AS stage
      FROM first WHERE finished_at > now() - interval '1 day' ORDER BY finished_at
      """, [pipeline.name])
    return (0..<rows.count).map { row in
      let (run, date) = (rows[row, "run_id"] ?? "", rows[row, "logical_date"] ?? "")
      let (error, stage) = (rows[row, "error"] ?? "", rows[row, "stage"])
      let place = stage.map { " in stage \($0)" } ?? ""
      return Alert(
        kind: .failure, subject: "run \(run)", pipeline: pipeline.name, run: run, date: date,
        occurredAt: rows[row, "at"] ?? "",
        text: "almanac: \(pipeline.name) for \(date) failed\(place): \(error). "
          + "To go on: almanac run \(pipeline.name)",
        members: [
          ("error", JSONText.quoted(error)), ("stage", stage.map(JSONText.quoted) ?? "null"),
        ])
    }
  }

  /// The first run that did its night after a failure that was told.
  private func recoveries() throws -> [Alert] {
    let rows = try connection.query(
      """
      WITH failed AS (
        SELECT max(occurred_at) AS at FROM almanac.notifications
        WHERE pipeline = $1 AND kind = 'failure')
      SELECT run_id, logical_date, \(Self.instant("finished_at")) AS at
      FROM almanac.runs, failed
      WHERE pipeline = $1 AND status = 'succeeded' AND \(LedgerReading.isWhole)
        AND finished_at > failed.at AND finished_at > now() - interval '1 day'
        AND NOT EXISTS (SELECT FROM almanac.notifications AS told
          WHERE told.pipeline = $1 AND told.kind = 'recovery' AND told.occurred_at >= failed.at)
      ORDER BY finished_at LIMIT 1
      """, [pipeline.name])
    return (0..<rows.count).map { row in
      let (run, date) = (rows[row, "run_id"] ?? "", rows[row, "logical_date"] ?? "")
      return Alert(
        kind: .recovery, subject: "run \(run)", pipeline: pipeline.name, run: run, date: date,
        occurredAt: rows[row, "at"] ?? "",
        text: "almanac: \(pipeline.name) for \(date) succeeded again")
    }
  }

  /// The first refusal of each model after one that passed.
  private func refusals() throws -> [Alert] {
    let rows = try connection.query(
      """
      WITH decided AS (
        SELECT g.run_id, g.model, g.passed, g.decision, g.reason, g.decided_at, r.logical_date,
          lag(g.passed) OVER (PARTITION BY g.model ORDER BY g.decided_at, g.run_id) AS before
        FROM almanac.gate_results AS g JOIN almanac.runs AS r ON r.run_id = g.run_id
        WHERE r.pipeline = $1)
      SELECT run_id, model, decision, reason, logical_date, \(Self.instant("decided_at")) AS at
      FROM decided
      WHERE NOT passed AND before IS DISTINCT FROM false AND decided_at > now() - interval '1 day'
      ORDER BY decided_at, model
      """, [pipeline.name])
    return (0..<rows.count).map { row in
      let (run, date) = (rows[row, "run_id"] ?? "", rows[row, "logical_date"] ?? "")
      let (model, reason) = (rows[row, "model"] ?? "", rows[row, "reason"] ?? "")
      let decision = rows[row, "decision"] ?? ""
      let serving = decision == "kept" ? "the champion stays" : "the baseline is shown"
      return Alert(
        kind: .gate, subject: "run \(run) model \(model)", pipeline: pipeline.name, run: run,
        date: date, occurredAt: rows[row, "at"] ?? "",
        text: "almanac: model \(model) of \(pipeline.name) for \(date) was refused, \(serving): "
          + reason,
        members: [
          ("model", JSONText.quoted(model)), ("decision", JSONText.quoted(decision)),
          ("reason", JSONText.quoted(reason)),
        ])
    }
  }

  /// The newest night whose deadline is over, unless it was done by then.
  private func late(now: Timestamp) throws -> [Alert] {
    guard let deadline = pipeline.deadline else { return [] }
    let patience = deadline.components.seconds * 1_000_000
    let reference = Timestamp(microseconds: now.microseconds - patience)
    guard let (due, day) = pipeline.schedule.latest(upTo: reference, zone: zone) else { return [] }
    let end = Timestamp(microseconds: due.microseconds + patience)
    let date = day.adding(days: -1)
    let rows = try connection.query(
      """
      SELECT count(*) FILTER (WHERE status = 'succeeded' AND \(LedgerReading.isWhole)
          AND logical_date >= $2 AND finished_at <= $3) > 0 AS done,
        count(*) FILTER (WHERE started_at < $4) > 0 AS known,
        count(*) FILTER (WHERE status = 'running') > 0 AS running
      FROM almanac.runs WHERE pipeline = $1
      """, [pipeline.name, date.description, end.description, due.description])
    // A pipeline that never ran before is not late on the day it is set up.
    guard rows[0, "done"] != "t", rows[0, "known"] == "t" else { return [] }
    return [
      Alert(
        kind: .late, subject: "due \(due)", pipeline: pipeline.name, run: nil,
        date: date.description, occurredAt: end.description,
        text: "almanac: \(pipeline.name) for \(date) is late: due at \(due), it was not done by "
          + "\(end)" + (rows[0, "running"] == "t" ? "; a run is at work" : ""),
        members: [
          ("due_at", JSONText.quoted(due.description)),
          ("deadline_at", JSONText.quoted(end.description)),
        ])
    ]
  }

  /// What the rules of the business find on the newest day that is done.
  private func rules() throws -> [Alert] {
    guard !notify.rules.isEmpty else { return [] }
    let newest = try connection.query(
      """
      SELECT run_id, logical_date, \(Self.instant("finished_at")) AS at FROM almanac.runs AS r
      WHERE pipeline = $1 AND status = 'succeeded' AND finished_at > now() - interval '1 day'
        AND logical_date = (SELECT max(logical_date) FROM almanac.runs
          WHERE pipeline = $1 AND status = 'succeeded')
      ORDER BY finished_at DESC LIMIT 1
      """, [pipeline.name])
    guard newest.count == 1, let run = newest[0, "run_id"], let date = newest[0, "logical_date"]
    else { return [] }
    return try notify.rules.compactMap { rule in
      let matches = try RuleMatches(rule, of: pipeline.name, date: date, on: connection)
      guard let words = matches.words else { return nil }
      return Alert(
        kind: .rule, subject: "\(rule.name) \(matches.period)", pipeline: pipeline.name, run: run,
        date: date, occurredAt: newest[0, "at"] ?? "",
        text: "almanac: \(rule.name) on \(matches.period): \(words)",
        members: [
          ("rule", JSONText.quoted(rule.name)), ("metric", JSONText.quoted(rule.metric.name)),
          ("count", String(matches.count)), ("matches", matches.json),
        ])
    }
  }
}
