import AlmanacCore
import Columns
import Postgres
import TestSupport
import Testing

/// The bytes PostgreSQL sends for a plain decimal number, made from its text.
private func numeric(_ text: String) -> [UInt8] {
  let isNegative = text.hasPrefix("-")
  let parts = text.drop { $0 == "-" }.split(separator: ".", omittingEmptySubsequences: false)
  var whole = String(parts[0])
  var fraction = parts.count > 1 ? String(parts[1]) : ""
  let displayScale = fraction.count
  while whole.count % 4 != 0 { whole = "0" + whole }
  while fraction.count % 4 != 0 { fraction += "0" }
  let digits = Array(whole + fraction)
  var groups = stride(from: 0, to: digits.count, by: 4).map {
    Int(String(digits[$0..<($0 + 4)])) ?? 0
  }
  var weight = whole.count / 4 - 1
  while groups.first == 0 {
    groups.removeFirst()
    weight -= 1
  }
  while groups.last == 0 { groups.removeLast() }
  let header: [Int] = [
    groups.count, groups.isEmpty ? 0 : weight, isNegative && !groups.isEmpty ? 0x4000 : 0,
    displayScale,
  ]
  return (header + groups).flatMap { bigEndian(Int16(truncatingIfNeeded: $0)) }
}

@Suite("numeric")
struct NumericTests {
  @Test("reads decimals as the text parser does, rounding half-even", arguments: UInt64(0)..<64)
  func agreesWithText(seed: UInt64) throws {
    var generator = SplitMix64(seed: seed)
    let scale = Int.random(in: 0...9, using: &generator)
    let field = Field("amount", .decimal(scale: scale))
    for _ in 0..<40 {
      // Digits of few kinds, so that ties, long runs of nines and zeros in between are frequent.
      func digits(_ count: Int) -> String {
        String((0..<count).map { _ in "00559914".randomElement(using: &generator) ?? "0" })
      }
      let text =
        (Bool.random(using: &generator) ? "-" : "")
        + digits(Int.random(in: 1...(seed % 4 == 0 ? 28 : 8), using: &generator)) + "."
        + digits(Int.random(in: 0...16, using: &generator))
      var decoder = try CopyDecoder(fields: [field], source: "t")
      try decoder.consume(stream([[numeric(text)]]))
      try decoder.finish()
      let found = decoder.nextBatch()?.columns[0].value(0)
      let rounded = decoder.counters.roundedValues["amount"] ?? 0
      guard
        case .amount(let expected, let isRounded) = Money.parse(decimal: text, decimals: scale)
      else { throw TestFailure() }
      #expect(found == .integer(expected), "\(text) at scale \(scale)")
      #expect(rounded == (isRounded ? 1 : 0), "\(text) at scale \(scale)")
    }
  }

  @Test(
    "rounds halves to even",
    arguments: [
      ("0.00005", 0, true), ("0.00015", 2, true), ("0.000050000000001", 1, true),
      ("-0.00025", -2, true), ("-0.00035", -4, true), ("0.00004999", 0, true), ("0.0001", 1, false),
      ("99999999.99995", 1_000_000_000_000, true), ("0.000000000000000001", 0, true),
      ("0", 0, false),
    ] as [(String, Int64, Bool)])
  func halves(text: String, units: Int64, isRounded: Bool) throws {
    var decoder = try CopyDecoder(fields: [Field("amount", .money)], source: "t")
    try decoder.consume(stream([[numeric(text)]]))
    try decoder.finish()
    #expect(decoder.nextBatch()?.columns[0].value(0) == .integer(Int128(units)))
    #expect(decoder.counters.roundedValues == (isRounded ? ["amount": 1] : [:]))
  }

  @Test("widens a batch whose decimals need 128 bits, and only that one")
  func wide() throws {
    let field = Field("amount", .money, isNullable: true)
    let rows: [[[UInt8]?]] = [
      [numeric("1.5")], [nil], [numeric("922337203685477.5808")], [numeric("-2")], [numeric("3")],
    ]
    let batches = try decode(stream(rows), [field], rowsPerBatch: 4)
    #expect(
      batches.map(\.rowValues) == [
        [
          [.integer(15_000)], [nil], [.integer(9_223_372_036_854_775_808)], [.integer(-20_000)],
        ], [[.integer(30_000)]],
      ])
    guard case .int128 = batches[0].columns[0].storage,
      case .int64 = batches[1].columns[0].storage
    else { throw TestFailure() }
  }

  @Test(
    "keeps every unit of 128 bits at every scale and refuses one more", arguments: [0, 1, 4, 7, 38])
  func extremes(scale: Int) throws {
    let fields = [Field("amount", .decimal(scale: scale))]
    for value in [Int128.max, -Int128.max, Int128(Int64.min), 1, -1, 0] {
      let batch = Batch([Column(fields[0], .int128([value]))])
      let bytes = try CopyEncoder(fields: fields, table: "t").encode(batch)
      #expect(try decode(bytes, fields).first?.rowValues == [[.integer(value)]])
    }
    // 2^127 units, one above the largest.
    let digits = "170141183460469231731687303715884105728"
    let whole: String = scale == digits.count - 1 ? "1" : String(digits.dropLast(scale))
    let text: String = scale == 0 ? digits : "\(whole).\(digits.suffix(scale))"
    let error = #expect(throws: PostgresError.self) {
      try decode(stream([[numeric(text)]]), fields)
    }
    guard case .unsuitableValue(let failure)? = error else { throw TestFailure() }
    #expect(failure.problem == .outOfRange)
  }

  @Test("turns a decimal into the nearest floating-point number", arguments: UInt64(0)..<16)
  func nearestDouble(seed: UInt64) throws {
    var generator = SplitMix64(seed: seed)
    let fields = [Field("ratio", .float64)]
    for _ in 0..<30 {
      let whole = Int.random(in: 0...999_999_999, using: &generator) >> Int(seed)
      let fraction = (0..<Int.random(in: 1...25, using: &generator)).map { _ in
        String(Int.random(in: 0...9, using: &generator))
      }
      let text = "-\(whole).\(fraction.joined())"
      let expected = try #require(Double(text))
      let found = try decode(stream([[numeric(text)]]), fields, wireTypes: [.numeric])
      #expect(found.first?.rowValues == [[.float(expected)]], "\(text)")
    }
  }
}
