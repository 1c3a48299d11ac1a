import AlmanacCore
import Billing
import Predictions
import Simulation
import Testing

/// Which other method is proposed for an invoice.
@Suite("Alternative methods")
struct AlternativeMethodTests {
  private static let shared = Result {
    SimulatedPayments(
      try World(
        WorldSettings(
          companies: 400, months: 14, seed: 21, kind: .logistic,
          end: CalendarDate(daysSinceEpoch: 20_453)),
        zone: { _ in .utc }))
  }

  /// Invoices whose latest known charge failed, and as many that were never tried.
  private func due(_ world: SimulatedPayments) -> [DueInvoice] {
    let methods = Dictionary(grouping: world.history.methods.values, by: \.company)
    var found: [DueInvoice] = []
    for company in world.history.companies where methods[company]?.count ?? 0 > 1 {
      let known = world.history.attempts(of: company).filter { $0.recordedAt < world.cut }
      for invoice in Set(known.compactMap(\.invoice)).sorted() {
        guard let last = known.last(where: { $0.invoice == invoice }), last.outcome == .failed
        else { continue }
        found.append(DueInvoice(id: invoice, company: company, dueAt: nil, owed: 500_000))
      }
      // Its own identifier will do for that of an invoice.
      found.append(
        DueInvoice(id: company, company: company, dueAt: world.hours(40), owed: 300_000))
    }
    return found
  }

  @Test("the one proposed is the likeliest to succeed at the time of the charge, or none")
  func atTheSameTime() throws {
    let world = try Self.shared.get()
    let panel = PaymentPanel(
      SimulatedPayments.features, of: world.history, cut: world.cut, months: world.months,
      due: due(world))
    let forecast = try PaymentForecast(panel, policy: RetryPolicy(limits: []))
    guard case .model(let model) = forecast.source else {
      Issue.record("no model")
      return
    }
    var (proposed, alone, retried) = (0, 0, 0)
    for (_, rows) in Dictionary(grouping: forecast.invoices, by: \.invoice) {
      for row in rows {
        let others = rows.filter { $0.method != row.method && $0.probability < 1 - 2e-6 }
        var chances = others.map { 1 - $0.probability }
        if let at = row.retryAt {
          let charges = others.map {
            Charge(
              company: $0.company, invoice: $0.invoice, method: $0.method, amount: 50, at: at,
              known: world.cut)
          }
          let table = world.history.table(panel.features, of: charges)
          chances = try charges.isEmpty ? [] : model.scores(table).map { 1 - $0.probability }
          retried += 1
        }
        let best = chances.max() ?? 0
        let own = row.retrySuccess ?? 1 - row.probability
        if best > own + 1e-12 {
          proposed += 1
          let place = try #require(others.firstIndex { $0.method == row.alternative })
          #expect(abs(chances[place] - best) < 1e-12)
          #expect(abs(try #require(row.alternativeSuccess) - best) < 1e-12)
        } else if best < own - 1e-12 {
          alone += 1
          #expect(row.alternative == nil && row.alternativeSuccess == nil)
        }
      }
    }
    #expect(proposed > 20 && alone > 20 && retried > 0, "\(proposed), \(alone), \(retried)")
  }
}
