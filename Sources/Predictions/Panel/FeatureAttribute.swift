package import AlmanacCore
import Regression

/// What companies were said to be, such as their segments, version by version.
struct FeatureAttribute: Sendable {
  /// What one version says, and when it was first seen.
  private struct Version {
    var seen: Int64
    /// The position of the text; −1 for none.
    var code: Int32
  }

  private var levels: [String] = []
  private var codes: [String: Int32] = [:]
  private var versions: [[Version]]

  init(companyCount: Int) { versions = [[Version]](repeating: [], count: companyCount) }

  /// Adds a version; of two that were seen at one instant the one added later counts.
  mutating func add(_ value: String?, company: Int, seen: Timestamp) {
    var code: Int32 = -1
    if let value {
      code = codes[value] ?? Int32(levels.count)
      if codes.updateValue(code, forKey: value) == nil { levels.append(value) }
    }
    let version = Version(seen: seen.microseconds, code: code)
    // Versions mostly come in the order in which they were seen.
    let place = versions[company].lastIndex { $0.seen <= version.seen }.map { $0 + 1 } ?? 0
    versions[company].insert(version, at: place)
  }

  /// What the latest version seen before its instant says of each row.
  func column(_ rows: [PanelRow], asOf: [Timestamp]) -> TableColumn {
    // By name, so that codes do not depend on the order in which versions were read.
    let order = levels.sorted()
    let places = Dictionary(uniqueKeysWithValues: order.enumerated().map { ($1, Int32($0)) })
    let renamed = levels.map { places[$0] ?? -1 }
    return .texts(
      codes: rows.map { row in
        let end = asOf[row.period].microseconds
        let code = versions[row.company].last { $0.seen < end }?.code ?? -1
        return code < 0 ? -1 : renamed[Int(code)]
      }, levels: order)
  }
}

extension FeatureHistory {
  /// Says what a company is, as a version of its row does that was first seen at an instant.
  ///
  /// At T the latest version that was seen before T counts (DECISIONS.md, D-545).
  package mutating func describe(
    _ attribute: String, company: Int, seen: Timestamp, value: String?
  ) {
    guard attributes[attribute] != nil else { preconditionFailure("no attribute \(attribute)") }
    attributes[attribute]?.add(value, company: company, seen: seen)
  }
}
