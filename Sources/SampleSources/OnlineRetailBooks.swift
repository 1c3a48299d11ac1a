/// An invoice: all loaded lines of one customer under one number.
struct RetailInvoice {
  let customer: Int64
  let number: Int64
  /// The earliest time of its lines, in microseconds.
  var time: Int64
  /// The name of its country, as the parser's code.
  var country: Int32
  /// The sum of its lines in ten-thousandths.
  var total: Int128 = 0
  /// What was given back of it, in ten-thousandths; at most the total.
  var refunded: Int128 = 0
  /// The time of the latest refund, or that of the invoice.
  var changedAt: Int64
}

/// What one cancellation gives back of one invoice.
struct RetailCredit {
  let cancellation: Int64
  /// The index of the invoice.
  let invoice: Int
  /// The time of the cancellation, in microseconds.
  let time: Int64
  /// In ten-thousandths; positive.
  var amount: Int128
}

/// A cancelled quantity without an original: the row's index, the quantity, and whether the rest
/// of the row was matched.
struct UnmatchedCancellation {
  let row: Int
  let quantity: Int64
  let isPart: Bool
}

/// Invoices, and the cancellations matched to them.
///
/// Everything here depends on the set of rows only and not on their order. See DECISIONS.md,
/// D-105 and D-106.
struct OnlineRetailBooks {
  /// The invoices in order of time, then customer and number.
  private(set) var invoices: [RetailInvoice] = []
  /// The credits in order of time, then cancellation and invoice.
  private(set) var credits: [RetailCredit] = []
  /// What could not be matched, in no particular order.
  private(set) var unmatched: [UnmatchedCancellation] = []

  private struct DocumentKey: Hashable {
    let customer: Int64
    let number: Int64
  }

  private struct ArticleKey: Hashable {
    let customer: Int64
    let stock: Int32
  }

  private struct CreditKey: Hashable {
    let cancellation: Int64
    let invoice: Int
  }

  /// An invoice line that may be cancelled.
  private struct Original {
    let time: Int64
    let number: Int64
    let price: Int64
    let invoice: Int
    var left: Int64
  }

  /// A line of a cancellation with the time of the whole document.
  private struct Cancelled {
    let index: Int
    let row: RetailRow
    let time: Int64

    /// The order in which lines choose; file and line only decide which of two equal ones is
    /// listed when there is too little for both.
    static func precedes(_ left: Cancelled, _ right: Cancelled) -> Bool {
      let (first, second) = (left.row, right.row)
      return (left.time, first.number, first.price, first.quantity, first.file, first.line)
        < (right.time, second.number, second.price, second.quantity, second.file, second.line)
    }
  }

  /// The books of the rows that are invoice lines or cancellations, none of them refused.
  ///
  /// `isNameBefore` orders the parser's codes of countries by their names.
  init(rows: [RetailRow], isNameBefore: (Int32, Int32) -> Bool) {
    collectInvoices(rows, isNameBefore)
    var cancelled: [ArticleKey: [Int]] = [:]
    var times: [DocumentKey: Int64] = [:]
    for (index, row) in rows.enumerated() where row.document == .cancellation {
      cancelled[ArticleKey(customer: row.customer, stock: row.stock), default: []].append(index)
      let key = DocumentKey(customer: row.customer, number: row.number)
      times[key] = min(times[key] ?? .max, row.time)
    }
    var originals = collectOriginals(rows, of: cancelled)
    var creditIndices: [CreditKey: Int] = [:]
    // Articles are independent of each other, so the order of the dictionary does not matter.
    for (article, indices) in cancelled {
      var lines = originals.removeValue(forKey: article) ?? []
      lines.sort {
        ($0.time, $0.number, $0.price, $0.left) > ($1.time, $1.number, $1.price, $1.left)
      }
      let ordered = indices.map { index in
        let key = DocumentKey(customer: rows[index].customer, number: rows[index].number)
        return Cancelled(index: index, row: rows[index], time: times[key] ?? rows[index].time)
      }.sorted(by: Cancelled.precedes)
      for cancelled in ordered { match(cancelled, to: &lines, &creditIndices) }
    }
    credits.sort {
      ($0.time, $0.cancellation, $0.invoice) < ($1.time, $1.cancellation, $1.invoice)
    }
  }

