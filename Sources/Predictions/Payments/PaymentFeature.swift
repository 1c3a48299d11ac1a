import AlmanacCore
import Billing
import Glibc
package import Regression

/// A feature of a charge: one column, as a definition declares it.
///
/// Each sees the attempts that had been made and recorded before the charge is known about, what
/// never changes of a method, and what changes of it as versions that had been seen by then say.
package struct PaymentFeature: Hashable, Sendable {
  /// Whose attempts are counted.
  package enum Subject: String, CaseIterable, Sendable {
    /// Those at the same invoice.
    case invoice
    /// Those with the same method.
    case method
    /// All of the company.
    case company
  }

  /// What is computed.
  package enum Kind: Hashable, Sendable {
    /// What never changes of the method, such as its brand.
    case method(String)
    /// Whether the card has expired when it is charged: 1 or 0, missing where that is not known.
    case expired
    /// Days until it expires, from −`cap` to `cap`; `cap` where nothing expires.
    case daysLeft(cap: Int)
    /// The logarithm of one more than the amount.
    case amount
    /// The hour of the company's clock, with this many harmonics of 24 hours.
    case hour(harmonics: Int)
    /// The weekday of the company's clock, with this many harmonics of a week.
    case weekday(harmonics: Int)
    /// The number of charges at the invoice before, at most `cap`.
    case attempt(cap: Int)
    /// The class of refusal of the latest attempt at the invoice with the method; `none` without one.
    case lastDecline
    /// The logarithm of one more than the days since the latest attempt at the invoice; 0 without one.
    case sinceLast
    /// Refusals in a number of days.
    case failures(of: Subject, days: Int)
    /// The log-odds of failure among earlier charges in a number of days, so many of one in ten mixed
    /// in.
    case failureRate(of: Subject, days: Int, prior: Double)
    /// The logarithm of one more than the days since the method was recorded.
    case age
  }

  /// The name of the column.
  package var name: String
  /// How it is computed.
  package var kind: Kind

  /// A feature of the given name.
  package init(_ name: String, _ kind: Kind) {
    self.name = name
    self.kind = kind
  }

  /// The text of ``Kind/lastDecline`` where there was no refusal.
  static let noDecline = "none"

  /// What becomes of the column.
  package var term: TermSpecification.Kind {
    switch kind {
    case .method, .lastDecline: CategoryPooling.term
    case .hour(let harmonics): .cyclic(period: 24, harmonics: harmonics)
    case .weekday(let harmonics): .cyclic(period: 7, harmonics: harmonics)
    default: .numeric
    }
  }

  /// Whether it depends on the moment of a charge beyond what was done before.
  var followsClock: Bool {
    switch kind {
    case .expired, .daysLeft, .hour, .weekday, .age: true
    default: false
    }
  }
}

/// A value of a feature.
enum PaymentValue {
  case number(Double)
  case text(String?)
}

extension ChargeHistory {
  /// The features of charges, one column each.
  package func table(_ features: [PaymentFeature], of charges: [Charge]) -> Table {
    var numbers = features.map { _ in [Double]() }
    var texts = features.map { _ in [String?]() }
    for charge in charges {
      let facts = ChargeFacts(charge, self)
      for (index, feature) in features.enumerated() {
        switch facts.value(of: feature.kind) {
        case .number(let value): numbers[index].append(value)
        case .text(let value): texts[index].append(value)
        }
      }
    }
    var table = Table(rowCount: charges.count)
    for (index, feature) in features.enumerated() where table[feature.name] == nil {
      switch feature.kind {
      case .method, .lastDecline:
        let levels = Set(texts[index].compactMap(\.self)).sorted()
        let codes = Dictionary(
          uniqueKeysWithValues: levels.enumerated().map { ($1, Int32($0)) })
        table.add(
          feature.name,
          .texts(codes: texts[index].map { $0.flatMap { codes[$0] } ?? -1 }, levels: levels))
      default: table.add(feature.name, .numbers(numbers[index]))
      }
    }
    return table
  }
}

/// What the features of one charge are made of.
struct ChargeFacts {
  private let charge: Charge
  private let method: PaymentMethodHistory?
  private let zone: ZoneRules
  /// The attempts that are known, by time.
  private let known: ArraySlice<ChargeAttempt>

  init(_ charge: Charge, _ history: ChargeHistory) {
    self.charge = charge
    method = history.methods[charge.method].flatMap { $0.recordedAt < charge.known ? $0 : nil }
    zone = history.clocks.zone(of: charge.company, knownBefore: charge.known)
    let own = history.attempts(of: charge.company)
    var end = own.count
    while end > 0, own[end - 1].attemptedAt >= charge.known { end -= 1 }
    let before = own[..<end]
    known =
      before.allSatisfy { $0.recordedAt < charge.known }
      ? before : before.filter { $0.recordedAt < charge.known }[...]
  }

  private func isOf(_ subject: PaymentFeature.Subject, _ attempt: ChargeAttempt) -> Bool {
    switch subject {
    case .invoice: charge.invoice != nil && attempt.invoice == charge.invoice
    case .method: attempt.method == charge.method
    case .company: true
    }
  }

  private func days(since instant: Timestamp) -> Double {
    Double(charge.at.microseconds - instant.microseconds) / Double(Timestamp.microsecondsPerDay)
  }

  /// What is known of the method that may change; `nil` where no version is.
  private var version: PaymentMethodHistory.Version? {
    method?.version(knownBefore: charge.known)
  }

