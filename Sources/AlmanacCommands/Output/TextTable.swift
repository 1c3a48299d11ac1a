/// A table of text with aligned columns, at most ``maximumWidth`` wide.
package struct TextTable {
  /// Which side of a column its cells keep to.
  package enum Alignment: Sendable {
    /// For words.
    case left
    /// For numbers.
    case right
  }

  /// The width of a terminal.
  package static let maximumWidth = 80

  private let headings: [String]
  private let alignments: [Alignment]
  private var rows: [[String]] = []

  /// A table with headings; words go left and numbers right.
  package init(_ columns: [(String, Alignment)]) {
    headings = columns.map(\.0)
    alignments = columns.map(\.1)
  }

  /// Adds a row with a cell for each column.
  package mutating func add(_ cells: [String]) {
    precondition(cells.count == headings.count, "\(cells.count) cells in \(headings.count) columns")
    rows.append(cells)
  }

  /// Whether there is no row.
  package var isEmpty: Bool { rows.isEmpty }

  /// The lines: headings, then rows, two spaces between columns, none at the end.
  ///
  /// Where they would be wider than `width`, the widest columns of words are cut, marked by `…`.
  package func lines(indent: Int = 2, width: Int = TextTable.maximumWidth) -> [String] {
    let widths = self.widths(within: width - indent)
    return ([headings] + rows).map { cells in
      var line = String(repeating: " ", count: indent)
      for (column, whole) in cells.enumerated() {
        if column > 0 { line += "  " }
        let cell = Display.cut(whole, to: widths[column])
        let padding = String(repeating: " ", count: widths[column] - Display.width(of: cell))
        line += alignments[column] == .left ? cell + padding : padding + cell
      }
      while line.last == " " { line.removeLast() }
      return line
    }
  }

  /// Whether no cell has to be cut.
  package func fits(indent: Int = 2) -> Bool {
    naturalWidths == widths(within: TextTable.maximumWidth - indent)
      && total(naturalWidths) <= TextTable.maximumWidth - indent
  }

  private var naturalWidths: [Int] {
    headings.indices.map { column in
      ([headings] + rows).map { Display.width(of: $0[column]) }.max() ?? 0
    }
  }

  private func total(_ widths: [Int]) -> Int { widths.reduce(2 * (widths.count - 1), +) }

  /// The width of each column, so that all fit.
  private func widths(within limit: Int) -> [Int] {
    var widths = naturalWidths
    while total(widths) > limit {
      let words = widths.indices.filter {
        alignments[$0] == .left && widths[$0] > TextTable.minimumWidth
      }
      guard let widest = words.max(by: { widths[$0] < widths[$1] }) else { break }
      widths[widest] -= 1
    }
    return widths
  }

  /// The width below which no column is cut.
  private static let minimumWidth = 8
}

/// Numbers as people read them.
package enum Display {
  /// A whole number with commas between thousands.
  package static func count(_ value: some BinaryInteger) -> String {
    let digits = Array(String(value.magnitude))
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return (value < 0 ? "-" : "") + text
  }

  /// A number with its noun, such as `1 row` or `1,200 rows`.
  package static func counted(_ value: some BinaryInteger, _ noun: String) -> String {
    "\(count(value)) \(noun)\(value == 1 ? "" : "s")"
  }

  /// A plain decimal number, as PostgreSQL prints it, rounded half away from zero to whole units, or
  /// to whole thousands or millions, with commas between thousands; text that is no number comes
  /// back as it is.
  package static func wholeUnits(_ decimal: String, per unit: Int128 = 1) -> String {
    let isNegative = decimal.hasPrefix("-")
    let parts = (isNegative ? decimal.dropFirst() : decimal[...]).split(
      separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    let digits = parts.joined()
    guard parts[0].count > 0, digits.utf8.count <= 38,
      digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
      let scaled = Int128(digits)
    else { return decimal }
    let scale = (0..<(digits.count - parts[0].count)).reduce(unit) { scale, _ in scale * 10 }
    let (whole, rest) = scaled.quotientAndRemainder(dividingBy: scale)
    let rounded = rest >= scale - rest ? whole + 1 : whole
    return count(isNegative ? -rounded : rounded)
  }

  /// A number rounded to whole units, or to whole thousands or millions, with commas between
  /// thousands.
  package static func wholeUnits(_ value: Double, per unit: Int128 = 1) -> String {
    guard value.isFinite, abs(value) < 1e30 else { return "\(value)" }
    return count(Int128((value / Double(unit)).rounded()))
  }

  /// A duration such as `0.04 s`, `3.2 s` or `2 min 05 s`.
  package static func seconds(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e12 else { return "\(seconds) s" }
    if seconds < 0.995 { return fixed(seconds, decimals: 2) + " s" }
    if seconds < 59.95 { return fixed(seconds, decimals: 1) + " s" }
    let whole = Int(seconds.rounded())
    let rest = String(whole % 60)
    return "\(whole / 60) min \(rest.count == 1 ? "0" + rest : rest) s"
  }

  /// A share as a percentage with one decimal; nothing known is a dash.
  package static func percent(_ share: Double?) -> String {
    share.map { fixed($0 * 100, decimals: 1) + " %" } ?? "-"
  }

  /// A number with a fixed number of decimals.
  package static func fixed(_ value: Double, decimals: Int) -> String {
    guard value.isFinite, abs(value) < 1e12 else { return "\(value)" }
    let scale = (0..<decimals).reduce(1) { scale, _ in scale * 10 }
    let units = Int((abs(value) * Double(scale)).rounded())
    let sign = value < 0 && units > 0 ? "-" : ""
    if decimals == 0 { return sign + String(units) }
    let fraction = String(units % scale)
    return sign + String(units / scale) + "."
      + String(repeating: "0", count: decimals - fraction.count) + fraction
  }
}
