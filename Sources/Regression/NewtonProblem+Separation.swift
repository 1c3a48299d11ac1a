import LinearAlgebra

extension NewtonProblem {
  /// Whether a direction puts no row on the wrong side, and which columns carry it.
  ///
  /// Where classes are separated the coefficients run off along such a direction, so the last
  /// Newton steps show it. Rows that barely move count as undecided.
  func separating(_ direction: [Double]) -> Separation? {
    guard let moves = try? design.times(direction) else { return nil }
    let largest = moves.reduce(0) { max($0, abs($1)) }
    // Where the fit has an end, its last step moves nothing.
    guard largest > 0.01 else { return nil }
    var decided = 0
    var counted = 0
    for row in moves.indices where (weights?[row] ?? 1) > 0 {
      counted += 1
      let side = (2 * target[row] - 1) * moves[row] / largest
      if side < -1e-4 { return nil }
      if side > 1e-4 { decided += 1 }
    }
    guard decided > 0 else { return nil }
    var sizes: [Double] = []
    for column in direction.indices {
      let values = design.column(column)
      let mean = values.reduce(0, +) / Double(max(1, values.count))
      let variance =
        values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(max(1, values.count))
      sizes.append(abs(direction[column]) * variance.squareRoot())
    }
    let most = sizes.max() ?? 0
    let columns = sizes.indices.filter { sizes[$0] >= 0.1 * most && most > 0 }
    return decided == counted ? .complete(columns: columns) : .quasi(columns: columns)
  }
}
