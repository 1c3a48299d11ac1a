import AlmanacCore
import Pipelines
import Postgres

/// `almanac init`: creates and migrates the schemas of the target.
package struct InitCommand: Command {
  package static let name = "init"
  package static let summary = "create or migrate the schemas in the target database"
  package static let help = """
    Usage: almanac init [--target URL] [--format json]
           almanac init --print
           almanac init --check [--target URL] [--format json]
           almanac init --roles [--print] [--target URL] [--format json]
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
      --format FORMAT
                    text or json: what was done, or what differs (default: text)

    Examples:
      almanac init --target postgresql://almanac@db.example/shop
      almanac init --roles --print --target "user=almanac dbname=shop" | psql shop
    """

  private let target: ConnectionSettings
  private let isPrinting: Bool
  private let isRolesOnly: Bool
  private let isChecking: Bool
  private let isDescribing: Bool
  private let format: ReportFormat

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    isPrinting = try scanner.flag("--print")
    isRolesOnly = try scanner.flag("--roles")
    isChecking = try scanner.flag("--check")
    isDescribing = try scanner.flag("--openapi")
    format = try ReportFormat.option(&scanner)
    let others = isPrinting || isRolesOnly
    guard ![isChecking, isDescribing, others].filter({ $0 }).dropFirst().contains(true) else {
      throw UsageError("--check and --openapi stand alone, without --print and --roles")
    }
    guard format == .text || !(isPrinting || isDescribing) else {
      throw UsageError("--format json stands without --print and --openapi, which print documents")
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
      report(roles: try Migrator(connection).createRoles().map(\.rawValue), setting.console)
      return
    }
    if isChecking {
      try check(connection, setting.console)
      return
    }
    report(applied: try Migrator(connection).migrate(), setting.console)
  }

  /// Tells which roles were created.
  private func report(roles created: [String], _ console: Console) {
    switch format {
    case .text:
      console.print(
        created.isEmpty
          ? "The roles exist already." : "Created the roles \(created.joined(separator: ", ")).")
    case .json:
      console.print(JSONTree.object([("created", .array(created.map { .text($0) }))]).lines())
    }
  }

  /// Tells which migrations were applied.
  private func report(applied: [Migration], _ console: Console) {
    switch format {
    case .text:
      for migration in applied {
        console.print("applied migration \(migration.number): \(migration.name)")
      }
      let state = applied.isEmpty ? "up to date, version" : "at version"
      console.print("The schemas in \(target.display) are \(state) \(Migrations.latestVersion).")
    case .json:
      let migrations = applied.map { migration in
        JSONTree.object([("number", .integer(migration.number)), ("name", .text(migration.name))])
      }
      console.print(
        JSONTree.object([
          ("target", .text(target.display)), ("version", .integer(Migrations.latestVersion)),
          ("applied", .array(migrations)),
        ]).lines())
    }
  }

  /// Lists what differs from the migrations.
  private func check(_ connection: Connection, _ console: Console) throws {
    let drift = try SchemaDrift(Migrator(connection))
    switch format {
    case .text: console.print(drift.differences.map(\.description))
    case .json:
      console.print(
        JSONTree.object([
          ("target", .text(target.display)), ("version", .integer(drift.version)),
          ("differences", .array(drift.differences.map(InitCommand.json))),
        ]).lines())
    }
    guard drift.differences.isEmpty else {
      throw MigrationError.drift(differences: drift.differences.count)
    }
    try SchemaCheck.run(on: connection)
    if format == .text {
      console.print(
        "The schemas in \(target.display) are as version \(drift.version) makes them.")
    }
  }

  /// A difference with what was found and what was expected, null where there is none.
  private static func json(_ difference: SchemaDrift.Difference) -> JSONTree {
    let (kind, object, found, expected): (String, String, String?, String?) =
      switch difference {
      case .missing(let object): ("missing", object, nil, nil)
      case .foreign(let object): ("foreign", object, nil, nil)
      case .changed(let object, let found, let expected): ("changed", object, found, expected)
      }
    return .object([
      ("kind", .text(kind)), ("object", .text(object)), ("found", .optional(found)),
      ("expected", .optional(expected)),
    ])
  }
}
