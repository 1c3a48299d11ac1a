import AlmanacCore

/// What one file holds.
struct ParsedRetailFile {
  var name: String
  var rows: [RetailRow] = []
  var rejections: [Rejection] = []
  /// The number of records behind the first.
  var recordCount = 0
  /// Σ quantity × price over the records in which both can be read, in ten-thousandths.
  var amount: Int128 = 0
  /// The earliest local day, or `nil` when no record can be read.
  var firstDay: Int32?
  /// The latest local day, or `nil` when no record can be read.
  var lastDay: Int32?
}

/// Reads the records of the online retail files.
struct OnlineRetailParser {
  private let zone: ZoneRules
  /// The articles seen so far.
  private var stocks = ByteInterner()
  /// The names of countries seen so far.
  private(set) var countries = ByteInterner()
  private var lastLocal: Int64 = .min
  private var lastTime: Int64 = 0

  /// The columns of the files.
  static let columns = [
    "InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID",
    "Country",
  ]

  /// A parser that reads local times by the rules of `zone`.
  init(zone: ZoneRules) {
    self.zone = zone
  }

  /// Reads a whole file.
  mutating func parse(name: String, bytes: [UInt8]) throws(SampleSourceError) -> ParsedRetailFile {
    var reader = CSVReader(name: name, bytes: bytes)
    let places = try header(&reader, name: name)
    let cellCount = reader.count
    var file = ParsedRetailFile(name: name)
    file.rows.reserveCapacity(bytes.count / 88)
    while try reader.next() {
      guard reader.line <= Int(Int32.max) else { throw .tooManyLines(file: name) }
      file.recordCount += 1
      // A record of the wrong form has cells in places where they do not belong: none is trusted.
      if let defect = reader.defect {
        file.reject(reader, places, detail: defect.rawValue, amount: nil)
        continue
      }
      guard reader.count == cellCount else {
        let detail = "\(reader.count) cells for \(cellCount) columns"
        file.reject(reader, places, detail: detail, amount: nil)
        continue
      }
      read(reader, places, into: &file)
    }
    return file
  }

  /// The places of the columns in ``columns``.
  private func header(
    _ reader: inout CSVReader, name: String
  ) throws(SampleSourceError) -> [Int] {
    var names: [String] = []
    if try reader.next() {
      names = (0..<reader.count).map { String(decoding: reader[$0], as: UTF8.self) }
    }
    let missing = OnlineRetailParser.columns.filter { !names.contains($0) }
    guard missing.isEmpty else { throw .missingColumns(file: name, names: missing) }
    return OnlineRetailParser.columns.compactMap { names.firstIndex(of: $0) }
  }

  private mutating func read(
    _ reader: CSVReader, _ places: [Int], into file: inout ParsedRetailFile
  ) {
    let price = tenThousandths(reader[places[5]])
    let quantity = wholeValue(reader[places[3]])
    var amount: Int64?
    if let price, let quantity {
      let (product, overflow) = price.multipliedReportingOverflow(by: quantity)
      if !overflow { amount = product }
    }
    if let amount { file.amount += Int128(amount) }
    guard let (document, number) = documentNumber(reader[places[0]]) else {
      return file.reject(reader, places, detail: "InvoiceNo", amount: amount)
    }
    guard let quantity else {
      return file.reject(reader, places, detail: "Quantity", amount: nil)
    }
    guard let local = localTime(reader[places[4]]) else {
      return file.reject(reader, places, detail: "InvoiceDate", amount: amount)
    }
    guard let price else {
      return file.reject(reader, places, detail: "UnitPrice", amount: nil)
    }
    guard amount != nil else {
      return file.reject(reader, places, detail: "amount out of range", amount: nil)
    }
    guard let customer = customerNumber(reader[places[6]]) else {
      return file.reject(reader, places, detail: "CustomerID", amount: amount)
    }
    file.firstDay = min(file.firstDay ?? .max, local.day)
    file.lastDay = max(file.lastDay ?? .min, local.day)
    file.rows.append(
      RetailRow(
        file: 0, line: Int32(reader.line), day: local.day, stock: stocks.code(reader[places[1]]),
        country: countries.code(reader[places[7]]), document: document, number: number,
        customer: customer, quantity: quantity, price: price, time: instant(local.microseconds)))
  }

  private func documentNumber(_ text: ArraySlice<UInt8>) -> (RetailDocument, Int64)? {
    let document: RetailDocument
    switch text.first {
    case UInt8(ascii: "C"): document = .cancellation
    case UInt8(ascii: "A"): document = .adjustment
    default: document = .invoice
    }
    return wholeNumber(document == .invoice ? text : text.dropFirst()).map { (document, $0) }
  }

  /// The customer's number, 0 for an empty cell; the files write `13085.0`.
  private func customerNumber(_ text: ArraySlice<UInt8>) -> Int64? {
    if text.isEmpty { return 0 }
    guard let number = wholeValue(text), number > 0 else { return nil }
    return number
  }

  /// A clock reading `YYYY-MM-DD HH:MM:SS` as its day and as microseconds since 1970-01-01 local.
  private func localTime(_ text: ArraySlice<UInt8>) -> (day: Int32, microseconds: Int64)? {
    guard text.count == 19 else { return nil }
    let start = text.startIndex
    func number(_ offset: Int, _ count: Int) -> Int? {
      var value = 0
      for byte in text[(start + offset)..<(start + offset + count)] {
        guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
        value = value * 10 + Int(byte - UInt8(ascii: "0"))
      }
      return value
    }
    guard text[start + 4] == UInt8(ascii: "-"), text[start + 7] == UInt8(ascii: "-"),
      text[start + 10] == UInt8(ascii: " "), text[start + 13] == UInt8(ascii: ":"),
      text[start + 16] == UInt8(ascii: ":"), let year = number(0, 4), let month = number(5, 2),
      let day = number(8, 2), let date = CalendarDate(year: year, month: month, day: day),
      let hour = number(11, 2), hour < 24, let minute = number(14, 2), minute < 60,
      let second = number(17, 2), second < 60
    else { return nil }
    let seconds = Int64(hour * 3600 + minute * 60 + second)
    return (date.daysSinceEpoch, date.startUTC.microseconds + seconds * 1_000_000)
  }

  /// The instant of a local clock reading; neighbouring rows mostly share one.
  private mutating func instant(_ local: Int64) -> Int64 {
    if local != lastLocal {
      lastLocal = local
      lastTime = zone.instant(localMicroseconds: local).microseconds
    }
    return lastTime
  }
}

extension ParsedRetailFile {
  /// Refuses the reader's current record as malformed.
  fileprivate mutating func reject(
    _ reader: CSVReader, _ places: [Int], detail: String, amount: Int64?
  ) {
    let invoice =
      places[0] < reader.count ? String(decoding: reader[places[0]], as: UTF8.self) : ""
    rejections.append(
      Rejection(
        file: name, line: reader.line, invoice: invoice, reason: .malformedRow, detail: detail,
        amount: amount, isPart: false))
  }
}
