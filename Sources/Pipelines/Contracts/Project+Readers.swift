extension Project {
  /// The datasets any row of which a stage may compute from; none for a stage that copies or checks
  /// rows, or reads tables alone.
  func datasets(readBy settings: StageReference.Settings) -> Set<String> {
    switch settings {
    case .extract, .check, .anomalies, .publish: return []
    case .rollup: return [RollupStage.dataset]
    case .metrics: return Set(RunContext.billingDatasets + metrics.declared.map(\.dataset.name))
    case .cohorts: return Set(RunContext.billingDatasets + ["users"])
    case .funnels:
      let columns = funnels.funnels.flatMap(\.steps).contains { $0.userColumn != nil }
      return columns ? [RollupStage.dataset, "users"] : [RollupStage.dataset]
    case .usage: return [RollupStage.dataset, "invoices", "subscriptions"]
    case .fit(let names), .predict(let names):
      let wanted = Set(names.map(\.name))
      var found = Set(models.filter { wanted.contains($0.name) }.flatMap(\.datasetNames))
      for risk in risks where wanted.contains(risk.name) {
        found.formUnion(RunContext.billingDatasets + risk.datasetNames)
      }
      return found
    }
  }

  /// The first stage or model that computes from every day of a dataset, in words; `nil` if none
  /// does.
  func firstReader(of dataset: String) -> String? {
    for pipeline in pipelines {
      for stage in pipeline.stages where datasets(readBy: stage.settings).contains(dataset) {
        return "the stage \(stage.kind.rawValue) of pipeline \(pipeline.name)"
      }
    }
    // A model may be asked for by name later.
    return models.first { $0.datasetNames.contains(dataset) }.map { "model \($0.name)" }
  }
}
