import AlmanacCore
import Pipelines
import Testing

@Suite("Stretches of days without rows")
struct DayGapsTests {
  private static let start = CalendarDate(daysSinceEpoch: 20_000)

  private func days(_ numbers: some Sequence<Int>) -> [CalendarDate] {
    numbers.map { Self.start.adding(days: $0) }
  }

  @Test("are told of where they last a week and other days have rows")
  func month() {
    let all = Array(0..<200)
    #expect(DayGaps.found(in: days(all)).isEmpty)
    let some = all.filter { !(50..<78).contains($0) && !(120..<126).contains($0) }
    #expect(
      DayGaps.found(in: days(some.reversed()))
        == [Self.start.adding(days: 50)...Self.start.adding(days: 77)])
    let week = all.filter { !(120..<127).contains($0) }
    #expect(
      DayGaps.found(in: days(week))
        == [Self.start.adding(days: 120)...Self.start.adding(days: 126)])
  }

  @Test("are no news where most days have none, and where there are few days")
  func sparse() {
    #expect(DayGaps.found(in: days(stride(from: 0, to: 400, by: 9))).isEmpty)
    // On weekdays alone, with a fortnight's holiday.
    #expect(
      DayGaps.found(in: days((0..<200).filter { $0 % 7 < 5 && !(70..<84).contains($0) })).isEmpty)
    #expect(DayGaps.found(in: days([0, 1, 2, 30])).isEmpty)
    #expect(DayGaps.found(in: []).isEmpty)
  }
}
