import AlmanacCore
import Billing
import Codecs
import Columns
import FoundationEssentials
import Predictions
import Regression

/// A model of what may happen to companies fitted and scored, with the documents that the ledger keeps of it.
struct FittedRisk {
  /// What was learned and what it says; `nil` where nothing can be said.
  let forecast: (any RiskForecast)?
  /// What it was learned from; `nil` where nothing can be said.
  let panel: (any RiskPanel)?
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
  /// What proposed times of retries are worth by those that were made; `nil` of other models.
  let retryValue: RetryValue?
  /// What was read of companies.
  let reading: RiskReading
  /// What serves from now on, and why.
  var verdict: RiskVerdict
  /// What the champion says where it is kept, its version and the digest of its features.
  var shown: (forecast: any RiskForecast, version: String, digest: String)?

  /// What may go on side by side.
  let limits: ParallelLimits

  /// Learns from a panel, or takes over why there is none.
  init(
    _ model: RiskDefinition, _ reading: RiskReading, date: CalendarDate, limits: ParallelLimits
  ) throws {
    self.limits = limits
    var notices = reading.notices
    rowsRead = reading.rowsRead
    refusal = reading.refusal
    panel = reading.panel
    self.reading = reading
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
      retryValue = nil
      notices.append("\(model.name): \(reading.refusal ?? "no panel"); no company is scored")
      self.notices = notices
      verdict = ownVerdict
      return
    }
    let forecast = try model.forecast(panel, limits: limits, convert: reading.converts)
    self.forecast = forecast
    dataDigest = SHA256.hexadecimalDigest(of: FittedRisk.bytes(of: panel))
    retryValue = try FittedRisk.retryValue(model, panel, forecast, limits)
    var coefficients = JSONText()
    for (part, source) in zip(panel.parts, forecast.sources) {
      if let fitted = source.fitted { coefficients.add(part.name, raw: try fitted.document()) }
    }
    coefficientsJSON = coefficients.finish()
    let identity = [specificationJSON, coefficientsJSON, dataDigest].joined(separator: "\n")
    // What a part without a say was fitted to is kept, too: rows may be made from it.
    let isFitted = forecast.sources.contains { $0.fitted != nil }
    version =
      !isFitted
      ? nil : "\(model.name)-\(SHA256.hexadecimalDigest(of: identity).prefix(12))"
    training = (panel.parts[0].rows.asOf.first?.dateUTC ?? end, end)
    notices += FittedRisk.constantNotices(model, panel, forecast)
    for (part, source) in zip(panel.parts, forecast.sources) {
      for note in source.fitted?.fitted.notes ?? [] {
        notices.append("\(model.name): of \(part.title): \(note)")
      }
      guard let reason = source.reason else { continue }
      notices.append(
        "\(model.name): of \(part.title) the share of all companies is shown, not a model: \(reason)"
      )
    }
    self.notices = notices
    verdict = ownVerdict
  }

  /// What the rows name as their version: the model, or the baseline that stands in for it.
  var rowVersion: String {
    if let shown { return shown.version }
    guard isPublished, let version else { return RiskSource.baselineName }
    return version
  }

  /// The digest of the features that the rows are made from.
  var rowDigest: String { shown?.digest ?? dataDigest }

  /// What the rows are made of.
  var shownForecast: (any RiskForecast)? { shown?.forecast ?? forecast }

  /// A number with two decimals, for people.
  static func rounded(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }

  /// Whether the rows are those of a model.
  var servesModel: Bool { shown != nil || isPublished }

  /// The parts whose gates have a say in which version serves, with what gives each.
  private var deciding: [(part: RiskPart, source: RiskSource)] {
    guard let panel, let forecast else { return [] }
    return zip(panel.parts, forecast.sources).filter { $0.0.decides }.map { ($0, $1) }
  }

  /// Whether the gate lets the candidate through, or one of its parts.
  var isPublished: Bool { deciding.contains { $0.source.published != nil } }

  /// Why the gate decided as it did, in one line.
  var gateReason: String {
    guard forecast != nil else { return refusal ?? "nothing could be fitted" }
    let parts = deciding
    let reasons = parts.compactMap { part, source in
      source.reason.map { parts.count > 1 ? "of \(part.title): \($0)" : $0 }
    }
    if reasons.isEmpty { return "the model beats every baseline and is calibrated" }
    return reasons.joined(separator: "; ")
  }

  /// The scores on months that the fits had not seen, beside the gains over the baselines.
  var scoresJSON: String { spans({ FittedRisk.scores($0) }, retryValue: retryValue) }

  /// Each check of the gate with its figures.
  var gateJSON: String { spans { FittedRisk.gate($0) } }

  /// The same with the comparison with the champion, and by how much the night moves the log-odds of
  /// what it shows.
  var checksJSON: String {
    spans({ FittedRisk.gate($0) }, gainOverChampion: verdict.gain, shifts: shiftsJSON)
  }

  /// What is added to the log-odds of each part that a model is shown for; `nil` where none is.
  private var shiftsJSON: String? {
    guard let panel, let shownForecast else { return nil }
    var object = JSONText()
    var isEmpty = true
    for (part, source) in zip(panel.parts, shownForecast.sources) {
      guard let model = source.published else { continue }
      object.add(part.name, number: model.shift)
      isEmpty = false
    }
    return isEmpty ? nil : object.finish()
  }

  /// Which features have one value in all rows, so that nothing is learned from them: a condition
  /// that no row meets is mostly a mistake.
  private static func constantNotices(
    _ model: RiskDefinition, _ panel: any RiskPanel, _ forecast: any RiskForecast
  ) -> [String] {
    var told: Set<[String]> = []
    return zip(panel.parts, forecast.sources).compactMap { part, source in
      guard let names = source.fitted?.constantFeatures, !names.isEmpty,
        told.insert(names).inserted
      else { return nil }
      return "\(model.name): of \(part.title): \(names.joined(separator: ", ")) "
        + (names.count == 1 ? "is" : "are") + " the same in every row and left out"
    }
  }

  private func spans(
    _ body: (RiskSource) -> String, gainOverChampion: RiskGate.Interval? = nil,
    retryValue: RetryValue? = nil, shifts: String? = nil
  ) -> String {
    var object = JSONText()
    guard let forecast, let panel else {
      object.add("reason", text: refusal)
      return object.finish()
    }
    for (part, source) in zip(panel.parts, forecast.sources) {
      object.add(part.name, raw: body(source))
    }
    if let gainOverChampion {
      object.add("log_loss_gain_over_champion", raw: FittedRisk.interval(gainOverChampion))
    }
    if let shifts { object.add("shift", raw: shifts) }
    if let retryValue { object.add("retries", raw: FittedRisk.text(of: retryValue)) }
    return object.finish()
  }

  /// What is proposed of retries is judged by the log where the model is published.
  private static func retryValue(
    _ model: RiskDefinition, _ panel: any RiskPanel, _ forecast: any RiskForecast,
    _ limits: ParallelLimits
  ) throws -> RetryValue? {
    guard let panel = panel as? PaymentPanel, let policy = model.payments?.policy else {
      return nil
    }
    guard let source = forecast.sources.first, source.published != nil else {
      return .none("no time is proposed without a model")
    }
    return try RetryValue(panel, policy: policy, recipe: RiskRecipe(limits: limits))
  }

  private static func text(of value: RetryValue) -> String {
    var object = JSONText()
    object.add("refusals", integer: value.refusals)
    object.add("tried_when_proposed", integer: value.matched)
    if value.logged.isFinite { object.add("success_as_tried", number: value.logged) }
    switch value.estimate {
    case .value(let estimate, let lower, let upper):
      object.add(
        "success_as_proposed",
        raw: interval(RiskGate.Interval(estimate: estimate, lower: lower, upper: upper)))
    case .notEstimable(let reason): object.add("not_estimable", text: reason)
    }
    return object.finish()
  }

  private static func scores(_ source: RiskSource) -> String {
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

  private static func gate(_ source: RiskSource) -> String {
    var object = JSONText()
    object.add("published", text: source.reason == nil ? "model" : RiskSource.baselineName)
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

  /// The bytes that a digest of a panel is made of.
  static func bytes(of panel: any RiskPanel) -> [UInt8] {
    var bytes: [UInt8] = []
    func add(_ value: UInt64) {
      for shift in stride(from: 0, to: 64, by: 8) {
        bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
      }
    }
    func add(_ values: [Double]) {
      for value in values { add(value.isNaN ? Double.nan.bitPattern : value.bitPattern) }
    }
    let parts = panel.parts
    bytes.reserveCapacity(
      8 * parts.reduce(0) { $0 + $1.rows.rows.count * ($1.rows.table.names.count + 4) })
    for company in panel.companies {
      add(company.high)
      add(company.low)
    }
    // Parts of the same rows have the same features.
    var last: [PanelRow] = []
    for data in parts.map(\.rows) where data.rows != last {
      last = data.rows
      for row in data.rows { add(UInt64(row.company) << 16 | UInt64(row.period)) }
      for name in data.table.names {
        guard case .texts(let codes, let levels)? = data.table[name] else {
          add(data.table[name]?.numbers ?? [])
          continue
        }
        add(codes.map { Double($0) })
        for level in levels { bytes += Array("\(level)\n".utf8) }
      }
      for name in data.groups?.names ?? [] { bytes += Array(name.utf8) }
      add(data.groups?.of.map { Double($0) } ?? [])
    }
    for part in parts { add(part.rows.outcomes) }
    return bytes
  }
}
