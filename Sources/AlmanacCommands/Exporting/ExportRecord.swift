import Codecs
import Files
import FoundationEssentials

/// What an export has written into a folder, so that another one goes on where it ended.
struct ExportRecord: Codable, Equatable {
  /// A file that is whole.
  struct File: Codable, Equatable {
    var name: String
    var rows: Int
    var bytes: Int
    /// The SHA-256 of its bytes; nil in the record of an older version, whose files are not trusted.
    var sha256: String?

    /// The SHA-256 of a file's bytes, in hexadecimal digits.
    static func digest(of path: String) throws(FileError) -> String {
      let file = try RandomAccessFile(path)
      var digest = SHA256()
      for start in stride(from: 0, to: file.byteCount, by: block) {
        let bytes = try file.read(start..<min(start + block, file.byteCount))
        digest.update(bytes.span)
      }
      return SHA256.hexadecimal(digest.finalize())
    }

    private static let block = 1 << 20
  }

  /// The file's name in the folder.
  static let name = "export.json"

  /// What was asked for: subject, format, table and company.
  var request: String
  /// The publication and the last computed interval: while both stay, rows stay the same.
  var state: String
  var files: [File] = []

  /// The record of a folder that is locked; nil where there is none yet.
  ///
  /// - Throws: ``ExportError/foreignFolder(_:)`` where the folder holds files and no
  ///   record, or one that lists a file which no export writes.
  static func read(in folder: String) throws -> ExportRecord? {
    let path = folder + "/" + name
    guard try FileSystem.exists(path) else {
      let others = try FileSystem.list(folder).filter { !$0.hasPrefix(".") }
      guard others.isEmpty else { throw ExportError.foreignFolder(folder) }
      return nil
    }
    guard
      let record = try? JSONDecoder().decode(
        ExportRecord.self, from: Data(try FileSystem.read(path)))
    else { throw ExportError.foreignFolder(folder) }
    // Files that it lists are deleted; one that names other places is not of an export.
    let known = Set(
      ExportSubject.allCases.flatMap { subject in
        subject.tables.flatMap { table in
          ExportFormat.allCases.map { "\(table).\($0.rawValue)" }
        }
      })
    guard record.files.allSatisfy({ known.contains($0.name) }) else {
      throw ExportError.foreignFolder(folder)
    }
    return record
  }

  /// Whether a file that the record lists is there as it was written.
  func holds(_ file: String, in folder: String) throws -> Bool {
    guard let listed = files.first(where: { $0.name == file }) else { return false }
    let path = folder + "/" + file
    guard let digest = listed.sha256, try FileSystem.exists(path),
      try FileSystem.size(of: path) == listed.bytes
    else { return false }
    return try File.digest(of: path) == digest
  }

  /// Writes the record.
  func write(in folder: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    try FileSystem.writeAtomically(
      Array(try encoder.encode(self)) + [10], to: folder + "/" + ExportRecord.name)
  }
}
