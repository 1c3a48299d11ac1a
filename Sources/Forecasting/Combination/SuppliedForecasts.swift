/// Forecasts of a series that were made from more than its values, for one member of a combination.
package struct SuppliedForecasts: Equatable, Sendable {
  /// By the number of periods before an origin, what is forecast from there on.
  private var byEnd: [Int: [Double]]

  /// Forecasts by the number of periods before them; each made from what was known then, and as long
  /// as the horizon.
  package init(_ byEnd: [Int: [Double]]) { self.byEnd = byEnd }

  /// The forecasts from an origin; `nil` where there are none.
  func points(before end: Int) -> [Double]? { byEnd[end] }

  /// The same for a series without its first periods.
  func dropping(_ count: Int) -> SuppliedForecasts {
    SuppliedForecasts(
      Dictionary(uniqueKeysWithValues: byEnd.map { ($0.key - count, $0.value) }))
  }

  /// Writes all of them, by their ends.
  func write(to writer: inout WordWriter) {
    writer.add(byEnd.count)
    for (end, points) in byEnd.sorted(by: { $0.key < $1.key }) {
      writer.add(end)
      writer.add(points)
    }
  }
}
