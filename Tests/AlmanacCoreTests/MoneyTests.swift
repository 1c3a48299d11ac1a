import AlmanacCore
import Foundation
import Testing

@Suite("Money")
struct MoneyTests {
  /// What a number means by schoolbook rules on its digits, with 128-bit integers and no shortcuts.
  private func oracle(negative: Bool, whole: String, fraction: String, exponent: Int)
    -> Money.Parsed
  {
    var digits = Array((whole + fraction).utf8).map { Int128($0 - 48) }
    var decimals = fraction.count - exponent
    while decimals < 4 {
      digits.append(0)
      decimals += 1
    }
    let dropped = decimals - 4
    if dropped > digits.count {
      digits = [Int128](repeating: 0, count: dropped - digits.count) + digits
    }
    let significant = digits.prefix(digits.count - dropped).drop { $0 == 0 }
    if significant.count > 38 { return .outOfRange }
    var value = significant.reduce(Int128(0)) { $0 * 10 + $1 }
    let rest = digits.suffix(dropped)
    let isInexact = rest.contains { $0 != 0 }
    if let first = rest.first {
      let isTie = first == 5 && rest.dropFirst().allSatisfy { $0 == 0 }
      if isTie ? value % 2 == 1 : first >= 5 { value += 1 }
    }
    if String(value).count > 38 { return .outOfRange }
    return .amount(negative ? -value : value, rounded: isInexact)
  }

  @Test("random numbers with ties and exponents equal the schoolbook", arguments: UInt64(0)..<100)
  func equalsOracle(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    func digits(_ count: ClosedRange<Int>) -> String {
      let alphabet: [Character] = seed % 2 == 0 ? Array("0123456789") : Array("0005559")
      return String(
        (0..<Int.random(in: count, using: &random)).map { _ in
          alphabet[Int(random.next() % UInt64(alphabet.count))]
        })
    }
    for _ in 0..<100 {
      let whole = digits(0...(seed % 4 == 0 ? 40 : 17))
      let fraction = digits(whole.isEmpty ? 1...9 : 0...9)
      let exponent = random.next() % 3 == 0 ? Int.random(in: -12...8, using: &random) : 0
      let negative = random.next() % 2 == 0
      var text = (negative ? "-" : "") + whole
      if !fraction.isEmpty { text += "." + fraction }
      if exponent != 0 { text += (random.next() % 2 == 0 ? "e" : "E") + String(exponent) }
      #expect(
        Money.parse(text)
          == oracle(negative: negative, whole: whole, fraction: fraction, exponent: exponent),
        "\(text)")
    }
  }

  @Test("agrees with Foundation's decimal numbers", arguments: UInt64(0)..<50)
  func foundation(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for _ in 0..<20 {
      let text =
        "\(Int64.random(in: -1_000_000_000...1_000_000_000, using: &random))"
        + ".\(random.next() % 10_000_000)"
      var exact = try #require(Decimal(string: text)) * 10_000
      var rounded = Decimal()
      unsafe NSDecimalRound(&rounded, &exact, 0, .bankers)
      let expected = NSDecimalNumber(decimal: rounded).int64Value
      #expect(Money.parse(text) == .amount(Int128(expected), rounded: rounded != exact), "\(text)")
    }
  }

  @Test(
    "halves go to even",
    arguments: [
      ("0.00005", 0), ("0.00015", 2), ("0.00025", 2), ("-0.00015", -2), ("0.000150000001", 2),
      ("0.000050000001", 1), ("5e-5", 0), ("15e-5", 2), ("0.00004999", 0),
    ])
  func halves(text: String, expected: Int128) {
    #expect(Money.parse(text) == .amount(expected, rounded: true))
  }

  @Test(
    "reads signs, points and exponents",
    arguments: [
      ("12", 120_000), ("+3.5", 35_000), ("-0.5", -5_000), ("1e3", 10_000_000), ("1.", 10_000),
      (".5", 5_000), ("0e1000", 0), ("-0", 0), ("00012.3400", 123_400), ("1E-4", 1),
      ("922337203685477.5808", Int128(Int64.max) + 1), ("-1e15", -10_000_000_000_000_000_000),
      (
        "9999999999999999999999999999999999.9999",
        99_999_999_999_999_999_999_999_999_999_999_999_999
      ),
    ])
  func reads(text: String, expected: Int128) {
    #expect(Money.parse(text) == .amount(expected, rounded: false))
  }

  @Test(
    "refuses what is no number",
    arguments: [
      "", "-", ".", "e3", "1e", "1e+", "1.2.3", "1,000", " 1", "1 ", "$1", "NaN", "Infinity",
      "0x10",
      "1e-9223372036854775808", "1e99999999999999999999", "１", "--1", "1e1.5",
    ])
  func malformed(text: String) {
    #expect(Money.parse(text) == .malformed)
  }

  @Test(
    "says when a number is too large",
    arguments: [
      "10000000000000000000000000000000000", "-9999999999999999999999999999999999.99995", "1e34",
      "9e999", "99999999999999999999999999999999999999999999",
    ])
  func outOfRange(text: String) {
    #expect(Money.parse(text) == .outOfRange)
  }

  @Test("text survives printing and reading", arguments: UInt64(0)..<20)
  func text(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    for _ in 0..<50 {
      let amount = Int64(bitPattern: random.next()) >> Int64(random.next() % 60)
      guard amount != .min else { continue }
      #expect(Money.parse(Money.text(amount)) == .amount(Int128(amount), rounded: false))
    }
    #expect(Money.text(-5) == "-0.0005")
    #expect(Money.text(Int128(Int64.max) * 10_000) == "9223372036854775807.0000")
  }

  @Test("other scales, as exchange rates have")
  func scales() {
    #expect(
      Money.parse(decimal: "1.23456789015", decimals: 10) == .amount(12_345_678_902, rounded: true))
    #expect(Money.parse(decimal: "2.5", decimals: 0) == .amount(2, rounded: true))
  }

  @Test("a double becomes the nearest amount or none")
  func doubles() {
    #expect(Money.tenThousandths(units: 12.34) == 123_400)
    #expect(Money.tenThousandths(units: -0.00005) == 0)
    #expect(Money.tenThousandths(units: .nan) == nil)
    #expect(Money.tenThousandths(units: .infinity) == nil)
    #expect(Money.tenThousandths(units: 1e15) == nil)
  }
}
