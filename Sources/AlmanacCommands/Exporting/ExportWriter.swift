import Columns
import Files
import Parquet

/// What was written into a file.
struct WrittenFile {
  var rows: Int
  var bytes: Int
  /// The SHA-256 of its bytes in hexadecimal digits.
  var sha256: String
}

/// Writes the rows of one table into one file, batch by batch.
struct ExportWriter: ~Copyable {
  private var file: DigestedFile
  private let fields: [Field]
  private let format: ExportFormat
  /// The columns that hold JSON, which goes into a JSON file as it is.
  private let documents: Set<String>
  private var parquet: ParquetWriter
  /// The number of rows so far.
  private var rows = 0

  /// Begins a file.
  init(
    _ path: String, _ fields: [Field], documents: Set<String>, format: ExportFormat
  ) throws(FileError) {
    var file = try DigestedFile(path)
    switch format {
    case .csv:
      let header = fields.map { CellText.csv($0.name) }.joined(separator: ",") + "\n"
      try file.write(Array(header.utf8))
    case .json: try file.write(Array("[".utf8))
    case .parquet: break
    }
    self.file = file
    self.fields = fields
    self.documents = documents
    self.format = format
    // Sums may have more digits than 64 bits hold.
    let decimals = fields.filter { if case .decimal = $0.type { true } else { false } }
    parquet = ParquetWriter(
      fields, options: ParquetWriteOptions(wideDecimals: Set(decimals.map(\.name))))
  }

  /// Adds rows.
  mutating func append(_ batch: Batch) throws {
    switch format {
    case .parquet:
      try parquet.append(batch)
      for piece in parquet.takePieces() { try file.write(piece) }
    case .csv, .json:
      let columns = batch.columns
      let names = fields.map { CellText.json($0.name) }
      var text = ""
      for row in 0..<batch.rowCount {
        if format == .json { text += rows + row == 0 ? "\n  {" : ",\n  {" }
        for (index, field) in fields.enumerated() {
          let value = columns[index].value(row)
          if format == .csv {
            text += (index == 0 ? "" : ",") + CellText.csv(value, as: field.type)
          } else {
            text += (index == 0 ? "" : ", ") + names[index] + ": "
            if let value, documents.contains(field.name) {
              text += CellText.plain(value, as: field.type)
            } else {
              text += CellText.json(value, as: field.type)
            }
          }
        }
        text += format == .csv ? "\n" : "}"
      }
      try file.write(Array(text.utf8))
    }
    rows += batch.rowCount
  }

  /// Ends the file and gives it its name.
  consuming func finish() throws(FileError) -> WrittenFile {
    // A writer of Parquet that was given no rows makes nothing that is kept.
    let pieces = parquet.finish()
    switch format {
    case .csv: break
    case .json: try file.write(Array((rows == 0 ? "]\n" : "\n]\n").utf8))
    case .parquet: for piece in pieces { try file.write(piece) }
    }
    let (bytes, sha256) = try file.finish()
    return WrittenFile(rows: rows, bytes: bytes, sha256: sha256)
  }
}
