/// A currency: its code, the usual price of a dollar in it, and its decimals (ISO 4217).
package struct SimulatedCurrency: Hashable, Sendable {
  /// Three letters.
  package let code: String
  /// Units for one US dollar about which the daily rate moves; also what price lists are made with.
  package let perDollar: Double
  /// Digits behind the point.
  package let decimals: Int
  /// The step of prices in ten-thousandths of the unit: one minor unit.
  package var minorUnit: Int64 { [10_000, 1_000, 100, 10][decimals] }

  /// An amount in ten-thousandths rounded to whole minor units, halves away from zero.
  func rounded(_ amount: Double) -> Int64 {
    Int64((amount / Double(minorUnit)).rounded()) * minorUnit
  }
}

/// A country: where companies sit, what they pay in, and when they rest.
package struct SimulatedCountry: Hashable, Sendable {
  /// ISO 3166-1 alpha-2.
  package let code: String
  /// The IANA names of zones its companies are in.
  package let zones: [String]
  /// The position of its currency in ``Geography/currencies``.
  package let currency: Int
  /// Tax on invoices, in thousandths.
  package let tax: Int64
  /// How many companies of a thousand are there, about.
  package let weight: Int
  /// Whether Friday and Saturday are the weekend, rather than Saturday and Sunday.
  package let restsOnFriday: Bool
}

