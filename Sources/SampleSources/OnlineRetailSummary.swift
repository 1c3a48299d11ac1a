package import AlmanacCore

/// What became of the rows and amounts of the online retail files.
///
/// Amounts are Σ quantity × price in ten-thousandths of a pound, with the sign of the file.
package struct OnlineRetailSummary: Hashable, Sendable {
  /// A number of rows and their amount.
  package struct Tally: Hashable, Sendable {
    /// The number of rows.
    package var rows: Int
    /// Their amount.
    package var amount: Int128

    /// A tally of the given parts.
    package init(rows: Int = 0, amount: Int128 = 0) {
      self.rows = rows
      self.amount = amount
    }

    /// Adds a row.
    mutating func add(_ amount: Int128) {
      rows += 1
      self.amount += amount
    }
  }

  /// What became of one file.
  package struct File: Hashable, Sendable {
    /// The file's name.
    package var name: String
    /// The earliest and the latest local day, where any row can be read.
    package var days: ClosedRange<CalendarDate>?
    /// All rows, counted as they were read.
    package var read = Tally()
    /// Rows that are part of an invoice.
    package var invoiceLines = Tally()
    /// Rows that are part of a credit note, wholly or in part; the amount is that part's.
    package var cancelledLines = Tally()
    /// How many of the cancelled lines are loaded only in part.
    package var partlyCancelledLines = 0
    /// Rows refused, by reason; of rows loaded in part the amount of the rest, but no row.
    package var rejected: [RejectionReason: Tally] = [:]

    /// The rows and amounts read less those accounted for: zero.
    package var difference: Tally {
      var rest = read
      for tally in [invoiceLines, cancelledLines] + rejected.values {
        rest.rows -= tally.rows
        rest.amount -= tally.amount
      }
      return rest
    }
  }

  /// The files, in the order of their first days.
  package var files: [File]
  /// The tables loaded and the number of rows of each.
  package var tables: [TableCount]
  /// The number of companies whose country has no ISO 3166 code.
  package var companiesWithoutCountry: Int
  /// The names of countries of loaded invoices that have no such code, in order.
  package var countriesWithoutCode: [String]

  /// The number of rows of a table.
  package struct TableCount: Hashable, Sendable {
    /// The table's name with its schema.
    package var table: String
    /// The number of rows.
    package var rows: Int
  }

  /// Whether every row and every amount of every file is accounted for.
  package var isReconciled: Bool { files.allSatisfy { $0.difference == Tally() } }

  /// The sum over all files of one of their tallies.
  package func total(_ part: (File) -> Tally) -> Tally {
    files.reduce(into: Tally()) { sum, file in
      sum.rows += part(file).rows
      sum.amount += part(file).amount
    }
  }
}

extension OnlineRetailSummary {
  /// A report for people, at most 80 columns wide.
  package func lines() -> [String] {
    var lines = [row("Read", "rows", "amount, GBP")]
    for file in files {
      lines.append(row("  " + clipped(file.name), file.read))
      if let days = file.days {
        lines.append("    \(days.lowerBound) to \(days.upperBound)")
      }
    }
    lines.append("Loaded")
    lines.append(row("  lines of invoices", total(\.invoiceLines)))
    lines.append(row("  cancelled lines", total(\.cancelledLines)))
    let parts = files.reduce(0) { $0 + $1.partlyCancelledLines }
    if parts > 0 {
      lines.append("    \(grouped(String(parts))) of them only in part, the rest is not loaded")
    }
    lines.append("Not loaded")
    for reason in RejectionReason.allCases {
      let tally = total { $0.rejected[reason] ?? Tally() }
      if tally != Tally() { lines.append(row("  " + reason.rawValue, tally)) }
    }
    let difference = total(\.difference)
    let verdict = isReconciled ? "  agrees with what was read" : "  DIFFERS from what was read"
    lines.append(
      row(
        "Sum",
        Tally(
          rows: total(\.read).rows - difference.rows,
          amount: total(\.read).amount - difference.amount)))
    lines.append(verdict)
    lines.append("Rows written")
    for count in tables {
      lines.append(row("  " + count.table, grouped(String(count.rows)), ""))
    }
    if companiesWithoutCountry > 0 {
      lines.append("Companies without a country code: \(grouped(String(companiesWithoutCountry)))")
      lines.append("  " + clipped(countriesWithoutCode.joined(separator: ", "), to: 78))
    }
    return lines
  }

  private func row(_ label: String, _ tally: Tally) -> String {
    let text = Money.text(tally.amount)
    return row(
      label, grouped(String(tally.rows)), grouped(String(text.dropLast(5))) + text.suffix(5))
  }

  private func row(_ label: String, _ rows: String, _ amount: String) -> String {
    let line = padded(label, 46, left: false) + padded(rows, 12) + padded(amount, 22)
    return String(line.reversed().drop { $0 == " " }.reversed())
  }

  private func padded(_ text: String, _ width: Int, left: Bool = true) -> String {
    let spaces = String(repeating: " ", count: max(0, width - text.count))
    return left ? spaces + text : text + spaces
  }

  /// Digits, perhaps behind a minus, with a comma before each group of three.
  private func grouped(_ digits: String) -> String {
    var text = ""
    for (index, digit) in digits.reversed().enumerated() {
      if index > 0, index % 3 == 0, digit != "-" { text.append(",") }
      text.append(digit)
    }
    return String(text.reversed())
  }

  private func clipped(_ text: String, to width: Int = 43) -> String {
    text.count <= width ? text : text.prefix(width - 3) + "..."
  }
}
