import AlmanacCore
import Billing
import Foundation
import Glibc
import Predictions
import Regression
import Simulation
import Testing

/// The model of failing payments against the probabilities that a simulated world decides by.
@Suite("Payment failure")
struct PaymentRiskTests {
  private static let end = CalendarDate(daysSinceEpoch: 20_453)

  private static let shared = Result {
    SimulatedPayments(
      try World(
        WorldSettings(companies: 500, months: 18, seed: 9, kind: .logistic, end: end),
        zone: { _ in .utc }))
  }

  private func panel(
    _ world: SimulatedPayments, _ features: [PaymentFeature] = SimulatedPayments.features,
    due: [DueInvoice] = []
  ) -> PaymentPanel {
    PaymentPanel(features, of: world.history, cut: world.cut, months: world.months, due: due)
  }

  /// Invoices whose latest known charge failed, as to be paid.
  private func refused(_ world: SimulatedPayments, count: Int) -> [DueInvoice] {
    var found: [DueInvoice] = []
    for company in world.history.companies {
      let known = world.history.attempts(of: company).filter { $0.recordedAt < world.cut }
      for invoice in Set(known.compactMap(\.invoice)).sorted() {
        guard let last = known.last(where: { $0.invoice == invoice }), last.outcome == .failed
        else { continue }
        found.append(DueInvoice(id: invoice, company: company, dueAt: nil, owed: 500_000))
      }
      if found.count >= count { break }
    }
    return found
  }

  /// An invoice whose last refusal is not final, and which is retried where there is room.
  private func retried(_ world: SimulatedPayments) throws -> PaymentForecast.InvoiceRow {
    let usual = try PaymentForecast(
      panel(world, due: refused(world, count: 40)), policy: RetryPolicy())
    return try #require(usual.invoices.first { $0.retryAt != nil })
  }

  @Test("judged charges come close to what the true probabilities could do")
  func nearOracle() throws {
    let world = try Self.shared.get()
    let panel = panel(world)
    guard case .model(let model) = try RiskRecipe().learn(panel.rows, by: panel.cut) else {
      Issue.record("no model")
      return
    }
    #expect(model.gate.failures.isEmpty, "\(model.gate.failures)")
    let rows = model.judged.filter { row, _ in
      panel.charges[row].decidedBy.flatMap { world.truth[$0] } != nil
    }
    let outcomes = rows.map { panel.rows.outcomes[$0.row] }
    let truths = rows.map { row, _ in
      panel.charges[row].decidedBy.flatMap { world.truth[$0] } ?? 0
    }
    let truth = try BinaryScores.areaUnderROC(truths, outcomes)
    let found = try BinaryScores.areaUnderROC(rows.map(\.logOdds), outcomes)
    #expect(truth > 0.65)
    #expect(found - 0.5 >= 0.85 * (truth - 0.5), "\(found), the truth \(truth)")
    #expect(model.gate.scores.expectedCalibrationError < 0.02)
  }

  @Test("reasons sum to the log-odds, the largest first, and the base comes last")
  func reasonsSum() throws {
    let world = try Self.shared.get()
    let forecast = try PaymentForecast(
      panel(world, due: refused(world, count: 40)), policy: RetryPolicy())
    #expect(forecast.source.published != nil)
    #expect(forecast.invoices.count > 10 && forecast.methods.count > 100)
    for (probability, reasons) in forecast.invoices.map({ ($0.probability, $0.reasons) })
      + forecast.methods.map({ ($0.probability, $0.reasons) })
    {
      let sum = reasons.reduce(0) { $0 + $1.contribution }
      #expect(abs(sum - log(probability / (1 - probability))) < 1e-9)
      #expect(reasons.last?.feature == "base")
      let sizes = reasons.dropLast().map { abs($0.contribution) }
      #expect(zip(sizes, sizes.dropFirst()).allSatisfy { $0 >= $1 })
    }
  }

