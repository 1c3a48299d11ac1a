import AlmanacCore
import Columns

/// The dictionaries of a state; a code means the same in every batch the state has seen.
struct RollupDictionaries: Sendable {
  var companies = IdentifierDictionary()
  var eventTypes = TextDictionary()
  /// The all-zero identifier, which stands for no module, has code 0.
  var modules = IdentifierDictionary()
  var users = IdentifierDictionary()

  /// The code of "no module".
  static let noModule: UInt32 = 0

  init() {
    let code = modules.code(of: .zero)
    assert(code == RollupDictionaries.noModule)
  }
}

/// The amounts of a batch, in ten-thousandths.
enum CodedAmounts: Sendable {
  case none
  case narrow([Int64])
  case wide([Int128])

  /// The amount of a row; 0 where there are none.
  subscript(row: Int) -> Int128 {
    switch self {
    case .none: 0
    case .narrow(let values): Int128(values[row])
    case .wide(let values): values[row]
    }
  }

  /// Puts other amounts into some rows, and widens all if one of them needs it.
  mutating func replace(_ others: [(row: Int, amount: Int128)]) {
    switch self {
    case .none: return
    case .narrow(var values):
      self = .none
      if others.allSatisfy({ Int64(exactly: $0.amount) != nil }) {
        for (row, amount) in others { values[row] = Int64(truncatingIfNeeded: amount) }
        self = .narrow(values)
      } else {
        var wide = values.map { Int128($0) }
        for (row, amount) in others { wide[row] = amount }
        self = .wide(wide)
      }
    case .wide(var values):
      self = .none
      for (row, amount) in others { values[row] = amount }
      self = .wide(values)
    }
  }
}

/// A key column in codes of its own, with the table that turns these into the state's.
struct CodedColumn: Sendable {
  /// Codes of the batch, or of the state where there is no table.
  var codes: [UInt32]
  /// The state's code of each code of the batch, `nil` where `codes` are the state's; what it holds
  /// for codes that no row has means nothing.
  var table: [UInt32]?
  /// Which rows have a value, `nil` when all do; the code of a null row means nothing.
  var validity: ValidityBitmap?

  /// A table that leads from the codes to something that is known for each code of the state, with
  /// one more entry, for null, at its end.
  func table<Entry>(to entries: [Entry], null: Entry) -> [Entry] {
    (table.map { $0.map { Int($0) < entries.count ? entries[Int($0)] : null } } ?? entries) + [null]
  }

  /// The column with the state's codes replaced by those of another.
  func translated(by codes: [UInt32]) -> CodedColumn {
    var result = self
    if let table {
      result.table = table.map { Int($0) < codes.count ? codes[Int($0)] : 0 }
    } else {
      result.table = codes
    }
    return result
  }
}

/// One batch with its keys as codes of the state's dictionaries.
///
/// All columns have one length. What a row whose bucket is ``BucketAssignment/outside`` holds
/// means nothing.
struct CodedEvents: Sendable {
  /// The user code of a row without a user.
  static let noUser = UInt32.max

  var buckets: [UInt32]
  var companies: CodedColumn
  var eventTypes: CodedColumn
  /// `nil` where no event has a module.
  var modules: CodedColumn?
  /// `nil` where no event has a user.
  var users: CodedColumn?
  var amounts = CodedAmounts.none
  /// Which rows have an amount; `nil` when all or none have.
  var hasAmount: ValidityBitmap?
  var durations: [Int64]?
  /// Which rows have a duration; `nil` when all or none have.
  var hasDuration: ValidityBitmap?

  var rowCount: Int { buckets.count }
}

/// Reads the columns of one batch and says what is wrong with them.
struct EventReader {
  let batch: Batch
  let settings: RollupSettings
  /// The number of rows of the batches before this one, for messages.
  let rowsBefore: Int

  /// The batch in codes, and the number of amounts left out because they have no currency.
  func coded(
    buckets assignment: CompanyAssignment, in dictionaries: inout RollupDictionaries,
    converter: inout AmountConverter
  ) throws(RollupError) -> (events: CodedEvents, amountsWithoutCurrency: Int) {
    let timestamp = try column(settings.timestampColumn)
    guard case .int64(let instants) = timestamp.storage, timestamp.field.type == .timestamp else {
      throw wrongType(timestamp, "an instant")
    }
    if let validity = timestamp.validity, let row = instants.indices.first(where: { !validity[$0] })
    {
      throw missingValue(timestamp, row: row)
    }
    let company = try column(settings.companyColumn)
    let companies = try identifierCodes(company, in: &dictionaries.companies)
    var (zoned, owners) = (companies, dictionaries.companies)
    if let name = settings.zoneCompanyColumn {
      owners = IdentifierDictionary()
      zoned = try identifierCodes(try column(name), in: &owners)
    }
    let buckets = assignment.offsets(of: instants, companies: zoned, owners.values)
    try requireValues(company, buckets: buckets)
    let eventType = try column(settings.eventTypeColumn)
    try requireValues(eventType, buckets: buckets)
    let eventTypes = try textCodes(eventType, in: &dictionaries.eventTypes)
    var events = CodedEvents(buckets: buckets, companies: companies, eventTypes: eventTypes)
    if let name = settings.moduleColumn {
      events.modules = try identifierCodes(try column(name), in: &dictionaries.modules)
    }
    if let name = settings.userColumn {
      events.users = try identifierCodes(try column(name), in: &dictionaries.users)
    }
    if let name = settings.durationColumn {
      let duration = try column(name)
      switch duration.storage {
      case .int64(let values) where duration.field.type == .int64: events.durations = values
      case .int32(let values) where duration.field.type != .date:
        events.durations = values.map { Int64($0) }
      default: throw wrongType(duration, "a whole number")
      }
      events.hasDuration = duration.validity
    }
    let zones = settings.zones
    let amountsWithoutCurrency = try readAmounts(into: &events, converter: &converter) { row in
      let zone =
        zones.areShared
        ? zones.standard : zoned.code(row).map { zones.zone(of: owners.values[Int($0)]) }
      let instant = Timestamp(microseconds: instants[row])
      return (instant, (zone ?? zones.standard).localDate(at: instant))
    }
    return (events, amountsWithoutCurrency)
  }

