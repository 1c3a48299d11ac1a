import AlmanacCore
import Billing
import Columns
import SampleSources
import Testing

/// Checks what must hold of every load: keys are unique, references resolve, the same money stands
/// in all tables, and no invoice gives back more than was paid for it.
func expectSoundBooks(
  _ load: OnlineRetailLoad, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  var keys: [String: Set<ColumnValue?>] = [:]
  for (table, batch) in load.tables {
    let values = try load.values(table.qualifiedName, table.key[0])
    keys[table.name] = Set(values)
    #expect(
      Set(values).count == batch.rowCount, "\(table.name): repeated keys",
      sourceLocation: sourceLocation)
  }
  let owners = [
    "company_id": "companies", "invoice_id": "invoices", "transaction_id": "transactions",
  ]
  for (table, _) in load.tables {
    for (column, owner) in owners where table.field(column) != nil {
      let referred = try Set(load.values(table.qualifiedName, column))
      #expect(
        referred.isSubset(of: keys[owner] ?? []), "\(table.name).\(column) names unknown \(owner)",
        sourceLocation: sourceLocation)
    }
  }

  let paid = try Dictionary(
    uniqueKeysWithValues: zip(
      load.values("billing.transactions", "id"), load.amounts("billing.transactions", "amount")))
  var givenBack: [ColumnValue?: Int128] = [:]
  for (transaction, amount) in zip(
    try load.values("billing.refunds", "transaction_id"),
    try load.amounts("billing.refunds", "amount"))
  {
    #expect(amount > 0, sourceLocation: sourceLocation)
    givenBack[transaction, default: 0] += amount
  }
  let isExceeded = givenBack.contains { $0.value > paid[$0.key] ?? 0 }
  #expect(!isExceeded, "a refund above the payment", sourceLocation: sourceLocation)
  for (transaction, status) in zip(
    try load.values("billing.transactions", "id"), try load.texts("billing.transactions", "status"))
  {
    let isWhole = givenBack[transaction] == paid[transaction]
    if (status == "refunded") != isWhole {
      Issue.record("a transaction is \(status), given back whole: \(isWhole)")
    }
  }

  let invoiced = try load.amounts("billing.invoices", "total").reduce(0, +)
  let cancelled = givenBack.values.reduce(0, +)
  #expect(load.summary.total(\.invoiceLines).amount == invoiced, sourceLocation: sourceLocation)
  #expect(load.summary.total(\.cancelledLines).amount == -cancelled, sourceLocation: sourceLocation)
  #expect(
    try load.amounts("billing.payment_attempts", "amount").reduce(0, +) == invoiced,
    sourceLocation: sourceLocation)
  #expect(
    try load.amounts("billing.credit_notes", "amount").reduce(0, +) == cancelled,
    sourceLocation: sourceLocation)
}
