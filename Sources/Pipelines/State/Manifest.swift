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
    /// What the rows of a part are.
    package enum Kind: String, Codable, Sendable {
      /// Rows of the source.
      case rows
      /// Rows of many days that an unfinished load keeps together until it ends.
      case loose
      /// Keys of rows that the source deleted, with the cut that first missed them.
      case tombstones
      /// Keys to leave out on the part's day: another day holds the row, recorded earlier.
      case repeats
    }

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
    /// What the rows are; rows of the source where a manifest does not tell.
    package var kind: Kind?
    /// The greatest transaction identifier that wrote one of the rows, widened to 64 bits; `nil`
    /// where the part stores none.
    package var maximumXID: Int64?
    /// The least such identifier; `nil` where the part stores none.
    package var minimumXID: Int64?

    /// Whether the part holds rows of the source.
    package var holdsRows: Bool { kind == nil || kind == .rows }
  }

  /// The state of one dataset.
  package struct Dataset: Codable, Equatable, Sendable {
    /// The cut the rows were read at.
    package var watermark: Watermark
    /// The digest of the dataset's definition: another definition, another extraction.
    package var definitionDigest: String
    /// The files, ordered by path.
    package var parts: [Part]
    /// When the first cut was taken, ISO 8601: what the source held before is not known.
    package var firstCut: String?
    /// The first UTC day that is kept, `YYYY-MM-DD`; earlier rows were pruned and are ignored.
    package var floor: String?
    /// The rows that the last increment without a bound found and that the bound would have left
    /// out; `nil` where no bound is declared.
    package var missedByBound: Int?
    /// The bound that they were counted for, in microseconds.
    package var missedBound: Int64?
    /// What the columns of the parts are for; `nil` where an older program wrote the manifest.
    package var layout: Layout?
    /// What the contract of the dataset has to look at that the parts do not tell; `nil` where it
    /// asks for nothing of the kind.
    package var unchecked: Unchecked?

    /// What extractions noticed since the contract last held.
    ///
    /// It outlives the run, so that what broke the contract one night still does when the run is
    /// repeated (DECISIONS.md, D-147).
    package struct Unchecked: Codable, Equatable, Sendable {
      /// The columns parsed from text.
      package var lifted: [LiftedValues]
      /// The UTC days that rows came to, `YYYY-MM-DD`, ascending.
      package var days: [String]
      /// Whether any day may have got rows.
      package var coversAllDays: Bool

      /// Nothing.
      static let nothing = Unchecked(lifted: [], days: [], coversAllDays: false)
    }

    /// The roles of a dataset's columns, and how its rows change.
    package struct Layout: Codable, Equatable, Sendable {
      /// The mode as the dataset's file writes it.
      package var mode: String
      /// The column that decides on the day of a row.
      package var time: String?
      /// The column that says when a row was recorded.
      package var recorded: String?
      /// The columns that identify a row.
      package var key: [String]
      /// What the source computes the time from; `nil` without a time, and where an older program
      /// wrote the manifest.
      package var timeSQL: String?
    }

    /// The number of rows of all parts.
    package var rows: Int { parts.reduce(0) { $0 + ($1.holdsRows ? $1.rows : 0) } }
    /// The size of all parts.
    package var bytes: Int { parts.reduce(0) { $0 + $1.bytes } }
  }

  /// How far the first reading of a large table has come.
  ///
  /// Chunks are read in transactions of their own, so this is no state of the source at one
  /// instant: the rows at or above ``horizon`` are read again under the cut that ends the load.
  package struct Load: Codable, Equatable, Sendable {
    /// Which source is read; its horizon is the lowest of all chunks'.
    package var watermark: Watermark
    /// The digest of the dataset's definition.
    package var definitionDigest: String
    /// The chunks of all relations, in the order of the relations and their blocks.
    package var chunks: [Chunk]

    /// The files of the chunks that are done.
    package var parts: [Part] { chunks.flatMap { $0.parts ?? [] } }

    /// A range of blocks of one relation.
    package struct Chunk: Codable, Equatable, Sendable {
      /// The relation's oid.
      package var relation: String
      /// The first block.
      package var start: Int
      /// The block after the last one; `nil` for all that follow.
      package var end: Int?
      /// The rows that were read, `nil` while the chunk is to be done.
      package var rows: Int?
      /// The files of these rows.
      package var parts: [Part]?
      /// How their values that arrive as text were read; `nil` where there are none.
      package var lifted: [LiftedValues]?
    }
  }

  /// The newest version of the manifest's form.
  package static let currentVersion = 3
  /// The version of a manifest without forgotten companies and users, which older programs read.
  package static let plainVersion = 2

  /// The version the file was written in.
  package var version = Manifest.plainVersion
  /// The identity of the data directory, as in its `directory-id` file.
  package var directoryID: String
  /// The datasets by name.
  package var datasets: [String: Dataset] = [:]
  /// The loads that have not ended, by dataset.
  package var loads: [String: Load]?
  /// Rows whose companies, or users that were their keys, were forgotten, by dataset: they count, and
  /// are not compared with the source (DECISIONS.md, D-557).
  package var apart: [String: Dataset]?
  /// Who was forgotten: nothing of them is read again.
  package var forgotten: [Forgotten]?
  /// What stands for forgotten companies: nothing is predicted for them.
  package var standIns: [String]?
  /// The digest of the manifest that the last extraction left, where commands changed it since.
  package var maintainedFrom: String?

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

  /// The paths of all files that count, those of loads that have not ended among them.
  package var paths: Set<String> {
    let parts =
      datasets.values.flatMap(\.parts) + (apart ?? [:]).values.flatMap(\.parts)
      + (loads ?? [:]).values.flatMap(\.parts)
    return Set(parts.map(\.path))
  }

  /// The paths of all files that count, and those of the indexes that may be beside them.
  var pathsWithIndexes: Set<String> {
    let paths = paths
    return paths.union(paths.map { PartIndex.path(ofPart: $0) })
  }

  /// The dated parts of a dataset by UTC day.
  package func days(of dataset: String) -> DatasetDays {
    DatasetDays(datasets[dataset], apart: apart?[dataset])
  }

  /// The entries of a dataset that hold rows: the one that is compared with the source, and that of
  /// forgotten companies.
  func entries(of dataset: String) -> [Dataset] {
    guard let entry = datasets[dataset] else { return [] }
    return [entry] + [apart?[dataset]].compactMap(\.self)
  }
}

