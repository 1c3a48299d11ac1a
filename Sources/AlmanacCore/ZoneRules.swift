/// The offset rules of one time zone, read from the bytes of a compiled zone file.
///
/// Reads version 2 or 3 of the format of RFC 8536: explicit transitions, then the `TZ` string of
/// the footer for times after the last of them. Reading the file is left to the caller.
package struct ZoneRules: Sendable, Equatable {
  /// The zone's name, such as `Europe/London`.
  package let name: String
  /// Instants (seconds since the epoch) at which an offset begins, ascending.
  private let transitions: [Int64]
  /// Seconds east of UTC from the transition of the same index on.
  private let offsets: [Int32]
  /// Seconds east of UTC before the first transition.
  private let firstOffset: Int32
  /// The rule after the last transition.
  private let footer: PosixZoneRule?

  /// The zone without offsets.
  package static let utc = ZoneRules(
    name: "UTC", transitions: [], offsets: [], firstOffset: 0, footer: nil)

  private init(
    name: String, transitions: [Int64], offsets: [Int32], firstOffset: Int32,
    footer: PosixZoneRule?
  ) {
    self.name = name
    self.transitions = transitions
    self.offsets = offsets
    self.firstOffset = firstOffset
    self.footer = footer
  }

  /// The rules in the bytes of a zone file, or `nil` if they are not one of version 2 or later.
  package init?(name: String, file: [UInt8]) {
    guard let first = ZoneFileHeader(file, at: 0), first.version >= UInt8(ascii: "2"),
      let second = ZoneFileHeader(file, at: first.end(timeSize: 4))
    else { return nil }
    let end = second.end(timeSize: 8)
    guard end <= file.count, second.typeCount > 0 else { return nil }
    func big(_ start: Int, _ size: Int) -> UInt64 {
      file[start..<(start + size)].reduce(0) { $0 << 8 | UInt64($1) }
    }
    let typesStart = second.body + second.transitionCount * 8 + second.transitionCount
    let typeOffsets = (0..<second.typeCount).map { index in
      Int32(truncatingIfNeeded: Int64(bitPattern: big(typesStart + index * 6, 4)))
    }
    let indices = (0..<second.transitionCount).map {
      Int(file[second.body + second.transitionCount * 8 + $0])
    }
    guard indices.allSatisfy({ $0 < typeOffsets.count }) else { return nil }
    let tail = file[end...]
    let text = String(decoding: tail.dropFirst().prefix { $0 != 10 }, as: UTF8.self)
    self.init(
      name: name,
      transitions: (0..<second.transitionCount).map {
        Int64(bitPattern: big(second.body + $0 * 8, 8))
      },
      offsets: indices.map { typeOffsets[$0] }, firstOffset: typeOffsets[0],
      footer: PosixZoneRule(text))
  }

  /// Seconds east of UTC at an instant.
  package func offsetSeconds(at instant: Timestamp) -> Int {
    let seconds = floorDivide(instant.microseconds, 1_000_000)
    guard let last = transitions.last else {
      return footer?.offset(at: seconds) ?? Int(firstOffset)
    }
    if seconds >= last, let footer { return footer.offset(at: seconds) }
    var low = 0
    var high = transitions.count
    while low < high {
      let middle = (low + high) / 2
      if transitions[middle] <= seconds { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? Int(firstOffset) : Int(offsets[low - 1])
  }

  /// The offsets in force from `start` until `end`, ascending, the first of them at `start`.
  ///
  /// What a loop over many instants needs in place of a search for each.
  package func offsetChanges(
    from start: Timestamp, to end: Timestamp
  ) -> [(start: Timestamp, secondsEastOfUTC: Int)] {
    var instants = transitions.map { Timestamp(microseconds: $0 &* 1_000_000) }
    if let footer {
      for year in (start.dateUTC.year - 1)...max(start.dateUTC.year, end.dateUTC.year) + 1 {
        instants += footer.changeSeconds(year: year).map { Timestamp(microseconds: $0 * 1_000_000) }
      }
    }
    var changes = [(start: start, secondsEastOfUTC: offsetSeconds(at: start))]
    for instant in instants.filter({ $0 > start && $0 < end }).sorted() {
      let offset = offsetSeconds(at: instant)
      if offset != changes[changes.count - 1].secondsEastOfUTC { changes.append((instant, offset)) }
    }
    return changes
  }

  /// The local date at an instant.
  package func localDate(at instant: Timestamp) -> CalendarDate {
    Timestamp(
      microseconds: instant.microseconds + Int64(offsetSeconds(at: instant)) * 1_000_000
    ).dateUTC
  }

  /// The instant at which a local date begins.
  ///
  /// Where midnight falls into a gap, the first instant after the gap; where it occurs twice, the
  /// first of the two.
  package func start(of date: CalendarDate) -> Timestamp {
    let midnight = date.startUTC.microseconds
    let start = instant(localMicroseconds: midnight)
    let reading = start.microseconds + Int64(offsetSeconds(at: start)) * 1_000_000
    if reading == midnight { return start }
    // Midnight is skipped, and `start` lies as far behind the gap's end as midnight behind the
    // gap's start: the last change of offset up to it is the end of the gap.
    let changes = offsetChanges(
      from: Timestamp(microseconds: start.microseconds - Timestamp.microsecondsPerDay),
      to: Timestamp(microseconds: start.microseconds + 1))
    return changes[changes.count - 1].start
  }

  /// The instant of a local clock reading, given as microseconds since 1970-01-01 00:00 local.
  ///
  /// A reading that occurs twice is the first of the two; one that falls into a gap is moved
  /// forward by the gap's length.
  package func instant(localMicroseconds local: Int64) -> Timestamp {
    let day: Int64 = 86_400
    let before = offsetSeconds(at: Timestamp(microseconds: local - day * 1_000_000))
    let after = offsetSeconds(at: Timestamp(microseconds: local + day * 1_000_000))
    let candidates = [before, after].map {
      Timestamp(microseconds: local - Int64($0) * 1_000_000)
    }
    let matching = candidates.filter {
      $0.microseconds + Int64(offsetSeconds(at: $0)) * 1_000_000 == local
    }
    return matching.min() ?? candidates[0]
  }
}

/// The fixed-size header of one block of a zone file.
private struct ZoneFileHeader {
  let version: UInt8
  let body: Int
  let transitionCount: Int
  let typeCount: Int
  private let abbreviationBytes: Int
  private let leapCount: Int
  private let standardCount: Int
  private let universalCount: Int

  init?(_ file: [UInt8], at start: Int) {
    guard start >= 0, file.count >= start + 44,
      file[start..<(start + 4)].elementsEqual("TZif".utf8)
    else { return nil }
    func count(_ index: Int) -> Int {
      file[(start + 20 + index * 4)..<(start + 24 + index * 4)].reduce(0) { $0 << 8 | Int($1) }
    }
    version = file[start + 4]
    body = start + 44
    universalCount = count(0)
    standardCount = count(1)
    leapCount = count(2)
    transitionCount = count(3)
    typeCount = count(4)
    abbreviationBytes = count(5)
  }

  /// Where the block ends when its times take `timeSize` bytes.
  func end(timeSize: Int) -> Int {
    body + transitionCount * (timeSize + 1) + typeCount * 6 + abbreviationBytes
      + leapCount * (timeSize + 4) + standardCount + universalCount
  }
}

/// A POSIX `TZ` string such as `GMT0BST,M3.5.0/1,M10.5.0`.
struct PosixZoneRule: Sendable, Equatable {
  /// A day of the year on which the offset changes, and the local second at which it does.
  struct Change: Sendable, Equatable {
    var month: Int
    var week: Int
    var weekday: Int
    var second: Int

    /// Seconds since the epoch, local, of the change in a year.
    func localSeconds(year: Int) -> Int64 {
      guard let first = CalendarDate(year: year, month: month, day: 1) else { return 0 }
      let firstWeekday = first.weekday % 7
      var day = 1 + (weekday - firstWeekday + 7) % 7 + (week - 1) * 7
      while day > first.daysInMonth { day -= 7 }
      return Int64(first.adding(days: day - 1).daysSinceEpoch) * 86_400 + Int64(second)
    }
  }

  var standardOffset: Int
  var daylightOffset: Int
  /// Start and end of daylight time; `nil` where there is none.
  var changes: [Change]?

  /// Reads the `M` form of changes, the only one the zone database uses for current zones; any
  /// other text is `nil`.
  init?(_ text: String) {
    var scanner = Scanner(bytes: Array(text.utf8))
    guard scanner.skipName(), let standard = scanner.clock() else { return nil }
    standardOffset = -standard
    daylightOffset = -standard
    guard scanner.skipName() else {
      if scanner.isAtEnd { return }
      return nil
    }
    daylightOffset = scanner.clock().map { -$0 } ?? standardOffset + 3600
    guard let start = scanner.change(), let end = scanner.change(), scanner.isAtEnd else {
      return nil
    }
    changes = [start, end]
  }

  /// The instants, in seconds since the epoch, at which daylight time starts and ends in a year;
  /// none where there is no daylight time.
  func changeSeconds(year: Int) -> [Int64] {
    guard let changes else { return [] }
    return [
      changes[0].localSeconds(year: year) - Int64(standardOffset),
      changes[1].localSeconds(year: year) - Int64(daylightOffset),
    ]
  }

  /// Seconds east of UTC at an instant given in seconds since the epoch.
  func offset(at seconds: Int64) -> Int {
    guard let changes else { return standardOffset }
    let year = CalendarDate(
      daysSinceEpoch: Int32(floorDivide(seconds + Int64(standardOffset), 86_400))
    ).year
    let start = changes[0].localSeconds(year: year) - Int64(standardOffset)
    let end = changes[1].localSeconds(year: year) - Int64(daylightOffset)
    let isDaylight =
      start < end ? seconds >= start && seconds < end : seconds >= start || seconds < end
    return isDaylight ? daylightOffset : standardOffset
  }

  private struct Scanner {
    var bytes: [UInt8]
    var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }
    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    /// Skips an abbreviation: letters, or anything between `<` and `>`.
    mutating func skipName() -> Bool {
      if current == UInt8(ascii: "<") {
        while let byte = current {
          position += 1
          if byte == UInt8(ascii: ">") { return true }
        }
        return false
      }
      let start = position
      while let byte = current, (byte | 32) >= UInt8(ascii: "a"), (byte | 32) <= UInt8(ascii: "z") {
        position += 1
      }
      return position - start >= 3
    }

    private mutating func number() -> Int? {
      let start = position
      while let byte = current, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
        position += 1
      }
      return decimal(bytes[start..<position])
    }

    private mutating func take(_ character: UInt8) -> Bool {
      guard current == character else { return false }
      position += 1
      return true
    }

    /// `[+-]hh[:mm[:ss]]` in seconds.
    mutating func clock() -> Int? {
      let negative = current == UInt8(ascii: "-")
      if negative || current == UInt8(ascii: "+") { position += 1 }
      guard let hours = number() else { return nil }
      var seconds = hours * 3600
      if take(UInt8(ascii: ":")) {
        guard let minutes = number() else { return nil }
        seconds += minutes * 60
        if take(UInt8(ascii: ":")) {
          guard let rest = number() else { return nil }
          seconds += rest
        }
      }
      return negative ? -seconds : seconds
    }

    /// `,Mm.w.d[/time]`.
    mutating func change() -> Change? {
      guard take(UInt8(ascii: ",")), take(UInt8(ascii: "M")), let month = number(),
        (1...12).contains(month), take(UInt8(ascii: ".")), let week = number(),
        (1...5).contains(week), take(UInt8(ascii: ".")), let weekday = number(), weekday < 7
      else { return nil }
      var second = 7200
      if take(UInt8(ascii: "/")) {
        guard let time = clock() else { return nil }
        second = time
      }
      return Change(month: month, week: week, weekday: weekday, second: second)
    }
  }
}
