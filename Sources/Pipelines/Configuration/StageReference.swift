package import Documents
package import Rollups

/// The kinds of stage a pipeline can be made of.
package enum StageKind: String, Hashable, Sendable, CaseIterable {
  /// Copies datasets from the source into Parquet partitions.
  case extract
  /// Checks the contracts of datasets.
  case check
  /// Aggregates events by hour and day.
  case rollup
  /// Computes named metrics and the movements of MRR.
  case metrics
  /// Follows cohorts of companies and users.
  case cohorts
  /// Follows companies and users through funnels.
  case funnels
  /// Counts calls of agents and use of modules.
  case usage
  /// Finds days of the metrics that do not fit those before them.
  case anomalies
  /// Fits models.
  case fit
  /// Predicts with fitted models.
  case predict
  /// Makes the run's predictions visible.
  case publish

  /// The kinds this kind depends on: where a pipeline has both, they come first.
  package var inputs: [StageKind] {
    switch self {
    case .extract: []
    case .check: [.extract]
    // Not output, but leave to go on.
    case .rollup: [.extract, .check]
    case .metrics, .cohorts, .funnels: [.extract, .check]
    case .usage: [.extract, .check, .rollup]
    case .anomalies: [.extract, .check, .metrics]
    case .fit: [.extract, .check, .rollup]
    case .predict: [.extract, .check, .rollup, .fit]
    case .publish: [.predict]
    }
  }
}

extension StageKind {
  /// Whether the stage is of days and months, which can be computed again for some of them, or brings
  /// and checks their rows; the others are of the logical date alone.
  package var isOfIntervals: Bool {
    switch self {
    case .extract, .check, .rollup, .metrics, .cohorts, .funnels, .usage: true
    case .anomalies, .fit, .predict, .publish: false
    }
  }
}

/// A name that refers to another file, and where it stands.
package struct NameReference: Hashable, Sendable {
  /// The name.
  package var name: String
  /// Where it stands.
  package var mark: Mark
}

/// One stage of a pipeline.
package struct StageReference: Hashable, Sendable {
  /// What a stage is told.
  package enum Settings: Hashable, Sendable {
    /// The datasets to extract; `nil` for all.
    case extract([NameReference]?)
    /// The datasets to check; `nil` for all that the pipeline extracts.
    case check([NameReference]?)
    /// The lengths of time to aggregate over.
    case rollup([RollupGrain])
    /// Nothing to tell: what they do is in `models/metrics.yaml` and `models/funnels.yaml`.
    case metrics
    case cohorts
    case funnels
    case usage
    case anomalies
    /// The models to fit.
    case fit([NameReference])
    /// The models to predict with.
    case predict([NameReference])
    /// Nothing to tell.
    case publish
  }

  /// What the stage does.
  package var kind: StageKind
  /// What it is told, checked.
  package var settings: Settings
  /// What it is told, as written; `nil` for a stage that is only named.
  package var parameter: Node?
  /// Where the stage stands.
  package var mark: Mark
}

extension StageReference {
  /// Reads an item of a pipeline's stages: a kind alone, or a kind with its parameter.
  ///
  /// - Throws: `DocumentError` with the place of the fault.
  init(node: Node) throws(DocumentError) {
    let name: Node
    switch node.content {
    case .scalar:
      name = node
      parameter = nil
    case .mapping(let entries) where entries.count == 1:
      name = Node(.scalar(Node.Scalar(entries[0].key)), at: entries[0].keyMark)
      parameter = entries[0].value
    case .mapping(let entries) where entries.count > 1:
      throw .unexpected(
        entries[1].keyMark,
        found: "\(quoted(entries[1].key)) in the item of stage "
          + quoted(entries[0].key), expected: "each stage as an item of its own, behind \"- \"",
        suggestion: nil)
    default:
      throw node.unexpected("a stage, such as - publish or - extract: all")
    }
    kind = try ValueReader<StageKind>.scalar(
      "a stage, " + listed(StageKind.allCases.map(\.rawValue)),
      suggesting: StageKind.allCases.map(\.rawValue)
    ) { StageKind(rawValue: $0) }.read(name)
    mark = name.mark
    settings = try Self.settings(kind, parameter, at: mark)
  }

  private static func settings(
    _ kind: StageKind, _ parameter: Node?, at mark: Mark
  ) throws(DocumentError) -> Settings {
    let plain: [StageKind: Settings] = [
      .publish: .publish, .metrics: .metrics, .cohorts: .cohorts, .funnels: .funnels,
      .usage: .usage, .anomalies: .anomalies,
    ]
    if let settings = plain[kind] {
      if let parameter {
        throw .unexpected(
          parameter.mark, found: "\(parameter.shortDescription) behind \(quoted(kind.rawValue))",
          expected: "- \(kind.rawValue) alone", suggestion: nil)
      }
      return settings
    }
    guard let parameter else {
      if kind == .check { return .check(nil) }
      let example =
        switch kind {
        case .extract: "extract: all"
        case .rollup: "rollup: {grains: [hour, day]}"
        default: "\(kind.rawValue): [MODEL]"
        }
      throw .unexpected(
        mark, found: "stage \(quoted(kind.rawValue)) alone", expected: "- \(example)",
        suggestion: nil)
    }
    switch kind {
    case .extract: return .extract(try ValueReader.datasets.read(parameter))
    case .check: return .check(try ValueReader.datasets.read(parameter))
    case .fit: return .fit(try ValueReader.set(of: .reference).read(parameter))
    case .predict: return .predict(try ValueReader.set(of: .reference).read(parameter))
    case .rollup:
      var reader = try MappingReader(parameter, of: "the stage rollup")
      let grains = try reader.required("grains", as: .set(of: ValueReader<RollupGrain>.word))
      try reader.finish()
      return .rollup(grains)
    case .metrics: return .metrics
    case .cohorts: return .cohorts
    case .funnels: return .funnels
    case .usage: return .usage
    case .anomalies: return .anomalies
    case .publish: return .publish
    }
  }
}

extension ValueReader where Value == NameReference {
  /// A name with its place.
  static var reference: ValueReader {
    ValueReader("a name") { (node) throws(DocumentError) -> NameReference in
      NameReference(name: try ValueReader<String>.name.read(node), mark: node.mark)
    }
  }
}

extension ValueReader where Value == [NameReference]? {
  /// `all`, or a list of datasets.
  fileprivate static var datasets: ValueReader {
    ValueReader("all or a list of datasets") { (node) throws(DocumentError) -> [NameReference]? in
      if case .sequence = node.content {
        return try ValueReader<[NameReference]>.set(of: .reference).read(node)
      }
      return try ValueReader<[NameReference]?>.scalar(
        "all, or a list of datasets such as [events, invoices]", suggesting: ["all"]
      ) { $0 == "all" ? .some(nil) : nil }.read(node)
    }
  }
}
