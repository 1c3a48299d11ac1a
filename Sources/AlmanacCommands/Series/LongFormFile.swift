import AlmanacCore
import Forecasting

/// One series of a file in long form, as it was read.
struct LongSeries {
  /// Its name.
  let id: String
  /// Its labels, in the order of the file.
  var labels: [Int] = []
  /// Its values, one per label; NaN where empty.
  var values: [Double] = []
  /// What the labels are; `nil` before the first.
  var kind: AxisKind?
  /// How the labels are written.
  var style = SeriesLabel.Style()
  /// The first thing that is wrong with it.
  var problem: String?
}

/// Series in the long form of the field: CSV with the columns `unique_id`, `ds` and `y`.
struct LongFormFile {
  /// The series, in the order of their first lines.
  private(set) var series: [LongSeries] = []

  /// Why a file cannot be read at all.
  enum Problem: ExitStatusConvertible, Equatable {
    /// There is no line.
    case empty(path: String)
    /// A column is missing.
    case noColumn(String, path: String)

    var description: String {
      switch self {
      case .empty(let path): "\(path) is empty; it needs the columns unique_id, ds and y"
      case .noColumn(let name, let path):
        "\(path) has no column \(name); its first line names unique_id, ds and y"
      }
    }

    var exitStatus: ExitStatus { .missingInput }
  }

  /// Reads a file's bytes.
  ///
  /// Lines end with LF or CRLF, fields may be quoted, other columns are passed over. What is wrong
  /// with one line is a problem of its series and does not stop the others.
  ///
  /// - Parameters:
  ///   - bytes: the file.
  ///   - path: its name, for messages.
  ///   - jobs: the threads to read with; what is read does not depend on it.
  /// - Throws: ``Problem`` where there is no line, or a column is missing.
  init(_ bytes: [UInt8], path: String, jobs: Int = 1) throws(Problem) {
    var lines = LineReader(bytes, in: 0..<bytes.count)
    var header: [ArraySlice<UInt8>] = []
    guard lines.next(&header) else { throw .empty(path: path) }
    let columns = try Columns(header, path: path)
    let body = lines.position..<bytes.count
    let linesBefore = lines.number
    // A line end between quotes is none, so that a file with quotes is read from the start.
    let parts = bytes.contains(UInt8(ascii: "\"")) ? [body] : LongFormFile.parts(bytes, body, jobs)
    if parts.count > 1 {
      let counts = inParallel(parts.count, jobs: jobs) { part in
        bytes[parts[part]].reduce(0) { $0 + ($1 == 10 ? 1 : 0) }
      }
      let read = inParallel(parts.count, jobs: jobs) { part in
        let before = counts[..<part].reduce(linesBefore, +)
        return SeriesCollector(bytes, in: parts[part], linesBefore: before, columns).series
      }
      if let joined = LongFormFile.joined(read) {
        series = joined
        return
      }
    }
    series = SeriesCollector(bytes, in: body, linesBefore: linesBefore, columns).series
  }

  /// Parts of about one size that end with lines.
  private static func parts(_ bytes: [UInt8], _ body: Range<Int>, _ jobs: Int) -> [Range<Int>] {
    let size = max(smallestPart, body.count / (4 * max(1, jobs)) + 1)
    var parts: [Range<Int>] = []
    var start = body.lowerBound
    while start < body.upperBound {
      var end = min(start + size, body.upperBound)
      while end < body.upperBound, bytes[end - 1] != 10 { end += 1 }
      parts.append(start..<end)
      start = end
    }
    return parts
  }

  /// The fewest bytes that are worth a thread.
  private static let smallestPart = 1 << 20

  /// The series of parts in order, joined by name; `nil` where one has labels of two kinds, which only
  /// a reader of its lines in order can tell of.
  private static func joined(_ parts: [[LongSeries]]) -> [LongSeries]? {
    var joined = parts[0]
    var positions = Dictionary(uniqueKeysWithValues: joined.indices.map { (joined[$0].id, $0) })
    for part in parts.dropFirst() {
      for series in part {
        guard let position = positions[series.id] else {
          positions[series.id] = joined.count
          joined.append(series)
          continue
        }
        let known = joined[position]
        if let kind = known.kind, let other = series.kind,
          kind != other || known.style.hasOffset != series.style.hasOffset
        {
          return nil
        }
        joined[position].append(series)
      }
    }
    return joined
  }
}

/// Where the three columns stand.
struct Columns {
  let id: Int
  let label: Int
  let value: Int
  /// The last of them.
  var last: Int { max(id, label, value) }

  init(_ header: [ArraySlice<UInt8>], path: String) throws(LongFormFile.Problem) {
    let names = header.map { String(decoding: $0, as: UTF8.self).lowercased() }
    func column(_ name: String) throws(LongFormFile.Problem) -> Int {
      guard let index = names.firstIndex(of: name) else { throw .noColumn(name, path: path) }
      return index
    }
    (id, label, value) = (try column("unique_id"), try column("ds"), try column("y"))
  }
}

/// Collects the series of lines.
private struct SeriesCollector {
  private(set) var series: [LongSeries] = []