  /// The hour of the company's clock with its fraction, and the ISO weekday.
  private var clock: (hour: Double, weekday: Int) {
    let offset = Int64(zone.offsetSeconds(at: charge.at)) * 1_000_000
    let local = Timestamp(microseconds: charge.at.microseconds + offset)
    let inDay = local.microseconds - local.dateUTC.startUTC.microseconds
    return (Double(inDay) / Double(Timestamp.microsecondsPerHour), local.dateUTC.weekday)
  }

  func value(of kind: PaymentFeature.Kind) -> PaymentValue {
    switch kind {
    case .method(let column): return .text(method?.attributes[column])
    case .expired:
      guard let version else { return .number(.nan) }
      return .number(version.expiresAt.map { $0 <= charge.at } ?? false ? 1 : 0)
    case .daysLeft(let cap):
      guard let version else { return .number(.nan) }
      let cap = Double(cap)
      guard let expiry = version.expiresAt else { return .number(cap) }
      return .number(max(-cap, min(cap, -days(since: expiry))))
    case .amount: return .number(charge.amount >= 0 ? log1p(charge.amount) : .nan)
    case .hour: return .number(clock.hour)
    case .weekday: return .number(Double(clock.weekday - 1))
    case .attempt(let cap):
      // One that asks the customer is decided by the next one, and both are one charge.
      let count = known.count { isOf(.invoice, $0) && $0.outcome != .actionRequired }
      return .number(Double(min(cap, count + charge.assumedFailures)))
    case .lastDecline: return .text(lastDecline)
    case .sinceLast:
      let last = charge.assumedAt ?? known.last { isOf(.invoice, $0) }?.attemptedAt
      return .number(last.map { log1p(max(0, days(since: $0))) } ?? 0)
    case .failures(let subject, let span):
      let count = known.count {
        $0.outcome == .failed && isOf(subject, $0) && days(since: $0.attemptedAt) <= Double(span)
      }
      return .number(Double(count + charge.assumedFailures))
    case .failureRate(let subject, let span, let prior):
      return .number(failureRate(subject, Double(span), prior))
    case .age: return .number(method.map { log1p(max(0, days(since: $0.recordedAt))) } ?? .nan)
    }
  }

  private var lastDecline: String? {
    if charge.assumedFailures > 0 {
      return charge.assumedClass?.rawValue ?? PaymentFeature.noDecline
    }
    guard let last = known.last(where: { isOf(.invoice, $0) }), last.method == charge.method,
      last.outcome == .failed
    else { return PaymentFeature.noDecline }
    return last.declineClass?.rawValue
  }

  /// Charges at this invoice are left out: others of the features tell of them.
  private func failureRate(
    _ subject: PaymentFeature.Subject, _ span: Double, _ prior: Double
  ) -> Double {
    var (failed, all) = (0.1 * prior, prior)
    for attempt in known
    where isOf(subject, attempt) && days(since: attempt.attemptedAt) <= span
      && attempt.outcome != .actionRequired
      && (subject == .invoice || attempt.invoice != charge.invoice || charge.invoice == nil)
    {
      all += 1
      if attempt.outcome == .failed { failed += 1 }
    }
    return log(failed / (all - failed))
  }
}

extension PaymentFeature {
  /// A value in words, without a full stop.
  ///
  /// - Parameters:
  ///   - column: the column of the feature.
  ///   - row: the row.
  /// - Returns: a phrase.
  func words(_ column: TableColumn, row: Int) -> String {
    if case .texts(let codes, let levels) = column {
      let text = codes[row] < 0 ? nil : levels[Int(codes[row])]
      guard case .method(let attribute) = kind else {
        if text == PaymentFeature.noDecline { return "no refusal of this invoice before" }
        return text.map { "the last refusal was \($0)" } ?? "the last refusal gave no class"
      }
      let noun = String(attribute.map { $0 == "_" ? " " : $0 })
      return text.map { "\(noun): \($0)" } ?? "\(noun) not known"
    }
    let value = column.numbers[row]
    if value.isNaN { return "\(String(name.map { $0 == "_" ? " " : $0 })) not known" }
    let count = FeatureQuantity.number(value)
    switch kind {
    case .expired: return value == 1 ? "the card has expired by then" : "not expired by then"
    case .daysLeft(let cap):
      if value >= Double(cap) { return "does not expire within \(cap) days" }
      return value <= 0
        ? "expired \(FeatureQuantity.number(-value)) days before" : "expires \(count) days later"
    case .amount: return "amount \(FeatureQuantity.number(expm1(value)))"
    case .hour:
      let minutes = Int(value * 60)
      let shown = [minutes / 60, minutes % 60].map { $0 < 10 ? "0\($0)" : "\($0)" }
      return "charged at \(shown[0]):\(shown[1]) local time"
    case .weekday:
      let days = [
        "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
      ]
      return "charged on a \(days[max(0, min(6, Int(value)))])"
    case .attempt: return value == 0 ? "first charge of the invoice" : "charges before: \(count)"
    case .sinceLast:
      return value == 0
        ? "no attempt at the invoice before"
        : "\(FeatureQuantity.number(expm1(value))) days after the last attempt"
    case .failures(let subject, let days):
      return "refusals of the \(subject.rawValue): \(count) in \(days) days"
    case .failureRate(let subject, let days, _):
      let share = FeatureQuantity.number(100 / (1 + exp(-value)))
      return "about \(share) % of the charges of the \(subject.rawValue) failed in \(days) days"
    case .age: return "method known for \(FeatureQuantity.number(expm1(value))) days"
    case .method, .lastDecline: return name
    }
  }
}
