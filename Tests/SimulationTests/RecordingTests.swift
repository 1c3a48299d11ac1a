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

  @Test("another seed or another kind of world gives other rows")
  func seeds() throws {
    let first = try world(companies: 20, months: 2, seed: 1)
    let second = try world(companies: 20, months: 2, seed: 2)
    #expect(rows(first, [0]) == rows(first, [0]))
    #expect(rows(first, [0]) != rows(second, [0]))
  }
}
