package import Postgres

/// Brings the target's schema to the version this program needs.
///
/// The login role needs no superuser. It has to be a member of `almanac_writer` and `almanac_api`,
/// since these own what is created, and to have `CREATE` on the database unless the schemas are
/// there. With `CREATEROLE` it makes the roles itself and joins them; without, an administrator
/// runs ``Role/script(member:database:)`` once. The nightly run needs `almanac_writer` alone.
package struct Migrator {
  let connection: Connection
  let migrations: [Migration]

  /// A migrator for the database a connection leads to.
  ///
  /// - Parameters:
  ///   - connection: A connection to the target.
  ///   - migrations: The migrations to apply, numbered from 1 without gaps.
  package init(_ connection: Connection, migrations: [Migration] = Migrations.all) {
    precondition(migrations.map(\.number) == Array(1..<(migrations.count + 1)), "numbered from 1")
    self.connection = connection
    self.migrations = migrations
  }

  /// The version of the database; 0 if it has never been migrated.
  package func version() throws -> Int {
    try recorded().last?.number ?? 0
  }

  /// Throws unless the database has exactly the version this program needs.
  package func requireCurrent() throws {
    let version = try version()
    if version == 0 { throw MigrationError.notInitialised }
    if version < migrations.count {
      throw MigrationError.olderSchema(found: version, known: migrations.count)
    }
    if version > migrations.count {
      throw MigrationError.newerSchema(found: version, known: migrations.count)
    }
  }

  /// Creates the roles that are missing, as far as the login role may.
  ///
  /// Several sessions may do so at once, in different databases too.
  ///
  /// - Returns: The roles that were missing.
  /// - Throws: `MigrationError.missingRoles` or `.missingMembership` if an administrator has to do
  ///   it, or a `PostgresError`.
  @discardableResult
  package func createRoles() throws -> [Role] {
    let user = try LoginRole(connection)
    let missing = try missingRoles()
    if !missing.isEmpty {
      guard user.mayCreateRoles else {
        throw MigrationError.missingRoles(missing, user: user.name)
      }
      try connection.runScript(Role.script)
    }
    for role in Role.owners where try !isMember(of: role) {
      guard user.mayCreateRoles else {
        throw MigrationError.missingMembership(role, user: user.name)
      }
      do {
        try connection.runScript(role.scriptForOneself)
      } catch {
        // From version 16 on, only who created a role may grant it.
        guard case .server(let failure) = error, failure.state == .insufficientPrivilege else {
          throw error
        }
        throw MigrationError.missingMembership(role, user: user.name)
      }
    }
    return missing
  }

  /// Applies the migrations that are missing, each in a transaction of its own.
  ///
  /// Several sessions may do so at once: each migration is applied by one of them. If one fails,
  /// those before it stay.
  ///
  /// - Returns: The migrations this call applied; none if the database was current.
  /// - Throws: `MigrationError`, or a `PostgresError` if the connection fails.
  @discardableResult
  package func migrate() throws -> [Migration] {
    guard try next() != nil else { return [] }
    try createRoles()
    try verifySchemas()
    var applied: [Migration] = []
    while let migration = try connection.transaction(.readWrite, applyNext) {
      applied.append(migration)
    }
    return applied
  }

  /// The migrations above a version as a script to review, or to run with psql.
  package static func script(
    above version: Int = 0, of migrations: [Migration] = Migrations.all
  ) -> String {
    migrations.filter { $0.number > version }
      .map { "-- Migration \($0.number): \($0.name)\nBEGIN;\n\(statements(of: $0))COMMIT;\n" }
      .joined(separator: "\n")
  }

  /// The advisory lock of the transaction that applies a migration.
  static let lockKey: Int64 = 0x616c_6d61_6e61_6301

  /// A migration with its record, to be run in one transaction.
  static func statements(of migration: Migration) -> String {
    """
    SET LOCAL search_path TO pg_catalog, pg_temp;
    \(migration.sql)
    SET LOCAL ROLE \(Role.writer.rawValue);
    INSERT INTO almanac.migrations (version, name, checksum)
      VALUES (\(migration.number), '\(migration.name)', '\(migration.checksum)');

    """
  }

  /// Applies the first migration the database lacks, within a transaction; `nil` if there is none.
  private func applyNext() throws -> Migration? {
    // Held to the end of the transaction, so that what is read next stays true in it.
    try connection.run("SELECT pg_advisory_xact_lock($1::bigint)", [String(Migrator.lockKey)])
    guard let migration = try next() else { return nil }
    do {
      try connection.runScript(Migrator.statements(of: migration))
    } catch {
      throw MigrationError.refused(
        number: migration.number, name: migration.name, underlying: error)
    }
    return migration
  }

  /// The first migration the database lacks; `nil` if it is current.
  private func next() throws -> Migration? {
    let recorded = try recorded()
    try verify(recorded)
    return recorded.count < migrations.count ? migrations[recorded.count] : nil
  }

  /// The migrations the database has, in order.
  func recorded() throws -> [(number: Int, checksum: String)] {
    let table = try connection.query(
      """
      SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
      WHERE n.nspname = 'almanac' AND c.relname = 'migrations'
      """)
    guard table.count == 1 else { return [] }
    let rows = try connection.query(
      "SELECT version, checksum FROM almanac.migrations ORDER BY version")
    return (0..<rows.count).map { row in
      (number: rows[row, 0].flatMap { Int($0) } ?? 0, checksum: rows[row, 1] ?? "")
    }
  }

  /// Throws unless the recorded migrations are the first ones of those known.
  func verify(_ recorded: [(number: Int, checksum: String)]) throws {
    if let last = recorded.last, last.number > migrations.count {
      throw MigrationError.newerSchema(found: last.number, known: migrations.count)
    }
    for (migration, record) in zip(migrations, recorded)
    where record.number != migration.number || record.checksum != migration.checksum {
      throw MigrationError.editedMigration(number: migration.number, name: migration.name)
    }
  }

  /// The roles the cluster lacks.
  private func missingRoles() throws -> [Role] {
    let rows = try connection.query("SELECT rolname FROM pg_roles WHERE rolname LIKE 'almanac%'")
    let present = Set((0..<rows.count).compactMap { rows[$0, 0] })
    return Role.allCases.filter { !present.contains($0.rawValue) }
  }

  /// Whether the login role may act as a role, and for the writer also has its rights at once.
  ///
  /// From version 16 on a member may lack the right to `SET ROLE`; whoever creates a role is such a
  /// member of it.
  private func isMember(of role: Role) throws -> Bool {
    let right = connection.serverVersion >= 160_000 ? "set" : "member"
    let rights = role == .writer ? [right, "usage"] : [right]
    for right in rights {
      let answer = try connection.query(
        "SELECT pg_has_role(current_user, $1::name, $2)", [role.rawValue, right])
      if answer[0, 0] != "t" { return false }
    }
    return true
  }

  /// Throws unless the login role may create the schemas that are missing and those that are there
  /// admit the roles that use them.
  private func verifySchemas() throws {
    for schema in Schema.allCases {
      let rights = try connection.query(
        """
        SELECT has_schema_privilege($2::name, oid, 'CREATE')
          AND has_schema_privilege($2::name, oid, 'USAGE')
          AND (nspowner = $2::regrole OR has_schema_privilege($3::name, oid, 'USAGE'))
        FROM pg_namespace WHERE nspname = $1
        """, [schema.rawValue, schema.owner.rawValue, schema.reader.rawValue])
      if rights.count == 0 {
        try verifyDatabase()
      } else if rights[0, 0] != "t" {
        throw MigrationError.closedSchema(schema)
      }
    }
  }

  /// Throws unless the login role may create schemas in the database.
  private func verifyDatabase() throws {
    let database = try connection.query(
      """
      SELECT current_database(), current_user,
        has_database_privilege(current_database(), 'CREATE')
      """)
    guard database[0, 2] == "t" else {
      throw MigrationError.mayNotCreateSchemas(
        database: database[0, 0] ?? "", user: database[0, 1] ?? "")
    }
  }
}

/// What the role a connection logged in with may do.
private struct LoginRole {
  let name: String
  let mayCreateRoles: Bool

  init(_ connection: Connection) throws {
    let rows = try connection.query(
      "SELECT rolname, rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
    name = rows[0, 0] ?? ""
    mayCreateRoles = rows[0, 1] == "t"
  }
}
