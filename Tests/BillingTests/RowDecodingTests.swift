import AlmanacCore
import Billing
import Columns
import Testing

@Suite("Rows of the source's tables")
struct RowDecodingTests {
  /// A batch of one row: a column for each value, of the type the value has.
  private func batch(_ values: [(String, ColumnType, ColumnValue?)]) -> Batch {
    Batch(
      values.map { name, type, value in
        var builder = ColumnBuilder(Field(name, type, isNullable: true))
        switch value {
        case .integer(let integer)?: builder.append(integer: integer)
        case .bytes(let bytes)?: builder.append(bytes: bytes[...])
        case .uuid(let uuid)?: builder.append(uuid)
        case .timestamp(let instant)?: builder.append(instant)
        default: builder.appendNull()
        }
        return builder.finish()
      })
  }

  private let at = Timestamp(microseconds: 1_770_000_000_000_000)

  private func change(
    _ replaced: [String: ColumnValue?] = [:]
  ) -> [(String, ColumnType, ColumnValue?)] {
    let columns: [(String, ColumnType, ColumnValue?)] = [
      ("id", .uuid, .uuid(id(1))), ("subscription_id", .uuid, .uuid(id(2))),
      ("company_id", .uuid, .uuid(id(3))), ("sequence", .int64, .integer(4)),
      ("change", .text, .text("module_added")), ("plan_id", .uuid, .uuid(id(5))),
      ("module_id", .uuid, .uuid(id(6))), ("quantity", .int32, .integer(7)),
      ("recurring_amount", .money, .integer(80_000)), ("interval", .text, .text("quarter")),
      ("interval_count", .int32, .integer(2)), ("currency", .text, .text("usd")),
      ("requested_at", .timestamp, .timestamp(at)), ("effective_at", .timestamp, .timestamp(at)),
      ("created_at", .timestamp, .timestamp(at)),
    ]
    return columns.map { ($0.0, $0.1, replaced[$0.0] ?? $0.2) }
  }

  @Test("a change is read with all of its parts")
  func readsChange() throws {
    let expected = SubscriptionChange(
      id: id(1), subscription: id(2), company: id(3), sequence: 4, kind: .moduleAdded,
      plan: id(5), module: id(6), quantity: 7, recurringAmount: 80_000, periodMonths: 6,
      currency: try currency("USD"), requestedAt: at, effectiveAt: at, recordedAt: at)
    #expect(try SubscriptionChange.rows(in: [batch(change())]) == [expected])
  }

  @Test("the next try of an invoice is the earliest to come, as far as it was known by then")
  func nextTries() throws {
    func hours(_ count: Int64) -> Timestamp {
      Timestamp(microseconds: at.microseconds + count * Timestamp.microsecondsPerHour)
    }
    func row(
      _ invoice: Int, next: Timestamp?, changed: Timestamp, status: String = "failed"
    ) -> Batch {
      batch([
        ("invoice_id", .uuid, .uuid(id(invoice))), ("payment_method_id", .uuid, .uuid(id(9))),
        ("status", .text, .text(status)),
        ("next_retry_at", .timestamp, next.map { .timestamp($0) }),
        ("created_at", .timestamp, .timestamp(hours(-90))),
        ("updated_at", .timestamp, .timestamp(changed)),
      ])
    }
    let found = try ScheduledTry.next(
      in: [
        row(1, next: hours(30), changed: hours(-2)), row(1, next: hours(20), changed: hours(-2)),
        // Over, changed later, none, paid.
        row(2, next: hours(-1), changed: hours(-2)), row(3, next: hours(20), changed: hours(1)),
        row(4, next: nil, changed: hours(-2)),
        row(5, next: hours(20), changed: hours(-2), status: "succeeded"),
      ], at: at)
    #expect(found == [id(1): ScheduledTry(at: hours(20), method: id(9))])
  }

  @Test("what a change leaves null is not said, and a currency of another length is none")
  func readsNulls() throws {
    let rows = try SubscriptionChange.rows(in: [
      batch(
        change([
          "plan_id": nil as ColumnValue?, "module_id": nil as ColumnValue?,
          "quantity": nil as ColumnValue?, "recurring_amount": nil as ColumnValue?,
          "interval": nil as ColumnValue?, "interval_count": nil as ColumnValue?,
          "currency": .text("DOLLAR"), "requested_at": nil as ColumnValue?,
        ]))
    ])
    let expected = SubscriptionChange(
      id: id(1), subscription: id(2), company: id(3), sequence: 4, kind: .moduleAdded,
      effectiveAt: at, recordedAt: at)
    #expect(rows == [expected])
  }

