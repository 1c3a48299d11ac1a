import Glibc

/// Where places of ``GlobalTrendWalk`` are and how they spread, as found on the way.
///
/// Places are drawn as the centre and a lower triangular matrix times independent numbers; the matrix is the
/// factor of the covariance.
struct GlobalTrendShape: Sendable {
  /// Four places.
  typealias Point = GlobalTrendPosterior.Point

  private static let parameters = 8
  private static let entries = parameters * (parameters + 1) / 2

  /// The mean of the places that the shape was last taken from.
  private var center: InlineArray<8, Double>
  /// The rows of the lower triangle of the factor, and the inverses of its diagonal.
  private var factor: InlineArray<36, Double>
  private var inverses: InlineArray<8, Double>
  /// The mean of the places learned from so far, later ones counting for more.
  private var mean: InlineArray<8, Double>
  /// The covariance in each lane, likewise, its rows as those of the factor.
  private var covariance: InlineArray<36, Lanes>
  /// How many times places were learned from.
  private var learned = 0

  /// The shape before any place is known: the same deviation of each parameter.
  init(center: InlineArray<8, Double>, deviation: Double) {
    self.center = center
    mean = center
    covariance = InlineArray(repeating: .zero)
    factor = InlineArray(repeating: 0)
    inverses = InlineArray(repeating: 1 / deviation)
    for row in 0..<GlobalTrendShape.parameters {
      covariance[GlobalTrendShape.row(row) + row] = Lanes(repeating: deviation * deviation)
      factor[GlobalTrendShape.row(row) + row] = deviation
    }
  }

  /// Where a row of a triangle begins.
  @inline(__always)
  private static func row(_ row: Int) -> Int { row * (row + 1) / 2 }

  /// Lets places count; ``settle()`` makes them the shape.
  mutating func learn(_ point: Point) {
    learned += 1
    // The first places, from before the walk had found where to be, shall count for little soon.
    let weight = 1 / (5 + 0.3 * Double(learned))
    let before = mean
    let distances = Point { point[$0] - before[$0] }
    var entry = 0
    for row in 0..<GlobalTrendShape.parameters {
      let distance = distances[row]
      mean[row] += weight * 0.25 * distance.sum()
      for column in 0...row {
        covariance[entry] += weight * (distance * distances[column] - covariance[entry])
        entry += 1
      }
    }
  }

  /// Takes the mean and the covariance of the places learned from.
  ///
  /// - Returns: whether it did, which rounding may prevent.
  mutating func settle() -> Bool {
    var found = factor
    var inverse = inverses
    for row in 0..<GlobalTrendShape.parameters {
      let start = GlobalTrendShape.row(row)
      for column in 0...row {
        let other = GlobalTrendShape.row(column)
        var rest = covariance[start + column].sum() / 4 + (row == column ? 1e-3 : 0)
        for earlier in 0..<column { rest -= found[start + earlier] * found[other + earlier] }
        if row == column {
          guard rest > 0 else { return false }
          found[start + row] = rest.squareRoot()
          inverse[row] = 1 / found[start + row]
        } else {
          found[start + column] = rest * inverse[column]
        }
      }
    }
    (center, factor, inverses) = (mean, found, inverse)
    return true
  }

  /// The matrix times numbers, added to a place.
  @inline(__always)
  func moved(_ point: Point, by draws: Point) -> Point {
    // Without loops, since lanes in an array that is indexed by a variable are kept in memory.
    var moved = point
    moved[0] += factor[0] * draws[0]
    moved[1] += pair(1, draws)
    moved[2] += pair(3, draws) + factor[5] * draws[2]
    moved[3] += pair(6, draws) + next(8, draws)
    moved[4] += pair(10, draws) + next(12, draws) + factor[14] * draws[4]
    moved[5] += pair(15, draws) + next(17, draws) + third(19, draws)
    moved[6] += pair(21, draws) + next(23, draws) + third(25, draws) + factor[27] * draws[6]
    moved[7] += pair(28, draws) + next(30, draws) + third(32, draws) + last(34, draws)
    return moved
  }

  /// The numbers that draw a place from the centre.
  @inline(__always)
  func draws(of point: Point) -> Point {
    var draws = Point { point[$0] - center[$0] }
    draws[0] *= inverses[0]
    draws[1] = (draws[1] - factor[1] * draws[0]) * inverses[1]
    draws[2] = (draws[2] - pair(3, draws)) * inverses[2]
    draws[3] = (draws[3] - pair(6, draws) - factor[8] * draws[2]) * inverses[3]
    draws[4] = (draws[4] - pair(10, draws) - next(12, draws)) * inverses[4]
    draws[5] = (draws[5] - pair(15, draws) - next(17, draws) - factor[19] * draws[4]) * inverses[5]
    draws[6] = (draws[6] - pair(21, draws) - next(23, draws) - third(25, draws)) * inverses[6]
    let rest = pair(28, draws) + next(30, draws) + third(32, draws)
    draws[7] = (draws[7] - rest - factor[34] * draws[6]) * inverses[7]
    return draws
  }

  /// The place that numbers draw from the centre.
  @inline(__always)
  func place(_ draws: Point) -> Point {
    moved(Point { Lanes(repeating: center[$0]) }, by: draws)
  }

  /// The part of a row from the first two numbers.
  @inline(__always)
  private func pair(_ entry: Int, _ draws: Point) -> Lanes {
    factor[entry] * draws[0] + factor[entry + 1] * draws[1]
  }

  /// The part of a row from the third and fourth number.
  @inline(__always)
  private func next(_ entry: Int, _ draws: Point) -> Lanes {
    factor[entry] * draws[2] + factor[entry + 1] * draws[3]
  }

  /// The part of a row from the fifth and sixth number.
  @inline(__always)
  private func third(_ entry: Int, _ draws: Point) -> Lanes {
    factor[entry] * draws[4] + factor[entry + 1] * draws[5]
  }

  /// The part of a row from the last two numbers.
  @inline(__always)
  private func last(_ entry: Int, _ draws: Point) -> Lanes {
    factor[entry] * draws[6] + factor[entry + 1] * draws[7]
  }
}
