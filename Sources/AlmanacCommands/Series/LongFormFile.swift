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
  init(_ bytes: [UInt8], path: String) throws(Problem) {
    var lines = LineReader(bytes)
    guard let header = lines.next() else { throw .empty(path: path) }
    let names = header.map { String(decoding: $0, as: UTF8.self).lowercased() }
    func column(_ name: String) throws(Problem) -> Int {
      guard let index = names.firstIndex(of: name) else { throw .noColumn(name, path: path) }
      return index
    }
    let (idColumn, labelColumn, valueColumn) = (
      try column("unique_id"), try column("ds"), try column("y")
    )
    let needed = max(idColumn, labelColumn, valueColumn)
    var positions: [String: Int] = [:]
    var last = -1
    var lastID: [UInt8] = []
    while let fields = lines.next() {
      if fields.count == 1, fields[0].isEmpty { continue }
      let idBytes = idColumn < fields.count ? fields[idColumn] : []
      if last < 0 || !idBytes.elementsEqual(lastID) {
        lastID = Array(idBytes)
        let id = String(decoding: idBytes, as: UTF8.self)
        if let known = positions[id] {
          last = known
        } else {
          last = series.count
          positions[id] = last
          series.append(LongSeries(id: id))
        }
      }
      guard fields.count > needed else {
        series[last].note("line \(lines.number) has \(fields.count) fields")
        continue
      }
      guard let label = SeriesLabel(fields[labelColumn]) else {
        series[last].note("line \(lines.number): ds is no whole number, date or moment")
        continue
      }
      guard let value = LongFormFile.value(fields[valueColumn]) else {
        series[last].note("line \(lines.number): y is no number")
        continue
      }
      series[last].add(label, value, line: lines.number)
    }
  }

  /// The number of a field; NaN for an empty one and the usual words for it.
  private static func value(_ field: ArraySlice<UInt8>) -> Double? {
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

  fileprivate mutating func add(_ label: SeriesLabel, _ value: Double, line: Int) {
    if let kind, kind != label.kind {
      note("line \(line): ds is of another kind than before")
      return
    }
    if kind == nil {
      kind = label.kind
      style = label.style
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
  private var position = 0
  /// The number of the line last taken, from 1.
  private(set) var number = 0

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    // A byte order mark is no part of the first name.
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
  }

  /// The fields of the next line, or `nil` after the last.
  mutating func next() -> [ArraySlice<UInt8>]? {
    guard position < bytes.count else { return nil }
    number += 1
    var fields: [ArraySlice<UInt8>] = []
    while true {
      if position < bytes.count, bytes[position] == UInt8(ascii: "\"") {
        fields.append(quoted())
      } else {
        let start = position
        while position < bytes.count, bytes[position] != 10, bytes[position] != 44 { position += 1 }
        var end = position
        if end > start, bytes[end - 1] == 13 { end -= 1 }
        fields.append(bytes[start..<end])
      }
      guard position < bytes.count else { return fields }
      let byte = bytes[position]
      position += 1
      if byte == 10 { return fields }
    }
  }

  /// A field in quotes, where a doubled quote stands for one.
  ///
  /// Ends before the comma or the line's end.
  private mutating func quoted() -> ArraySlice<UInt8> {
    position += 1
    var field: [UInt8] = []
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      if byte == UInt8(ascii: "\"") {
        guard position < bytes.count, bytes[position] == byte else { break }
        position += 1
      }
      field.append(byte)
    }
    while position < bytes.count, bytes[position] != 10, bytes[position] != 44 { position += 1 }
    return field[...]
  }
}
