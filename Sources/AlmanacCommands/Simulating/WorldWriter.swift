import AlmanacCore
import Billing
import Columns
import Pipelines
import Postgres
import Simulation

/// Writes a simulated world into a database, some companies at a time, on several connections.
///
/// The record of the world says what is complete. A first generation that was cut short is begun
/// anew; an addition that was cut short is taken back and made again. Each piece of companies is
/// one transaction.
struct WorldWriter {
  let target: ConnectionSettings
  let jobs: Int
  /// Forward simulations for each probability of a label; 0 for none.
  let simulations: Int
  let zone: @Sendable (String) -> ZoneRules?
  let schema: String
  let log: LogSink

  /// How many rows were written.
  struct Summary {
    /// What determines the world as it is now.
    var settings: WorldSettings
    /// The number of rows written into each table, in the order of ``SimulatedTables/all``.
    var rows: [(table: String, rows: Int)]
  }

  /// Companies generated together, and events after which they are written.
  private static let companiesPerPiece = 8
  private static let eventsPerBatch = 60_000
  /// The lock that keeps a second writer out.
  private static let lockKey: Int64 = 0x616c_6d61_6e61_6302

  /// Fills empty tables with a new world.
  func create(_ settings: WorldSettings) throws -> Summary {
    try withTruth(isNew: true) { connection, truth in
      if let record = truth {
        guard !record.isComplete else { throw SimulateError.worldExists(record.settings) }
        guard record.settings == settings else {
          throw SimulateError.unfinishedWorld(record.settings)
        }
        log(.info, "An earlier generation of this world was cut short; it begins anew.")
        try truncate(connection)
      }
      try refuseRows(on: connection)
      try asOwner(connection) {
        try WorldRecord(settings: settings, pendingEnd: nil, isComplete: false).write(connection)
      }
      let indexes = try dropIndexes(connection)
      let world = try World(settings, zone: zone)
      let rows = try write(world, after: nil, on: connection)
      log(.info, "Creating \(indexes.count) indexes")
      try create(indexes)
      for table in SimulatedTables.all {
        try connection.run("ANALYZE \(WorldWriter.name(table).quoted)")
      }
      try asOwner(connection) {
        try WorldRecord(settings: settings, pendingEnd: nil, isComplete: true).write(connection)
      }
      return Summary(settings: settings, rows: rows)
    }
  }

  /// Adds what is recorded until a later day, which follows from the last complete one (D-208).
  func extend(to next: (CalendarDate) -> CalendarDate) throws -> Summary {
    try withTruth(isNew: false) { connection, truth in
      guard var record = truth, record.isComplete else { throw SimulateError.noWorld }
      let former = record.settings
      if record.pendingEnd != nil { try takeBack(after: former.cut, connection) }
      var settings = former
      settings.end = record.pendingEnd ?? next(former.end)
      record.pendingEnd = settings.end
      try asOwner(connection) { try record.write(connection) }
      let world = try World(settings, zone: zone)
      let rows = try write(world, after: former.cut, on: connection)
      record.settings = settings
      record.pendingEnd = nil
      try asOwner(connection) { try record.write(connection) }
      return Summary(settings: settings, rows: rows)
    }
  }

  // MARK: The database around the world

  /// Opens schema and truth, keeps others out, and leaves the truth's role in the end.
  ///
  /// Only for a new world is anything created in a database that has none.
  private func withTruth(
    isNew: Bool, _ body: (Connection, WorldRecord?) throws -> Summary
  ) throws -> Summary {
    let connection = try Connection(target, purpose: .target)
    guard try connection.tryAdvisoryLock(WorldWriter.lockKey) else {
      throw SimulateError.isLocked
    }
    try connection.runScript("SET client_min_messages = warning")
    if isNew {
      try connection.runScript(schema)
    } else {
      let found = try connection.query("SELECT to_regnamespace('\(TruthSchema.name)')")
      guard found[0, 0] != nil else { throw SimulateError.noWorld }
    }
    let truth = TruthSchema(connection)
    try truth.open()
    let result = Result {
      let record = try asOwner(connection) { try WorldRecord.read(connection) }
      return try body(connection, record)
    }
    if case .failure = result {
      _ = try? truth.close(lock: WorldWriter.lockKey)
    } else {
      try truth.close(lock: WorldWriter.lockKey)
    }
    return try result.get()
  }

  /// Runs statements as the owner of the truth.
  @discardableResult
  private func asOwner<Output>(
    _ connection: Connection, _ body: () throws -> Output
  ) throws -> Output {
    try connection.transaction {
      try connection.run("SET LOCAL ROLE \(TruthSchema.role)")
      return try body()
    }
  }

