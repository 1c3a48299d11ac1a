/// A series without gaps beside itself without its seasons, and the jumps it then shows; computed once
/// for all that look at it.
struct AdjustedSeries: Sendable {
  /// The series.
  let values: [Double]
  /// Its seasons.
  let adjustment: SeasonalAdjustment
  /// The series without them.
  let adjusted: [Double]
  /// The jumps of the series without seasons.
  let changes: LevelChanges

  init(_ values: [Double], seasonLengths: [Int]) {
    self.values = values
    adjustment = SeasonalAdjustment(values, lengths: seasonLengths)
    adjusted = adjustment.adjusted(values)
    changes = LevelChanges(adjusted)
  }

  /// The series as a regression on slopes and waves can follow it.
  var levelled: [Double] { AdjustedSeries.levelled(values, by: changes) }

  /// Values as a regression on slopes and waves can follow them.
  ///
  /// Such a regression cannot jump: what lies before a shift is raised to it. Where jumps follow one
  /// another within the reach of the rule, that is how the series is.
  static func levelled(_ values: [Double], by changes: LevelChanges) -> [Double] {
    let areLevels = changes.shifts.count * 2 * LevelChanges.window <= values.count
    return areLevels ? changes.levelled(values) : values
  }
}
