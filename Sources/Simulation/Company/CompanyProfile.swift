package import AlmanacCore
import Glibc

/// A rare course of events that is placed into a company, so that small worlds have it too.
///
/// Of the first 200 companies ten each follow one of these; they sign up early, and other companies
/// meet most of them by chance. Edge cases that are no story of their own, such as events of unknown
/// types, happen to each of these companies besides (`addOddEvents`).
enum Script: Int, CaseIterable {
  case secondSubscription, quarterlyPlan, yearlyPlan, pause, withdrawnCancellation
  case twoChangesInOneDay, migration, pastDue, refundAndCredit, deletion
  case zeroAmount, negativeAmount, fifteenDigits, scheduledCancellation, trialExtended
  case trialExpired, farZone, reactivation, threeDecimals, uncollectible

  /// The script of a company, or `nil` if it has none.
  static func of(company index: Int) -> Script? {
    index < 10 * allCases.count ? Script(rawValue: index % allCases.count) : nil
  }
}

/// What never changes about a company.
package struct CompanyProfile: Sendable {
  /// The position among the companies of the world.
  package let index: Int
  /// The identity.
  package let id: UUIDValue
  /// Where it is.
  package let country: SimulatedCountry
  /// The IANA name of its zone.
  package let zone: String
  /// What it pays in.
  package let currency: SimulatedCurrency
  /// The position of ``currency`` in ``Geography/currencies``.
  let currencyIndex: Int
  /// When it signs up.
  package let signUp: Timestamp
  let script: Script?
  let industry: String
  /// 0 to 3: the band of its size.
  let size: Int
  let seats: Int
  let tier: Int
  let interval: BillingInterval
  /// A bit for each module bought with the first subscription.
  let modules: UInt8
  let hasTrial: Bool
  /// The share of users active on an ordinary workday.
  let activeShare: Double
  /// Events for each active user and day.
  let eventsPerUser: Double
  /// The unobserved standard normal effects of a hard world, one for each question.
  let effects: [Double]

  static let sizeBands = ["1-10", "11-50", "51-200", "201-1000"]
  static let segments = ["small", "small", "middle", "large"]
  static let industries = [
    "software", "retail", "health", "finance", "education", "logistics", "media", "manufacturing",
  ]

  /// The company of an index in a world.
  package init(index: Int, in settings: WorldSettings) {
    let draws = Draws(seed: settings.seed, entity: index)
    func unit(_ index: Int) -> Double { draws.unit(.profile, index) }
    let script = Script.of(company: index)
    self.index = index
    self.script = script
    id = draws.identifier(.identifier, 0)
    let countryIndex =
      switch script {
      case .farZone: Geography.index(of: index % 40 < 20 ? "UM" : "KI")
      case .threeDecimals: Geography.index(of: ["KW", "BH", "JO"][index / 20 % 3])
      case .fifteenDigits: Geography.index(of: index % 40 < 20 ? "VN" : "ID")
      default: Geography.country(at: unit(0))
      }
    let country = Geography.countries[countryIndex]
    self.country = country
    zone = country.zones[draws.choice(below: country.zones.count, .profile, 1)]
    currencyIndex = country.currency
    currency = Geography.currencies[country.currency]
    industry =
      CompanyProfile.industries[
        draws.choice(below: CompanyProfile.industries.count, .profile, 2)]
    signUp = CompanyProfile.signUp(
      index: index, isScripted: script != nil, draws: draws, settings: settings)
    size = [0.42, 0.77, 0.94].firstIndex { unit(5) < $0 } ?? 3
    let median = [4.0, 10, 24, 60][size]
    seats = min(200, max(1, Int((median * exp(0.5 * draws.normal(.profile, 6))).rounded())))
    let rank = unit(7) + 0.15 * Double(size)
    tier = rank < 0.5 ? 0 : rank < 0.85 ? 1 : rank < 1.15 ? 2 : 3
    let period = unit(8)
    interval =
      script == .quarterlyPlan
      ? .quarter
      : script == .yearlyPlan
        ? .year : script != nil || period < 0.72 ? .month : period < 0.84 ? .quarter : .year
    hasTrial =
      script == .trialExtended || script == .trialExpired || (script == nil && unit(9) < 0.65)
    let modulesShare = [0.05, 0.12, 0.25, 0.4][tier]
    modules = Catalogue.modules.indices.reduce(into: UInt8(0)) { owned, module in
      if draws.unit(.profile, 30, module) < modulesShare { owned |= 1 << UInt8(module) }
    }
    activeShare = 0.35 + 0.4 * unit(10)
    eventsPerUser = 7 * exp(0.55 * draws.normal(.profile, 11))
    effects = Question.allCases.indices.map { draws.normal(.profile, 12 + $0) }
  }

  private static func signUp(
    index: Int, isScripted: Bool, draws: Draws, settings: WorldSettings
  ) -> Timestamp {
    let days = Double(settings.firstDays)
    let place = draws.unit(.profile, 3)
    let day: CalendarDate
    if index >= settings.companies {
      day = settings.laterSignUp(index: index)
    } else if isScripted {
      day = settings.start.adding(days: Int(place * days * 0.4))
    } else if draws.unit(.profile, 4) < 0.45 {
      day = settings.start.adding(days: Int(place * days * 0.12))
    } else {
      day = settings.start.adding(days: Int(place * days))
    }
    let second = Int64(draws.unit(.profile, 20) * 86_400)
    return Timestamp(microseconds: day.startUTC.microseconds + second * 1_000_000)
  }

  /// The company's name for people.
  var name: String { "Company \(index + 1)" }

  /// Whether a day is a day of rest, by the country's weekend.
  package func isWeekend(_ date: CalendarDate) -> Bool {
    let weekday = date.weekday
    return country.restsOnFriday ? weekday == 5 || weekday == 6 : weekday >= 6
  }

  /// How much is done on a day, against an ordinary one: weekends, holidays and the season.
  func season(_ date: CalendarDate) -> Double {
    let (_, month, day) = date.parts
    var level = isWeekend(date) ? 0.12 : date.weekday == 1 ? 1.06 : date.weekday == 5 ? 0.92 : 1
    let isHoliday =
      (month == 1 && day == 1) || (month == 12 && (day == 25 || day == 26))
      || (month == 5 && day == 1) || (month == 1 + index(of: country) % 12 && day == 15)
    if isHoliday { level *= 0.15 }
    let dayOfYear = Double((month - 1) * 30 + day)
    level *= 1 + 0.08 * cos(2 * .pi * (dayOfYear - 40) / 365.25)
    if month == 8 { level *= 0.8 }
    if month == 12 && day > 20 { level *= 0.55 }
    return level
  }

  /// A number that spreads the national holidays over the year.
  private func index(of country: SimulatedCountry) -> Int {
    country.code.utf8.reduce(0) { $0 + Int($1) }
  }
}
