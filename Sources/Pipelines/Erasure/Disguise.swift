import AlmanacCore
import Codecs
import Columns

/// What rows of somebody who was forgotten hold instead of what names them.
///
/// Identifiers that other rows hold too stay, such as those of plans and modules, and so do texts that
/// another row has in the same column, currencies, zones and texts that may not be missing. The secret
/// is gone with the value.
struct Disguise {
  private let definitions: [String: DatasetDefinition]
  private let companies: [UUIDValue: UUIDValue]
  private let users: [UUIDValue: UUIDValue]
  private let instant: Timestamp
  private let secret: [UInt8]
  /// Identifiers and texts of the rows that no other row was found to hold yet.
  private var identifiers: Set<UUIDValue> = []
  private var texts: [String: [String: Set<[UInt8]>]] = [:]
  /// Texts that another row was found to hold.
  private var shared: [String: [String: Set<[UInt8]>]] = [:]

  /// A disguise by a secret of its own.
  ///
  /// - Parameters:
  ///   - definitions: the datasets.
  ///   - companies: what stands for each company.
  ///   - users: what stands for each user of a company that stays.
  ///   - instant: when the companies count as having gone.
  init(
    definitions: [DatasetDefinition], companies: [UUIDValue: UUIDValue],
    users: [UUIDValue: UUIDValue], instant: Timestamp
  ) {
    self.definitions = Dictionary(
      definitions.map { ($0.name, $0) }, uniquingKeysWith: { one, _ in one })
    self.companies = companies
    self.users = users
    self.instant = instant
    var random = SystemRandomNumberGenerator()
    secret = (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }
  }

  /// Takes what rows hold that are to be disguised.
  mutating func consider(_ batch: Batch, of dataset: String, isUser: Bool) {
    for column in batch.columns {
      switch column.storage {
      case .uuid(let values) where !isUser:
        for row in 0..<batch.rowCount where !column.isNull(row) {
          identifiers.insert(values.row(row))
        }
      case .uuidList(let lists) where !isUser:
        for row in 0..<lists.elements.rowCount { identifiers.insert(lists.elements.row(row)) }
      case .text(let values) where column.field.type == .text:
        var found = texts[dataset]?[column.field.name] ?? []
        for row in 0..<batch.rowCount where !column.isNull(row) {
          found.insert(Array(values.row(row)))
        }
        texts[dataset, default: [:]][column.field.name] = found
      default: break
      }
    }
  }

  /// The columns of a dataset in which other rows may hold the same.
  func columnsToCompare(of definition: DatasetDefinition) -> [String] {
    let own = texts[definition.name] ?? [:]
    return definition.fields.filter { field in
      switch field.type {
      case .text: !(own[field.name] ?? []).isEmpty
      case .uuid, .uuidList:
        !identifiers.isEmpty && field.name != definition.tenantColumn
          && (definition.tenantColumn == nil || !definition.key.contains(field.name))
      default: false
      }
    }.map(\.name)
  }

  /// Takes what other rows hold: it stays where the disguised rows hold it too.
  mutating func keep(_ batch: Batch, of definition: DatasetDefinition) {
    for column in batch.columns {
      let name = column.field.name
      switch column.storage {
      case .uuid(let values):
        for row in 0..<batch.rowCount where !column.isNull(row) {
          identifiers.remove(values.row(row))
        }
      case .uuidList(let lists):
        for row in 0..<lists.elements.rowCount { identifiers.remove(lists.elements.row(row)) }
      case .text(let values):
        guard var open = texts[definition.name]?[name], !open.isEmpty else { continue }
        for row in 0..<batch.rowCount where !column.isNull(row) {
          let text = Array(values.row(row))
          if open.remove(text) != nil {
            shared[definition.name, default: [:]][name, default: []].insert(text)
          }
        }
        texts[definition.name]?[name] = open
      default: break
      }
    }
  }

  /// What stands for the transactions of some rows: their order.
  func ranks(of batches: [Batch]) -> [Int64: Int64] {
    var writers: Set<Int64> = []
    for batch in batches {
      if case .int64(let values)? = batch[StoredColumn.xid]?.storage { writers.formUnion(values) }
    }
    return Dictionary(
      writers.sorted().enumerated().map { ($0.element, Int64($0.offset) + 1) },
      uniquingKeysWith: { one, _ in one })
  }

  /// Rows, or keys of rows, as they are kept.
  ///
  /// - Parameters:
  ///   - batch: the rows.
  ///   - definition: their dataset.
  ///   - isUser: whether they are of a user of a company that stays, so that only the user goes.
  ///   - ranks: what stands for transactions; of a user's rows they stay.
  /// - Returns: as many rows in the same columns.
  func hiding(
    _ batch: Batch, of definition: DatasetDefinition, isUser: Bool, _ ranks: [Int64: Int64]
  ) -> Batch {
    Batch(
      batch.columns.map { column in
        switch column.storage {
        case .uuid(let values):
          Column(column.field, .uuid(hiding(values, isUser)), validity: column.validity)
        case .uuidList(let lists):
          Column(
            column.field,
            .uuidList(
              UUIDListStorage(elements: hiding(lists.elements, isUser), offsets: lists.offsets)),
            validity: column.validity)
        case .int64(let values) where column.field.name == StoredColumn.xid && !isUser:
          Column(
            column.field, .int64(values.map { ranks[$0] ?? 0 }), validity: column.validity)
        case .int64 where isDeletion(column, definition) && !isUser: ended(column)
        case .text: hidingTexts(column, definition)
        default: column
        }
      }, rowCount: batch.rowCount)
  }

  private func hiding(_ values: UUIDStorage, _ isUser: Bool) -> UUIDStorage {
    UUIDStorage(
      values: values.values.map { value in
        if isUser { return users[value] ?? value }
        if let company = companies[value] { return company }
        return identifiers.contains(value) ? standIn(value.bytes) : value
      }, codes: values.codes)
  }

  private func standIn(_ bytes: [UInt8]) -> UUIDValue {
    UUIDValue(version8: SHA256.digest(of: secret + bytes))
  }

  private func hidingTexts(_ column: Column, _ definition: DatasetDefinition) -> Column {
    let field = column.field
    guard case .text(let values) = column.storage else { return column }
    let known = shared[definition.name]?[field.name] ?? []
    let isCode =
      definition.columns.contains { $0.currencyColumn == field.name }
      || definition.name == Project.companies.name && field.name == Project.companies.zone
    var builder = ColumnBuilder(field)
    for row in 0..<column.rowCount {
      if column.isNull(row) {
        builder.appendNull()
        continue
      }
      let text = Array(values.row(row))
      switch field.type {
      case .text where isCode || known.contains(text): builder.append(bytes: text[...])
      case _ where field.isNullable: builder.appendNull()
      case .json: builder.append("{}")
      case .bytes: builder.append("")
      case _ where definition.key.contains(field.name):
        builder.append(standIn(text).description)
      default: builder.append(bytes: text[...])
      }
    }
    return builder.finish()
  }

  /// Whether a column says when a company was deleted.
  private func isDeletion(_ column: Column, _ definition: DatasetDefinition) -> Bool {
    definition.name == Project.companies.name && column.field.name == "deleted_at"
      && column.field.type == .timestamp && column.field.isNullable
  }

  /// When companies were deleted, those that were not at the instant.
  private func ended(_ column: Column) -> Column {
    var builder = ColumnBuilder(column.field)
    for row in 0..<column.rowCount { builder.append(column.value(row) ?? .timestamp(instant)) }
    return builder.finish()
  }
}
