/// A row of small bars that shows how a value went.
package enum Sparkline {
  /// The number of values that one cell shows at most.
  package static let length = 12
  private static let bars = Array("▁▂▃▄▅▆▇█")

  /// A bar for each value, the lowest and the highest of them by the ends of the scale.
  ///
  /// Where all are equal, bars are of middle height; a value that is not known is a space.
  package static func text(_ values: [Double?]) -> String {
    let known = values.compactMap { $0 }.filter(\.isFinite)
    guard let low = known.min(), let high = known.max() else {
      return String(repeating: " ", count: values.count)
    }
    return String(
      values.map { value in
        guard let value, value.isFinite else { return " " }
        guard high > low else { return bars[3] }
        let place = (value / 2 - low / 2) / (high / 2 - low / 2)
        return bars[min(bars.count - 1, Int(place * Double(bars.count)))]
      })
  }

  /// For each value of a series a sparkline of it and those before, twelve at most.
  package static func trailing(_ values: [Double?]) -> [String] {
    values.indices.map { text(Array(values[max(0, $0 - length + 1)...$0])) }
  }
}