  init(_ bytes: [UInt8], in range: Range<Int>, linesBefore: Int, _ columns: Columns) {
    var lines = LineReader(bytes, in: range, linesBefore: linesBefore)
    var fields: [ArraySlice<UInt8>] = []
    var positions: [String: Int] = [:]
    var last = -1
    var lastID: ArraySlice<UInt8> = []
    while lines.next(&fields) {
      if fields.count == 1, fields[0].isEmpty { continue }
      let id = columns.id < fields.count ? fields[columns.id] : []
      if last < 0 || id != lastID {
        lastID = id
        let name = String(decoding: id, as: UTF8.self)
        if let known = positions[name] {
          last = known
        } else {
          last = series.count
          positions[name] = last
          series.append(LongSeries(id: name))
        }
      }
      guard fields.count > columns.last else {
        series[last].note("line \(lines.number) has \(fields.count) fields")
        continue
      }
      guard let label = SeriesLabel(fields[columns.label]) else {
        series[last].note("line \(lines.number): ds is no whole number, date or moment")
        continue
      }
      guard let value = SeriesCollector.value(fields[columns.value]) else {
        series[last].note("line \(lines.number): y is no number")
        continue
      }
      series[last].add(label, value, line: lines.number)
    }
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
  fileprivate mutating func note(_ text: String) {
    if problem == nil { problem = text }
  }

  /// Takes what later lines say of the same series.
  fileprivate mutating func append(_ later: LongSeries) {
    if kind == nil {
      kind = later.kind
      style = later.style
    }
    labels += later.labels
    values += later.values
    if let text = later.problem { note(text) }
  }

  fileprivate mutating func add(_ label: SeriesLabel, _ value: Double, line: Int) {
    if let kind, kind != label.kind {
      note("line \(line): ds is of another kind than before")
      return
    }
    if kind == nil {
      kind = label.kind
      style = label.style
    }
    guard label.style.hasOffset == style.hasOffset else {
      // The moments of one would be those of the other by chance only.
      note("line \(line): moments with an offset from UTC and without one cannot be compared")
      return
    }
    labels.append(label.value)
    values.append(value)
  }

  /// The values on the spine of their periods.
  ///
  /// - Throws: ``SeriesProblem`` for what is wrong with it.
  func spine() throws(SeriesProblem) -> (axis: TimeAxis, values: [Double]) {
    if let problem { throw SeriesProblem(problem) }
    guard let kind, !labels.isEmpty else { throw SeriesProblem("it has no values") }
    var labels = self.labels
    var values = self.values
    var isSorted = true
    for index in labels.indices.dropFirst() where labels[index] < labels[index - 1] {
      isSorted = false
    }
    if !isSorted {
      let order = labels.indices.sorted {
        labels[$0] != labels[$1] ? labels[$0] < labels[$1] : $0 < $1
      }
      labels = order.map { self.labels[$0] }
      values = order.map { self.values[$0] }
    }
    do throws(AxisError) {
      let axis = try TimeAxis(labels: labels, kind: kind)
      return (axis, axis.spread(values))
    } catch {
      switch error {
      case .duplicate(let position):
        let text = SeriesLabel.text(labels[position], kind: kind, style: style)
        throw SeriesProblem("two values have the ds \(text)")
      case .irregular:
        throw SeriesProblem("the distances between its ds are of mixed frequencies")
      case .sparse:
        throw SeriesProblem("its gaps are more than a hundred times as long as the series")
      }
    }
  }
}

/// Why one series has no forecast, in words.
struct SeriesProblem: Error, Equatable {
  /// What is wrong.
  let text: String

  init(_ text: String) { self.text = text }
}

/// Takes lines of comma-separated fields from bytes.
struct LineReader {
  private let bytes: [UInt8]
  private let end: Int
  /// Where the next line begins.
  private(set) var position: Int
  /// The number of the line last taken; the first of the file is 1.
  private(set) var number: Int

  /// A reader of the lines in a range that begins with a line, after so many others.
  init(_ bytes: [UInt8], in range: Range<Int>, linesBefore: Int = 0) {
    self.bytes = bytes
    end = range.upperBound
    position = range.lowerBound
    number = linesBefore
    // A byte order mark is no part of the first name.
    if position == 0, bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
  }

  /// Puts the fields of the next line in place of `fields`; `false` after the last.
  mutating func next(_ fields: inout [ArraySlice<UInt8>]) -> Bool {
    guard position < end else { return false }
    number += 1
    fields.removeAll(keepingCapacity: true)
    while true {
      if position < end, bytes[position] == UInt8(ascii: "\"") {
        fields.append(quoted())
      } else {
        let start = position
        while position < end, bytes[position] != 10, bytes[position] != 44 { position += 1 }
        var last = position
        if last > start, bytes[last - 1] == 13 { last -= 1 }
        fields.append(bytes[start..<last])
      }
      guard position < end else { return true }
      let byte = bytes[position]
      position += 1
      if byte == 10 { return true }
    }
  }

  /// A field in quotes, where a doubled quote stands for one.
  ///
  /// Ends before the comma or the line's end.
  private mutating func quoted() -> ArraySlice<UInt8> {
    position += 1
    var field: [UInt8] = []
    while position < end {
      let byte = bytes[position]
      position += 1
      if byte == UInt8(ascii: "\"") {
        guard position < end, bytes[position] == byte else { break }
        position += 1
      }
      field.append(byte)
    }
    while position < end, bytes[position] != 10, bytes[position] != 44 { position += 1 }
    return field[...]
  }
}
