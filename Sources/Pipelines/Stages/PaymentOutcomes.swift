import AlmanacCore
import Postgres
import Predictions

extension RunContext {
  /// Joins what was published of payments to the next charge, once that is decided
  /// (DECISIONS.md, D-523, D-540).
  ///
  /// - Returns: the number of outcomes recorded.
  func recordOutcomes(of model: RiskDefinition, _ panel: PaymentPanel) throws -> Int {
    let charges = NextCharges(panel)
    let halfStep = (model.payments?.policy ?? RetryPolicy()).stepHours * 30
    return try lock.write { connection in
      var recorded = 0
      for open in try openRuns(of: model, charges.all, on: connection) {
        let start = end(of: open.date)
        let next = charges.next(
          from: start, to: end(of: open.date.adding(days: RunContext.chargeDays)),
          knownFrom: open.knownFrom)
        for measure in PaymentMeasure.allCases {
          let known = next.filter { measure.counts($0) }
          // An empty array has nothing to join.
          if known.isEmpty { continue }
          recorded += try connection.run(
            """
            INSERT INTO predictions.outcomes (company_id, model, measure, subject_id, as_of,
              period_start, model_version, recorded_cut, predicted, actual, matured_at)
            SELECT f.company_id, f.model, $7, \(measure.subject), f.as_of, f.as_of + 1,
              f.model_version, f.recorded_cut, f.\(measure.predicted),
              \(measure.isOfSuccess ? "1 - known.failed" : "known.failed"), $8
            FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::timestamptz[])
              AS known (invoice, method, failed, at)
            JOIN predictions.\(measure.table) AS f ON \(measure.condition(halfStep))
            WHERE f.run_id = $5 AND f.model = $6
            ON CONFLICT DO NOTHING
            """,
            [
              array(known.map { $0.charge.charge.invoice?.description }),
              array(known.map(\.charge.charge.method.description)),
              array(known.map { $0.charge.failed == true ? "1" : "0" }),
              array(known.map(\.charge.charge.at.description)), open.run, model.name,
              measure.rawValue, knowledgeEnd.description,
            ])
        }
      }
      return recorded
    }
  }

  /// A run of an earlier date, and from when on it has to become known what may be new to it.
  private struct OpenRun {
    var run: String
    var date: CalendarDate
    /// `nil` where everything may be new.
    var knownFrom: Timestamp?
  }

  /// The run of each earlier date that was published last and may lack an outcome by now.
  ///
  /// The night that made the newest of them has recorded what was known then. What may have become
  /// known since are charges of dates so far back that they were still waited for, later ones, and
  /// those that were recorded since, however old; and a date without any outcome may have been
  /// published since. So the usual night looks at as many dates as charges are waited for, and one
  /// after a pause at those it missed.
  private func openRuns(
    of model: RiskDefinition, _ charges: [LabelledCharge], on connection: Connection
  ) throws -> [OpenRun] {
    let newest = try connection.query(
      "SELECT max(as_of) AS as_of FROM almanac.published_runs WHERE model = $1 AND as_of < $2::date",
      [model.name, date.description])
    guard newest.count > 0, let last = newest[0, "as_of"].flatMap({ CalendarDate($0) })
    else { return [] }
    let new = charges.lazy.filter { $0.failed != nil && $0.knownAt >= self.end(of: last) }
      .map { self.zone.localDate(at: $0.charge.at) }.min()
    let first = min(last.adding(days: -LabelledCharge.resolutionDays), new ?? last)
      .adding(days: -RunContext.chargeDays)
    let runs = try connection.query(
      """
      SELECT * FROM (
        SELECT run_id, as_of, NOT EXISTS (SELECT FROM predictions.outcomes AS o
            WHERE o.model = $1 AND o.measure = $4 AND o.as_of = r.as_of)
          OR NOT EXISTS (SELECT FROM predictions.outcomes AS o
            WHERE o.model = $1 AND o.measure = $5 AND o.as_of = r.as_of) AS lacks_all
        FROM (SELECT DISTINCT ON (as_of) as_of, run_id FROM almanac.published_runs
          WHERE model = $1 AND as_of < $2::date ORDER BY as_of, publication_id DESC) AS r) AS runs
      WHERE as_of >= $3::date OR lacks_all
      ORDER BY as_of
      """,
      [
        model.name, date.description, first.description, PaymentMeasure.failure.rawValue,
        PaymentMeasure.methodFailure.rawValue,
      ])
    return (0..<runs.count).compactMap { row in
      guard let run = runs[row, "run_id"],
        let day = runs[row, "as_of"].flatMap({ CalendarDate($0) })
      else { return nil }
      return OpenRun(
        run: run, date: day,
        // Some days back, since a row may be committed long after the instant it says.
        knownFrom: runs[row, "lacks_all"] == "t"
          ? nil : end(of: last.adding(days: -LabelledCharge.resolutionDays)))
    }
  }

  /// For how many days after a date the next charge is waited for.
  private static let chargeDays = 62
}