/// Where the companies of a world may be.
package enum Geography {
  /// Every currency, the dollar first; 44 with 0, 2 and 3 decimals.
  package static let currencies: [SimulatedCurrency] = [
    ("USD", 1, 2), ("EUR", 0.92, 2), ("GBP", 0.79, 2), ("JPY", 150, 0), ("CHF", 0.88, 2),
    ("CAD", 1.36, 2), ("AUD", 1.52, 2), ("NZD", 1.65, 2), ("SEK", 10.5, 2), ("NOK", 10.7, 2),
    ("DKK", 6.9, 2), ("PLN", 4, 2), ("CZK", 23, 2), ("HUF", 360, 2), ("RON", 4.6, 2),
    ("TRY", 32, 2), ("ILS", 3.7, 2), ("AED", 3.6725, 2), ("SAR", 3.75, 2), ("INR", 83, 2),
    ("CNY", 7.2, 2), ("HKD", 7.8, 2), ("SGD", 1.35, 2), ("KRW", 1340, 0), ("TWD", 32, 2),
    ("THB", 36, 2), ("IDR", 15_800, 2), ("MYR", 4.7, 2), ("PHP", 56, 2), ("VND", 25_000, 0),
    ("BRL", 5, 2), ("MXN", 17, 2), ("ARS", 900, 2), ("CLP", 950, 0), ("COP", 3_950, 2),
    ("PEN", 3.75, 2), ("ZAR", 18.6, 2), ("NGN", 1_400, 2), ("KES", 130, 2), ("EGP", 48, 2),
    ("KWD", 0.307, 3), ("BHD", 0.376, 3), ("JOD", 0.709, 3), ("ISK", 138, 0),
  ].map { SimulatedCurrency(code: $0.0, perDollar: $0.1, decimals: $0.2) }

  /// Every country.
  ///
  /// The zones reach from -12 (`Etc/GMT+12`) to +14 hours, with half and quarter
  /// hours, and with daylight-saving changes of both hemispheres.
  package static let countries: [SimulatedCountry] = [
    country("US", ["America/New_York", "America/Chicago", "America/Los_Angeles"], "USD", 80, 150),
    country("GB", ["Europe/London"], "GBP", 200, 70),
    country("DE", ["Europe/Berlin"], "EUR", 190, 70),
    country("FR", ["Europe/Paris"], "EUR", 200, 50),
    country("ES", ["Europe/Madrid", "Atlantic/Canary"], "EUR", 210, 30),
    country("IE", ["Europe/Dublin"], "EUR", 230, 15),
    country("CH", ["Europe/Zurich"], "CHF", 81, 20),
    country("SE", ["Europe/Stockholm"], "SEK", 250, 15),
    country("NO", ["Europe/Oslo"], "NOK", 250, 12),
    country("DK", ["Europe/Copenhagen"], "DKK", 250, 12),
    country("PL", ["Europe/Warsaw"], "PLN", 230, 20),
    country("CZ", ["Europe/Prague"], "CZK", 210, 12),
    country("HU", ["Europe/Budapest"], "HUF", 270, 10),
    country("RO", ["Europe/Bucharest"], "RON", 190, 10),
    country("TR", ["Europe/Istanbul"], "TRY", 200, 15),
    country("IL", ["Asia/Jerusalem"], "ILS", 170, 12, restsOnFriday: true),
    country("AE", ["Asia/Dubai"], "AED", 50, 15),
    country("SA", ["Asia/Riyadh"], "SAR", 150, 12, restsOnFriday: true),
    country("IN", ["Asia/Kolkata"], "INR", 180, 50),
    country("NP", ["Asia/Kathmandu"], "INR", 130, 6),
    country("CN", ["Asia/Shanghai"], "CNY", 60, 20),
    country("HK", ["Asia/Hong_Kong"], "HKD", 0, 10),
    country("SG", ["Asia/Singapore"], "SGD", 90, 15), country("KR", ["Asia/Seoul"], "KRW", 100, 15),
    country("JP", ["Asia/Tokyo"], "JPY", 100, 30), country("TW", ["Asia/Taipei"], "TWD", 50, 8),
    country("TH", ["Asia/Bangkok"], "THB", 70, 8),
    country("ID", ["Asia/Jakarta", "Asia/Jayapura"], "IDR", 110, 12),
    country("MY", ["Asia/Kuala_Lumpur"], "MYR", 80, 8),
    country("PH", ["Asia/Manila"], "PHP", 120, 8),
    country("VN", ["Asia/Ho_Chi_Minh"], "VND", 100, 10),
    country("AU", ["Australia/Sydney", "Australia/Adelaide", "Australia/Perth"], "AUD", 100, 30),
    country("NZ", ["Pacific/Auckland", "Pacific/Chatham"], "NZD", 150, 12),
    country("BR", ["America/Sao_Paulo", "America/Manaus"], "BRL", 170, 30),
    country("MX", ["America/Mexico_City"], "MXN", 160, 20),
    country("AR", ["America/Argentina/Buenos_Aires"], "ARS", 210, 12),
    country("CL", ["America/Santiago"], "CLP", 190, 10),
    country("CO", ["America/Bogota"], "COP", 190, 10),
    country("PE", ["America/Lima"], "PEN", 180, 8),
    country("CA", ["America/Toronto", "America/St_Johns"], "CAD", 130, 35),
    country("ZA", ["Africa/Johannesburg"], "ZAR", 150, 15),
    country("NG", ["Africa/Lagos"], "NGN", 75, 12),
    country("KE", ["Africa/Nairobi"], "KES", 160, 8),
    country("EG", ["Africa/Cairo"], "EGP", 140, 10, restsOnFriday: true),
    country("KW", ["Asia/Kuwait"], "KWD", 0, 8, restsOnFriday: true),
    country("BH", ["Asia/Bahrain"], "BHD", 100, 6, restsOnFriday: true),
    country("JO", ["Asia/Amman"], "JOD", 160, 6, restsOnFriday: true),
    country("IS", ["Atlantic/Reykjavik"], "ISK", 240, 5),
    country("AS", ["Pacific/Pago_Pago"], "USD", 0, 4), country("UM", ["Etc/GMT+12"], "USD", 0, 4),
    country("KI", ["Pacific/Kiritimati"], "AUD", 0, 4),
  ]

  /// Every zone the companies of a world may be in.
  package static let zoneNames = Array(Set(countries.flatMap(\.zones))).sorted()

  /// The position of a country's code; it must exist.
  static func index(of code: String) -> Int {
    guard let index = countries.firstIndex(where: { $0.code == code }) else {
      preconditionFailure("no country \(code)")
    }
    return index
  }

  private static func country(
    _ code: String, _ zones: [String], _ currency: String, _ tax: Int64, _ weight: Int,
    restsOnFriday: Bool = false
  ) -> SimulatedCountry {
    guard let index = currencies.firstIndex(where: { $0.code == currency }) else {
      preconditionFailure("no currency \(currency)")
    }
    return SimulatedCountry(
      code: code, zones: zones, currency: index, tax: tax, weight: weight,
      restsOnFriday: restsOnFriday)
  }

  /// The cumulative weights of the countries.
  static let cumulativeWeights: [Int] = countries.reduce(into: []) { sums, country in
    sums.append((sums.last ?? 0) + country.weight)
  }

  /// The country a number in the interval from 0 to 1 falls on.
  static func country(at unit: Double) -> Int {
    let target = Int(unit * Double(cumulativeWeights[cumulativeWeights.count - 1]))
    return cumulativeWeights.firstIndex { target < $0 } ?? countries.count - 1
  }
}
