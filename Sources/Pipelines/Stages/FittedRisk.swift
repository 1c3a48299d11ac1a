import AlmanacCore
import Billing
import Codecs
import Columns
import FoundationEssentials
import Predictions
import Regression

/// A model of churn fitted and scored, with the documents that the ledger keeps of it.
struct FittedRisk {
  /// What was learned and what it says; `nil` where nothing can be said.
  let forecast: ChurnForecast?
  /// Why nothing can be said.
  let refusal: String?
  /// The version of what was fitted: the same for equal data, definition and arithmetic; `nil` where
  /// nothing was.
  let version: String?
  /// The digest of features and outcomes.
  let dataDigest: String
  /// The rows that were counted.
  let rowsRead: Int
  /// What a person should know.
  var notices: [String]
  /// The first instant that is learned from, as a date, and the day after the logical date.
  let training: (start: CalendarDate, end: CalendarDate)
  /// The definition as JSON.
  let specificationJSON: String
  /// The models as JSON, as far as there are any.
  let coefficientsJSON: String
  /// MRR of companies as known now; `nil` where nothing can be said.
  let ledger: RevenueLedger?
  /// What serves from now on, and why.
  var verdict: RiskVerdict
  /// What the champion says where it is kept, its version and the digest of its features.
  var shown: (forecast: ChurnForecast, version: String, digest: String)?

  /// Learns from a panel, or takes over why there is none.
  init(_ model: RiskDefinition, _ reading: ChurnReading, date: CalendarDate) throws {
    var notices = reading.notices
    rowsRead = reading.rowsRead
    refusal = reading.refusal
    ledger = reading.ledger
    var specification = JSONText()
    specification.add("definition", text: model.canonicalText)
    specificationJSON = specification.finish()
    let end = date.adding(days: 1)
    verdict = RiskVerdict(decision: .baseline, reason: "")
    guard let panel = reading.panel else {
      forecast = nil
      version = nil
      dataDigest = ""
      coefficientsJSON = "{}"
      training = (end, end)
      notices.append("\(model.name): \(reading.refusal ?? "no panel"); no company is scored")
      self.notices = notices
      verdict = ownVerdict
      return
    }
    let forecast = try ChurnForecast(panel, features: model.features, bands: model.bands)
    self.forecast = forecast
    dataDigest = SHA256.hexadecimalDigest(of: FittedRisk.bytes(of: panel))
    var coefficients = JSONText()
    for (name, source) in [("days_0_30", forecast.first), ("days_31_90", forecast.second)] {
      if let fitted = source.fitted { coefficients.add(name, raw: try FittedRisk.json(fitted)) }
    }
    coefficientsJSON = coefficients.finish()
    let identity = [specificationJSON, coefficientsJSON, dataDigest].joined(separator: "\n")
    version =
      forecast.first.fitted == nil
      ? nil : "\(model.name)-\(SHA256.hexadecimalDigest(of: identity).prefix(12))"
    training = (panel.first.asOf.first?.dateUTC ?? end, end)
    for (span, source) in [("30 days", forecast.first), ("days 31 to 90", forecast.second)] {
      guard let reason = source.reason else { continue }
      notices.append(
        "\(model.name): of \(span) the share of all companies is shown, not a model: \(reason)")
    }
    self.notices = notices
    verdict = ownVerdict
  }

  /// What the rows name as their version: the model, or the baseline that stands in for it.
  var rowVersion: String {
    if let shown { return shown.version }
    guard isPublished, let version else { return ChurnForecast.baselineName }
    return version
  }

  /// The digest of the features that the rows are made from.
  var rowDigest: String { shown?.digest ?? dataDigest }

  /// What the rows are made of.
  var shownForecast: ChurnForecast? { shown?.forecast ?? forecast }

  /// A number with two decimals, for people.
  static func rounded(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }

  /// Whether the rows are those of a model.
  var servesModel: Bool { shown != nil || isPublished }

  /// Whether the gate lets the candidate through.
  var isPublished: Bool {
    if case .model? = forecast?.first { return true }
    return false
  }

  /// Why the gate decided as it did, in one line.
  var gateReason: String {
    guard let forecast else { return refusal ?? "nothing could be fitted" }
    return forecast.first.reason ?? "the model beats every baseline and is calibrated"
  }

  /// The scores on months that the fits had not seen, beside the gains over the baselines.
  var scoresJSON: String { spans { FittedRisk.scores($0) } }

  /// Each check of the gate with its figures.
  var gateJSON: String { spans { FittedRisk.gate($0) } }

  /// The same with the comparison with the champion.
  var checksJSON: String {
    guard let gain = verdict.gain else { return gateJSON }
    return spans({ FittedRisk.gate($0) }, gainOverChampion: gain)
  }

  private func spans(
    _ body: (ChurnForecast.Source) -> String, gainOverChampion: RiskGate.Interval? = nil
  ) -> String {
    guard let forecast else {
      var object = JSONText()
      object.add("reason", text: refusal)
      return object.finish()
    }
    var object = JSONText()
    object.add("days_0_30", raw: body(forecast.first))
    object.add("days_31_90", raw: body(forecast.second))
    if let gainOverChampion {
      object.add("log_loss_gain_over_champion", raw: FittedRisk.interval(gainOverChampion))
    }
    return object.finish()
  }

