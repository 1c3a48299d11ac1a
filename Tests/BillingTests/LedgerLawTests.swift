import AlmanacCore
import Billing
import Testing

@Suite("Laws of the MRR ledger")
struct LedgerLawTests {
  @Test("equals an evaluation instant by instant", arguments: UInt64(0)..<200)
  func equalsOracle(seed: UInt64) throws {
    let random = try RandomLedger(seed: seed)
    let ledger = try RevenueLedger(random.input, settings: random.settings)
    let oracle = LedgerOracle(input: random.input, settings: random.settings)
    for company in Set(random.input.changes.map(\.company)) {
      let expected = try oracle.expected(company)
      let found = ledger.ledger(of: company)
      let levels = found?.levels.map { level in
        LedgerOracle.levelLine(
          level.month, level.amount, level.isComplete,
          level.parts.map { LedgerOracle.partLine($0.plan, $0.module, $0.amount) }.sorted())
      }
      #expect(levels ?? [] == expected.levels)
      #expect(
        found?.movements.map { "\($0.month) \($0.kind) \($0.amount)" } ?? []
          == expected.movements)
      for change in random.input.changes where change.company == company {
        for end in [
          change.effectiveAt, Timestamp(microseconds: change.effectiveAt.microseconds + 1),
        ]
        where end < random.input.end {
          let amount = try oracle.amount(company, before: end)
          #expect(found?.amount(atEnd: end) ?? 0 == amount, "at \(end)")
        }
      }
    }
  }

  @Test("as of T equals a run on the rows recorded by T", arguments: UInt64(0)..<100)
  func knowsWhatWasRecorded(seed: UInt64) throws {
    var random = try RandomLedger(seed: seed)
    let cut = random.input.changes[random.input.changes.count / 2].recordedAt
    var recorded = random.input
    recorded.changes.removeAll { $0.recordedAt > cut }
    random.input.knownBy = cut
    #expect(
      try RevenueLedger(random.input, settings: random.settings)
        == RevenueLedger(recorded, settings: random.settings))
  }

  @Test("the order of the rows and of the companies changes nothing", arguments: UInt64(0)..<100)
  func ignoresOrder(seed: UInt64) throws {
    let random = try RandomLedger(seed: seed)
    let whole = try RevenueLedger(random.input, settings: random.settings)
    var shuffled = random.input
    var generator = SplitMix64(seed: seed ^ 0xABCD)
    shuffled.changes.shuffle(using: &generator)
    shuffled.origins.shuffle(using: &generator)
    #expect(try RevenueLedger(shuffled, settings: random.settings) == whole)
    var parts: [CompanyLedger] = []
    for company in Set(random.input.changes.map(\.company)).sorted() {
      var own = random.input
      own.changes.removeAll { $0.company != company }
      parts += try RevenueLedger(own, settings: random.settings).companies
    }
    #expect(parts == whole.companies)
  }

  @Test(
    "parts add up to MRR, movements to its change, causes are the company's own changes",
    arguments: UInt64(0)..<100)
  func addsUp(seed: UInt64) throws {
    let random = try RandomLedger(seed: seed)
    let ledger = try RevenueLedger(random.input, settings: random.settings)
    var owners: [UUIDValue: UUIDValue] = [:]
    for change in random.input.changes { owners[change.id] = change.company }
    var moved: [CalendarDate: Int128] = [:]
    for company in ledger.companies {
      for level in company.levels {
        #expect(level.parts.reduce(0) { $0 + $1.amount } == level.amount)
      }
      for movement in company.movements {
        moved[movement.month, default: 0] += movement.amount
        #expect(movement.amount != 0)
        #expect(movement.causes.allSatisfy { owners[$0] == company.company })
        let isUncaused = movement.kind == .fx || random.input.deletions[company.company] != nil
        #expect(isUncaused || !movement.causes.isEmpty)
      }
      #expect(zip(company.steps, company.steps.dropFirst()).allSatisfy { $0.amount != $1.amount })
    }
    var level: Int128 = 0
    for (month, total) in zip(ledger.months, ledger.totals) {
      level += moved[month] ?? 0
      #expect(level == total, "\(month)")
    }
  }

  @Test("recognition decides how a month is told, not where it ends", arguments: UInt64(0)..<50)
  func recognitionKeepsLevels(seed: UInt64) throws {
    var random = try RandomLedger(seed: seed)
    let levels = try LedgerSettings.Recognition.allCases.map { recognition in
      random.settings.recognition = recognition
      return try RevenueLedger(random.input, settings: random.settings).companies.map(\.levels)
    }
    #expect(levels[0] == levels[1])
  }

  @Test("settings have one text each, and different settings different texts")
  func settingsHaveTexts() throws {
    var texts: Set<String> = []
    for recognition in LedgerSettings.Recognition.allCases {
      for churnAt in LedgerSettings.ChurnTime.allCases {
        for pause in LedgerSettings.Pause.allCases {
          for fx in LedgerSettings.ForeignExchange.allCases {
            for code in ["USD", "EUR"] {
              texts.insert(
                LedgerSettings(
                  currency: try currency(code), recognition: recognition, churnAt: churnAt,
                  pause: pause, fx: fx
                ).canonicalText)
            }
          }
        }
      }
    }
    #expect(texts.count == 32)
    #expect(
      LedgerSettings(currency: try currency("USD")).canonicalText
        == "churn_at=service_end currency=USD fx=at_change pause=zero recognition=month_end")
  }
}
