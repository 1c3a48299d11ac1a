import AlmanacCore
import Postgres
import Simulation

/// The schema of what a simulated world was made by, and the role that alone may read it (D-207).
///
/// No role of the pipeline is a member of the owner, and the login role that simulates is one only
/// while it does: what is measured against the truth cannot look at it by accident.
struct TruthSchema {
  /// The role that owns the schema.
  static let role = "almanac_simulator"
  /// The schema's name.
  static let name = "simulation_truth"

  private let connection: Connection

  /// The schema of the database a connection leads to.
  init(_ connection: Connection) {
    self.connection = connection
  }

  /// Creates role and schema where they are missing and joins the role.
  ///
  /// - Throws: `SimulateError.missingRole` where an administrator has to do it.
  func open() throws {
    let user = try connection.query(
      """
      SELECT current_user, rolsuper OR rolcreaterole,
        EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '\(TruthSchema.role)')
      FROM pg_catalog.pg_roles WHERE rolname = current_user
      """)
    let exists = user[0, 2] == "t"
    if user[0, 1] != "t" {
      let isMember = try exists && !needsMembership()
      guard isMember else { throw SimulateError.missingRole(user: user[0, 0] ?? "") }
    }
    try connection.runScript(TruthSchema.roleScript)
    if try needsMembership() {
      let options = connection.serverVersion >= 160_000 ? " WITH INHERIT FALSE, SET TRUE" : ""
      do {
        try connection.run("GRANT \(TruthSchema.role) TO CURRENT_USER\(options)")
      } catch {
        // Another simulation of this login role may have joined it at the same time.
        if try needsMembership() { throw error }
      }
    }
    try connection.runScript(TruthSchema.script)
  }

  /// Gives the writers' lock back and leaves the role, where the login role could rejoin it and no
  /// other simulation of the same login role is running on the server (D-211).
  ///
  /// The lock goes first: of two that end at the same time, one sees that it is the last.
  func close(lock: Int64) throws {
    _ = try connection.query("SELECT pg_catalog.pg_advisory_unlock($1::bigint)", ["\(lock)"])
    let rows = try connection.query(
      """
      SELECT rolcreaterole AND NOT rolsuper AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_locks l
          JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
        WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND a.usesysid = r.oid
          AND l.classid = \(lock >> 32)::oid AND l.objid = \(lock & 0xffff_ffff)::oid)
      FROM pg_catalog.pg_roles r WHERE rolname = current_user
      """)
    guard rows[0, 0] == "t" else { return }
    do {
      try connection.run("REVOKE \(TruthSchema.role) FROM CURRENT_USER")
    } catch {
      // Left at the same time by another one.
      if try !needsMembership() { throw error }
    }
  }

  /// Whether the login role cannot act as the owner yet.
  private func needsMembership() throws -> Bool {
    let right = connection.serverVersion >= 160_000 ? "SET" : "MEMBER"
    let rows = try connection.query(
      "SELECT pg_catalog.pg_has_role(current_user, '\(TruthSchema.role)', '\(right)')")
    return rows[0, 0] != "t"
  }

  private static let roleScript = """
    DO $$
    BEGIN
      IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '\(role)') THEN
        CREATE ROLE \(role) NOLOGIN;
        COMMENT ON ROLE \(role) IS
          'Owns the truth of simulated worlds, which the pipeline of Almanac must not read.';
      END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL;
    END
    $$;
    """

