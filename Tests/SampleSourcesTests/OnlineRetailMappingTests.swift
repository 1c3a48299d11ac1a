import AlmanacCore
import Billing
import Columns
import Foundation
import SampleSources
import Testing

@Suite("What the online retail loader makes of rows")
struct OnlineRetailMappingTests {
  @Test("gives every table of the contract its columns in order")
  func fillsTables() throws {
    let load = try Retail.convert([Retail.line("489434")])
    #expect(load.tables.map(\.table) == SourceContract.tables)
    for (table, batch) in load.tables { #expect(batch.fields == table.fields) }
    #expect(load.tables.map(\.batch.rowCount) == [1, 1, 1, 1, 0, 0, 2])
  }

  @Test("gives an empty file empty tables")
  func acceptsEmptyFile() throws {
    let load = try Retail.convert([])
    #expect(load.tables.allSatisfy { $0.batch.rowCount == 0 })
    #expect(load.summary.isReconciled)
    #expect(load.summary.files[0].days == nil)
  }

  @Test("sums the lines of an invoice exactly, repeated ones too, and takes the earliest time")
  func sumsLines() throws {
    let load = try Retail.convert([
      Retail.line("489434", "A", quantity: "3", at: "2010-01-04 10:02:00", price: "0.333"),
      Retail.line("489434", "B", quantity: "12.0", at: "2010-01-04 10:01:00", price: "6.95"),
      Retail.line("489434", "B", quantity: "12", at: "2010-01-04 10:01:00", price: "6.95"),
    ])
    #expect(try load.amounts("billing.invoices", "total") == [9_990 + 2 * 834_000])
    for column in ["subtotal", "amount_paid"] {
      #expect(try load.amounts("billing.invoices", column) == [1_677_990])
    }
    #expect(try load.amounts("billing.invoices", "tax") == [0])
    #expect(try load.amounts("billing.transactions", "amount") == [1_677_990])
    #expect(try load.amounts("billing.payment_attempts", "amount") == [1_677_990])
    for column in ["issued_at", "paid_at", "created_at", "updated_at"] {
      #expect(try load.times("billing.invoices", column) == ["2010-01-04T10:01:00Z"])
    }
    #expect(try load.texts("billing.invoices", "number") == ["489434"])
    #expect(try load.texts("billing.invoices", "status") == ["paid"])
    #expect(try load.texts("billing.invoices", "billing_reason") == ["manual"])
    #expect(try load.values("billing.invoices", "due_at") == [nil])
    #expect(try load.texts("billing.transactions", "status") == ["succeeded"])
    #expect(try load.texts("billing.transactions", "payment_method") == ["bank_transfer"])
    #expect(try load.texts("billing.payment_attempts", "outcome") == ["succeeded"])
    #expect(try load.amounts("billing.payment_attempts", "attempt_number") == [1])
  }

  @Test(
    "reads times on London's clock",
    arguments: [
      ("2010-01-15 12:00:00", "2010-01-15T12:00:00Z"),
      ("2010-07-15 12:00:00", "2010-07-15T11:00:00Z"),
      ("2010-07-01 00:30:00", "2010-06-30T23:30:00Z"),
      ("2010-10-31 01:30:00", "2010-10-31T00:30:00Z"),
      ("2010-03-28 01:30:00", "2010-03-28T01:30:00Z"),
    ])
  func readsLondonTime(local: String, expected: String) throws {
    let load = try Retail.convert([Retail.line("1", at: local)])
    #expect(try load.times("billing.invoices", "issued_at") == [expected])
  }

  @Test("keeps invoices of one number but different customers apart")
  func separatesCustomers() throws {
    let load = try Retail.convert([
      Retail.line("1", customer: "100.0"), Retail.line("1", customer: "200.0"),
    ])
    #expect(try load.amounts("billing.invoices", "total") == [30_000, 30_000])
    #expect(try Set(load.texts("billing.companies", "name")) == ["Customer 100", "Customer 200"])
    #expect(try Set(load.values("billing.invoices", "id")).count == 2)
  }

  @Test("makes a company of a customer with a loaded invoice, signed up with the first")
  func makesCompanies() throws {
    let load = try Retail.convert([
      Retail.line("2", at: "2010-02-01 09:00:00", country: "EIRE"),
      Retail.line("1", at: "2010-01-01 09:00:00", country: "Germany"),
      Retail.line("3", at: "2010-03-01 09:00:00", country: "Unspecified"),
      Retail.line("4", at: "2009-12-01 09:00:00", price: "0"),
      Retail.line("C5", quantity: "-1", customer: "999.0"),
    ])
    #expect(try load.texts("billing.companies", "name") == ["Customer 13085"])
    #expect(try load.times("billing.companies", "signed_up_at") == ["2010-01-01T09:00:00Z"])
    #expect(try load.texts("billing.companies", "country") == ["IE"])
    #expect(try load.texts("billing.companies", "currency") == ["GBP"])
    #expect(try load.texts("billing.companies", "timezone") == ["Europe/London"])
    #expect(load.summary.companiesWithoutCountry == 0)
    #expect(load.summary.countriesWithoutCode == ["Unspecified"])
  }

  @Test(
    "gives a country its ISO code, and none to a name that is no single country",
    arguments: [
      ("United Kingdom", "GB"), ("EIRE", "IE"), ("RSA", "ZA"), ("USA", "US"), ("Korea", "KR"),
      ("Czech Republic", "CZ"), ("United Arab Emirates", "AE"), ("Channel Islands", nil),
      ("European Community", nil), ("Unspecified", nil), ("West Indies", nil), ("Atlantis", nil),
    ] as [(String, String?)])
  func codesCountries(name: String, code: String?) throws {
    let load = try Retail.convert([Retail.line("1", country: name)])
    #expect(try load.values("billing.companies", "country") == [code.map { .text($0) }])
    #expect(load.summary.companiesWithoutCountry == (code == nil ? 1 : 0))
    #expect(load.summary.countriesWithoutCode == (code == nil ? [name] : []))
  }

  @Test("gives each step an event whose metadata is JSON with a plain decimal amount")
  func makesEvents() throws {
    let load = try Retail.convert([
      Retail.line("1", quantity: "3", price: "1.005"),
      Retail.line("C2", quantity: "-1", at: "2010-03-02 10:00:00", price: "1.005"),
    ])
    let types = try load.texts("app.events", "event_type")
    #expect(types.sorted() == ["invoice_generated", "payment_received", "payment_refunded"])
    #expect(EventType.knownNames.isSuperset(of: types))
    for (type, metadata) in zip(types, try load.texts("app.events", "metadata")) {
      let amount = type == "payment_refunded" ? "1.0050" : "3.0150"
      #expect(metadata.contains(#""amount": \#(amount),"#))
      let object = try #require(
        JSONSerialization.jsonObject(with: Data(metadata.utf8)) as? [String: Any])
      #expect(object["currency"] as? String == "GBP")
      #expect(object["method"] as? String == "bank_transfer")
      #expect(object["amount"] as? Double == Double(amount))
    }
    #expect(
      try load.values("app.events", "timestamp") == load.values("app.events", "created_at"))
    #expect(try load.values("app.events", "user_id") == [nil, nil, nil])
  }

  @Test("finds a column by its name, wherever it stands")
  func findsColumns() throws {
    let text = [
      "Country,CustomerID,Extra,UnitPrice,InvoiceDate,Quantity,Description,StockCode,InvoiceNo",
      "EIRE,13085,\"x\ny\",2.5,2010-03-01 10:00:00,4,\"a, \"\"b\"\"\",85048,77", "",
    ].joined(separator: "\r\n")
    let load = try OnlineRetail.convert(
      files: [("a.csv", Array(text.utf8))], zone: Retail.london())
    #expect(load.rejections.isEmpty)
    #expect(try load.texts("billing.invoices", "number") == ["77"])
    #expect(try load.amounts("billing.invoices", "total") == [100_000])
  }
}
