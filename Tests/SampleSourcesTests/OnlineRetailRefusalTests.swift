import AlmanacCore
import SampleSources
import Testing

@Suite("Rows the online retail loader refuses")
struct OnlineRetailRefusalTests {
  /// A row that is refused, why, and its amount in ten-thousandths.
  struct Case: Sendable {
    var row: String
    var reason: RejectionReason
    var detail: String?
    var amount: Int64?

    init(_ row: String, _ reason: RejectionReason, _ detail: String? = nil, amount: Int64?) {
      self.row = row
      self.reason = reason
      self.detail = detail
      self.amount = amount
    }
  }

  static let cases = [
    Case(Retail.line("489434", customer: ""), .noCustomer, amount: 30_000),
    Case(Retail.line("A489434", customer: "", description: "Adjust"), .adjustment, amount: 30_000),
    Case(Retail.line("A489434", price: "-1.5"), .adjustment, amount: -30_000),
    Case(Retail.line("489434", price: "0.0"), .zeroPrice, amount: 0),
    Case(Retail.line("489434", price: "0.0", customer: ""), .noCustomer, amount: 0),
    Case(Retail.line("489434", price: "-0.125"), .negativePrice, amount: -2_500),
    Case(Retail.line("489434", quantity: "-3"), .quantityNotPositive, amount: -45_000),
    Case(Retail.line("489434", quantity: "0"), .quantityNotPositive, amount: 0),
    Case(Retail.line("C489434", quantity: "3"), .cancellationNotNegative, amount: 45_000),
    Case(Retail.line("C489434", quantity: "0"), .cancellationNotNegative, amount: 0),
    Case(
      Retail.line("C489434", quantity: "-3"), .cancellationWithoutOriginal, amount: -45_000),
    Case(Retail.line(""), .malformedRow, "InvoiceNo", amount: 30_000),
    Case(Retail.line("C"), .malformedRow, "InvoiceNo", amount: 30_000),
    Case(Retail.line("B489434"), .malformedRow, "InvoiceNo", amount: 30_000),
    Case(Retail.line("0489434"), .malformedRow, "InvoiceNo", amount: 30_000),
    Case(Retail.line("489434", quantity: "1.5"), .malformedRow, "Quantity", amount: nil),
    Case(Retail.line("489434", quantity: ""), .malformedRow, "Quantity", amount: nil),
    Case(Retail.line("489434", quantity: "1e3"), .malformedRow, "Quantity", amount: nil),
    Case(
      Retail.line("489434", at: "2010-02-29 10:00:00"), .malformedRow, "InvoiceDate",
      amount: 30_000),
    Case(
      Retail.line("489434", at: "01/03/2010 10:00"), .malformedRow, "InvoiceDate", amount: 30_000),
    Case(
      Retail.line("489434", at: "2010-03-01 24:00:00"), .malformedRow, "InvoiceDate",
      amount: 30_000),
    Case(Retail.line("489434", price: "1,5"), .malformedRow, "9 cells for 8 columns", amount: nil),
    Case(Retail.line("489434", price: "1.23456"), .malformedRow, "UnitPrice", amount: nil),
    Case(Retail.line("489434", price: "."), .malformedRow, "UnitPrice", amount: nil),
    Case(Retail.line("489434", price: "£1"), .malformedRow, "UnitPrice", amount: nil),
    Case(
      Retail.line("489434", quantity: "9999999999999", price: "9999999999999"), .malformedRow,
      "amount out of range", amount: nil),
    Case(Retail.line("489434", quantity: "10000000000000"), .malformedRow, "Quantity", amount: nil),
    Case(
      Retail.line("489434", price: String(repeating: "9", count: 40)), .malformedRow, "UnitPrice",
      amount: nil),
    Case(Retail.line("489434", customer: "13085.5"), .malformedRow, "CustomerID", amount: 30_000),
    Case(Retail.line("489434", customer: "0"), .malformedRow, "CustomerID", amount: 30_000),
    Case(Retail.line("489434", customer: "-1"), .malformedRow, "CustomerID", amount: 30_000),
    Case("489434,85048", .malformedRow, "2 cells for 8 columns", amount: nil),
    Case("489434,a\"b,c,1,2010-03-01 10:00:00,1,1,EIRE", .malformedRow, "stray quote", amount: nil),
    Case(
      "489434,\"a\"b,c,1,2010-03-01 10:00:00,1,1,EIRE", .malformedRow,
      "text after a closing quote", amount: nil),
  ]

  @Test("refuses a row for the first reason that applies", arguments: cases)
  func refuses(_ example: Case) throws {
    let load = try Retail.convert([Retail.line("489433", "OTHER"), example.row])
    try #require(load.rejections.count == 1)
    let rejection = load.rejections[0]
    #expect(rejection.file == "one.csv")
    #expect(rejection.line == 3)
    #expect(rejection.reason == example.reason)
    #expect(rejection.detail == example.detail)
    #expect(rejection.amount == example.amount)
    #expect(!rejection.isPart)
    #expect(try load.texts("billing.invoices", "number") == ["489433"])
    #expect(load.summary.isReconciled)
    #expect(load.summary.files[0].rejected[example.reason]?.rows == 1)
  }