  /// Gives a cancelled line back: of lines of its price first, then of dearer ones.
  ///
  /// `lines` are those of the customer and article, the latest first.
  private mutating func match(
    _ cancelled: Cancelled, to lines: inout [Original], _ creditIndices: inout [CreditKey: Int]
  ) {
    let row = cancelled.row
    var left = -row.quantity
    for isSamePrice in [true, false] {
      for position in lines.indices where left > 0 {
        let line = lines[position]
        guard line.time <= cancelled.time, line.left > 0,
          isSamePrice ? line.price == row.price : line.price > row.price
        else { continue }
        let quantity = min(left, line.left)
        lines[position].left -= quantity
        left -= quantity
        let amount = Int128(quantity) * Int128(row.price)
        invoices[line.invoice].refunded += amount
        invoices[line.invoice].changedAt = max(invoices[line.invoice].changedAt, cancelled.time)
        let key = CreditKey(cancellation: row.number, invoice: line.invoice)
        if let known = creditIndices[key] {
          credits[known].amount += amount
        } else {
          creditIndices[key] = credits.count
          credits.append(
            RetailCredit(
              cancellation: row.number, invoice: line.invoice, time: cancelled.time,
              amount: amount))
        }
      }
    }
    if left > 0 {
      unmatched.append(
        UnmatchedCancellation(row: cancelled.index, quantity: left, isPart: left < -row.quantity))
    }
  }

  private mutating func collectInvoices(
    _ rows: [RetailRow], _ isNameBefore: (Int32, Int32) -> Bool
  ) {
    var indices: [DocumentKey: Int] = [:]
    var last: (key: DocumentKey, index: Int)?
    for row in rows where row.document == .invoice {
      let key = DocumentKey(customer: row.customer, number: row.number)
      let index: Int
      if let last, last.key == key {
        index = last.index
      } else if let known = indices[key] {
        index = known
      } else {
        index = invoices.count
        indices[key] = index
        invoices.append(
          RetailInvoice(
            customer: row.customer, number: row.number, time: row.time, country: row.country,
            changedAt: row.time))
      }
      last = (key, index)
      invoices[index].total += Int128(row.amount)
      if row.time < invoices[index].time { invoices[index].time = row.time }
      if row.country != invoices[index].country,
        isNameBefore(row.country, invoices[index].country)
      {
        invoices[index].country = row.country
      }
    }
    for index in invoices.indices { invoices[index].changedAt = invoices[index].time }
    invoices.sort { ($0.time, $0.customer, $0.number) < ($1.time, $1.customer, $1.number) }
  }

  /// The invoice lines of the articles that were cancelled.
  private func collectOriginals(
    _ rows: [RetailRow], of cancelled: [ArticleKey: [Int]]
  ) -> [ArticleKey: [Original]] {
    var indices: [DocumentKey: Int] = [:]
    indices.reserveCapacity(invoices.count)
    for (index, invoice) in invoices.enumerated() {
      indices[DocumentKey(customer: invoice.customer, number: invoice.number)] = index
    }
    var originals: [ArticleKey: [Original]] = [:]
    for row in rows where row.document == .invoice {
      let article = ArticleKey(customer: row.customer, stock: row.stock)
      guard cancelled[article] != nil,
        let invoice = indices[DocumentKey(customer: row.customer, number: row.number)]
      else { continue }
      originals[article, default: []].append(
        Original(
          time: invoices[invoice].time, number: row.number, price: row.price, invoice: invoice,
          left: row.quantity))
    }
    return originals
  }
}
