import AlmanacCore
package import Columns

/// Renders rows of a dataset.
package struct RowText {
  private let fields: [Field]
  private let batches: [Batch]
  private let total: Int

  /// A rendering of batches of equal fields; `total` is the number of rows there are.
  package init(_ fields: [Field], _ batches: [Batch], total: Int) {
    self.fields = fields
    self.batches = batches
    self.total = total
  }

  /// The lines in a format.
  package func lines(_ format: OutputFormat) -> [String] {
    switch format {
    case .table: tableLines()
    case .csv:
      [fields.map { CellText.csv($0.name) }.joined(separator: ",")]
        + cells(CellText.csv).map { $0.joined(separator: ",") }
    case .json: jsonLines()
    }
  }

  /// The cells of every row, in the order of the fields.
  private func cells(_ text: (ColumnValue?, ColumnType) -> String) -> [[String]] {
    batches.flatMap { batch in
      let columns = fields.map { batch[$0.name] }
      return (0..<batch.rowCount).map { row in
        zip(fields, columns).map { field, column in text(column?.value(row), field.type) }
      }
    }
  }

  private func jsonLines() -> [String] {
    let names = fields.map { CellText.json($0.name) }
    let objects = cells(CellText.json).map { cells in
      "{" + zip(names, cells).map { "\($0): \($1)" }.joined(separator: ", ") + "}"
    }
    return jsonArray(objects)
  }

  /// As many leading columns as fit, the widest cells cut; the others are named below.
  private func tableLines() -> [String] {
    let rows = cells(CellText.table)
    let names = fields.map { CellText.escaped($0.name, keeping: []) }
    var shownCount = 0
    var width = 0
    for column in fields.indices {
      let natural =
        (rows.map { Display.width(of: $0[column]) } + [Display.width(of: names[column])])
        .max() ?? 0
      width += isNumber(fields[column].type) ? natural : min(natural, maximumWidth(of: column))
      if column > 0 {
        width += 2
        if width > TextTable.maximumWidth { break }
      }
      shownCount += 1
    }
    var table = TextTable(
      (0..<shownCount).map { column in
        let isRight = isNumber(fields[column].type)
        return (
          cut(names[column], column), isRight ? .right : .left
        )
      })
    for row in rows {
      table.add(
        (0..<shownCount).map { cut(row[$0], $0) })
    }
    var lines = table.lines(indent: 0)
    let more = names.dropFirst(shownCount)
    lines.append("")
    lines.append("\(Display.count(rows.count)) of \(Display.counted(total, "row"))")
    if !more.isEmpty {
      lines += wrapped(
        "Not shown for want of room (--format csv has all): "
          + more.joined(separator: ", "), indent: "")
    }
    return lines
  }

  private func isNumber(_ type: ColumnType) -> Bool {
    switch type {
    case .int16, .int32, .int64, .float32, .float64, .decimal: true
    default: false
    }
  }

  private func cut(_ text: String, _ column: Int) -> String {
    isNumber(fields[column].type) ? text : Display.cut(text, to: maximumWidth(of: column))
  }

  /// The width above which words are cut: an instant fits, of an identifier the first eight digits.
  private func maximumWidth(of column: Int) -> Int { fields[column].type == .uuid ? 9 : 20 }
}

/// The lines of a JSON array with an element on each.
func jsonArray(_ elements: [String]) -> [String] {
  guard !elements.isEmpty else { return ["[]"] }
  return ["["] + elements.dropLast().map { "  \($0)," } + [
    "  \(elements[elements.count - 1])", "]",
  ]
}
