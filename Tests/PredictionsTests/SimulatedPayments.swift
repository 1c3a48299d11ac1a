import AlmanacCore
import Billing
import Predictions
import Simulation

/// A simulated world as the model of failing payments sees it, beside the probabilities it was drawn
/// by.
struct SimulatedPayments {
  /// The attempts and methods; of a method the versions that nights would have seen.
  let history: ChargeHistory
  /// The probability by which each attempt was decided.
  let truth: [UUIDValue: Double]
  /// The starts of the months of the world.
  let months: [Timestamp]
  /// The end of the world.
  let cut: Timestamp

  static let features: [PaymentFeature] = [
    PaymentFeature("type", .method("type")), PaymentFeature("funding", .method("funding")),
    PaymentFeature("brand", .method("brand")), PaymentFeature("expired", .expired),
    PaymentFeature("amount", .amount), PaymentFeature("hour", .hour(harmonics: 2)),
    PaymentFeature("weekday", .weekday(harmonics: 3)), PaymentFeature("attempt", .attempt(cap: 6)),
    PaymentFeature("last_decline", .lastDecline), PaymentFeature("since_last", .sinceLast),
    PaymentFeature("failure_rate", .failureRate(of: .company, days: 365, prior: 5)),
  ]

  init(_ world: World) {
    var attempts: [ChargeAttempt] = []
    var methods: [PaymentMethodHistory] = []
    var truth: [UUIDValue: Double] = [:]
    for index in 0..<world.companyCount {
      let record = world.company(index, includesUse: false)
      for decision in record.decisions where decision.question == .paymentFailure {
        if let attempt = decision.attempt {
          truth[record.attempts[attempt].id] = decision.probability
        }
      }
      attempts += record.attempts.map { row in
        ChargeAttempt(
          id: row.id, company: record.profile.id, invoice: record.invoices[row.invoice].id,
          method: record.methods[row.method].id,
          amount: Double(row.amount) / 10_000 / record.profile.currency.perDollar,
          outcome: AttemptOutcome(rawValue: row.outcome) ?? .failed,
          declineClass: row.declineClass.flatMap { DeclineClass(rawValue: $0) },
          attemptedAt: Timestamp(microseconds: row.attemptedAt),
          recordedAt: Timestamp(microseconds: row.recordedAt))
      }
      methods += SimulatedPayments.methods(of: record)
    }
    history = ChargeHistory(attempts: attempts, methods: methods, zones: CompanyZones(.utc))
    self.truth = truth
    let settings = world.settings
    cut = settings.cut
    months = (0..<settings.months).map { settings.start.monthStart(adding: $0).startUTC }
      .filter { $0 < settings.cut }
  }

  /// The methods, each renewal of a card a version of its own.
  private static func methods(of record: CompanyRecord) -> [PaymentMethodHistory] {
    let renewals = record.events.filter { $0.type == .paymentMethodUpdated }.map(\.happenedAt)
    return record.methods.enumerated().map { index, row in
      let end =
        index + 1 < record.methods.count ? record.methods[index + 1].recordedAt : Int64.max
      let own = renewals.filter { $0 > row.recordedAt && $0 < end }
      func version(_ from: Int64, later: Int) -> PaymentMethodHistory.Version {
        PaymentMethodHistory.Version(
          knownFrom: Timestamp(microseconds: from),
          expiresAt: PaymentMethodHistory.expiry(
            month: row.expiryMonth, year: row.expiryYear.map { $0 - 3 * later }))
      }
      var attributes = [
        "type": row.kind == .card ? "card" : row.kind == .paypal ? "paypal" : "bank_account"
      ]
      attributes["brand"] = row.brand
      attributes["funding"] = row.funding
      return PaymentMethodHistory(
        id: row.id, company: record.profile.id,
        recordedAt: Timestamp(microseconds: row.recordedAt), attributes: attributes,
        versions: [version(row.recordedAt, later: own.count)]
          + own.enumerated().map { version($1, later: own.count - 1 - $0) })
    }
  }
}
