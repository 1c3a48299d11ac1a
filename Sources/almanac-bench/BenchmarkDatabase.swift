import Postgres

extension BenchmarkOptions {
  /// What a connection needs to reach a database of the benchmarks' server.
  func settings(database: String) throws -> ConnectionSettings {
    try ConnectionSettings("host='\(socketFolder)' user=postgres dbname=\(database)")
  }

  /// The connection string of a database, for programs and for the drivers of peers.
  func url(database: String) -> String {
    let folder = socketFolder.replacing("/", with: "%2F")
    return "postgresql://postgres@\(folder)/\(database)"
  }

  /// A connection to a database.
  func connect(database: String) throws -> Connection {
    try Connection(
      settings(database: database), purpose: .target, applicationName: "almanac-bench")
  }

  /// Makes an empty database; one of that name is dropped.
  func createDatabase(_ database: String) throws {
    let server = try connect(database: "postgres")
    try server.run("DROP DATABASE IF EXISTS \(database)")
    try server.run("CREATE DATABASE \(database) TEMPLATE template0")
  }
}
