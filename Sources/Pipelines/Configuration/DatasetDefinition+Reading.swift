import AlmanacCore
import Columns
package import Documents

extension DatasetDefinition {
  /// Reads the definition in a file of `datasets/`.
  ///
  /// - Throws: `DocumentError` with the place of the first fault.
  package init(node: Node) throws(DocumentError) {
    var reader = try MappingReader(node, of: "the dataset")
    name = try reader.required("dataset", as: .name)
    mark = reader.mark(of: "dataset")
    source = try Self.source(&reader)
    isOptional = try reader.optional("optional", as: .boolean) ?? false
    timeColumn = try reader.optional("time", as: .name)
    recordedColumn = try reader.optional("recorded", as: .name)
    key = try reader.required("key", as: .oneOrMoreNames)
    tenantColumn = try reader.optional("tenant", as: .name)
    mode = try Self.mode(&reader)
    columns = try reader.optional("columns", as: .columns) ?? []
    canonicalText = node.without("checks").canonicalText
    try readModeSettings(&reader)
    let checkList = try reader.optional("checks", as: .node)
    try reader.refuse(
      "trusted_from", instead: "the dataset without it: every row is read each time")
    try reader.finish()
    if case .query = source, isOptional {
      throw .unexpected(
        reader.mark(of: "optional"), found: "\"optional\" for a query",
        expected: "a table under \"from\", which may be absent", suggestion: nil)
    }
    if case .query = source, readsByTransaction {
      throw .unexpected(
        reader.mark(of: "mode"), found: "mode \(mode.rawValue) for a query",
        expected: "mode full or overlap, since a query shows no watermark", suggestion: "full")
    }
    try checkRoles(reader)
    try checkStoredNames()
    try checkCurrencies()
    if let checkList {
      checks = try DatasetCheck.read(checkList, of: self)
      checksText = checkList.canonicalText
    }
  }

  private static func source(_ reader: inout MappingReader) throws(DocumentError) -> Source {
    let table = try reader.optional("from", as: .table)
    let query = try reader.optional("query", as: .query)
    switch (table, query) {
    case (let table?, nil): return table
    case (nil, let query?): return .query(query)
    case (nil, nil): return try reader.required("from", as: .table)
    case (_?, _?):
      throw .unexpected(
        reader.mark(of: "query"), found: "\"query\" besides \"from\"",
        expected: "one of the two: a table or a query", suggestion: nil)
    }
  }

  private static func mode(_ reader: inout MappingReader) throws(DocumentError) -> Mode {
    try reader.required("mode", as: .word)
  }

  /// Reads what belongs to some modes only.
  private mutating func readModeSettings(
    _ reader: inout MappingReader
  ) throws(DocumentError) {
    deletes = try reader.optional("deletes", as: .word) ?? (mode == .changes ? .keySweep : .none)
    updatedColumn = try reader.optional("updated", as: .name)
    overlap = try reader.optional("overlap", as: .duration).map(Self.microseconds)
    incrementBound = try reader.optional("increment_bound", as: .duration).map(Self.microseconds)
    let retention = try reader.optional("retention", as: .duration)
    retentionDays = retention.map { Int(Self.microseconds($0) / Timestamp.microsecondsPerDay) }
    func refuse(_ key: String, unless expected: String) throws(DocumentError) {
      throw .unexpected(
        reader.mark(of: key), found: "\"\(key)\" with mode \(mode.rawValue)", expected: expected,
        suggestion: nil)
    }
    if deletes == .keySweep, mode != .changes {
      try refuse("deletes", unless: "mode changes, or no key sweep")
    }
    if overlap != nil, mode != .overlap { try refuse("overlap", unless: "mode overlap") }
    if updatedColumn != nil, mode != .overlap { try refuse("updated", unless: "mode overlap") }
    if incrementBound != nil, !readsByTransaction {
      try refuse("increment_bound", unless: "mode append or changes")
    }
    if let retentionDays {
      if mode != .append { try refuse("retention", unless: "mode append") }
      guard timeColumn != nil, retentionDays > 0 else {
        throw .unexpected(
          reader.mark(of: "retention"),
          found: timeColumn == nil ? "a retention without a time" : "a retention below a day",
          expected: "\"time:\" and a number of days such as 400d", suggestion: nil)
      }
    }
    try checkClocks(reader)
  }

  /// A mode or bound that goes by a clock needs the clock.
  private mutating func checkClocks(_ reader: MappingReader) throws(DocumentError) {
    if incrementBound != nil, recordedColumn == nil {
      throw .unexpected(
        reader.mark(of: "increment_bound"), found: "a bound without a recorded clock",
        expected: "\"recorded:\" with the column that says when a row was recorded",
        suggestion: nil)
    }
    guard mode == .overlap else { return }
    guard overlap != nil else { throw .missingKey(mark, key: "overlap", owner: "the dataset") }
    updatedColumn = updatedColumn ?? recordedColumn
    if updatedColumn == nil { throw .missingKey(mark, key: "updated", owner: "the dataset") }
  }

