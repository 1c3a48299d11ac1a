import AlmanacCore
package import Documents
package import Forecasting

extension ValueReader where Value == [Holiday] {
  /// Holidays by name, such as `good_friday: {easter: -2}`.
  package static var holidays: ValueReader {
    ValueReader("holidays by name") { (node) throws(DocumentError) -> [Holiday] in
      let holidays = try node.entries(of: "the holidays") { (entry) throws(DocumentError) in
        let name = try entry.chosenName
        var reader = try MappingReader(entry.value, of: "the holiday \(name)")
        let rule = try Holiday.Rule(reader: &reader, name: name)
        let before = try reader.optional("before", as: .integer(in: 0...14)) ?? 0
        let after = try reader.optional("after", as: .integer(in: 0...14)) ?? 0
        try reader.finish()
        return Holiday(name: name, rule: rule, before: before, after: after)
      }
      // The digest of a file does not depend on the order of its keys, so forecasts may not either.
      return holidays.sorted { $0.name < $1.name }
    }
  }
}

extension Holiday {
  /// The holidays of a file whose only key is `holidays`.
  ///
  /// - Throws: `DocumentError` with the place of the first fault.
  package static func read(_ bytes: [UInt8], file: String) throws(DocumentError) -> [Holiday] {
    try ValueReader.mapping("the calendar") { (reader) throws(DocumentError) -> [Holiday] in
      try reader.required("holidays", as: .holidays)
    }.read(try Document.parse(bytes, file: file))
  }
}

/// The days of the week as rules name them.
private enum Weekday: String, CaseIterable {
  case monday, tuesday, wednesday, thursday, friday, saturday, sunday

  /// Its ISO number, 1 for Monday.
  var number: Int { (Weekday.allCases.firstIndex(of: self) ?? 0) + 1 }
}

extension Holiday.Rule {
  /// The keys of which each rule has one.
  private static let kinds = ["date", "weekday", "easter", "day", "dates"]

  fileprivate init(reader: inout MappingReader, name: String) throws(DocumentError) {
    let found = Holiday.Rule.kinds.filter(reader.keys.contains)
    guard found.count <= 1 else {
      throw .unexpected(
        reader.mark(of: found[1]), found: "\(found[0]): and \(found[1]): for one holiday",
        expected: listed(Holiday.Rule.kinds), suggestion: nil)
    }
    guard let kind = found.first else {
      throw .unexpected(
        reader.mark, found: "the holiday \(name) without a rule",
        expected: listed(Holiday.Rule.kinds), suggestion: nil)
    }
    switch kind {
    case "weekday":
      let weekday: Weekday = try reader.required("weekday", as: .word)
      let nth = try reader.required(
        "nth",
        as: .scalar("a number from 1 to 5, or from -1 to -5 from the month's end") { text in
          Int(text).flatMap { (1...5).contains(abs($0)) ? $0 : nil }
        })
      self = .weekday(
        weekday.number, nth: nth, month: try reader.required("month", as: .integer(in: 1...12)))
    case "easter":
      self = .easter(
        try reader.required(
          "easter",
          as: .scalar("days after Easter Sunday, from -100 to 100") { text in
            Int(text).flatMap { (-100...100).contains($0) ? $0 : nil }
          }))
    case "day":
      self = .monthDay(
        try reader.required(
          "day",
          as: .scalar("a day of the month from 1 to 31, or last", suggesting: ["last"]) {
            text in
            text == "last" ? 31 : Int(text).flatMap { (1...31).contains($0) ? $0 : nil }
          }))
    case "dates":
      self = .dates(
        try reader.required(
          "dates", as: .set(of: .scalar("a date such as 2026-11-27") { CalendarDate($0) })))
    default:
      let (month, day) = try reader.required(
        "date", as: .scalar("a month and day such as 12-25", Holiday.Rule.monthAndDay))
      self = .date(month: month, day: day)
    }
  }

  private static func monthAndDay(_ text: String) -> (Int, Int)? {
    // 2000 has a 29 February.
    CalendarDate("2000-\(text)").map { ($0.month, $0.day) }
  }
}
