import AlmanacCore
import Columns
import Regression
import SampleSources

/// Makes tables of numbers and texts of what files and queries hold.
///
/// A column is numeric where every value is a number, or every value a date, which then counts as
/// days since 1970. An empty cell, blanks and the usual words are missing values.
enum TableInference {
  private static let missingWords: Set<String> = [
    "", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "na", "n/a",
  ]

  /// The table of a CSV file with a header.
  static func table(csv bytes: [UInt8], name: String) throws -> Table {
    guard String(validating: bytes, as: UTF8.self) != nil else {
      throw TableError("\(name) is not UTF-8 text; convert it, such as by `iconv -t UTF-8`")
    }
    var reader = CSVReader(name: name, bytes: bytes)
    guard try reader.next() else { throw TableError("\(name) is empty; it needs a header line") }
    let names = (0..<reader.count).map { trimmed(String(decoding: reader[$0], as: UTF8.self)) }
    if let only = names.first, names.count == 1, only.contains(where: { ";\t|".contains($0) }) {
      throw TableError("\(name) has the one column \"\(only)\"; separate cells by commas")
    }
    var seen: Set<String> = []
    for (position, column) in names.enumerated() {
      guard !column.isEmpty else {
        throw TableError("\(name): column \(position + 1) has no name in the header")
      }
      guard seen.insert(column).inserted else {
        throw TableError("\(name): two columns are called \"\(column)\"")
      }
    }
    var columns = names.map { _ in CellColumn() }
    while try reader.next() {
      if let defect = reader.defect {
        throw TableError("\(name), line \(reader.line): \(defect.rawValue)")
      }
      guard reader.count == names.count else {
        throw TableError(
          "\(name), line \(reader.line): \(reader.count) cells under \(names.count) columns")
      }
      for position in names.indices {
        columns[position].add(String(decoding: reader[position], as: UTF8.self))
      }
    }
    let rowCount = columns.first?.codes.count ?? 0
    guard rowCount > 0 else { throw TableError("\(name) has a header but no rows") }
    var table = Table(rowCount: rowCount)
    for (name, column) in zip(names, columns) { table.add(name, column.inferred) }
    return table
  }

  /// The table of batches with the same columns.
  static func table(of batches: [Batch]) -> Table {
    var table = Table(rowCount: batches.reduce(0) { $0 + $1.rowCount })
    for (position, field) in (batches.first?.fields ?? []).enumerated() {
      table.add(field.name, column(batches.map { $0.columns[position] }, field.type))
    }
    return table
  }

  private static func column(_ parts: [Column], _ type: ColumnType) -> TableColumn {
    var numbers: [Double] = []
    var cells = CellColumn()
    var isNumeric = true
    var scale = 1.0
    if case .decimal(let digits) = type { for _ in 0..<digits { scale *= 10 } }
    numbers.reserveCapacity(parts.reduce(0) { $0 + $1.rowCount })
    for part in parts {
      if case .float64(let values) = part.storage {
        if part.validity == nil {
          numbers += values
        } else {
          for row in values.indices { numbers.append(part.isNull(row) ? .nan : values[row]) }
        }
        continue
      }
      for row in 0..<part.rowCount {
        switch part.value(row) {
        case nil:
          numbers.append(.nan)
          cells.add("")
        case .integer(let value):
          numbers.append(Double(value) / scale)
        case .float(let value):
          numbers.append(value)
        case .date(let date):
          numbers.append(Double(date.daysSinceEpoch))
        case .timestamp(let instant):
          numbers.append(Double(instant.microseconds) / 86_400_000_000)
        case .bool(let value):
          isNumeric = false
          cells.add(value ? "true" : "false")
        case .bytes(let bytes):
          isNumeric = false
          cells.add(String(decoding: bytes, as: UTF8.self))
        case .uuid(let value):
          isNumeric = false
          cells.add("\(value)")
        case .uuids(let values):
          isNumeric = false
          cells.add("\(values.count)")
        }
      }
    }
    return isNumeric ? .numbers(numbers) : cells.inferred
  }

  /// A cell without blanks around it.
  fileprivate static func trimmed(_ text: String) -> String {
    var part = Substring(text)
    while part.first?.isWhitespace ?? false { part.removeFirst() }
    while part.last?.isWhitespace ?? false { part.removeLast() }
    return String(part)
  }

  /// The cells of one column, each distinct text once.
  fileprivate struct CellColumn {
    var codes: [Int32] = []
    private var levels: [String] = []
    private var known: [String: Int32] = [:]

    mutating func add(_ cell: String) {
      if let code = known[cell] {
        codes.append(code)
        return
      }
      let text = trimmed(cell)
      let code: Int32
      if missingWords.contains(text) {
        code = -1
      } else if let same = known[text] {
        code = same
      } else {
        code = Int32(levels.count)
        levels.append(text)
        known[text] = code
      }
      known[cell] = code
      codes.append(code)
    }

    /// Numbers where every text is one, else days where every text is a date, else texts.
    var inferred: TableColumn {
      if let values = values({ number($0) }) { return .numbers(values) }
      if !levels.isEmpty,
        let values = values({ CalendarDate($0).map { Double($0.daysSinceEpoch) } })
      {
        return .numbers(values)
      }
      return .texts(codes: codes, levels: levels)
    }

    private func values(_ parse: (String) -> Double?) -> [Double]? {
      var parsed: [Double] = []
      for level in levels {
        guard let value = parse(level) else { return nil }
        parsed.append(value)
      }
      return codes.map { $0 < 0 ? .nan : parsed[Int($0)] }
    }

    private func number(_ text: String) -> Double? {
      guard
        let first = text.utf8.first(where: { $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: "+") })
      else { return nil }
      let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first)
      let isWord = ["inf", "infinity"].contains(
        text.lowercased().drop { $0 == "-" || $0 == "+" })
      guard isDigit || first == UInt8(ascii: ".") || isWord, !text.contains("x") else { return nil }
      return Double(text)
    }
  }
}
