import Billing
import Columns
import Foundation
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

  @Test(
    "has the columns of the schema in datasets, in order, with their types and nulls",
    arguments: SourceContract.tables)
  func agreesWithSchema(table: SourceTable) throws {
    let types: [String: ColumnType] = [
      "uuid": .uuid, "text": .text, "char(2)": .text, "char(3)": .text, "jsonb": .json,
      "timestamptz": .timestamp, "numeric": .money, "integer": .int32, "bigint": .int64,
    ]
    let fields = try schemaColumns(of: table).map { line in
      let words = line.split { " ,\"".contains($0) }
      let type = try #require(types[String(words[1])], "\(line)")
      let isRequired = line.contains("NOT NULL") || line.contains("PRIMARY KEY")
      return Field(String(words[0]), type, isNullable: !isRequired)
    }
    #expect(table.fields == fields)
  }

  @Test(
    "has the words the schema in datasets checks for",
    arguments: [
      ("billing.invoices", "status", InvoiceStatus.allCases.map(\.rawValue)),
      ("billing.invoices", "billing_reason", BillingReason.allCases.map(\.rawValue)),
      ("billing.transactions", "status", TransactionStatus.allCases.map(\.rawValue)),
      ("billing.transactions", "payment_method", PaymentChannel.allCases.map(\.rawValue)),
      ("billing.payment_attempts", "outcome", AttemptOutcome.allCases.map(\.rawValue)),
      ("billing.payment_attempts", "decline_class", DeclineClass.allCases.map(\.rawValue)),
      ("billing.refunds", "status", RefundStatus.allCases.map(\.rawValue)),
    ])
  func agreesWithChecks(name: String, column: String, words: [String]) throws {
    let table = try #require(SourceContract.table(name))
    let line = try #require(try schemaColumns(of: table).first { $0.hasPrefix(column + " ") })
    let quoted = line.split(separator: "'", omittingEmptySubsequences: false)
    #expect(quoted.indices.filter { $0 % 2 == 1 }.map { String(quoted[$0]) } == words)
  }

  /// The column definitions of a table in `datasets/source-schema.sql`, one text each.
  private func schemaColumns(of table: SourceTable) throws -> [String] {
    let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "datasets/source-schema.sql")
    let schema = try String(contentsOf: path, encoding: .utf8)
    let start = try #require(
      schema.range(of: "CREATE TABLE IF NOT EXISTS \(table.qualifiedName) (\n"))
    let end = try #require(schema.range(of: "\n);", range: start.upperBound..<schema.endIndex))
    var columns: [String] = []
    for line in schema[start.upperBound..<end.lowerBound].split(separator: "\n") {
      if line.hasPrefix("   "), let last = columns.popLast() {
        columns.append(last + " " + line.trimmingCharacters(in: .whitespaces))
      } else {
        columns.append(line.trimmingCharacters(in: .whitespaces))
      }
    }
    return columns
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
}
