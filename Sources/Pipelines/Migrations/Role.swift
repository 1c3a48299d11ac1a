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

  /// What the role is for, in one line.
  var purpose: String {
    switch self {
    case .writer: "Owns the tables of Almanac; the pipeline logs in as a member."
    case .api: "Owns the api views and functions of Almanac; row-level security applies to it."
    case .reader: "May use the api schema of Almanac, for one company at a time."
    case .admin: "Sees the rows of all companies through the api schema of Almanac."
    }
  }

  /// The script an administrator runs once for a cluster.
  ///
  /// It may be run again, and at the same time from several databases: roles belong to the whole
  /// cluster and no lock of one database keeps another out, so a role that somebody else creates
  /// meanwhile counts as created.
  ///
  /// - Parameter member: The login role of the pipeline, which becomes a member of the two owning
  ///   roles; `nil` leaves that to the administrator.
  /// - Returns: Statements, separated by semicolons.
  package static func script(grantingTo member: String?) -> String {
    var script = ""
    for role in allCases {
      let comment = "COMMENT ON ROLE \(role.rawValue) IS ''\(role.purpose)''"
      script += guarded([
        "IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '\(role.rawValue)') THEN",
        "  CREATE ROLE \(role.rawValue) NOLOGIN;",
        "  EXECUTE '\(comment)';",
        "END IF;",
      ])
    }
    script += guarded([
      "IF NOT pg_has_role('\(admin.rawValue)', '\(reader.rawValue)', 'member') THEN",
      "  GRANT \(reader.rawValue) TO \(admin.rawValue);",
      "END IF;",
    ])
    guard let member else { return script }
    for role in [writer, api] {
      script += guarded(["GRANT \(role.rawValue) TO \(quoted(member));"])
    }
    return script
  }

  /// A block in which an object that exists by now is no error.
  private static func guarded(_ lines: [String]) -> String {
    """
    DO $$
    BEGIN
    \(lines.map { "  " + $0 }.joined(separator: "\n"))
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL;
    END
    $$;

    """
  }

  /// A name as an SQL identifier that no content can end early, not even inside `$$`.
  private static func quoted(_ name: String) -> String {
    "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
      + "\""
  }
}