  private static func scores(_ source: ChurnForecast.Source) -> String {
    guard let gate = source.fitted?.gate else { return "null" }
    var object = JSONText()
    object.add("count", integer: gate.scores.count)
    object.add("log_loss", number: gate.scores.logLoss)
    object.add("brier_score", number: gate.scores.brierScore)
    object.add("roc_auc", number: gate.scores.rocAUC)
    object.add("expected_calibration_error", number: gate.scores.expectedCalibrationError)
    object.add("prevalence", number: gate.scores.prevalence)
    return object.finish()
  }

  private static func gate(_ source: ChurnForecast.Source) -> String {
    var object = JSONText()
    object.add("published", text: source.reason == nil ? "model" : ChurnForecast.baselineName)
    object.add("reason", text: source.reason)
    if case .baseline(let rate, _, _) = source { object.add("rate", number: rate) }
    guard let gate = source.fitted?.gate else { return object.finish() }
    var gains = JSONText()
    for baseline in RiskBaseline.allCases {
      if let gain = gate.gains[baseline] { gains.add(baseline.rawValue, raw: interval(gain)) }
    }
    object.add("log_loss_gain_over", raw: gains.finish())
    object.add("calibration_slope", raw: interval(gate.slope))
    object.add("calibration_intercept", raw: interval(gate.intercept))
    return object.finish()
  }

  private static func interval(_ interval: RiskGate.Interval) -> String {
    var object = JSONText()
    object.add("estimate", number: interval.estimate)
    object.add("low", number: interval.lower)
    object.add("high", number: interval.upper)
    return object.finish()
  }

  /// A fitted model as its own format has it, with what moves its intercept.
  private static func json(_ model: RiskModel) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    var object = JSONText()
    object.add("shift", number: model.shift)
    object.add("base_rate", number: model.baseRate)
    object.add("constant_features", texts: model.constantFeatures)
    object.add(
      "judgement", raw: String(decoding: try encoder.encode(model.gate), as: UTF8.self))
    object.add("model", raw: String(decoding: try encoder.encode(model.fitted), as: UTF8.self))
    return object.finish()
  }

  /// The bytes that a digest of a panel is made of.
  static func bytes(of panel: ChurnPanel) -> [UInt8] {
    var bytes: [UInt8] = []
    func add(_ value: UInt64) {
      for shift in stride(from: 0, to: 64, by: 8) {
        bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
      }
    }
    func add(_ values: [Double]) {
      for value in values { add(value.isNaN ? Double.nan.bitPattern : value.bitPattern) }
    }
    bytes.reserveCapacity(8 * panel.first.rows.count * (panel.features.table.names.count + 4))
    for company in panel.companies {
      add(company.high)
      add(company.low)
    }
    for row in panel.first.rows { add(UInt64(row.company) << 16 | UInt64(row.period)) }
    for name in panel.features.table.names { add(panel.features.table[name]?.numbers ?? []) }
    add(panel.first.outcomes)
    add(panel.second.outcomes)
    return bytes
  }
}

/// Turns what is said of companies into rows of `predictions.churn_risk`.
struct ChurnRiskRows {
  let run: UUIDValue
  let model: String
  let asOf: CalendarDate
  let recordedCut: Timestamp
  let validUntil: Timestamp
  /// What may be done about a risk.
  let actions: [RiskAction]

  /// The columns of the table.
  static let fields = [
    Field("company_id", .uuid), Field("run_id", .uuid), Field("probability", .float64),
    Field("probability_90d", .float64, isNullable: true), Field("risk_band", .text),
    Field("expected_mrr_loss", .money, isNullable: true), Field("reasons", .json),
    Field("actions", .json), Field("as_of", .date), Field("recorded_cut", .timestamp),
    Field("model", .text), Field("model_version", .text), Field("feature_digest", .text),
    Field("valid_until", .timestamp),
  ]

  /// One row a company, by company.
  func batch(_ fitted: FittedRisk) -> Batch {
    var builders = ChurnRiskRows.fields.map { ColumnBuilder($0) }
    for row in fitted.shownForecast?.rows ?? [] {
      let values: [ColumnValue?] = [
        .uuid(row.company), .uuid(run), .float(row.probability),
        row.probability90.map { .float($0) }, .text(row.band.rawValue),
        row.expectedLoss.map { .integer($0) }, .text(ChurnRiskRows.json(row.reasons)),
        .text(proposals(for: row)),
        .date(asOf), .timestamp(recordedCut), .text(model), .text(fitted.rowVersion),
        .text(fitted.rowDigest), .timestamp(validUntil),
      ]
      for (index, value) in values.enumerated() { builders[index].append(value) }
    }
    return Batch(builders.map { $0.finish() })
  }

  /// What to do about a company, as JSON; nothing where the loss is not known.
  private func proposals(for row: ChurnForecast.Row) -> String {
    let found = row.expectedLoss.map {
      RiskAction.proposed(actions, for: row.reasons, expectedLoss: $0)
    }
    let entries = (found ?? []).map { proposal in
      var object = JSONText()
      object.add("action", text: proposal.action)
      object.add("why", text: proposal.why)
      object.add(
        "expected_value",
        raw: Money.text(Int128((proposal.expectedValue * Double(Money.scale)).rounded())))
      return object.finish()
    }
    return "[" + entries.joined(separator: ",") + "]"
  }

  private static func json(_ reasons: [Reason]) -> String {
    let entries = reasons.map { reason in
      var object = JSONText()
      object.add("feature", text: reason.feature)
      object.add("value", number: reason.value)
      object.add("contribution", number: reason.contribution)
      object.add("text", text: reason.text)
      return object.finish()
    }
    return "[" + entries.joined(separator: ",") + "]"
  }
}
