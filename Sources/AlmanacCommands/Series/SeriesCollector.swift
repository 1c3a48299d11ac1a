import AlmanacCore
import Forecasting

/// Collects the series of lines.
struct SeriesCollector {
  /// The series, in the order of their first lines.
  private(set) var series: [LongSeries] = []
  /// Whether a field in quotes was seen.
  private(set) var hasQuotes = false
  /// The number of lines read.
  private(set) var lineCount = 0

  /// The series that lines are added to, taken out of ``series`` meanwhile.
  private var current = LongSeries(id: "")
  /// Its position; -1 before the first.
  private var last = -1
  private var positions: [String: Int] = [:]

  /// The most values that room is made for before there are any.
  private static let mostRoom = 4_096

  /// Reads the lines in a range, which begins with one.
  ///
  /// - Parameters:
  ///   - bytes: the file, or a part of it.
  ///   - range: what of it to read.
  ///   - linesBefore: the number of lines of the file before it.
  ///   - columns: where the three columns stand.
  init(_ bytes: [UInt8], in range: Range<Int>, linesBefore: Int, _ columns: Columns) {
    var lines = LineReader(bytes, in: range, linesBefore: linesBefore)
    var plain = PlainLineReader()
    var fields: [ArraySlice<UInt8>] = []
    var lastID: ArraySlice<UInt8> = []
    while lines.position < range.upperBound {
      if columns.areFirst, plain.next(bytes, at: lines.position, end: range.upperBound) {
        lines.skip(to: plain.end)
        if !plain.isRepeated { use(bytes[plain.id], lines: lines.number - linesBefore) }
        current.add(SeriesLabel(days: plain.label), plain.value, line: lines.number)
        continue
      }
      guard lines.next(&fields) else { break }
      if fields.count == 1, fields[0].isEmpty { continue }
      let id = columns.id < fields.count ? fields[columns.id] : []
      if last < 0 || plain.hasID || id != lastID { use(id, lines: lines.number - linesBefore) }
      lastID = id
      plain.forgetID()
      add(fields, line: lines.number, columns)
    }
    if last >= 0 { swap(&series[last], &current) }
    hasQuotes = lines.hasQuotes
    lineCount = lines.number - linesBefore
  }

  /// Turns to the series of an identifier, after so many lines.
  private mutating func use(_ id: ArraySlice<UInt8>, lines: Int) {
    if last >= 0 { swap(&series[last], &current) }
    let name = String(decoding: id, as: UTF8.self)
    if let known = positions[name] {
      last = known
    } else {
      last = series.count
      positions[name] = last
      // Series of a file are mostly of one length. The mean of those before is bounded by what was read,
      // where the length of the last one alone could be far from the next, again and again.
      let room = last == 0 ? 0 : min(lines / last, SeriesCollector.mostRoom)
      series.append(LongSeries(id: name))
      series[last].reserve(room)
    }
    swap(&series[last], &current)
  }

  /// Takes the fields of a line of the present series.
  private mutating func add(_ fields: [ArraySlice<UInt8>], line: Int, _ columns: Columns) {
    guard fields.count > columns.last else {
      current.note(line, " has \(fields.count) fields")
      return
    }
    guard let label = SeriesLabel(fields[columns.label]) else {
      current.note(line, ": ds is no whole number, date or moment")
      return
    }
    guard let value = SeriesCollector.value(fields[columns.value]) else {
      current.note(line, ": y is no number")
      return
    }
    current.add(label, value, line: line)
  }

  /// The number of a field; NaN for an empty one and the usual words for it.
  private static func value(_ field: ArraySlice<UInt8>) -> Double? {
    if let number = Double(plainDecimal: field) { return number }
    let text = String(decoding: field, as: UTF8.self)
    if let number = Double(text) { return number }
    let word = text.filter { !$0.isWhitespace }.lowercased()
    if ["", "na", "nan", "null", "none"].contains(word) { return .nan }
    return Double(word)
  }
}

extension LongSeries {
  /// Keeps the first problem.
  mutating func note(_ line: Int, _ text: String) {
    if problem == nil { problem = LineProblem(line: line, text: text) }
  }

  /// Makes room for values.
  mutating func reserve(_ count: Int) {
    labels.reserveCapacity(count)
    values.reserveCapacity(count)
  }

  /// Takes what later lines say of the same series.
  mutating func append(_ later: LongSeries) {
    if kind == nil {
      kind = later.kind
      style = later.style
    }
    labels += later.labels
    values += later.values
    if problem == nil { problem = later.problem }
  }

  /// Takes a value and its label, unless they do not go with those before.
  mutating func add(_ label: SeriesLabel, _ value: Double, line: Int) {
    if let kind, kind != label.kind {
      note(line, ": ds is of another kind than before")
      return
    }
    if kind == nil {
      kind = label.kind
      style = label.style
    }
    guard label.style.hasOffset == style.hasOffset else {
      // The moments of one would be those of the other by chance only.
      note(line, ": moments with an offset from UTC and without one cannot be compared")
      return
    }
    labels.append(label.value)
    values.append(value)
  }
}
