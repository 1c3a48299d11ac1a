package import AlmanacCore
package import Columns

/// The rows of the schema `simulation_truth`, which nothing that is measured against it may read.
package struct TruthRows {
  private let start: Int64
  private let end: Int64
  private var builders: [RowBuilder]

  /// The tables, by name, with the columns of each.
  package static let tables: [(name: String, fields: [Field])] = [
    (
      "decisions",
      [
        Field("company_id", .uuid), Field("question", .text), Field("decided_at", .timestamp),
        Field("module_id", .uuid, isNullable: true), Field("attempt_id", .uuid, isNullable: true),
        Field("covariates", .json), Field("probability", .float64), Field("outcome", .bool),
      ]
    ),
    (
      "month_states",
      [
        Field("company_id", .uuid), Field("month_end", .timestamp), Field("mrr_usd", .float64),
        Field("tier_rank", .int32), Field("seats", .int32), Field("modules", .int32),
        Field("vigour", .float64), Field("is_cancel_scheduled", .bool),
      ]
    ),
    (
      "retry_slots",
      [
        Field("attempt_id", .uuid), Field("company_id", .uuid), Field("refused_at", .timestamp),
        Field("hours", .int32), Field("propensity", .float64), Field("is_randomised", .bool),
        Field("success_probability", .float64), Field("best_hours", .int32),
        Field("best_success_probability", .float64),
      ]
    ),
    (
      "company_effects",
      [
        Field("company_id", .uuid), Field("question", .text), Field("effect", .float64),
        Field("signed_up_at", .timestamp),
      ]
    ),
    (
      "label_probabilities",
      [
        Field("company_id", .uuid), Field("month_end", .timestamp), Field("label", .text),
        Field("module_id", .uuid, isNullable: true), Field("probability", .float64),
        Field("simulations", .int32),
      ]
    ),
  ]

  /// No rows yet, for what happened from `start` on (`nil` for all) and before `end`.
  package init(from start: Timestamp?, to end: Timestamp) {
    self.start = start?.microseconds ?? .min
    self.end = end.microseconds
    builders = TruthRows.tables.map { RowBuilder($0.fields) }
  }

  /// The rows of each table, those without rows left out.
  package consuming func finish() -> [(name: String, batch: Batch)] {
    zip(TruthRows.tables, builders).map { (name: $0.name, batch: $1.finish()) }
      .filter { $0.batch.rowCount > 0 }
  }

  private func holds(_ at: Int64) -> Bool { at >= start && at < end }

  /// Adds the truth of a company, and the probabilities of its labels.
  package mutating func append(
    _ record: CompanyRecord, labels: [LabelProbability], kind: WorldKind
  ) {
    let company = record.profile.id
    for decision in record.decisions where holds(decision.at) {
      builders[0].add(company)
      builders[0].add(decision.question.rawValue)
      builders[0].add(decision.at)
      builders[0].add(decision.module.map(Catalogue.moduleID))
      builders[0].add(decision.attempt.map { record.attempts[$0].id })
      builders[0].add(TruthRows.json(decision))
      builders[0].add(decision.probability)
      builders[0].add(decision.outcome)
    }
    for state in record.monthStates where state.at > start && state.at <= end {
      builders[1].add(company)
      builders[1].add(state.at)
      builders[1].add(state.mrrDollars)
      builders[1].add(count: state.tier + 1)
      builders[1].add(count: state.seats)
      builders[1].add(count: Int(state.modules))
      builders[1].add(state.vigour)
      builders[1].add(state.isCancelScheduled)
    }
    for retry in record.retries where holds(record.attempts[retry.attempt].attemptedAt) {
      builders[2].add(record.attempts[retry.attempt].id)
      builders[2].add(company)
      builders[2].add(record.attempts[retry.attempt].attemptedAt)
      builders[2].add(count: retry.hours)
      builders[2].add(retry.propensity)
      builders[2].add(retry.isRandomised)
      builders[2].add(retry.chosenProbability)
      builders[2].add(count: retry.bestHours)
      builders[2].add(retry.bestProbability)
    }
    if kind == .hard, holds(record.profile.signUp.microseconds) {
      for (question, effect) in zip(Question.allCases, record.profile.effects) {
        builders[3].add(company)
        builders[3].add(question.rawValue)
        builders[3].add(effect)
        builders[3].add(record.profile.signUp.microseconds)
      }
    }
    for label in labels {
      builders[4].add(company)
      builders[4].add(label.at)
      builders[4].add(label.label.rawValue)
      builders[4].add(label.module.map(Catalogue.moduleID))
      builders[4].add(label.probability)
      builders[4].add(count: label.simulations)
    }
  }

  /// The covariates of a decision by name.
  private static func json(_ decision: Decision) -> String {
    let pairs = zip(decision.question.covariates, decision.covariates).map { "\"\($0)\":\($1)" }
    return "{" + pairs.joined(separator: ",") + "}"
  }

  /// The table of coefficients of a world: question, term and value.
  ///
  /// A hard world has three more terms for each question: the standard deviation of the company's
  /// effect, the jump above the threshold, and the shift.
  package static func coefficients(
    _ kind: WorldKind
  ) -> [(question: String, term: String, value: Double)] {
    Question.allCases.flatMap { question in
      let hazard = Hazard.of(question)
      var rows = [(question.rawValue, "intercept", hazard.intercept)]
      for (name, value) in zip(question.covariates, hazard.coefficients) {
        rows.append((question.rawValue, name, value))
      }
      if kind == .hard {
        let threshold = hazard.threshold
        rows += [
          (question.rawValue, "company_effect_sd", hazard.companyEffect),
          (
            question.rawValue,
            "\(question.covariates[threshold.covariate])_above_\(threshold.above)", threshold.jump
          ),
          (question.rawValue, "shift_from_middle", hazard.shift),
        ]
      }
      return rows.map { (question: $0.0, term: $0.1, value: $0.2) }
    }
  }
}
