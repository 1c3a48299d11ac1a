import Glibc

/// How a figure is compared with its peer, and the bound that the ratio has to keep.
enum Comparison {
  /// Ours divided by the peer's, and the most it may be; without a peer, ours itself.
  case share(atMost: Double?)
  /// The peer's divided by ours, so many times as fast, and the least it may be.
  case speed(atLeast: Double?)

  /// Ours itself, and the least it may be.
  case value(atLeast: Double)

  /// The bound as the table shows it, or `nil` if there is none.
  var target: String? {
    switch self {
    case .share(let bound): bound.map { "<= \(rounded($0))" }
    case .speed(let bound): bound.map { ">= \(rounded($0))" }
    case .value(let bound): ">= \(rounded(bound))"
    }
  }

  /// A bound to four significant digits, of which a quotient would show all sixteen; whole numbers as
  /// they are.
  private func rounded(_ bound: Double) -> Double {
    guard bound != 0, bound.isFinite, bound != bound.rounded() else { return bound }
    // Powers of ten up to the 22nd are exact, so that the quotient is the number of these digits.
    let scale = pow(10, max(0, 3 - log10(abs(bound)).rounded(.down)))
    return (bound * scale).rounded() / scale
  }
}

/// One measured figure and what it is held against.
struct Figure {
  /// Whether a figure keeps its target.
  enum Verdict: String {
    /// It does.
    case ok
    /// It does not.
    case miss = "MISS"
    /// It would at the size the target is for, if the ratio were the same.
    case okForInformation = "(ok)"
    /// It would not.
    case missForInformation = "(MISS)"
    /// There is no target.
    case none = "-"
  }

  /// What was measured.
  let measure: String
  /// Our value: seconds unless the measure names another unit.
  let ours: Double
  /// The value of the peer.
  var peer: Double?
  /// The direction of the ratio, and its bound.
  var comparison = Comparison.share(atMost: nil)
  /// Whether the bound holds at the size that was run.
  var isAtTargetSize = true

  /// Ours by the peer's, or the other way round.
  var ratio: Double? {
    guard let peer else { return nil }
    switch comparison {
    case .share: return ours / peer
    case .speed: return peer / ours
    case .value: return nil
    }
  }

  /// Whether the figure keeps its target.
  var verdict: Verdict {
    let holds: Bool
    switch comparison {
    case .share(nil), .speed(nil): return .none
    case .share(let bound?): holds = (ratio ?? ours) <= bound
    case .speed(let bound?): holds = (ratio ?? 0) >= bound
    case .value(let bound): holds = ours >= bound
    }
    if isAtTargetSize { return holds ? .ok : .miss }
    return holds ? .okForInformation : .missForInformation
  }
}

/// The seconds that all threads of this process have had a processor for.
func processorSeconds() -> Double { Double(clock()) / Double(CLOCKS_PER_SEC) }

/// A number of things, such as "1 thread" and "2 threads".
func count(_ number: Int, _ thing: String) -> String {
  "\(number) \(thing)\(number == 1 ? "" : "s")"
}

/// The median of measured values, of which there is at least one.
func median(_ values: [Double]) -> Double {
  precondition(!values.isEmpty, "a median of nothing")
  let sorted = values.sorted()
  let middle = sorted.count / 2
  return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/// Runs `body` and gives its result and the seconds it took.
func timed<Result>(_ body: () throws -> Result) rethrows -> (result: Result, seconds: Double) {
  let clock = ContinuousClock()
  let start = clock.now
  let result = try body()
  return (result, (clock.now - start) / .seconds(1))
}
