import FoundationEssentials
import Predictions
import Regression

/// A model as the ledger keeps it, beside what moves its intercept.
private struct RiskDocument: Decodable {
  enum CodingKeys: String, CodingKey {
    case shift, judgement, model, groups
    case baseRate = "base_rate"
    case constantFeatures = "constant_features"
  }
  var shift: Double
  var baseRate: Double
  var constantFeatures: [String]
  var judgement: RiskGate
  var model: Regression.FittedModel
  /// By how much the fits of groups differ from the common one; left out where there are none.
  var groups: [String: [Double]]?
}

extension RiskModel {
  /// The model as the ledger keeps it.
  func document() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    var object = JSONText()
    object.add("shift", number: shift)
    object.add("base_rate", number: baseRate)
    object.add("constant_features", texts: constantFeatures)
    object.add("judgement", raw: String(decoding: try encoder.encode(gate), as: UTF8.self))
    object.add("model", raw: String(decoding: try encoder.encode(fitted), as: UTF8.self))
    if !deviations.isEmpty {
      object.add("groups", raw: String(decoding: try encoder.encode(deviations), as: UTF8.self))
    }
    return object.finish()
  }

  /// A model as the ledger keeps it; `nil` where this program cannot read it.
  init?(document text: String) {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    guard let document = try? decoder.decode(RiskDocument.self, from: Data(text.utf8)) else {
      return nil
    }
    let width = 1 + document.model.coefficients.reduce(0) { $0 + $1.count }
    guard (document.groups ?? [:]).values.allSatisfy({ $0.count == width }) else { return nil }
    self.init(
      fitted: document.model, shift: document.shift, gate: document.judgement,
      baseRate: document.baseRate, constantFeatures: document.constantFeatures,
      deviations: document.groups ?? [:])
  }
}
