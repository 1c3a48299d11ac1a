import AlmanacCore
import Pipelines
import Testing

@Suite("Stretches of days without rows")
struct DayGapsTests {
  private static let start = CalendarDate(daysSinceEpoch: 20_000)

  /// The stretches among days that are told by number.
  private func gaps(
    _ numbers: some Sequence<Int>, through last: Int = 199
  ) -> [ClosedRange<Int>] {
    DayGaps.found(
      in: numbers.map { Self.start.adding(days: $0) }, since: Self.start,
      through: Self.start.adding(days: last)
    ).map { Self.start.distance(to: $0.lowerBound)...Self.start.distance(to: $0.upperBound) }
  }

  @Test("are told of where they last a week and other days have rows")
  func month() {
    let all = Array(0..<200)
    #expect(gaps(all).isEmpty)
    let some = all.filter { !(50..<78).contains($0) && !(120..<126).contains($0) }
    #expect(gaps(some.reversed()) == [50...77])
    #expect(gaps(all.filter { !(120..<127).contains($0) }) == [120...126])
  }

  @Test("are no news where most days have none, and where there are few days")
  func sparse() {
    #expect(gaps(stride(from: 0, to: 400, by: 9), through: 399).isEmpty)
    // On weekdays alone, with a fortnight's holiday.
    #expect(gaps((0..<200).filter { $0 % 7 < 5 && !(70..<84).contains($0) }).isEmpty)
    #expect(gaps([0, 1, 2, 30]).isEmpty)
    #expect(gaps([]).isEmpty)
  }

  @Test("are told of before the first day with rows, once others follow each other")
  func before() {
    #expect(gaps(Array(7..<200)) == [0...6])
    #expect(gaps(Array(6..<200)).isEmpty)
    #expect(gaps(Array(150..<180) + Array(188..<200)) == [0...149, 180...187])
    #expect(gaps(stride(from: 50, to: 400, by: 9), through: 399).isEmpty)
    #expect(gaps(Array(190..<200)).isEmpty)
    // A row of long before has a wrong clock, and does not begin anything.
    #expect(gaps([-9_000] + Array(90..<200)) == [0...89])
  }

  @Test("are of the days that count, and the last may go up to their end")
  func bounds() {
    #expect(gaps(Array(0..<200) + [210, 440]).isEmpty)
    #expect(gaps([-9_000] + Array(0..<100) + Array(110..<200)) == [100...109])
    #expect(gaps(Array(0..<180)) == [180...199])
    #expect(gaps(Array(0..<194)).isEmpty)
  }
}
