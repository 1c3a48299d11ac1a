import AlmanacCore
import Billing
import Predictions

/// Companies that move up where they log in much, and add modules by the ones they have, with what
/// may be wrong about them.
struct UpsellWorld {
  /// Something that happens to a company's only subscription.
  struct Fact {
    var company: Int
    var kind: ChangeKind
    var effective: Timestamp
    var recorded: Timestamp
    /// The tier from here on, 1 to 3.
    var tier: Int
    var module: Int?
  }

  var companies = 160
  var months = 18
  /// The chance of a move up in a month, of one who logs in much and of others.
  var rises = (much: 0.3, little: 0.01)
  /// The tier that each begins on.
  var firstTier: (Int) -> Int = { 1 + $0 % 2 }
  /// The modules that each begins with.
  var firstModules: (Int) -> [Int] = { $0 % 3 == 0 ? [0] : [] }
  /// The modules that a module needs.
  var prerequisites: [Int: [Int]] = [3: [2]]
  /// Further facts.
  var more: [Fact] = []
  /// Whether a fact is left out.
  var omits: (Fact) -> Bool = { _ in false }
  /// When companies were deleted.
  var deletions: [UUIDValue: Timestamp] = [:]
  var prices = UpsellWorld.prices()
  /// Exchange rates; where there are any, every other company pays in euros.
  var rates: [ExchangeRate] = []

  /// 1 January 2024.
  static let start = CalendarDate(daysSinceEpoch: 19_723)
  static let features = [
    FeatureSpecification("logins", .logarithm(.count(tally: "logins", days: 30))),
    FeatureSpecification("mrr", .logarithm(.level(state: "mrr"))),
    FeatureSpecification("modules", .plain(.level(state: "modules"))),
    FeatureSpecification("affinity", .plain(.level(state: "affinity"))),
  ]

  static func id(_ company: Int) -> UUIDValue { UUIDValue(high: 1, low: UInt64(company)) }
  static func plan(_ tier: Int) -> UUIDValue { UUIDValue(high: 3, low: UInt64(tier)) }
  static func module(_ number: Int) -> UUIDValue { UUIDValue(high: 4, low: UInt64(number)) }

  /// Three tiers at 10, 25 and 60 a seat, and four modules.
  static func prices(scale: Int128 = 1, modules: Int = 4) -> PriceList {
    let dollars = CurrencyCode("USD")
    return PriceList(
      plans: Dictionary(
        uniqueKeysWithValues: [100_000, 250_000, 600_000].enumerated().map { index, amount in
          (
            plan(index + 1),
            ListedPlan(
              id: plan(index + 1), tier: Int64(index + 1), unitAmount: Int128(amount) * scale,
              currency: dollars)
          )
        }),
      moduleCodes: Dictionary(
        uniqueKeysWithValues: (0..<modules).map { (module($0), "m\($0)") }),
      modules: Dictionary(
        uniqueKeysWithValues: dollars.map { currency in
          (0..<modules).map {
            (module($0), ModulePrice(unitAmount: 20_000 * scale, currency: currency))
          }
        } ?? []))
  }

  /// The starts of the months, the last of which is now.
  var instants: [CalendarDate] { (1...months).map { Self.start.monthStart(adding: $0) } }

