/// The seasons of a series, of any number, and the series without them.
package struct SeasonalAdjustment: Sendable {
  /// The parts, the shortest season first; all of one kind, empty without a season.
  package let parts: [SeasonalIndices]

  /// The seasons of a series without gaps.
  ///
  /// The season is multiplicative where all values are above zero and additive elsewhere. Several
  /// seasons are found one after the other, each in what the others leave, in two rounds. Lengths
  /// that the series does not hold twice are left out; seasons of hundreds of periods are smooth.
  ///
  /// - Parameters:
  ///   - values: the series.
  ///   - lengths: the lengths of its seasons.
  ///   - parent: the seasons of a series that it is a part of, from the same period on, towards which
  ///     indices are shrunk where kind and length are the same; without it towards none.
  package init(_ values: [Double], lengths: [Int], parent: SeasonalAdjustment? = nil) {
    let lengths = lengths.filter { $0 >= 2 && values.count >= 2 * $0 }.sorted()
    let kind: SeasonalIndices.Kind = values.allSatisfy { $0 > 0 } ? .multiplicative : .additive
    var parts = [SeasonalIndices?](repeating: nil, count: lengths.count)
    for _ in 0..<(lengths.count > 1 ? 2 : 1) {
      for (position, length) in lengths.enumerated() {
        var rest = values
        for (other, part) in parts.enumerated() where other != position {
          if let part { rest = part.adjusted(rest) }
        }
        parts[position] =
          length >= SeasonalIndices.smoothFrom
          ? SeasonalIndices(smooth: rest, length: length, kind: kind)
          : SeasonalIndices(
            rest, length: length, kind: kind, isShrunk: true,
            parent: parent?.parts.first { $0.indices.count == length })
      }
    }
    let found = parts.compactMap { $0 }
    // An index at or below zero would turn values of the adjusted series around.
    let isSound = found.allSatisfy { part in
      part.kind == .additive || part.indices.allSatisfy { $0 > 1e-6 }
    }
    self.parts = isSound ? found : []
  }

  /// The series without its seasons.
  package func adjusted(_ values: [Double]) -> [Double] {
    parts.reduce(values) { $1.adjusted($0) }
  }

  /// Values of the periods from `first` on with the seasons put back.
  package func seasonal(_ values: [Double], from first: Int) -> [Double] {
    parts.reduce(values) { $1.seasonal($0, from: first) }
  }
}
