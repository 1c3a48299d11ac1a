import AlmanacCore
import Pipelines
import Postgres
import TestSupport

/// The database of the running test, with login roles of its own that are named after it.
struct MigrationTarget {
  /// The database's name, which the names of its login roles begin with.
  let name: String

  /// The database of the running test.
  init() {
    name = TestDatabase.current.name
  }

  /// A connection as the superuser.
  func administrator() throws -> Connection { try TestServer.connect(database: name) }

  /// A connection as one of the login roles.
  func connection(as user: String) throws -> Connection {
    try Connection(
      ConnectionSettings(TestServer.url(database: name, user: user)), purpose: .target)
  }

  /// Creates a login role without superuser, whose name ends with `suffix`; returns the name.
  ///
  /// `options` are attributes such as `CREATEROLE`, `groups` the roles it becomes a member of.
  @discardableResult
  func makeRole(_ suffix: String, _ options: String = "", memberOf groups: [String] = []) throws
    -> String
  {
    let role = "\(name)_\(suffix)"
    let administrator = try administrator()
    try administrator.runScript(Role.script)
    try administrator.run("CREATE ROLE \(role) LOGIN NOSUPERUSER \(options)")
    for group in groups { try administrator.run("GRANT \(group) TO \(role)") }
    return role
  }

  /// Creates the login role of a pipeline with all `almanac init` needs.
  func makePipelineRole() throws -> String {
    let role = try makeRole("pipeline", memberOf: Role.owners.map(\.rawValue))
    try administrator().run("GRANT CREATE ON DATABASE \(name) TO \(role)")
    return role
  }
}

extension Connection {
  /// The first value of a query's first row.
  func value(_ sql: String, _ parameters: [String?] = []) throws -> String? {
    try query(sql, parameters)[0, 0]
  }

  /// The first column of a query.
  func values(_ sql: String, _ parameters: [String?] = []) throws -> [String] {
    let rows = try query(sql, parameters)
    return (0..<rows.count).map { rows[$0, 0] ?? "null" }
  }
}

extension PostgresError {
  /// The error code of a statement the server refused.
  var code: String? {
    if case .server(let failure) = self { failure.state.rawValue } else { nil }
  }
}

/// The error code the server refuses `body` with; `nil` if it does not.
func refusal(_ body: () throws -> Void) throws -> String? {
  do {
    try body()
    return nil
  } catch let error as PostgresError {
    return error.code
  }
}
