import AlmanacCore
import Foundation
import TestSupport
import Testing

@Suite("Decimal numbers")
struct DecimalDoubleTests {
  private func plain(_ text: String) -> Double? { Double(plainDecimal: [UInt8](text.utf8)[...]) }

  /// The standard library, which asks that of C, is the oracle.
  @Test("short numbers are read to the nearest double", arguments: UInt64(0)..<20)
  func nearest(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    for _ in 0..<2_000 {
      let digits = 1 + Int(random.next() % 19)
      var text = (0..<digits).map { _ in "\(random.next() % 10)" }.joined()
      if digits > 1, random.next() % 4 > 0 {
        let place = 1 + Int(random.next() % UInt64(digits - 1))
        text.insert(".", at: text.index(text.startIndex, offsetBy: place))
      }
      if random.next() % 3 == 0 { text = "-" + text }
      #expect(plain(text)?.bitPattern == Double(text)?.bitPattern, "seed \(seed): \(text)")
    }
  }

  @Test("doubles as they are printed come back", arguments: UInt64(0)..<10)
  func printed(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    for _ in 0..<1_000 {
      let value = exp(20 * random.nextUnit() - 4) * (random.next() % 2 == 0 ? 1 : -1)
      if let found = plain("\(value)") { #expect(found == value, "seed \(seed)") }
    }
  }

  /// Halfway cases go to the even neighbour.
  @Test(
    "ties and ends are as the library has them",
    arguments: [
      "0", "-0", "0.0", "9007199254740993", "9007199254740995", "9999999999999999999",
      "0.000000000000000001", "1.000000000000000111", "4503599627370496.5", "4503599627370497.5",
    ])
  func ties(text: String) {
    #expect(plain(text)?.bitPattern == Double(text)?.bitPattern)
  }

  @Test(
    "leaves anything else",
    arguments: [
      "", "-", ".", "1.", ".5", "+1", "1e3", "nan", "1.2.3", "12345678901234567890", " 1",
    ])
  func others(text: String) {
    #expect(plain(text) == nil)
  }
}