  private static func microseconds(_ duration: Duration) -> Int64 {
    duration.components.seconds * 1_000_000
  }

  /// Names that parts use for columns beside the declared ones.
  private func checkStoredNames() throws(DocumentError) {
    guard let column = allColumns.first(where: { $0.name.hasPrefix("_") }) else { return }
    throw .unexpected(
      column.mark, found: "the column name \(quoted(column.name))",
      expected:
        "a name that does not begin with an underscore, such as those that are stored beside",
      suggestion: nil)
  }

  /// The columns that date and identify rows must suit that.
  private func checkRoles(_ reader: MappingReader) throws(DocumentError) {
    let clocks = [("time", timeColumn), ("recorded", recordedColumn), ("updated", updatedColumn)]
    for (role, name) in clocks {
      guard let name, let column = columns.first(where: { $0.name == name }) else { continue }
      guard column.type == .timestamp, !column.isNullable else {
        throw .unexpected(
          column.mark, found: "the \(role) column \(quoted(name)) as \(column.typeText)",
          expected: "timestamp", suggestion: nil)
      }
    }
    for name in key + [tenantColumn].compactMap(\.self) {
      guard let column = columns.first(where: { $0.name == name }), column.isNullable else {
        continue
      }
      throw .unexpected(
        column.mark, found: "the key or tenant column \(quoted(name)) as \(column.typeText)",
        expected: "a type without \"?\"", suggestion: nil)
    }
  }

  /// An amount's currency must be a text column of the dataset.
  private func checkCurrencies() throws(DocumentError) {
    let all = allColumns
    for column in columns {
      guard let currency = column.currencyColumn else { continue }
      guard let match = all.first(where: { $0.name == currency }) else {
        throw .unexpected(
          column.mark, found: "money(\(currency)) and no column \(quoted(currency))",
          expected: "the currency's column among the columns",
          suggestion: Suggestion.closest(
            to: currency, among: all.filter { $0.type == .text }.map(\.name)))
      }
      guard match.type == .text else {
        throw .unexpected(
          match.mark,
          found: "the currency of \(quoted(column.name)), \(quoted(currency)), as "
            + match.typeText, expected: "text", suggestion: nil)
      }
    }
  }
}

extension ValueReader where Value == DatasetDefinition.Source {
  /// A table with its schema: `billing.invoices`.
  fileprivate static var table: ValueReader {
    let expected = "a table with its schema, such as billing.invoices"
    return ValueReader(expected) { (node) throws(DocumentError) -> DatasetDefinition.Source in
      guard case .scalar(let scalar) = node.content, !scalar.isNothing else {
        throw node.unexpected(expected)
      }
      let parts = scalar.text.split(separator: ".", omittingEmptySubsequences: false)
      if parts.count == 1, isName(parts[0]) {
        throw .unexpected(
          node.mark, found: node.shortDescription, expected: expected,
          suggestion: "public.\(scalar.written)")
      }
      guard parts.count == 2, parts.allSatisfy({ isName($0) }) else {
        throw node.unexpected(expected + " (for anything else use query: SELECT …)")
      }
      return .table(schema: String(parts[0]), name: String(parts[1]))
    }
  }
}

extension ValueReader where Value == String {
  /// A query, which is put in parentheses and so may not end with a semicolon.
  fileprivate static var query: ValueReader {
    ValueReader("a query") { (node) throws(DocumentError) -> String in
      let text = trimmed(try ValueReader<String>.text.read(node))
      guard !text.isEmpty, text.last != ";" else {
        throw .unexpected(
          node.mark, found: text.isEmpty ? "an empty query" : "a semicolon at the query's end",
          expected: "one SELECT without it", suggestion: nil)
      }
      return text
    }
  }
}

extension ValueReader where Value == [String] {
  /// One name, or a list of them.
  static var oneOrMoreNames: ValueReader {
    ValueReader("a column or a list of columns") { (node) throws(DocumentError) -> [String] in
      if case .sequence = node.content {
        return try ValueReader<[String]>.set(of: .name).read(node)
      }
      return [try ValueReader<String>.name.read(node)]
    }
  }
}

extension ValueReader where Value == [DatasetColumn] {
  /// The columns by name.
  fileprivate static var columns: ValueReader {
    ValueReader("a mapping of columns") { (node) throws(DocumentError) -> [DatasetColumn] in
      try node.entries(of: "the columns") { (entry) throws(DocumentError) -> DatasetColumn in
        try DatasetColumn(entry)
      }
    }
  }
}
