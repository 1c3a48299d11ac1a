package import AlmanacCore
package import Postgres

/// Why the target's schema is not as this program needs it.
package enum MigrationError: Error, Hashable {
  /// Roles are missing and the login role may not create them.
  case missingRoles([Role], user: String)
  /// The login role is not a member of a role that has to own something.
  case missingMembership(Role, user: String)
  /// The login role may not create schemas in the database.
  case mayNotCreateSchemas(database: String, user: String)
  /// A schema is there already and does not admit the roles that have to use it.
  case closedSchema(Schema)
  /// A newer program has migrated the database.
  case newerSchema(found: Int, known: Int)
  /// The recorded migrations have a gap, or one has another text than this program knows.
  case editedMigration(number: Int, name: String)
  /// The database has never been migrated.
  case notInitialised
  /// The database lacks migrations.
  case olderSchema(found: Int, known: Int)
  /// The target's objects are not those that the migrations make.
  case drift(differences: Int)
  /// The login role may not make the objects that those of the target are compared with.
  case mayNotCompare(user: String)
  /// The server refused a migration, of which nothing was kept.
  case refused(number: Int, name: String, underlying: PostgresError)
}

extension MigrationError: ExitStatusConvertible {
  /// The status the program exits with when nothing handles the error.
  package var exitStatus: ExitStatus {
    switch self {
    case .missingRoles, .missingMembership, .mayNotCreateSchemas, .closedSchema, .mayNotCompare:
      .noPermission
    case .newerSchema, .editedMigration, .notInitialised, .olderSchema, .drift: .configuration
    case .refused(_, _, let underlying): underlying.exitStatus
    }
  }

  /// One line: what is wrong and what to do.
  package var description: String {
    let roles = "'almanac init --roles --print | psql' as an administrator"
    switch self {
    case .missingRoles(let missing, let user):
      return "\(missing.map(\.rawValue).joined(separator: ", ")) missing and \(user) may not "
        + "create roles; run \(roles): it creates them and grants "
        + "\(Role.owners.map(\.rawValue).joined(separator: " and ")) to \(user)"
    case .missingMembership(let role, let user):
      return "\(user) is not a member of \(role.rawValue); run \(roles): it grants "
        + "\(role.rawValue) to \(user)"
    case .mayNotCreateSchemas(let database, let user):
      return "\(user) may not create schemas in database \(database); run \(roles): it grants "
        + "CREATE on the database to \(user)"
    case .closedSchema(let schema):
      return "schema \(schema.rawValue) exists and does not admit \(schema.owner.rawValue) and "
        + "\(schema.reader.rawValue); as its owner run: \(schema.neededGrants)"
    case .newerSchema(let found, let known):
      return "the target has schema version \(found), this program knows versions up to \(known); "
        + "install the newer program"
    case .editedMigration(let number, let name):
      return "migration \(number) (\(name)) of the target is not the one this program knows; "
        + "use the program that applied it, or another target"
    case .notInitialised:
      return "the target has no almanac schema; run 'almanac init' first"
    case .olderSchema(let found, let known):
      return "the target has schema version \(found), this program needs \(known); "
        + "run 'almanac init' first"
    case .drift(let differences):
      return "the schemas of the target differ from what `almanac init --print` makes in "
        + "\(counted(differences, "place")); undo what was changed there"
    case .mayNotCompare(let user):
      return "\(user) may not make the schemas that those of the target are compared with; run "
        + "'almanac init --check' as their owner, with CREATE on the database"
    case .refused(let number, let name, let underlying):
      return "migration \(number) (\(name)) was refused and nothing of it kept: \(underlying)"
    }
  }
}

extension MigrationError: CustomDebugStringConvertible {
  /// The description, with what the server added to its refusal.
  package var debugDescription: String {
    guard case .refused(let number, let name, let underlying) = self else { return description }
    return "migration \(number) (\(name)) was refused and nothing of it kept: "
      + underlying.debugDescription
  }
}