  /// What happens, in order of time for each company, with logins.
  func facts() -> (facts: [Fact], logins: [(company: Int, at: Timestamp)]) {
    var random = SplitMix64(seed: 9)
    var facts: [Fact] = []
    var logins: [(company: Int, at: Timestamp)] = []
    for company in 0..<companies {
      var tier = firstTier(company)
      var owned = Set(firstModules(company))
      let began = Self.start.adding(days: company % 25 + 1)
      func add(
        _ kind: ChangeKind, _ effective: Timestamp, _ recorded: Timestamp, module: Int? = nil
      ) {
        facts.append(
          Fact(
            company: company, kind: kind, effective: effective, recorded: recorded, tier: tier,
            module: module))
      }
      add(.new, began.startUTC, began.startUTC)
      for module in owned.sorted() {
        add(.moduleAdded, began.startUTC, began.startUTC, module: module)
      }
      for day in instants {
        let isMuch = random.nextUnit() < (company % 3 == 1 ? 0.8 : 0.15)
        for back in stride(from: 1, through: 28, by: isMuch ? 1 : 6) {
          let login = day.adding(days: -back)
          if login > began { logins.append((company, login.startUTC)) }
        }
        let at = day.adding(days: 3 + Int(random.nextUnit() * 20)).startUTC
        // Some tell of it long before.
        let ahead = random.nextUnit() < 0.15
        let recorded = ahead ? day.adding(days: -9).startUTC : at
        let moves = random.nextUnit() < (isMuch ? rises.much : rises.little)
        if moves, tier < 3, recorded > began.startUTC {
          tier += 1
          add(.upgrade, at, recorded)
        }
        for module in 0..<4 {
          let ease = owned.contains(0) && module == 1 ? 0.15 : module == 2 ? 0.05 : 0.02
          let isAllowed = (prerequisites[module] ?? []).allSatisfy { owned.contains($0) }
          if random.nextUnit() < ease * (isMuch ? 2.5 : 0.5), isAllowed,
            owned.insert(module).inserted
          {
            add(.moduleAdded, at, at, module: module)
          }
        }
      }
    }
    let all = (facts + more).filter { !omits($0) }
    return (
      all.enumerated().sorted {
        ($0.element.company, $0.element.effective, $0.offset)
          < ($1.element.company, $1.element.effective, $1.offset)
      }.map(\.element), logins
    )
  }

  /// The panel as of the first so many months, or of all.
  func panel(months count: Int? = nil) throws -> UpsellPanel {
    let days = Array(instants.prefix(count ?? months))
    let (facts, logins) = facts()
    var sequences: [Int: Int64] = [:]
    var changes: [SubscriptionChange] = []
    for fact in facts {
      let sequence = sequences[fact.company, default: 0] + 1
      sequences[fact.company] = sequence
      changes.append(
        SubscriptionChange(
          id: UUIDValue(high: UInt64(sequence), low: UInt64(fact.company)),
          subscription: UUIDValue(high: 2, low: UInt64(fact.company)),
          company: Self.id(fact.company), sequence: sequence, kind: fact.kind,
          plan: Self.plan(fact.tier), module: fact.module.map { Self.module($0) }, quantity: 2,
          recurringAmount: Int128(200_000 * fact.tier), periodMonths: 1,
          currency: CurrencyCode(rates.isEmpty || fact.company % 2 == 0 ? "USD" : "EUR"),
          effectiveAt: fact.effective, recordedAt: fact.recorded))
    }
    var history = FeatureHistory(
      companyCount: companies, asOf: days, from: Self.start, zone: .utc, tallies: ["logins"],
      states: ChurnStates.names)
    for login in logins {
      history.add(to: "logins", company: login.company, happened: login.at, recorded: login.at)
    }
    guard let currency = CurrencyCode("USD"), let last = days.last else {
      preconditionFailure("no month")
    }
    let settings = LedgerSettings(currency: currency)
    let exchange = ExchangeRates(rates)
    func input(_ day: CalendarDate, ahead: Int = 0) -> LedgerInput {
      var input = LedgerInput(
        changes: changes, deletions: deletions.filter { $0.value < day.startUTC },
        modules: prices.modules, rates: exchange, zones: CompanyZones(.utc), end: last.startUTC
      ).known(before: day.startUTC)
      input.end = day.adding(days: ahead).startUTC
      return input
    }
    return try UpsellPanel(
      Self.features, of: history,
      UpsellInput(
        companies: (0..<companies).map { Self.id($0) },
        known: try days.map { try RevenueLedger(input($0), settings: settings) },
        outlooks: days.map { SubscriptionHoldings(input($0, ahead: 90), settings: settings) },
        now: SubscriptionHoldings(input(last), settings: settings), prices: prices,
        prerequisites: Dictionary(
          uniqueKeysWithValues: prerequisites.map { module, needed in
            (Self.module(module), needed.map { Self.module($0) })
          })))
  }

  /// Prices as they are: there is one currency.
  static func convert(_ amount: Int128, _ currency: CurrencyCode, _ months: Int) -> Int128? {
    amount / Int128(months)
  }

  /// What the panel's rows of now are said to be.
  func forecast() throws -> UpsellForecast {
    try UpsellForecast(try panel(), convert: Self.convert)
  }
}
