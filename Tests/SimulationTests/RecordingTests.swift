import AlmanacCore
import Billing
import Columns
import Simulation
import TestSupport
import Testing

/// When rows are recorded, and that the same world comes out whichever way it is made.
@Suite("Recording of a simulated world")
struct RecordingTests {
  @Test("late, repeated and unreadable events have their shares, within four deviations")
  func shares() throws {
    let world = try world(companies: 24, months: 4, seed: 9)
    let events = (0..<world.companyCount).flatMap { world.company($0).events }
    let ordinary = events.filter { $0.recordedAt >= $0.happenedAt }
    #expect(events.count - ordinary.count < events.count / 500 + 40)
    #expect(Set(events.map(\.id)).count == events.count)
    let withDetails = events.filter { $0.details == .request || $0.details == .failure }
    func check(_ name: String, _ count: Int, of total: Int, share: Double) {
      let expected = share * Double(total)
      let band = 4 * (expected * (1 - share)).squareRoot() + 1
      #expect(abs(Double(count) - expected) < band, "\(name): \(count) of \(total)")
    }
    let hour = Timestamp.microsecondsPerHour
    check(
      "late", ordinary.count { $0.recordedAt - $0.happenedAt > hour }, of: ordinary.count,
      share: Recording.lateShare)
    check(
      "very late", ordinary.count { $0.recordedAt - $0.happenedAt > 168 * hour },
      of: ordinary.count, share: Recording.veryLateShare)
    check(
      "repeated", events.count { $0.repeatedAt != nil }, of: events.count,
      share: Recording.repeatedShare)
    check(
      "malformed", withDetails.count { $0.isMalformed }, of: withDetails.count,
      share: Recording.malformedShare)
    #expect(events.allSatisfy { $0.repeatedAt ?? .max > $0.recordedAt })
  }

  @Test("rows of the billing tables are late as often as events, within four deviations")
  func billingShares() throws {
    let records = records(of: try world(companies: 240, months: 9, seed: 5))
    var delays: [Int64] = []
    for record in records {
      delays += record.users.map { $0.recordedAt - $0.invitedAt }
      delays += record.changes.map { $0.recordedAt - $0.requestedAt }
      delays += record.invoices.map { $0.recordedAt - $0.issuedAt }
      delays += record.attempts.map { $0.recordedAt - $0.attemptedAt }
      delays += record.creditNotes.map { $0.recordedAt - $0.issuedAt }
    }
    let count = Double(delays.count)
    try #require(count > 5_000)
    let hour = Timestamp.microsecondsPerHour
    for (limit, share) in [(hour, Recording.lateShare), (168 * hour, Recording.veryLateShare)] {
      let late = Double(delays.count { $0 > limit })
      let band = 4 * (count * share * (1 - share)).squareRoot() + 1
      #expect(abs(late - count * share) < band, "\(late) of \(count) later than \(limit)")
    }
  }

  @Test("use has a week, a year with a quiet August, and holidays")
  func seasons() throws {
    let world = try world(companies: 16, months: 13, seed: 14, end: "2025-01-31")
    var counts: [CalendarDate: Int] = [:]
    for index in 0..<world.companyCount {
      for event in world.company(index).events where event.type == .userLoggedIn {
        counts[Timestamp(microseconds: event.happenedAt).dateUTC, default: 0] += 1
      }
    }
    /// The mean of those days of the year 2024 that a condition holds for.
    func mean(_ holds: (CalendarDate) -> Bool) throws -> Double {
      let first = try #require(CalendarDate("2024-03-01"))
      let end = try #require(CalendarDate("2025-01-10"))
      let days = (first..<end).filter(holds)
      return Double(days.reduce(0) { $0 + (counts[$1] ?? 0) }) / Double(days.count)
    }
    func isWorkday(_ day: CalendarDate) -> Bool { day.weekday < 6 }
    let workdays = try mean(isWorkday)
    #expect(try mean { !isWorkday($0) } < 0.45 * workdays)
    let august = try mean { $0.parts.month == 8 && isWorkday($0) }
    let around = try mean { [7, 9].contains($0.parts.month) && isWorkday($0) }
    #expect(august < 0.93 * around, "\(august) against \(around)")
    let christmas = try mean { $0.parts.month == 12 && [25, 26].contains($0.parts.day) }
    #expect(christmas < 0.35 * workdays, "\(christmas) against \(workdays)")
    let december = try mean { $0.parts.month == 12 && $0.parts.day < 20 && isWorkday($0) }
    let lastWeek = try mean {
      $0.parts.month == 12 && $0.parts.day > 26 && isWorkday($0)
    }
    #expect(lastWeek < 0.8 * december, "\(lastWeek) against \(december)")
  }

