/// A series without the values that stand alone (D-504).
///
/// A pulse by the rule of ``LevelChanges`` is taken for unknown and filled in, so that no method
/// follows it; a level shift stays, and is followed. Values that stand alone again and again are part
/// of the series: where there are more than one in a hundred, or two lie whole seasons apart, none is
/// masked.
struct PulseMask {
  /// The series with its pulses filled in.
  let values: [Double]
  /// The periods of the pulses, ascending.
  let pulses: [Int]
  /// The same series without its seasons, which the search for pulses needed.
  let adjusted: AdjustedSeries

  /// One value in as many may be masked, and one in any case.
  private static let rarity = 100

  /// The mask of a series without gaps.
  ///
  /// A pulse bends the season that it is sought without, so that its neighbours of other years stand
  /// out as well: pulses are taken one by one, the farthest first, and the season is found anew.
  init(_ values: [Double], seasonLengths: [Int]) {
    let most = max(1, values.count / PulseMask.rarity)
    let original = AdjustedSeries(values, seasonLengths: seasonLengths)
    var rest = original
    var found: [Int] = []
    while found.count <= most {
      let changes = PulseMask.changes(rest, seasonLengths)
      let others = changes.pulses.indices.filter { !found.contains(changes.pulses[$0]) }
      guard let farthest = others.max(by: { changes.sizes[$0] < changes.sizes[$1] }) else { break }
      found.append(changes.pulses[farthest])
      var open = values
      for period in found { open[period] = .nan }
      rest = AdjustedSeries(
        filled(open, seasonLength: seasonLengths.first ?? 1), seasonLengths: seasonLengths)
    }
    found.sort()
    let isException =
      found.count <= most && !PulseMask.recur(found, seasonLengths: seasonLengths)
    pulses = isException ? found : []
    adjusted = isException ? rest : original
    self.values = adjusted.values
  }

  /// The jumps of a series without its seasons, which are found with all levels raised to the last:
  /// across a shift the moving average bends them.
  private static func changes(
    _ series: AdjustedSeries, _ seasonLengths: [Int]
  ) -> LevelChanges {
    let first = series.changes
    guard !first.shifts.isEmpty, !seasonLengths.isEmpty else { return first }
    let level = first.levelled(series.values)
    return LevelChanges(SeasonalAdjustment(level, lengths: seasonLengths).adjusted(level))
  }

  /// Whether two pulses lie whole seasons apart, of a season in which that is no chance.
  private static func recur(_ pulses: [Int], seasonLengths: [Int]) -> Bool {
    guard let season = seasonLengths.last, season > pulses.count * pulses.count else {
      return false
    }
    return pulses.indices.contains { index in
      pulses[..<index].contains { (pulses[index] - $0).isMultiple(of: season) }
    }
  }
}