  /// Throws if a table to fill holds rows.
  private func refuseRows(on connection: Connection) throws {
    for table in SimulatedTables.all {
      let found = try connection.query(
        "SELECT EXISTS (SELECT FROM \(WorldWriter.name(table).quoted))")
      if found[0, 0] == "t" { throw SimulateError.tableHoldsRows(table.qualifiedName) }
    }
  }

  private func truncate(_ connection: Connection) throws {
    let tables = SimulatedTables.all.map { WorldWriter.name($0).quoted }.joined(separator: ", ")
    try connection.run("TRUNCATE \(tables)")
    let truths = TruthRows.tables.map { WorldWriter.truth($0.name).quoted }
    try asOwner(connection) { try connection.run("TRUNCATE \(truths.joined(separator: ", "))") }
  }

  /// Deletes what an addition that was cut short has added; rows that change are written over.
  private func takeBack(after cut: Timestamp, _ connection: Connection) throws {
    log(.info, "An earlier addition was cut short; it is taken back and made again.")
    let micros = "timestamptz 'epoch' + \(cut.microseconds) * interval '1 microsecond'"
    try connection.transaction {
      for table in SimulatedTables.all where table.isAppendOnly {
        try connection.run(
          "DELETE FROM \(WorldWriter.name(table).quoted) WHERE created_at >= \(micros)")
      }
    }
    try asOwner(connection) {
      for (table, column) in [
        ("decisions", "decided_at"), ("retry_slots", "refused_at"),
        ("company_effects", "signed_up_at"),
      ] {
        try connection.run(
          "DELETE FROM \(WorldWriter.truth(table).quoted) WHERE \(column) >= \(micros)")
      }
      // States and labels of the former end itself belong to what was complete.
      for table in ["month_states", "label_probabilities"] {
        try connection.run(
          "DELETE FROM \(WorldWriter.truth(table).quoted) WHERE month_end > \(micros)")
      }
    }
  }

  /// Drops the indexes that are no keys; returns the statements that create them.
  private func dropIndexes(_ connection: Connection) throws -> [String] {
    let names = SimulatedTables.all.map { quoteLiteral($0.qualifiedName) + "::regclass" }
    let found = try connection.query(
      """
      SELECT n.nspname, c.relname, pg_get_indexdef(i.indexrelid)
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE NOT i.indisunique AND i.indrelid IN (\(names.joined(separator: ", ")))
      ORDER BY pg_relation_size(i.indrelid) DESC, 2
      """)
    for row in 0..<found.count {
      let name = QualifiedName(schema: found[row, 0] ?? "", name: found[row, 1] ?? "")
      try connection.run("DROP INDEX \(name.quoted)")
    }
    return (0..<found.count).compactMap { found[$0, 2] }
  }

  private func create(_ indexes: [String]) throws {
    let target = target
    _ = try mapConcurrently(
      indexes, jobs: jobs,
      context: {
        let connection = try Connection(target, purpose: .target)
        try connection.runScript("SET maintenance_work_mem = '256MB'")
        return connection
      },
      work: { connection, statement in try connection.run(statement) })
  }

  private static func name(_ table: SourceTable) -> QualifiedName {
    QualifiedName(schema: table.schema, name: table.name)
  }

  private static func truth(_ name: String) -> QualifiedName {
    QualifiedName(schema: TruthSchema.name, name: name)
  }

  // MARK: The rows

  /// Writes the price lists, the rates and every company.
  private func write(
    _ world: World, after start: Timestamp?, on connection: Connection
  ) throws -> [(table: String, rows: Int)] {
    var counts: [String: Int] = [:]
    try connection.transaction {
      var common = [CatalogueRows.exchangeRates(in: world.settings, from: start)]
      if start == nil { common = CatalogueRows.priceLists(in: world.settings) + common }
      for (table, batch) in common {
        counts[table.qualifiedName] = try connection.copyIn(batch, into: WorldWriter.name(table))
      }
    }
    let pieces = stride(from: 0, to: world.companyCount, by: WorldWriter.companiesPerPiece).map {
      $0..<min(world.companyCount, $0 + WorldWriter.companiesPerPiece)
    }
    let target = target
    let simulations = simulations
    let written = try mapConcurrently(
      pieces, jobs: jobs,
      context: { try PieceWriter(target, after: start, world: world, simulations: simulations) },
      work: { writer, piece in try writer.write(piece, eventsPerBatch: WorldWriter.eventsPerBatch) }
    )
    for piece in written { counts.merge(piece, uniquingKeysWith: +) }
    return SimulatedTables.all.map { ($0.qualifiedName, counts[$0.qualifiedName] ?? 0) }
  }
}

/// Writes pieces of companies on a connection of its own.
private final class PieceWriter {
  private let connection: Connection
  private let world: World
  private let start: Timestamp?
  private let simulations: Int
  /// The schema of the session's temporary tables, which rows that change go through.
  private let temporary: String

