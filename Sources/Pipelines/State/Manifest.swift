package import AlmanacCore
import Codecs
import FoundationEssentials

/// What a data directory holds: the one authority for its files.
///
/// A file that the manifest does not list does not count, whatever its name; a file that it lists
/// must be there with the digest it names.
package struct Manifest: Codable, Equatable, Sendable {
  /// One Parquet file.
  package struct Part: Codable, Equatable, Sendable {
    /// The path below the data directory.
    package var path: String
    /// The UTC day of the rows as `YYYY-MM-DD`; `nil` for a dataset without a time.
    package var date: String?
    /// The number of rows.
    package var rows: Int
    /// The size of the file.
    package var bytes: Int
    /// The SHA-256 of the file in hexadecimal.
    package var sha256: String
  }

  /// The state of one dataset.
  package struct Dataset: Codable, Equatable, Sendable {
    /// The cut the rows were read at.
    package var watermark: Watermark
    /// The digest of the dataset's definition: another definition, another extraction.
    package var definitionDigest: String
    /// The files, ordered by path.
    package var parts: [Part]

    /// The number of rows of all parts.
    package var rows: Int { parts.reduce(0) { $0 + $1.rows } }
    /// The size of all parts.
    package var bytes: Int { parts.reduce(0) { $0 + $1.bytes } }
  }

  /// The version of the manifest's form.
  package static let currentVersion = 1

  /// The version the file was written in.
  package var version = Manifest.currentVersion
  /// The identity of the data directory, as in its `directory-id` file.
  package var directoryID: String
  /// The datasets by name.
  package var datasets: [String: Dataset] = [:]

  /// A manifest of an empty directory.
  package init(directoryID: String) {
    self.directoryID = directoryID
  }

  /// The file's bytes: JSON with sorted keys, the same for equal manifests.
  package func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(self)) + [UInt8(ascii: "\n")]
  }

  /// Reads a manifest, or `nil` if the bytes are none.
  package static func decode(_ bytes: [UInt8]) -> Manifest? {
    try? JSONDecoder().decode(Manifest.self, from: Data(bytes))
  }

  /// The version that the bytes of a manifest name, whatever else is in them; `nil` if they are
  /// none.
  package static func version(of bytes: [UInt8]) -> Int? {
    struct Versioned: Decodable {
      var version: Int
    }
    return try? JSONDecoder().decode(Versioned.self, from: Data(bytes)).version
  }

  /// The SHA-256 of the encoded form in hexadecimal.
  package func digest() throws -> String { SHA256.hexadecimalDigest(of: try encoded()) }

  /// The dated parts of a dataset by UTC day.
  package func days(of dataset: String) -> DatasetDays {
    DatasetDays(datasets[dataset])
  }
}

/// The content of a dataset by UTC day.
package struct DatasetDays: Sendable {
  private var parts: [CalendarDate: [Manifest.Part]] = [:]
  private let definitionDigest: String

  init(_ dataset: Manifest.Dataset?) {
    definitionDigest = dataset?.definitionDigest ?? "absent"
    for part in dataset?.parts ?? [] {
      guard let date = part.date.flatMap({ CalendarDate($0) }) else { continue }
      parts[date, default: []].append(part)
    }
  }

  /// The days that have a part, in no particular order.
  package var dates: some Collection<CalendarDate> { parts.keys }

  /// The first and last day, `nil` where there is no dated part.
  ///
  /// Days after `limit` are left out unless there are no others: a row dated in the future says
  /// nothing about how far the data reach.
  package func range(through limit: CalendarDate? = nil) -> ClosedRange<CalendarDate>? {
    guard let first = parts.keys.min(), let newest = parts.keys.max() else { return nil }
    let last = limit.flatMap { limit in parts.keys.filter { $0 <= limit }.max() } ?? newest
    return first...last
  }

  /// The number of rows on some days.
  package func rowCount(_ days: ClosedRange<CalendarDate>) -> Int {
    days.reduce(0) { sum, day in sum + (parts[day] ?? []).reduce(0) { $0 + $1.rows } }
  }

  /// The digest of the rows on some days.
  ///
  /// Two extractions that hold the same parts for these days have equal digests, wherever and
  /// whenever they were made.
  package func digest(_ days: ClosedRange<CalendarDate>) -> String {
    var text = definitionDigest + "\n"
    for day in days {
      for part in parts[day] ?? [] { text += "\(day) \(part.rows) \(part.sha256)\n" }
    }
    return SHA256.hexadecimalDigest(of: text)
  }
}

/// The state of the source that an extraction saw.
package struct Watermark: Codable, Equatable, Sendable {
  /// The cut, as PostgreSQL prints a `pg_snapshot`.
  package var snapshot: String
  /// When the cut was taken by the source's clock, ISO 8601.
  package var takenAt: String
  /// The cluster's system identifier, or `unknown` where the role may not read it.
  package var systemIdentifier: String
  /// The oid of the database.
  package var databaseOID: String
  /// The oid of the table, or `nil` for a query.
  package var tableOID: String?
}
