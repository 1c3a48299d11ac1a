import AlmanacCore
import Columns
import Postgres

/// Makes the rows that a table has of some days those of a batch, and leaves those alone that are there
/// already (DECISIONS.md, D-605).
///
/// A late row changes few numbers of the days that are computed again for it. To delete and write all of
/// them costs the server more than to read them, and leaves as many dead rows.
struct RowRenewal {
  /// The table.
  let table: QualifiedName
  /// How many columns of a batch, the first ones, are the table's key: of type uuid, text or date.
  let keyCount: Int

  /// The most rows that are compared: of more all are replaced, so that memory holds no more.
  static let mostCompared = 150_000

  /// Replaces the rows that differ.
  ///
  /// - Parameters:
  ///   - condition: SQL without parameters that holds for the rows to make up for, and for those of the
  ///     batch.
  ///   - batch: what the rows should be, each key once.
  ///   - comparing: whether rows are compared; else all are replaced.
  ///   - connection: within a transaction of the run.
  /// - Returns: the number of rows that were written.
  /// - Throws: `PostgresError`.
  @discardableResult
  func renew(
    where condition: String, by batch: Batch, comparing: Bool = true, on connection: Connection
  ) throws -> Int {
    var missing: [[UInt8]: Int] = [:]
    if comparing, batch.rowCount <= RowRenewal.mostCompared {
      missing.reserveCapacity(batch.rowCount)
      for row in 0..<batch.rowCount { missing[batch.bytes(row)] = row }
    }
    // Of rows that repeat each other the server says so.
    guard batch.rowCount > 0, missing.count == batch.rowCount else {
      try connection.run("DELETE FROM \(table.quoted) WHERE \(condition)")
      return try connection.copyIn(batch, into: table)
    }
    var gone = [[String]](repeating: [], count: keyCount)
    let fields = batch.columns.map(\.field)
    let columns = fields.map { field in
      quoteIdentifier(field.name) + (field.type == .text ? "::text" : "")
    }
    try connection.copyOut(
      "SELECT \(columns.joined(separator: ", ")) FROM \(table.quoted) WHERE \(condition)",
      fields: fields, source: table.description
    ) { held in
      for row in 0..<held.rowCount where missing.removeValue(forKey: held.bytes(row)) == nil {
        for column in 0..<keyCount { gone[column].append(held.columns[column].keyText(row)) }
      }
    }
    try delete(gone, fields, on: connection)
    return try connection.copyIn(batch.taking(missing.values.sorted()), into: table)
  }

  /// Deletes the rows with some keys, given column by column.
  private func delete(
    _ keys: [[String]], _ fields: [Field], on connection: Connection
  ) throws {
    if keys.allSatisfy(\.isEmpty) { return }
    let types = fields.prefix(keyCount).map { field in
      switch field.type {
      case .uuid: "uuid"
      case .date: "date"
      default: "text"
      }
    }
    let lists = types.enumerated().map { "$\($0.offset + 1)::\($0.element)[]" }
    let names = fields.prefix(keyCount).map { quoteIdentifier($0.name) }
    try connection.run(
      """
      DELETE FROM \(table.quoted) AS t
      USING unnest(\(lists.joined(separator: ", "))) AS k (\(names.joined(separator: ", ")))
      WHERE \(names.map { "t.\($0) = k.\($0)" }.joined(separator: " AND "))
      """, keys.map { array($0) })
  }
}

extension Column {
  /// A value of a key as SQL writes it.
  fileprivate func keyText(_ row: Int) -> String {
    switch value(row) {
    case .uuid(let value)?: value.description
    case .date(let value)?: value.description
    case .bytes(let value)?: String(decoding: value, as: UTF8.self)
    default: preconditionFailure("a key of \(field.type)")
    }
  }
}

extension Batch {
  /// The values of a row as bytes, the same for equal values only, however they are stored.
  fileprivate func bytes(_ row: Int) -> [UInt8] {
    var text = ByteText()
    for column in columns {
      let value = column.value(row)
      text.append(value != nil)
      switch value {
      case nil: break
      case .bool(let value)?: text.append(value)
      case .integer(let value)?: text.append(value)
      case .float(let value)?: text.append(Int64(bitPattern: value.bitPattern))
      case .bytes(let value)?: text.append(value)
      case .uuid(let value)?: text.append(value)
      case .uuids(let values)?:
        text.append(Int64(values.count))
        for value in values { text.append(value) }
      case .date(let value)?: text.append(Int64(value.daysSinceEpoch))
      case .timestamp(let value)?: text.append(value.microseconds)
      }
    }
    return text.bytes
  }
}
