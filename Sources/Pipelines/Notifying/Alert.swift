import AlmanacCore
import Postgres

/// One thing worth telling.
struct Alert: Sendable {
  /// What it is.
  enum Kind: String, Sendable {
    case failure, recovery, gate, late, rule
  }

  var kind: Kind
  /// What tells it from others of its kind.
  var subject: String
  var pipeline: String
  var run: String?
  /// The night it is about.
  var date: String?
  /// When it happened, as PostgreSQL reads instants.
  var occurredAt: String
  /// What a person reads, in one line, as Slack shows it.
  var text: String
  /// Further members of the message, as JSON.
  var members: [(name: String, json: String)] = []

  /// The message as a JSON object; `text` is what Slack and its likes show.
  func payload() -> String {
    var object = JSONText()
    object.add("text", text: Alert.escaped(text))
    object.add("kind", text: kind.rawValue)
    object.add("pipeline", text: pipeline)
    object.add("date", text: date)
    object.add("run", text: run)
    object.add("occurred_at", text: occurredAt)
    for member in members { object.add(member.name, raw: member.json) }
    return object.finish()
  }

  /// Text on one line in which nothing is a link or a mention: Slack takes `<…>` for one.
  private static func escaped(_ text: String) -> String {
    text.split(whereSeparator: \.isNewline).joined(separator: " ")
      .replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
  }

  /// Records the alert unless it was recorded before.
  func record(on connection: Connection) throws {
    try connection.run(
      """
      INSERT INTO almanac.notifications (pipeline, kind, subject, run_id, payload, occurred_at)
      VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (pipeline, kind, subject) DO NOTHING
      """, [pipeline, kind.rawValue, subject, run, payload(), occurredAt])
  }
}