  init(
    _ target: ConnectionSettings, after start: Timestamp?, world: World, simulations: Int
  ) throws {
    self.simulations = simulations
    self.world = world
    self.start = start
    connection = try Connection(target, purpose: .target)
    try connection.runScript("SET synchronous_commit = off; SET client_min_messages = warning")
    if start != nil {
      for table in SimulatedTables.all where !table.isAppendOnly {
        let name = QualifiedName(schema: table.schema, name: table.name)
        try connection.run(
          "CREATE TEMPORARY TABLE \(quoteIdentifier(table.name)) (LIKE \(name.quoted)) "
            + "ON COMMIT DELETE ROWS")
      }
    }
    let schema = try connection.query(
      "SELECT nspname FROM pg_namespace WHERE oid = pg_my_temp_schema()")
    temporary = schema.count == 1 ? schema[0, 0] ?? "" : ""
  }

  /// Generates and writes some companies; the number of rows of each table.
  func write(_ companies: Range<Int>, eventsPerBatch: Int) throws -> [String: Int] {
    var counts: [String: Int] = [:]
    let cut = world.settings.cut
    var rows = WorldRows(from: start, to: cut)
    var truth = TruthRows(from: start, to: cut)
    for index in companies {
      let record = world.company(index)
      rows.append(record)
      truth.append(
        record, labels: world.labelProbabilities(of: index, after: start, simulations: simulations),
        kind: world.settings.kind)
      if rows.eventCount > eventsPerBatch || index == companies.upperBound - 1 {
        try flush(rows, truth, into: &counts)
        rows = WorldRows(from: start, to: cut)
        truth = TruthRows(from: start, to: cut)
      }
    }
    return counts
  }

  private func flush(
    _ rows: WorldRows, _ truth: TruthRows, into counts: inout [String: Int]
  ) throws {
    try connection.transaction {
      for (table, batch) in rows.finish() {
        let name = QualifiedName(schema: table.schema, name: table.name)
        if start == nil || table.isAppendOnly {
          try connection.copyIn(batch, into: name)
        } else {
          try merge(batch, into: name, key: table.key)
        }
        counts[table.qualifiedName, default: 0] += batch.rowCount
      }
      try connection.run("SET LOCAL ROLE \(TruthSchema.role)")
      for (name, batch) in truth.finish() {
        try connection.copyIn(batch, into: QualifiedName(schema: TruthSchema.name, name: name))
      }
    }
  }

  /// Writes rows over those of the same key.
  private func merge(_ batch: Batch, into table: QualifiedName, key: [String]) throws {
    let stage = QualifiedName(schema: temporary, name: table.name)
    try connection.copyIn(batch, into: stage)
    let names = batch.fields.map { quoteIdentifier($0.name) }
    let changes = names.map { "\($0) = excluded.\($0)" }.joined(separator: ", ")
    let list = names.joined(separator: ", ")
    try connection.run(
      """
      INSERT INTO \(table.quoted) (\(list)) SELECT \(list) FROM \(stage.quoted)
      ON CONFLICT (\(key.map(quoteIdentifier).joined(separator: ", "))) DO UPDATE SET \(changes)
      """)
    try connection.run("TRUNCATE \(stage.quoted)")
  }
}

/// What stops a simulation's writing.
enum SimulateError: ExitStatusConvertible, Equatable {
  case worldExists(WorldSettings)
  case unfinishedWorld(WorldSettings)
  case noWorld
  case tableHoldsRows(String)
  case isLocked
  case missingRole(user: String)

  var exitStatus: ExitStatus {
    switch self {
    case .worldExists, .unfinishedWorld, .tableHoldsRows: .cannotCreate
    case .noWorld: .missingInput
    case .isLocked: .temporaryFailure
    case .missingRole: .noPermission
    }
  }

  var description: String {
    switch self {
    case .worldExists(let settings):
      "the database holds a world of \(settings.companies) companies up to \(settings.end); "
        + "add to it with --continue, or name an empty database"
    case .unfinishedWorld(let settings):
      "the database holds an unfinished world; finish it with --companies \(settings.companies) "
        + "--months \(settings.months) --seed \(settings.seed) --world \(settings.kind.rawValue) "
        + "--end \(settings.firstEnd), or name an empty database"
    case .noWorld:
      "there is no complete world to continue; make one with --companies, --months and --seed"
    case .tableHoldsRows(let table):
      "\(table) holds rows that are not a simulated world's; name an empty database"
    case .missingRole(let user):
      "the role \(TruthSchema.role) is missing or not granted; an administrator runs: "
        + "CREATE ROLE \(TruthSchema.role) NOLOGIN; "
        + "GRANT \(TruthSchema.role) TO \(quoteIdentifier(user));"
    case .isLocked: "another simulation is writing into this database; wait for its end"
    }
  }
}
