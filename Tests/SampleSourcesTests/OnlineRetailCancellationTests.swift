import AlmanacCore
import Billing
import Columns
import SampleSources
import Testing

@Suite("Cancellations in the online retail files")
struct OnlineRetailCancellationTests {
  /// The refunds of a load as "invoice number: amount", in order.
  private func refunds(_ load: OnlineRetailLoad) throws -> [String] {
    let numbers = try Dictionary(
      uniqueKeysWithValues: zip(
        load.values("billing.invoices", "id"), load.texts("billing.invoices", "number")))
    let invoices = try Dictionary(
      uniqueKeysWithValues: zip(
        load.values("billing.transactions", "id"),
        load.values("billing.transactions", "invoice_id")))
    let transactions = try load.values("billing.refunds", "transaction_id")
    let amounts = try load.amounts("billing.refunds", "amount")
    return zip(transactions, amounts).map { transaction, amount in
      let number = invoices[transaction].flatMap { numbers[$0] } ?? "none"
      return "\(number): \(Money.text(amount))"
    }.sorted()
  }

  private func day(_ day: Int) -> String { "2010-03-\(day < 10 ? "0" : "")\(day) 10:00:00" }

  @Test("becomes a credit note and a refund at its own time")
  func becomesCreditNote() throws {
    let load = try Retail.convert([
      Retail.line("1", quantity: "4", at: day(1)), Retail.line("C2", quantity: "-1", at: day(5)),
    ])
    #expect(try refunds(load) == ["1: 1.5000"])
    #expect(try load.amounts("billing.credit_notes", "amount") == [15_000])
    #expect(
      try load.values("billing.credit_notes", "invoice_id") == load.values("billing.invoices", "id")
    )
    for table in ["billing.credit_notes", "billing.refunds"] {
      #expect(try load.texts(table, "reason") == ["cancellation"])
      #expect(try load.times(table, "created_at") == ["2010-03-05T10:00:00Z"])
    }
    #expect(try load.times("billing.refunds", "succeeded_at") == ["2010-03-05T10:00:00Z"])
    #expect(try load.times("billing.credit_notes", "issued_at") == ["2010-03-05T10:00:00Z"])
    #expect(try load.texts("billing.refunds", "status") == ["succeeded"])
    #expect(try load.texts("billing.transactions", "status") == ["succeeded"])
    #expect(try load.times("billing.transactions", "updated_at") == ["2010-03-01T10:00:00Z"])
  }

  @Test("marks a transaction refunded once all of it was given back")
  func marksRefunded() throws {
    let load = try Retail.convert([
      Retail.line("1", quantity: "4", at: day(1)), Retail.line("C2", quantity: "-1", at: day(5)),
      Retail.line("C3", quantity: "-3", at: day(7)),
    ])
    #expect(try refunds(load) == ["1: 1.5000", "1: 4.5000"])
    #expect(try load.texts("billing.transactions", "status") == ["refunded"])
    #expect(try load.times("billing.transactions", "succeeded_at") == ["2010-03-01T10:00:00Z"])
    #expect(try load.times("billing.transactions", "updated_at") == ["2010-03-07T10:00:00Z"])
    #expect(try load.texts("billing.invoices", "status") == ["paid"])
    #expect(try load.texts("billing.payment_attempts", "outcome") == ["succeeded"])
  }

  @Test("takes the latest invoices first, over several of them")
  func takesLatestFirst() throws {
    let load = try Retail.convert([
      Retail.line("1", quantity: "4", at: day(1)), Retail.line("2", quantity: "2", at: day(2)),
      Retail.line("3", quantity: "2", at: day(3)),
      Retail.line("C4", quantity: "-5", at: day(3)), Retail.line("5", quantity: "9", at: day(4)),
    ])
    #expect(try refunds(load) == ["1: 1.5000", "2: 3.0000", "3: 3.0000"])
    #expect(load.rejections.isEmpty)
  }

  @Test("gives no piece back twice")
  func givesBackOnce() throws {
    let load = try Retail.convert([
      Retail.line("1", quantity: "4", at: day(1)),
      Retail.line("C2", quantity: "-4", at: day(2)),
      Retail.line("C3", quantity: "-4", at: day(3)),
    ])
    #expect(try refunds(load) == ["1: 6.0000"])
    #expect(load.rejections.map(\.invoice) == ["C3"])
  }

  @Test("looks at the same customer and article only, and never ahead in time")
  func matchesOnlyOwnLines() throws {
    let load = try Retail.convert([
      Retail.line("1", "A", at: day(1)), Retail.line("2", "B", at: day(1), customer: "7"),
      Retail.line("3", "B", at: day(9)),
      Retail.line("C4", "B", quantity: "-1", at: day(5)),
      Retail.line("C5", "a", quantity: "-1", at: day(5)),
    ])
    #expect(try refunds(load).isEmpty)
    #expect(
      load.rejections.map(\.reason) == [.cancellationWithoutOriginal, .cancellationWithoutOriginal])
  }

  @Test("prefers a line of the same price, then takes dearer ones, at the cancellation's price")
  func prefersSamePrice() throws {
    let load = try Retail.convert([
      Retail.line("1", quantity: "1", at: day(1), price: "2.00"),
      Retail.line("2", quantity: "1", at: day(2), price: "3.00"),
      Retail.line("3", quantity: "5", at: day(3), price: "1.99"),
      Retail.line("C4", quantity: "-1", at: day(4), price: "2.00"),
    ])
    #expect(try refunds(load) == ["1: 2.0000"])
    let more = try Retail.convert([
      Retail.line("1", quantity: "1", at: day(1), price: "2.00"),
      Retail.line("2", quantity: "1", at: day(2), price: "3.00"),
      Retail.line("3", quantity: "5", at: day(3), price: "1.99"),
      Retail.line("C4", quantity: "-3", at: day(4), price: "2.00"),
    ])
    #expect(try refunds(more) == ["1: 2.0000", "2: 2.0000"])
    #expect(more.rejections.map(\.amount) == [-20_000])
  }

  @Test("joins the lines that give back of one invoice into one credit note")
  func joinsLines() throws {
    let load = try Retail.convert([
      Retail.line("1", "A", at: day(1)), Retail.line("1", "B", at: day(1)),
      Retail.line("2", "A", at: day(2)),
      Retail.line("C3", "A", quantity: "-3", at: day(4)),
      Retail.line("C3", "B", quantity: "-1", at: "2010-03-04 10:01:00"),
    ])
    #expect(try refunds(load) == ["1: 3.0000", "2: 3.0000"])
    #expect(
      try load.times("billing.refunds", "succeeded_at")
        == ["2010-03-04T10:00:00Z", "2010-03-04T10:00:00Z"])
  }

  /// A file of a few customers and articles with many cancellations, ties and bad rows.
  private func randomLines(seed: UInt64) -> [String] {
    var random = SplitMix64(seed: seed)
    func pick<Value>(_ values: [Value]) -> Value {
      values[Int.random(in: 0..<values.count, using: &random)]
    }
    return (0..<120).map { _ in
      let isCancellation = Int.random(in: 0..<3, using: &random) == 0
      let number = Int.random(in: 100..<140, using: &random)
      let hour = Int.random(in: 10..<14, using: &random)
      return Retail.line(
        (isCancellation ? "C" : pick(["", "", "", "", "", "", "", "", "A"])) + String(number),
        pick(["X", "Y", "Z"]),
        quantity: (isCancellation ? "-" : "") + String(Int.random(in: 0..<6, using: &random)),
        at: "2010-03-0\(Int.random(in: 1...4, using: &random)) \(hour):00:00",
        price: pick(["1.25", "1.25", "2.005", "0", "-1"]), customer: pick(["1", "2", "3.0", ""]),
        country: pick(["EIRE", "Germany", "Unspecified"]))
    }
  }

  @Test("gives the same tables whatever the order of the lines", arguments: UInt64(0)..<32)
  func ignoresOrderOfLines(seed: UInt64) throws {
    var random = SplitMix64(seed: seed &+ 1_000)
    let lines = randomLines(seed: seed)
    let load = try Retail.convert(lines)
    let shuffled = try Retail.convert(lines.shuffled(using: &random))
    for (first, second) in zip(load.tables, shuffled.tables) {
      #expect(first.batch == second.batch, "\(first.table.name)")
    }
    #expect(load.summary == shuffled.summary)
  }

  @Test("accounts for every row and never gives back more than was paid", arguments: UInt64(0)..<32)
  func keepsLaws(seed: UInt64) throws {
    let lines = randomLines(seed: seed)
    let load = try Retail.convert(lines)
    #expect(load.summary.isReconciled)
    #expect(load.summary.files[0].read.rows == lines.count)
    try expectSoundBooks(load)
  }
}
