import AlmanacCore
import Columns
import Foundation
import Rollups
import Testing

/// One event as a person would write it down.
struct TestEvent {
  var company: UUIDValue? = UUIDValue(high: 0, low: 1)
  var eventType: String? = "module_used"
  var module: UUIDValue?
  var user: UUIDValue?
  var amount: Int128?
  var currency: String? = "USD"
  var duration: Int64?
  var at: Timestamp?

  init(_ at: String) throws {
    let instant = try #require(Timestamp(at))
    self.at = instant
  }

  init(at: Timestamp) {
    self.at = at
  }
}

/// The identifier with a small number.
func id(_ number: UInt64) -> UUIDValue { UUIDValue(high: 0, low: number) }

/// The rules of a zone of the system's database.
func loadZone(_ name: String) throws -> ZoneRules {
  let file = try Data(contentsOf: URL(fileURLWithPath: "/usr/share/zoneinfo/" + name))
  return try #require(ZoneRules(name: name, file: Array(file)))
}

/// Settings with the dollar as the reporting currency.
func settings(zone: ZoneRules = .utc) throws -> RollupSettings {
  RollupSettings(zone: zone, currency: try #require(CurrencyCode("USD")))
}

/// The events as a batch; every column allows nulls, so that the checks are the rollup's.
func batch(_ events: [TestEvent], plain: Bool = false) -> Batch {
  func column(
    _ name: String, _ type: ColumnType, _ value: (TestEvent) -> ColumnValue?
  ) -> Column {
    var builder = ColumnBuilder(Field(name, type, isNullable: true))
    for event in events { builder.append(value(event)) }
    let built = builder.finish()
    return plain ? withoutDictionary(built) : built
  }
  return Batch([
    column("event_type", .text) { $0.eventType.map { .text($0) } },
    column("company_id", .uuid) { $0.company.map { .uuid($0) } },
    column("module_id", .uuid) { $0.module.map { .uuid($0) } },
    column("user_id", .uuid) { $0.user.map { .uuid($0) } },
    column("amount", .money) { $0.amount.map { .integer($0) } },
    column("currency", .text) { $0.currency.map { .text($0) } },
    column("duration_ms", .int64) { $0.duration.map { .integer(Int128($0)) } },
    column("timestamp", .timestamp) { $0.at.map { .timestamp($0) } },
  ])
}

/// The same column with an entry of its own for each row.
private func withoutDictionary(_ column: Column) -> Column {
  switch column.storage {
  case .uuid(let storage):
    guard let codes = storage.codes else { return column }
    let values = codes.indices.map { column.isNull($0) ? .zero : storage.row($0) }
    return Column(column.field, .uuid(UUIDStorage(values: values)), validity: column.validity)
  case .text(let storage):
    guard let codes = storage.codes else { return column }
    var plain = TextStorage()
    for row in codes.indices {
      if !column.isNull(row) { plain.bytes += storage.row(row) }
      plain.offsets.append(plain.bytes.count)
    }
    return Column(column.field, .text(plain), validity: column.validity)
  default: return column
  }
}

/// One row of a rollup, as written by hand or computed by the oracle.
struct ExpectedRow: Hashable, CustomStringConvertible {
  var company: UUIDValue
  var eventType: String
  var module: UUIDValue
  /// Microseconds of the hour's start, or days since the epoch.
  var bucket: Int64
  var eventCount: Int64
  var uniqueUsers: Int64
  var amountSum: Int128?
  var amountMinimum: Int128?
  var amountMaximum: Int128?
  var durationSum: Int128?

  var description: String {
    "\(company) \(eventType) \(module) \(bucket): \(eventCount) \(uniqueUsers)"
      + " \(amountSum as Any) \(amountMinimum as Any) \(amountMaximum as Any)"
      + " \(durationSum as Any)"
  }
}

/// The rows of a rollup, in its order.
func rows(_ table: RollupTable) throws -> [ExpectedRow] {
  func integer(_ name: String, _ row: Int) throws -> Int128? {
    switch try #require(table.batch[name]).value(row) {
    case .integer(let value): value
    case .timestamp(let instant): Int128(instant.microseconds)
    case .date(let date): Int128(date.daysSinceEpoch)
    default: nil
    }
  }
  func identifier(_ name: String, _ row: Int) throws -> UUIDValue {
    guard case .uuid(let value) = try #require(table.batch[name]).value(row) else { return .zero }
    return value
  }
  return try (0..<table.rowCount).map { row in
    guard case .bytes(let text) = try #require(table.batch["event_type"]).value(row) else {
      throw CocoaError(.coderValueNotFound)
    }
    return ExpectedRow(
      company: try identifier("company_id", row), eventType: String(decoding: text, as: UTF8.self),
      module: try identifier("module_id", row),
      bucket: Int64(
        try table.grain.map { try #require(try integer($0.bucketColumn, row)) } ?? 0),
      eventCount: Int64(try #require(try integer("event_count", row))),
      uniqueUsers: Int64(try #require(try integer("unique_users", row))),
      amountSum: try integer("amount_sum", row), amountMinimum: try integer("amount_min", row),
      amountMaximum: try integer("amount_max", row),
      durationSum: try integer("duration_ms_sum", row))
  }
}
