/// The JSON of `app.events.metadata`.
enum EventMetadata {
  /// Adds the document of an event to some bytes; nothing for one without details.
  static func write(
    _ event: SimulatedEvent, currency: SimulatedCurrency, to bytes: inout [UInt8]
  ) {
    func text(_ text: String) { bytes.append(contentsOf: text.utf8) }
    func word(_ words: [String], _ code: Int) {
      bytes.append(contentsOf: words[code % words.count].utf8)
    }
    let code = Int(event.code)
    switch event.details {
    case .none: return
    case .request:
      text("{\"duration_ms\":")
      if event.isMalformed { text("\"n/a\"") } else { number(event.value, to: &bytes) }
      text(",\"endpoint\":\"")
      word(EventWords.endpoints, code)
      text("\",\"method\":\"")
      word(EventWords.methods, code >> 4)
    case .failure:
      text("{\"error_type\":\"")
      word(EventWords.errors, code)
      text("\",\"duration_ms\":")
      if event.isMalformed { text("\"12,5\"") } else { number(event.value, to: &bytes) }
      text(",\"endpoint\":\"")
      word(EventWords.endpoints, code >> 3)
    case .money:
      text("{\"amount\":")
      amount(event.value, decimals: currency.decimals, to: &bytes)
      text(",\"currency\":\"")
      bytes.append(contentsOf: currency.code.utf8)
      text("\",\"method\":\"")
      word(EventWords.channels, code)
    case .retry:
      let propensity = CompanySimulator.propensity(isRuled: code != 1)
      text("{\"retry_after_hours\":")
      number(event.value, to: &bytes)
      text(",\"propensity\":")
      bytes.append(contentsOf: "\(propensity)".utf8)
      text(",\"is_randomised\":\"")
      text(code == 0 ? "no" : "yes")
    case .score:
      text("{\"score\":\"")
      number(event.value, to: &bytes)
    }
    text("\"}")
  }

  /// Adds a whole number in decimal.
  private static func number(_ value: Int64, to bytes: inout [UInt8]) {
    if value < 0 { bytes.append(UInt8(ascii: "-")) }
    var rest = value.magnitude
    let start = bytes.count
    repeat {
      bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
      rest /= 10
    } while rest > 0
    bytes[start...].reverse()
  }

  /// Adds an amount in ten-thousandths with the currency's decimals.
  private static func amount(_ value: Int64, decimals: Int, to bytes: inout [UInt8]) {
    let scale = [Int64(10_000), 1_000, 100, 10][decimals]
    let units = value / scale
    guard decimals > 0 else { return number(units, to: &bytes) }
    let parts = [Int64(1), 10, 100, 1_000][decimals]
    if value < 0 { bytes.append(UInt8(ascii: "-")) }
    number(Int64(units.magnitude) / parts, to: &bytes)
    bytes.append(UInt8(ascii: "."))
    let fraction = String(Int64(units.magnitude) % parts)
    bytes.append(
      contentsOf: String(repeating: "0", count: decimals - fraction.utf8.count).utf8)
    bytes.append(contentsOf: fraction.utf8)
  }
}
