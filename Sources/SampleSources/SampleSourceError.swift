package import AlmanacCore

/// Why a file of sample data cannot be read at all.
///
/// A single bad row is no error: it is refused, counted and listed.
package enum SampleSourceError: ExitStatusConvertible, Equatable {
  /// No file was given.
  case noFiles
  /// The first record of the file lacks columns.
  case missingColumns(file: String, names: [String])
  /// A quoted cell that begins in the record at `line` is never closed.
  case unterminatedQuote(file: String, line: Int)
  /// The file has more records than a row number can hold.
  case tooManyLines(file: String)

  /// One line that says what is wrong and what to do.
  package var description: String {
    switch self {
    case .noFiles:
      "no sample file found: put the .csv or .csv.zst files of the data set into its folder"
    case .missingColumns(let file, let names):
      "\(file): no column \(names.joined(separator: ", ")): the first line must name the columns"
    case .unterminatedQuote(let file, let line):
      "\(file), line \(line): a quoted cell is never closed: the file is damaged, fetch it again"
    case .tooManyLines(let file):
      "\(file): more than \(Int32.max) lines: split the file"
    }
  }

  /// Bad data, or missing input where there is no file.
  package var exitStatus: ExitStatus {
    self == .noFiles ? .missingInput : .badData
  }
}
