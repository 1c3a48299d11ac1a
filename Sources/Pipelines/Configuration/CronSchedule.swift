package import Documents

/// When a pipeline is due, in the five fields of cron: minute, hour, day, month, weekday.
///
/// Each field is `*`, a number, a range `a-b`, a list `a,b` or any of these with a step `/n`.
/// Months and weekdays may be given by their first three English letters; Sunday is 0 or 7.
package struct CronSchedule: Hashable, Sendable {
  /// The minutes of the hour that match.
  package let minutes: Set<Int>
  /// The hours that match.
  package let hours: Set<Int>
  /// The days of the month that match.
  package let days: Set<Int>
  /// The months that match.
  package let months: Set<Int>
  /// The weekdays that match, 0 for Sunday to 6.
  package let weekdays: Set<Int>
  /// The five fields with one space between them.
  package let text: String

  /// Whether both the day and the weekday field restrict; cron then runs when either matches.
  package let matchesEitherDay: Bool

  private struct FieldRule {
    let name: String
    let range: ClosedRange<Int>
    var words: [String] = []
  }

  private static let rules = [
    FieldRule(name: "minute", range: 0...59),
    FieldRule(name: "hour", range: 0...23),
    FieldRule(name: "day of the month", range: 1...31),
    FieldRule(
      name: "month", range: 1...12,
      words: [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
      ]),
    FieldRule(
      name: "weekday", range: 0...7, words: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
  ]

  /// What is wrong with a schedule, as an error says it.
  struct Fault: Error, Equatable {
    let found: String
    let expected: String
  }

  /// Reads five fields.
  init(_ text: String) throws(Fault) {
    let fields = text.split(whereSeparator: \.isWhitespace).map { $0.lowercased() }
    guard fields.count == 5 else {
      throw Fault(
        found: "\(quoted(text)), \(fields.count) field\(fields.count == 1 ? "" : "s")",
        expected: "five: minute, hour, day of the month, month, weekday, such as \"15 2 * * *\"")
    }
    var sets: [Set<Int>] = []
    for (field, rule) in zip(fields, Self.rules) {
      sets.append(try Self.values(field, rule))
    }
    minutes = sets[0]
    hours = sets[1]
    days = sets[2]
    months = sets[3]
    weekdays = Set(sets[4].map { $0 % 7 })
    matchesEitherDay = !fields[2].hasPrefix("*") && !fields[4].hasPrefix("*")
    self.text = fields.joined(separator: " ")
    let longest = months.map { [4, 6, 9, 11].contains($0) ? 30 : $0 == 2 ? 29 : 31 }.max() ?? 0
    if fields[4].hasPrefix("*"), let first = days.min(), first > longest {
      throw Fault(
        found: "\(quoted(text)), a day that none of the months has",
        expected: "a day and month that exist")
    }
  }

  private static func values(_ field: String, _ rule: FieldRule) throws(Fault) -> Set<Int> {
    var values: Set<Int> = []
    for part in field.split(separator: ",", omittingEmptySubsequences: false) {
      guard let matched = range(String(part), rule) else {
        throw Fault(
          found: "\(quoted(field)) as the \(rule.name)",
          expected: "*, or \(rule.range.lowerBound) to \(rule.range.upperBound) as a number, a "
            + "range a-b, a list a,b, with or without a step /n")
      }
      values.formUnion(matched)
    }
    return values
  }

  /// The numbers of one item of a list, or `nil` if it is not well formed.
  private static func range(_ part: String, _ rule: FieldRule) -> [Int]? {
    let halves = part.split(separator: "/", omittingEmptySubsequences: false)
    guard halves.count <= 2 else { return nil }
    var step = 1
    if halves.count == 2 {
      guard let number = number(halves[1]), (1...rule.range.upperBound).contains(number) else {
        return nil
      }
      step = number
    }
    if halves[0] == "*" {
      let last = rule.name == "weekday" ? 6 : rule.range.upperBound
      return Array(stride(from: rule.range.lowerBound, through: last, by: step))
    }
    let ends = halves[0].split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count <= 2, let first = number(ends[0], rule), rule.range.contains(first) else {
      return nil
    }
    if ends.count == 1 {
      return halves.count == 1
        ? [first] : Array(stride(from: first, through: rule.range.upperBound, by: step))
    }
    guard let last = number(ends[1], rule), rule.range.contains(last), first <= last else {
      return nil
    }
    return Array(stride(from: first, through: last, by: step))
  }

  private static func number(_ text: Substring, _ rule: FieldRule) -> Int? {
    if let index = rule.words.firstIndex(of: String(text)) { return index + rule.range.lowerBound }
    return number(text)
  }

  private static func number(_ text: Substring) -> Int? {
    guard (1...2).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }) else {
      return nil
    }
    return Int(text)
  }
}

extension ValueReader where Value == CronSchedule {
  /// A schedule in the five fields of cron.
  package static var schedule: ValueReader {
    ValueReader("five fields of cron") { (node) throws(DocumentError) -> CronSchedule in
      let text = try ValueReader<String>.scalar(
        "five fields of cron in quotes, such as \"15 2 * * *\""
      ) { $0 }.read(node)
      do throws(CronSchedule.Fault) {
        return try CronSchedule(text)
      } catch {
        throw .unexpected(
          node.mark, found: error.found, expected: error.expected, suggestion: nil)
      }
    }
  }
}
