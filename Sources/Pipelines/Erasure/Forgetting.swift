package import AlmanacCore
import Codecs
import Postgres

/// Forgets companies and users of companies, in the target and in the data folder (DECISIONS.md,
/// D-557).
///
/// One transaction takes the one to forget out of all tables and records it in `almanac.forgotten`.
/// Then the data folder is rewritten, which its new manifest makes count at once. A call that ended
/// between the two is finished by the next one, and by the next run before it reads anything.
package struct Forgetting {
  private let lock: RunLock
  private let directory: DataDirectory
  private let project: Project

  /// What was done for somebody.
  package struct Report: Sendable, Equatable {
    /// The tables of the target of which rows were removed or lost the name.
    package var tables: [LedgerPruning.Removal]
    /// The datasets of the data folder of which rows were rewritten.
    package var datasets: [LedgerPruning.Removal]
    /// Whether the one was forgotten by an earlier call, which this one only finished.
    package var wasForgotten = false
  }

  /// Forgetting behind the fence of a lock.
  ///
  /// - Parameters:
  ///   - lock: the run lock, which keeps runs from writing meanwhile.
  ///   - directory: the data folder, locked.
  ///   - project: the definitions, which tell whose rows are whose.
  package init(_ lock: RunLock, directory: DataDirectory, project: Project) {
    self.lock = lock
    self.directory = directory
    self.project = project
  }

  /// Forgets a company, or a user of it.
  ///
  /// - Parameters:
  ///   - company: the company.
  ///   - user: the user; `nil` for the company with all that is its own.
  ///   - asker: who asks, for the record.
  /// - Returns: what was removed and rewritten.
  /// - Throws: ``ErasureError``, ``PipelineError/lockLost``, a `PostgresError`, `FileError`; what is
  ///   recorded by then is finished by the next call or run.
  package func forget(_ company: UUIDValue, user: UUIDValue?, by asker: String) throws -> Report {
    let known = try records()
    let salt = known.first?.one.salt ?? Forgotten.randomSalt()
    let one = Forgotten(company: company, user: user, salt: salt)
    if known.contains(where: { $0.one == one }) {
      let rows = try rewrite()
      return Report(tables: [], datasets: rows, wasForgotten: true)
    }
    let standIn = Forgetting.randomIdentifier()
    let held = try DataErasure(
      directory: directory, project: project, list: [one], standIns: [standIn],
      instant: Timestamp(microseconds: 0)
    ).count()
    let tables = try lock.write { connection in
      let tables = try TableErasure(company: company, user: user, standIn: standIn)
        .run(on: connection)
      guard !tables.isEmpty || !held.isEmpty else { throw Forgetting.unknown(company, user) }
      try connection.run(
        """
        INSERT INTO almanac.forgotten (kind, salt, digest, stand_in, rows_removed, asked_by)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        [
          one.isUser ? "user" : "company", one.salt, one.digest, standIn.description,
          String(tables.reduce(0) { $0 + $1.rows }), asker,
        ])
      return tables
    }
    let datasets = try rewrite()
    try vacuum(tables)
    return Report(tables: tables, datasets: datasets)
  }

  /// What forgetting would remove and rewrite, found by doing it in a transaction that is rolled back.
  package func preview(_ company: UUIDValue, user: UUIDValue?) throws -> Report {
    struct Previewed: Error {
      let tables: [LedgerPruning.Removal]
    }
    let standIn = Forgetting.randomIdentifier()
    let held = try DataErasure(
      directory: directory, project: project,
      list: [Forgotten(company: company, user: user, salt: Forgotten.randomSalt())],
      standIns: [standIn], instant: Timestamp(microseconds: 0)
    ).count()
    var tables: [LedgerPruning.Removal] = []
    do {
      try lock.write { connection in
        throw Previewed(
          tables: try TableErasure(company: company, user: user, standIn: standIn)
            .run(on: connection))
      }
    } catch let error as Previewed {
      tables = error.tables
    }
    guard !tables.isEmpty || !held.isEmpty else { throw Forgetting.unknown(company, user) }
    return Report(tables: tables, datasets: Forgetting.removals(held))
  }

  /// Does what calls that ended too early, or that did not see this data folder, left to do.
  ///
  /// - Returns: what to tell of it.
  package func catchUp() throws -> [String] {
    let rows = try rewrite().reduce(0) { $0 + $1.rows }
    return rows == 0
      ? []
      : [
        "\(counted(rows, "row")) of the data folder \(rows == 1 ? "was" : "were") of companies or "
          + "users that are forgotten; they name nobody now"
      ]
  }

  private static func unknown(_ company: UUIDValue, _ user: UUIDValue?) -> ErasureError {
    .unknown(what: user.map { "user \($0) of company \(company)" } ?? "company \(company)")
  }

  private static func removals(
    _ rows: [(dataset: String, rows: Int)]
  ) -> [LedgerPruning.Removal] {
    rows.map { LedgerPruning.Removal(table: $0.dataset, rows: $0.rows) }
  }

  private static func randomIdentifier() -> UUIDValue {
    var random = SystemRandomNumberGenerator()
    return UUIDValue(version8: (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) })
  }

  /// One that is forgotten, as the target has it.
  private struct Record {
    var id: String
    var one: Forgotten
    var standIn: UUIDValue?
    var isFinished: Bool
    var askedAt: Timestamp
  }

  private func records() throws -> [Record] {
    let rows = try lock.connection.query(
      """
      SELECT forgotten_id, kind = 'user' AS is_user, salt, digest, stand_in,
        finished_at IS NOT NULL AS is_finished,
        (extract(epoch FROM asked_at) * 1000000)::int8::text AS asked
      FROM almanac.forgotten ORDER BY forgotten_id
      """)
    return (0..<rows.count).map { row in
      Record(
        id: rows[row, "forgotten_id"] ?? "",
        one: Forgotten(
          salt: rows[row, "salt"] ?? "", digest: rows[row, "digest"] ?? "",
          isUser: rows[row, "is_user"] == "t"),
        standIn: rows[row, "stand_in"].flatMap { UUIDValue($0) },
        isFinished: rows[row, "is_finished"] == "t",
        askedAt: Timestamp(microseconds: rows[row, "asked"].flatMap { Int64($0) } ?? 0))
    }
  }

  /// Rewrites the data folder for all that it does not know to be forgotten, and records that.
  private func rewrite() throws -> [LedgerPruning.Removal] {
    let records = try records()
    let known = Set(directory.manifest.forgotten ?? [])
    let open = records.filter { !known.contains($0.one) }
    var rows: [(dataset: String, rows: Int)] = []
    if let last = open.last {
      rows = try DataErasure(
        directory: directory, project: project, list: open.map(\.one),
        standIns: open.map { $0.standIn ?? Forgetting.randomIdentifier() }, instant: last.askedAt
      ).run()
    }
    if records.contains(where: { !$0.isFinished }) {
      // A call that ended after its manifest was written may have left the files of before.
      try directory.removeStrayFiles()
      try lock.write { connection in
        try connection.run(
          """
          UPDATE almanac.forgotten SET finished_at = clock_timestamp(), stand_in = NULL,
            rows_rewritten = $1 WHERE finished_at IS NULL
          """, [String(rows.reduce(0) { $0 + $1.rows })])
      }
      // The old version of the row leads from the digest to the one that stands in.
      try lock.connection.run("VACUUM almanac.forgotten")
    }
    return Forgetting.removals(rows)
  }

  /// Takes what the server still keeps of removed rows out of its files.
  private func vacuum(_ tables: [LedgerPruning.Removal]) throws {
    for table in tables {
      let parts = table.table.split(separator: ".").map(String.init)
      try lock.connection.run("VACUUM \(QualifiedName(schema: parts[0], name: parts[1]))")
    }
  }
}
