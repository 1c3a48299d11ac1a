import AlmanacCore

/// What a record of the online retail files belongs to, by the prefix of its number.
enum RetailDocument: UInt8, Sendable {
  /// No prefix.
  case invoice
  /// `C`.
  case cancellation
  /// `A`.
  case adjustment

  /// The letter in front of the number.
  var prefix: String {
    switch self {
    case .invoice: ""
    case .cancellation: "C"
    case .adjustment: "A"
    }
  }
}

/// A record of the online retail files whose cells could all be read.
struct RetailRow: Sendable {
  /// Which of the files, in the order of their first days.
  var file: Int32
  /// The line on which the record begins.
  var line: Int32
  /// The local day, in days since 1970-01-01.
  var day: Int32
  /// The article, as a code of the parser's.
  var stock: Int32
  /// The country's name, as a code of the parser's.
  var country: Int32
  /// What the record belongs to.
  var document: RetailDocument
  /// The number of that document, without its prefix.
  var number: Int64
  /// The customer's number, or 0 where none is named.
  var customer: Int64
  /// Pieces; negative in a cancellation.
  var quantity: Int64
  /// The price of a piece in ten-thousandths.
  var price: Int64
  /// Microseconds since 1970-01-01 UTC.
  var time: Int64

  /// Quantity × price in ten-thousandths; the parser makes sure that it fits.
  var amount: Int64 { quantity * price }
  /// The number as it stands in the file.
  var invoiceText: String { document.prefix + String(number) }

  /// Why the row is refused by itself, with no look at other rows; `nil` if it is not.
  ///
  /// `firstDayOfLater` is the first day of the next file, from which on that one holds.
  func rejection(firstDayOfLater: Int32) -> RejectionReason? {
    if day >= firstDayOfLater { return .superseded }
    if document == .adjustment { return .adjustment }
    if customer == 0 { return .noCustomer }
    if price == 0 { return .zeroPrice }
    if price < 0 { return .negativePrice }
    if document == .invoice { return quantity > 0 ? nil : .quantityNotPositive }
    return quantity < 0 ? nil : .cancellationNotNegative
  }
}

/// Gives equal byte strings equal small numbers.
struct ByteInterner {
  private var codes: [ArraySlice<UInt8>: Int32] = [:]
  /// The byte string of each number.
  private(set) var texts: [String] = []

  /// The number of a byte string.
  mutating func code(_ bytes: ArraySlice<UInt8>) -> Int32 {
    if let code = codes[bytes] { return code }
    let code = Int32(texts.count)
    // The key owns its bytes: a slice of the file would keep the whole file alive.
    codes[Array(bytes)[...]] = code
    texts.append(String(decoding: bytes, as: UTF8.self))
    return code
  }
}
