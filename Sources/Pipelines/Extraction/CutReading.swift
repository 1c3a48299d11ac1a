import AlmanacCore
import Columns
import Postgres
import Synchronization

/// The rows of one dataset that were read under a cut.
struct DatasetRows: Sendable {
  /// The rows of the relations that were read whole.
  var whole: ReadRows
  /// The rows that later transactions wrote.
  var increment: ReadRows

  /// What was wrong in the rows, in words.
  func notices(dataset: String) -> [String] {
    var all = whole
    all.add(increment)
    return all.lifting.notices(dataset: dataset, roundedOnWire: all.rounded)
  }

  /// How the values that arrive as text were read.
  var lifted: [LiftedValues] {
    var all = whole
    all.add(increment)
    return all.lifting.lifted
  }

  /// The UTC days of all rows that were read and were not held already.
  func days(time: String?) -> Set<CalendarDate> {
    var days = Set(
      (whole.parts + increment.parts).compactMap(\.date).compactMap { CalendarDate($0) })
    for batch in whole.waiting + increment.waiting {
      guard let time, case .int64(let instants)? = batch[time]?.storage else { continue }
      for instant in instants { days.insert(Timestamp(microseconds: instant).dateUTC) }
    }
    return days
  }

  /// The rows that the source sent.
  var read: Int { whole.read + increment.read }
  /// The rows that were left out, being held already.
  var held: Int { whole.held + increment.held }
}

/// A dataset that is read under a cut.
struct DatasetReading: Sendable {
  var plan: DatasetPlan
  var extent: DatasetExtent
  /// What an increment is added to: what is held, or the load that ends with this cut.
  var base: Manifest.Dataset?
  /// The days to read again.
  var repair: Repair?
  /// The rows that are held and may come again.
  var heldRows: HeldRows?
  /// The bound of an increment.
  var bound: IncrementBound?
  /// The oids of the relations in which the server finds the rows within the bound by an index.
  var indexed: Set<String> = []
  /// The instant at which what is read was seen: that of the cut, or just after the one before where
  /// the source's clock was set back.
  var seen: Timestamp
  /// What finds out which keys are gone; `nil` if nothing has to.
  var sweep: KeySweep?

  /// Whether every relation of the source is read whole, so that what is not read is not there.
  var readsAll: Bool {
    guard extent.isIncrement else { return true }
    guard let table = plan.table, !extent.fresh.isEmpty else { return false }
    return !table.mayReadRelations || table.relations.allSatisfy { extent.fresh.contains($0.oid) }
  }

  /// What is to be read, piece by piece.
  fileprivate func tasks(_ index: Int, pieces: [SourcePiece]) -> [ReadTask] {
    let definition = plan.definition
    var tasks = pieces.map { ReadTask(dataset: index, piece: $0) }
    guard extent.isIncrement else { return tasks }
    for position in tasks.indices { restrict(&tasks[position]) }
    // Blocks would keep the server from going by the index: it would look at each row of them.
    tasks.removeAll { isIndexed($0) && $0.piece.start > 0 }
    for position in tasks.indices where isIndexed(tasks[position]) {
      tasks[position].piece.end = nil
    }
    if let time = definition.timeColumn.flatMap({ definition[column: $0] }),
      let condition = repair?.condition(on: time)
    {
      tasks += pieces.map { ReadTask(dataset: index, piece: $0, condition: condition) }
    }
    if sweep != nil {
      tasks += pieces.map { ReadTask(dataset: index, piece: $0, isSweep: true) }
    }
    return tasks
  }

  /// Whether a task reads rows that the server finds by an index.
  private func isIndexed(_ task: ReadTask) -> Bool {
    guard task.isIncrement, task.condition != nil, let relation = task.piece.relation else {
      return false
    }
    return indexed.contains(relation.oid)
  }

