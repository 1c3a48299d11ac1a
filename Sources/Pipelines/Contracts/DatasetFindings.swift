import AlmanacCore
import Columns
import Postgres

/// What the extraction of one dataset noticed, which its rows alone no longer tell.
package struct DatasetFindings: Codable, Equatable, Sendable {
  /// The columns parsed from text, in the order of the dataset.
  package var lifted: [LiftedValues]
  /// How many keys the source held, counted at the cut; `nil` where nobody counted.
  package var sourceCounts: SourceCounts?
  /// The rows that the last increment without a bound found and that `increment_bound` would have
  /// left out; `nil` where no bound is declared.
  package var missedByBound: Int?

  /// The given findings.
  package init(lifted: [LiftedValues] = [], sourceCounts: SourceCounts? = nil) {
    self.lifted = lifted
    self.sourceCounts = sourceCounts
  }

  /// Adds what reading another piece of the dataset noticed; columns are matched by name.
  mutating func add(_ other: [LiftedValues]) {
    for column in other {
      if let index = lifted.firstIndex(where: { $0.column == column.column }) {
        lifted[index].add(column)
      } else {
        lifted.append(column)
      }
    }
  }
}

/// How the values of one column that arrive as text were read.
package struct LiftedValues: Codable, Equatable, Sendable {
  /// A value that could not be read.
  package struct Example: Codable, Equatable, Sendable {
    /// The key of its row.
    package var key: String
    /// Why it could not be read; never the value itself.
    package var reason: String

    /// An example of the given parts.
    package init(key: String, reason: String) {
      self.key = key
      self.reason = reason
    }
  }

  /// The column.
  package var column: String
  /// The number of values that were there.
  package var values: Int
  /// The number of values that could not be read and became null.
  package var malformed: Int
  /// The first of these.
  package var examples: [Example]

  /// Adds other values of the same column; of the examples the first few are kept.
  mutating func add(_ other: LiftedValues) {
    values += other.values
    malformed += other.malformed
    examples = Array((examples + other.examples).prefix(LiftedValues.maximumExamples))
  }

  /// Examples that are kept of each column.
  package static let maximumExamples = 3

  /// The given counts.
  package init(column: String, values: Int, malformed: Int, examples: [Example] = []) {
    self.column = column
    self.values = values
    self.malformed = malformed
    self.examples = examples
  }
}

