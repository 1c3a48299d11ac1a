package import AlmanacCore
package import Billing

/// Within which limits a refused charge may be tried again, and how far ahead a time is looked for.
package struct RetryPolicy: Hashable, Sendable {
  /// The most attempts with a method in any span of a length, over all invoices.
  package struct Limit: Hashable, Sendable {
    /// The brand of the method; `nil` for every method.
    package var brand: String?
    /// The most attempts.
    package var attempts: Int
    /// The span, half-open, in hours.
    package var hours: Int

    /// A limit of the given parts.
    package init(brand: String?, attempts: Int, hours: Int) {
      self.brand = brand
      self.attempts = attempts
      self.hours = hours
    }
  }

  /// The limits, all of which hold.
  package var limits: [Limit]
  /// Classes of refusal after which a method is never charged again.
  package var neverClasses: Set<DeclineClass>
  /// The days after the present within which a time is looked for.
  package var days: Int
  /// The hours between two times that are looked at.
  package var stepHours: Int
  /// The most retries that are planned.
  package var mostRetries: Int

  /// A policy of the given parts.
  package init(
    limits: [Limit] = RetryPolicy.networkLimits, neverClasses: Set<DeclineClass> = [.never],
    days: Int = 7, stepHours: Int = 6, mostRetries: Int = 4
  ) {
    self.limits = limits
    self.neverClasses = neverClasses
    self.days = days
    self.stepHours = stepHours
    self.mostRetries = mostRetries
  }

  /// What the card networks allow: Visa 15 attempts in 30 days, Mastercard 10 in 24 hours and 35 in
  /// 30 days.
  package static let networkLimits = [
    Limit(brand: "visa", attempts: 15, hours: 30 * 24),
    Limit(brand: "mastercard", attempts: 10, hours: 24),
    Limit(brand: "mastercard", attempts: 35, hours: 30 * 24),
  ]

  /// The most times that may be looked at.
  package static let mostSlots = 64

  /// The most ways to spread tries over the times; see ``ways(slots:retries:)``.
  package static let mostWays = 150_000

  /// The ways to have made fewer tries than there are, one at a time: what a plan may have to look at
  /// in the worst case.
  ///
  /// - Parameters:
  ///   - slots: the number of times.
  ///   - retries: the most tries.
  /// - Returns: the sum over fewer tries of the ways to choose their times.
  package static func ways(slots: Int, retries: Int) -> Int {
    var (sum, chosen) = (0, 1)
    for count in 0..<max(0, retries) {
      sum += chosen
      chosen = chosen * max(0, slots - count) / (count + 1)
    }
    return sum
  }

  /// The times to look at after an instant: every so many hours, from one step on.
  package func slots(after instant: Timestamp) -> [Timestamp] {
    guard stepHours > 0 else { return [] }
    return stride(from: stepHours, through: 24 * days, by: stepHours)
      .prefix(RetryPolicy.mostSlots).map { instant.adding(hours: $0) }
  }

  /// The limits of a method of a brand, written in any case.
  package func limits(ofBrand brand: String?) -> [Limit] {
    limits.filter { limit in
      limit.brand.map { $0.lowercased() == brand?.lowercased() } ?? true
    }
  }

  /// Whether a method may still be charged after refusals of some classes.
  package func allowsCharges(after classes: some Sequence<DeclineClass>) -> Bool {
    !classes.contains { neverClasses.contains($0) }
  }
}

extension RetryPolicy.Limit {
  /// The length of the span in microseconds.
  var span: Int64 { Int64(hours) * Timestamp.microsecondsPerHour }

  /// Whether one more attempt leaves no span too full that ends with it or later.
  ///
  /// - Parameters:
  ///   - instant: the further attempt.
  ///   - others: all other attempts with the method, made or planned, by time.
  /// - Returns: whether it does.
  package func allows(_ instant: Timestamp, beside others: [Timestamp]) -> Bool {
    var all = others
    all.insert(instant, at: others.firstIndex { $0 > instant } ?? others.count)
    for (index, end) in all.enumerated()
    where end >= instant && end.microseconds - instant.microseconds < span {
      let count = all[...index].count { end.microseconds - $0.microseconds < span }
      // Those at the very instant come after it in the list, and belong to the span as well.
      let same = all[(index + 1)...].prefix { $0 == end }.count
      if count + same > attempts { return false }
    }
    return true
  }
}

extension Timestamp {
  /// The instant a number of hours later.
  func adding(hours: Int) -> Timestamp {
    Timestamp(microseconds: microseconds + Int64(hours) * Timestamp.microsecondsPerHour)
  }
}
