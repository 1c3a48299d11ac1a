import AlmanacCore

/// Reads the series of a long file in parts, which several threads can take (D-591).
///
/// A part holds the lines that begin in it. Parts are short, so that their bytes stay near the processor
/// and the file is never in memory as a whole.
struct SeriesParts: Sendable {
  /// The size of the file.
  let byteCount: Int
  /// The size of a part.
  let partSize: Int
  /// The bytes of a range, fewer where the file ends before it does; `nil` where they cannot be read.
  let read: @Sendable (Range<Int>) -> [UInt8]?

  /// The bytes in which the first line has to end.
  private static let headSize = 1 << 16
  /// The bytes read beyond a part, in which its last line ends mostly.
  private static let margin = 1 << 10

  /// What comes before the series.
  private struct Head {
    /// Where the columns stand.
    let columns: Columns
    /// Where the first line ends.
    let end: Int
  }

  /// Reads the series.
  ///
  /// - Parameters:
  ///   - path: the file's name, for messages.
  ///   - jobs: the threads to read with.
  /// - Returns: the series; `nil` where the file has to be read as a whole: one of a single part, one
  ///   with quotes, between which a line end is none, one in which a series has labels of two kinds,
  ///   and one that cannot be read, or is shorter than it was.
  /// - Throws: ``LongFormFile/Problem`` where a column is missing.
  func series(path: String, jobs: Int) throws(LongFormFile.Problem) -> [LongSeries]? {
    guard byteCount > partSize, let head = try head(path: path) else { return nil }
    guard byteCount > head.end else { return [] }
    let count = (byteCount - head.end + partSize - 1) / partSize
    let parts = inParallel(count, jobs: jobs) { part in collected(part, head) }
    guard parts.allSatisfy({ $0?.hasQuotes == false }) else { return nil }
    return SeriesParts.joined(parts.compactMap(\.self))
  }

  /// The first line; `nil` where it has quotes or is too long.
  private func head(path: String) throws(LongFormFile.Problem) -> Head? {
    guard let bytes = read(0..<min(byteCount, SeriesParts.headSize)) else { return nil }
    var lines = LineReader(bytes, in: 0..<bytes.count)
    var header: [ArraySlice<UInt8>] = []
    guard lines.next(&header), !lines.hasQuotes, bytes[lines.position - 1] == 10 else { return nil }
    return Head(columns: try Columns(header, path: path), end: lines.position)
  }

  /// What the lines that begin in a part say, numbered from its first; `nil` where they cannot be read.
  private func collected(_ part: Int, _ head: Head) -> SeriesCollector? {
    let start = head.end + part * partSize
    let end = min(byteCount, start + partSize)
    var margin = SeriesParts.margin
    while true {
      // One byte before the part tells whether a line begins with it.
      let range = (start - 1)..<min(byteCount, end + margin)
      guard let bytes = read(range), bytes.count == range.count else { return nil }
      let size = end - range.lowerBound
      let first = SeriesParts.lineEnd(bytes, from: 0) ?? bytes.count
      // Within one line none begins, and nothing is to be read on.
      guard first < size else {
        return SeriesCollector(bytes, in: 0..<0, linesBefore: 0, head.columns)
      }
      if let last = SeriesParts.lineEnd(bytes, from: size - 1)
        ?? (range.upperBound == byteCount ? bytes.count : nil)
      {
        return SeriesCollector(bytes, in: first..<last, linesBefore: 0, head.columns)
      }
      margin *= 8
    }
  }

  /// Behind the first line end from a position on; `nil` without one.
  private static func lineEnd(_ bytes: [UInt8], from position: Int) -> Int? {
    bytes[position...].firstIndex(of: 10).map { $0 + 1 }
  }

  /// The series of parts in order, joined by name, with the lines of the file; `nil` where one has labels
  /// of two kinds, which only a reader of its lines in order can tell of.
  private static func joined(_ parts: [SeriesCollector]) -> [LongSeries]? {
    var joined: [LongSeries] = []
    var positions: [String: Int] = [:]
    // The first line names the columns.
    var linesBefore = 1
    for part in parts {
      for var series in part.series {
        series.problem?.line += linesBefore
        guard let position = positions[series.id] else {
          positions[series.id] = joined.count
          joined.append(series)
          continue
        }
        let (kind, hasOffset) = (joined[position].kind, joined[position].style.hasOffset)
        if let kind, let other = series.kind, kind != other || hasOffset != series.style.hasOffset {
          return nil
        }
        joined[position].append(series)
      }
      linesBefore += part.lineCount
    }
    return joined
  }
}
