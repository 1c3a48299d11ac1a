import AlmanacCore
import Postgres

/// Companies whose zone is not the one a stage computed their days in, and the days to compute again
/// because of that (DECISIONS.md, D-401).
///
/// What a stage has computed by is kept in `almanac.company_zones`. Before days are replaced the zones
/// of the companies concerned are made unknown there, and known again at the end: a run that ends
/// in between leaves behind that all days are to be computed again.
struct ZoneMoves {
  private let stage: String
  /// The zones to record, and the companies to forget.
  private var recorded: [(company: UUIDValue, zone: String)] = []
  private var forgotten: [UUIDValue] = []
  /// The days on which companies that moved had rows, `nil` for all days.
  private var dates: Set<CalendarDate>? = []

  /// Days that an event may move by, from the westernmost zone to the easternmost and back.
  private static let farthest = 2

  /// Compares the zones with those that the stage has computed by.
  ///
  /// - Parameters:
  ///   - stage: the name under which zones are kept.
  ///   - zones: the zones of this run.
  ///   - table: a table of schema `analytics` with `company_id` and `date` that has a row on every
  ///     day that a company matters to.
  ///   - context: the run.
  /// - Throws: `PostgresError`; ``PipelineError/lockLost``.
  init(
    _ stage: String, _ zones: CompanyZones, table: String, in context: RunContext
  ) throws {
    self.stage = stage
    let connection = context.lock.connection
    let rows = try connection.query(
      "SELECT company_id, zone FROM almanac.company_zones WHERE stage = $1", [stage])
    var known: [UUIDValue: String] = [:]
    for row in 0..<rows.count {
      guard let company = rows[row, "company_id"].flatMap({ UUIDValue($0) }) else { continue }
      known[company] = rows[row, "zone"] ?? ""
    }
    forgotten = known.keys.filter { zones.own[$0] == nil }.sorted()
    recorded = zones.own.filter { known[$0.key] != $0.value.name }
      .map { ($0.key, $0.value.name) }.sorted { $0.company < $1.company }
    let moved = (recorded.map(\.company) + forgotten).filter { company in
      (known[company] ?? zones.standard.name) != zones.zone(of: company).name
    }
    if moved.isEmpty { return }
    if moved.contains(where: { known[$0] == "" }) {
      dates = nil
    } else {
      let found = try connection.query(
        "SELECT DISTINCT date FROM analytics.\(table) WHERE company_id = ANY ($1::uuid[])",
        [array(moved.map(\.description))])
      for row in 0..<found.count {
        guard let date = found[row, "date"].flatMap({ CalendarDate($0) }) else { continue }
        for days in -ZoneMoves.farthest...ZoneMoves.farthest {
          dates?.insert(date.adding(days: days))
        }
      }
      if dates?.isEmpty ?? false { return }
    }
    guard context.lock.isHeld else { return }
    try context.lock.write { connection in
      try ZoneMoves.record(moved.map { ($0, "") }, stage, on: connection)
    }
  }

  /// Whether a day is to be computed again.
  func concern(_ date: CalendarDate) -> Bool { dates?.contains(date) ?? true }

  /// Records that all days are computed by the zones of this run.
  func finish(in context: RunContext) throws {
    if recorded.isEmpty, forgotten.isEmpty { return }
    try context.lock.write { connection in
      try ZoneMoves.record(recorded, stage, on: connection)
      try connection.run(
        "DELETE FROM almanac.company_zones WHERE stage = $1 AND company_id = ANY ($2::uuid[])",
        [stage, array(forgotten.map(\.description))])
    }
  }

  private static func record(
    _ zones: [(company: UUIDValue, zone: String)], _ stage: String, on connection: Connection
  ) throws {
    try connection.run(
      """
      INSERT INTO almanac.company_zones (company_id, stage, zone)
      SELECT company, $1, zone FROM unnest($2::uuid[], $3::text[]) AS z (company, zone)
      ON CONFLICT (company_id, stage) DO UPDATE SET zone = excluded.zone
      """, [stage, array(zones.map(\.company.description)), array(zones.map(\.zone))])
  }
}
