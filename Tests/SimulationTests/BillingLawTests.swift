import AlmanacCore
import Billing
import Simulation
import Testing

/// What holds for the books of every company.
@Suite("Books of a simulated world")
struct BillingLawTests {
  /// A world, and its companies.
  private func made() throws -> (World, [CompanyRecord]) {
    let world = try world(companies: 240, months: 9, seed: 5)
    return (world, records(of: world))
  }

  /// A period as the changes of a subscription imply it.
  private struct Period: Equatable {
    var start: Int64
    var end: Int64
    var amount: Int64
  }

  /// The bound of a period: whole months of the calendar after an anchor, UTC.
  private func bound(_ anchor: Int64, months: Int) -> Int64 {
    let date = Timestamp(microseconds: anchor).dateUTC
    let first = date.monthStart(adding: months)
    let day = first.adding(days: min(date.day, first.daysInMonth) - 1)
    return anchor + Int64(date.distance(to: day)) * Timestamp.microsecondsPerDay
  }

  /// The periods that a subscription has to be charged for, from its changes alone.
  private func periods(_ changes: [ChangeRow], cut: Int64) -> [Period] {
    var found: [Period] = []
    for (begin, planned) in paidSpans(changes) {
      let end = min(cut, planned)
      var period = 0
      while true {
        let start = bound(begin.effectiveAt, months: period * begin.interval.rawValue)
        guard start < end else { break }
        let known = changes.last {
          $0.effectiveAt <= start && $0.change != .cancel && $0.change != .pause
        }
        found.append(
          Period(
            start: start,
            end: bound(begin.effectiveAt, months: (period + 1) * begin.interval.rawValue),
            amount: known?.recurringAmount ?? -1))
        period += 1
      }
    }
    return found.sorted { $0.start < $1.start }
  }

  @Test("invoices are the periods of the subscriptions' changes, with the amount in force")
  func invoicesArePeriods() throws {
    let (world, records) = try made()
    var count = 0
    for record in records {
      for subscription in record.subscriptions {
        let changes = record.changes.filter { $0.subscriptionID == subscription.id }
        #expect(changes.map(\.sequence) == Array(1..<(changes.count + 1)))
        let expected = periods(changes, cut: world.settings.cut.microseconds)
        let invoices = record.invoices.filter {
          $0.subscriptionID == subscription.id && ["create", "cycle"].contains($0.reason)
        }
        let charged = invoices.map {
          Period(start: $0.periodStart ?? 0, end: $0.periodEnd ?? 0, amount: $0.subtotal)
        }
        #expect(charged == expected, "company \(record.profile.index)")
        count += charged.count
      }
    }
    #expect(count > 500)
  }

  @Test("the modules a company has are those that its changes added and did not remove")
  func modulesFollowFromChanges() throws {
    let (_, records) = try made()
    var owned = 0
    for record in records {
      // A migrated subscription is written down after its predecessor and becomes the main one.
      for state in record.monthStates where state.mrrDollars > 0 {
        let begun = record.subscriptions.filter { $0.startedAt < state.at }
        let main = begun.last { $0.migratedFrom != nil } ?? begun.first
        let changes = record.changes.filter {
          $0.subscriptionID == main?.id && $0.effectiveAt < state.at
        }
        guard changes.contains(where: { [.new, .trialConvert].contains($0.change) }) else {
          continue
        }
        var modules: UInt8 = 0
        for change in changes {
          if change.change == .new { modules = 0 }
          guard let module = change.module else { continue }
          let bit = UInt8(1) << UInt8(module)
          if change.change == .moduleAdded { modules |= bit } else { modules &= ~bit }
        }
        #expect(modules == state.modules, "company \(record.profile.index)")
        owned += modules.nonzeroBitCount
      }
    }
    #expect(owned > 100)
  }

  @Test("payments never exceed what is due, and refunds never what was paid")
  func paymentsWithinDue() throws {
    let (_, records) = try made()
    for record in records {
      for (index, invoice) in record.invoices.enumerated() {
        let paid = record.attempts.filter { $0.invoice == index && $0.outcome == "succeeded" }
        #expect(paid.count <= 1)
        for attempt in paid {
          let credit = record.creditNotes.filter {
            $0.invoice == index && $0.issuedAt <= attempt.attemptedAt
          }.reduce(0) { $0 + $1.amount }
          #expect(attempt.amount > 0 && attempt.amount == invoice.total - credit)
          #expect(invoice.amountPaid == attempt.amount)
        }
        let refunded = record.refunds.filter { $0.invoice == index }.reduce(0) { $0 + $1.amount }
        #expect(refunded <= paid.reduce(0) { $0 + $1.amount })
      }
    }
  }

  @Test("no amount is finer than the currency's minor unit")
  func minorUnits() throws {
    let (_, records) = try made()
    for record in records {
      let unit = record.profile.currency.minorUnit
      let amounts =
        record.invoices.flatMap { [$0.subtotal, $0.tax] } + record.changes.map(\.recurringAmount)
        + record.refunds.map(\.amount) + record.creditNotes.map(\.amount)
      #expect(amounts.allSatisfy { $0 % unit == 0 }, "\(record.profile.currency.code)")
    }
  }

  @Test("nothing is recorded before it happened, or changed before it was recorded")
  func recordedAfterHappened() throws {
    let (_, records) = try made()
    for record in records {
      #expect(record.recordedAt >= record.profile.signUp.microseconds)
      #expect(record.users.allSatisfy { $0.recordedAt >= $0.invitedAt })
      #expect(record.changes.allSatisfy { $0.recordedAt >= $0.requestedAt })
      #expect(record.attempts.allSatisfy { $0.recordedAt >= $0.attemptedAt })
      #expect(record.creditNotes.allSatisfy { $0.recordedAt >= $0.issuedAt })
      for row in record.invoices {
        let times = [row.issuedAt, row.paidAt, row.voidedAt, row.uncollectibleAt, row.recordedAt]
        #expect(times.allSatisfy { $0 ?? .min <= row.changedAt } && row.recordedAt >= row.issuedAt)
      }
      for row in record.transactions {
        #expect(max(row.succeededAt ?? .min, row.lastRetryAt ?? .min) <= row.changedAt)
      }
      for row in record.subscriptions {
        #expect(row.recordedAt >= row.startedAt)
        #expect(max(row.canceledAt ?? .min, row.endedAt ?? .min) <= row.changedAt)
      }
      for row in record.refunds { #expect(row.succeededAt ?? .min <= row.changedAt) }
    }
  }
}