/// What is published of payments and joined to charges; the raw value is the measure's name.
private enum PaymentMeasure: String, CaseIterable {
  /// That the next charge of an invoice by a method fails.
  case failure = "payment_failure"
  /// That the next first charge of an invoice by a method fails.
  case methodFailure = "payment_method_failure"
  /// That a try at the proposed time succeeds.
  case retrySuccess = "payment_retry_success"
  /// That a charge by the proposed other method succeeds.
  case alternativeSuccess = "payment_alternative_success"

  /// Whether a charge says something of it.
  func counts(_ next: NextCharges.Next) -> Bool {
    switch self {
    case .failure: next.isNextOfBoth
    case .methodFailure: next.isNextFirst
    case .retrySuccess, .alternativeSuccess: next.isNextOfInvoice
    }
  }

  /// The table of what was published.
  var table: String {
    self == .methodFailure ? "payment_method_risk" : "payment_failure_risk"
  }

  /// The column with the probability.
  var predicted: String {
    switch self {
    case .failure, .methodFailure: "probability"
    case .retrySuccess: "retry_success_probability"
    case .alternativeSuccess: "alternative_success_probability"
    }
  }

  /// Whether the probability is that the charge succeeds.
  var isOfSuccess: Bool { self == .retrySuccess || self == .alternativeSuccess }

  /// What it was published of.
  var subject: String {
    self == .methodFailure
      ? "f.payment_method_id::text" : "f.invoice_id || ' ' || f.payment_method_id"
  }

  /// Which rows a charge decides.
  ///
  /// - Parameter halfStep: by how many minutes a try may be off the proposed time.
  /// - Returns: a condition in SQL.
  func condition(_ halfStep: Int) -> String {
    switch self {
    case .failure:
      "f.invoice_id = known.invoice AND f.payment_method_id = known.method"
    case .methodFailure: "f.payment_method_id = known.method"
    case .retrySuccess:
      """
      f.invoice_id = known.invoice AND f.payment_method_id = known.method
        AND known.at BETWEEN f.retry_at - interval '\(halfStep) minutes'
          AND f.retry_at + interval '\(halfStep) minutes'
      """
    case .alternativeSuccess:
      "f.invoice_id = known.invoice AND f.alternative_payment_method_id = known.method"
    }
  }
}

/// Charges by time, of which those after a date are looked up.
private struct NextCharges {
  /// A decided charge after a date.
  struct Next {
    var charge: LabelledCharge
    /// Whether it is the first one since of its invoice by its method.
    var isNextOfBoth: Bool
    /// Whether it is the first one since of its invoice by any method.
    var isNextOfInvoice: Bool
    /// Whether nothing of its invoice was tried before it, and it is the first such one since by its
    /// method.
    var isNextFirst: Bool
  }

  /// The charges; of those at one instant the order of the panel counts.
  let all: [LabelledCharge]
  /// The attempts that were the first of their invoices.
  private let firsts: Set<UUIDValue>

  init(_ panel: PaymentPanel) {
    all = panel.charges.enumerated().sorted {
      ($0.element.charge.at, $0.offset) < ($1.element.charge.at, $1.offset)
    }.map(\.element)
    var firsts: Set<UUIDValue> = []
    var invoices: Set<UUIDValue> = []
    for company in panel.companies {
      for attempt in panel.history.attempts(of: company) where attempt.attemptedAt < panel.cut {
        // What belongs to no invoice tries nothing again.
        guard let invoice = attempt.invoice else {
          firsts.insert(attempt.id)
          continue
        }
        if invoices.insert(invoice).inserted { firsts.insert(attempt.id) }
      }
    }
    self.firsts = firsts
  }

  /// The decided charges of a span that are the first since its start of something.
  ///
  /// - Parameters:
  ///   - start: where the span starts.
  ///   - end: where it ends.
  ///   - known: what became known earlier is left out; `nil` to leave out nothing.
  /// - Returns: the charges by time.
  func next(from start: Timestamp, to end: Timestamp, knownFrom known: Timestamp?) -> [Next] {
    var invoices: Set<UUIDValue> = []
    var pairs: Set<[UUIDValue]> = []
    var methods: Set<UUIDValue> = []
    var found: [Next] = []
    for charge in all[place(of: start)...].prefix(while: { $0.charge.at < end }) {
      var next = Next(
        charge: charge, isNextOfBoth: false, isNextOfInvoice: false, isNextFirst: false)
      if let invoice = charge.charge.invoice {
        next.isNextOfInvoice = invoices.insert(invoice).inserted
        next.isNextOfBoth = pairs.insert([invoice, charge.charge.method]).inserted
      }
      if firsts.contains(charge.attempt) {
        next.isNextFirst = methods.insert(charge.charge.method).inserted
      }
      if charge.failed != nil, known.map({ charge.knownAt >= $0 }) ?? true { found.append(next) }
    }
    return found
  }

  /// The position of the first charge at an instant or after it.
  private func place(of instant: Timestamp) -> Int {
    var (low, high) = (0, all.count)
    while low < high {
      let middle = (low + high) / 2
      if all[middle].charge.at < instant { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
