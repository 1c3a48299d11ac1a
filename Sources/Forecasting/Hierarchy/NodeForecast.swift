/// The share of a member in a combination.
package struct MemberWeight: Equatable, Sendable {
  /// The member.
  package let member: EnsembleMember
  /// Its share, from 0 to 1.
  package let share: Double
}

/// The forecasts of one node by itself, before anything has to add up.
package struct NodeForecast: Equatable, Sendable {
  /// One forecast per period.
  package internal(set) var points: [Double]
  /// The expected size of errors, one per period.
  var scales: [Double]
  /// The forecasts from each origin of the hierarchy, earliest first; `nil` where none was made.
  var origins: [[Double]?]
  /// The expected size of errors at each origin.
  var originScales: [[Double]]
  /// What was used: `ensemble` or the name of a member.
  package internal(set) var model: String
  /// Why a simple method was used, in words; `nil` for the combination.
  var reason: String?
  /// The periods whose values stand alone and were left out of the fit.
  var pulses: [Int] = []
  /// The share of each member, in the order of the combination.
  var weights: [MemberWeight] = []
}

/// Makes the forecasts of a hierarchy: first of each node, in any order, then of all together.
package struct HierarchyForecaster: Sendable {
  let input: HierarchyInput
  let settings: HierarchySettings
  /// The rolling origins as numbers of periods before them, ascending.
  package let ends: [Int]
  /// What harmonic regressions of the nodes share.
  private let bases = HarmonicBases()
  /// The first of ``ends`` at which leaves are forecast as well.
  let firstLeafOrigin: Int

  /// The most forecasts of leaves at origins: with more leaves there are fewer origins for them.
  private static let leafOrigins = 24_000
  /// The share of a leaf's own size that its errors are expected to have at least.
  private static let smallestLeafScale = 0.1
  /// The origins whose newcomers are averaged.
  private static let newcomerOrigins = 4

  /// A forecaster of series.
  ///
  /// - Throws: `.valueOutOfRange` for a value that is infinite or beyond 1e100 in size.
  package init(
    _ input: HierarchyInput, settings: HierarchySettings
  ) throws(ForecastingError) {
    for node in input.nodes {
      if let position = node.values.firstIndex(where: { !(abs($0) <= 1e100) }) {
        throw .valueOutOfRange(position: position)
      }
    }
    self.input = input
    var settings = settings
    if input.nodes.contains(where: { $0.values.contains { $0 < 0 } }) {
      settings.isNonnegative = false
    }
    self.settings = settings
    ends = settings.ends(count: input.count)
    let leaves = input.nodes.count - input.aggregateCount
    let most = leaves == 0 ? ends.count : max(3, HierarchyForecaster.leafOrigins / leaves)
    firstLeafOrigin = max(0, ends.count - most)
  }

  /// The number of nodes.
  package var count: Int { input.nodes.count }

  /// Forecasts one node by itself, at the end and at each origin.
  ///
  /// An aggregate is forecast by the combination of members that its length allows; a leaf by one
  /// cheap member, since its own errors are large whatever is used and its total corrects it;
  /// newcomers by the mean of what newcomers brought after earlier origins (D-492).
  package func node(_ node: Int) throws(ForecastingError) -> NodeForecast {
    switch input.nodes[node].role {
    case .aggregate:
      return try aggregate(input.nodes[node], parent: node == 0 ? nil : input.nodes[0].values)
    case .leaf: return try leaf(node)
    case .newcomers: return newcomers(node)
    }
  }

  /// A segment, plan or module is a part of the total, whose season is the better known.
  private func aggregate(
    _ node: HierarchyInput.Node, parent: [Double]?
  ) throws(ForecastingError) -> NodeForecast {
    let values = node.values
    var settings = EnsembleSettings(horizon: settings.horizon, seasonLengths: seasons(of: values))
    var model = "ensemble"
    var reason: String?
    if case .simple(let member, let why) = SeriesKind(values) {
      settings.members = [member]
      settings.masksPulses = false
      (model, reason) = (member.rawValue, why)
    } else {
      settings.members = EnsembleMember.usual(
        count: values.count, seasonLengths: settings.seasonLengths)
      settings.sharpenWeights(count: values.count)
      if node.supplied != nil { settings.members.append(.bottomUp) }
    }
    settings.bases = bases
    if self.settings.season == 7 {
      settings.waves = AxisStep.days(1).waves(of: settings.seasonLengths)
    }
    settings.supplied = node.supplied
    settings.parent = parent
    return try forecast(values, settings, begin: 0, origin: 0, model: model, reason: reason)
  }

  /// The seasons of a series: the usual one of a flow that holds two, those found in a level.
  func seasons(of values: [Double]) -> [Int] {
    let usual = [settings.season].filter { $0 > 1 && values.count >= 2 * $0 }
    let found = SeasonDetection.seasons(
      values, candidates: usual + [settings.longerSeason].compactMap(\.self))
    return settings.isLevel ? found : Array(Set(usual + found)).sorted()
  }

  private func leaf(_ node: Int) throws(ForecastingError) -> NodeForecast {
    let first = min(input.firsts[node], input.count - 1)
    let values = Array(input.nodes[node].values[first...])
    var settings = EnsembleSettings(horizon: settings.horizon, seasonLengths: [])
    // A company's amounts come in bills: what stands alone is no exception there.
    settings.masksPulses = false
    var reason: String? = "one of many: it is corrected by its total"
    if let supplied = input.nodes[node].supplied, supplied.points(before: input.count) != nil {
      settings.members = [.bottomUp]
      settings.supplied = supplied.dropping(first)
    } else if case .simple(let member, let why) = SeriesKind(values) {
      settings.members = [member]
      reason = why
    } else {
      settings.members = [self.settings.isLevel ? .naive : .theta]
    }
    var result = try forecast(
      values, settings, begin: first, origin: firstLeafOrigin,
      model: settings.members[0].rawValue, reason: reason)
    func widen(_ scales: inout [Double], before end: Int) {
      let size = recentSize(node, before: end)
      for ahead in scales.indices {
        scales[ahead] = max(scales[ahead], HierarchyForecaster.smallestLeafScale * size)
      }
    }
    widen(&result.scales, before: input.count)
    for (index, end) in ends.enumerated() { widen(&result.originScales[index], before: end) }
    return result
  }

  /// The combination on the values from `first` on, its origins laid on those of the hierarchy from
  /// the given one on.
  private func forecast(
    _ values: [Double], _ ensemble: EnsembleSettings, begin first: Int, origin: Int, model: String,
    reason: String?
  ) throws(ForecastingError) -> NodeForecast {
    var ensemble = ensemble
    let wanted = ends.enumerated().filter { $0.offset >= origin && $0.element > first }
    ensemble.origins = wanted.count
    ensemble.originStep = settings.step
    ensemble.shortestHistory = settings.shortest
    ensemble.isNonnegative = settings.isNonnegative
    ensemble.special = settings.special?.dropping(first)
    ensemble.months = settings.months?.dropping(first)
    guard let found = ensembleForecast(values, settings: ensemble) else {
      throw .tooFewValues(known: 0, needed: 1)
    }
    var result = NodeForecast(
      points: found.points, scales: found.scales,
      origins: [[Double]?](repeating: nil, count: ends.count),
      originScales: [[Double]](
        repeating: [Double](repeating: 0, count: settings.horizon), count: ends.count),
      model: model, reason: reason, pulses: found.pulses,
      weights: zip(found.members, found.weights).map { MemberWeight(member: $0, share: $1) })
    for (index, end) in wanted {
      if let origin = found.origins.first(where: { first + $0.end == end }) {
        result.origins[index] = origin.predicted
        result.originScales[index] = origin.scales
      } else {
        // A series that had just begun: its mean, or the last of a level.
        let before = Array(values[..<(end - first)])
        let reach = min(settings.horizon, input.count - end)
        let size =
          settings.isLevel
          ? before[before.count - 1] : before.reduce(0, +) / Double(before.count)
        result.origins[index] = [Double](repeating: size, count: reach)
        result.originScales[index] = [Double](
          repeating: changeScale(before, seasonLength: 1), count: reach)
      }
    }
    return result
  }

  private func newcomers(_ node: Int) -> NodeForecast {
    func mean(before end: Int, reach: Int) -> [Double] {
      var sums = [Double](repeating: 0, count: reach)
      var count = 0.0
      var earlier = end - settings.horizon
      while earlier >= max(1, settings.step), count < Double(HierarchyForecaster.newcomerOrigins) {
        let followed = input.actual(node, from: earlier, horizon: settings.horizon)
        for ahead in sums.indices { sums[ahead] += followed[ahead] }
        count += 1
        earlier -= settings.step
      }
      return sums.map { $0 / max(1, count) }
    }
    let points = mean(before: input.count, reach: settings.horizon)
    var result = NodeForecast(
      points: points, scales: points.map { abs($0) / 2 },
      origins: [[Double]?](repeating: nil, count: ends.count),
      originScales: [[Double]](repeating: [], count: ends.count), model: "newcomers",
      reason: "the mean of what new ones brought after earlier dates")
    for (index, end) in ends.enumerated() where index >= firstLeafOrigin {
      let predicted = mean(before: end, reach: min(settings.horizon, input.count - end))
      result.origins[index] = predicted
      result.originScales[index] = predicted.map { abs($0) / 2 }
    }
    return result
  }
}
