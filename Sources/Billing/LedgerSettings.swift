package import AlmanacCore

/// What MRR means where the trade has two habits; the first case of each is the default.
package struct LedgerSettings: Hashable, Sendable {
  /// When the movements of a company are judged (DECISIONS.md, D-158).
  package enum Recognition: String, CaseIterable, Sendable {
    /// By comparing the company's MRR at the ends of two months.
    case monthEnd = "month_end"
    /// At every instant of change, summed over the month.
    case event
  }

  /// When a cancellation takes MRR away (DECISIONS.md, D-155).
  package enum ChurnTime: String, CaseIterable, Sendable {
    /// At `effective_at`, the end of service.
    case serviceEnd = "service_end"
    /// When it is asked for.
    case cancellation
  }

  /// What a paused subscription is worth (DECISIONS.md, D-156).
  package enum Pause: String, CaseIterable, Sendable {
    /// Nothing.
    case zero
    /// What it was worth before.
    case keep
  }

  /// When an amount in another currency is converted (DECISIONS.md, D-157).
  package enum ForeignExchange: String, CaseIterable, Sendable {
    /// At the rate of the change, held until the subscription's next change.
    case atChange = "at_change"
    /// Again at each month's end, with a movement `fx`.
    case monthEnd = "month_end"
  }

  /// The reporting currency.
  package var currency: CurrencyCode
  /// When movements are judged.
  package var recognition: Recognition
  /// When a cancellation counts.
  package var churnAt: ChurnTime
  /// What a pause does.
  package var pause: Pause
  /// When foreign amounts are converted.
  package var fx: ForeignExchange

  /// Settings with the documented defaults.
  package init(
    currency: CurrencyCode, recognition: Recognition = .monthEnd, churnAt: ChurnTime = .serviceEnd,
    pause: Pause = .zero, fx: ForeignExchange = .atChange
  ) {
    self.currency = currency
    self.recognition = recognition
    self.churnAt = churnAt
    self.pause = pause
    self.fx = fx
  }

  /// The settings in one line that is equal exactly if they are: what a digest of them is made of.
  package var canonicalText: String {
    "churn_at=\(churnAt.rawValue) currency=\(currency) fx=\(fx.rawValue)"
      + " pause=\(pause.rawValue) recognition=\(recognition.rawValue)"
  }
}
