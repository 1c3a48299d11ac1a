package import AlmanacCore
package import Billing
package import Columns

/// What the online retail files give.
package struct OnlineRetailLoad: Sendable {
  /// The tables, each after those its rows refer to; rows in order of time, then identifier.
  package let tables: [(table: SourceTable, batch: Batch)]
  /// Every row, or rest of a row, that is not loaded, in order of file and line.
  package let rejections: [Rejection]
  /// How the files' rows and amounts are accounted for.
  package let summary: OnlineRetailSummary
}

/// The loader of the Online Retail II data set (Chen 2019, doi:10.24432/C5CG6D).
///
/// See `datasets/online-retail/README.md` for the files and DECISIONS.md, D-101 to D-110, for what
/// each row becomes.
package enum OnlineRetail {
  /// Turns the files into rows of the source contract.
  ///
  /// The result does not depend on the order of the files, nor its tables on the order of the
  /// lines in them.
  ///
  /// - Parameters:
  ///   - files: the names and the uncompressed bytes of the CSV files.
  ///   - zone: the rules of the shop's time zone, Europe/London.
  /// - Returns: the tables, what was refused, and the accounts of both.
  /// - Throws: `SampleSourceError` when a file as a whole cannot be read.
  /// - Complexity: O(n log n) in the number of lines; about 80 bytes for each besides the files.
  package static func convert(
    files: [(name: String, bytes: [UInt8])], zone: ZoneRules
  ) throws(SampleSourceError) -> OnlineRetailLoad {
    guard !files.isEmpty else { throw .noFiles }
    var parser = OnlineRetailParser(zone: zone)
    var parsed: [ParsedRetailFile] = []
    for file in files { parsed.append(try parser.parse(name: file.name, bytes: file.bytes)) }
    parsed.sort { ($0.firstDay ?? .max, $0.name) < ($1.firstDay ?? .max, $1.name) }

    var accounts = OnlineRetailAccounts(parsed)
    var rows: [RetailRow] = []
    rows.reserveCapacity(parsed.reduce(0) { $0 + $1.rows.count })
    for index in parsed.indices {
      let nextFirstDay = parsed[(index + 1)...].lazy.compactMap(\.firstDay).first ?? .max
      for var row in parsed[index].rows {
        row.file = Int32(index)
        if let reason = row.rejection(firstDayOfLater: nextFirstDay) {
          accounts.reject(row, reason)
        } else {
          rows.append(row)
        }
      }
      parsed[index].rows = []
    }

    let names = parser.countries.texts
    let books = OnlineRetailBooks(rows: rows) { names[Int($0)] < names[Int($1)] }
    accounts.settle(rows, unmatched: books.unmatched)
    let tables = OnlineRetailTables(books: books, countries: names)
    let built = tables.all()
    let unknown = Set(books.invoices.map(\.country)).map { names[Int($0)] }
      .filter { CountryCodes.code(of: $0) == nil }
    return OnlineRetailLoad(
      tables: built, rejections: accounts.rejections(),
      summary: OnlineRetailSummary(
        files: accounts.files,
        tables: built.map { .init(table: $0.table.qualifiedName, rows: $0.batch.rowCount) },
        companiesWithoutCountry: tables.companiesWithoutCountry,
        countriesWithoutCode: unknown.sorted()))
  }
}

/// Keeps the accounts of the rows of all files while they are loaded or refused.
private struct OnlineRetailAccounts {
  /// The accounts of each file.
  private(set) var files: [OnlineRetailSummary.File]
  private var refused: [[Rejection]]

  init(_ parsed: [ParsedRetailFile]) {
    files = parsed.map { file in
      var account = OnlineRetailSummary.File(name: file.name)
      account.read = .init(rows: file.recordCount, amount: file.amount)
      if let first = file.firstDay, let last = file.lastDay {
        account.days =
          CalendarDate(daysSinceEpoch: first)...CalendarDate(daysSinceEpoch: last)
      }
      for rejection in file.rejections {
        account.rejected[rejection.reason, default: .init()].add(Int128(rejection.amount ?? 0))
      }
      return account
    }
    refused = parsed.map(\.rejections)
  }

  /// Refuses a whole row.
  mutating func reject(_ row: RetailRow, _ reason: RejectionReason) {
    let file = Int(row.file)
    files[file].rejected[reason, default: .init()].add(Int128(row.amount))
    append(row, reason, amount: row.amount, isPart: false)
  }

  /// Books the rows that were not refused, less what cancellations had no original for.
  mutating func settle(_ rows: [RetailRow], unmatched: [UnmatchedCancellation]) {
    for row in rows {
      if row.document == .invoice {
        files[Int(row.file)].invoiceLines.add(Int128(row.amount))
      } else {
        files[Int(row.file)].cancelledLines.add(Int128(row.amount))
      }
    }
    for rest in unmatched {
      let row = rows[rest.row]
      let file = Int(row.file)
      let amount = -rest.quantity * row.price
      let reason = RejectionReason.cancellationWithoutOriginal
      files[file].cancelledLines.amount -= Int128(amount)
      files[file].rejected[reason, default: .init()].amount += Int128(amount)
      if rest.isPart {
        files[file].partlyCancelledLines += 1
      } else {
        files[file].cancelledLines.rows -= 1
        files[file].rejected[reason, default: .init()].rows += 1
      }
      append(row, reason, amount: amount, isPart: rest.isPart)
    }
  }

  /// All rejections in order of file and line.
  func rejections() -> [Rejection] {
    refused.flatMap { $0.sorted { $0.line < $1.line } }
  }

  private mutating func append(
    _ row: RetailRow, _ reason: RejectionReason, amount: Int64, isPart: Bool
  ) {
    refused[Int(row.file)].append(
      Rejection(
        file: files[Int(row.file)].name, line: Int(row.line), invoice: row.invoiceText,
        reason: reason, detail: nil, amount: amount, isPart: isPart))
  }
}
