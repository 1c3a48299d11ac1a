import AlmanacCore
import Columns

/// Typed access to the columns of one batch of a dataset after the other.
///
/// Each accessor checks the column once and returns a function from a row to its value, `nil` for
/// null. Rows are numbered over all batches in errors.
struct TableReader {
  /// The dataset's name, for errors.
  let dataset: String
  private var batch = Batch([])
  /// The rows of the batches before this one.
  private var rowsBefore = 0

  init(dataset: String) {
    self.dataset = dataset
  }

  /// Goes on to the next batch.
  mutating func start(_ next: Batch) {
    rowsBefore += batch.rowCount
    batch = next
  }

  /// A value that must be there.
  func required<Value>(
    _ value: Value?, _ column: String, _ row: Int
  ) throws(BillingError) -> Value {
    guard let value else {
      throw .missingValue(dataset: dataset, column: column, row: rowsBefore + row + 1)
    }
    return value
  }

  /// A failure because of a value that is not known.
  func unknown(_ column: String, _ row: Int) -> BillingError {
    .unknownValue(dataset: dataset, column: column, row: rowsBefore + row + 1)
  }

  private func column(_ name: String) throws(BillingError) -> Column {
    guard let column = batch[name] else {
      throw .missingColumn(dataset: dataset, column: name)
    }
    return column
  }

  private func wrongType(_ name: String, _ expected: String) -> BillingError {
    .wrongType(dataset: dataset, column: name, expected: expected)
  }

  func identifiers(_ name: String) throws(BillingError) -> (Int) -> UUIDValue? {
    let column = try column(name)
    guard case .uuid(let values) = column.storage else { throw wrongType(name, "uuid") }
    return { column.isNull($0) ? nil : values.row($0) }
  }

  func instants(_ name: String) throws(BillingError) -> (Int) -> Timestamp? {
    let column = try column(name)
    guard case .int64(let values) = column.storage, column.field.type == .timestamp else {
      throw wrongType(name, "a timestamp")
    }
    return { column.isNull($0) ? nil : Timestamp(microseconds: values[$0]) }
  }

  func dates(_ name: String) throws(BillingError) -> (Int) -> CalendarDate? {
    let column = try column(name)
    guard case .int32(let values) = column.storage, column.field.type == .date else {
      throw wrongType(name, "a date")
    }
    return { column.isNull($0) ? nil : CalendarDate(daysSinceEpoch: values[$0]) }
  }

  func integers(_ name: String) throws(BillingError) -> (Int) -> Int64? {
    let column = try column(name)
    switch (column.storage, column.field.type) {
    case (.int32(let values), .int32), (.int32(let values), .int16):
      return { column.isNull($0) ? nil : Int64(values[$0]) }
    case (.int64(let values), .int64):
      return { column.isNull($0) ? nil : values[$0] }
    default: throw wrongType(name, "an integer")
    }
  }

  func flags(_ name: String) throws(BillingError) -> (Int) -> Bool? {
    let column = try column(name)
    guard case .bool(let values) = column.storage else { throw wrongType(name, "a boolean") }
    return { column.isNull($0) ? nil : values[$0] }
  }

  /// Decimals in units of `10^-scale`; a column of fewer decimals is widened.
  func decimals(_ name: String, scale: Int) throws(BillingError) -> (Int) -> Int128? {
    let column = try column(name)
    guard case .decimal(let found) = column.field.type, found <= scale else {
      throw wrongType(name, "a decimal of \(scale) places")
    }
    let factor = (found..<scale).reduce(Int128(1)) { value, _ in value * 10 }
    switch column.storage {
    case .int64(let values): return { column.isNull($0) ? nil : Int128(values[$0]) * factor }
    case .int128(let values):
      if let row = values.firstIndex(where: { $0.multipliedReportingOverflow(by: factor).overflow })
      {
        throw unknown(name, row)
      }
      return { column.isNull($0) ? nil : values[$0] * factor }
    default: throw wrongType(name, "a decimal of \(scale) places")
    }
  }

  /// Money in ten-thousandths.
  func amounts(_ name: String) throws(BillingError) -> (Int) -> Int128? {
    try decimals(name, scale: Money.decimals)
  }

  /// What each text means, worked out once for each different text.
  func words<Word>(
    _ name: String, _ meaning: (String) -> Word?
  ) throws(BillingError) -> (Int) -> Word? {
    let column = try column(name)
    guard case .text(let values) = column.storage else { throw wrongType(name, "text") }
    let words = (0..<values.entryCount).map {
      meaning(String(decoding: values.entry($0), as: UTF8.self))
    }
    return { row in
      column.isNull(row) ? nil : words[values.codes.map { Int($0[row]) } ?? row]
    }
  }

  /// Currency codes; a text that is not three letters is `nil`.
  func currencies(_ name: String) throws(BillingError) -> (Int) -> CurrencyCode? {
    try words(name) { CurrencyCode($0) }
  }
}
