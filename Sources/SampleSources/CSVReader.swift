/// What is wrong with the form of one record of a CSV file.
package enum CSVDefect: String, Sendable {
  /// A quote stands inside a cell that does not begin with one.
  case strayQuote = "stray quote"
  /// Something other than a comma or the end of the line follows a closing quote.
  case textAfterQuote = "text after a closing quote"
}

/// Reads the records of a CSV file (RFC 4180) from its bytes, one after the other.
///
/// Cells are separated by commas, records by LF or CRLF; a cell in quotes may hold commas, line
/// breaks, and quotes written twice. A byte order mark is skipped, and so is a line without any
/// byte. Bytes are not decoded: text in any encoding that extends ASCII passes through.
package struct CSVReader: Sendable {
  /// Where a cell lies: in the file, or in ``copies`` when its doubled quotes had to be undone.
  private struct Cell {
    var start: Int
    var end: Int
    var isCopied: Bool
  }

  private let name: String
  private let bytes: [UInt8]
  private var position = 0
  private var nextLine = 1
  private var cells: [Cell] = []
  private var copies: [UInt8] = []

  /// The line on which the current record begins, counted from 1; 0 before the first record.
  package private(set) var line = 0
  /// What is wrong with the form of the current record; its cells are what could be made of it.
  package private(set) var defect: CSVDefect?

  /// A reader before the first record of a file; `name` is for error messages.
  package init(name: String, bytes: [UInt8]) {
    self.name = name
    self.bytes = bytes
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
  }

  /// The number of cells of the current record.
  package var count: Int { cells.count }

  /// The bytes of a cell of the current record, without its quotes.
  package subscript(index: Int) -> ArraySlice<UInt8> {
    let cell = cells[index]
    return cell.isCopied ? copies[cell.start..<cell.end] : bytes[cell.start..<cell.end]
  }

  /// Moves to the next record.
  ///
  /// - Returns: whether there is one.
  /// - Throws: `SampleSourceError.unterminatedQuote` when the file ends inside a quoted cell.
  package mutating func next() throws(SampleSourceError) -> Bool {
    skipEmptyLines()
    guard position < bytes.count else { return false }
    cells.removeAll(keepingCapacity: true)
    copies.removeAll(keepingCapacity: true)
    defect = nil
    line = nextLine
    while true {
      if position < bytes.count, bytes[position] == CSVReader.quote {
        try readQuotedCell()
      } else {
        readBareCell()
      }
      guard position < bytes.count else { return true }
      // A cell ends before a comma or a line feed.
      let isLineEnd = bytes[position] == CSVReader.lineFeed
      position += 1
      if isLineEnd {
        nextLine += 1
        return true
      }
    }
  }

  private static let quote = UInt8(ascii: "\"")
  private static let comma = UInt8(ascii: ",")
  private static let lineFeed = UInt8(ascii: "\n")
  private static let carriageReturn = UInt8(ascii: "\r")

  private mutating func skipEmptyLines() {
    while position < bytes.count {
      if bytes[position] == CSVReader.lineFeed {
        position += 1
      } else if bytes[position] == CSVReader.carriageReturn, position + 1 < bytes.count,
        bytes[position + 1] == CSVReader.lineFeed
      {
        position += 2
      } else {
        return
      }
      nextLine += 1
    }
  }

  private mutating func readBareCell() {
    let start = position
    var end = position
    var hasQuote = false
    while end < bytes.count {
      let byte = bytes[end]
      if byte == CSVReader.comma || byte == CSVReader.lineFeed { break }
      if byte == CSVReader.quote { hasQuote = true }
      end += 1
    }
    position = end
    if hasQuote { defect = .strayQuote }
    if end > start, bytes[end - 1] == CSVReader.carriageReturn,
      end == bytes.count || bytes[end] == CSVReader.lineFeed
    {
      end -= 1
    }
    cells.append(Cell(start: start, end: end, isCopied: false))
  }

  /// Reads from an opening quote to the comma or line feed behind the closing one.
  private mutating func readQuotedCell() throws(SampleSourceError) {
    let start = position + 1
    let copyStart = copies.count
    var segment = start
    var end = start
    while true {
      guard end < bytes.count else { throw .unterminatedQuote(file: name, line: line) }
      let byte = bytes[end]
      if byte == CSVReader.lineFeed {
        nextLine += 1
      } else if byte == CSVReader.quote {
        guard end + 1 < bytes.count, bytes[end + 1] == CSVReader.quote else { break }
        copies.append(contentsOf: bytes[segment...end])
        end += 1
        segment = end + 1
      }
      end += 1
    }
    if segment == start {
      cells.append(Cell(start: start, end: end, isCopied: false))
    } else {
      copies.append(contentsOf: bytes[segment..<end])
      cells.append(Cell(start: copyStart, end: copies.count, isCopied: true))
    }
    position = end + 1
    let rest = position
    while position < bytes.count, bytes[position] != CSVReader.comma,
      bytes[position] != CSVReader.lineFeed
    {
      position += 1
    }
    let isCarriageReturn =
      position == rest + 1 && bytes[rest] == CSVReader.carriageReturn
      && (position == bytes.count || bytes[position] == CSVReader.lineFeed)
    if position > rest, !isCarriageReturn { defect = .textAfterQuote }
  }
}
