import AlmanacCore
import Simulation
import Testing

/// The distributions that uniform draws are turned into.
@Suite("Draws")
struct DrawsTests {
  private static let count = 20_000
  private let draws = Draws(seed: 17, entity: 3)

  /// Mean and variance of numbers made of each draw of a stream.
  private func moments(_ make: (DrawBlock) -> Double) -> (mean: Double, variance: Double) {
    let values = (0..<DrawsTests.count).map { make(draws.block(.daily, $0)) }
    let mean = values.reduce(0, +) / Double(values.count)
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (mean, squares / Double(values.count - 1))
  }

  @Test(
    "binomial numbers have their mean and variance, exact and approximate",
    arguments: [(1, 0.4), (12, 0.3), (90, 0.05), (250, 0.6)])
  func binomials(trials: Int, probability: Double) {
    let expected = Double(trials) * probability
    let variance = expected * (1 - probability)
    let found = moments {
      Double(binomial(trials: trials, probability: probability, unit: $0.unit))
    }
    let error = (variance / Double(DrawsTests.count)).squareRoot()
    #expect(abs(found.mean - expected) < 5 * error, "mean \(found.mean) of \(expected)")
    #expect(abs(found.variance / variance - 1) < 0.07, "variance \(found.variance) of \(variance)")
  }

  @Test(
    "Poisson numbers have their mean and variance, exact and approximate",
    arguments: [0.2, 4, 55, 300])
  func poissons(mean: Double) {
    let found = moments { Double(poisson(mean: mean, unit: $0.unit)) }
    let error = (mean / Double(DrawsTests.count)).squareRoot()
    #expect(abs(found.mean - mean) < 5 * error, "mean \(found.mean) of \(mean)")
    #expect(abs(found.variance / mean - 1) < 0.07, "variance \(found.variance) of \(mean)")
  }

  @Test("the normal quantile is that of the tables")
  func quantiles() {
    for (probability, expected) in [
      (0.5, 0.0), (0.975, 1.959_964), (0.025, -1.959_964), (0.999, 3.090_232), (0.84, 0.994_458),
    ] {
      #expect(abs(normalQuantile(probability) - expected) < 5e-4, "\(probability)")
    }
  }

  @Test("both units of a block are within the open interval and uncorrelated")
  func units() {
    let first = moments { $0.unit }
    let product = moments { ($0.unit - 0.5) * ($0.secondUnit - 0.5) }
    #expect(abs(first.mean - 0.5) < 0.011 && abs(first.variance - 1 / 12.0) < 0.003)
    #expect(abs(product.mean) < 5 / 12.0 / Double(DrawsTests.count).squareRoot())
    for block in [Philox(seed: 0).block(0, 0, 0, 0), Philox(seed: .max).block(.max, 1, 2, 3)] {
      #expect(block.unit > 0 && block.unit < 1 && block.secondUnit > 0 && block.secondUnit < 1)
    }
  }

  @Test("streams, steps, indexes, entities, replicates and seeds all make a difference")
  func independence() {
    var other = draws
    other.replicate = 1
    let values = [
      draws.unit(.churn, 1), draws.unit(.upgrade, 1), draws.unit(.churn, 2),
      draws.unit(.churn, 1, 1), other.unit(.churn, 1), Draws(seed: 17, entity: 4).unit(.churn, 1),
      Draws(seed: 18, entity: 3).unit(.churn, 1),
    ]
    #expect(Set(values).count == values.count)
    let ids = (0..<2_000).map { draws.identifier(.identifier, $0) }
    #expect(Set(ids).count == ids.count)
    #expect(ids.allSatisfy { Array($0.description)[14] == "8" })
    #expect(ids.allSatisfy { "89ab".contains(Array($0.description)[19]) })
  }
}
