import AlmanacCore
import Glibc
import Testing

@testable import Forecasting

@Suite("Lanes of numbers")
struct LanesTests {
  /// One number in each lane, the wanted one in a lane of its own.
  private func lanes(_ number: Double, in lane: Int) -> Lanes {
    var lanes = Lanes(1, 0.5, 2, 0.25)
    lanes[lane] = number
    return lanes
  }

  @Test("Two to a power is that of the C library, over the whole range, in every lane")
  func powers() {
    var random = SplitMix64(seed: 21)
    let chosen = [0, 0.5, -0.5, 1, -1, 1000, -1000, 0.49999999999999994, 1e-300, -1e-18, 999.5]
    let drawn = (0..<20_000).map { index in
      (random.nextUnit() - 0.5) * [2e-6, 2, 60, 2000][index % 4]
    }
    for (index, power) in (chosen + drawn).enumerated() {
      let lane = index % 4
      let found = Lanes.exponential2(lanes(power, in: lane))[lane]
      #expect(abs(found / exp2(power) - 1) < 3e-12, "2^\(power): \(found)")
      let natural = power * 0.69
      let grown = Lanes.exponential(lanes(natural, in: lane))[lane]
      // Rounding the exponent of 700 to 53 bits alone is 10⁻¹³ of the result.
      #expect(abs(grown / exp(natural) - 1) < 4e-12, "e^\(natural): \(grown)")
    }
    for lane in 0..<4 {
      #expect(Lanes.exponential2(lanes(0, in: lane))[lane] == 1)
      #expect(Lanes.exponential2(lanes(-7, in: lane))[lane] == 0x1p-7)
    }
  }

  @Test("The logarithm is that of the C library, from the smallest normal number to the largest")
  func logarithms() {
    var random = SplitMix64(seed: 22)
    let chosen = [
      Double.leastNormalMagnitude * 16, .greatestFiniteMagnitude, 0.5, 2, 0.5.squareRoot(),
      0.5.squareRoot().nextUp, 2.0.squareRoot(), 2.0.squareRoot().nextDown, 1.0.nextUp,
      1.0.nextDown, 1e-300, 1e300,
    ]
    let drawn = (0..<20_000).map { index in
      index % 2 == 0
        ? exp2((random.nextUnit() - 0.5) * 2040) : 1 + (random.nextUnit() - 0.5) * 1e-3
    }
    for (index, number) in (chosen + drawn).enumerated() {
      let lane = index % 4
      let found = Lanes.logarithm2(lanes(number, in: lane))[lane]
      #expect(abs(found - log2(number)) <= 5e-12 * abs(log2(number)), "log2 \(number): \(found)")
    }
    for lane in 0..<4 { #expect(Lanes.logarithm2(lanes(1, in: lane))[lane] == 0) }
  }

  @Test("The sine of up to a quarter of a circle is that of the C library")
  func sines() {
    for step in -1000...1000 {
      let angle = Double(step) / 2000
      let found = Lanes.sine(lanes(angle, in: 2))[2]
      #expect(abs(found - sin(.pi * angle)) <= 3e-11 * abs(sin(.pi * angle)), "\(angle): \(found)")
    }
  }

  @Test("Random numbers of a lane depend on its seed alone")
  func seeds() {
    var straight = LaneRandom(seeds: SIMD4(7, 8, 9, 10))
    var turned = LaneRandom(seeds: SIMD4(10, 9, 8, 7))
    for _ in 0..<100 {
      let (left, right) = (straight.next(), turned.next())
      #expect(left == SIMD4(right[3], right[2], right[1], right[0]))
      #expect(Set([left[0], left[1], left[2], left[3]]).count == 4)
    }
  }

  @Test("Even numbers fill their range evenly, and pairs are as often below zero as above")
  func even() {
    var random = LaneRandom(seeds: SIMD4(1, 2, 3, 4))
    let count = 50_000
    var counts = [[Int]](repeating: [Int](repeating: 0, count: 10), count: 3)
    var products = 0.0
    for _ in 0..<count {
      let unit = random.nextUnit()
      let (left, right) = random.nextPair()
      for lane in 0..<4 {
        #expect(unit[lane] > 0 && unit[lane] <= 1)
        #expect(abs(left[lane]) < 0.5 && abs(right[lane]) < 0.5)
        counts[0][min(9, Int(unit[lane] * 10))] += 1
        counts[1][Int((left[lane] + 0.5) * 10)] += 1
        counts[2][Int((right[lane] + 0.5) * 10)] += 1
        products += left[lane] * right[lane]
      }
    }
    let expected = Double(4 * count) / 10
    for tenths in counts {
      for tenth in tenths {
        // Four standard deviations.
        #expect(abs(Double(tenth) - expected) < 4 * (expected * 0.9).squareRoot())
      }
    }
    #expect(abs(products) < 4 * Double(4 * count).squareRoot() / 12)
  }

  /// Quantiles from the closed form of the distribution with four degrees of freedom.
  @Test("Student's numbers have the quantiles of four degrees of freedom")
  func students() {
    var random = LaneRandom(seeds: SIMD4(11, 12, 13, 14))
    var drawn: [Double] = []
    for _ in 0..<50_000 {
      let numbers = random.nextStudent()
      for lane in 0..<4 { drawn.append(numbers[lane]) }
    }
    drawn.sort()
    for share in [0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999] {
      let product = 4 * share * (1 - share)
      let inner = cos(acos(product.squareRoot()) / 3) / product.squareRoot()
      let quantile = (share < 0.5 ? -2 : 2) * max(0, inner - 1).squareRoot()
      let below = Double(drawn.count { $0 < quantile }) / Double(drawn.count)
      let deviation = (share * (1 - share) / Double(drawn.count)).squareRoot()
      #expect(abs(below - share) < 4 * deviation, "\(share): \(below)")
    }
  }
}