/// How many different keys the source held on some UTC days, counted under the snapshot of the cut.
///
/// Only the cut's own snapshot gives numbers that have to be equal: by the time of a later question
/// the source has new rows, and which of them are old cannot be told by a clock.
package struct SourceCounts: Codable, Equatable, Sendable {
  /// The number of different keys by UTC day, `YYYY-MM-DD`, zero for a day without a row; of a
  /// dataset without a time under the empty text.
  package var keysByDay: [String: Int]
  /// Whether a day that is not among them has no row in the source.
  package var coversAllDays = false

  /// The given counts.
  package init(keysByDay: [String: Int]) {
    self.keysByDay = keysByDay
  }

  /// Counts in the source, on the connection whose transaction holds the cut.
  ///
  /// - Parameters:
  ///   - definition: the dataset.
  ///   - days: the UTC days to count, `nil` for all; ignored for a dataset without a time, which is
  ///     counted whole.
  ///   - forgotten: whose rows are not counted, since they are not read either.
  ///   - connection: a connection to the source.
  /// - Throws: what the server reports.
  init(
    _ definition: DatasetDefinition, days: [CalendarDate]?, without forgotten: [Forgotten] = [],
    on connection: Connection
  ) throws {
    let condition = ForgottenMatcher.condition(forgotten, for: definition)
    let key = definition.key.map { definition[column: $0]?.sql ?? quoteIdentifier($0) }
      .joined(separator: ", ")
    guard let time = definition.timeColumn else {
      let rows = try connection.query(
        """
        SELECT pg_catalog.count(*) AS keys
        FROM (SELECT DISTINCT \(key) FROM \(definition.sqlSource)
          \(condition.map { "WHERE \($0)" } ?? "")) AS counted
        """)
      keysByDay = ["": rows[0, "keys"].flatMap { Int($0) } ?? 0]
      return
    }
    coversAllDays = days == nil
    keysByDay = Dictionary(uniqueKeysWithValues: (days ?? []).map { ($0.description, 0) })
    if days?.isEmpty ?? false { return }
    let instant = definition[column: time]?.sql ?? quoteIdentifier(time)
    let ranges = SourceCounts.ranges(days ?? []).map { range in
      let end = range.upperBound.adding(days: 1)
      return "(\(instant) >= '\(range.lowerBound) 00:00+00' AND \(instant) < '\(end) 00:00+00')"
    }
    let wanted = [days == nil ? nil : "(\(ranges.joined(separator: " OR ")))", condition]
      .compactMap(\.self)
    let conditions = wanted.isEmpty ? "" : " WHERE " + wanted.joined(separator: " AND ")
    if wanted.isEmpty, definition.key.count == 1,
      let counts = try SourceCounts.byIndex(
        key: key, instant: instant, source: definition.sqlSource, on: connection)
    {
      keysByDay = counts
      return
    }
    // Of some days: by an index on the time, and in memory. What servers give a sort as a rule lets them
    // look at every row of the table instead, with further processes.
    if days != nil { try connection.runScript("SET LOCAL work_mem = '64MB'; SET LOCAL jit = off") }
    // A day and a key together decide, so that the server may use a hash for each worker.
    let rows = try connection.query(
      """
      SELECT counted_day, pg_catalog.count(*) AS keys FROM (
        SELECT DISTINCT ((\(instant)) AT TIME ZONE 'UTC')::pg_catalog.date AS counted_day,
          \(key)
        FROM \(definition.sqlSource)\(conditions)
      ) AS counted GROUP BY counted_day
      """)
    for row in 0..<rows.count {
      guard let day = rows[row, "counted_day"], coversAllDays || keysByDay[day] != nil else {
        continue
      }
      keysByDay[day] = rows[row, "keys"].flatMap { Int($0) }
    }
  }

  /// The different keys of every day, as the rows of the day without those that repeat a key on it
  /// (DECISIONS.md, D-562).
  ///
  /// Few keys repeat, and an index on the key finds them without sorting or hashing every row.
  ///
  /// - Returns: `nil` where the server would not go by an index alone, or very many keys repeat.
  private static func byIndex(
    key: String, instant: String, source: String, on connection: Connection
  ) throws -> [String: Int]? {
    // Few keys repeat, so the scan runs to its end; a LIMIT beside it would be planned for otherwise.
    let repeated = """
      WITH repeated AS MATERIALIZED (
        SELECT \(key) AS key FROM \(source) GROUP BY 1 HAVING pg_catalog.count(*) > 1)
      SELECT key FROM repeated LIMIT \(maximumRepeated + 1)
      """
    let plan = try connection.query("EXPLAIN (FORMAT JSON) \(repeated)")
    guard plan[0, 0]?.contains("\"Node Type\": \"Index Only Scan\"") ?? false else { return nil }
    let found = try connection.query(repeated)
    let keys = (0..<found.count).compactMap { found[$0, "key"] }
    // Rows without a key repeat each other as well, and no comparison finds them.
    guard keys.count == found.count, keys.count <= maximumRepeated else { return nil }
    let day = "((\(instant)) AT TIME ZONE 'UTC')::pg_catalog.date"
    let rows = try connection.query(
      "SELECT \(day) AS counted_day, pg_catalog.count(*) AS keys FROM \(source) GROUP BY 1")
    var counts: [String: Int] = [:]
    for row in 0..<rows.count {
      guard let day = rows[row, "counted_day"] else { continue }
      counts[day] = rows[row, "keys"].flatMap { Int($0) }
    }
    if keys.isEmpty { return counts }
    let again = try connection.query(
      """
      SELECT \(day) AS counted_day, pg_catalog.count(*) - pg_catalog.count(DISTINCT \(key)) AS again
      FROM \(source) WHERE \(key) = ANY ($1) GROUP BY 1
      """, [array(keys)])
    for row in 0..<again.count {
      guard let day = again[row, "counted_day"], let count = again[row, "again"] else { continue }
      counts[day, default: 0] -= Int(count) ?? 0
    }
    return counts
  }

  /// Repeated keys above which every row is looked at.
  private static let maximumRepeated = 200_000

  /// Days as ranges without a gap; of very many the range from the first to the last.
  static func ranges(_ days: [CalendarDate]) -> [ClosedRange<CalendarDate>] {
    var ranges: [ClosedRange<CalendarDate>] = []
    for day in Set(days).sorted() {
      if let last = ranges.last, last.upperBound.adding(days: 1) == day {
        ranges[ranges.count - 1] = last.lowerBound...day
      } else {
        ranges.append(day...day)
      }
    }
    guard ranges.count > maximumRanges, let first = ranges.first, let last = ranges.last else {
      return ranges
    }
    return [first.lowerBound...last.upperBound]
  }

  /// Ranges above which one condition is cheaper than many.
  static let maximumRanges = 32
}

extension DatasetDefinition {
  /// Whether the contract wants the source counted at the cut.
  package var wantsSourceCounts: Bool { checks.contains { $0.rule == .matchesSource } }

  /// Whether the contract looks at what only the extraction notices.
  var wantsFindings: Bool { wantsSourceCounts || checks.contains { $0.rule == .maximumBad } }
}
