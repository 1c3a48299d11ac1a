import Billing
import Documents
import Pipelines
import Predictions
import Testing

@Suite("The definition of a model of failing payments")
struct PaymentDefinitionTests {
  private static let start = """
    model: payment_failure
    kind: payment_failure
    question: what fails?
    features:
      funding: {method: funding}
      left: {expiry: days, cap: 90d}
      hour: {clock: hour, harmonics: 3}
      rate: {failure_rate: company, window: 365d, prior: 7}

    """

  private func model(_ more: String = "") throws -> RiskDefinition {
    try RiskDefinition(node: try Sample.node(Self.start + more))
  }

  @Test("gives features and limits, those of the networks where none are said")
  func reads() throws {
    let plain = try #require(try model().payments)
    #expect(
      plain.features == [
        PaymentFeature("funding", .method("funding")), PaymentFeature("left", .daysLeft(cap: 90)),
        PaymentFeature("hour", .hour(harmonics: 3)),
        PaymentFeature("rate", .failureRate(of: .company, days: 365, prior: 7)),
      ])
    #expect(plain.policy == RetryPolicy())
    #expect(
      RetryPolicy.networkLimits.map { "\($0.brand ?? "") \($0.attempts) \($0.hours)" } == [
        "visa 15 720", "mastercard 10 24", "mastercard 35 720",
      ])
    let own = try #require(
      try model(
        """
        retries:
          days: 3
          step: 2h
          tries: 2
          never: [never, hard]
          limits: [{attempts: 4, within: 7d}]
        """
      ).payments)
    #expect(
      own.policy
        == RetryPolicy(
          limits: [RetryPolicy.Limit(brand: nil, attempts: 4, hours: 168)],
          neverClasses: [.never, .hard], days: 3, stepHours: 2, mostRetries: 2))
  }

  @Test("with other limits is the same model, and another setting of a run")
  func policyIsNotLearned() throws {
    let other = try model("retries: {tries: 2}")
    #expect(try model().canonicalText == other.canonicalText)
    let again = try RiskDefinition(node: try Sample.node(other.canonicalText))
    #expect(
      again.payments?.features.sorted { $0.name < $1.name }
        == other.payments?.features.sorted { $0.name < $1.name })
  }

  @Test(
    "names each mistake and its place",
    arguments: [
      ("retries: {limits: [{attempts: 0, within: 1d}]}", "from 1 to 1000"),
      ("retries: {limits: [{attempts: 3, within: soon}]}", "24h or 30d"),
      ("retries: {limits: [{attempts: 3}]}", "within"),
      ("retries: {limits: [{atempts: 3, within: 1d}]}", "attempts"),
      ("retries: {never: [nevr]}", "never"),
      ("retries: {step: 1h}", "168 times to look at in 7 days"),
      ("retries: {tries: 9}", "from 1 to 6"),
      ("retries: {step: 3h, tries: 6}", "no more than 4 tries"),
      ("bands: {medium: 3%}", "bands"),
    ])
  func mistakes(text: String, expected: String) throws {
    do {
      _ = try model(text)
      Issue.record("nothing was wrong with \(text)")
    } catch let error as DocumentError {
      #expect("\(error)".contains(expected), "\(error)")
      #expect("\(error)".contains(":9:") || "\(error)".contains(":10:"), "\(error)")
    }
  }

  @Test("of features that are none says what there is")
  func unknownFeature() throws {
    for (feature, expected) in [
      ("{methd: funding}", "method"), ("{method: colour}", "brand"), ("{clock: minute}", "weekday"),
      ("{expiry: days}", "cap"), ("{failures: visa, window: 3d}", "invoice"),
      ("{age: method, last: decline_class}", "besides"),
    ] {
      do {
        _ = try RiskDefinition(node: try Sample.node(Self.start + "  odd: \(feature)\n"))
        Issue.record("nothing was wrong with \(feature)")
      } catch let error as DocumentError {
        #expect("\(error)".contains(expected), "\(error)")
      }
    }
  }
}
