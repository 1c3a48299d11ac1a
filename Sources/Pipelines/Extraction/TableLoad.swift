import AlmanacCore
import Columns
import Postgres
import Synchronization

/// How a large table is read for the first time.
struct LoadSettings: Sendable {
  /// Tables with fewer blocks are read whole under the cut.
  var minimumBlocks = 1_024
  /// The least number of chunks that a table is cut into, and the greatest beside those that end
  /// with a relation.
  var chunks = 64...256
  /// The blocks of a chunk where the number of chunks allows it: 2 MB.
  var chunkBlocks = 256

  /// The length of the chunks of a table, in blocks.
  ///
  /// What is under way when a load is cut off is read again, so it has to be little: a chunk for
  /// each connection. The number of connections does not count, so that the same files come of the
  /// same table whatever it is (DECISIONS.md, D-120).
  func length(blocks: Int) -> Int {
    let count = min(chunks.upperBound, max(chunks.lowerBound, blocks / chunkBlocks))
    return max(1, (blocks + count - 1) / count)
  }
}

/// Reads large tables for the first time, chunk by chunk, each in a transaction of its own.
///
/// A chunk counts once the manifest lists it, so a load that was cut off goes on where it was. The
/// chunks are not of one instant: the lowest of their horizons is that of the load, and an
/// increment from there makes a cut of it.
struct TableLoad {
  private let context: RunContext
  private let settings: LoadSettings
  private let held: HeldDatasets
  private let writer: PartWriter

  init(context: RunContext, settings: LoadSettings, held: HeldDatasets, writer: PartWriter) {
    self.context = context
    self.held = held
    self.settings = settings
    self.writer = writer
  }

  /// A chunk that is to be read, and its number of blocks, counted as at least one.
  private struct Task: Sendable {
    var dataset: String
    var chunk: Int
    var blocks: Int
  }

  /// Begins the loads that the datasets need, or goes on with those that were begun, to their ends.
  ///
  /// - Returns: notices, and the rows that were read now, by dataset.
  func run(
    _ datasets: [DatasetDefinition], on coordinator: Connection
  ) throws -> (notices: [String], rows: [String: Int]) {
    var notices: [String] = []
    var manifest = context.directory.manifest
    var tasks: [Task] = []
    var identity: SourceIdentity?
    for definition in datasets {
      let (load, notice) = try coordinator.transaction(.repeatableReadReadOnly()) {
        let plan = try DatasetPlan(definition, on: coordinator)
        let cut = try SourceCut(coordinator, isShared: false)
        identity = cut.source
        return try prepare(plan, at: cut, on: coordinator)
      }
      manifest[load: definition.name] = load
      notices += [notice].compactMap(\.self)
      for (index, chunk) in (load?.chunks ?? []).enumerated() where chunk.rows == nil {
        tasks.append(
          Task(
            dataset: definition.name, chunk: index,
            blocks: max(1, (chunk.end ?? 0) - chunk.start)))
      }
    }
    context.directory.adopt(manifest)
    guard !tasks.isEmpty, let identity else { return (notices, [:]) }
    let definitions = Dictionary(uniqueKeysWithValues: datasets.map { ($0.name, $0) })
    let progress = LoadProgress(
      manifest, in: context.directory.path, blocks: tasks.reduce(0) { $0 + $1.blocks })
    // Also where it fails, the directory has to know what the file says.
    defer { context.directory.adopt(progress.written) }
    let read = try read(tasks, of: definitions, from: identity, into: progress)
    return (notices, read)
  }

  /// The load that a dataset needs, with the chunks that are done; `nil` if it needs none.
  private func prepare(
    _ plan: DatasetPlan, at cut: SourceCut, on coordinator: Connection
  ) throws -> (load: Manifest.Load?, notice: String?) {
    let manifest = context.directory.manifest
    let name = plan.definition.name
    guard plan.definition.readsByTransaction, let table = plan.table, table.mayReadRelations,
      case .whole = DatasetExtent(
        plan, held: held.datasets[name], repair: held.repairs[name], at: cut)
    else { return (nil, nil) }
    if let begun = manifest.loads?[name], begun.fits(plan, table: table, at: cut) {
      var load = begun
      let done = load.chunks.count { $0.rows != nil }
      for (index, chunk) in load.chunks.enumerated() where chunk.rows != nil {
        if try !(chunk.parts ?? []).allSatisfy({ try context.directory.reader.isSound($0) }) {
          load.chunks[index].rows = nil
          load.chunks[index].parts = nil
          load.chunks[index].lifted = nil
        }
      }
      let sound = load.chunks.count { $0.rows != nil }
      return (
        load,
        "\(name): the first load goes on with \(sound) of \(load.chunks.count) chunks done"
          + (sound < done ? "; \(done - sound) were damaged and are read again" : "")
      )
    }
    guard table.blocks >= settings.minimumBlocks else { return (nil, nil) }
    // A load may be cut off by a crash of the server and then goes on, so its horizon has to last.
    guard try cut.isDurable(coordinator, patience: 30_000) else { return (nil, nil) }
    let length = settings.length(blocks: table.blocks)
    let chunks = table.relations.flatMap { relation in
      SourcePieces.ranges(of: relation, length: length).map { piece in
        Manifest.Load.Chunk(relation: relation.oid, start: piece.start, end: piece.end)
      }
    }
    return (
      Manifest.Load(
        watermark: cut.watermark(of: table, horizon: cut.horizon),
        definitionDigest: plan.definition.digest,
        chunks: chunks), nil
    )
  }

