import AlmanacCore
import Foundation
import Testing

@Suite("UUIDValue")
struct UUIDValueTests {
  @Test("text, bytes and order agree with Foundation's UUID", arguments: UInt64(0)..<100)
  func foundation(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let value = UUIDValue(high: random.next(), low: random.next())
    let peer = try #require(UUID(uuidString: value.description))
    #expect(peer.uuidString.lowercased() == value.description)
    #expect(UUIDValue(peer.uuidString) == value)
    #expect(withUnsafeBytesOf(peer) == value.bytes)
    let other = UUIDValue(high: seed % 2 == 0 ? value.high : random.next(), low: random.next())
    #expect((value < other) == value.bytes.lexicographicallyPrecedes(other.bytes))
  }

  private func withUnsafeBytesOf(_ uuid: UUID) -> [UInt8] {
    let b = uuid.uuid
    return [
      b.0, b.1, b.2, b.3, b.4, b.5, b.6, b.7, b.8, b.9, b.10, b.11, b.12, b.13, b.14, b.15,
    ]
  }

  @Test(
    "refuses other texts",
    arguments: [
      "", "00000000-0000-0000-0000-00000000000", "00000000-0000-0000-0000-0000000000000",
      "00000000000000000000000000000000", "0000000g-0000-0000-0000-000000000000",
      "00000000-0000-0000-0000_000000000000", "{0000000-0000-0000-0000-000000000000",
    ])
  func refuses(text: String) {
    #expect(UUIDValue(text) == nil)
  }

  @Test("version 8 keeps all but six bits of the digest")
  func version8() {
    let ones = UUIDValue(version8: [UInt8](repeating: 255, count: 32))
    #expect(ones.description == "ffffffff-ffff-8fff-bfff-ffffffffffff")
    #expect(
      UUIDValue(version8: [UInt8](repeating: 0, count: 16)).description
        == "00000000-0000-8000-8000-000000000000")
  }

  @Test("a short digest is a programmer's mistake")
  func shortDigest() async {
    await #expect(processExitsWith: .failure) {
      _ = UUIDValue(version8: [UInt8](repeating: 0, count: 15))
    }
  }
}

@Suite("CurrencyCode")
struct CurrencyCodeTests {
  @Test("three letters of either case", arguments: ["USD", "usd", "Usd"])
  func reads(text: String) {
    #expect(CurrencyCode(text)?.description == "USD")
  }

  @Test("nothing else", arguments: ["", "US", "USDT", "U$D", "ÜSD", " US", "12 "])
  func refuses(text: String) {
    #expect(CurrencyCode(text) == nil)
  }

  @Test("orders alphabetically")
  func order() throws {
    let codes = ["ZAR", "EUR", "AUD", "AUC", "USD"].compactMap { CurrencyCode($0) }
    #expect(codes.sorted().map(\.description) == ["AUC", "AUD", "EUR", "USD", "ZAR"])
  }
}

@Suite("SplitMix64")
struct SplitMix64Tests {
  @Test("gives the published sequence of seed 1234567")
  func reference() {
    // The five values that Rosetta Code publishes for Vigna's splitmix64.c with this seed.
    var random = SplitMix64(seed: 1_234_567)
    #expect(
      (0..<5).map { _ in random.next() } == [
        6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
        4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
      ])
  }

  @Test("units lie in [0, 1) and are spread evenly")
  func units() {
    var random = SplitMix64(seed: 3)
    var counts = [Int](repeating: 0, count: 10)
    for _ in 0..<100_000 {
      let unit = random.nextUnit()
      #expect(unit >= 0 && unit < 1)
      counts[Int(unit * 10)] += 1
    }
    // Five standard deviations of a binomial with n = 100,000 and p = 0.1.
    #expect(counts.allSatisfy { abs($0 - 10_000) < 475 })
  }
}

@Suite("Suggestion")
struct SuggestionTests {
  @Test(
    "distances of known pairs",
    arguments: [
      ("kitten", "sitting", 3), ("", "abc", 3), ("abc", "", 3), ("ca", "abc", 3), ("ab", "ba", 1),
      ("same", "same", 0), ("é", "e", 1),
    ])
  func distances(left: String, right: String, distance: Int) {
    #expect(Suggestion.editDistance(left, right) == distance)
    #expect(Suggestion.editDistance(right, left) == distance)
  }

  @Test("finds the closest name and keeps silent when none is close")
  func closest() {
    let names = ["extract", "rollup", "publish", "fit"]
    #expect(Suggestion.closest(to: "rolup", among: names) == "rollup")
    #expect(Suggestion.closest(to: "EXTRCAT", among: names) == "extract")
    #expect(Suggestion.closest(to: "fti", among: names) == "fit")
    #expect(Suggestion.closest(to: "metrics", among: names) == nil)
    #expect(Suggestion.closest(to: "x", among: []) == nil)
    #expect(Suggestion.didYouMean("publsh", among: names) == " (did you mean \"publish\"?)")
    #expect(Suggestion.didYouMean("zzz", among: names) == "")
  }

  @Test("the first of equally close names wins")
  func ties() {
    #expect(Suggestion.closest(to: "fat", among: ["fit", "fut"]) == "fit")
  }
}

@Suite("ExitStatus")
struct ExitStatusTests {
  @Test("only an unreachable server and a temporary failure may be retried")
  func retryable() {
    #expect(ExitStatus.allCases.filter(\.isRetryable) == [.unavailable, .temporaryFailure])
  }

  @Test("a sink drops what lies below its threshold and does not build the line")
  func sink() {
    let sink = LogSink(threshold: .warning) { level, _ in
      if level < .warning { Issue.record("\(level) was written") }
    }
    func line() -> String {
      Issue.record("the line was built")
      return ""
    }
    sink(.info, line())
    #expect(sink.threshold == .warning)
  }
}
