/// One step of the target's schema: SQL that is applied once, whole, and never edited afterwards.
///
/// The SQL runs in a transaction of its own with `search_path` set to `pg_catalog`, so every other
/// name in it is qualified. It is valid on PostgreSQL 14 and newer.
package struct Migration: Hashable, Sendable {
  /// The number of the migration, from 1 without gaps.
  package let number: Int
  /// What it brings, in a word or two.
  package let name: String
  /// The statements, separated by semicolons.
  package let sql: String

  /// A migration of the given parts.
  package init(number: Int, name: String, sql: String) {
    self.number = number
    self.name = name
    self.sql = sql
  }

  /// A number that changes when the SQL is edited.
  ///
  /// The 64-bit Fowler-Noll-Vo hash (variant 1a) of the SQL, in hexadecimal: it guards against
  /// mistakes, not against malice.
  package var checksum: String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in sql.utf8 {
      hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
    }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

/// The migrations this program knows.
package enum Migrations {
  /// All of them, in order; the number of each is its place, from 1.
  package static let all: [Migration] = [
    .ledger, .rollups, .predictions, .api, .contracts, .restatements, .metrics, .anomalies,
    .usage, .companyZones, .serving, .reads, .rendering, .measures,
    .modelDecisions, .notifications, .accuracy, .forgotten, .featureDrift,
    .accuracyWords, .stageMemory, .paymentMeasures,
  ]

  /// The version a database has after all of them.
  package static var latestVersion: Int { all.count }
}
