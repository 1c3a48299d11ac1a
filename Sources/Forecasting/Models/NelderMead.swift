/// Minimises a function of a few bounded variables without derivatives.
///
/// The simplex method of Nelder and Mead with the usual coefficients; points outside the bounds are
/// moved onto them. It draws no random numbers, so equal input gives equal output.
///
/// - SeeAlso: Nelder & Mead, *The Computer Journal* 7(4), 1965, doi:10.1093/comjnl/7.4.308.
struct NelderMead {
  /// The smallest value of each variable.
  let lower: [Double]
  /// The largest value of each variable.
  let upper: [Double]
  /// The most evaluations of the function.
  var evaluations: Int
  /// The search ends when the values at the corners differ by less than this share of their size.
  var tolerance = 1e-7

  /// The best point found and its value.
  ///
  /// - Parameters:
  ///   - start: the first corner; moved into the bounds.
  ///   - steps: how far the other corners lie from it, one per variable; turned inwards at a bound.
  ///   - function: the function; where it is not a number it counts as infinite.
  /// - Returns: the best corner and its value.
  func minimize(
    start: [Double], steps: [Double], _ function: ([Double]) -> Double
  ) -> (point: [Double], value: Double) {
    let count = start.count
    func value(_ point: [Double]) -> Double {
      let value = function(point)
      return value.isNaN ? .infinity : value
    }
    func clamped(_ value: Double, _ index: Int) -> Double {
      min(max(value, lower[index]), upper[index])
    }
    let first = start.indices.map { clamped(start[$0], $0) }
    guard count > 0 else { return (first, value(first)) }
    var corners = [[Double]](repeating: first, count: count + 1)
    for index in 0..<count {
      let ahead = first[index] + steps[index]
      corners[index + 1][index] =
        ahead <= upper[index] ? ahead : clamped(first[index] - steps[index], index)
    }
    var values = corners.map(value)
    var used = count + 1
    var order = Array(0...count)
    var centre = [Double](repeating: 0, count: count)
    var trial = centre
    var second = centre

    func place(_ point: inout [Double], _ factor: Double, _ worst: [Double]) {
      for index in 0..<count {
        point[index] = clamped(centre[index] + factor * (worst[index] - centre[index]), index)
      }
    }
    while used < evaluations {
      // Insertion sort: almost sorted already, and ties keep their order.
      for position in 1...count {
        let moved = order[position]
        var place = position
        while place > 0, values[order[place - 1]] > values[moved] {
          order[place] = order[place - 1]
          place -= 1
        }
        order[place] = moved
      }
      let best = order[0]
      let worst = order[count]
      let spread = values[worst] - values[best]
      if spread <= tolerance * (abs(values[best]) + tolerance) || values[best] == .infinity {
        break
      }
      for index in 0..<count {
        var sum = 0.0
        for position in 0..<count { sum += corners[order[position]][index] }
        centre[index] = sum / Double(count)
      }
      place(&trial, -1, corners[worst])
      let reflected = value(trial)
      used += 1
      if reflected < values[best] {
        place(&second, -2, corners[worst])
        let expanded = value(second)
        used += 1
        if expanded < reflected {
          swap(&corners[worst], &second)
          values[worst] = expanded
        } else {
          swap(&corners[worst], &trial)
          values[worst] = reflected
        }
        continue
      }
      if reflected < values[order[count - 1]] {
        swap(&corners[worst], &trial)
        values[worst] = reflected
        continue
      }
      let isOutside = reflected < values[worst]
      place(&second, isOutside ? -0.5 : 0.5, corners[worst])
      let contracted = value(second)
      used += 1
      if contracted < min(reflected, values[worst]) {
        swap(&corners[worst], &second)
        values[worst] = contracted
        continue
      }
      for position in 1...count {
        let corner = order[position]
        for index in 0..<count {
          corners[corner][index] = (corners[corner][index] + corners[best][index]) / 2
        }
        values[corner] = value(corners[corner])
      }
      used += count
    }
    var best = 0
    for index in 1...count where values[index] < values[best] { best = index }
    return (corners[best], values[best])
  }
}
