import AlmanacCore
import Billing

/// A random history in which everything happens, much of it at the same instant.
struct RandomLedger {
  var input: LedgerInput
  var settings: LedgerSettings
  var rateRows: [ExchangeRate] = []

  init(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let start = try day("2025-12-20").startUTC
    let codes = try ["USD", "EUR", "JPY"].map { try currency($0) }
    settings = LedgerSettings(
      currency: codes[0], recognition: random.pick(LedgerSettings.Recognition.allCases),
      churnAt: random.pick(LedgerSettings.ChurnTime.allCases),
      pause: random.pick(LedgerSettings.Pause.allCases),
      fx: random.pick(LedgerSettings.ForeignExchange.allCases))
    for offset in stride(from: -20, to: 200, by: 5) {
      for (code, middle) in [(codes[1], 11_000_000_000), (codes[2], 67_000_000)] {
        rateRows.append(
          ExchangeRate(
            base: code, quote: codes[0], date: start.dateUTC.adding(days: offset),
            tenBillionths: Int128(middle + Int.random(in: -2_000_000...2_000_000, using: &random)),
            recordedAt: start))
      }
    }
    input = LedgerInput(
      changes: [], rates: ExchangeRates(rateRows), zones: CompanyZones(.utc),
      end: RandomLedger.instant(start, &random, days: 60...150))
    let zones = try ["Pacific/Kiritimati", "Etc/GMT+12", "America/New_York", "Asia/Kathmandu"]
      .map { try zone($0) }
    for company in 1...Int.random(in: 1...4, using: &random) {
      addCompany(id(company), currencies: codes, from: start, &random)
      if random.next() % 3 == 0 { input.zones.own[id(company)] = random.pick(zones) }
      if random.next() % 6 == 0 {
        input.deletions[id(company)] = RandomLedger.instant(start, &random, days: 0...150)
      }
    }
    for module in 1...3 {
      input.modules[id(module)] = ModulePrice(
        unitAmount: Int128(random.next() % 300_000), currency: random.pick(codes))
    }
    input.changes.shuffle(using: &random)
  }

  /// An instant on a coarse grid, so that many coincide and many are the first of a month.
  private static func instant(
    _ start: Timestamp, _ random: inout SplitMix64, days: ClosedRange<Int>
  ) -> Timestamp {
    let date = start.dateUTC.adding(days: Int.random(in: days, using: &random))
    let coarse = random.pick([date, date, date.monthStart, date.monthStart.adding(days: 9)])
    let hours = random.pick([0, 0, 0, 5, 10, 23])
    return Timestamp(
      microseconds: coarse.startUTC.microseconds + Int64(hours) * Timestamp.microsecondsPerHour)
  }

  private mutating func addCompany(
    _ company: UUIDValue, currencies: [CurrencyCode], from start: Timestamp,
    _ random: inout SplitMix64
  ) {
    let subscriptions = (1...Int.random(in: 1...3, using: &random)).map {
      UUIDValue(high: company.low, low: UInt64($0))
    }
    let first: [ChangeKind] = [.new, .new, .trialStart, .reactivate, .trialConvert]
    let usual = ChangeKind.allCases + [.cancel, .cancelWithdrawn, .reactivate, .upgrade, .pause]
    for subscription in subscriptions {
      var kind = random.next() % 8 == 0 ? random.pick(usual) : random.pick(first)
      var day = Int.random(in: 0...60, using: &random)
      let code = random.pick(currencies)
      for sequence in 1...Int.random(in: 1...9, using: &random) {
        let at = RandomLedger.instant(start, &random, days: day...(day + 20))
        if random.next() % 3 != 0 { day += Int.random(in: 0...30, using: &random) }
        input.changes.append(
          SubscriptionChange(
            id: id(input.changes.count + 1), subscription: subscription, company: company,
            sequence: Int64(sequence), kind: kind,
            plan: random.next() % 3 == 0 ? id(Int(random.next() % 3)) : nil,
            module: kind == .moduleAdded || kind == .moduleRemoved || random.next() % 9 == 0
              ? id(1 + Int(random.next() % 4)) : nil,
            quantity: random.next() % 3 == 0 ? Int64(random.next() % 5) : nil,
            recurringAmount: kind == .trialStart ? 0 : amount(&random),
            periodMonths: random.pick([1, 1, 3, 12]),
            currency: random.next() % 6 == 0 ? random.pick(currencies) : code,
            requestedAt: random.next() % 3 == 0
              ? nil : RandomLedger.instant(start, &random, days: 0...(day + 1)),
            effectiveAt: at,
            recordedAt: RandomLedger.instant(start, &random, days: 0...160)))
        kind = random.pick(usual)
      }
      if random.next() % 3 == 0 {
        input.origins.append(
          SubscriptionOrigin(
            subscription: subscription,
            predecessor: random.next() % 10 == 0
              ? UUIDValue(high: 1, low: 1) : random.pick(subscriptions)))
      }
    }
  }

  private func amount(_ random: inout SplitMix64) -> Int128 {
    switch random.next() % 12 {
    case 0: 0
    case 1: -Int128(random.next() % 500_000)
    case 2: 9_999_999_999_999_999_999
    case 3...7: 1_000_000
    default: Int128(random.next() % 5_000_000)
    }
  }
}
