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
           almanac init --roles --print [--target URL]

    Creates the schemas almanac, analytics, predictions and api in the target
    database, or brings them up to this version. Each migration is one
    transaction; a second call finds nothing to do. A database of a newer version
    is refused.

    The connecting role needs CREATE on the database, and CREATEROLE unless the
    roles almanac_writer, almanac_api, almanac_reader and almanac_admin exist and
    it is a member of the first two.

    Options:
      --target URL  the database to write (default: $ALMANAC_TARGET, else
                    $ALMANAC_SOURCE, else PG*)
      --print       print the SQL and change nothing
      --roles       only the roles; an administrator may run what --print shows,
                    which also lets the role of the target use them

    Examples:
      almanac init --target postgresql://almanac@db.example/shop
      almanac init --roles --print --target "user=almanac dbname=shop" | psql shop
    """

  private let target: ConnectionSettings
  private let isPrinting: Bool
  private let isRolesOnly: Bool

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    isPrinting = try scanner.flag("--print")
    isRolesOnly = try scanner.flag("--roles")
    target = try targetSettings(&scanner, environment: environment)
  }

  /// The SQL that creates the roles and lets the role of the target use them.
  private var rolesScript: String {
    guard let (role, database) = target.roleAndDatabase else { return Role.script }
    return Role.script(member: role, database: database)
  }

  package func run(in setting: CommandSetting) throws {
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
    let applied = try Migrator(connection).migrate()
    for migration in applied {
      setting.console.print("applied migration \(migration.number): \(migration.name)")
    }
    setting.console.print(
      applied.isEmpty
        ? "The schemas in \(target.display) are up to date, version \(Migrations.latestVersion)."
        : "The schemas in \(target.display) are at version \(Migrations.latestVersion).")
  }
}
