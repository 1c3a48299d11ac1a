package import Postgres

/// How the objects of the target differ from those that the migrations make.
///
/// What should be there is not written down anywhere: the migrations are run once more, beside the
/// target's own schemas and in a transaction that is rolled back, so that both sides come from the
/// same server and one version of PostgreSQL cannot be taken for a change. Readers are not kept
/// waiting: schemas are renamed for that transaction alone, and no relation is locked.
package struct SchemaDrift {
  /// One object that differs.
  package enum Difference: Hashable, Sendable, CustomStringConvertible {
    /// The migrations make it and the target lacks it.
    case missing(object: String)
    /// The target has it and the migrations do not make it.
    case foreign(object: String)
    /// The target has another one.
    case changed(object: String, found: String, expected: String)

    /// One line.
    package var description: String {
      switch self {
      case .missing(let object): return "missing: \(object)"
      case .foreign(let object): return "not of Almanac: \(object)"
      case .changed(let object, let found, let expected):
        let isShort = found.utf8.count + expected.utf8.count < 200
        let text = isShort ? ": \(found) instead of \(expected)" : ""
        return "changed: \(object)\(text)".split(whereSeparator: \.isNewline)
          .joined(separator: " ")
      }
    }
  }

  /// The differences, by object.
  package let differences: [Difference]
  /// The version of the target.
  package let version: Int

  /// Compares the target with what the migrations it has make.
  ///
  /// - Throws: `MigrationError.notInitialised`, `.newerSchema`, `.editedMigration`,
  ///   `.mayNotCompare`, or a `PostgresError`.
  package init(_ migrator: Migrator) throws {
    let connection = migrator.connection
    let recorded = try migrator.recorded()
    try migrator.verify(recorded)
    guard !recorded.isEmpty else { throw MigrationError.notInitialised }
    version = recorded.count
    let applied = migrator.migrations.prefix(recorded.count)
    var found: [Object] = []
    var expected: [Object] = []
    do {
      try connection.transaction(.readWrite) {
        try connection.run("SELECT pg_advisory_xact_lock($1::bigint)", [String(Migrator.lockKey)])
        found = try SchemaDrift.objects(connection)
        for schema in Schema.allCases where try SchemaDrift.exists(schema, on: connection) {
          try connection.run(
            "ALTER SCHEMA \(schema.rawValue) RENAME TO almanac_compared_\(schema.rawValue)")
        }
        for migration in applied {
          // Each leaves the role of its last owner behind, which ends with its own transaction.
          try connection.runScript("SET LOCAL ROLE NONE;" + Migrator.statements(of: migration))
        }
        expected = try SchemaDrift.objects(connection)
        throw Undone()
      }
    } catch is Undone {
      // Both sides are known by now.
    } catch let error as PostgresError {
      guard case .server(let failure) = error, failure.state == .insufficientPrivilege else {
        throw error
      }
      let user = try connection.query("SELECT current_user AS name")
      throw MigrationError.mayNotCompare(user: user[0, "name"] ?? "")
    }
    differences =
      SchemaDrift.differences(found: found, expected: expected)
      + (try SchemaDrift.overpowered(Role.allCases.map(\.rawValue), on: connection))
  }

  /// Those of some roles that row-level security does not hold back.
  ///
  /// Roles belong to the whole server and are not made again for the comparison.
  package static func overpowered(
    _ roles: [String], on connection: Connection
  ) throws -> [Difference] {
    let rows = try connection.query(
      """
      SELECT rolname, concat_ws(' ', CASE WHEN rolsuper THEN 'SUPERUSER' END,
        CASE WHEN rolbypassrls THEN 'BYPASSRLS' END) AS rights
      FROM pg_catalog.pg_roles
      WHERE rolname = ANY ($1::text[]) AND (rolsuper OR rolbypassrls) ORDER BY rolname
      """, ["{" + roles.joined(separator: ",") + "}"])
    return (0..<rows.count).map { row in
      let rights = rows[row, "rights"] ?? ""
      return .changed(
        object: "role \(rows[row, "rolname"] ?? "")", found: rights,
        expected: rights.split(separator: " ").map { "NO" + $0 }.joined(separator: " "))
    }
  }

  /// Whether the target has a schema; an early version lacks some.
  private static func exists(_ schema: Schema, on connection: Connection) throws -> Bool {
    let rows = try connection.query(
      "SELECT to_regnamespace($1) IS NOT NULL AS found", [schema.rawValue])
    return rows[0, "found"] == "t"
  }

  /// What ends the transaction without keeping anything.
  private struct Undone: Error {}

  /// An object of the schemas with all that is compared.
  private struct Object {
    var name: String
    var definition: String
  }

  private static func differences(found: [Object], expected: [Object]) -> [Difference] {
    let there = Dictionary(uniqueKeysWithValues: found.map { ($0.name, $0.definition) })
    let wanted = Dictionary(uniqueKeysWithValues: expected.map { ($0.name, $0.definition) })
    var differences: [Difference] = []
    for name in Set(there.keys).union(wanted.keys).sorted() {
      switch (there[name], wanted[name]) {
      case (nil, _): differences.append(.missing(object: name))
      case (_, nil): differences.append(.foreign(object: name))
      case (let found?, let expected?) where found != expected:
        differences.append(.changed(object: name, found: found, expected: expected))
      default: break
      }
    }
    return differences
  }

  /// The objects of the four schemas.
  private static func objects(_ connection: Connection) throws -> [Object] {
    let rows = try connection.query(catalog)
    return (0..<rows.count).map { row in
      Object(name: rows[row, "object"] ?? "", definition: rows[row, "definition"] ?? "")
    }
  }

  private static let catalog = #"""
    WITH ours AS (
      SELECT oid, nspname FROM pg_catalog.pg_namespace
      WHERE nspname IN ('almanac', 'analytics', 'predictions', 'api')
    ), relations AS (
      SELECT c.*, ours.nspname || '.' || c.relname AS name
      FROM pg_catalog.pg_class AS c JOIN ours ON ours.oid = c.relnamespace
      WHERE c.relkind <> 'i' AND c.relkind <> 'I'
    )
    SELECT 'schema ' || n.nspname AS object,
      concat_ws('; ', 'owner ' || n.nspowner::regrole, 'rights ' ||
        (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(n.nspacl) AS a),
        obj_description(n.oid, 'pg_namespace')) AS definition
    FROM pg_catalog.pg_namespace AS n JOIN ours USING (oid)
    UNION ALL
    SELECT CASE relkind WHEN 'r' THEN 'table ' WHEN 'v' THEN 'view ' WHEN 'S' THEN 'sequence '
        ELSE 'relation ' END || name,
      concat_ws('; ', 'kind ' || relkind::text, 'owner ' || relowner::regrole, 'rights ' ||
        (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(relacl) AS a),
        CASE WHEN relrowsecurity THEN 'row-level security' END,
        CASE WHEN relforcerowsecurity THEN 'forced' END, 'persistence ' || relpersistence::text,
        'options ' || array_to_string(reloptions, ' '), obj_description(oid, 'pg_class'),
        CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(oid) END)
    FROM relations
    UNION ALL
    SELECT 'column ' || name || '.' || a.attname,
      concat_ws('; ', format_type(a.atttypid, a.atttypmod),
        CASE WHEN a.attnotnull THEN 'not null' END,
        'default ' || pg_get_expr(d.adbin, d.adrelid), nullif('identity ' || a.attidentity::text,
          'identity '), 'rights ' || a.attacl::text, col_description(a.attrelid, a.attnum))
    FROM relations
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = relations.oid AND a.attnum > 0
      AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE relkind <> 'S'
    UNION ALL
    SELECT 'constraint ' || k.conname || ' of ' || name,
      pg_get_constraintdef(k.oid) || CASE WHEN k.convalidated THEN '' ELSE '; not valid' END
    FROM relations JOIN pg_catalog.pg_constraint AS k ON k.conrelid = relations.oid
    UNION ALL
    SELECT 'index ' || x.indexrelid::regclass,
      pg_get_indexdef(x.indexrelid) || CASE WHEN x.indisvalid THEN '' ELSE '; not valid' END
    FROM relations JOIN pg_catalog.pg_index AS x ON x.indrelid = relations.oid
    UNION ALL
    SELECT 'policy ' || p.polname || ' of ' || name,
      concat_ws('; ', p.polcmd::text, CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END,
        (SELECT string_agg(r::regrole::text, ' ' ORDER BY r::regrole::text)
          FROM unnest(p.polroles) AS r),
        pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
    FROM relations JOIN pg_catalog.pg_policy AS p ON p.polrelid = relations.oid
    UNION ALL
    SELECT 'rule ' || r.rulename || ' of ' || name,
      pg_get_ruledef(r.oid) || '; enabled ' || r.ev_enabled::text
    FROM relations JOIN pg_catalog.pg_rewrite AS r ON r.ev_class = relations.oid
    WHERE r.rulename <> '_RETURN'
    UNION ALL
    SELECT 'trigger ' || t.tgname || ' of ' || name,
      pg_get_triggerdef(t.oid) || '; enabled ' || t.tgenabled::text
    FROM relations JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = relations.oid
    WHERE NOT t.tgisinternal
    UNION ALL
    SELECT 'function ' || p.oid::regprocedure,
      concat_ws('; ', 'owner ' || p.proowner::regrole, 'rights ' ||
        (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(p.proacl) AS a),
        obj_description(p.oid, 'pg_proc'),
        CASE WHEN p.prokind IN ('f', 'p', 'w') THEN pg_get_functiondef(p.oid) END)
    FROM pg_catalog.pg_proc AS p JOIN ours ON ours.oid = p.pronamespace
    """#
}
