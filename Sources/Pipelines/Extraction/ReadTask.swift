import AlmanacCore
import Columns
import Postgres

/// One piece of a dataset's source, to be read by one connection.
struct ReadTask: Sendable {
  /// The position of the dataset.
  var dataset: Int
  /// The blocks.
  var piece: SourcePiece
  /// Only rows that transactions from this one on wrote; `nil` for all rows.
  var horizon: Int64?
  /// A further condition in SQL.
  var condition: String?
  /// Whether the rows are those of an increment, to be added to what is held.
  var isIncrement = false
  /// Whether only the keys are read, to find out which are gone.
  var isSweep = false
}

/// What reading a piece gave.
struct ReadRows: Sendable {
  /// The rows that the source sent.
  var read = 0
  /// How many of them are held already and were left out.
  var held = 0
  /// Rows that are new and that a bound on the recorded clock would have left out.
  var beyondBound = 0
  /// The files of the rows that were written.
  var parts: [Manifest.Part] = []
  /// The rows that were not, in the order in which they arrived.
  var waiting: [Batch] = []
  /// The columns that were parsed, with what was wrong in them.
  var lifting: LiftedColumns
  /// The values of numeric columns that were rounded as they arrived, by column.
  var rounded: [String: Int] = [:]

  /// Adds what reading another piece of the same dataset gave.
  mutating func add(_ other: ReadRows) {
    read += other.read
    held += other.held
    beyondBound += other.beyondBound
    parts += other.parts
    waiting += other.waiting
    lifting.addCounts(of: other.lifting)
    rounded.merge(other.rounded, uniquingKeysWith: +)
  }
}

/// The pieces in which a dataset is read.
enum SourcePieces {
  /// Blocks of 8 kB that a piece has at least, unless its relation has fewer.
  static let minimumBlocks = 4_096
  /// Pieces that a dataset is cut into, beside those that end with a relation.
  static let maximumCount = 64

  /// Cuts a source into pieces, in the order of its relations and their blocks.
  ///
  /// The number does not depend on how many connections there are. The last piece of each relation
  /// is open, so that it holds the rows that arrive meanwhile.
  static func pieces(of table: SourceTable?) -> [SourcePiece] {
    guard let table, table.obstacle == nil, table.mayReadRelations else {
      return [SourcePiece(relation: nil)]
    }
    let length = max(minimumBlocks, (table.blocks + maximumCount - 1) / maximumCount)
    return table.relations.flatMap { ranges(of: $0, length: length) }
  }

  /// The ranges of some length that a relation's blocks are cut into.
  static func ranges(of relation: SourceRelation, length: Int) -> [SourcePiece] {
    let count = max(1, (relation.blocks + length - 1) / length)
    return (0..<count).map { index in
      SourcePiece(
        relation: relation, start: index * length,
        end: index + 1 == count ? nil : (index + 1) * length)
    }
  }
}

/// A connection within the transaction of a cut.
///
/// Not shared between threads.
final class CutSession {
  let connection: Connection
  let cut: SourceCut
  /// The ages of horizons, as the transaction counts them.
  private var ages: [Int64: String] = [:]

  /// A session on a connection whose transaction has the snapshot of the cut.
  init(_ connection: Connection, cut: SourceCut) throws {
    self.connection = connection
    self.cut = cut
    // A parallel worker would count ages from another transaction.
    try connection.run("SET LOCAL max_parallel_workers_per_gather = 0")
  }

  /// The condition that a row was written by a transaction from `horizon` on.
  ///
  /// `age()` counts back from one transaction, the same throughout this one. A row that was frozen
  /// and whose identifier means a later transaction by now can fulfil it as well; no row that
  /// should fulfil it does not.
  func condition(horizon: Int64) throws -> String {
    let age: String
    if let known = ages[horizon] {
      age = known
    } else {
      let rows = try connection.query(
        "SELECT pg_catalog.age($1::pg_catalog.xid)", [String(horizon & 0xFFFF_FFFF)])
      guard let asked = rows[0, 0] else {
        throw PipelineError.unexpectedAnswer(what: "no age of a transaction")
      }
      age = asked
      ages[horizon] = age
    }
    // Most rows are older: for them the first comparison is the only one.
    return "pg_catalog.age(xmin) <= \(age) AND pg_catalog.age(xmin) >= 0"
  }
}

/// Reads pieces of one dataset.
struct PieceReader: Sendable {
  let plan: DatasetPlan
  let writer: PartWriter
  /// The rows that may wait in memory once a piece is read.
  let maximumWaitingRows: Int
  /// The rows at or above the horizon that are held already.
  var held: HeldRows?
  /// The bound on the recorded clock of an increment.
  var bound: IncrementBound?
  /// Where the keys of a sweep go.
  var sweep: KeySweep?
  /// The instant at which versions were seen; `nil` for that of the cut.
  var seen: Timestamp?
  /// Whose rows are left out.
  var forgotten: [Forgotten] = []
  /// Whether rows of days that have few are kept together, as those of a load are.
  var keepsSmallDaysLoose = false
  /// Where each batch is reported.
  var progress = ProgressSink.silent

