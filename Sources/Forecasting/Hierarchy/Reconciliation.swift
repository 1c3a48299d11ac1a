package import LinearAlgebra

/// Sums that forecasts must keep: each node of a sum equals the sum of its parts.
package struct Hierarchy: Equatable, Sendable {
  /// One sum.
  package struct Sum: Equatable, Sendable {
    /// The node that is the total.
    package let total: Int
    /// The nodes it is made of.
    package let parts: [Int]

    /// A total and its parts.
    package init(total: Int, parts: [Int]) {
      self.total = total
      self.parts = parts
    }
  }

  /// The number of nodes.
  package let count: Int
  /// The sums.
  package let sums: [Sum]
  /// Node after node, in the order of the sums, the sums it is a total or a part of.
  private let places: [Int]
  /// In the same order, 1 for a total and -1 for a part.
  private let signs: [Double]
  /// Where those of each node begin in ``places``; one more for the end.
  private let starts: [Int]

  /// A hierarchy of nodes counted from zero.
  package init(count: Int, sums: [Sum]) {
    self.count = count
    self.sums = sums
    var lists = [[(sum: Int, sign: Double)]](repeating: [], count: count)
    for (index, sum) in sums.enumerated() {
      lists[sum.total].append((index, 1))
      for part in sum.parts { lists[part].append((index, -1)) }
    }
    places = lists.flatMap { $0.map(\.sum) }
    signs = lists.flatMap { $0.map(\.sign) }
    starts = lists.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.count) }
  }

  /// Forecasts that keep every sum.
  ///
  /// They are the ones closest to the given ones, by the inverse of `W`, that keep every sum:
  /// `ŷ − WAᵀ(AWAᵀ)⁻¹Aŷ` with one row of `A` per sum. `W` holds `variances` on its diagonal and,
  /// for errors that nodes share, the product of each of `factors` with itself. The system to solve
  /// is as large as the number of sums, whatever the number of nodes. Nodes that would fall below zero are held there
  /// and the rest is projected again.
  ///
  /// - Parameters:
  ///   - forecasts: one per node.
  ///   - variances: the variance of each node's own errors, above zero.
  ///   - factors: vectors of one entry per node, whose products add to the covariance of errors;
  ///     usually few, see ``sharedErrors(_:)``.
  ///   - isNonnegative: whether nodes are held at zero or above.
  /// - Returns: the coherent forecasts.
  /// - Throws: the error of the factorisation, where sums contradict or repeat each other.
  /// - SeeAlso: Wickramasuriya, Athanasopoulos & Hyndman, *JASA* 114(526), 2019,
  ///   doi:10.1080/01621459.2018.1448825.
  package func reconciled(
    _ forecasts: [Double], variances: [Double], factors: [[Double]] = [], isNonnegative: Bool
  ) throws(LinearAlgebraError) -> [Double] {
    precondition(
      forecasts.count == count && variances.count == count
        && factors.allSatisfy { $0.count == count },
      "\(forecasts.count) forecasts and \(variances.count) variances of \(count) nodes")
    // A node held at zero has the variance zero: the projection does not move it.
    var held = [Bool](repeating: false, count: count)
    var result = forecasts
    while true {
      let weights = (0..<count).map { held[$0] ? 0 : variances[$0] }
      let start = (0..<count).map { held[$0] ? 0 : forecasts[$0] }
      let shared = factors.map { factor in (0..<count).map { held[$0] ? 0 : factor[$0] } }
      result = try projected(start, weights: weights, factors: shared)
      guard isNonnegative else { return result }
      var changed = false
      for node in 0..<count where !held[node] && result[node] < 0 {
        held[node] = true
        changed = true
      }
      if !changed { break }
      // A total above zero is not held: its parts are.
    }
    return result.map { max(0, $0) }
  }

  private func projected(
    _ forecasts: [Double], weights: [Double], factors: [[Double]]
  ) throws(LinearAlgebraError) -> [Double] {
    // Sums all of whose nodes are held are kept by themselves.
    var active: [Sum] = []
    var rows = [Int](repeating: -1, count: sums.count)
    for (index, sum) in sums.enumerated()
    where weights[sum.total] > 0 || sum.parts.contains(where: { weights[$0] > 0 }) {
      rows[index] = active.count
      active.append(sum)
    }
    guard !active.isEmpty else { return forecasts }
    let gaps = active.map { sum in
      sum.parts.reduce(forecasts[sum.total]) { $0 - forecasts[$1] }
    }
    var columns = [[Double]](
      repeating: [Double](repeating: 0, count: active.count), count: active.count)
    // The sums of a node that has a weight are all among them.
    for node in 0..<count where weights[node] > 0 {
      for place in starts[node]..<starts[node + 1] {
        for other in starts[node]..<starts[node + 1] {
          columns[rows[places[other]]][rows[places[place]]] +=
            weights[node] * signs[place] * signs[other]
        }
      }
    }
    // A sum sees of each shared error what its total has more than its parts.
    let seen = factors.map { factor in
      active.map { sum in factor[sum.total] - sum.parts.reduce(0) { $0 + factor[$1] } }
    }
    for factor in seen {
      for column in active.indices {
        for row in active.indices { columns[column][row] += factor[row] * factor[column] }
      }
    }
    let solution = try CholeskyFactor(Matrix(columns: columns)).solve(gaps)
    var result = forecasts
    for node in 0..<count where weights[node] > 0 {
      for place in starts[node]..<starts[node + 1] {
        result[node] -= weights[node] * signs[place] * solution[rows[places[place]]]
      }
    }
    for (factor, seen) in zip(factors, seen) {
      let size = zip(seen, solution).reduce(0) { $0 + $1.0 * $1.1 }
      for node in 0..<count { result[node] -= factor[node] * size }
    }
    return result
  }

  /// The diagonal and the strongest shared error of nodes, from their errors at rolling origins.
  ///
  /// The first direction of the errors, each node's in units of its own size, is found by power
  /// iteration and kept by as much as it explains beyond what as many independent errors would.
  /// What remains of each node's variance, at least a tenth, is the diagonal.
  ///
  /// - Parameter errors: per node its errors, in the same order of origins and horizons; at least
  ///   one each, all known.
  /// - Returns: variances above zero and one factor, or none where nothing is shared.
  package static func sharedErrors(
    _ errors: [[Double]]
  ) -> (variances: [Double], factors: [[Double]]) {
    let times = errors.first?.count ?? 0
    precondition(times > 0 && errors.allSatisfy { $0.count == times }, "errors of unequal number")
    let sizes = errors.map { row in
      (row.reduce(0) { $0 + $1 * $1 } / Double(times)).squareRoot()
    }
    let largest = sizes.max() ?? 0
    // A node that was never wrong still has some error.
    let floor = largest > 0 ? 1e-6 * largest : 1
    let variances = sizes.map { max($0, floor) * max($0, floor) }
    let scaled = zip(errors, sizes).map { row, size in row.map { $0 / max(size, floor) } }
    let rows = ErrorRows(scaled)
    var direction = rows.combined([Double](repeating: 1, count: scaled.count))
    var unit: [Double] = []
    var value = 0.0
    for _ in 0..<50 {
      let length = direction.reduce(0) { $0 + $1 * $1 }.squareRoot()
      guard length > 0 else { return (variances, []) }
      let next = direction.map { $0 / length }
      // From here on every step would give the same numbers.
      if next == unit { break }
      unit = next
      let loadings = rows.products(with: unit)
      value = loadings.reduce(0) { $0 + $1 * $1 }
      direction = rows.combined(loadings)
    }
    // Independent errors give a largest direction of about (√nodes + √times)² for the same total.
    let nodes = Double(errors.count)
    let chance = nodes.squareRoot() + Double(times).squareRoot()
    let kept = value > 0 ? max(0, 1 - chance * chance / value) : 0
    guard kept > 0 else { return (variances, []) }
    let length = direction.reduce(0) { $0 + $1 * $1 }.squareRoot()
    let factor = zip(scaled, variances).map { row, variance -> Double in
      let loading = zip(row, direction).reduce(0) { $0 + $1.0 * $1.1 } / length
      let share = kept.squareRoot() * loading / Double(times).squareRoot()
      return min(max(share, -0.9.squareRoot()), 0.9.squareRoot()) * variance.squareRoot()
    }
    return (zip(variances, factor).map { max($0 - $1 * $1, $0 / 10) }, [factor])
  }

  /// Forecasts that keep every sum: what is no part stays, and each total is shared out among its
  /// parts in proportion to their forecasts, equally where these come to nothing.
  ///
  /// Each node is a part of one sum at most; the sums may be in any order.
  ///
  /// - Parameters:
  ///   - forecasts: one per node.
  ///   - isNonnegative: whether nodes are held at zero or above.
  /// - Returns: the coherent forecasts.
  package func sharedOut(_ forecasts: [Double], isNonnegative: Bool) -> [Double] {
    var result = isNonnegative ? forecasts.map { max(0, $0) } : forecasts
    var left = sums
    while !left.isEmpty {
      // Totals that are no part of a sum to come: their forecasts are settled.
      let parts = Set(left.flatMap(\.parts))
      let settled = left.filter { !parts.contains($0.total) }
      precondition(!settled.isEmpty, "a node is a part of itself")
      for sum in settled {
        let size = sum.parts.reduce(0) { $0 + abs(result[$1]) }
        let gap = result[sum.total] - sum.parts.reduce(0) { $0 + result[$1] }
        for part in sum.parts {
          result[part] += gap * (size > 0 ? abs(result[part]) / size : 1 / Double(sum.parts.count))
        }
      }
      left.removeAll { !parts.contains($0.total) }
    }
    return isNonnegative ? result.map { max(0, $0) } : result
  }

  /// Forecasts in whole units that keep every sum exactly, from the top down.
  ///
  /// What is no part of a sum is rounded to the nearest unit. The parts of each sum are rounded
  /// down, and the units that are missing in their total go to those with the largest remainders,
  /// the earlier node first among equals; so each node is less than one unit from its forecast.
  ///
  /// - Parameter forecasts: coherent, in units, each below 2⁶² in size.
  /// - Returns: whole units, one per node.
  /// - Precondition: each node is a part of one sum at most, and each total is listed before the
  ///   totals among its parts.
  package func apportionedUnits(_ forecasts: [Double]) -> [Int64] {
    var units = forecasts.map { Int64($0.rounded()) }
    for sum in sums {
      let floors = sum.parts.map { Int64(forecasts[$0].rounded(.down)) }
      var missing = units[sum.total] - floors.reduce(0, +)
      let order = sum.parts.indices.sorted { left, right in
        let first = forecasts[sum.parts[left]] - Double(floors[left])
        let second = forecasts[sum.parts[right]] - Double(floors[right])
        return first != second ? first > second : left < right
      }
      for (part, floor) in zip(sum.parts, floors) { units[part] = floor }
      // Arithmetic in doubles may leave a unit more or less than there are parts.
      while missing > 0 {
        for index in order.prefix(Int(min(missing, Int64(order.count)))) {
          units[sum.parts[index]] += 1
        }
        missing -= min(missing, Int64(order.count))
      }
      while missing < 0 {
        let before = missing
        for index in order.reversed() where missing < 0 && units[sum.parts[index]] > 0 {
          units[sum.parts[index]] -= 1
          missing += 1
        }
        if missing == before {
          units[sum.parts[order[0]]] += missing
          missing = 0
        }
      }
    }
    return units
  }

  /// Forecasts in whole units that keep every sum exactly.
  ///
  /// Nodes that are no total are rounded down, and the units that are missing in their sum go to
  /// those with the largest remainders, the earlier node first among equals. Totals are then added
  /// up from their parts.
  ///
  /// - Parameter forecasts: coherent, in units, each below 2⁶² in size.
  /// - Returns: whole units, one per node.
  /// - Precondition: each total is listed after the totals among its parts.
  package func roundedUnits(_ forecasts: [Double]) -> [Int64] {
    let isTotal = sums.reduce(into: [Bool](repeating: false, count: count)) { $0[$1.total] = true }
    let leaves = (0..<count).filter { !isTotal[$0] }
    var units = forecasts.map { Int64($0.rounded(.down)) }
    let exact = leaves.reduce(0.0) { $0 + (forecasts[$1] - Double(units[$1])) }
    let remainders = leaves.map { forecasts[$0] - Double(units[$0]) }
    let order = leaves.indices.sorted {
      remainders[$0] != remainders[$1] ? remainders[$0] > remainders[$1] : $0 < $1
    }
    for position in order.prefix(Int(exact.rounded())) { units[leaves[position]] += 1 }
    for sum in sums { units[sum.total] = sum.parts.reduce(0) { $0 + units[$1] } }
    return units
  }
}
