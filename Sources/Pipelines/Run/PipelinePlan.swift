package import AlmanacCore
import Columns
import Postgres
import Synchronization

/// What a run would do now (DECISIONS.md, D-550).
package struct PipelinePlan: Sendable {
  /// The pipeline's name.
  package var pipeline: String
  /// The logical date.
  package var date: CalendarDate
  /// The run that finished the date, and when, where nothing is left to do.
  package var finished: (run: String, at: String)?
  /// Why there is something to do, in words.
  package var reason: String
  /// The stages, in order; none where nothing is left to do.
  package var stages: [StageOutlook] = []
  /// What a person should know.
  package var notices: [String] = []
  /// What was found of the events in the source; `nil` where it was not looked at: nothing is left to
  /// do, nothing is extracted or rolled up, or events are extracted for the first time.
  package var glance: SourceGlance?

  /// How many stages are at work at the same time at the most.
  var threads = 1
  /// The names of the stages that each stage reads from, by name; those that are no stage of the plan
  /// do not matter.
  var inputs: [String: Set<String>] = [:]

  /// About how many seconds all stages take, `nil` where no earlier run tells of any.
  ///
  /// Stages that do not read from each other are at work at the same time, as far as there are
  /// threads, and each begins when it may, in the order of a run (DECISIONS.md, D-565, D-604); that
  /// memory may keep some waiting is left out. A stage without an estimate takes no
  /// time. What a stage took in earlier runs it took beside the others.
  package var seconds: Double? {
    guard stages.contains(where: { $0.seconds != nil }) else { return nil }
    var now = 0.0
    let order = StageSchedule.order(count: stages.count) { later, earlier in
      inputs[stages[later].name, default: []].contains(stages[earlier].name)
    }
    var waiting = order.map { stages[$0] }
    var atWork: [(name: String, end: Double)] = []
    while !waiting.isEmpty || !atWork.isEmpty {
      let open = Set(waiting.map(\.name) + atWork.map(\.name))
      let ready = waiting.firstIndex { inputs[$0.name, default: []].isDisjoint(with: open) }
      if let index = ready, atWork.count < max(1, threads) {
        let stage = waiting.remove(at: index)
        atWork.append((stage.name, now + (stage.seconds ?? 0)))
      } else if let next = atWork.indices.min(by: { atWork[$0].end < atWork[$1].end }) {
        now = atWork.remove(at: next).end
      } else {
        // Stages that wait for each other, which no pipeline has.
        waiting.removeFirst()
      }
    }
    return now
  }

  /// Whether every stage that has work has an estimate of its time.
  package var knowsAllTimes: Bool {
    stages.allSatisfy { $0.seconds != nil || $0.action == .nothing }
  }
}

extension PipelineRunner {
  /// Finds out what ``run()`` would do now, without changing the target, the source or the folder.
  ///
  /// The target is read in one read-only transaction, without the lock. In the source the events are
  /// counted that were recorded since the last extraction, where that is cheap. A source that cannot be
  /// reached is told of; then the target's clock tells the date.
  ///
  /// - Throws: what a run would throw before its first stage, or for lack of an extraction.
  package func plan() throws -> PipelinePlan {
    let opening = try open(needsSource: false)
    let directory = try DataDirectory(reading: request.dataPath)
    return try opening.connection.transaction(.repeatableReadReadOnly(snapshot: nil)) {
      try plan(opening, directory)
    }
  }

  private func plan(_ opening: Opening, _ directory: DataDirectory) throws -> PipelinePlan {
    var plan = PipelinePlan(pipeline: opening.pipeline.name, date: opening.date, reason: "")
    plan.notices = directory.notices + opening.notices
    plan.threads = min(request.jobs, PipelineRunner.maximumStages)
    let reading = LedgerReading(opening.connection)
    let digest = settingsDigest(opening.pipeline)
    let state = try nightState(reading, opening, settingsDigest: digest, directory: directory)
    switch state {
    case .finished(let run) where !request.redo.isAny && request.selection.isWhole:
      plan.finished = (run.run, run.finishedAt)
      return plan
    case .finished: plan.reason = "asked for, though the date is finished"
    case .open(let reason): plan.reason = reason
    }
    if let range = request.redo.range {
      let ofCompanies =
        request.redo.companies.isEmpty ? "" : " with numbers of what --company names"
      plan.reason =
        "the days \(range.lowerBound) to \(range.upperBound)\(ofCompanies) are asked for again"
    }
    let lock = RunLock(reading: opening.connection, settings: request.target)
    let backfill = try backfill(opening, settingsDigest: digest)
    let context = RunContext(
      run: .zero, project: project, pipeline: opening.pipeline, date: opening.date,
      zone: opening.zone, jobs: request.jobs, redo: request.redo, backfill: backfill,
      source: request.source, lock: lock, ledger: Ledger(lock, run: .zero), directory: directory,
      log: .silent,
      findZone: zones)
    plan.glance = glance(opening, directory)
    context.memo.glance.withLock { $0 = plan.glance }
    if case .unknown(let reason)? = plan.glance {
      plan.notices.append(
        "not known to which earlier days rows of \(RollupStage.dataset) came late: \(reason)")
    }
    let history = try reading.stageHistory(pipeline: opening.pipeline.name)
    var working: Set<StageKind> = []
    for (kind, stage) in opening.stages {
      let inputs = opening.pipeline.inputs(of: kind)
      var outlook: StageOutlook
      do {
        outlook = try stage.outlook(in: context)
      } catch PipelineError.notExtracted(let dataset) where isExtracted(dataset, opening) {
        outlook = StageOutlook(stage.name, .run, ["\(dataset) is extracted first"])
      }
      // What extract and check bring is not known before; what the others write is.
      let sources = opening.pipeline.stages.map(\.kind).filter {
        inputs.contains($0) && working.contains($0) && $0 != .extract && $0 != .check
      }
      if outlook.action == .look, let source = sources.last {
        outlook.action = .run
        outlook.reasons = ["reads what \(source.rawValue) writes"]
      }
      if outlook.action == .run { working.insert(kind) }
      outlook.estimate(by: history[stage.name])
      plan.inputs[stage.name] = Set(
        opening.stages.filter { inputs.contains($0.kind) }.map(\.work.name))
      plan.stages.append(outlook)
    }
    return plan
  }