  /// The rows of some companies by table, each as text.
  private func rows(
    _ world: World, _ companies: [Int], from start: Timestamp? = nil
  ) -> [String: [[ColumnValue?]]] {
    var rows = WorldRows(from: start, to: world.settings.cut)
    for index in companies { rows.append(world.company(index)) }
    return Dictionary(
      uniqueKeysWithValues: rows.finish().map { ($0.table.qualifiedName, $0.batch.rowValues) })
  }

  @Test("a company alone is the same as among others")
  func companyAlone() throws {
    let world = try world(companies: 40, months: 2, seed: 4)
    let alone = rows(world, [3])
    let together = rows(world, [1, 2, 3])
    let id = ColumnValue.uuid(world.company(3, includesUse: false).profile.id)
    for (table, expected) in alone where !expected.isEmpty {
      let own = together[table]?.filter { $0.contains(id) } ?? []
      let mine = expected.filter { $0.contains(id) }
      #expect(firstDifference(own, mine) == nil, "\(table)")
      #expect(!mine.isEmpty, "\(table)")
    }
  }

  @Test("what a later end adds to an earlier world makes the later world", arguments: [1, 30])
  func continuation(days: Int) throws {
    let earlier = try world(companies: 60, months: 3, seed: 8)
    var settings = earlier.settings
    settings.end = settings.end.adding(days: days)
    let later = try World(settings, zone: systemZone)
    let companies = [0, 5, 7, 8, 21, 47]
    let before = rows(earlier, companies)
    let added = rows(later, companies, from: earlier.settings.cut)
    let whole = rows(later, companies)
    for table in SimulatedTables.all {
      let name = table.qualifiedName
      let parts = [before[name] ?? [], added[name] ?? []]
      let expected = whole[name] ?? []
      if table.isAppendOnly {
        #expect(Set(parts[0] + parts[1]) == Set(expected), "\(name)")
        #expect(parts[0].count + parts[1].count == expected.count, "\(name)")
      } else {
        var merged: [ColumnValue?: [ColumnValue?]] = [:]
        for row in parts[0] + parts[1] { merged[row[0]] = row }
        #expect(Set(merged.values) == Set(expected), "\(name)")
      }
    }
    #expect(!(added["app.events"] ?? []).isEmpty)
  }

  @Test("the state at the end of a month is the same whether the world ends there or goes on")
  func monthStates() throws {
    let earlier = try world(companies: 30, months: 4, seed: 8)
    var settings = earlier.settings
    settings.end = settings.end.adding(days: 20)
    let later = try World(settings, zone: systemZone)
    for index in 0..<30 {
      let record = earlier.company(index, includesUse: false)
      let before = record.monthStates
      let after = later.company(index, includesUse: false).monthStates
      #expect(before.map(\.at) == after.map(\.at))
      #expect(before.map(\.mrrDollars) == after.map(\.mrrDollars))
      #expect(before.map(\.vigour) == after.map(\.vigour))
      let reachesEnd = before.last?.at == earlier.settings.cut.microseconds
      #expect(reachesEnd == (record.deletedAt == nil) || before.isEmpty)
    }
  }

  @Test("no row of a company has the identity of a module or a plan, not with seed 0 either")
  func identities() throws {
    let world = try world(companies: 6, months: 2, seed: 0)
    var known = Set(Catalogue.modules.indices.map(Catalogue.moduleID))
    for tier in Catalogue.tiers.indices {
      for currency in Geography.currencies.indices {
        for interval in BillingInterval.allCases {
          known.insert(
            Catalogue.planID(tier: tier, interval: interval, currency: currency, isLegacy: false))
        }
      }
    }
    for record in records(of: world) {
      let own =
        [record.profile.id] + record.users.map(\.id) + record.subscriptions.map(\.id)
        + record.changes.map(\.id) + record.invoices.map(\.id) + record.attempts.map(\.id)
      #expect(known.isDisjoint(with: own), "company \(record.profile.index)")
    }
  }

  @Test("another seed or another kind of world gives other rows")
  func seeds() throws {
    let first = try world(companies: 20, months: 2, seed: 1)
    let second = try world(companies: 20, months: 2, seed: 2)
    #expect(rows(first, [0]) == rows(first, [0]))
    #expect(rows(first, [0]) != rows(second, [0]))
  }
}