  @Test(
    "a change that cannot be read names dataset, column and row, over all batches",
    arguments: [
      ("change", 0), ("interval_count", 0), ("effective_at", Int64.max), ("effective_at", .min),
    ])
  func refusesUnknown(column: String, number: Int64) throws {
    let value: ColumnValue =
      switch column {
      case "change": .text("upgraded")
      case "effective_at": .timestamp(Timestamp(microseconds: number))
      default: .integer(Int128(number))
      }
    #expect(
      throws: BillingError.unknownValue(dataset: "subscription_changes", column: column, row: 3)
    ) {
      try SubscriptionChange.rows(in: [
        batch(change()), batch(change()), batch(change([column: value])),
      ])
    }
  }

  @Test(
    "an identifier, sequence or time must be there",
    arguments: [
      "id", "subscription_id", "company_id", "sequence", "effective_at", "created_at",
    ])
  func refusesMissing(column: String) throws {
    let failure = BillingError.missingValue(
      dataset: "subscription_changes", column: column, row: 1)
    #expect(throws: failure) {
      try SubscriptionChange.rows(in: [batch(change([column: nil as ColumnValue?]))])
    }
    #expect(failure.exitStatus == AlmanacCore.ExitStatus.badData)
  }

  @Test("a column of another type names the type it must have")
  func refusesTypes() throws {
    for (column, expected) in [
      ("id", "uuid"), ("sequence", "an integer"), ("recurring_amount", "a decimal of 4 places"),
      ("effective_at", "a timestamp"), ("change", "text"),
    ] {
      let columns = change().map { name, type, value in
        name == column ? (name, ColumnType.bool, nil) : (name, type, value)
      }
      let failure = BillingError.wrongType(
        dataset: "subscription_changes", column: column, expected: expected)
      #expect(throws: failure) { try SubscriptionChange.rows(in: [batch(columns)]) }
    }
  }

  @Test("attempts, transactions, refunds, credit notes and invoices are read")
  func readsMoney() throws {
    let common: [(String, ColumnType, ColumnValue?)] = [
      ("id", .uuid, .uuid(id(1))), ("company_id", .uuid, .uuid(id(2))),
      ("amount", .money, .integer(5)), ("currency", .text, .text("EUR")),
      ("created_at", .timestamp, .timestamp(at)), ("invoice_id", .uuid, .uuid(id(3))),
      ("transaction_id", .uuid, .uuid(id(4))), ("succeeded_at", .timestamp, .timestamp(at)),
      ("issued_at", .timestamp, .timestamp(at)), ("attempted_at", .timestamp, .timestamp(at)),
      ("outcome", .text, .text("action_required")),
    ]
    let euro = try currency("EUR")
    func row(_ reference: Int, _ happenedAt: Timestamp?) -> MoneyRow {
      MoneyRow(
        id: id(1), reference: id(reference), company: id(2), amount: 5, currency: euro,
        happenedAt: happenedAt, recordedAt: at)
    }
    #expect(
      try PaymentAttempt.rows(in: [batch(common)]) == [
        PaymentAttempt(
          id: id(1), transaction: id(4), invoice: id(3), company: id(2), amount: 5,
          currency: euro, outcome: .actionRequired, attemptedAt: at, recordedAt: at)
      ])
    #expect(try MoneyRow.transactions(in: [batch(common)]) == [row(3, at)])
    #expect(try MoneyRow.creditNotes(in: [batch(common)]) == [row(3, at)])
    for (status, happenedAt) in [("succeeded", at), ("pending", nil), ("failed", nil)] {
      let refund = common + [("status", .text, .text(status))]
      #expect(try MoneyRow.refunds(in: [batch(refund)]) == [row(4, happenedAt)])
    }
  }

  @Test("an invoice is read with all of its parts")
  func readsInvoice() throws {
    let instants = [
      "issued_at", "due_at", "paid_at", "voided_at", "period_start", "period_end", "created_at",
    ]
    let columns: [(String, ColumnType, ColumnValue?)] =
      [
        ("id", .uuid, .uuid(id(1))), ("company_id", .uuid, .uuid(id(2))),
        ("subscription_id", .uuid, .uuid(id(3))), ("status", .text, .text("past_due")),
        ("billing_reason", .text, .text("cycle")), ("currency", .text, .text("EUR")),
        ("subtotal", .money, .integer(5)), ("total", .money, .integer(6)),
      ]
      + instants.enumerated().map { number, name in
        (name, .timestamp, .timestamp(Timestamp(microseconds: at.microseconds + Int64(number))))
      }
    func later(_ number: Int64) -> Timestamp {
      Timestamp(microseconds: at.microseconds + number)
    }
    let expected = Invoice(
      id: id(1), company: id(2), subscription: id(3), status: .pastDue, reason: .cycle,
      currency: try currency("EUR"), subtotal: 5, total: 6, issuedAt: later(0), dueAt: later(1),
      paidAt: later(2), voidedAt: later(3), periodStart: later(4), periodEnd: later(5),
      recordedAt: later(6))
    #expect(try Invoice.rows(in: [batch(columns)]) == [expected])
    let unknown = columns.map { name, type, value in
      name == "status" ? (name, type, .text("late")) : (name, type, value)
    }
    #expect(throws: BillingError.unknownValue(dataset: "invoices", column: "status", row: 1)) {
      try Invoice.rows(in: [batch(unknown)])
    }
  }

  @Test("every error is one line that names no identifier, and knows its exit status")
  func errors() throws {
    let failures: [BillingError] = [
      .missingColumn(dataset: "d", column: "c"), .missingCurrency(dataset: "d"),
      .subscriptionOfTwoCompanies(subscription: id(77)), .missingTerms(change: id(77), term: "t"),
      .brokenIdentity(company: id(77), month: try day("2026-03-01"), rule: "r"),
      .badFunnel(name: "f", reason: "r"),
    ]
    for failure in failures {
      #expect(!failure.description.contains("\n"))
      #expect(!failure.description.contains(id(77).description))
    }
    #expect(failures[4].description.contains("2026-03"))
    #expect(failures[4].debugDescription.contains(id(77).description))
    #expect(
      failures.map(\.exitStatus) == [
        .missingInput, .badData, .badData, .badData, .internalError, .configuration,
      ])
  }
}
