import AlmanacCore
import Synchronization

/// Evaluates the contracts of datasets: a broken one stops the run before anything is aggregated.
///
/// Every check is evaluated and recorded before the first failure is thrown. Days whose rows are
/// those of the last evaluation, and broke no rule then, are not read again.
package struct CheckStage: Stage {
  package let name = "check"
  /// The datasets to check; `nil` for all that the pipeline extracts.
  package let datasets: [String]?

  /// A stage that checks the given datasets.
  package init(datasets: [String]?) {
    self.datasets = datasets
  }

  package func run(in context: RunContext) throws -> StageOutcome {
    let ledger = ContractLedger(connection: context.lock.connection)
    var evaluations: [(dataset: String, evaluation: DatasetContract.Evaluation)] = []
    for definition in definitions(in: context)
    where definition.hasContract && !context.isAbsent(definition) {
      evaluations.append((definition.name, try evaluate(definition, ledger, in: context)))
    }
    // On a connection of another run that meanwhile took over, nothing is recorded.
    try context.lock.write { connection in
      try ContractLedger(connection: connection).record(evaluations, run: context.run)
    }
    let results = evaluations.flatMap(\.evaluation.results)
    if let error = ContractError(results) {
      for result in results where result.status == .failed || result.status == .warned {
        context.log(.warning, "check: \(result.line)")
      }
      throw error
    }
    return outcome(evaluations.map(\.evaluation), results)
  }

  private func definitions(in context: RunContext) -> [DatasetDefinition] {
    var names = datasets
    if names == nil, case .extract(let extracted)? = context.pipeline.stage(.extract)?.settings {
      names = extracted?.map(\.name)
    }
    let all = context.project.datasets.sorted { $0.name < $1.name }
    return names.map { names in all.filter { names.contains($0.name) } } ?? all
  }

  private func evaluate(
    _ definition: DatasetDefinition, _ ledger: ContractLedger, in context: RunContext
  ) throws -> DatasetContract.Evaluation {
    let entry = try context.extracted(definition.name)
    guard let cut = Timestamp(entry.watermark.takenAt) else {
      throw PipelineError.damagedPart(
        path: "manifest.json", reason: "the cut of \(definition.name) is no instant")
    }
    let isForced = context.redo == .everything
    let memo = try ContractMemo(
      dataset: definition.name, in: context.directory.path, isEmpty: isForced)
    let contract = DatasetContract(
      definition: definition, project: context.project, reader: context.directory.reader, cut: cut,
      knowledgeEnd: context.knowledgeEnd,
      findings: context.memo.findings.withLock { $0[definition.name] },
      memory: isForced
        ? DatasetContract.Memory() : try ledger.memory(of: definition.name), memo: memo,
      jobs: context.jobs)
    let evaluation = try contract.evaluate()
    // What another run extracted was not looked at whole.
    if contract.findings != nil, evaluation.results.allSatisfy({ $0.status != .failed }) {
      memo.keepHeld(at: entry.watermark.takenAt)
    }
    try memo.write()
    context.log(
      .info,
      "check: \(definition.name), \(counted(evaluation.results.count, "check")), "
        + "\(counted(evaluation.rowsRead, "row")) in \(evaluation.unitsRead) days or parts read")
    return evaluation
  }

  private func outcome(
    _ evaluations: [DatasetContract.Evaluation], _ results: [CheckResult]
  ) -> StageOutcome {
    var outcome = StageOutcome()
    outcome.rowsIn = evaluations.reduce(0) { $0 + $1.rowsRead }
    outcome.note("checks", results.count)
    for status in CheckResult.Status.allCases where status != .failed {
      outcome.note(status.rawValue, results.count { $0.status == status })
    }
    outcome.note("units_read", evaluations.reduce(0) { $0 + $1.unitsRead })
    for result in results {
      switch result.status {
      case .warned: outcome.notices.append(result.line)
      // A new bound is proved within a week.
      case .skipped where result.level == .error && result.check != "increment_bound":
        outcome.notices.append("\(result.dataset): \(result.check) was skipped: \(result.observed)")
      case .passed, .failed, .skipped: break
      }
    }
    return outcome
  }
}

extension DatasetDefinition {
  /// Whether there is anything that the rows have to fulfil.
  fileprivate var hasContract: Bool { !checks.isEmpty || incrementBound != nil }
}
