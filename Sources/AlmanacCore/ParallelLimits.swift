import Glibc

/// Who has threads to lend to work that can be shared out.
package protocol ThreadLender: Sendable {
  /// Takes a thread; `false` where there is none to lend now.
  func lend() -> Bool
  /// Gives a thread back that was lent.
  func takeBack()
  /// Whether a thread that was lent should come back before all work is done.
  var wantsBack: Bool { get }
}

/// How much may go on side by side.
package struct ParallelLimits: Sendable {
  /// The most threads, that of the caller among them; at least 1.
  package var jobs: Int
  /// The bytes that pieces of work beside each other may take together.
  package var memory: Int
  /// Who lends the threads beside the caller's; `nil` where they may be taken.
  package var lender: (any ThreadLender)?

  /// Limits; without any, one thread per processor and all memory.
  package init(jobs: Int? = nil, memory: Int = .max, lender: (any ThreadLender)? = nil) {
    self.jobs = max(1, jobs ?? ParallelLimits.processors)
    self.memory = max(0, memory)
    self.lender = lender
  }

  /// The number of processors of the machine.
  package static let processors = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))

  /// The same limits with no more threads than there may be of pieces that take some bytes each.
  ///
  /// - Parameter bytes: what each piece takes; the largest ones are taken to be side by side.
  /// - Returns: limits with one thread at least.
  package func fitting(_ bytes: [Int]) -> ParallelLimits {
    var limits = self
    limits.jobs = 0
    var room = memory
    for need in bytes.sorted(by: >) {
      guard limits.jobs < jobs, need <= room || limits.jobs == 0 else { break }
      limits.jobs += 1
      room = max(0, room - need)
    }
    limits.jobs = max(1, limits.jobs)
    return limits
  }
}
