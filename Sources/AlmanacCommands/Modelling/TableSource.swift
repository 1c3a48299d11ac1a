import AlmanacCore
import Codecs
import Columns
import Files
import Postgres
import Regression
import SampleSources

/// Where a table to fit or score comes from: a CSV or Parquet file, or a query.
enum TableSource: Equatable {
  /// A file whose name ends in `.parquet`, or else CSV.
  case file(String)
  /// A query after `postgres:`.
  case query(String)

  init(_ text: String) {
    let prefix = "postgres:"
    self = text.hasPrefix(prefix) ? .query(String(text.dropFirst(prefix.count))) : .file(text)
  }

  /// The value of an option that may hold a query; it is no connection string.
  static func option(
    _ name: String, _ scanner: inout ArgumentScanner
  ) throws(UsageError) -> TableSource {
    guard let text = try scanner.value(name) else {
      throw UsageError(
        "\(name) is missing; give a CSV or Parquet file or 'postgres:SELECT …'")
    }
    return TableSource(text)
  }

  /// Reads the table.
  func read(_ settings: () throws -> ConnectionSettings) throws -> LoadedTable {
    switch self {
    case .file(let path) where path.hasSuffix(".parquet"):
      return try ParquetTable(path).load()
    case .file(let path):
      let bytes = try FileSystem.read(path)
      let digest = SHA256.hexadecimalDigest(of: bytes)
      return LoadedTable(table: try TableInference.table(csv: bytes, name: path), digest: digest)
    case .query(let query):
      let connection = try Connection(try settings(), purpose: .source)
      // A query of the user finds its tables where psql does (D-472).
      try connection.runScript("RESET search_path")
      let plain = query.trimmingSuffix(";")
      let names = try connection.describe(plain, source: "the query").map(\.name)
      guard Set(names).count == names.count else {
        throw TableError("the query gives two columns one name; rename one with AS")
      }
      // As text every type comes through, and types are inferred as for CSV.
      let list = names.map { "\(quoteIdentifier($0))::text" }.joined(separator: ", ")
      var batches: [Batch] = []
      try connection.copyOut(
        "SELECT \(list) FROM (\(plain)) AS data",
        fields: names.map { Field($0, .text, isNullable: true) }, source: "the query"
      ) { batches.append($0) }
      guard !batches.isEmpty else { throw TableError("the query gives no rows") }
      return LoadedTable(table: TableInference.table(of: batches), digest: nil)
    }
  }
}

/// A table with the digest of the file it came from.
struct LoadedTable {
  var table: Table
  /// SHA-256 of the file; `nil` for a query.
  var digest: String?
  /// Where columns are read when they are asked for, what went wrong with that.
  var failure: @Sendable () -> (any Error)? = { nil }

  /// What `body` makes of the table; a failure to read is thrown in place of what it led to.
  func use<Result>(_ body: (Table) throws -> Result) throws -> Result {
    do {
      let result = try body(table)
      if let failure = failure() { throw failure }
      return result
    } catch {
      throw failure() ?? error
    }
  }
}

/// A table that cannot be read as one.
struct TableError: ExitStatusConvertible, Equatable {
  let description: String
  var exitStatus: ExitStatus { .badData }

  init(_ description: String) { self.description = description }
}

extension String {
  /// The text without spaces, line breaks and the given end.
  fileprivate func trimmingSuffix(_ end: Character) -> String {
    var text = Substring(self)
    while let last = text.last, last.isWhitespace || last == end { text.removeLast() }
    return String(text)
  }
}
