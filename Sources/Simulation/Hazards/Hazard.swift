import Glibc

/// A question whose answers are drawn by a documented probability.
package enum Question: String, CaseIterable, Sendable {
  /// At the end of a month: does the company end its subscriptions within the next 28 days?
  case churn
  /// At the end of a month: does it move to the next tier within the next 28 days?
  case upgrade
  /// At the end of a month and for a module it does not own: does it add it within 28 days?
  case adoption
  /// At an attempt to collect: is it refused?
  case paymentFailure = "payment_failure"

  /// The names of the covariates, in the order of ``Hazard/coefficients``.
  package var covariates: [String] {
    switch self {
    case .churn:
      [
        "usage_drop", "quiet_share", "tickets_30d", "failed_payments_30d", "tenure_log",
        "tier_team", "tier_business", "tier_enterprise",
      ]
    case .upgrade: ["quota_share", "seats_log", "breadth"]
    case .adoption: ["companions_owned", "usage_per_seat_log", "upper_tier"]
    case .paymentFailure:
      [
        "bank_transfer", "paypal", "expired", "debit", "prepaid", "amount_log", "night", "weekend",
        "attempt_number", "last_soft", "last_technical", "last_authentication", "last_hard",
        "days_since_log",
      ]
    }
  }
}

/// The coefficients of one question, as D-210 has them.
///
/// The probability is the logistic function of the intercept plus the sum of coefficients times
/// covariates. In a hard world the logit has three more terms: an effect of the company that no
/// table shows, a jump above a threshold of one covariate, and a shift of the intercept from the
/// middle of the first generation on.
package struct Hazard: Sendable {
  /// What is asked.
  package let question: Question
  /// The logit where all covariates are 0.
  package let intercept: Double
  /// One for each of ``Question/covariates``.
  package let coefficients: [Double]
  /// Hard worlds: the standard deviation of the company's effect.
  package let companyEffect: Double
  /// Hard worlds: the covariate, the value above which the logit jumps, and by how much.
  package let threshold: (covariate: Int, above: Double, jump: Double)
  /// Hard worlds: what is added to the intercept from the middle on.
  package let shift: Double

  /// The hazard of a question.
  ///
  /// The spreads of the covariates and these numbers give an AUC of the true probability between
  /// 0.72 and 0.85, which is what a model can reach at best.
  package static func of(_ question: Question) -> Hazard {
    switch question {
    case .churn: churn
    case .upgrade: upgrade
    case .adoption: adoption
    case .paymentFailure: paymentFailure
    }
  }

  private static let churn = Hazard(
    question: .churn, intercept: -3.6,
    coefficients: [1.2, 1.8, 0.3, 0.45, -0.5, -0.3, -0.7, -1.2],
    companyEffect: 0.5, threshold: (covariate: 1, above: 0.6, jump: 0.5), shift: 0.4)

  private static let upgrade = Hazard(
    question: .upgrade, intercept: -6.2, coefficients: [2.4, 0.45, 1.8],
    companyEffect: 0.25, threshold: (covariate: 0, above: 1.2, jump: 0.25), shift: -0.4)

  private static let adoption = Hazard(
    question: .adoption, intercept: -6.6, coefficients: [3.0, 0.9, 0.6],
    companyEffect: 0.3, threshold: (covariate: 0, above: 0.5, jump: 0.25), shift: 0.3)

  private static let paymentFailure = Hazard(
    question: .paymentFailure, intercept: -3.1,
    coefficients: [
      -1.0, -0.4, 2.6, 0.5, 1.6, 0.35, 0.6, 0.35, 0.25, 0.8, -0.4, 0.9, 1.6, -0.6,
    ],
    companyEffect: 0.6, threshold: (covariate: 5, above: 2, jump: 0.7), shift: 0.3)

  /// The logit in a logistic world.
  func logit(_ covariates: [Double]) -> Double {
    var sum = intercept
    for index in coefficients.indices { sum += coefficients[index] * covariates[index] }
    return sum
  }

  /// The probability, with the further terms of a hard world where there are any.
  func probability(_ covariates: [Double], hard: HardTerms?) -> Double {
    var logit = logit(covariates)
    if let hard {
      logit += companyEffect * hard.companyEffect
      if covariates[threshold.covariate] > threshold.above { logit += threshold.jump }
      if hard.isShifted { logit += shift }
    }
    return 1 / (1 + exp(-logit))
  }
}

/// What a hard world adds to a logit.
struct HardTerms {
  /// The company's standard normal effect for the question.
  var companyEffect: Double
  /// Whether the base rates have shifted.
  var isShifted: Bool
}
