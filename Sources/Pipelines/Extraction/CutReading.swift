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

/// Reads datasets under one cut, over several connections.
struct CutReading: Sendable {
  let plans: [DatasetPlan]
  let extents: [DatasetExtent]
  let readers: [PieceReader]
  let cut: SourceCut
  private let tasks: [ReadTask]

  init(
    _ plans: [DatasetPlan], _ extents: [DatasetExtent], held: [HeldRows?], at cut: SourceCut,
    writer: PartWriter, progress: ProgressSink = .silent
  ) {
    self.plans = plans
    self.extents = extents
    self.cut = cut
    let pieces = plans.map { SourcePieces.pieces(of: $0.table) }
    readers = plans.indices.map { index in
      PieceReader(
        plan: plans[index], writer: writer,
        maximumWaitingRows: RowPartitioner.maximumWaitingRows / pieces[index].count,
        held: held[index], progress: progress)
    }
    tasks = plans.indices.flatMap { index in
      pieces[index].map { piece in
        ReadTask(dataset: index, piece: piece, horizon: extents[index].horizon(of: piece.relation))
      }
    }
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
      plans.indices.map { index in (open: tasks.count { $0.dataset == index }, rows: 0) })
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
      try perform(CutSession(connection, cut: cut))
    }
  }

  /// The rows of each dataset, in the order of its pieces.
  private func collect(_ results: [ReadRows]) -> [DatasetRows] {
    var rows = plans.map { plan in
      let none = ReadRows(lifting: plan.lifting)
      return DatasetRows(whole: none, increment: none)
    }
    for (task, result) in zip(tasks, results) {
      if task.horizon == nil {
        rows[task.dataset].whole.add(result)
      } else {
        rows[task.dataset].increment.add(result)
      }
    }
    return rows
  }
}

extension DatasetExtent {
  /// From which transaction on the rows of a relation are read, `nil` for all of them.
  func horizon(of relation: SourceRelation?) -> Int64? {
    guard case .increment(let horizon, let fresh) = self else { return nil }
    // What is read by the name of the whole source is read whole as soon as a part of it is new.
    guard let relation else { return fresh.isEmpty ? horizon : nil }
    return fresh.contains(relation.oid) ? nil : horizon
  }
}

extension DatasetPlan {
  /// A batch as it is stored: with the transactions widened.
  func storedBatch(_ batch: Batch, counter: TransactionCounter) -> Batch {
    guard case .int64(let stored)? = batch[StoredColumn.xid]?.storage else { return batch }
    let wide = Column(StoredColumn.xidField, .int64(stored.map { counter.widened($0) }))
    return Batch(
      batch.columns.map { $0.field.name == StoredColumn.xid ? wide : $0 },
      rowCount: batch.rowCount)
  }

  /// What parses the columns that arrive as text.
  var lifting: LiftedColumns {
    LiftedColumns(wireFields: wireFields, fields: fields, key: definition.key)
  }

  /// A partitioner of the dataset's rows.
  func partitioner(_ writer: PartWriter) -> RowPartitioner {
    RowPartitioner(layout: PartLayout(definition), writer: writer)
  }
}
