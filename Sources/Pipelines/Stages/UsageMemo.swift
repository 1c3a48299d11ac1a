import AlmanacCore
import Billing
import Codecs

/// From what the periods of each month were computed that a target holds, so that of a month only the
/// periods are computed again whose days changed (DECISIONS.md, D-611).
///
/// It is a hidden file in the folder of the events that checks itself by a digest. A month in it is
/// believed only where the ledger of the target names the same input; without it the periods of a month
/// are computed all together.
struct UsageMemo {
  /// The digest of a period: whose it is, its days, and the rows on them.
  typealias Mark = [UInt8]

  /// A month as it was written.
  private struct Month {
    /// The digest of its input, as the ledger has it.
    var inputs: String
    var periods: [Mark]
  }

  private let path: String
  private var months: [CalendarDate: Month] = [:]

  /// The name of the file in the folder of a dataset.
  static let name = ".usage"
  /// The bytes of a mark.
  static let markSize = 16

  private static let form = "ALMUSAG1"

  /// The memo of a dataset of events; empty if there is none, or if it is damaged.
  init(dataset: String, in directory: String) {
    path = "\(directory)/\(dataset)/\(UsageMemo.name)"
    months = MemoFile.read(path, form: UsageMemo.form).flatMap { UsageMemo.decode($0) } ?? [:]
  }

  /// The periods of a month that were written with an input; none where that is not known.
  func periods(of month: CalendarDate, inputs: String) -> Set<Mark> {
    guard let known = months[month], known.inputs == inputs else { return [] }
    return Set(known.periods)
  }

  /// Replaces what is known by the months of a run.
  func write(_ months: [UsageMonth]) {
    var content: [UInt8] = []
    for month in months {
      content += Words.bytes(of: [
        UInt32(bitPattern: month.entry.start.daysSinceEpoch),
        UInt32(month.entry.inputs.utf8.count), UInt32(month.marks.count),
      ])
      content += month.entry.inputs.utf8
      for mark in month.marks { content += mark }
    }
    if MemoFile.read(path, form: UsageMemo.form) == content { return }
    MemoFile.write(content, to: path, form: UsageMemo.form)
  }

  private static func decode(_ content: [UInt8]) -> [CalendarDate: Month]? {
    var months: [CalendarDate: Month] = [:]
    var rest = content[...]
    while rest.count >= 12 {
      let words = Words.words(of: rest.prefix(12))
      rest = rest.dropFirst(12)
      let (length, count) = (Int(words[1]), Int(words[2]))
      guard length <= rest.count, count <= (rest.count - length) / markSize else { return nil }
      let inputs = String(decoding: rest.prefix(length), as: UTF8.self)
      rest = rest.dropFirst(length)
      let marks = (0..<count).map { index in
        let first = rest.startIndex + index * markSize
        return Array(rest[first..<first + markSize])
      }
      rest = rest.dropFirst(count * markSize)
      months[CalendarDate(daysSinceEpoch: Int32(bitPattern: words[0]))] = Month(
        inputs: inputs, periods: marks)
    }
    return months
  }
}

/// Makes the marks of periods from digests of the days' rows.
struct PeriodMarks {
  private let content: DatasetDays
  private let zones: CompanyZones
  private let over: DatesOver
  private var days: [CalendarDate: [UInt8]] = [:]
  private var ranges: [ClosedRange<CalendarDate>: [UInt8]] = [:]

  /// Marks by the events that are held.
  init(_ content: DatasetDays, _ zones: CompanyZones, _ over: DatesOver) {
    self.content = content
    self.zones = zones
    self.over = over
  }

  /// The mark of a period as far as its days are over.
  mutating func mark(_ period: UsagePeriod) -> UsageMemo.Mark {
    let end = period.end(over)
    var bytes = ByteText()
    bytes.append(period.company)
    bytes.append(period.subscription)
    for date in [period.start, period.end, end] { bytes.append(Int64(date.daysSinceEpoch)) }
    bytes.append(zones.own[period.company]?.name ?? "")
    var hash = SHA256()
    hash.update(bytes.bytes)
    if period.start < end {
      hash.update(rows(zones.rollupDays(of: period.start...end.adding(days: -1))))
    }
    return Array(hash.finalize().prefix(UsageMemo.markSize))
  }

  /// The digest of the rows on some UTC days.
  private mutating func rows(_ range: ClosedRange<CalendarDate>) -> [UInt8] {
    if let known = ranges[range] { return known }
    var hash = SHA256()
    for day in range {
      if days[day] == nil { days[day] = Array(content.digest(day...day).utf8) }
      hash.update(days[day] ?? [])
    }
    let digest = hash.finalize()
    ranges[range] = digest
    return digest
  }
}
