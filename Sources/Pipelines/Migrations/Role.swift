import Postgres

/// The roles Almanac needs in the target's cluster; none of them may log in.
package enum Role: String, CaseIterable, Sendable {
  /// Owns the tables; the login role of the pipeline is a member.
  case writer = "almanac_writer"
  /// Owns the views and functions of `api`; row-level security applies to it.
  case api = "almanac_api"
  /// May use `api`, for the company in the setting `almanac.company_id`; readers are members.
  case reader = "almanac_reader"
  /// Sees the rows of all companies through `api`.
  case admin = "almanac_admin"

  /// The roles that own something; whoever migrates has to be a member of both.
  package static let owners: [Role] = [.writer, .api]

  /// What the role is for, in one line.
  private var purpose: String {
    switch self {
    case .writer: "Owns the tables of Almanac; the pipeline logs in as a member."
    case .api: "Owns the api views and functions of Almanac; row-level security applies to it."
    case .reader: "May use the api schema of Almanac, for one company at a time."
    case .admin: "Sees the rows of all companies through the api schema of Almanac."
    }
  }

  /// The statements that create the roles, for whoever may create roles.
  ///
  /// They may be run again, and at the same time from several databases: roles belong to the whole
  /// cluster, where no lock of one database keeps another out, so a role that somebody else creates
  /// meanwhile counts as created.
  package static let script: String = {
    var script = ""
    for role in allCases {
      script += guarded(
        """
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '\(role.rawValue)') THEN
            CREATE ROLE \(role.rawValue) NOLOGIN;
            COMMENT ON ROLE \(role.rawValue) IS '\(role.purpose)';
          END IF;
        """)
    }
    return script
      + guarded(
        """
        IF NOT pg_catalog.pg_has_role('\(admin.rawValue)', '\(reader.rawValue)', 'member') THEN
            GRANT \(reader.rawValue) TO \(admin.rawValue);
          END IF;
        """)
  }()

  /// The script an administrator runs once for a cluster and a database.
  ///
  /// - Parameters:
  ///   - member: The login role of the pipeline.
  ///   - database: The target's name.
  /// - Returns: Statements, separated by semicolons, that create the roles and give the login role
  ///   what `almanac init` and the nightly run need.
  package static func script(member: String, database: String) -> String {
    let owners = owners.map(\.rawValue).joined(separator: ", ")
    return script + """
      GRANT \(owners) TO \(quoteIdentifier(member));
      GRANT CREATE ON DATABASE \(quoteIdentifier(database)) TO \(quoteIdentifier(member));

      """
  }

  /// The statements that make the role that runs them a member.
  var scriptForOneself: String {
    Role.guarded("GRANT \(rawValue) TO CURRENT_USER;")
  }

  /// A block in which an object that exists by now is no error.
  private static func guarded(_ body: String) -> String {
    """
    DO $$
    BEGIN
      \(body)
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL;
    END
    $$;

    """
  }
}
