import AlmanacCore
import Billing
import Testing

/// A hand-made history of subscriptions: companies and subscriptions are letters and numbers, dates
/// are of 2026 unless they say otherwise.
struct History {
  var changes: [SubscriptionChange] = []
  var origins: [SubscriptionOrigin] = []
  var deletions: [UUIDValue: Timestamp] = [:]
  var modules: [UUIDValue: ModulePrice] = [:]
  var rates: [ExchangeRate] = []
  var zones = CompanyZones(.utc)

  /// The company of a letter.
  static func company(_ letter: Character) -> UUIDValue {
    UUIDValue(high: 0xC0, low: UInt64(letter.asciiValue ?? 0))
  }

  /// The subscription of a company, counted from 1.
  static func subscription(_ letter: Character, _ number: Int) -> UUIDValue {
    UUIDValue(high: 0x50, low: UInt64(letter.asciiValue ?? 0) * 100 + UInt64(number))
  }

  /// `02-10` and `02-10 09:00` become instants of 2026.
  static func instant(_ text: String) throws -> Timestamp {
    let isShort = text.dropFirst(2).first == "-"
    return try BillingTests.instant(isShort ? "2026-" + text : text)
  }

  /// Adds a change; the sequence is the order of the calls, the identity their number.
  mutating func add(
    _ company: Character, _ kind: ChangeKind, _ effective: String, _ amount: String? = nil,
    per months: Int? = 1, in code: String? = "USD", subscription: Int = 1, plan: Int? = nil,
    module: Int? = nil, quantity: Int64? = nil, requested: String? = nil, recorded: String? = nil
  ) throws {
    let at = try History.instant(effective)
    changes.append(
      SubscriptionChange(
        id: id(changes.count + 1), subscription: History.subscription(company, subscription),
        company: History.company(company), sequence: Int64(changes.count + 1), kind: kind,
        plan: plan.map { id($0) }, module: module.map { id($0) }, quantity: quantity,
        recurringAmount: try amount.map { try money($0) }, periodMonths: months,
        currency: try code.map { try currency($0) },
        requestedAt: try requested.map { try History.instant($0) }, effectiveAt: at,
        recordedAt: try recorded.map { try History.instant($0) } ?? at))
  }

  /// Lets a subscription of a company continue another of it.
  mutating func migrate(_ company: Character, to successor: Int, from predecessor: Int) {
    origins.append(
      SubscriptionOrigin(
        subscription: History.subscription(company, successor),
        predecessor: History.subscription(company, predecessor)))
  }

  /// The input of a ledger up to an instant.
  func input(through end: String, knownBy: String? = nil) throws -> LedgerInput {
    let cut = try knownBy.map { try History.instant($0) }
    return LedgerInput(
      changes: changes, origins: origins, deletions: deletions, modules: modules,
      rates: ExchangeRates(rates, knownBy: cut), zones: zones, knownBy: cut,
      end: try History.instant(end))
  }

  /// The ledger up to an instant.
  func ledger(
    through end: String, _ adjust: (inout LedgerSettings) -> Void = { _ in }, knownBy: String? = nil
  ) throws -> RevenueLedger {
    var settings = LedgerSettings(currency: try currency("USD"))
    adjust(&settings)
    return try RevenueLedger(try input(through: end, knownBy: knownBy), settings: settings)
  }
}

extension RevenueLedger {
  /// Every movement as a line such as `A 01 new 100.0000`, by company, month and kind; years other
  /// than 2026 are written out.
  var movementLines: [String] {
    companies.flatMap { company in
      company.movements.map {
        let letter = Character(UnicodeScalar(UInt8(company.company.low & 0xFF)))
        return "\(letter) \(RevenueLedger.short($0.month)) \($0.kind) \(Money.text($0.amount))"
      }
    }
  }

  /// MRR at the end of each month, such as `01 583.3333`.
  var totalLines: [String] {
    zip(months, totals).map { "\(RevenueLedger.short($0)) \(Money.text($1))" }
  }

  static func short(_ month: CalendarDate) -> String {
    let text = month.description.prefix(7)
    return String(text.hasPrefix("2026-") ? text.dropFirst(5) : text)
  }
}
