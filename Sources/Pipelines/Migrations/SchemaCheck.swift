package import Postgres

/// What every command that uses the target asks first.
package enum SchemaCheck {
  /// Throws `MigrationError.notInitialised`, `.olderSchema` or `.newerSchema` unless the target has
  /// the schema this program needs; the message tells to run `almanac init`.
  package static func run(on target: Connection) throws {
    try Migrator(target).requireCurrent()
  }
}
