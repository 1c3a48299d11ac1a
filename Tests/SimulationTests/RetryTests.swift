import Simulation
import Testing

/// Retries of refused payments, and the chances that are logged with them.
@Suite("Retries")
struct RetryTests {
  @Test("one in five is randomised, and the logged propensities are those of the policy")
  func propensities() throws {
    let world = try world(companies: 500, months: 12, seed: 13)
    let records = records(of: world)
    let retries = records.flatMap(\.retries)
    let count = Double(retries.count)
    try #require(count > 300)
    let randomised = Double(retries.count { $0.isRandomised })
    #expect(abs(randomised - 0.2 * count) < 4 * (0.16 * count).squareRoot(), "\(randomised)")
    // Weighted by its inverse propensity each of the 28 times counts once for each retry.
    let weights = retries.map { 1 / $0.propensity }
    let mean = weights.reduce(0, +) / count
    let variance = weights.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
    #expect(abs(mean - 28) < 4 * (variance / count).squareRoot(), "\(mean)")
    #expect(retries.allSatisfy { $0.hours % 6 == 0 && (6...168).contains($0.hours) })
    #expect(retries.allSatisfy { $0.bestProbability >= $0.chosenProbability })
    #expect(retries.contains { $0.bestHours != $0.hours })
    // The sixth attempt is the last that follows from a refusal (D-205).
    #expect(records.contains { $0.attempts.contains { $0.number == 6 } })
    for record in records {
      for retry in record.retries {
        #expect(record.attempts[retry.attempt].outcome == "failed")
        #expect(record.attempts[retry.attempt].number < 6)
      }
    }
  }
}
