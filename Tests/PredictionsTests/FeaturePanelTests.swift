import AlmanacCore
import Glibc
import Predictions
import Regression
import Testing

/// Features as of an instant, against a direct reading of every row.
@Suite("Feature panel")
struct FeaturePanelTests {
  struct Row {
    var company: Int
    var happened: Int64
    var recorded: Int64
    var subject: Int
    var amount: Int64
  }

  struct Change {
    var company: Int
    var key: Int
    var sequence: Int64
    var effective: Int64
    var recorded: Int64
    var value: Double
  }

  private static let day: Int64 = 86_400_000_000
  private static let start = CalendarDate(daysSinceEpoch: 18_262)
  /// Four ends of months and a cut within a month.
  private static let instants = [31, 60, 91, 121, 130].map { start.adding(days: $0) }
  private static let features = [
    FeatureSpecification("uses", .plain(.count(tally: "use", days: 30))),
    FeatureSpecification("users", .plain(.distinct(tally: "use", days: 14))),
    FeatureSpecification("days", .plain(.activeDays(tally: "use", days: 21))),
    FeatureSpecification("recency", .plain(.sinceLast(tally: "use", cap: 40))),
    FeatureSpecification("tenure", .logarithm(.sinceFirst(tally: "use"))),
    FeatureSpecification("slope", .plain(.slope(tally: "use", weeks: 4))),
    FeatureSpecification("seats", .plain(.level(state: "seats"))),
    FeatureSpecification("growth", .plain(.change(state: "seats", days: 45))),
    FeatureSpecification(
      "drop",
      .logRatio(
        .count(tally: "use", days: 30, before: 30), to: .count(tally: "use", days: 30), prior: 10)),
    FeatureSpecification(
      "per_seat", .share(.count(tally: "use", days: 30), of: .level(state: "seats"))),
  ]

  private func rows(_ random: inout SplitMix64, count: Int = 400) -> [Row] {
    (0..<count).map { _ in
      let happened =
        Self.start.startUTC.microseconds + Int64.random(in: 0..<(140 * Self.day), using: &random)
      let late = Int.random(in: 0..<5, using: &random) == 0
      return Row(
        company: Int.random(in: 0..<4, using: &random), happened: happened,
        recorded: happened + (late ? Int64.random(in: 0..<(50 * Self.day), using: &random) : 5),
        subject: Int.random(in: 0..<6, using: &random),
        amount: Int64.random(in: 1..<9, using: &random))
    }
  }

  private func changes(_ random: inout SplitMix64) -> [Change] {
    (0..<60).map { index in
      let recorded =
        Self.start.startUTC.microseconds + Int64.random(in: 0..<(140 * Self.day), using: &random)
      return Change(
        company: Int.random(in: 0..<4, using: &random), key: Int.random(in: 0..<2, using: &random),
        sequence: Int64(index),
        effective: recorded + Int64.random(in: (-20 * Self.day)..<(40 * Self.day), using: &random),
        recorded: recorded, value: Double(Int.random(in: 0..<30, using: &random)))
    }
  }

  private func panel(_ rows: [Row], _ changes: [Change]) throws -> FeaturePanel {
    var history = FeatureHistory(
      companyCount: 4, asOf: Self.instants, from: Self.start, zone: .utc, tallies: ["use"],
      states: ["seats"])
    for row in rows {
      history.add(
        to: "use", company: row.company, happened: Timestamp(microseconds: row.happened),
        recorded: Timestamp(microseconds: row.recorded), subject: row.subject, amount: row.amount)
    }
    for change in changes {
      history.set(
        "seats", company: change.company, key: change.key, sequence: change.sequence,
        effective: Timestamp(microseconds: change.effective),
        recorded: Timestamp(microseconds: change.recorded), value: change.value)
    }
    let wanted = (0..<4).flatMap { company in
      Self.instants.indices.map { PanelRow(company: company, period: $0) }
    }
    return try FeaturePanel(Self.features, of: history, rows: wanted)
  }

