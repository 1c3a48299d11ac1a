package import AlmanacCore
import Notifications
package import Postgres

/// Tells a pipeline's webhook what is worth telling, each thing once (DECISIONS.md, D-554).
package struct Notifier {
  /// What came of telling.
  package struct Outcome: Sendable, Equatable {
    /// Messages that arrived.
    package var delivered = 0
    /// Messages that are still to be sent.
    package var pending = 0
    /// Why the last one could not be sent.
    package var failure: String?

    /// No message.
    package init() {}

    /// What a person should know, `nil` if nothing.
    package var notice: String? {
      failure.map { "\(counted(pending, "notification")) could not be sent: \($0)" }
    }
  }

  private let pipeline: PipelineDefinition
  private let notify: NotifyDefinition
  private let zone: ZoneRules
  private let pause: (Int) -> Bool

  /// A notifier of a pipeline, `nil` if the pipeline tells nobody.
  ///
  /// - Parameters:
  ///   - pipeline: the pipeline.
  ///   - zones: finds the rules of a time zone.
  package init?(_ pipeline: PipelineDefinition, zones: (String) -> ZoneRules?) {
    guard let notify = pipeline.notify,
      let zone = pipeline.countsCompanyDays ? .utc : zones(pipeline.zone)
    else { return nil }
    self.pipeline = pipeline
    self.notify = notify
    self.zone = zone
    pause = { milliseconds in
      // In steps, so that a signal ends the waiting.
      for _ in 0..<(milliseconds / 100) {
        if (try? Interruption.check()) == nil { return false }
        Interruption.pause(milliseconds: 100)
      }
      return true
    }
  }

  /// Records what is new and sends what was not sent.
  ///
  /// - Throws: `PostgresError`. That the webhook cannot be reached is part of the outcome.
  package func run(on connection: Connection) throws -> Outcome {
    let now = try connection.query(
      "SELECT (extract(epoch FROM pg_catalog.now()) * 1000000)::int8::text AS now")
    guard let now = now[0, "now"].flatMap({ Int64($0) }) else {
      throw PipelineError.unexpectedAnswer(what: "no time")
    }
    try connection.transaction {
      try AlertReading(connection: connection, pipeline: pipeline, notify: notify, zone: zone)
        .record(now: Timestamp(microseconds: now))
    }
    return try deliver(on: connection)
  }

  /// Records that a run failed before the ledger knew of it, once a day, and sends it; without a
  /// target it is only sent.
  package func tell(early error: String, on connection: Connection?, now: Timestamp) -> Outcome {
    let day = now.dateUTC.description
    let alert = Alert(
      kind: .failure, subject: "start on \(day)", pipeline: pipeline.name,
      occurredAt: now.description,
      text: "almanac: \(pipeline.name) failed: \(error)",
      members: [("error", JSONText.quoted(error))])
    guard notify.events.contains(.failure) else { return Outcome() }
    if let connection {
      do {
        try alert.record(on: connection)
        return try deliver(on: connection)
      } catch {
        // The target is what fails; then nobody can say whether this was told before.
      }
    }
    var outcome = Outcome()
    do throws(WebhookError) {
      try notify.webhook.send(
        alert.payload(), identity: "\(pipeline.name) start on \(day)", pause: pause)
      outcome.delivered = 1
    } catch {
      outcome.pending = 1
      outcome.failure = error.description
    }
    return outcome
  }

  /// Sends a message that says so, to try the webhook.
  ///
  /// - Throws: ``NotifierError`` if it does not arrive.
  package func test(now: Timestamp) throws {
    var object = JSONText()
    object.add("text", text: "almanac: \(pipeline.name) can reach this webhook")
    object.add("kind", text: "test")
    object.add("pipeline", text: pipeline.name)
    object.add("occurred_at", text: now.description)
    do throws(WebhookError) {
      try notify.webhook.send(object.finish(), identity: "test \(now)", pause: pause)
    } catch {
      throw NotifierError(reason: error.description)
    }
  }

  /// How many days a message that cannot be sent is kept for another try.
  static let keptDays = 7

  /// Sends what was not sent, the oldest first, until nobody answers.
  ///
  /// A message that is refused for what it is does not keep the others from being sent.
  /// Each message is locked while it is on its way, so that two programs do not send it both.
  private func deliver(on connection: Connection) throws -> Outcome {
    var outcome = Outcome()
    var refused: [String] = []
    var isReachable = true
    while isReachable {
      let found = try connection.transaction { () throws -> Bool in
        let rows = try connection.query(
          """
          SELECT notification_id, payload || jsonb_build_object('id', notification_id) AS payload
          FROM almanac.notifications
          WHERE pipeline = $1 AND delivered_at IS NULL
            AND created_at > now() - interval '\(Self.keptDays) days'
            AND notification_id::text <> ALL ($2::text[])
          ORDER BY occurred_at, created_at LIMIT 1 FOR UPDATE SKIP LOCKED
          """, [pipeline.name, "{" + refused.joined(separator: ",") + "}"])
        guard rows.count == 1, let identity = rows[0, "notification_id"],
          let payload = rows[0, "payload"]
        else { return false }
        var failure: String?
        do throws(WebhookError) {
          try notify.webhook.send(payload, identity: identity, pause: pause)
          outcome.delivered += 1
        } catch {
          failure = error.description
          outcome.failure = failure
          refused.append(identity)
          isReachable = !error.isRetryable
        }
        try connection.run(
          """
          UPDATE almanac.notifications SET attempted_at = clock_timestamp(), error = $2,
            delivered_at = CASE WHEN $2::text IS NULL THEN clock_timestamp() END
          WHERE notification_id = $1
          """, [identity, failure])
        return true
      }
      if !found { break }
    }
    if outcome.failure != nil {
      let rows = try connection.query(
        """
        SELECT count(*) AS pending FROM almanac.notifications
        WHERE pipeline = $1 AND delivered_at IS NULL
          AND created_at > now() - interval '\(Self.keptDays) days'
        """, [pipeline.name])
      outcome.pending = rows[0, "pending"].flatMap { Int($0) } ?? 0
    }
    return outcome
  }
}

/// A message that did not arrive.
package struct NotifierError: ExitStatusConvertible {
  /// Why.
  package let reason: String

  /// A message that did not arrive for a reason in words.
  package init(reason: String) {
    self.reason = reason
  }

  /// The same command may succeed later.
  package var exitStatus: ExitStatus { .unavailable }
  /// One line.
  package var description: String { reason }
}