  @Test("has an example of every reason")
  func coversReasons() {
    let covered = Set(OnlineRetailRefusalTests.cases.map(\.reason))
    // The overlap needs two files and has a test of its own.
    #expect(covered == Set(RejectionReason.allCases).subtracting([.superseded]))
  }

  @Test("takes overlapping days from the file that begins later")
  func takesOverlapFromLaterFile() throws {
    let early = [
      Retail.line("1", at: "2010-11-30 23:59:00"),
      Retail.line("2", at: "2010-12-01 00:00:00"),
      Retail.line("3", at: "2010-12-02 09:00:00", customer: ""),
      Retail.line("x", at: "2010-12-02 09:00:00"),
    ]
    let late = [
      Retail.line("2", quantity: "7", at: "2010-12-01 08:00:00"),
      Retail.line("4", at: "2010-12-03 09:00:00"),
    ]
    let files = [("early.csv", Retail.bytes(early)), ("late.csv", Retail.bytes(late))]
    let zone = try Retail.london()
    let load = try OnlineRetail.convert(files: files, zone: zone)
    #expect(try Set(load.texts("billing.invoices", "number")) == ["1", "2", "4"])
    #expect(try load.amounts("billing.invoices", "total").sorted() == [30_000, 30_000, 105_000])
    #expect(load.rejections.map(\.reason) == [.superseded, .superseded, .malformedRow])
    #expect(load.rejections.map(\.line) == [3, 4, 5])
    #expect(load.summary.files.map(\.name) == ["early.csv", "late.csv"])
    #expect(load.summary.isReconciled)

    let reversed = try OnlineRetail.convert(files: files.reversed(), zone: zone)
    #expect(reversed.tables.map(\.batch) == load.tables.map(\.batch))
    #expect(reversed.rejections == load.rejections)
    #expect(reversed.summary == load.summary)
  }

  @Test("lists the unmatched rest of a cancelled line that is loaded in part")
  func listsRest() throws {
    let load = try Retail.convert([
      Retail.line("10", quantity: "2"),
      Retail.line("C11", quantity: "-5", at: "2010-03-02 10:00:00"),
    ])
    #expect(try load.amounts("billing.refunds", "amount") == [30_000])
    try #require(load.rejections.count == 1)
    #expect(load.rejections[0].amount == -45_000)
    #expect(load.rejections[0].isPart)
    #expect(load.rejections[0].invoice == "C11")
    #expect(load.rejections[0].text == "cancellation without an original (part of the row)")
    let account = load.summary.files[0]
    #expect(account.cancelledLines == .init(rows: 1, amount: -30_000))
    #expect(account.partlyCancelledLines == 1)
    #expect(account.rejected[.cancellationWithoutOriginal] == .init(rows: 0, amount: -45_000))
    #expect(load.summary.isReconciled)
  }

  @Test("refuses a file as a whole only when its form is broken")
  func refusesBrokenFiles() throws {
    let zone = try Retail.london()
    #expect(throws: SampleSourceError.noFiles) {
      try OnlineRetail.convert(files: [], zone: zone)
    }
    #expect(
      throws: SampleSourceError.missingColumns(file: "a.csv", names: ["UnitPrice", "CustomerID"])
    ) {
      let header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,Price,Country\n"
      return try OnlineRetail.convert(files: [("a.csv", Array(header.utf8))], zone: zone)
    }
    #expect(
      throws: SampleSourceError.missingColumns(
        file: "a.csv", names: Retail.header.split(separator: ",").map(String.init))
    ) {
      try OnlineRetail.convert(files: [("a.csv", [])], zone: zone)
    }
    #expect(throws: SampleSourceError.unterminatedQuote(file: "a.csv", line: 2)) {
      let bytes = Retail.bytes(["1,\"2,3", Retail.line("4")])
      return try OnlineRetail.convert(files: [("a.csv", bytes)], zone: zone)
    }
  }

  @Test(
    "says in one line what is wrong with a file and what to do, with a status that is not retried",
    arguments: [
      (SampleSourceError.noFiles, AlmanacCore.ExitStatus.missingInput),
      (.missingColumns(file: "a.csv", names: ["Country"]), .badData),
      (.unterminatedQuote(file: "a.csv", line: 2), .badData),
      (.tooManyLines(file: "a.csv"), .badData),
    ])
  func describesErrors(error: SampleSourceError, status: AlmanacCore.ExitStatus) {
    #expect(error.exitStatus == status)
    #expect(!error.description.contains("\n"))
    #expect(error.description.contains(": "))
  }

  @Test("writes rejections as CSV that its own reader understands")
  func writesRejections() throws {
    let name = "a \"file\", copied.csv"
    let load = try OnlineRetail.convert(
      files: [
        (name, Retail.bytes([Retail.line("489434", customer: ""), "4\n", Retail.line("A1")]))
      ], zone: Retail.london())
    var reader = CSVReader(name: "rejections.csv", bytes: Rejection.csv(load.rejections))
    var rows: [[String]] = []
    while try reader.next() {
      #expect(reader.defect == nil)
      rows.append((0..<reader.count).map { String(decoding: reader[$0], as: UTF8.self) })
    }
    #expect(
      rows == [
        ["file", "line", "invoice", "reason", "amount"],
        [name, "2", "489434", "no customer", "3.0000"],
        [name, "3", "4", "malformed row: 1 cells for 8 columns", ""],
        [name, "5", "A1", "adjustment", "3.0000"],
      ])
  }
}
