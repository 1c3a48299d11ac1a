package import AlmanacCore
package import Billing

/// What the churn model is to foretell, read from the MRR ledger (DECISIONS.md, D-511).
package enum ChurnLabels {
  /// Days after a fall on which MRR must still be 0 for it to count.
  package static let confirmationDays = 7

  /// Whether a company's MRR falls to 0 on a day of a span after T and is still 0 seven days later.
  ///
  /// - Parameters:
  ///   - ledger: the company's MRR as now known; it must reach beyond the label's maturity.
  ///   - instant: T.
  ///   - first: the first day of the span, in days after T.
  ///   - end: the end of the span, in days after T, excluded.
  /// - Returns: whether there is such a day.
  package static func falls(
    _ ledger: CompanyLedger, after instant: Timestamp, from first: Int, to end: Int
  ) -> Bool {
    let start = instant.adding(days: first)
    let stop = instant.adding(days: end)
    var before: Int128 = 0
    for step in ledger.steps {
      if step.instant >= stop { return false }
      if step.instant >= start, before > 0, step.amount == 0 {
        // One microsecond more, as the level asked for is that before an instant.
        let confirmed = step.instant.adding(days: confirmationDays).microseconds + 1
        if ledger.amount(atEnd: Timestamp(microseconds: confirmed)) == 0 { return true }
      }
      before = step.amount
    }
    return false
  }

  /// When the label of a span that ends some days after T is known for good.
  package static func maturity(of instant: Timestamp, spanEnd days: Int) -> Timestamp {
    instant.adding(days: days + confirmationDays)
  }

  /// Whether an end that is already recorded at T lies within a span, so that a company is scheduled
  /// (DECISIONS.md, D-519).
  ///
  /// - Parameters:
  ///   - ending: what ``scheduledEnd(_:origins:at:)`` says of T; `nil` lies in no span.
  ///   - days: the length of the span, its end excluded.
  ///   - instant: T.
  /// - Returns: whether it does.
  static func isScheduled(
    _ ending: Timestamp?, within days: Int, after instant: Timestamp
  ) -> Bool {
    ending.map { $0 < instant.adding(days: days) } ?? false
  }

  /// When the last of what a company pays for ends, if the end of all of it was recorded by T
  /// (DECISIONS.md, D-519); `nil` if it was not, or lies before T.
  static func scheduledEnd(
    _ changes: [SubscriptionChange], origins: [UUIDValue: SubscriptionOrigin] = [:],
    at instant: Timestamp
  ) -> Timestamp? {
    // Companies have few subscriptions, so that a list is searched faster than a dictionary.
    var latest: [SubscriptionChange] = []
    for change in changes where change.recordedAt < instant {
      guard let place = latest.firstIndex(where: { $0.subscription == change.subscription }) else {
        // Rows may begin in the middle: what is changed is paid for.
        latest.append(change)
        continue
      }
      guard change.kind.isOfLife else { continue }
      let other = latest[place]
      if other.kind.isOfLife, other.sequence > change.sequence { continue }
      latest[place] = change
    }
    let paid = latest.filter { $0.kind != .trialStart }
    let continued = paid.compactMap { change in
      origins[change.subscription].flatMap {
        $0.isKnown(before: instant) ? $0.predecessor : nil
      }
    }
    var last: Timestamp?
    for change in paid where !continued.contains(change.subscription) {
      guard change.kind == .cancel else { return nil }
      last = max(last ?? change.effectiveAt, change.effectiveAt)
    }
    return last.flatMap { $0 >= instant ? $0 : nil }
  }
}

extension ChangeKind {
  /// Whether it begins or ends what is paid for, or the trial of it.
  fileprivate var isOfLife: Bool {
    switch self {
    case .trialStart, .trialConvert, .new, .reactivate, .cancel, .cancelWithdrawn: true
    case .upgrade, .downgrade, .quantity, .moduleAdded, .moduleRemoved, .discount, .pause, .resume:
      false
    }
  }
}

extension Timestamp {
  /// The instant a number of days of 24 hours later.
  func adding(days: Int) -> Timestamp {
    Timestamp(microseconds: microseconds + Int64(days) * Timestamp.microsecondsPerDay)
  }
}