  @Test("scores of retries put together are those of the charges themselves")
  func retryScores() throws {
    let world = try Self.shared.get()
    let due = try #require(refused(world, count: 1).first)
    let panel = panel(world, due: [due])
    guard case .model(let model) = try RiskRecipe().learn(panel.rows, by: panel.cut) else {
      Issue.record("no model")
      return
    }
    let last = try #require(
      world.history.attempts(of: due.company).last { $0.invoice == due.id })
    let charge = Charge(
      company: due.company, invoice: due.id, method: try #require(last.method), amount: 50,
      at: world.cut, known: world.cut)
    let slots = RetryPolicy().slots(after: world.cut)
    let scores = try RetryScores(model, of: charge, at: slots, in: panel, mostRetries: 4)
    for (slot, state) in [
      (3, RetryProblem.State(slot: -1, retries: 0, declineClass: .soft)),
      (9, RetryProblem.State(slot: 4, retries: 1, declineClass: .soft)),
      (27, RetryProblem.State(slot: 2, retries: 3, declineClass: .authentication)),
    ] {
      var later = charge
      later.at = slots[slot]
      if state.retries > 0 {
        later.assumedFailures = state.retries
        later.assumedClass = state.declineClass
        later.assumedAt = slots[state.slot]
      }
      let table = world.history.table(panel.features, of: [later])
      let alone = 1 - (try model.scores(table)[0].probability)
      #expect(abs(scores.success(slot, state) - alone) < 1e-9, "\(slot) \(state)")
    }
  }

  @Test(
    "a try that the source means to make counts for limits, and is the charge that is looked at")
  func plannedTries() throws {
    let world = try Self.shared.get()
    let row = try retried(world)
    let others = world.history.attempts(of: row.company).filter {
      $0.method == row.method && $0.attemptedAt > world.hours(7 * 24 - 30 * 24)
        && $0.attemptedAt < world.cut
    }
    // Room for one more at the end of the days.
    var policy = RetryPolicy(
      limits: [RetryPolicy.Limit(brand: nil, attempts: others.count + 1, hours: 30 * 24)])
    policy.mostRetries = 1
    func retry(_ own: ScheduledTry?, _ other: ScheduledTry?) throws -> PaymentForecast.InvoiceRow {
      let due = [
        DueInvoice(id: row.invoice, company: row.company, dueAt: nil, owed: nil, nextTry: own),
        DueInvoice(id: .zero, company: row.company, dueAt: nil, owed: 1, nextTry: other),
      ]
      let forecast = try PaymentForecast(panel(world, due: due), policy: policy)
      return try #require(
        forecast.invoices.first { $0.invoice == row.invoice && $0.method == row.method })
    }
    let planned = ScheduledTry(at: world.hours(9), method: row.method)
    let free = try retry(nil, nil)
    #expect(free.retryAt != nil && free.amountAtRisk == nil)
    #expect(free.probability > 0 && free.probability < 1)
    #expect(try retry(nil, planned).retryAt == nil)
    // The proposal takes the place of the invoice's own.
    let own = try retry(planned, nil)
    #expect(own.retryAt == free.retryAt)
    func hour(_ row: PaymentForecast.InvoiceRow) -> Double? {
      row.reasons.first { $0.feature == "hour" }?.value
    }
    #expect(try #require(hour(own)) != #require(hour(free)))
  }

  @Test("a try that a proposal takes the place of leaves its room to other invoices")
  func replacedTries() throws {
    let world = try Self.shared.get()
    let row = try retried(world)
    // Another invoice of the company that was refused with the method at the same time.
    var attempts = world.history.companies.flatMap { world.history.attempts(of: $0) }
    var twin = try #require(
      world.history.attempts(of: row.company).last { $0.invoice == row.invoice })
    twin.id = .zero
    twin.invoice = .zero
    attempts.append(twin)
    let both = SimulatedPayments(
      history: ChargeHistory(
        attempts: attempts, methods: Array(world.history.methods.values),
        zones: CompanyZones(.utc)),
      truth: [:], months: world.months, cut: world.cut)
    let made = attempts.filter {
      $0.method == row.method && $0.attemptedAt > world.hours(7 * 24 - 30 * 24)
        && $0.attemptedAt < world.cut
    }
    // Room for so many more at the end of the days.
    func retries(_ planned: ScheduledTry?, room: Int) throws -> [Timestamp?] {
      var policy = RetryPolicy(
        limits: [RetryPolicy.Limit(brand: nil, attempts: made.count + room, hours: 30 * 24)])
      policy.mostRetries = 1
      let due = [
        DueInvoice(
          id: row.invoice, company: row.company, dueAt: nil, owed: 20_000, nextTry: planned),
        DueInvoice(id: .zero, company: row.company, dueAt: nil, owed: 10_000),
      ]
      let found = try PaymentForecast(panel(both, due: due), policy: policy).invoices
      return try [row.invoice, .zero].map { invoice in
        try #require(found.first { $0.invoice == invoice && $0.method == row.method }).retryAt
      }
    }
    let planned = ScheduledTry(at: world.hours(9), method: row.method)
    let free = try retries(nil, room: 2)
    #expect(free.allSatisfy { $0 != nil })
    #expect(try retries(planned, room: 2) == free)
    // The proposal counts itself: with room for one the other invoice has none.
    #expect(try retries(planned, room: 1).map { $0 != nil } == [true, false])
  }

  @Test("what happened or was recorded later, and what changes of a method, leave features equal")
  func pointInTime() throws {
    let world = try Self.shared.get()
    var random = SplitMix64(seed: 5)
    let middle = world.months[12]
    // Some were seen to move by then, all others will be.
    let (near, far) = (try zone("America/New_York"), try zone("Asia/Tokyo"))
    let places = world.history.companies.enumerated().flatMap { place, company in
      let moved = world.months[6 + place % 5]
      return [
        CompanyClocks.Version(company: company, seenAt: world.months[4], zone: nil),
        CompanyClocks.Version(company: company, seenAt: moved, zone: near),
      ].prefix(1 + place % 2)
    }
    let later = world.history.companies.map {
      CompanyClocks.Version(company: $0, seenAt: middle, zone: far)
    }
    func clocks(_ versions: [CompanyClocks.Version]) -> CompanyClocks {
      CompanyClocks(versions, standard: .utc, at: world.cut)
    }
    let before = panel(
      SimulatedPayments(
        history: ChargeHistory(
          attempts: world.history.companies.flatMap { world.history.attempts(of: $0) },
          methods: Array(world.history.methods.values), clocks: clocks(places)),
        truth: [:], months: world.months, cut: world.cut))
    let all = world.history.companies.flatMap { world.history.attempts(of: $0) }
    let old = Set(all.filter { max($0.attemptedAt, $0.recordedAt) < middle }.map(\.id))
    let attempts =
      all.map { attempt -> ChargeAttempt in
        guard attempt.attemptedAt >= middle || attempt.recordedAt >= middle else { return attempt }
        var other = attempt
        other.outcome = random.nextUnit() < 0.5 ? .failed : .succeeded
        other.declineClass = .hard
        other.amount = 7
        return other
      }
    let methods = world.history.methods.values.map { method in
      var other = method
      other.versions = [
        PaymentMethodHistory.Version(knownFrom: middle, expiresAt: middle, isActive: false)
      ]
      let known = method.versions.filter { $0.knownFrom < middle }
      if !known.isEmpty { other.versions = known + other.versions }
      return other
    }
    let after = panel(
      SimulatedPayments(
        history: ChargeHistory(
          attempts: attempts, methods: methods, clocks: clocks(later + places)),
        truth: [:], months: world.months, cut: world.cut))
    let rows = Dictionary(
      uniqueKeysWithValues: after.charges.enumerated().map { ($1.attempt, $0) })
    var compared = 0
    for (row, charge) in before.charges.enumerated() where old.contains(charge.attempt) {
      // One that is decided later may be another charge now.
      guard let other = rows[charge.attempt] else { continue }
      compared += 1
      for name in before.rows.table.names {
        #expect(
          before.rows.table[name]?.labels[row] == after.rows.table[name]?.labels[other], "\(name)")
      }
    }
    #expect(compared > 1_000)
    // Charges after the move have the hours of the other clock.
    let hours = try #require(before.rows.table["hour"])
    let moved = try #require(after.rows.table["hour"])
    for (row, charge) in before.charges.enumerated() where charge.charge.at > middle {
      guard let other = rows[charge.attempt] else { continue }
      #expect(hours.numbers[row] != moved.numbers[other])
    }
  }

  @Test("an attempt that asks the customer is no label until the next one decides it")
  func actionRequired() throws {
    let ids = (1...9).map { UUIDValue(high: 1, low: $0) }
    let start = try #require(Timestamp("2025-03-01T10:00:00Z"))
    func attempt(
      _ id: Int, _ outcome: AttemptOutcome, hours: Int, invoice: Int = 6, method: Int = 7
    ) -> ChargeAttempt {
      let at = Timestamp(
        microseconds: start.microseconds + Int64(hours) * Timestamp.microsecondsPerHour)
      return ChargeAttempt(
        id: ids[id], company: ids[8], invoice: ids[invoice], method: ids[method], amount: 5,
        outcome: outcome, declineClass: outcome == .failed ? .soft : nil, attemptedAt: at,
        recordedAt: at)
    }
    func charges(_ attempts: [ChargeAttempt], cutHours: Int = 1_000) -> [LabelledCharge] {
      ChargeHistory(attempts: attempts, methods: [], zones: CompanyZones(.utc)).charges(
        of: ids[8], from: start,
        before: Timestamp(
          microseconds: start.microseconds + Int64(cutHours) * Timestamp.microsecondsPerHour))
    }
    let asked = attempt(0, .actionRequired, hours: 0)
    let failed = attempt(1, .failed, hours: 5)
    #expect(charges([asked]).map(\.failed) == [nil])
    #expect(charges([asked, failed]).map(\.failed) == [true])
    #expect(charges([asked, failed]).first?.knownAt == failed.recordedAt)
    #expect(charges([asked, failed], cutHours: 5).map(\.failed) == [nil])
    #expect(charges([asked, attempt(1, .actionRequired, hours: 4)]).map(\.failed) == [nil])
    #expect(
      charges([asked, attempt(1, .actionRequired, hours: 4), attempt(2, .succeeded, hours: 9)])
        .map(\.failed) == [false])
    // Another invoice, another method, or more than seven days later: not the same charge.
    #expect(
      charges([asked, attempt(1, .failed, hours: 5, invoice: 5)]).map(\.failed) == [nil, true])
    #expect(
      charges([asked, attempt(1, .failed, hours: 5, method: 4)]).map(\.failed) == [nil, true])
    #expect(charges([asked, attempt(1, .failed, hours: 168)]).map(\.failed) == [nil, true])
  }

  @Test("no history, one company or no failure is a share that says why")
  func refusals() throws {
    let world = try Self.shared.get()
    let company = try #require(
      world.history.companies.first { company in
        let own = world.history.attempts(of: company)
        return own.count > 5 && own.allSatisfy { $0.outcome == .succeeded }
      })
    func forecast(_ attempts: [ChargeAttempt]) throws -> PaymentForecast {
      let due = [DueInvoice(id: .zero, company: company, dueAt: nil, owed: 10)]
      return try PaymentForecast(
        PaymentPanel(
          SimulatedPayments.features,
          of: ChargeHistory(
            attempts: attempts, methods: Array(world.history.methods.values),
            zones: CompanyZones(.utc)), cut: world.cut, months: world.months, due: due),
        policy: RetryPolicy())
    }
    let none = try forecast([])
    #expect(none.invoices.isEmpty && none.methods.isEmpty && none.source.reason != nil)
    let alone = try forecast(world.history.attempts(of: company))
    #expect(alone.source.reason?.contains("1 company") == true)
    #expect(alone.invoices.allSatisfy { $0.retryAt == nil })
    #expect(alone.invoices.first?.reasons.first?.feature == "base_rate")
    let fine = world.history.companies.flatMap { world.history.attempts(of: $0) }.map { attempt in
      var fine = attempt
      fine.outcome = .succeeded
      fine.declineClass = nil
      return fine
    }
    #expect(try forecast(fine).source.reason?.contains("occurred 0 times") == true)
  }
}

/// The rules of a zone of the system's database.
func zone(_ name: String) throws -> ZoneRules {
  let file = try Data(contentsOf: URL(fileURLWithPath: "/usr/share/zoneinfo/" + name))
  return try #require(ZoneRules(name: name, file: Array(file)))
}

extension SimulatedPayments {
  init(
    history: ChargeHistory, truth: [UUIDValue: Double], months: [Timestamp], cut: Timestamp
  ) {
    self.history = history
    self.truth = truth
    self.months = months
    self.cut = cut
  }

  /// So many hours after the cut.
  func hours(_ count: Int) -> Timestamp {
    Timestamp(microseconds: cut.microseconds + Int64(count) * Timestamp.microsecondsPerHour)
  }
}
