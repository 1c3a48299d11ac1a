/// The decision between the combination and naive methods, from the total at the origins.
struct Judgement {
  var modelPasses = false
  let baseline: EnsembleMember
  private(set) var checks: [GateCheck] = []
  private(set) var skills: [ForecastSkill] = []
  let scores: (model: ForecastScores?, baseline: ForecastScores?)
  /// How often the intervals of the combination held, by group.
  let coverage: [Int: RealisedCoverage]

  /// The fewest forecasts that do not overlap by which coverage is judged.
  static let fewestCovered = 30
  /// Standard errors of the binomial band: 99 of 100 right intervals lie within it.
  private static let band = 2.576

  /// Judges what a hierarchy's chain forecast of the total.
  init(_ forecaster: HierarchyForecaster, chain: HierarchyForecaster.Chain) {
    let settings = forecaster.settings
    let origins = chain.ensembles[0].origins
    func cells(_ predicted: [Double], _ origin: EnsembleOrigin) -> [ScoredCell] {
      let scale = changeScale(
        Array(forecaster.input.nodes[0].values[..<origin.end]), seasonLength: settings.season)
      return zip(origin.actual, predicted).map {
        ScoredCell(actual: $0, predicted: $1, naiveScale: scale)
      }
    }
    func meanErrors(_ cells: [[ScoredCell]]) -> [Double] {
      cells.map { list in
        list.reduce(0) { $0 + abs($1.actual - $1.predicted) } / Double(max(1, list.count))
      }
    }
    let ours = origins.map { cells($0.predicted, $0) }
    let naive = settings.baselines.map { method in
      origins.map { origin in
        cells(
          forecaster.baseline(method, node: 0, end: origin.end, origin.actual.count), origin)
      }
    }
    let errors = meanErrors(ours)
    let naiveErrors = naive.map(meanErrors)
    let sums = naiveErrors.map { $0.reduce(0, +) }
    let best = sums.indices.min { sums[$0] < sums[$1] } ?? 0
    baseline = settings.baselines[best]
    scores = (ForecastScores(ours.flatMap(\.self)), ForecastScores(naive[best].flatMap(\.self)))

    coverage = forecaster.coverage(chain)
    let enough = origins.count >= settings.minimumOrigins
    checks.append(
      GateCheck(
        name: "enough_judging_origins", passed: enough,
        detail: "\(origins.count) of at least \(settings.minimumOrigins)"))
    guard !origins.isEmpty else { return }
    var isBetter = true
    for (method, list) in zip(settings.baselines, naiveErrors) {
      let name = "beats_\(method.rawValue)"
      guard let skill = ForecastSkill(baseline: method, errors: errors, naive: list) else {
        isBetter = false
        checks.append(
          GateCheck(name: name, passed: false, detail: "its mean absolute error is 0"))
        continue
      }
      skills.append(skill)
      if skill.value <= 0 { isBetter = false }
      checks.append(
        GateCheck(
          name: name, passed: skill.value > 0,
          detail: "skill \(perCent(skill.value)), 95 % interval \(perCent(skill.low)) to "
            + perCent(skill.high)))
    }
    let covered = checkedCoverage(forecaster)
    checks.append(covered)
    modelPasses = enough && isBetter && covered.passed
  }

  /// Whether intervals of aggregates held as often as they say, within the band of chance.
  private func checkedCoverage(_ forecaster: HierarchyForecaster) -> GateCheck {
    let settings = forecaster.settings
    let groups = Set(
      forecaster.input.nodes.prefix(forecaster.input.aggregateCount).map(\.group))
    let found = coverage.filter { groups.contains($0.key) }
    let count = found.values.reduce(0) { $0 + $1.count }
    guard count >= Judgement.fewestCovered else {
      return GateCheck(
        name: "coverage_unverified", passed: true,
        detail: "\(count) of \(Judgement.fewestCovered) forecasts that do not overlap")
    }
    var isWithin = true
    var parts: [String] = []
    for (index, level) in settings.levels.enumerated() {
      var inside = 0.0
      for entry in found.values { inside += (entry.mean(index) ?? level) * Double(entry.count) }
      let share = inside / Double(count)
      let margin = Judgement.band * (level * (1 - level) / Double(count)).squareRoot()
      if abs(share - level) > margin { isWithin = false }
      parts.append("\(perCent(share)) of \(perCent(level)) ± \(perCent(margin))")
    }
    return GateCheck(name: "coverage", passed: isWithin, detail: parts.joined(separator: ", "))
  }

  /// Why the combination is not published; `nil` if it is.
  var reason: String? {
    guard !modelPasses, let failed = checks.first(where: { !$0.passed }) else { return nil }
    switch failed.name {
    case "enough_judging_origins":
      return "history is too short to judge a model: \(failed.detail) backtest origins"
    case "coverage": return "the model's intervals did not hold: \(failed.detail)"
    default:
      let name = failed.name.dropFirst("beats_".count)
      return "the model was not better than \(name) in the backtest: \(failed.detail)"
    }
  }
}