  /// Asks the server in which relations it finds the rows within the bound by an index.
  mutating func findIndexes(on connection: Connection) throws {
    guard let recorded = plan.definition.recordedColumn.flatMap({ plan.definition[column: $0] }),
      let condition = bound?.condition(on: recorded)
    else { return }
    // As in the sessions that read.
    try connection.run("SET LOCAL max_parallel_workers_per_gather = 0")
    for piece in SourcePieces.pieces(of: plan.table) where piece.start == 0 {
      guard let relation = piece.relation else { continue }
      let rows = try connection.query(
        "EXPLAIN (FORMAT JSON) SELECT ctid FROM "
          + "\(plan.source(of: SourcePiece(relation: relation))) WHERE \(condition)")
      let answer = rows[0, 0] ?? ""
      if answer.contains("\"Node Type\": \"Index")
        || answer.contains("\"Node Type\": \"Bitmap Index")
      {
        indexed.insert(relation.oid)
      }
    }
  }

  /// Restricts a task to the rows of the increment, unless its relation is read whole.
  private func restrict(_ task: inout ReadTask) {
    let definition = plan.definition
    switch extent {
    case .whole: return
    case .recent(let since):
      guard let updated = definition.updatedColumn.flatMap({ definition[column: $0] })
      else { return }
      task.condition = "\(updated.sql) >= '\(since)'::pg_catalog.timestamptz"
    case .increment(let horizon, let fresh):
      // What is read by the name of the whole source is read whole as soon as a part of it is new.
      if task.piece.relation.map({ fresh.contains($0.oid) }) ?? !fresh.isEmpty { return }
      task.horizon = horizon
      if let recorded = definition.recordedColumn.flatMap({ definition[column: $0] }) {
        task.condition = bound?.condition(on: recorded)
      }
    }
    task.isIncrement = true
  }
}

/// Reads datasets under one cut, over several connections.
struct CutReading: Sendable {
  private let datasets: [DatasetReading]
  private let readers: [PieceReader]
  private let cut: SourceCut
  private let tasks: [ReadTask]

  init(
    _ datasets: [DatasetReading], at cut: SourceCut, writer: PartWriter,
    progress: ProgressSink = .silent, forgotten: [Forgotten] = []
  ) {
    self.datasets = datasets
    self.cut = cut
    let pieces = datasets.map { SourcePieces.pieces(of: $0.plan.table) }
    readers = zip(datasets, pieces).map { dataset, pieces in
      PieceReader(
        plan: dataset.plan, writer: writer,
        maximumWaitingRows: RowPartitioner.maximumWaitingRows / pieces.count,
        held: dataset.heldRows, bound: dataset.bound, sweep: dataset.sweep, seen: dataset.seen,
        forgotten: forgotten,
        progress: progress)
    }
    tasks = datasets.indices.flatMap { datasets[$0].tasks($0, pieces: pieces[$0]) }
  }

  /// Reads everything.
  ///
  /// - Parameters:
  ///   - source: the way to further connections.
  ///   - jobs: the number of connections.
  ///   - ended: called on any thread when all rows of a dataset are read.
  /// - Returns: the rows of each dataset, the same whatever the number of connections.
  /// - Throws: the first error in the order of the tasks.
  func read(
    from source: ConnectionSettings, jobs: Int,
    ended: @escaping @Sendable (_ dataset: Int, _ rows: Int) -> Void
  ) throws -> [DatasetRows] {
    // Long tasks come first, so that the last ones to end are short.
    let order = tasks.indices.sorted { left, right in
      let (blocks, others) = (tasks[left].piece.blocks, tasks[right].piece.blocks)
      return blocks == others ? left < right : blocks > others
    }
    let progress = Mutex(
      datasets.indices.map { index in (open: tasks.count { $0.dataset == index }, rows: 0) })
    let work: @Sendable (CutSession, Int) throws -> ReadRows = { session, index in
      let task = tasks[index]
      let rows = try readers[task.dataset].read(task, in: session)
      let total: Int? = progress.withLock { counts in
        counts[task.dataset].open -= 1
        counts[task.dataset].rows += rows.read
        return counts[task.dataset].open == 0 ? counts[task.dataset].rows : nil
      }
      if let total { ended(task.dataset, total) }
      return rows
    }
    let results = try mapConcurrently(
      order, jobs: jobs, session: { try session(on: source, $0) }, work: work)
    return collect(zip(order, results).sorted { $0.0 < $1.0 }.map(\.1))
  }