  /// What the source has of events that are not extracted yet.
  private func glance(_ opening: Opening, _ directory: DataDirectory) -> SourceGlance? {
    let name = RollupStage.dataset
    guard opening.stages.contains(where: { $0.kind == .rollup }), isExtracted(name, opening),
      let definition = project.dataset(name), let held = directory.manifest.datasets[name]
    else { return nil }
    guard let source = opening.sourceConnection else {
      return .unknown(reason: "the source cannot be reached")
    }
    return SourceGlance(
      of: definition, held: held, newest: newestRecorded(of: definition, in: directory),
      on: source)
  }

  /// The recorded clock of the newest row of the last day that is held; `nil` where that cannot be told.
  private func newestRecorded(
    of definition: DatasetDefinition, in directory: DataDirectory
  ) -> Timestamp? {
    guard let recorded = definition.recordedColumn,
      let held = directory.manifest.datasets[definition.name],
      let cut = Timestamp(held.watermark.takenAt),
      let last = directory.manifest.days(of: definition.name).range(through: cut.dateUTC)?
        .upperBound
    else { return nil }
    let parts = held.parts.filter { $0.holdsRows && $0.date == last.description }
    let newest = parts.compactMap { part -> Int64? in
      guard let batch = try? directory.reader.decode(part, columns: [recorded]),
        case .int64(let values)? = batch[recorded]?.storage
      else { return nil }
      return values.max()
    }.max()
    return newest.map { Timestamp(microseconds: $0) }
  }

  /// Whether the stages that are asked for extract a dataset.
  private func isExtracted(_ dataset: String, _ opening: Opening) -> Bool {
    opening.stages.contains { stage in
      (stage.work as? ExtractStage)?.datasets.contains { $0.name == dataset } ?? false
    }
  }
}

extension StageOutlook {
  /// Adds what earlier runs tell about rows and time.
  ///
  /// The time is the median of theirs; where the stage is known to read more rows than they did, it
  /// grows with the rows.
  mutating func estimate(by history: StageHistory?) {
    guard action != .nothing, let history else { return }
    seconds = history.seconds
    if let rows, history.rows > 0, rows > history.rows {
      seconds = history.seconds * Double(rows) / Double(history.rows)
    } else if rows == nil {
      rows = history.rows
    }
  }
}

/// What the last runs of a stage took, as medians.
struct StageHistory: Sendable, Equatable {
  /// Rows read.
  var rows: Int
  /// How long it took.
  var seconds: Double
  /// By how many bytes the process grew at the most while the stage was at work in one of them; `nil`
  /// where none tells.
  var memory: Int?
}

extension LedgerReading {
  /// The medians of the last five successful runs of each stage of a pipeline.
  func stageHistory(pipeline: String) throws -> [String: StageHistory] {
    let rows = try connection.query(
      """
      SELECT stage, percentile_disc(0.5) WITHIN GROUP (ORDER BY coalesce(rows_in, 0)) AS rows,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY seconds) AS seconds,
        max(memory_bytes) AS memory
      FROM (
        SELECT s.stage, s.rows_in, s.memory_bytes,
          extract(epoch FROM s.finished_at - s.started_at)::float8 AS seconds,
          row_number() OVER (PARTITION BY s.stage ORDER BY s.started_at DESC) AS age
        FROM almanac.stage_runs AS s JOIN almanac.runs AS r ON r.run_id = s.run_id
        WHERE r.pipeline = $1 AND s.status = 'succeeded') AS newest
      WHERE age <= 5 GROUP BY stage
      """, [pipeline])
    var history: [String: StageHistory] = [:]
    for row in 0..<rows.count {
      guard let stage = rows[row, "stage"] else { continue }
      history[stage] = StageHistory(
        rows: rows[row, "rows"].flatMap { Int($0) } ?? 0,
        seconds: rows[row, "seconds"].flatMap { Double($0) } ?? 0,
        memory: rows[row, "memory"].flatMap { Int($0) })
    }
    return history
  }
}