  private func read(
    _ tasks: [Task], of definitions: [String: DatasetDefinition], from identity: SourceIdentity,
    into progress: LoadProgress
  ) throws -> [String: Int] {
    let source = context.source
    let log = context.log
    let writer = writer
    let reported = context.progress
    let forgotten = context.directory.manifest.forgotten ?? []
    let earlier = held.datasets.mapValues(\.watermark.takenAt)
    let rows = try mapConcurrently(
      tasks, jobs: context.jobs, context: { try Connection(source, purpose: .source) },
      work: { connection, task in
        guard let definition = definitions[task.dataset] else { return 0 }
        guard let load = progress.load(task.dataset) else { return 0 }
        let (rows, cut) = try TableLoad.read(
          load.chunks[task.chunk], of: definition, from: identity,
          expecting: load.watermark.relations ?? [], on: connection, to: writer,
          after: earlier[task.dataset], forgotten: forgotten, progress: reported)
        try progress.finish(
          task.chunk, of: task.dataset, blocks: task.blocks, rows: rows.read, parts: rows.parts,
          lifted: rows.lifting.lifted, cut: cut)
        log(.debug, "extract: \(task.dataset), chunk \(task.chunk + 1), \(rows.read) rows")
        return rows.read
      })
    try progress.commit()
    return Dictionary(zip(tasks.map(\.dataset), rows), uniquingKeysWith: +)
  }

  /// Reads a chunk in a transaction of its own.
  ///
  /// A relation that is gone, or was truncated or rewritten since the load began, gives no rows:
  /// the cut that ends the load reads such a one whole.
  private static func read(
    _ chunk: Manifest.Load.Chunk, of definition: DatasetDefinition, from identity: SourceIdentity,
    expecting relations: [Watermark.Relation], on connection: Connection, to writer: PartWriter,
    after earlier: String?, forgotten: [Forgotten], progress: ProgressSink
  ) throws -> (rows: ReadRows, cut: SourceCut) {
    try connection.transaction(.repeatableReadReadOnly()) {
      try connection.runScript("LOCK TABLE \(definition.sqlSource) IN ACCESS SHARE MODE")
      let plan = try DatasetPlan(definition, on: connection)
      let cut = try SourceCut(connection, isShared: false)
      guard cut.source == identity else {
        throw PipelineError.sourceChanged(dataset: definition.name)
      }
      var rows = ReadRows(lifting: plan.lifting)
      guard let relation = plan.table?.relations.first(where: { $0.oid == chunk.relation }),
        relations.contains(Watermark.Relation(oid: relation.oid, filenode: relation.filenode))
      else { return (rows, cut) }
      let reader = PieceReader(
        plan: plan, writer: writer, maximumWaitingRows: 0,
        seen: cut.clock(after: [earlier].compactMap(\.self)), forgotten: forgotten,
        keepsSmallDaysLoose: true, progress: progress)
      let piece = SourcePiece(relation: relation, start: chunk.start, end: chunk.end)
      rows = try reader.read(
        ReadTask(dataset: 0, piece: piece), in: CutSession(connection, cut: cut))
      return (rows, cut)
    }
  }
}

extension Manifest.Load {
  /// Whether the load can go on, or end, with a source as it is now.
  func fits(_ plan: DatasetPlan, table: SourceTable, at cut: SourceCut) -> Bool {
    guard definitionDigest == plan.definition.digest,
      watermark.obstacle(to: table, at: cut) == nil
    else { return false }
    // A leaf may come and go; one that was truncated or rewritten is worth a load of its own.
    let files = Dictionary(
      table.watermarkRelations.map { ($0.oid, $0.filenode) },
      uniquingKeysWith: { first, _ in first })
    return (watermark.relations ?? []).allSatisfy { files[$0.oid] ?? $0.filenode == $0.filenode }
  }

  /// The load as a dataset that an increment makes whole.
  var dataset: Manifest.Dataset {
    Manifest.Dataset(watermark: watermark, definitionDigest: definitionDigest, parts: parts)
  }
}
