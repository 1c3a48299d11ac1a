import AlmanacCore
import Billing
import Codecs
import Columns

/// The tables of the source contract that the books of the online retail files fill.
///
/// Identifiers are digests of names such as `online-retail/invoice/13085/489434`, so the same row
/// has the same identifier in every load. See DECISIONS.md, D-102 to D-110.
struct OnlineRetailTables {
  private let books: OnlineRetailBooks
  private let companies: [Company]
  private let invoiceIDs: [UUIDValue]
  private let transactionIDs: [UUIDValue]
  private let refundIDs: [UUIDValue]
  /// The companies, invoice by invoice.
  private let invoiceCompanies: [UUIDValue]

  private struct Company {
    let id: UUIDValue
    let number: Int64
    let signedUpAt: Int64
    var country: String?
  }

  private struct Event {
    let id: UUIDValue
    let type: EventType
    let company: UUIDValue
    let amount: Int128
    let time: Int64
  }

  /// The tables of books; `countries` are the parser's names of countries.
  init(books: OnlineRetailBooks, countries: [String]) {
    self.books = books
    let codes = countries.map(CountryCodes.code)
    var places: [Int64: Int] = [:]
    var companies: [Company] = []
    // Invoices come in order of time: the first is the sign-up, the last country code stays.
    for invoice in books.invoices {
      let place = places[invoice.customer] ?? companies.count
      if place == companies.count {
        places[invoice.customer] = place
        companies.append(
          Company(
            id: OnlineRetailTables.identifier("company/\(invoice.customer)"),
            number: invoice.customer, signedUpAt: invoice.time))
      }
      companies[place].country = codes[Int(invoice.country)] ?? companies[place].country
    }
    self.companies = companies
    invoiceCompanies = books.invoices.map { invoice in
      places[invoice.customer].map { companies[$0].id } ?? .zero
    }
    invoiceIDs = OnlineRetailTables.identifiers("invoice", books)
    transactionIDs = OnlineRetailTables.identifiers("transaction", books)
    refundIDs = books.credits.map {
      OnlineRetailTables.identifier("refund/\(OnlineRetailTables.path($0, books))")
    }
  }

  /// The number of companies whose country has no code.
  var companiesWithoutCountry: Int { companies.count { $0.country == nil } }

  /// Every table, each after those its rows refer to.
  func all() -> [(table: SourceTable, batch: Batch)] {
    [
      companyTable(), invoiceTable(), transactionTable(), attemptTable(), refundTable(),
      creditNoteTable(), eventTable(),
    ]
  }

  private func companyTable() -> (table: SourceTable, batch: Batch) {
    let rows = companies.indices.sorted {
      (companies[$0].signedUpAt, companies[$0].id) < (companies[$1].signedUpAt, companies[$1].id)
    }.map { companies[$0] }
    var table = TableAssembly(SourceContract.companies, rowCount: rows.count)
    table.set("id") { .uuid(rows[$0].id) }
    table.set("tenant_id") { .uuid(rows[$0].id) }
    table.set("name") { .text("Customer \(rows[$0].number)") }
    table.set("country") { rows[$0].country.map { .text($0) } }
    table.set("timezone", to: .text("Europe/London"))
    table.set("currency", to: currency)
    for column in ["signed_up_at", "created_at", "updated_at"] {
      table.set(column) { instant(rows[$0].signedUpAt) }
    }
    return table.finish()
  }

  private func invoiceTable() -> (table: SourceTable, batch: Batch) {
    let order = orderedByTime(books.invoices.map(\.time), invoiceIDs)
    var table = TableAssembly(SourceContract.invoices, rowCount: order.count)
    table.set("id") { .uuid(invoiceIDs[order[$0]]) }
    table.set("company_id") { .uuid(invoiceCompanies[order[$0]]) }
    table.set("number") { .text(String(books.invoices[order[$0]].number)) }
    table.set("status", to: .text(InvoiceStatus.paid.rawValue))
    table.set("currency", to: currency)
    table.set("tax", to: .integer(0))
    for column in ["subtotal", "total", "amount_paid"] {
      table.set(column) { .integer(books.invoices[order[$0]].total) }
    }
    for column in ["issued_at", "paid_at", "created_at", "updated_at"] {
      table.set(column) { instant(books.invoices[order[$0]].time) }
    }
    table.set("billing_reason", to: .text(BillingReason.manual.rawValue))
    return table.finish()
  }

  private func transactionTable() -> (table: SourceTable, batch: Batch) {
    let order = orderedByTime(books.invoices.map(\.time), transactionIDs)
    let succeeded = ColumnValue.text(TransactionStatus.succeeded.rawValue)
    let refunded = ColumnValue.text(TransactionStatus.refunded.rawValue)
    var table = TableAssembly(SourceContract.transactions, rowCount: order.count)
    table.set("id") { .uuid(transactionIDs[order[$0]]) }
    table.set("invoice_id") { .uuid(invoiceIDs[order[$0]]) }
    table.set("company_id") { .uuid(invoiceCompanies[order[$0]]) }
    table.set("amount") { .integer(books.invoices[order[$0]].total) }
    table.set("currency", to: currency)
    table.set("status") {
      let invoice = books.invoices[order[$0]]
      return invoice.refunded == invoice.total ? refunded : succeeded
    }
    table.set("payment_method", to: .text(PaymentChannel.bankTransfer.rawValue))
    table.set("retry_count", to: .integer(0))
    for column in ["succeeded_at", "created_at"] {
      table.set(column) { instant(books.invoices[order[$0]].time) }
    }
    table.set("updated_at") {
      let invoice = books.invoices[order[$0]]
      return instant(invoice.refunded == invoice.total ? invoice.changedAt : invoice.time)
    }
    return table.finish()
  }

