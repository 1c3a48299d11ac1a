import AlmanacCore
import Codecs

/// The digest of settings that stands beside each number.
///
/// Where days are those of each company, the zone is one of the settings of a company's numbers; the
/// numbers of all companies have those that all share (DECISIONS.md, D-401).
struct SettingsDigests: Sendable {
  /// The digest of the settings that all companies share.
  let shared: String
  private let zones: CompanyZones
  /// The digests as they stand beside numbers, by the name of the zone.
  private let own: [String: String]

  /// The digests of the settings of a digest, and of the zones of companies.
  init(_ shared: String, _ zones: CompanyZones) {
    self.shared = shared
    self.zones = zones
    var own: [String: String] = [:]
    for zone in zones.own.values where own[zone.name] == nil {
      own[zone.name] = String(
        SHA256.hexadecimalDigest(of: "\(shared)\ncompany in \(zone.name)\n").prefix(16))
    }
    self.own = own
  }

  /// What stands beside a number of a company; all-zero is all companies.
  func text(_ company: UUIDValue) -> String {
    zoneText(company) ?? String(shared.prefix(16))
  }

  /// The same for a company with a zone of its own, `nil` for others.
  func zoneText(_ company: UUIDValue) -> String? {
    own.isEmpty ? nil : zones.own[company].flatMap { own[$0.name] }
  }
}