  /// Each feature of a row by its definition, from the rows themselves.
  private func oracle(_ row: PanelRow, _ rows: [Row], _ changes: [Change]) -> [Double] {
    let end = Self.instants[row.period].startUTC.microseconds
    let seen = rows.filter { $0.company == row.company && $0.happened < end && $0.recorded < end }
    func within(_ days: Int64, before: Int64 = 0) -> [Row] {
      seen.filter {
        $0.happened >= end - (days + before) * Self.day && $0.happened < end - before * Self.day
      }
    }
    func sum(_ rows: [Row]) -> Double { Double(rows.reduce(0) { $0 + $1.amount }) }
    func age(_ row: Row) -> Double {
      let first = row.happened - row.happened % Self.day
      return Double((end - first) / Self.day)
    }
    func level(_ instant: Int64) -> Double {
      (0..<2).reduce(0) { total, key in
        let known = changes.filter {
          $0.company == row.company && $0.key == key && $0.recorded < end && $0.effective < instant
        }
        return total + (known.max { $0.sequence < $1.sequence }?.value ?? 0)
      }
    }
    let weeks = (0..<4).map { sum(within(7, before: 7 * (3 - $0))) }
    let slope = (-1.5 * weeks[0] - 0.5 * weeks[1] + 0.5 * weeks[2] + 1.5 * weeks[3]) / 5
    let uses = sum(within(30))
    let isNew = seen.allSatisfy { $0.happened >= end - 59 * Self.day }
    return [
      uses, Double(Set(within(14).map(\.subject)).count), Double(Set(within(21).map(age)).count),
      min(40, seen.map(age).min() ?? 40), seen.map(age).max().map { log1p($0) } ?? .nan, slope,
      level(end), level(end) - level(end - 45 * Self.day),
      isNew ? .nan : log((sum(within(30, before: 30)) + 10) / (uses + 10)),
      level(end) == 0 ? .nan : uses / level(end),
    ]
  }

  private func isSame(_ left: Double, _ right: Double) -> Bool {
    left.isNaN && right.isNaN || abs(left - right) <= 1e-12 * max(1, abs(left))
  }

  @Test("every feature is what the rows that had happened and been recorded say", arguments: 1...10)
  func featuresMatchRows(seed: Int) throws {
    var random = SplitMix64(seed: UInt64(seed))
    // So many rows of a company are joined several times before they are read.
    let rows = rows(&random, count: seed > 8 ? 8_000 : 400)
    let changes = changes(&random)
    let panel = try panel(rows, changes)
    for (position, row) in panel.rows.enumerated() {
      let expected = oracle(row, rows, changes)
      for (feature, value) in zip(Self.features, expected) {
        let found = try #require(panel.table[feature.name]).numbers[position]
        #expect(isSame(found, value), "seed \(seed), \(feature.name) of \(row): \(found), \(value)")
      }
    }
  }

  @Test("rows that happened or were recorded at T or later change nothing", arguments: 1...8)
  func nothingLeaks(seed: Int) throws {
    var random = SplitMix64(seed: UInt64(seed))
    let rows = rows(&random)
    let changes = changes(&random)
    let before = try panel(rows, changes)
    for (period, date) in Self.instants.enumerated() {
      let end = date.startUTC.microseconds
      let otherRows =
        rows.filter { $0.happened < end && $0.recorded < end }
        + rows.filter { $0.happened >= end || $0.recorded >= end }.map {
          var row = $0
          row.amount += 1_000
          row.subject += 50
          row.company = (row.company + 1) % 4
          row.recorded = max(row.recorded, end)
          return row
        }
      let otherChanges = changes.filter { $0.recorded < end && $0.effective < end }
      let after = try panel(otherRows.shuffled(using: &random), otherChanges.reversed())
      for (position, row) in before.rows.enumerated() where row.period == period {
        for feature in Self.features {
          let old = try #require(before.table[feature.name]).numbers[position]
          let new = try #require(after.table[feature.name]).numbers[position]
          #expect(isSame(old, new), "seed \(seed), \(feature.name) as of \(date): \(old), \(new)")
        }
      }
    }
  }

