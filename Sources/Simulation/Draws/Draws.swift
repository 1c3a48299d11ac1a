package import AlmanacCore
import Glibc

/// What a draw is for; each purpose has counters of its own, so that adding one moves no other.
package enum DrawStream: UInt8, Sendable {
  /// Attributes of a company that never change.
  case profile
  /// Identifiers of rows.
  case identifier
  /// When a row was recorded.
  case recording
  /// The mood of a company, day by day.
  case vigour
  /// The users active on a day, and what they do.
  case activity
  /// One event of a day: identity, shape and recording.
  case eventIdentity
  case eventShape
  case eventRecording
  /// Monthly decisions: churn, upgrade, adoption and the rest.
  case churn
  case upgrade
  case adoption
  case lifecycle
  /// Times of day and delays of single actions.
  case timing
  /// Outcome and circumstances of a payment attempt.
  case attempt
  /// When a failed payment is tried again.
  case retry
  /// Payment methods and their renewal.
  case method
  /// Daily chances of tickets, answers to surveys, changes of users.
  case daily
  /// Exchange rates.
  case rates
}

/// The draws of one entity of a world, which is a company, or the world itself (D-201).
///
/// The counter is (entity, stream and replicate, step, index). The replicate is 0 in the world that
/// is written down; a forward simulation takes another one from its first day on, and so has the
/// same past and a future of its own.
package struct Draws: Sendable {
  private let generator: Philox
  private let entity: UInt32
  /// Which course of events the draws are for; 0 is the one that happens.
  package var replicate: UInt16 = 0

  /// The entity that stands for the world as a whole; the two below it stand for the modules and
  /// the plans, so that no company shares their draws.
  package static let world = Int(UInt32.max)

  /// The draws of an entity in the world of a seed.
  package init(seed: UInt64, entity: Int) {
    generator = Philox(seed: seed)
    self.entity = UInt32(truncatingIfNeeded: entity)
  }

  /// The bits for a purpose, a step (a day, or the ordinal of a row) and an index within it.
  @inline(__always)
  package func block(_ stream: DrawStream, _ step: Int, _ index: Int = 0) -> DrawBlock {
    generator.block(
      entity, UInt32(stream.rawValue) | UInt32(replicate) << 8,
      UInt32(truncatingIfNeeded: step), UInt32(truncatingIfNeeded: index))
  }

  /// A number in the open interval from 0 to 1.
  @inline(__always)
  package func unit(_ stream: DrawStream, _ step: Int, _ index: Int = 0) -> Double {
    block(stream, step, index).unit
  }

  /// A standard normal number (Box & Muller, 1958, doi:10.1214/aoms/1177706645).
  package func normal(_ stream: DrawStream, _ step: Int, _ index: Int = 0) -> Double {
    let block = block(stream, step, index)
    return sqrt(-2 * log(block.unit)) * cos(2 * .pi * block.secondUnit)
  }

  /// A whole number below `count`, which is positive.
  package func choice(below count: Int, _ stream: DrawStream, _ step: Int, _ index: Int = 0) -> Int
  {
    Simulation.choice(block(stream, step, index).words.0, below: count)
  }

  /// An instant from `start` on and before `end`.
  func instant(
    from start: Int64, to end: Int64, _ stream: DrawStream, _ step: Int, _ index: Int = 0
  ) -> Int64 {
    start + Int64(unit(stream, step, index) * Double(max(1, end - start)))
  }

  /// A version 8 identifier (RFC 9562) of the 122 bits that belong to a step and an index.
  package func identifier(_ stream: DrawStream, _ step: Int, _ index: Int = 0) -> UUIDValue {
    let words = block(stream, step, index).words
    let high = UInt64(words.0) << 32 | UInt64(words.1)
    let low = UInt64(words.2) << 32 | UInt64(words.3)
    return UUIDValue(
      high: high & ~0xF000 | 0x8000, low: low & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000)
  }
}

/// The number of successes in `trials` at `probability`, from one uniform number.
///
/// Exact by inversion up to 100 trials, by the normal approximation above.
package func binomial(trials: Int, probability: Double, unit: Double) -> Int {
  guard trials > 0, probability > 0 else { return 0 }
  guard probability < 1 else { return trials }
  if trials > 100 {
    let mean = Double(trials) * probability
    let deviate = normalQuantile(unit) * sqrt(mean * (1 - probability))
    return min(trials, max(0, Int((mean + deviate).rounded())))
  }
  let odds = probability / (1 - probability)
  var mass = pow(1 - probability, Double(trials))
  var sum = mass
  var count = 0
  while sum < unit, count < trials {
    mass *= odds * Double(trials - count) / Double(count + 1)
    count += 1
    sum += mass
  }
  return count
}

/// A Poisson number of a mean, from one uniform number.
///
/// Exact by inversion up to a mean of 60, by the normal approximation above.
package func poisson(mean: Double, unit: Double) -> Int {
  guard mean > 0 else { return 0 }
  if mean > 60 { return max(0, Int((mean + normalQuantile(unit) * sqrt(mean)).rounded())) }
  var mass = exp(-mean)
  var sum = mass
  var count = 0
  while sum < unit, count < 400 {
    count += 1
    mass *= mean / Double(count)
    sum += mass
  }
  return count
}

/// The standard normal quantile, to about 4.5e-4 (Abramowitz & Stegun 1964, formula 26.2.23).
package func normalQuantile(_ probability: Double) -> Double {
  let tail = min(probability, 1 - probability)
  let t = sqrt(-2 * log(tail))
  let numerator = 2.515517 + t * (0.802853 + t * 0.010328)
  let denominator = 1 + t * (1.432788 + t * (0.189269 + t * 0.001308))
  let magnitude = t - numerator / denominator
  return probability < 0.5 ? -magnitude : magnitude
}
