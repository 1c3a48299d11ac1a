import AlmanacCore
package import Columns
package import Documents
import Postgres

/// A column of a dataset: what it is called, what it means and how the source computes it.
package struct DatasetColumn: Hashable, Sendable {
  /// The column's name in the dataset.
  package var name: String
  /// What its values mean.
  package var type: ColumnType
  /// Whether a value may be missing.
  package var isNullable: Bool
  /// The user's SQL for the value; `nil` where it is the source's column of the same name.
  package var expression: String?
  /// The column that holds the currency of an amount; `nil` unless the type is `money(…)`.
  package var currencyColumn: String?
  /// Where the column is declared.
  package var mark: Mark

  /// A column with the given parts.
  package init(
    name: String, type: ColumnType, isNullable: Bool = false, expression: String? = nil,
    currencyColumn: String? = nil, mark: Mark
  ) {
    self.name = name
    self.type = type
    self.isNullable = isNullable
    self.expression = expression
    self.currencyColumn = currencyColumn
    self.mark = mark
  }

  /// The type as a dataset file writes it, such as `uuid?` or `money(currency)`.
  package var typeText: String {
    DeclaredType.text(type, currencyColumn: currencyColumn) + (isNullable ? "?" : "")
  }

  /// Name, type and nullability.
  package var field: Field { Field(name, type, isNullable: isNullable) }

  /// The SQL of the value: the expression in parentheses, or the quoted name of the column.
  package var sql: String {
    expression.map { "(\($0))" } ?? quoteIdentifier(name)
  }
}

extension DatasetColumn {
  /// Reads a column such as `amount: money(currency)?  = metadata->>'amount'`.
  ///
  /// A `?` behind the type lets the value be missing; what follows ` = ` is SQL over the source.
  ///
  /// - Throws: `DocumentError` with the place of the declaration.
  init(_ entry: Node.Entry) throws(DocumentError) {
    guard isName(entry.key) else {
      throw .unexpected(
        entry.keyMark, found: "the column name \(quoted(entry.key))",
        expected: ValueReader<String>.name.expected, suggestion: nil)
    }
    let declared = try ValueReader<String>.scalar("a type such as text, uuid? or money(currency)") {
      $0.isEmpty ? nil : $0
    }.read(entry.value)
    let halves = declared.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      .map(trimmed)
    let isNullable = halves[0].hasSuffix("?")
    let type = try DeclaredType(
      trimmed(isNullable ? halves[0].dropLast() : halves[0][...]), at: entry.value.mark)
    if halves.count == 2, halves[1].isEmpty {
      throw .unexpected(
        entry.value.mark, found: "nothing behind \"=\"", expected: "an SQL expression",
        suggestion: nil)
    }
    // Most often the rest of the text was taken for a comment: it holds a space and a "#".
    guard halves.count < 2 || halves[1].count(where: { $0 == "'" }).isMultiple(of: 2) else {
      throw .unexpected(
        entry.value.mark, found: "an SQL text that is never closed",
        expected: "\"'\" at its end, and double quotes around the whole if it holds \" #\"",
        suggestion: nil)
    }
    self.init(
      name: entry.key, type: type.type, isNullable: isNullable,
      expression: halves.count == 2 ? halves[1] : nil, currencyColumn: type.currencyColumn,
      mark: entry.keyMark)
  }
}

/// A type as a dataset file writes it: a word, with an argument in parentheses for two of them.
private struct DeclaredType {
  let type: ColumnType
  let currencyColumn: String?

  private static let plain: KeyValuePairs<String, ColumnType> = [
    "text": .text, "uuid": .uuid, "uuids": .uuidList, "int": .int64, "smallint": .int16,
    "float": .float64,
    "bool": .bool, "date": .date, "timestamp": .timestamp, "json": .json, "bytes": .bytes,
  ]
  private static let words = plain.map(\.key) + ["money(currency)", "decimal(scale)"]
  /// Names that PostgreSQL or other tools use for the same.
  private static let otherNames = [
    "integer": "int", "bigint": "int", "int8": "int", "int4": "int", "int2": "smallint",
    "varchar": "text", "char": "text", "string": "text", "boolean": "bool",
    "timestamptz": "timestamp", "datetime": "timestamp", "numeric": "decimal(scale)",
    "decimal": "decimal(scale)", "double": "float", "real": "float", "number": "decimal(scale)",
    "money": "money(currency)", "jsonb": "json", "bytea": "bytes",
  ]

  init(_ text: String, at mark: Mark) throws(DocumentError) {
    if let match = Self.plain.first(where: { $0.key == text }) {
      (type, currencyColumn) = (match.value, nil)
      return
    }
    let (word, argument) = Self.parts(text)
    switch (word, argument) {
    case ("money", let column?) where isName(column):
      (type, currencyColumn) = (.money, column)
    case ("money", _?):
      throw .unexpected(
        mark, found: quoted(text),
        expected: "money(NAME) with the name of the column that holds the currency",
        suggestion: nil)
    case ("decimal", let digits?):
      guard let scale = Int(digits), (0...18).contains(scale) else {
        throw .unexpected(
          mark, found: quoted(text),
          expected: "decimal(SCALE) with 0 to 18 digits behind the point",
          suggestion: nil)
      }
      (type, currencyColumn) = (.decimal(scale: scale), nil)
    default:
      throw .unexpected(
        mark, found: quoted(text), expected: listed(Self.words),
        suggestion: Self.otherNames[word.lowercased()]
          ?? Suggestion.closest(to: text, among: Self.words))
    }
  }

  /// A type as a dataset file writes it.
  static func text(_ type: ColumnType, currencyColumn: String?) -> String {
    if let currencyColumn { return "money(\(currencyColumn))" }
    if case .decimal(let scale) = type { return "decimal(\(scale))" }
    return plain.first { $0.value == type }?.key ?? "\(type)"
  }

  /// The word and what stands in parentheses behind it.
  private static func parts(_ text: String) -> (word: String, argument: String?) {
    guard text.hasSuffix(")"), let open = text.firstIndex(of: "(") else { return (text, nil) }
    return (
      String(text[..<open]), trimmed(text[text.index(after: open)...].dropLast())
    )
  }
}

/// The text without white space at its ends.
func trimmed(_ text: some BidirectionalCollection<Character>) -> String {
  let start = text.drop(while: \.isWhitespace)
  let end = start.reversed().prefix(while: \.isWhitespace).count
  return String(start.dropLast(end))
}
