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
    let parts = LongFormFile.parts(bytes, body, jobs)
    if parts.count > 1 {
      var found = inParallel(parts.count, jobs: jobs) { part in
        SeriesCollector(bytes, in: parts[part], linesBefore: linesBefore, columns)
      }
      // A line end between quotes is none, so that a file with quotes is read from the start.
      if !found.contains(where: \.hasQuotes) {
        var before = linesBefore
        for part in found.indices {
          let lineCount = found[part].lineCount
          // What is wrong is named by its line, which is known only now.
          if part > 0, found[part].series.contains(where: { $0.problem != nil }) {
            found[part] = SeriesCollector(
              bytes, in: parts[part], linesBefore: before, columns)
          }
          before += lineCount
        }
        if let joined = LongFormFile.joined(found.map(\.series)) {
          series = joined
          return
        }
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
  /// Whether they come first, in this order.
  var areFirst: Bool { id == 0 && label == 1 && value == 2 }

  init(_ header: [ArraySlice<UInt8>], path: String) throws(LongFormFile.Problem) {
    let names = header.map { String(decoding: $0, as: UTF8.self).lowercased() }
    func column(_ name: String) throws(LongFormFile.Problem) -> Int {
      guard let index = names.firstIndex(of: name) else { throw .noColumn(name, path: path) }
      return index
    }
    (id, label, value) = (try column("unique_id"), try column("ds"), try column("y"))
  }
}

extension LongSeries {
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