/// The content of a dataset by UTC day.
package struct DatasetDays: Sendable {
  private var parts: [CalendarDate: [Manifest.Part]] = [:]
  private let definitionDigest: String

  init(_ dataset: Manifest.Dataset?, apart: Manifest.Dataset? = nil) {
    definitionDigest = dataset?.definitionDigest ?? "absent"
    for part in (dataset?.parts ?? []) + (dataset == nil ? [] : apart?.parts ?? []) {
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
    days.reduce(0) { sum, day in
      sum + (parts[day] ?? []).reduce(0) { $0 + ($1.holdsRows ? $1.rows : 0) }
    }
  }

  /// The digest of the rows on some days.
  ///
  /// Two extractions that hold the same parts for these days have equal digests, wherever and
  /// whenever they were made.
  package func digest(_ days: ClosedRange<CalendarDate>) -> String {
    digest(days, without: [])
  }

  private func digest(_ days: ClosedRange<CalendarDate>, without paths: Set<String>) -> String {
    var text = definitionDigest + "\n"
    for day in days {
      for part in parts[day] ?? [] where !paths.contains(part.path) {
        text += "\(day) \(part.rows) \(part.sha256)\n"
      }
    }
    return SHA256.hexadecimalDigest(of: text)
  }

  /// The parts of rows that were added to some days since they had a digest.
  ///
  /// Tried are the sets of parts that a few late batches make: those of the newest transactions, and
  /// the smallest of one transaction.
  ///
  /// - Parameters:
  ///   - days: the UTC days.
  ///   - isKnown: whether a digest is the one of before.
  /// - Returns: the parts if nothing else changed, `nil` where that cannot be told.
  func added(
    to days: ClosedRange<CalendarDate>, since isKnown: (String) -> Bool
  ) -> [Manifest.Part]? {
    let lists = days.map { day in
      (parts[day] ?? []).filter(\.holdsRows).sorted { left, right in
        (left.maximumXID ?? 0, right.rows) < (right.maximumXID ?? 0, left.rows)
      }
    }.filter { !$0.isEmpty }
    // How many of each day's newest parts are left out, the fewest first.
    var choices: [[Int]] = [[]]
    for list in lists {
      choices = choices.flatMap { choice in
        (0...min(list.count, DatasetDays.maximumLateParts)).map { choice + [$0] }
      }
    }
    choices.sort { $0.reduce(0, +) < $1.reduce(0, +) }
    for choice in choices.dropFirst().prefix(DatasetDays.maximumChoices) {
      let left = zip(lists, choice).flatMap { $0.suffix($1) }
      if isKnown(digest(days, without: Set(left.map(\.path)))) { return left }
    }
    return nil
  }

  /// The most parts of a day that are taken for late ones.
  private static let maximumLateParts = 4
  /// The most sets of late parts that are tried.
  private static let maximumChoices = 64
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
  /// The timeline of the cluster's write-ahead log, `nil` where it could not be told.
  ///
  /// A cluster that was restored or promoted continues on another one and may give out identifiers
  /// anew.
  package var timeline: Int?
  /// The tables whose blocks hold the rows: the table itself, or the leaves of a partitioned one.
  package var relations: [Relation]?
  /// The lowest transaction identifier that was not known to be finished, widened to 64 bits: the
  /// next increment reads the rows written by it or later ones.
  package var horizon: Int64?
  /// A position in the cluster's log behind all that the cut showed, as PostgreSQL prints a `pg_lsn`;
  /// `nil` where the role may not read it.
  package var logPosition: String?
  /// A position up to which a primary's log was on its disk, which it cannot be behind again; `nil`
  /// where it is not known.
  package var flushedPosition: String?
  /// An instant at or before the begin of every transaction that was open or prepared at the cut,
  /// ISO 8601; `nil` where the role may not see it.
  package var oldestTransaction: String?
  /// An instant up to which the cut shows all changes, ISO 8601, in mode overlap: of a primary its
  /// clock, of a standby the last commit that it had replayed; `nil` where that is not known.
  package var changedThrough: String?
  /// When the last increment without a bound on the recorded clock was read, ISO 8601.
  package var unboundedAt: String?
  /// The horizon of that cut, where later increments were bounded; the next one without a bound
  /// begins there.
  package var unboundedHorizon: Int64?

  /// A table with blocks of its own.
  package struct Relation: Codable, Hashable, Sendable {
    /// Its oid.
    package var oid: String
    /// The number of its file, which changes when it is truncated or rewritten.
    package var filenode: String
  }
}
