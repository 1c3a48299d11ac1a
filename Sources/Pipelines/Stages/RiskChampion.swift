import AlmanacCore
import Codecs
import Documents
import FoundationEssentials
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
  /// What gives the probability of days 0 to 30.
  let first: RiskModel
  /// What gives that of days 31 to 90.
  let second: ChurnForecast.Source
}

extension RiskChampion {
  /// A model as the ledger keeps it, beside what moves its intercept.
  private struct Document: Decodable {
    enum CodingKeys: String, CodingKey {
      case shift, judgement, model
      case baseRate = "base_rate"
      case constantFeatures = "constant_features"
    }
    var shift: Double
    var baseRate: Double
    var constantFeatures: [String]
    var judgement: RiskGate
    var model: Regression.FittedModel
  }

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
        v.coefficients -> 'days_0_30' AS first, v.coefficients -> 'days_31_90' AS second,
        v.gate -> 'days_31_90' ->> 'published' AS second_source,
        v.gate -> 'days_31_90' ->> 'reason' AS second_reason,
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
      let end = rows[0, "training_end"].flatMap({ CalendarDate($0) }),
      let document = rows[0, "first"]
    else { throw unreadable("a part is missing") }
    do {
      definition = try RiskDefinition(
        node: try Documents.Document.parse(Array(text.utf8), file: "definition of \(version)"))
    } catch { throw unreadable("its definition is no longer understood") }
    guard let first = RiskChampion.model(document) else {
      throw unreadable("its coefficients are no longer understood")
    }
    self.first = first
    if rows[0, "second_source"] == "model", let text = rows[0, "second"] {
      guard let later = RiskChampion.model(text) else {
        throw unreadable("its coefficients are no longer understood")
      }
      second = .model(later)
    } else {
      second = .baseline(
        rate: nil, reason: rows[0, "second_reason"] ?? "no model of days 31 to 90 was kept",
        refused: nil)
    }
    self.version = version
    cut = zone.start(of: end)
    chosenCut = rows[0, "known_until"].flatMap { CalendarDate($0) }.map { zone.start(of: $0) }
  }

  /// A model as the ledger keeps it; `nil` where this program cannot read it.
  static func model(_ text: String) -> RiskModel? {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    guard let document = try? decoder.decode(Document.self, from: Data(text.utf8)) else {
      return nil
    }
    return RiskModel(
      fitted: document.model, shift: document.shift, gate: document.judgement,
      baseRate: document.baseRate, constantFeatures: document.constantFeatures)
  }
}

extension ModelVersions {
  /// What was fitted for each span of a version of a risk; none of versions of other models.
  ///
  /// - Throws: ``PipelineError/unreadableModel(model:version:reason:)``; a `PostgresError`.
  package func fits(of version: Version) throws -> [(span: String, model: Regression.FittedModel)] {
    try fitTexts(of: version).map { span, text in
      guard let model = RiskChampion.model(text) else {
        throw PipelineError.unreadableModel(
          model: version.model, version: version.version,
          reason: "its coefficients are no longer understood")
      }
      return (span, model.fitted)
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
    _ champion: RiskChampion, _ model: RiskDefinition, _ panel: ChurnPanel,
    other: () throws -> ChurnPanel?
  ) throws -> FittedRisk {
    var result = self
    result.verdict.champion = champion.version
    let isSame = champion.definition.canonicalText == model.canonicalText
    guard let own = isSame ? panel : try other() else { return result }
    // The gate judges recipes, the champion's like that of the candidate.
    var recipe = isPublished ? forecast?.first.fitted : nil
    if !isSame {
      recipe = nil
      if case .model(let learned) = try RiskRecipe().learn(own.first, by: own.cut),
        learned.gate.failures.isEmpty
      {
        recipe = learned
      }
    }
    let isChosen = champion.chosenCut != nil
    guard isChosen || recipe != nil else {
      result.verdict.reason += "; the champion's recipe does not pass its gate any more"
      return result
    }
    if isPublished, let candidate = forecast?.first.fitted {
      let rival =
        if let recipe, !isSame, !isChosen {
          RiskComparison(judged: recipe, own.first)
        } else {
          try RiskComparison(
            champion.first, own.first, since: max(champion.cut, champion.chosenCut ?? champion.cut))
        }
      let gain = RiskComparison(judged: candidate, panel.first).gain(over: rival, panel.first)
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
      try ChurnForecast(
        own, features: champion.definition.features,
        kept: (.model(champion.first), champion.second), bands: model.bands),
      champion.version,
      isSame ? dataDigest : SHA256.hexadecimalDigest(of: FittedRisk.bytes(of: own))
    )
    return result
  }
}
