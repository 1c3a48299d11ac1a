import Documents
import Regression

/// The reader of a model file written by a user.
enum ModelDocument {
  /// The model that a YAML file declares.
  static func read(_ bytes: [UInt8], file: String) throws -> ModelSpecification {
    try ValueReader.mapping("the model") {
      (reader) throws(DocumentError) -> ModelSpecification in
      let target = try reader.required("target", as: .text)
      let family = try reader.optional("family", as: .word) as ModelFamily?
      let positive = try reader.optional("positive", as: .text)
      let ignored = try reader.optional("ignore", as: .list(of: .text)) ?? []
      let weight = try reader.optional("weight", as: .text)
      let offset = try reader.optional("offset", as: .text)
      let penalty = try reader.optional("penalty", as: penalty) ?? .chosen
      let interactions = try reader.optional("interactions", as: .boolean)
      let calibrates = try reader.optional("calibration", as: .boolean) ?? true
      let validation = try reader.optional("validation", as: validation)
      let terms = try reader.optional("terms", as: .list(of: term))
      return ModelSpecification(
        target: target, family: family, positive: positive, terms: terms, ignored: ignored,
        weight: weight, penalty: penalty, interactions: interactions ?? (terms == nil),
        calibrates: calibrates, validation: validation, offset: offset)
    }.read(try Document.parse(bytes, file: file))
  }

  private static var penalty: ValueReader<ModelSpecification.Penalty> {
    .scalar("auto or a number of zero or more", suggesting: ["auto"]) { text in
      if text == "auto" { return .chosen }
      guard let value = Double(text), value.isFinite, value >= 0 else { return nil }
      return .fixed(value)
    }
  }

  private enum Left: String, CaseIterable {
    case folds, grouped, rolling
  }

  private static var validation: ValueReader<Validation> {
    .mapping("the validation") { (reader) throws(DocumentError) -> Validation in
      let kind: Left = try reader.required("kind", as: .word)
      let count = try reader.optional("folds", as: .integer(in: 2...100)) ?? 5
      guard kind != .rolling else {
        return .rolling(column: try reader.required("column", as: .text), origins: count)
      }
      let seed = UInt64(try reader.optional("seed", as: .integer(in: 0...1_000_000)) ?? 1)
      guard kind == .grouped else { return .folds(count, seed: seed) }
      return .grouped(
        column: try reader.required("column", as: .text), folds: count, seed: seed)
    }
  }

  private enum Kind: String, CaseIterable {
    case numeric, spline, categorical, cyclic, polynomial, interaction
  }

  private static var term: ValueReader<TermSpecification> {
    .mapping("the term") { (reader) throws(DocumentError) -> TermSpecification in
      let kind: Kind = try reader.required("kind", as: .word)
      if kind == .interaction {
        let columns = try reader.required("columns", as: .set(of: .text))
        guard columns.count == 2 else {
          throw .unexpected(
            reader.mark(of: "columns"), found: "\(columns.count) columns",
            expected: "two columns", suggestion: nil)
        }
        return TermSpecification(
          column: columns[0], kind: .interaction(columns[0], columns[1]))
      }
      let column = try reader.required("column", as: .text)
      let made: TermSpecification.Kind
      switch kind {
      case .numeric, .interaction: made = .numeric
      case .spline:
        made = .spline(knots: try reader.optional("knots", as: .integer(in: 3...20)) ?? 6)
      case .categorical:
        made = .categorical(
          minimumCount: try reader.optional("minimum", as: .integer(in: 1...1_000_000)) ?? 1,
          maximumLevels: try reader.optional("levels", as: .integer(in: 1...1000)) ?? 100)
      case .cyclic:
        made = .cyclic(
          period: try reader.required("period", as: .number(in: 1e-6...1e9)),
          harmonics: try reader.optional("harmonics", as: .integer(in: 1...20)) ?? 2)
      case .polynomial:
        made = .polynomial(degree: try reader.required("degree", as: .integer(in: 1...12)))
      }
      guard kind != .categorical, kind != .cyclic else {
        return TermSpecification(column: column, kind: made)
      }
      return TermSpecification(
        column: column, kind: made,
        takesLogarithm: try reader.optional("log", as: .boolean) ?? false,
        winsorises: try reader.optional("winsorise", as: .boolean) ?? false)
    }
  }
}
