package import AlmanacCore

/// The clocks of companies, by the versions of their rows that had been seen (DECISIONS.md, D-537).
package struct CompanyClocks: Sendable {
  /// What a version of the row of a company says of its zone.
  package struct Version: Sendable {
    /// The company.
    package var company: UUIDValue
    /// The cut that first saw it.
    package var seenAt: Timestamp
    /// Its zone; `nil` where it names none that is known here.
    package var zone: ZoneRules?

    /// A version of the given parts.
    package init(company: UUIDValue, seenAt: Timestamp, zone: ZoneRules?) {
      self.company = company
      self.seenAt = seenAt
      self.zone = zone
    }
  }

  /// The zone of companies that name none.
  private let standard: ZoneRules
  /// Zones with the instant from which on they were known, ascending; at least one each.
  private let zones: [UUIDValue: [(knownFrom: Timestamp, zone: ZoneRules)]]

  /// Clocks that were never changed.
  package init(_ zones: CompanyZones) {
    standard = zones.standard
    self.zones = zones.own.mapValues { [(knownFrom: Timestamp(microseconds: .min), zone: $0)] }
  }

  /// The clocks that versions tell of.
  ///
  /// - Parameters:
  ///   - versions: the versions, in any order.
  ///   - standard: the zone of companies that have no version, or name no zone in it.
  ///   - end: now. What the first cut from then on saw is what was there at the end of the night's
  ///     date, and is known now.
  package init(_ versions: [Version], standard: ZoneRules, at end: Timestamp) {
    self.standard = standard
    let cut = versions.lazy.map(\.seenAt).filter { $0 >= end }.min()
    let last = Timestamp(microseconds: end.microseconds - 1)
    zones = Dictionary(grouping: versions, by: \.company).mapValues { versions in
      versions.sorted { $0.seenAt < $1.seenAt }.map { version in
        (
          knownFrom: version.seenAt == cut ? last : version.seenAt,
          zone: version.zone ?? standard
        )
      }
    }
  }

  /// The zone of a company by the newest version seen before an instant, or by the first one where
  /// none had been.
  package func zone(of company: UUIDValue, knownBefore instant: Timestamp) -> ZoneRules {
    guard let own = zones[company], let first = own.first else { return standard }
    return (own.last { $0.knownFrom < instant } ?? first).zone
  }

  /// The zones of all companies as they were known before an instant; see
  /// ``zone(of:knownBefore:)``.
  package func zones(knownBefore instant: Timestamp) -> CompanyZones {
    CompanyZones(
      standard,
      own: Dictionary(
        uniqueKeysWithValues: zones.keys.map { ($0, zone(of: $0, knownBefore: instant)) }))
  }
}
