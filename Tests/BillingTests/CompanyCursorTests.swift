import AlmanacCore
import Testing

@testable import Billing

@Suite("Companies looked up one after the other")
struct CompanyCursorTests {
  private struct Owned: CompanyOwned, Equatable {
    let company: UUIDValue
    let number: Int
  }

  private func company(_ number: UInt64) -> UUIDValue { UUIDValue(high: number / 7, low: number) }

  @Test(
    "Each company is found or missed as in a dictionary, in whatever order it is asked for",
    arguments: 1...40)
  func anyOrder(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let numbers = (0..<UInt64(random.next() % 60)).filter { _ in random.nextUnit() < 0.6 }
    let elements = numbers.enumerated().map { Owned(company: company($1), number: $0) }
    let expected = Dictionary(uniqueKeysWithValues: elements.map { ($0.company, $0) })
    var cursor = CompanyCursor(elements)
    // Ascending first, as panels ask, then back and forth.
    let ascending = (0..<62).map { UInt64($0) }
    let further = (0..<200).map { _ in random.next() % 62 }
    for number in ascending + further {
      let wanted = company(number)
      let found = cursor.element(of: wanted)
      #expect(found == expected[wanted], "seed \(seed), company \(number)")
    }
  }
}
