import AlmanacCore
import Files
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
  var problem: LineProblem?
}

/// What is wrong with a line.
struct LineProblem: Equatable {
  /// The number of the line, from 1, in the file or in a part of it.
  var line: Int
  /// What follows the number in a message.
  let text: String

  /// The message.
  var description: String { "line \(line)\(text)" }
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

  /// The bytes that a thread reads at a time.
  static let usualPart = 1 << 19

  /// Reads a file.
  ///
  /// Lines end with LF or CRLF, fields may be quoted, other columns are passed over. What is wrong
  /// with one line is a problem of its series and does not stop the others. What is read depends neither
  /// on threads nor on parts.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - jobs: the threads to read with.
  /// - Throws: ``Problem`` where there is no line, or a column is missing; `FileError`.
  init(reading path: String, jobs: Int) throws {
    // A pipe has no size, and may be opened once only. What cannot be opened is told of below.
    if let size = try? FileSystem.size(of: path), size > LongFormFile.usualPart {
      let file = try RandomAccessFile(path)
      let parts = SeriesParts(byteCount: file.byteCount, partSize: LongFormFile.usualPart) {
        try? file.read($0)
      }
      if let found = try parts.series(path: path, jobs: jobs) {
        self.init(series: found)
        return
      }
    }
    try self.init(whole: FileSystem.read(path), path: path)
  }

  /// Reads a file's bytes, as ``init(reading:jobs:)`` reads those of a file.
  ///
  /// - Parameters:
  ///   - bytes: the file.
  ///   - path: its name, for messages.
  ///   - jobs: the threads to read with.
  ///   - partSize: the bytes that a thread reads at a time.
  /// - Throws: ``Problem`` where there is no line, or a column is missing.
  init(
    _ bytes: [UInt8], path: String, jobs: Int = 1, partSize: Int = usualPart
  ) throws(Problem) {
    let parts = SeriesParts(byteCount: bytes.count, partSize: partSize) { range in
      Array(bytes[range.clamped(to: 0..<bytes.count)])
    }
    if let found = try parts.series(path: path, jobs: jobs) {
      self.init(series: found)
    } else {
      try self.init(whole: bytes, path: path)
    }
  }

  private init(series: [LongSeries]) { self.series = series }

  /// Reads all lines in order.
  private init(whole bytes: [UInt8], path: String) throws(Problem) {
    var lines = LineReader(bytes, in: 0..<bytes.count)
    var header: [ArraySlice<UInt8>] = []
    guard lines.next(&header) else { throw .empty(path: path) }
    let columns = try Columns(header, path: path)
    series =
      SeriesCollector(
        bytes, in: lines.position..<bytes.count, linesBefore: lines.number, columns
      ).series
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
    if let problem { throw SeriesProblem(problem.description) }
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
