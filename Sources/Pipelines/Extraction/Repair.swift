import AlmanacCore
import Columns
import Postgres

/// What is read again of a dataset because files of it are damaged.
struct Repair: Sendable {
  /// The files.
  var parts: [Manifest.Part]
  /// The UTC days to read again, ascending; `nil` for everything.
  var days: [CalendarDate]?

  /// The days that are read one by one at the most: a longer condition costs more than it saves.
  static let maximumDays = 100

  /// What the damage to a dataset asks for, `nil` if there is none.
  ///
  /// A row of a file without a day may be of any day, and what is not known to be a plain row cannot
  /// be found by its day.
  init?(_ parts: [Manifest.Part], of definition: DatasetDefinition) {
    if parts.isEmpty { return nil }
    self.parts = parts
    let dates = parts.map { part in
      part.holdsRows ? part.date.flatMap { CalendarDate($0) } : nil
    }
    guard definition.mode == .append, definition.timeColumn != nil, !dates.contains(nil)
    else { return }
    let days = Set(dates.compactMap(\.self)).sorted()
    if days.count <= Repair.maximumDays { self.days = days }
  }

  /// The condition that a row is of one of the days.
  func condition(on time: DatasetColumn) -> String? {
    days.map { days in
      let ranges = days.map { day in
        "\(time.sql) >= '\(day)Z'::pg_catalog.timestamptz AND "
          + "\(time.sql) < '\(day.adding(days: 1))Z'::pg_catalog.timestamptz"
      }
      return "(\(ranges.joined(separator: " OR ")))"
    }
  }

  /// What was done, in words.
  func notice(of dataset: String) -> String {
    let files = parts.count == 1 ? "the file \(parts[0].path)" : "\(parts.count) files"
    let read = days.map { days in
      days.count == 1 ? "\(days[0])" : "\(days.count) days"
    }
    return
      "\(dataset): \(files) was damaged; \(read ?? "everything") was read again from the source"
  }
}