  /// Puts the amounts in the reporting currency into `events` and counts those in none; `moment`
  /// gives the instant of a row and its local date.
  private func readAmounts(
    into events: inout CodedEvents, converter: inout AmountConverter,
    moment: (Int) -> (instant: Timestamp, date: CalendarDate)
  ) throws(RollupError) -> Int {
    guard let name = settings.amountColumn else { return 0 }
    let amount = try column(name)
    guard amount.field.type == .money else { throw wrongType(amount, "money") }
    switch amount.storage {
    case .int64(let values): events.amounts = .narrow(values)
    case .int128(let values): events.amounts = .wide(values)
    default: throw wrongType(amount, "money")
    }
    events.hasAmount = amount.validity
    guard let currencyName = settings.currencyColumn else { return 0 }
    let currency = try column(currencyName)
    guard case .text(let texts) = currency.storage, currency.field.type == .text else {
      throw wrongType(currency, "text")
    }
    let entries = EventReader.currencies(of: texts)
    if currency.validity == nil, entries.allSatisfy({ $0 == settings.currency }) { return 0 }
    var usable = amount.validity ?? ValidityBitmap(repeating: true, count: amount.rowCount)
    var left = 0
    var converted: [(row: Int, amount: Int128)] = []
    for row in 0..<amount.rowCount
    where events.buckets[row] != BucketAssignment.outside && usable[row] {
      let code =
        currency.isNull(row) ? nil : entries[texts.codes.map { Int($0[row]) } ?? row]
      guard let code else {
        usable[row] = false
        left += 1
        continue
      }
      if code != settings.currency {
        let (instant, date) = moment(row)
        let amount = try converter.convert(events.amounts[row], from: code, at: instant, on: date)
        converted.append((row, amount))
      }
    }
    events.hasAmount = usable
    events.amounts.replace(converted)
    return left
  }

  /// The currency of each entry, `nil` for a text that is none.
  ///
  /// Neighbours are mostly equal, or empty for null where the texts have no dictionary.
  private static func currencies(of texts: TextStorage) -> [CurrencyCode?] {
    var currencies: [CurrencyCode?] = []
    currencies.reserveCapacity(texts.entryCount)
    var last: (text: ArraySlice<UInt8>, currency: CurrencyCode?) = ([], nil)
    for index in 0..<texts.entryCount {
      let text = texts.entry(index)
      if text != last.text {
        last = (text, CurrencyCode(String(decoding: text, as: UTF8.self)))
      }
      currencies.append(last.currency)
    }
    return currencies
  }

  private func column(_ name: String) throws(RollupError) -> Column {
    guard let column = batch[name] else {
      throw .missingColumn(dataset: settings.dataset, column: name)
    }
    return column
  }

  private func wrongType(_ column: Column, _ expected: String) -> RollupError {
    .wrongType(dataset: settings.dataset, column: column.field.name, expected: expected)
  }

  private func missingValue(_ column: Column, row: Int) -> RollupError {
    .missingValue(
      dataset: settings.dataset, column: column.field.name, row: rowsBefore + row + 1)
  }

  /// Throws if a row inside the interval is null.
  private func requireValues(_ column: Column, buckets: [UInt32]) throws(RollupError) {
    guard let validity = column.validity else { return }
    for row in buckets.indices where buckets[row] != BucketAssignment.outside && !validity[row] {
      throw missingValue(column, row: row)
    }
  }

  private func identifierCodes(
    _ column: Column, in dictionary: inout IdentifierDictionary
  ) throws(RollupError) -> CodedColumn {
    guard case .uuid(let storage) = column.storage else { throw wrongType(column, "a uuid") }
    if let codes = storage.codes {
      let table = dictionary.table(of: storage.values, rows: codes, validity: column.validity)
      return CodedColumn(codes: codes, table: table, validity: column.validity)
    }
    let codes = storage.values.indices.map { row in
      column.isNull(row) ? 0 : dictionary.code(of: storage.values[row])
    }
    return CodedColumn(codes: codes, table: nil, validity: column.validity)
  }

  private func textCodes(
    _ column: Column, in dictionary: inout TextDictionary
  ) throws(RollupError) -> CodedColumn {
    guard case .text(let storage) = column.storage, column.field.type == .text else {
      throw wrongType(column, "text")
    }
    let entries = (0..<storage.entryCount).map { dictionary.code(of: storage.entry($0)) }
    return CodedColumn(
      codes: storage.codes ?? entries, table: storage.codes.map { _ in entries },
      validity: column.validity)
  }
}
