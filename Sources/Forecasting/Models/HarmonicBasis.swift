import Glibc
import LinearAlgebra
import Synchronization

/// What harmonic regressions of series of one length and season share: the columns, and for every
/// penalty the inverse of the penalised normal equations.
struct HarmonicBasis: Sendable {
  /// The series that a basis serves.
  struct Shape: Hashable {
    /// The number of values.
    let count: Int
    /// The number of periods ahead.
    let horizon: Int
    /// The lengths of the waves in periods, not whole where a year of days is meant; ascending.
    let waves: [Double]
  }

  /// One row per value.
  let training: Matrix
  /// One row per period ahead.
  let future: Matrix
  /// The inverses of `XᵀX` with each pair of penalties on its diagonal, stronger penalties first.
  ///
  /// The first row of every pair comes before the second ones, so that the product with moments holds the
  /// solutions for one coefficient side by side.
  let inverses: Matrix
  /// The penalties in the order of the rows of ``inverses``.
  let penalties: [Double]
  /// The degrees of freedom that each pair leaves to the fit.
  let freedoms: [Double]

  /// The places at which the slope may change, at most.
  private static let changepoints = 12
  /// The fewest values between them.
  private static let changepointSpacing = 8
  /// The part of the series, from its start, in which they lie.
  private static let changingPart = 0.9
  /// The harmonics of one wave, at most.
  private static let harmonics = 10
  /// The waves that must fit into the series: with less a wave looks like a trend.
  private static let fewestWaves = 1.5
  /// The penalties to choose from, per value; of changes of slope, and of waves.
  private static let slopePenalties = [10.0, 1, 0.1, 1e-2, 1e-3]
  private static let wavePenalties = [10.0, 1, 0.1, 1e-2, 1e-3, 1e-4]

  /// The basis of a shape.
  ///
  /// Time runs from −1 to 0 over the series and goes on by steps that fade, so that the slope loses a
  /// tenth in a twelfth of the longest wave, such as a month of a year. A harmonic is penalised by the
  /// square of its order, hence the slope of the curve; neither level nor slope are.
  ///
  /// - Throws: what LAPACK reports.
  init(_ shape: Shape) throws(LinearAlgebraError) {
    let count = shape.count
    var time = (0..<count).map { Double($0 - (count - 1)) / Double(count) }
    let longest = shape.waves.last ?? 12
    let damping = pow(0.9, 12 / longest)
    var elapsed = 0.0
    for ahead in 1...shape.horizon {
      elapsed += pow(damping, Double(ahead))
      time.append(elapsed / Double(count))
    }
    var columns = [[Double](repeating: 1, count: time.count), time]
    var slope = [0.0, 0.0]
    var wave = [0.0, 0.0]
    let places = min(HarmonicBasis.changepoints, count / HarmonicBasis.changepointSpacing)
    for place in 0..<places {
      let at = -1 + HarmonicBasis.changingPart * Double(place + 1) / Double(places + 1)
      columns.append(time.map { max(0, $0 - at) })
      slope.append(1)
      wave.append(0)
    }
    var lengths: [Double] = []
    for length in shape.waves where Double(count) >= HarmonicBasis.fewestWaves * length {
      for order in 1...HarmonicBasis.harmonics {
        let period = length / Double(order)
        // Twice a period is the shortest wave; one of a shorter season is not counted again.
        guard period >= 2, !lengths.contains(where: { abs($0 / period - 1) < 1e-9 }) else {
          continue
        }
        lengths.append(period)
        let angles = time.indices.map { 2 * Double.pi * Double($0) / period }
        columns.append(angles.map { cos($0) })
        if period > 2 { columns.append(angles.map { sin($0) }) }
        for _ in wave.count..<columns.count {
          slope.append(0)
          wave.append(Double(order * order))
        }
      }
    }
    training = try Matrix(columns: columns.map { Array($0[..<count]) })
    future = try Matrix(columns: columns.map { Array($0[count...]) })
    let gram = try training.gram()
    var choices: [(inverse: Matrix, penalties: [Double])] = []
    for first in HarmonicBasis.slopePenalties {
      for second in lengths.isEmpty ? [0] : HarmonicBasis.wavePenalties {
        let penalties = zip(slope, wave).map { Double(count) * (first * $0 + second * $1) }
        var system = gram
        for column in penalties.indices { system[column, column] += penalties[column] }
        choices.append((try CholeskyFactor(system).inverse(), penalties))
      }
    }
    freedoms = choices.map { choice in
      // tr(S XᵀX) = p − tr(S D)
      var freedom = Double(columns.count)
      for (column, share) in choice.inverse.diagonal.enumerated() {
        freedom -= share * choice.penalties[column]
      }
      return freedom
    }
    penalties = columns.indices.flatMap { row in choices.map { $0.penalties[row] } }
    inverses = try Matrix(
      columns: columns.indices.map { column in
        columns.indices.flatMap { row in choices.map { $0.inverse[row, column] } }
      })
  }
}

/// The bases of harmonic regressions, made once for all series of one shape.
///
/// What is returned does not depend on what was asked before.
package final class HarmonicBases: Sendable, Equatable {
  private let known = Mutex<[HarmonicBasis.Shape: HarmonicBasis]>([:])

  /// More shapes than that are made anew each time, to bound the memory.
  private static let largest = 48

  /// No bases yet.
  package init() {}

  /// The basis of a shape; `nil` where LAPACK finds none.
  func basis(_ shape: HarmonicBasis.Shape) -> HarmonicBasis? {
    if let found = known.withLock({ $0[shape] }) { return found }
    guard let made = try? HarmonicBasis(shape) else { return nil }
    known.withLock { if $0.count < HarmonicBases.largest { $0[shape] = made } }
    return made
  }

  /// Bases follow from shapes alone, so all collections of them are alike.
  package static func == (left: HarmonicBases, right: HarmonicBases) -> Bool { true }
}