  private static let script = """
    DO $$
    BEGIN
      IF to_regnamespace('\(name)') IS NULL THEN
        CREATE SCHEMA \(name) AUTHORIZATION \(role);
      END IF;
    END
    $$;
    SET ROLE \(role);
    COMMENT ON SCHEMA \(name) IS
      'What a simulated world was made by; only \(role) may read it.';
    CREATE TABLE IF NOT EXISTS \(name).worlds (
      id integer PRIMARY KEY DEFAULT 1 CHECK (id = 1),
      companies integer NOT NULL,
      months integer NOT NULL,
      seed numeric(20) NOT NULL,
      world text NOT NULL,
      first_end date NOT NULL,
      end_date date NOT NULL,
      pending_end date,
      is_complete boolean NOT NULL
    );
    COMMENT ON TABLE \(name).worlds IS 'The world in this database: one row.';
    COMMENT ON COLUMN \(name).worlds.companies IS 'Companies of the first generation.';
    COMMENT ON COLUMN \(name).worlds.months IS 'Months of the first generation.';
    COMMENT ON COLUMN \(name).worlds.seed IS 'Seed of all draws.';
    COMMENT ON COLUMN \(name).worlds.world IS 'logistic or hard.';
    COMMENT ON COLUMN \(name).worlds.first_end IS 'Last day of the first generation.';
    COMMENT ON COLUMN \(name).worlds.end_date IS 'Last day that is complete.';
    COMMENT ON COLUMN \(name).worlds.pending_end IS
      'Last day of what is being added; null while nothing is.';
    COMMENT ON COLUMN \(name).worlds.is_complete IS 'Whether the first generation is complete.';
    CREATE TABLE IF NOT EXISTS \(name).coefficients (
      question text NOT NULL,
      term text NOT NULL,
      value double precision NOT NULL,
      PRIMARY KEY (question, term)
    );
    COMMENT ON TABLE \(name).coefficients IS 'The logits by which decisions are drawn.';
    CREATE TABLE IF NOT EXISTS \(name).decisions (
      company_id uuid NOT NULL,
      question text NOT NULL,
      decided_at timestamptz NOT NULL,
      module_id uuid,
      attempt_id uuid,
      covariates jsonb NOT NULL,
      probability double precision NOT NULL,
      outcome boolean NOT NULL
    );
    COMMENT ON TABLE \(name).decisions IS
      'Every decision with what it depended on, its probability and its outcome.';
    CREATE TABLE IF NOT EXISTS \(name).month_states (
      company_id uuid NOT NULL,
      month_end timestamptz NOT NULL,
      mrr_usd double precision NOT NULL,
      tier_rank integer NOT NULL,
      seats integer NOT NULL,
      modules integer NOT NULL,
      vigour double precision NOT NULL,
      is_cancel_scheduled boolean NOT NULL
    );
    COMMENT ON TABLE \(name).month_states IS 'Each company at the end of each month (UTC).';
    COMMENT ON COLUMN \(name).month_states.modules IS
      'A bit for each module owned, in the order of their prices'' list.';
    CREATE TABLE IF NOT EXISTS \(name).retry_slots (
      attempt_id uuid NOT NULL,
      company_id uuid NOT NULL,
      refused_at timestamptz NOT NULL,
      hours integer NOT NULL,
      propensity double precision NOT NULL,
      is_randomised boolean NOT NULL,
      success_probability double precision NOT NULL,
      best_hours integer NOT NULL,
      best_success_probability double precision NOT NULL
    );
    COMMENT ON TABLE \(name).retry_slots IS
      'For each refusal that is tried again: the hours chosen, and the best ones.';
    CREATE TABLE IF NOT EXISTS \(name).company_effects (
      company_id uuid NOT NULL,
      question text NOT NULL,
      effect double precision NOT NULL,
      signed_up_at timestamptz NOT NULL
    );
    COMMENT ON TABLE \(name).company_effects IS
      'Unobserved standard normal effects; only in a hard world.';
    CREATE TABLE IF NOT EXISTS \(name).label_probabilities (
      company_id uuid NOT NULL,
      month_end timestamptz NOT NULL,
      label text NOT NULL,
      module_id uuid,
      probability double precision NOT NULL,
      simulations integer NOT NULL
    );
    COMMENT ON TABLE \(name).label_probabilities IS
      'For a sample: the share of forward simulations in which a label came true.';
    RESET ROLE;
    """
}

/// The record of the world in a database.
struct WorldRecord: Equatable {
  /// What determines the world, up to its last complete day.
  var settings: WorldSettings
  /// The last day of what is being added.
  var pendingEnd: CalendarDate?
  /// Whether the first generation is complete.
  var isComplete: Bool

  /// The record in a database, or `nil` if it has none; the connection acts as the owner.
  static func read(_ connection: Connection) throws -> WorldRecord? {
    let rows = try connection.query(
      """
      SELECT companies, months, seed, world, first_end, end_date, pending_end, is_complete
      FROM \(TruthSchema.name).worlds
      """)
    guard rows.count == 1, let companies = rows[0, 0].flatMap({ Int($0) }),
      let months = rows[0, 1].flatMap({ Int($0) }), let seed = rows[0, 2].flatMap({ UInt64($0) }),
      let kind = rows[0, 3].flatMap({ WorldKind(rawValue: $0) }),
      let firstEnd = rows[0, 4].flatMap({ CalendarDate($0) }),
      let end = rows[0, 5].flatMap({ CalendarDate($0) })
    else { return nil }
    var settings = WorldSettings(
      companies: companies, months: months, seed: seed, kind: kind, end: firstEnd)
    settings.end = end
    return WorldRecord(
      settings: settings, pendingEnd: rows[0, 6].flatMap { CalendarDate($0) },
      isComplete: rows[0, 7] == "t")
  }

  /// Writes the record, and with a new world its coefficients; the connection acts as the owner.
  func write(_ connection: Connection) throws {
    try connection.run(
      """
      INSERT INTO \(TruthSchema.name).worlds
        (companies, months, seed, world, first_end, end_date, pending_end, is_complete)
      VALUES ($1::int, $2::int, $3::numeric, $4, $5::date, $6::date, $7::date, $8::boolean)
      ON CONFLICT (id) DO UPDATE SET end_date = excluded.end_date,
        pending_end = excluded.pending_end, is_complete = excluded.is_complete
      """,
      [
        "\(settings.companies)", "\(settings.months)", "\(settings.seed)", settings.kind.rawValue,
        settings.firstEnd.description, settings.end.description, pendingEnd?.description,
        isComplete ? "true" : "false",
      ])
    for row in TruthRows.coefficients(settings.kind) {
      try connection.run(
        """
        INSERT INTO \(TruthSchema.name).coefficients (question, term, value)
        VALUES ($1, $2, $3::float8) ON CONFLICT DO NOTHING
        """, [row.question, row.term, "\(row.value)"])
    }
  }
}
