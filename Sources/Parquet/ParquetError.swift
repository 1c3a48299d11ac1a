package import AlmanacCore

/// Where in a Parquet file something is.
package struct ParquetLocation: Hashable, Sendable {
  /// The column, `nil` in the footer.
  package var column: String?
  /// The row group, from 0; `nil` in the footer.
  package var rowGroup: Int?
  /// The page within the column of the row group, the dictionary page included, from 0.
  package var page: Int?
  /// The byte offset in the file.
  package var offset: Int

  /// A place in the pages of a column, or in the footer where no column is given.
  package init(column: String? = nil, rowGroup: Int? = nil, page: Int? = nil, offset: Int) {
    self.column = column
    self.rowGroup = rowGroup
    self.page = page
    self.offset = offset
  }
}

/// Why a Parquet file cannot be read.
package enum ParquetError: ExitStatusConvertible, Equatable {
  /// The bytes contradict the format, a checksum, or one another.
  case corrupt(ParquetLocation, reason: String)
  /// The file is in order but uses something that is not read here.
  case unsupported(column: String?, feature: String)
  /// A value has no equal among the values of the column's type here.
  case unrepresentable(column: String, reason: String)
  /// A value has no place in a column of a file that is written.
  case unwritable(column: String, reason: String)
  /// The file has no column of a name asked for.
  case missingColumn(String, available: [String])
  /// The rows need more memory than is allowed.
  case tooLarge(maximumBytes: Int)

  /// Bad data; missing input where a column is missing.
  package var exitStatus: ExitStatus {
    if case .missingColumn = self { .missingInput } else { .badData }
  }

  /// What is wrong, where, and what to do.
  package var description: String {
    switch self {
    case .corrupt(let location, let reason):
      return "the Parquet file is damaged at \(location): \(reason): restore it or write it again"
    case .unsupported(let column, let feature):
      let place = column.map { "column \(shown($0)) of the Parquet file" } ?? "the Parquet file"
      return "\(place) uses \(feature), which is not supported: "
        + "write it with flat columns, and zstd, Snappy or no compression"
    case .unrepresentable(let column, let reason):
      return "column \(shown(column)) of the Parquet file cannot be read: \(reason)"
    case .unwritable(let column, let reason):
      return "column \(shown(column)) cannot be written to Parquet: \(reason)"
    case .missingColumn(let name, let available):
      return "the Parquet file has no column \(shown(name))"
        + Suggestion.didYouMean(name, among: available.map(shown))
        + ": it has \(available.map(shown).joined(separator: ", "))"
    case .tooLarge(let maximumBytes):
      return "the Parquet file needs more than the \(maximumBytes) bytes of memory allowed: "
        + "split it into smaller files"
    }
  }
}

extension ParquetLocation: CustomStringConvertible {
  /// The place in words, outermost first.
  package var description: String {
    var parts = column.map { ["column \(shown($0))"] } ?? ["footer"]
    if let rowGroup { parts.append("row group \(rowGroup)") }
    if let page { parts.append("page \(page)") }
    parts.append("byte \(offset)")
    return parts.joined(separator: ", ")
  }
}

/// A name from a file, which may be damaged, on one line: without control characters, cut where it
/// is long.
private func shown(_ name: String) -> String {
  let scalars = name.unicodeScalars.prefix(100).map { scalar in
    scalar.properties.generalCategory == .control || scalar.properties.isWhitespace && scalar != " "
      ? "?" : Character(scalar)
  }
  return String(scalars) + (name.unicodeScalars.count > 100 ? "..." : "")
}

/// What the lowest level finds wrong; its caller knows the column and page and adds them.
enum DecodingFault: Error {
  /// The bytes contradict the format.
  case corrupt(String)
  /// Something that is not read here.
  case unsupported(String)
  /// A value without an equal here.
  case unrepresentable(String)
  /// More memory is needed than allowed.
  case tooLarge(maximumBytes: Int)

  /// The fault with its place.
  func located(_ location: ParquetLocation) -> ParquetError {
    switch self {
    case .corrupt(let reason): .corrupt(location, reason: reason)
    case .unsupported(let feature): .unsupported(column: location.column, feature: feature)
    case .unrepresentable(let reason):
      .unrepresentable(column: location.column ?? "", reason: reason)
    case .tooLarge(let maximumBytes): .tooLarge(maximumBytes: maximumBytes)
    }
  }
}
