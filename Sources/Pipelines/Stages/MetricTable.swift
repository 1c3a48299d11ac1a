import AlmanacCore
import Billing
import Codecs
import Columns

/// A row of `daily_metrics` or `monthly_metrics`.
struct MetricTableRow: Hashable, Sendable {
  /// The company; all-zero for all companies (DECISIONS.md, D-005).
  var company: UUIDValue
  /// The metric's name.
  var name: String
  /// Along what it is split; empty for not at all.
  var dimension = ""
  /// Which member of the dimension; empty where it is not split.
  var member = ""
  /// The day, or the first day of the month.
  var date: CalendarDate
  /// The value in ten-billionths; `nil` where the denominator is 0.
  var value: Int128?
  /// In ten-billionths.
  var numerator: Int128
  /// In ten-billionths; `nil` where nothing is divided.
  var denominator: Int128?
  /// What the value is.
  var unit: MetricUnit

  /// A row of the given parts.
  init(
    company: UUIDValue, name: String, dimension: String = "", member: String = "",
    date: CalendarDate, value: Int128?, numerator: Int128, denominator: Int128? = nil,
    unit: MetricUnit
  ) {
    self.company = company
    self.name = name
    self.dimension = dimension
    self.member = member
    self.date = date
    self.value = value
    self.numerator = numerator
    self.denominator = denominator
    self.unit = unit
  }

  /// A row of ledger, payments or invoices.
  init(_ row: MetricRow) {
    self.init(
      company: row.company, name: row.metric.name, dimension: row.dimension.name,
      member: row.dimension == .none ? "" : row.member.description, date: row.date,
      value: row.value, numerator: row.scaledNumerator, denominator: row.scaledDenominator,
      unit: row.metric.unit)
  }

  /// The places of rows in the order of the tables' key, texts by their bytes.
  ///
  /// To sort the rows themselves takes longer: a row is large, and each move of one counts references
  /// to its texts.
  static func order(of rows: [MetricTableRow]) -> [Int] {
    var places = rows.indices.map { (company: rows[$0].company, row: $0) }
    places.sort { left, right in
      left.company == right.company
        ? isBefore(rows[left.row], rows[right.row]) : left.company < right.company
    }
    return places.map(\.row)
  }

  private static func isBefore(_ left: MetricTableRow, _ right: MetricTableRow) -> Bool {
    if left.company != right.company { return left.company < right.company }
    if left.name != right.name { return left.name < right.name }
    if left.dimension != right.dimension { return left.dimension < right.dimension }
    if left.member != right.member { return left.member < right.member }
    return left.date < right.date
  }
}

/// The rows of one period, with their digest.
struct MetricPeriod: Sendable {
  /// The day, or the first day of the month.
  var start: CalendarDate
  /// Its rows of ledger, payments and invoices, in any order.
  var rows: [MetricRow] = []
  /// Its rows of declared metrics, in any order.
  var declared: [MetricTableRow] = []
  /// The movements of a month.
  var movements: [MovementRow] = []

  /// The digest of the rows, which the computation gives in an order of its own that is always the
  /// same, and of the zones of their companies.
  func digest(_ settings: SettingsDigests) -> String {
    var bytes = ByteText()
    func append(_ company: UUIDValue) {
      bytes.append(company)
      if let zone = settings.zoneText(company) { bytes.append(zone) }
    }
    bytes.append(Int64(rows.count))
    for row in rows {
      append(row.company)
      bytes.append(Int64(row.metric.rawValue << 8 | row.dimension.rawValue))
      bytes.append(row.member)
      bytes.append(row.numerator)
      bytes.append(row.denominator)
    }
    for row in declared {
      append(row.company)
      bytes.append(row.name + "\n" + row.dimension + "\n" + row.member)
      bytes.append(row.numerator)
      bytes.append(row.denominator)
    }
    for row in movements {
      append(row.company)
      bytes.append(row.kind.rawValue)
      bytes.append(row.amount)
      for cause in row.causes { bytes.append(cause) }
    }
    return SHA256.hexadecimalDigest(of: bytes.bytes)
  }
}

/// A row of `mrr_movements`.
struct MovementRow: Hashable, Sendable {
  /// The company; all-zero for all companies.
  var company: UUIDValue
  /// What moved.
  var kind: MovementKind
  /// By how much, in ten-thousandths.
  var amount: Int128
  /// The changes that led to it.
  var causes: [UUIDValue]
}

/// Bytes to be hashed.
struct ByteText {
  private(set) var bytes: [UInt8] = []

  mutating func append(_ value: Int64) {
    appendBytes(UInt64(bitPattern: value))
  }

  mutating func append(_ value: UUIDValue) {
    appendBytes(value.high)
    appendBytes(value.low)
  }

  mutating func append(_ value: Int128?) {
    guard let value else {
      bytes.append(0)
      return
    }
    bytes.append(1)
    let bits = UInt128(bitPattern: value)
    appendBytes(UInt64(truncatingIfNeeded: bits >> 64))
    appendBytes(UInt64(truncatingIfNeeded: bits))
  }

  mutating func append(_ value: String) {
    append(Int64(value.utf8.count))
    bytes.append(contentsOf: value.utf8)
  }

  mutating func append(_ value: [UInt8]) {
    append(Int64(value.count))
    bytes += value
  }

  mutating func append(_ value: Bool) {
    bytes.append(value ? 1 : 0)
  }

  /// Big-endian, whatever the machine.
  private mutating func appendBytes(_ value: UInt64) {
    for shift in stride(from: 56, through: 0, by: -8) {
      bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
    }
  }
}

/// Makes the columns of `daily_metrics` or `monthly_metrics`, in the order of the key.
func metricBatch(
  _ rows: [MetricTableRow], dateColumn: String, currency: CurrencyCode,
  settings digests: SettingsDigests
) -> Batch {
  var company = ColumnBuilder(Field("company_id", .uuid))
  var name = ColumnBuilder(Field("metric_name", .text))
  var dimension = ColumnBuilder(Field("dimension", .text))
  var member = ColumnBuilder(Field("dimension_value", .text))
  var date = ColumnBuilder(Field(dateColumn, .date))
  var value = ColumnBuilder(Field("value", .decimal(scale: 10), isNullable: true))
  var numerator = ColumnBuilder(Field("numerator", .decimal(scale: 10)))
  var denominator = ColumnBuilder(Field("denominator", .decimal(scale: 10), isNullable: true))
  var unit = ColumnBuilder(Field("unit", .text))
  var money = ColumnBuilder(Field("currency", .text, isNullable: true))
  var settings = ColumnBuilder(Field("settings_digest", .text))
  let code = currency.description
  for place in MetricTableRow.order(of: rows) {
    let row = rows[place]
    company.append(row.company)
    name.append(row.name)
    dimension.append(row.dimension)
    member.append(row.member)
    date.append(row.date)
    value.appendInteger(row.value)
    numerator.append(integer: row.numerator)
    denominator.appendInteger(row.denominator)
    unit.append(row.unit.rawValue)
    if row.unit == .money { money.append(code) } else { money.appendNull() }
    settings.append(digests.text(row.company))
  }
  return Batch([
    company.finish(), name.finish(), dimension.finish(), member.finish(), date.finish(),
    value.finish(), numerator.finish(), denominator.finish(), unit.finish(), money.finish(),
    settings.finish(),
  ])
}

extension ColumnBuilder {
  /// Adds a whole number or a null.
  mutating func appendInteger(_ value: Int128?) {
    if let value { append(integer: value) } else { appendNull() }
  }
}
