import AlmanacCore
import Billing
import Columns

/// The columns of `app.events` under construction: plain arrays, since there are millions of rows.
struct EventColumns {
  /// The names of all kinds, and last one the contract does not know.
  private static let typeNames = EventType.allCases.map(\.rawValue) + ["widget_rearranged"]
  private static let typeCodes: [EventType: UInt32] = Dictionary(
    uniqueKeysWithValues: EventType.allCases.enumerated().map { ($1, UInt32($0)) })
  private static let moduleIDs = Catalogue.modules.indices.map(Catalogue.moduleID)
  /// A company that no table has.
  static let unknownCompany = Draws(seed: 0, entity: 3).identifier(.identifier, 0)

  private var ids: [UUIDValue] = []
  private var types: [UInt32] = []
  private var companies: [UInt32] = []
  private var companyIDs = [EventColumns.unknownCompany]
  private var users: [UUIDValue] = []
  private var userValidity = ValidityBitmap(repeating: true, count: 0)
  private var modules: [UInt32] = []
  private var moduleValidity = ValidityBitmap(repeating: true, count: 0)
  private var metadata = TextStorage()
  private var metadataValidity = ValidityBitmap(repeating: true, count: 0)
  private var happened: [Int64] = []
  private var recorded: [Int64] = []

  /// The number of rows.
  var rowCount: Int { ids.count }

  /// Adds the events of a company that were recorded from `start` on and before `end`.
  ///
  /// They follow each other as they were recorded, so that what happened is out of order; a
  /// repeated event is two rows.
  mutating func append(_ record: CompanyRecord, from start: Int64, to end: Int64) {
    var rows: [(recordedAt: Int64, event: Int32)] = []
    rows.reserveCapacity(record.events.count + record.events.count / 200)
    for (index, event) in record.events.enumerated() {
      for recordedAt in [event.recordedAt, event.repeatedAt ?? .max]
      where recordedAt >= start && recordedAt < end {
        rows.append((recordedAt, Int32(truncatingIfNeeded: index)))
      }
    }
    rows.sort {
      $0.recordedAt != $1.recordedAt ? $0.recordedAt < $1.recordedAt : $0.event < $1.event
    }
    companyIDs.append(record.profile.id)
    for (recordedAt, index) in rows {
      append(record.events[Int(index)], of: record, recordedAt: recordedAt)
    }
  }

  private mutating func append(
    _ event: SimulatedEvent, of record: CompanyRecord, recordedAt: Int64
  ) {
    ids.append(event.id)
    types.append(
      event.type.flatMap { EventColumns.typeCodes[$0] } ?? UInt32(EventColumns.typeNames.count - 1))
    companies.append(event.isOfUnknownCompany ? 0 : UInt32(companyIDs.count - 1))
    users.append(event.user.map { record.users[Int($0)].id } ?? .zero)
    userValidity.append(event.user != nil)
    modules.append(event.module.map { UInt32($0) } ?? 0)
    moduleValidity.append(event.module != nil)
    metadataValidity.append(event.details != .none)
    EventMetadata.write(event, currency: record.profile.currency, to: &metadata.bytes)
    metadata.offsets.append(metadata.bytes.count)
    happened.append(event.happenedAt)
    recorded.append(recordedAt)
  }

  /// The rows; the columns are empty afterwards.
  consuming func finish() -> Batch {
    var typeText = TextStorage(codes: types)
    for name in EventColumns.typeNames {
      typeText.bytes += Array(name.utf8)
      typeText.offsets.append(typeText.bytes.count)
    }
    let storages: [(ColumnStorage, ValidityBitmap?)] = [
      (.uuid(UUIDStorage(values: ids)), nil), (.text(typeText), nil),
      (.uuid(UUIDStorage(values: companyIDs, codes: companies)), nil),
      (.uuid(UUIDStorage(values: users)), userValidity),
      (.uuid(UUIDStorage(values: EventColumns.moduleIDs, codes: modules)), moduleValidity),
      (.text(metadata), metadataValidity), (.int64(happened), nil), (.int64(recorded), nil),
    ]
    return Batch(
      zip(SourceContract.events.fields, storages).map {
        Column($0, $1.0, validity: $1.1)
      }, rowCount: rowCount)
  }
}
