import AlmanacCore
import Pipelines
import Postgres

/// `almanac init`: creates and migrates the schemas of the target.
package struct InitCommand: Command {
  package static let name = "init"
  package static let summary = "create or migrate the schemas in the target database"
  package static let help = """
    Usage: almanac init [--target URL]
           almanac init --print
           almanac init --check [--target URL]
           almanac init --roles [--print] [--target URL]
           almanac init --openapi

    Creates the schemas almanac, analytics, predictions and api in the target
    database, or brings them up to this version. Each migration is one
    transaction; a second call finds nothing to do. A database of a newer version
    is refused. No other command creates or alters anything there.

    --check compares tables, columns, keys, indexes, comments, views, functions,
    policies and rights with what the migrations make, lists each difference, and
    changes nothing: it runs the migrations in a transaction that it rolls back. It
    ends with 78 if anything differs or is missing.

    The connecting role needs CREATE on the database, and CREATEROLE unless the
    roles almanac_writer, almanac_api, almanac_reader and almanac_admin exist and
    it is a member of the first two.

    Options:
      --target URL  the database to write (default: $ALMANAC_TARGET, else
                    $ALMANAC_SOURCE, else PG*)
      --print       print the SQL and change nothing
      --check       tell what differs, and change nothing
      --roles       only the roles; an administrator may run what --print shows,
                    which also lets the role of the target use them
      --openapi     print the description of the functions of schema api as an
                    OpenAPI 3.1 document; needs no database

    Examples:
      almanac init --target postgresql://almanac@db.example/shop
      almanac init --roles --print --target "user=almanac dbname=shop" | psql shop
    """

  private let target: ConnectionSettings
  private let isPrinting: Bool
  private let isRolesOnly: Bool
  private let isChecking: Bool
  private let isDescribing: Bool

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    isPrinting = try scanner.flag("--print")
    isRolesOnly = try scanner.flag("--roles")
    isChecking = try scanner.flag("--check")
    isDescribing = try scanner.flag("--openapi")
    let others = isPrinting || isRolesOnly
    guard ![isChecking, isDescribing, others].filter({ $0 }).dropFirst().contains(true) else {
      throw UsageError("--check and --openapi stand alone, without --print and --roles")
    }
    target = try targetSettings(&scanner, environment: environment)
  }

  /// The SQL that creates the roles and lets the role of the target use them.
  private var rolesScript: String {
    guard let (role, database) = target.roleAndDatabase else { return Role.script }
    return Role.script(member: role, database: database)
  }

  package func run(in setting: CommandSetting) throws {
    if isDescribing {
      setting.console.print(ServiceDescription.text)
      return
    }
    if isPrinting {
      setting.console.print(isRolesOnly ? rolesScript : Migrator.script())
      return
    }
    let connection = try Connection(target, purpose: .target)
    if isRolesOnly {
      let created = try Migrator(connection).createRoles().map(\.rawValue)
      setting.console.print(
        created.isEmpty
          ? "The roles exist already." : "Created the roles \(created.joined(separator: ", ")).")
      return
    }
    if isChecking {
      try check(connection, setting.console)
      return
    }
    let applied = try Migrator(connection).migrate()
    for migration in applied {
      setting.console.print("applied migration \(migration.number): \(migration.name)")
    }
    setting.console.print(
      applied.isEmpty
        ? "The schemas in \(target.display) are up to date, version \(Migrations.latestVersion)."
        : "The schemas in \(target.display) are at version \(Migrations.latestVersion).")
  }

  /// Lists what differs from the migrations.
  private func check(_ connection: Connection, _ console: Console) throws {
    let drift = try SchemaDrift(Migrator(connection))
    console.print(drift.differences.map(\.description))
    guard drift.differences.isEmpty else {
      throw MigrationError.drift(differences: drift.differences.count)
    }
    try SchemaCheck.run(on: connection)
    console.print(
      "The schemas in \(target.display) are as version \(drift.version) makes them.")
  }
}