  private func attemptTable() -> (table: SourceTable, batch: Batch) {
    let identifiers = OnlineRetailTables.identifiers("payment_attempt", books)
    let order = orderedByTime(books.invoices.map(\.time), identifiers)
    var table = TableAssembly(SourceContract.paymentAttempts, rowCount: order.count)
    table.set("id") { .uuid(identifiers[order[$0]]) }
    table.set("transaction_id") { .uuid(transactionIDs[order[$0]]) }
    table.set("invoice_id") { .uuid(invoiceIDs[order[$0]]) }
    table.set("company_id") { .uuid(invoiceCompanies[order[$0]]) }
    table.set("attempt_number", to: .integer(1))
    table.set("amount") { .integer(books.invoices[order[$0]].total) }
    table.set("currency", to: currency)
    table.set("outcome", to: .text(AttemptOutcome.succeeded.rawValue))
    for column in ["attempted_at", "created_at"] {
      table.set(column) { instant(books.invoices[order[$0]].time) }
    }
    return table.finish()
  }

  private func refundTable() -> (table: SourceTable, batch: Batch) {
    let order = orderedByTime(books.credits.map(\.time), refundIDs)
    var table = TableAssembly(SourceContract.refunds, rowCount: order.count)
    table.set("id") { .uuid(refundIDs[order[$0]]) }
    table.set("transaction_id") { .uuid(transactionIDs[books.credits[order[$0]].invoice]) }
    table.set("company_id") { .uuid(invoiceCompanies[books.credits[order[$0]].invoice]) }
    table.set("amount") { .integer(books.credits[order[$0]].amount) }
    table.set("currency", to: currency)
    table.set("reason", to: .text("cancellation"))
    table.set("status", to: .text(RefundStatus.succeeded.rawValue))
    for column in ["succeeded_at", "created_at"] {
      table.set(column) { instant(books.credits[order[$0]].time) }
    }
    return table.finish()
  }

  private func creditNoteTable() -> (table: SourceTable, batch: Batch) {
    let identifiers = books.credits.map {
      OnlineRetailTables.identifier("credit_note/\(OnlineRetailTables.path($0, books))")
    }
    let order = orderedByTime(books.credits.map(\.time), identifiers)
    var table = TableAssembly(SourceContract.creditNotes, rowCount: order.count)
    table.set("id") { .uuid(identifiers[order[$0]]) }
    table.set("invoice_id") { .uuid(invoiceIDs[books.credits[order[$0]].invoice]) }
    table.set("company_id") { .uuid(invoiceCompanies[books.credits[order[$0]].invoice]) }
    table.set("amount") { .integer(books.credits[order[$0]].amount) }
    table.set("currency", to: currency)
    table.set("reason", to: .text("cancellation"))
    for column in ["issued_at", "created_at"] {
      table.set(column) { instant(books.credits[order[$0]].time) }
    }
    return table.finish()
  }

  private func eventTable() -> (table: SourceTable, batch: Batch) {
    var events: [Event] = []
    events.reserveCapacity(books.invoices.count * 2 + books.credits.count)
    for type in [EventType.invoiceGenerated, .paymentReceived] {
      let identifiers = OnlineRetailTables.identifiers("event/\(type.rawValue)", books)
      for (index, invoice) in books.invoices.enumerated() {
        events.append(
          Event(
            id: identifiers[index], type: type, company: invoiceCompanies[index],
            amount: invoice.total, time: invoice.time))
      }
    }
    for credit in books.credits {
      let path = OnlineRetailTables.path(credit, books)
      events.append(
        Event(
          id: OnlineRetailTables.identifier("event/payment_refunded/\(path)"),
          type: .paymentRefunded, company: invoiceCompanies[credit.invoice],
          amount: credit.amount, time: credit.time))
    }
    events.sort { ($0.time, $0.id) < ($1.time, $1.id) }
    var table = TableAssembly(SourceContract.events, rowCount: events.count)
    table.set("event_id") { .uuid(events[$0].id) }
    table.set("event_type") { .text(events[$0].type.rawValue) }
    table.set("company_id") { .uuid(events[$0].company) }
    table.set("metadata") {
      let amount = Money.text(events[$0].amount)
      return .text(#"{"amount": \#(amount), "currency": "GBP", "method": "bank_transfer"}"#)
    }
    for column in ["timestamp", "created_at"] {
      table.set(column) { instant(events[$0].time) }
    }
    return table.finish()
  }

  private var currency: ColumnValue { .text("GBP") }

  private func instant(_ microseconds: Int64) -> ColumnValue {
    .timestamp(Timestamp(microseconds: microseconds))
  }

  /// The indices in order of time, then identifier.
  private func orderedByTime(_ times: [Int64], _ identifiers: [UUIDValue]) -> [Int] {
    times.indices.sorted { (times[$0], identifiers[$0]) < (times[$1], identifiers[$1]) }
  }

  private static func identifiers(_ kind: String, _ books: OnlineRetailBooks) -> [UUIDValue] {
    books.invoices.map { identifier("\(kind)/\($0.customer)/\($0.number)") }
  }

  /// The customer, cancellation and invoice of a credit.
  private static func path(_ credit: RetailCredit, _ books: OnlineRetailBooks) -> String {
    let invoice = books.invoices[credit.invoice]
    return "\(invoice.customer)/C\(credit.cancellation)/\(invoice.number)"
  }

  private static func identifier(_ path: String) -> UUIDValue {
    UUIDValue(version8: SHA256.digest(of: "online-retail/" + path))
  }
}
