import AlmanacCore
import Codecs
import Documents
import Postgres
import Predictions
package import Regression

/// The version of a model that serves, as the ledger keeps it.
struct RiskChampion {
  /// The version.
  let version: String
  /// The definition it was fitted by.
  let definition: RiskDefinition
  /// The instant up to which it was learned.
  let cut: Timestamp
  /// Up to when anything was known when a person chose it; `nil` if nobody did.
  let chosenCut: Timestamp?
  /// What gives each of its probabilities, by the name of the part.
  let sources: [String: RiskSource]
}

extension RiskChampion {
  /// Reads the champion of a model; `nil` where none serves.
  ///
  /// - Parameters:
  ///   - model: the model's name.
  ///   - zone: the zone of the days it was learned from.
  ///   - connection: a connection to the target.
  /// - Throws: ``PipelineError/unreadableModel(model:version:reason:)`` for one whose record this
  ///   program cannot read; a `PostgresError`.
  init?(of model: String, zone: ZoneRules, on connection: Connection) throws {
    let rows = try connection.query(
      """
      SELECT v.model_version, v.specification ->> 'definition' AS definition, v.training_end,
        (SELECT CASE WHEN d.model_version = v.model_version THEN d.known_until END
          FROM almanac.model_decisions AS d WHERE d.model = v.model
          ORDER BY d.decision_id DESC LIMIT 1) AS known_until
      FROM almanac.model_versions AS v WHERE v.model = $1 AND v.status = 'champion'
      """, [model])
    guard rows.count == 1, let version = rows[0, "model_version"] else { return nil }
    func unreadable(_ reason: String) -> PipelineError {
      .unreadableModel(model: model, version: version, reason: reason)
    }
    guard let text = rows[0, "definition"],
      let end = rows[0, "training_end"].flatMap({ CalendarDate($0) })
    else { throw unreadable("a part is missing") }
    do {
      definition = try RiskDefinition(
        node: try Documents.Document.parse(Array(text.utf8), file: "definition of \(version)"))
    } catch { throw unreadable("its definition is no longer understood") }
    let parts = try connection.query(
      """
      SELECT g.key, g.value ->> 'published' AS published, g.value ->> 'reason' AS reason,
        v.coefficients -> g.key AS fit
      FROM almanac.model_versions AS v, LATERAL jsonb_each(v.gate) AS g
      WHERE v.model = $1 AND v.model_version = $2 AND jsonb_typeof(g.value) = 'object'
      """, [model, version])
    var sources: [String: RiskSource] = [:]
    for row in 0..<parts.count {
      guard let name = parts[row, "key"] else { continue }
      if parts[row, "published"] == "model" {
        guard let fit = parts[row, "fit"].flatMap({ RiskModel(document: $0) }) else {
          throw unreadable("its coefficients are no longer understood")
        }
        sources[name] = .model(fit)
      } else {
        sources[name] = .baseline(
          rate: nil, reason: parts[row, "reason"] ?? "no model was kept", refused: nil)
      }
    }
    guard sources.values.contains(where: { $0.published != nil }) else {
      throw unreadable("none of its parts is a model")
    }
    self.sources = sources
    self.version = version
    cut = zone.start(of: end)
    chosenCut = rows[0, "known_until"].flatMap { CalendarDate($0) }.map { zone.start(of: $0) }
  }
}

extension RiskChampion {
  /// The definition by which a version was fitted; `nil` where none is kept or understood.
  static func definition(
    of model: String, _ version: String, on connection: Connection
  ) throws -> RiskDefinition? {
    let rows = try connection.query(
      """
      SELECT specification ->> 'definition' AS definition FROM almanac.model_versions
      WHERE model = $1 AND model_version = $2
      """, [model, version])
    guard rows.count == 1, let text = rows[0, "definition"] else { return nil }
    return try? RiskDefinition(
      node: try Documents.Document.parse(Array(text.utf8), file: "definition of \(version)"))
  }
}

extension ModelVersions {
  /// What was fitted for one span.
  package struct Fit: Sendable {
    /// Which of the version's models, such as `days_0_30`.
    package var span: String
    /// The model.
    package var model: Regression.FittedModel
    /// What is added to the calibrated log-odds so that they meet the last months' rate, on the night
    /// of the fit; that of a later night is among its checks in `almanac.gate_results`.
    package var shift: Double
    /// The features that have one value in all rows, and so no coefficient.
    package var constantFeatures: [String]

    /// What was fitted, with what moves its log-odds and what it does without.
    package init(
      span: String, model: Regression.FittedModel, shift: Double, constantFeatures: [String]
    ) {
      self.span = span
      self.model = model
      self.shift = shift
      self.constantFeatures = constantFeatures
    }
  }

  /// What was fitted for each span of a version of a risk; none of versions of other models.
  ///
  /// - Throws: ``PipelineError/unreadableModel(model:version:reason:)``; a `PostgresError`.
  package func fits(of version: Version) throws -> [Fit] {
    try fitTexts(of: version).map { span, text in
      guard let model = RiskModel(document: text) else {
        throw PipelineError.unreadableModel(
          model: version.model, version: version.version,
          reason: "its coefficients are no longer understood")
      }
      return Fit(
        span: span, model: model.fitted, shift: model.shift,
        constantFeatures: model.constantFeatures)
    }
  }
}

/// What a night decided of a model, its candidate and the champion (DECISIONS.md, D-521).
struct RiskVerdict {
  /// What serves from now on.
  var decision: VersionRecord.Decision
  /// Why, in one line.
  var reason: String
  /// The champion that was there; `nil` if there was none.
  var champion: String?
  /// By how much the candidate's log loss is below the champion's; `nil` where it is not known.
  var gain: RiskGate.Interval?
}