  /// Reads a piece.
  func read(_ task: ReadTask, in session: CutSession) throws -> ReadRows {
    if task.isSweep { return try sweep(task, in: session) }
    let conditions =
      try [task.condition, task.horizon.map { try session.condition(horizon: $0) }]
      .compactMap(\.self)
    let counter = TransactionCounter(next: session.cut.next)
    var rows = ReadRows(lifting: plan.lifting)
    var matcher = ForgottenMatcher(forgotten)
    var waitingRows = 0
    var partitioner: RowPartitioner?
    var arrived = 0
    rows.read = try session.connection.copyOut(
      plan.query(of: task.piece, where: conditions), fields: plan.queryFields,
      source: plan.definition.sourceInFull, key: plan.definition.key
    ) { batch in
      progress.report(
        dataset: plan.definition.name, rows: batch.rowCount, bytes: batch.valueBytes)
      try plan.definition.checkDays(of: batch, after: arrived)
      arrived += batch.rowCount
      let known = matcher.removing(
        from: batch, tenant: plan.definition.tenantColumn, key: plan.definition.key)
      // What was wrong in a row that is held was told when it came.
      let new = withoutHeld(
        plan.storedBatch(known, counter: counter, seen: seen ?? session.cut.clock),
        since: task.horizon, dropped: &rows.held)
      let parsed = try rows.lifting.parse(new, dataset: plan.definition.name)
      // Where a company arrives as text, it is known only now.
      let fresh = matcher.removing(
        from: parsed, tenant: plan.definition.tenantColumn, key: plan.definition.key)
      if task.isIncrement { rows.beyondBound += rowsBeyondBound(fresh) }
      if partitioner == nil, waitingRows + fresh.rowCount > maximumWaitingRows {
        partitioner = plan.partitioner(writer, keepsSmallDaysLoose: keepsSmallDaysLoose)
        for batch in rows.waiting { try partitioner?.add(batch) }
        rows.waiting = []
      }
      if partitioner == nil {
        if fresh.rowCount > 0 { rows.waiting.append(fresh) }
        waitingRows += fresh.rowCount
      } else {
        try partitioner?.add(fresh)
      }
    }
    rows.parts = try partitioner?.finish() ?? []
    rows.rounded = session.connection.lastCopyCounters.roundedValues
    return rows
  }

  /// Reads the keys of a piece.
  private func sweep(_ task: ReadTask, in session: CutSession) throws -> ReadRows {
    try session.connection.copyOut(
      plan.keyQuery(of: task.piece), fields: plan.keyFields, source: plan.definition.sourceInFull,
      key: plan.definition.key
    ) { batch in sweep?.see(batch) }
    return ReadRows(lifting: plan.lifting)
  }

  /// The rows that the bound would leave out.
  private func rowsBeyondBound(_ batch: Batch) -> Int {
    guard let instant = bound?.instant, let recorded = plan.definition.recordedColumn,
      let column = batch[recorded], case .int64(let values) = column.storage
    else { return 0 }
    return values.indices.count { !column.isNull($0) && values[$0] < instant.microseconds }
  }

  /// The rows without those that an earlier cut held.
  private func withoutHeld(_ batch: Batch, since horizon: Int64?, dropped: inout Int) -> Batch {
    guard let horizon, case .int64(let writers)? = batch[StoredColumn.xid]?.storage else {
      return batch
    }
    // What earlier transactions wrote was in the earlier cut as a whole.
    let late = writers.contains { $0 < horizon }
    var kept =
      late ? batch.taking(writers.indices.filter { writers[$0] >= horizon }) : batch
    if let held { kept = held.removingHeld(from: kept).0 }
    dropped += batch.rowCount - kept.rowCount
    return kept
  }
}

extension DatasetDefinition {
  /// Refuses a row whose day could not be told: days are named, ordered and pruned by four digits
  /// of a year (DECISIONS.md, D-142).
  ///
  /// - Parameters:
  ///   - batch: rows as they arrived.
  ///   - rows: how many rows the stream had before them.
  /// - Throws: `PostgresError.unsuitableValue` for the first row whose `time` lies outside the years
  ///   1 to 9999.
  func checkDays(of batch: Batch, after rows: Int) throws {
    guard let timeColumn, case .int64(let instants)? = batch[timeColumn]?.storage else { return }
    let first = CalendarDate.earliest.startUTC.microseconds
    let end = CalendarDate.latest.adding(days: 1).startUTC.microseconds
    guard let row = instants.firstIndex(where: { $0 < first || $0 >= end }) else { return }
    throw PostgresError.unsuitableValue(
      ValueFailure(
        source: sourceInFull, column: timeColumn, row: rows + row + 1,
        key: key.map { "\($0)=\(batch.keyText(row, key: [$0]))" }.joined(separator: ", "),
        problem: .outsideCalendar))
  }
}

extension Batch {
  /// About the size of the values on the wire: without lengths, dictionaries written out.
  fileprivate var valueBytes: Int {
    columns.reduce(0) { sum, column in
      switch column.storage {
      case .bool: sum + rowCount
      case .int32, .float32: sum + 4 * rowCount
      case .int64, .float64: sum + 8 * rowCount
      case .int128, .uuid: sum + 16 * rowCount
      case .text(let storage):
        sum + storage.bytes.count * rowCount / max(1, storage.entryCount)
      case .uuidList(let storage): sum + 16 * storage.elements.rowCount
      }
    }
  }
}
