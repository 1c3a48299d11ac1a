import AlmanacCore
import Synchronization
import Testing

@Suite("Work side by side")
struct InParallelTests {
  private struct Refusal: Error, Equatable {
    let number: Int
  }

  /// Lends so many threads, and wants each back at once if told so.
  private final class Lender: ThreadLender {
    private let state: Mutex<(free: Int, lent: Int, asked: Int)>
    let wantsBack: Bool

    init(_ count: Int, wantsBack: Bool = false) {
      state = Mutex((count, 0, 0))
      self.wantsBack = wantsBack
    }

    var lentNow: Int { state.withLock { $0.lent } }
    var asked: Int { state.withLock { $0.asked } }

    func lend() -> Bool {
      state.withLock { state in
        state.asked += 1
        guard state.free > 0 else { return false }
        state.free -= 1
        state.lent += 1
        return true
      }
    }

    func takeBack() {
      state.withLock { state in
        state.free += 1
        state.lent -= 1
      }
    }
  }

  @Test(
    "results are in order, each made once, whatever the threads",
    arguments: [1, 2, 3, 8, 100], [0, 1, 2, 7, 1_000])
  func order(jobs: Int, count: Int) {
    let calls = Mutex([Int](repeating: 0, count: count))
    for largestLast in [false, true] {
      let found = inParallel(
        count, within: ParallelLimits(jobs: jobs), largestLast: largestLast
      ) { number in
        calls.withLock { $0[number] += 1 }
        return number * number
      }
      #expect(found == (0..<count).map { $0 * $0 })
    }
    #expect(calls.withLock { $0 } == [Int](repeating: 2, count: count))
    #expect(inParallel(Array(0..<count), jobs: jobs) { -$0 } == (0..<count).map { -$0 })
  }

  @Test(
    "the error is that of the least number that has one", arguments: [1, 2, 5],
    [UInt64(1), 2, 3])
  func errors(jobs: Int, seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let failing = Set((0..<400).filter { _ in random.next() % 50 == 0 })
    let least = failing.min() ?? 0
    for largestLast in [false, true] {
      #expect(throws: Refusal(number: least)) {
        _ = try inParallel(
          400, within: ParallelLimits(jobs: jobs), largestLast: largestLast
        ) { (number) throws(Refusal) -> Int in
          if failing.contains(number) { throw Refusal(number: number) }
          return number
        }
      }
    }
  }

  @Test("no more calls run at once than there are jobs", arguments: [1, 2, 3])
  func width(jobs: Int) {
    let running = Mutex((now: 0, most: 0))
    _ = inParallel(60, jobs: jobs) { number in
      running.withLock {
        $0.now += 1
        $0.most = max($0.most, $0.now)
      }
      let sum = (0..<20_000).reduce(number) { $0 &* 31 &+ $1 }
      running.withLock { $0.now -= 1 }
      return sum
    }
    #expect(running.withLock { $0.most } <= jobs)
  }

  @Test("one job stays on the caller's thread, and asks nobody for one")
  func ownThread() {
    let lender = Lender(5)
    var limits = ParallelLimits(jobs: 1)
    limits.lender = lender
    let found = Caller.$isHere.withValue(true) {
      inParallel(20, within: limits) { _ in Caller.isHere }
    }
    #expect(found.allSatisfy(\.self) && lender.asked == 0)
  }

  private enum Caller {
    @TaskLocal static var isHere = false
  }

  @Test(
    "work is done with no thread lent, with few, and with those that are wanted back",
    arguments: [0, 1, 10], [false, true])
  func lending(count: Int, wantsBack: Bool) {
    let lender = Lender(count, wantsBack: wantsBack)
    var limits = ParallelLimits(jobs: 4)
    limits.lender = lender
    let most = Mutex(0)
    let found = inParallel(50, within: limits) { number in
      most.withLock { $0 = max($0, lender.lentNow) }
      return number
    }
    #expect(found == Array(0..<50))
    // All but the caller's own are lent ones, and all have come back.
    #expect(lender.lentNow == 0 && most.withLock { $0 } <= min(count, 3))
  }

  @Test("as many pieces go beside each other as there is memory for, and one always")
  func fitting() {
    func jobs(_ memory: Int, _ bytes: [Int], of jobs: Int = 4) -> Int {
      ParallelLimits(jobs: jobs, memory: memory).fitting(bytes).jobs
    }
    #expect(jobs(.max, [10, 20, 30, 40, 50]) == 4)
    #expect(jobs(.max, [.max, .max]) == 1)
    #expect(jobs(120, [10, 20, 30, 40, 50]) == 3)
    #expect(jobs(119, [10, 20, 30, 40, 50]) == 2)
    #expect(jobs(0, [10, 20]) == 1 && jobs(-5, [10]) == 1 && jobs(100, []) == 1)
    #expect(jobs(.max, [1, 2, 3], of: 1) == 1)
    #expect(ParallelLimits(jobs: 0).jobs == 1 && ParallelLimits().jobs >= 1)
  }
}