  @Test("windows are compared once the instant sees anything as old as the earlier one")
  func windowsOfNewCompanies() throws {
    var history = FeatureHistory(
      companyCount: 4, asOf: Array(Self.instants.prefix(3)), from: Self.start, zone: .utc,
      tallies: ["use", "tickets"], states: [])
    func add(_ tally: String, _ company: Int, day: Int, recorded: Int? = nil) {
      func instant(_ day: Int) -> Timestamp {
        Timestamp(microseconds: Self.start.adding(days: day).startUTC.microseconds + 5)
      }
      history.add(
        to: tally, company: company, happened: instant(day), recorded: instant(recorded ?? day),
        subject: nil as Int?)
    }
    for company in 0..<4 { for day in 62..<70 { add("use", company, day: day) } }
    // Of the others nothing is 60 days old on day 91: the row of one is too young by a day, and that of
    // another was recorded later.
    add("tickets", 1, day: 31)
    add("use", 2, day: 32)
    add("use", 3, day: 20, recorded: 100)
    let drop = try #require(Self.features.first { $0.name == "drop" })
    let panel = try FeaturePanel(
      [drop], of: history, rows: (0..<4).map { PanelRow(company: $0, period: 2) })
    let values = try #require(panel.table["drop"]).numbers
    #expect(isSame(values[1], log(10 / 18.0)))
    #expect([0, 2, 3].allSatisfy { values[$0].isNaN })
  }

  @Test("windows are compared once what is counted reaches back to the earlier one")
  func windowsOfNewSources() throws {
    // Day 31 is the first of the earlier window as of day 91, and day 61 as of day 121.
    func isMissing(
      _ period: Int, _ sources: [String: String], uses: [(day: Int, recorded: Int)]
    ) throws -> Bool {
      var history = FeatureHistory(
        companyCount: 2, asOf: Self.instants, from: Self.start, zone: .utc,
        tallies: ["use", "errors", "payments"], states: [])
      func add(_ tally: String, _ company: Int, day: Int, recorded: Int) {
        func instant(_ day: Int) -> Timestamp {
          Timestamp(microseconds: Self.start.adding(days: day).startUTC.microseconds + 5)
        }
        history.add(
          to: tally, company: company, happened: instant(day), recorded: instant(recorded),
          subject: nil as Int?)
      }
      // The company itself was there all the time.
      add("payments", 0, day: 1, recorded: 1)
      for (day, recorded) in uses { add("errors", 1, day: day, recorded: recorded) }
      for day in 62..<90 { add("use", 0, day: day, recorded: day) }
      history.sources = sources
      let drop = try #require(Self.features.first { $0.name == "drop" })
      let panel = try FeaturePanel(
        [drop], of: history, rows: [PanelRow(company: 0, period: period)])
      return try #require(panel.table["drop"]).numbers[0].isNaN
    }
    let sources = ["use": "events", "errors": "events", "payments": "attempts"]
    #expect(try isMissing(2, sources, uses: []))
    #expect(try isMissing(2, sources, uses: [(32, 32)]))
    #expect(try !isMissing(2, sources, uses: [(31, 31)]))
    // Known later than the instant, but before the next one.
    #expect(try isMissing(2, sources, uses: [(31, 100)]))
    #expect(try !isMissing(3, sources, uses: [(31, 100)]))
    #expect(try !isMissing(2, [:], uses: []))
  }

  @Test("a feature of an unknown measure, an empty window and a repeated name are refused")
  func refusals() throws {
    let history = FeatureHistory(
      companyCount: 1, asOf: Self.instants, from: Self.start, zone: .utc, tallies: ["use"],
      states: [])
    func error(_ features: FeatureSpecification...) -> FeatureError? {
      do throws(FeatureError) {
        _ = try FeaturePanel(features, of: history, rows: [])
        return nil
      } catch {
        return error
      }
    }
    let good = FeatureSpecification("a", .plain(.count(tally: "use", days: 3)))
    #expect(error(good) == nil)
    #expect(error(good, good) == .repeatedName("a"))
    // A tally is not a state.
    #expect(
      error(FeatureSpecification("b", .plain(.level(state: "use"))))
        == .unknownMeasure(feature: "b", measure: "use"))
    #expect(
      error(FeatureSpecification("c", .plain(.count(tally: "use", days: 0))))
        == .emptyWindow(feature: "c"))
    #expect(
      error(FeatureSpecification("d", .plain(.slope(tally: "use", weeks: 1))))
        == .emptyWindow(feature: "d"))
  }
}
