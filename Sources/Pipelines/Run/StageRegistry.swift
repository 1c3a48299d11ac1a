import AlmanacCore
import Rollups

/// The stage a pipeline names, ready to run; the names it refers to are checked already.
func makeStage(_ reference: StageReference, project: Project) -> any Stage {
  switch reference.settings {
  case .extract(let names):
    let chosen = names?.map(\.name) ?? project.datasets.map(\.name).sorted()
    return ExtractStage(datasets: chosen.compactMap { project.dataset($0) })
  case .check(let names): return CheckStage(datasets: names?.map(\.name))
  case .rollup(let grains): return RollupStage(grains: grains)
  case .metrics: return MetricsStage(definition: project.metrics)
  case .cohorts: return CohortsStage()
  case .funnels: return FunnelsStage(definition: project.funnels)
  case .usage: return UsageStage()
  case .anomalies: return AnomaliesStage()
  case .fit(let models):
    return FitStage(
      models: models.compactMap { project.model($0.name) },
      risks: models.compactMap { project.risk($0.name) })
  case .predict(let models):
    return PredictStage(
      models: models.compactMap { project.model($0.name) },
      risks: models.compactMap { project.risk($0.name) })
  case .publish: return PublishStage()
  }
}