extension FittedRisk {
  /// What is decided where no champion serves: the candidate if its gate lets it through.
  var ownVerdict: RiskVerdict {
    RiskVerdict(decision: isPublished ? .promoted : .baseline, reason: gateReason)
  }

  /// Lets the candidate meet the champion (DECISIONS.md, D-521, D-522).
  ///
  /// - Parameters:
  ///   - champion: the version that serves, learned from no later day.
  ///   - model: the definition of the candidate.
  ///   - panel: what the candidate was learned from.
  ///   - other: gives the panel of the champion's definition, where that is another one.
  /// - Returns: this with the verdict, and with what the champion says if it is kept.
  /// - Throws: `RegressionError`, and what `other` throws.
  func meeting(
    _ champion: RiskChampion, _ model: RiskDefinition, _ panel: any RiskPanel,
    other: () throws -> (any RiskPanel)?
  ) throws -> FittedRisk {
    var result = self
    result.verdict.champion = champion.version
    let isSame = champion.definition.canonicalText == model.canonicalText
    guard let own = isSame ? panel : try other() else { return result }
    let meeting = RiskMeeting(
      champion: champion, isSame: isSame, own: own,
      recipes: try championRecipes(champion, isSame: isSame, own), limits: limits)
    let isChosen = champion.chosenCut != nil
    guard isChosen || !meeting.recipes.isEmpty else {
      result.verdict.reason += "; the champion's recipe does not pass its gate any more"
      return result
    }
    if isPublished, let forecast {
      let gain = try meeting.gain(of: forecast, panel)
      result.verdict.gain = gain
      let isWorse = gain.map { $0.upper < 0 } ?? false
      let isBetter = gain.map { $0.lower > 0 } ?? false
      if isSame, !isChosen, !isWorse {
        result.verdict.reason = "a refit of the champion's recipe, not significantly worse than it"
        return result
      }
      if isBetter {
        result.verdict.reason = "significantly better than the champion"
        return result
      }
      result.verdict.reason =
        isChosen
        ? "it was chosen by hand, and what was fitted is not significantly better since"
        : isSame
          ? "the refit is significantly worse" : "the new recipe is not significantly better"
    } else {
      result.verdict.reason = "of what was fitted, " + gateReason
    }
    result.verdict.decision = .kept
    result.shown = (
      try champion.definition.forecast(
        own, kept: meeting.kept, bands: model.bands, policy: model.payments?.policy, limits: limits,
        convert: reading.converts),
      champion.version,
      isSame ? dataDigest : SHA256.hexadecimalDigest(of: FittedRisk.bytes(of: own))
    )
    return result
  }

  /// What the champion's recipe gives now where it passes its gate, by the name of the part: the
  /// gate judges recipes, the champion's like that of the candidate.
  private func championRecipes(
    _ champion: RiskChampion, isSame: Bool, _ own: any RiskPanel
  ) throws -> [String: RiskModel] {
    var recipes: [String: RiskModel] = [:]
    for (position, part) in own.parts.enumerated()
    where part.decides && champion.sources[part.name]?.published != nil {
      if isSame {
        recipes[part.name] = forecast?.sources[position].published
      } else if case .model(let learned) = try RiskRecipe(limits: limits)
        .learn(part.rows, by: own.cut), learned.gate.failures.isEmpty
      {
        recipes[part.name] = learned
      }
    }
    return recipes
  }
}

/// What the candidate and the champion are compared by.
private struct RiskMeeting {
  let champion: RiskChampion
  /// Whether both are of one definition.
  let isSame: Bool
  /// What the champion's definition learns from.
  let own: any RiskPanel
  /// What the champion's recipe gives now, by the name of the part.
  let recipes: [String: RiskModel]
  /// What may go on side by side.
  let limits: ParallelLimits

  /// By how much the candidate's log loss is below the champion's, over the parts of which both have
  /// a model; `nil` where that is not known.
  func gain(of forecast: any RiskForecast, _ panel: any RiskPanel) throws -> RiskGate.Interval? {
    let isChosen = champion.chosenCut != nil
    var ours = RiskComparison()
    var theirs = RiskComparison()
    var compared: [(name: String, data: RiskRows)] = []
    for (part, source) in zip(panel.parts, forecast.sources) where part.decides {
      guard let candidate = source.published, let served = champion.sources[part.name]?.published,
        let data = own.parts.first(where: { $0.name == part.name })?.rows
      else { continue }
      if !isSame, !isChosen {
        guard let recipe = recipes[part.name] else { continue }
        theirs.add(judged: recipe, data, part: part.name)
      } else {
        try theirs.add(
          served, data, part: part.name,
          since: max(champion.cut, champion.chosenCut ?? champion.cut))
      }
      ours.add(judged: candidate, part.rows, part: part.name)
      compared.append((part.name, part.rows))
    }
    return ours.gain(over: theirs, compared, within: limits)
  }

  /// What a kept champion gives each probability by: its own models, but the share of all companies
  /// where its recipe does not pass any more, unless a person chose it.
  var kept: [RiskSource] {
    own.parts.map { part in
      let none = RiskSource.baseline(rate: nil, reason: "no model was kept", refused: nil)
      let source = champion.sources[part.name] ?? none
      guard source.published != nil, part.decides, champion.chosenCut == nil,
        recipes[part.name] == nil
      else { return source }
      return .baseline(
        rate: nil, reason: "the champion's recipe does not pass its gate any more", refused: nil)
    }
  }
}
