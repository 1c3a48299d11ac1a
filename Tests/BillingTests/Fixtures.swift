import AlmanacCore
import Billing
import Foundation
import Testing

/// The identifier of a small number.
func id(_ number: Int) -> UUIDValue { UUIDValue(high: 0, low: UInt64(number)) }

/// A currency that is known to be one.
func currency(_ code: String) throws -> CurrencyCode { try #require(CurrencyCode(code)) }

/// A date in ISO form.
func day(_ text: String) throws -> CalendarDate { try #require(CalendarDate(text)) }

/// The instant of a text: a date alone is its midnight, without a zone it is UTC.
func instant(_ text: String) throws -> Timestamp {
  if text.count == 10 { return try day(text).startUTC }
  return try #require(Timestamp(text) ?? Timestamp(text + "Z"))
}

/// An amount written with a point, in ten-thousandths.
func money(_ text: String) throws -> Int128 {
  guard case .amount(let amount, rounded: false) = Money.parse(text) else {
    throw FixtureError(text: text)
  }
  return amount
}

/// The rules of a zone of the system's database.
func zone(_ name: String) throws -> ZoneRules {
  let file = try Data(contentsOf: URL(fileURLWithPath: "/usr/share/zoneinfo/" + name))
  return try #require(ZoneRules(name: name, file: Array(file)))
}

/// A row of exchange_rates; recorded on the morning of its day unless said otherwise.
func rate(
  _ pair: String, _ date: String, _ rate: String, recorded: String? = nil
) throws -> ExchangeRate {
  guard case .amount(let units, _) = Money.parse(decimal: rate, decimals: 10) else {
    throw FixtureError(text: rate)
  }
  return ExchangeRate(
    base: try currency(String(pair.prefix(3))), quote: try currency(String(pair.suffix(3))),
    date: try day(date), tenBillionths: units,
    recordedAt: try instant(recorded ?? date + " 06:00"))
}

/// A text of a fixture that cannot be read.
struct FixtureError: Error {
  var text: String
}

extension SplitMix64 {
  /// One of several values.
  mutating func pick<Element>(_ choices: [Element]) -> Element {
    choices[Int.random(in: 0..<choices.count, using: &self)]
  }
}
