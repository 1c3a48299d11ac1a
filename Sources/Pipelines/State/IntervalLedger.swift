import AlmanacCore
import Postgres

/// What a stage has written for an interval, by digests.
struct IntervalEntry: Equatable, Sendable {
  /// The first day.
  var start: CalendarDate
  /// The day after the last one.
  var end: CalendarDate
  /// The digest of what it was made from.
  var inputs: String
  /// The digest of the settings.
  var settings: String
  /// The digest of the rows; empty where the stage does not compare them.
  var outputs: String
  /// The number of rows.
  var rows: Int
}

extension [CalendarDate: IntervalEntry] {
  /// Whether what stands for an interval was written with these settings and has these rows.
  func holds(_ entry: IntervalEntry) -> Bool {
    guard let known = self[entry.start] else { return false }
    return known.outputs == entry.outputs && known.settings == entry.settings
  }
}

/// The intervals of one stage, or of one grain of it, in the ledger.
struct IntervalLedger: Sendable {
  /// The name under which the intervals are kept.
  let stage: String
  /// The run that writes.
  let run: UUIDValue

  /// What is recorded, by first day.
  func entries(on connection: Connection) throws -> [CalendarDate: IntervalEntry] {
    let rows = try connection.query(
      """
      SELECT interval_start, interval_end, inputs_digest, settings_digest,
        coalesce(outputs_digest, '') AS outputs_digest, rows
      FROM almanac.intervals WHERE stage = $1
      """, [stage])
    var entries: [CalendarDate: IntervalEntry] = [:]
    for row in 0..<rows.count {
      guard let start = rows[row, "interval_start"].flatMap({ CalendarDate($0) }),
        let end = rows[row, "interval_end"].flatMap({ CalendarDate($0) })
      else { continue }
      entries[start] = IntervalEntry(
        start: start, end: end, inputs: rows[row, "inputs_digest"] ?? "",
        settings: rows[row, "settings_digest"] ?? "", outputs: rows[row, "outputs_digest"] ?? "",
        rows: rows[row, "rows"].flatMap { Int($0) } ?? 0)
    }
    return entries
  }

  /// Records intervals, in the transaction that writes their rows.
  func record(_ entries: [IntervalEntry], on connection: Connection) throws {
    if entries.isEmpty { return }
    try connection.run(
      """
      INSERT INTO almanac.intervals (stage, interval_start, interval_end, run_id, inputs_digest,
        settings_digest, outputs_digest, rows, finished_at)
      SELECT $1, i.start, i.stop, $2::uuid, i.inputs, i.settings, nullif(i.outputs, ''), i.rows,
        now()
      FROM unnest($3::date[], $4::date[], $5::text[], $6::text[], $7::text[], $8::bigint[])
        AS i (start, stop, inputs, settings, outputs, rows)
      ON CONFLICT (stage, interval_start) DO UPDATE SET interval_end = excluded.interval_end,
        run_id = excluded.run_id, inputs_digest = excluded.inputs_digest,
        settings_digest = excluded.settings_digest, outputs_digest = excluded.outputs_digest,
        rows = excluded.rows, finished_at = excluded.finished_at
      """,
      [
        stage, run.description, array(entries.map(\.start.description)),
        array(entries.map(\.end.description)), array(entries.map(\.inputs)),
        array(entries.map(\.settings)), array(entries.map(\.outputs)),
        array(entries.map { String($0.rows) }),
      ])
  }

  /// Forgets intervals that nothing is made from any more.
  func forget(_ starts: [CalendarDate], on connection: Connection) throws {
    if starts.isEmpty { return }
    try connection.run(
      """
      DELETE FROM almanac.intervals WHERE stage = $1 AND interval_start = ANY ($2::date[])
      """, [stage, array(starts.map(\.description))])
  }
}

/// The text of an array of texts, whatever they hold; `nil` is null.
func array(_ texts: [String?]) -> String {
  var bytes = [UInt8(ascii: "{")]
  for (index, text) in texts.enumerated() {
    if index > 0 { bytes.append(UInt8(ascii: ",")) }
    guard let text else {
      bytes += "NULL".utf8
      continue
    }
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
        bytes.append(UInt8(ascii: "\\"))
      }
      bytes.append(byte)
    }
    bytes.append(UInt8(ascii: "\""))
  }
  bytes.append(UInt8(ascii: "}"))
  return String(decoding: bytes, as: UTF8.self)
}