  /// Opens a connection that sees the cut for as long as `perform` runs.
  private func session(
    on source: ConnectionSettings, _ perform: (CutSession) throws -> Void
  ) throws {
    let connection = try Connection(source, purpose: .source)
    try connection.transaction(.repeatableReadReadOnly(snapshot: cut.exportedName)) {
      try connection.lockAtOnce(datasets.map(\.plan))
      try perform(CutSession(connection, cut: cut))
    }
  }

  /// The rows of each dataset, in the order of its pieces.
  private func collect(_ results: [ReadRows]) -> [DatasetRows] {
    var rows = datasets.map { dataset in
      let none = ReadRows(lifting: dataset.plan.lifting)
      return DatasetRows(whole: none, increment: none)
    }
    for (task, result) in zip(tasks, results) {
      if task.isIncrement {
        rows[task.dataset].increment.add(result)
      } else {
        rows[task.dataset].whole.add(result)
      }
    }
    return rows
  }
}

extension Connection {
  /// Milliseconds that a reading session waits for a lock: as long as the deadlock that nobody sees
  /// would last.
  static let sourceLockPatience = 30_000

  /// Takes the locks that reading some datasets needs before anything is read, without waiting.
  ///
  /// Whoever wants to alter a table waits for the session that took the cut, and who then asks for the
  /// table waits behind: this session for that one, which waits for this session to end, a circle that
  /// the server cannot see (DECISIONS.md, D-148). What cannot be locked by name, as what stands behind
  /// a view, is waited for no longer than ``sourceLockPatience``.
  ///
  /// - Throws: ``PipelineError/sourceBusy(dataset:table:)`` where somebody is about to alter a table.
  func lockAtOnce(_ plans: [DatasetPlan]) throws {
    try run("SET LOCAL lock_timeout = \(Connection.sourceLockPatience)")
    for plan in plans {
      guard let table = plan.lockableTable else { continue }
      do {
        try runScript("LOCK TABLE \(table.quoted) IN ACCESS SHARE MODE NOWAIT")
      } catch {
        guard case .server(let failure) = error, failure.state == .lockNotAvailable else {
          throw error
        }
        throw PipelineError.sourceBusy(
          dataset: plan.definition.name, table: plan.definition.displayedSource)
      }
    }
  }
}

extension DatasetPlan {
  /// A batch as it is stored: with the transactions widened, and with the instant at which
  /// versions were seen.
  func storedBatch(_ batch: Batch, counter: TransactionCounter, seen: Timestamp) -> Batch {
    guard case .int64(let stored)? = batch[StoredColumn.xid]?.storage else { return batch }
    let wide = Column(StoredColumn.xidField, .int64(stored.map { counter.widened($0) }))
    var columns = batch.columns.map { $0.field.name == StoredColumn.xid ? wide : $0 }
    if definition.mode == .changes {
      let instants = [Int64](repeating: seen.microseconds, count: batch.rowCount)
      columns.append(Column(StoredColumn.seenField, .int64(instants)))
    }
    return Batch(columns, rowCount: batch.rowCount)
  }

  /// What parses the columns that arrive as text.
  var lifting: LiftedColumns {
    LiftedColumns(wireFields: wireFields, fields: fields, key: definition.key)
  }

  /// A partitioner of the dataset's rows.
  func partitioner(
    _ writer: PartWriter, keepsSmallDaysLoose: Bool = false
  ) -> RowPartitioner {
    RowPartitioner(
      layout: PartLayout(definition), writer: writer, keepsSmallDaysLoose: keepsSmallDaysLoose)
  }
}
