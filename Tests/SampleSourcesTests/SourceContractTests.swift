import Billing
import Columns
import Testing

@Suite("Source contract")
struct SourceContractTests {
  @Test("identifies a row of every billing table by its id", arguments: SourceContract.tables)
  func identifiesRows(table: SourceTable) {
    let expected = table.schema == "billing" ? ["id"] : ["event_id"]
    #expect(table.key == expected)
    #expect(table.fields.first?.name == expected[0])
    #expect(Set(table.fields.map(\.name)).count == table.fields.count)
  }

  @Test("gives every table its tenant and its recorded clock", arguments: SourceContract.tables)
  func hasTenantAndClock(table: SourceTable) {
    let tenant = table == SourceContract.companies ? "id" : "company_id"
    #expect(table.field(tenant) == Field(tenant, .uuid))
    #expect(table.field("created_at") == Field("created_at", .timestamp))
    #expect((table.field("updated_at") == nil) == (table.isAppendOnly || table.name == "refunds"))
  }

  @Test("types columns by what their names promise", arguments: SourceContract.tables)
  func typesColumns(table: SourceTable) {
    for field in table.fields {
      if field.name == "id" || field.name.hasSuffix("_id"), field.name != "provider_transaction_id"
      {
        #expect(field.type == .uuid, "\(field.name)")
      }
      if field.name.hasSuffix("_at") { #expect(field.type == .timestamp, "\(field.name)") }
      if ["amount", "total", "subtotal", "tax", "amount_paid"].contains(field.name) {
        #expect(field.type == .money, "\(field.name)")
        #expect(table.field("currency") == Field("currency", .text))
      }
    }
  }

  @Test("lists a table after those its rows refer to")
  func ordersTables() {
    let owners = [
      "company_id": "companies", "invoice_id": "invoices", "transaction_id": "transactions",
    ]
    for (place, table) in SourceContract.tables.enumerated() {
      for (column, owner) in owners where table.field(column) != nil {
        #expect(SourceContract.tables[..<place].contains { $0.name == owner }, "\(table.name)")
      }
    }
  }

  @Test("finds tables by their qualified names")
  func findsTables() {
    #expect(SourceContract.table("billing.payment_attempts") == SourceContract.paymentAttempts)
    #expect(SourceContract.table("app.events") == SourceContract.events)
    #expect(SourceContract.table("payment_attempts") == nil)
  }

  @Test("knows at least fifty kinds of event, each written as object and verb")
  func knowsEvents() {
    #expect(EventType.knownNames.count >= 50)
    #expect(EventType.knownNames.count == EventType.allCases.count)
    for name in EventType.knownNames {
      #expect(name.allSatisfy { $0 == "_" || ($0.isLowercase && $0.isASCII) }, "\(name)")
      #expect(name.contains("_"), "\(name)")
    }
    #expect(EventType.knownNames.isSuperset(of: ["invoice_generated", "payment_refunded"]))
  }

  @Test("writes the words of statuses as the contract does")
  func writesStatusWords() {
    #expect(
      InvoiceStatus.allCases.map(\.rawValue)
        == ["draft", "open", "paid", "past_due", "void", "uncollectible"])
    #expect(
      TransactionStatus.allCases.map(\.rawValue)
        == ["pending", "processing", "succeeded", "failed", "refunded"])
    #expect(
      AttemptOutcome.allCases.map(\.rawValue) == ["succeeded", "failed", "action_required"])
    #expect(
      PaymentChannel.allCases.map(\.rawValue) == ["stripe", "paypal", "bank_transfer"])
    #expect(
      DeclineClass.allCases.map(\.rawValue)
        == ["hard", "soft", "never", "technical", "authentication"])
    #expect(RefundStatus.allCases.map(\.rawValue) == ["pending", "succeeded", "failed"])
    #expect(BillingReason.allCases.map(\.rawValue) == ["create", "cycle", "update", "manual"])
  }
}
