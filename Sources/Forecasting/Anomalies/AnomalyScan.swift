/// One pass of an ``AnomalyRule`` over a series.
struct AnomalyScan {
  /// What was found so far, by position.
  private(set) var found: [Anomaly] = []

  private let rule: AnomalyRule
  private let values: [Double]
  private let cycle: Int
  /// The median of the cycle that ends with a position; NaN where half of it is unknown.
  private let trailing: [Double]
  /// The distance of a value from the median around it; NaN where unknown.
  private let distances: [Double]
  /// The seasonal part that was expected at each position.
  private var seasonal: [Double]
  /// Where the present level begins.
  private var levelStart = 0
  /// Sizes of the last errors of the expectation, in the unit of the series.
  private var errors: SlidingQuantiles
  /// Sizes of the last scores.
  private var scores: SlidingQuantiles
  /// The judged values of the present run, the last of which may yet be a shift.
  private var run: [Judged] = []

  /// A judged value.
  private struct Judged {
    var position: Int
    var error: Double
    var anomaly: Anomaly
    var bound: Double
  }

  init(rule: AnomalyRule, values: [Double]) {
    self.rule = rule
    self.values = values
    cycle = rule.cycleLength
    seasonal = [Double](repeating: 0, count: values.count)
    errors = SlidingQuantiles(capacity: AnomalyRule.cycles * rule.cycleLength)
    scores = SlidingQuantiles(
      capacity: max(AnomalyRule.memory, AnomalyRule.cycles * rule.cycleLength))
    let (cycle, half) = (rule.cycleLength, rule.cycleLength / 2)
    trailing = values.indices.map { last in
      guard last + 1 >= cycle else { return .nan }
      return medianOfKnown(values[(last + 1 - cycle)...last], minimum: (cycle + 1) / 2) ?? .nan
    }
    guard rule.seasonLength > 1 else {
      distances = []
      return
    }
    distances = values.indices.map { centre in
      guard centre >= half, centre + half < values.count else { return .nan }
      let around = values[(centre - half)...(centre + half)]
      return medianOfKnown(around, minimum: half).map { values[centre] - $0 } ?? .nan
    }
  }

  /// Judges the value of a position; all before it have been judged.
  mutating func judge(_ position: Int) {
    seasonal[position] = seasonalPart(of: position)
    guard let level = level(at: position) else { return }
    let expected = level + seasonal[position]
    let value = values[position]
    guard let (scale, bound) = scaleAndBound(expected: expected) else {
      // Not enough is known to judge by; the error is the beginning of it.
      if !value.isNaN { errors.append(abs(value - expected)) }
      if errors.count >= cycle, !value.isNaN {
        scores.append(abs(value - expected) / scale(expected: expected))
      }
      return
    }
    let score = value.isNaN ? 0 : (value - expected) / scale
    let anomaly = Anomaly(
      position: position, kind: kind(at: position, score: score),
      actual: value.isNaN ? nil : value, expected: expected, lower: expected - bound * scale,
      upper: expected + bound * scale, score: score)
    if value.isNaN {
      if anomaly.kind == .missing { found.append(anomaly) }
      return
    }
    if abs(score) > bound { found.append(anomaly) }
    run.append(
      Judged(position: position, error: value - expected, anomaly: anomaly, bound: bound))
    if run.count > AnomalyRule.runLength { remember(run.removeFirst()) }
    settleShift()
  }

  private mutating func remember(_ judged: Judged) {
    errors.append(abs(judged.error))
    scores.append(abs(judged.anomaly.score))
  }

  // MARK: What is expected

  /// The median distance from their surroundings of the values of the same season before a
  /// position; only such whose surroundings end before it.
  private func seasonalPart(of position: Int) -> Double {
    guard rule.seasonLength > 1 else { return 0 }
    let first = cycle / 2 / rule.seasonLength + 1
    let earlier = (first..<first + AnomalyRule.cycles).lazy
      .map { position - $0 * rule.seasonLength }.filter { $0 >= 0 }
    return medianOfKnown(earlier.map { distances[$0] }) ?? 0
  }

  /// The level at a position, or `nil` where too little is known: three cycles at the beginning,
  /// three values after a shift.
  private func level(at position: Int) -> Double? {
    var medians: [(distance: Double, median: Double)] = []
    for index in 0..<AnomalyRule.cycles {
      let last = position - 1 - index * cycle
      guard last + 1 - cycle >= levelStart else { break }
      if !trailing[last].isNaN {
        medians.append((Double(index * cycle) + Double(cycle + 1) / 2, trailing[last]))
      }
    }
    if medians.isEmpty || (levelStart == 0 && medians.count < 3) {
      guard levelStart > 0 else { return nil }
      return medianOfKnown(
        (levelStart..<position).map { values[$0] - seasonal[$0] }, minimum: 3)
    }
    var slope = 0.0
    if medians.count >= 4 {
      var slopes: [Double] = []
      for near in medians.indices {
        for far in medians.indices where far > near {
          slopes.append(
            (medians[near].median - medians[far].median)
              / (medians[far].distance - medians[near].distance))
        }
      }
      slope = medianOfKnown(slopes) ?? 0
    }
    return medianOfKnown(medians.map { $0.median + slope * $0.distance })
  }

  // MARK: What is unusual

  /// A robust standard deviation of the errors; a thousandth of a millionth of what is expected
  /// where there are none.
  private func scale(expected: Double) -> Double {
    // Of a normal distribution the median of the size is 0.6745, the mean 0.7979.
    let robust = errors.median / 0.6745
    if robust > 0 { return robust }
    let mean = errors.sum / Double(errors.count) / 0.7979
    return mean > 0 ? mean : 1e-9 * max(1, abs(expected))
  }

  /// The scale of errors and the score above which a value is an anomaly; `nil` until two cycles
  /// of errors are known.
  private func scaleAndBound(expected: Double) -> (scale: Double, bound: Double)? {
    guard errors.count >= 2 * cycle, scores.count >= cycle else { return nil }
    let bound = max(
      AnomalyRule.minimumScore, 2.5 * scores.quantile(0.95), scores.quantile(0.99))
    return (scale(expected: expected), bound)
  }

  private func kind(at position: Int, score: Double) -> Anomaly.Kind {
    let value = values[position]
    guard value.isNaN || (value == 0 && score < 0) else { return score < 0 ? .drop : .spike }
    let earlier = (1...AnomalyRule.cycles).map { position - $0 * rule.seasonLength }
      .filter { $0 >= 0 }.map { values[$0] }
    let known = earlier.filter { !$0.isNaN && (value.isNaN || $0 != 0) }
    // One absence may be an anomaly of its own; where there are more, absence is usual.
    if earlier.count >= 3, known.count >= earlier.count - 1 { return .missing }
    return value.isNaN ? .spike : .drop
  }

  /// Whether the last values stay on one side; then they are one shift, and the level begins anew.
  private mutating func settleShift() {
    guard run.count == AnomalyRule.runLength, let last = run.last else { return }
    let isAbove = last.anomaly.score > 0
    guard run.allSatisfy({ ($0.anomaly.score > 0) == isAbove && $0.anomaly.score != 0 }) else {
      return
    }
    let sizes = run.map { abs($0.anomaly.score) / $0.bound }.sorted()
    // Two of the seven may be close to the old level.
    guard sizes[2] > 0.5, let first = run.first(where: { abs($0.anomaly.score) > 0.4 * $0.bound })
    else { return }
    // A zero in the run is part of the shift, though it looked missing; a day without a value is not.
    found.removeAll { $0.position >= first.position && $0.actual != nil }
    let shift = first.anomaly
    found.append(
      Anomaly(
        position: shift.position, kind: .levelShift, actual: shift.actual,
        expected: shift.expected, lower: shift.lower, upper: shift.upper, score: shift.score))
    found.sort { $0.position < $1.position }
    for judged in run where judged.position < first.position { remember(judged) }
    run = []
    levelStart = first.position
  }
}
