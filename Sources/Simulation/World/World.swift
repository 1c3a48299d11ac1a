package import AlmanacCore

/// A simulated business: a pure function of its settings and the rules of time zones.
///
/// Companies are independent of each other, so that any of them can be generated alone. A world
/// that ends later has the same past: all that was recorded before an earlier end is the same in
/// both.
///
/// The parts: counter-based draws (`Draws`); where companies are and what they buy (`World`); the
/// table of coefficients (`Hazards`); the state of one company and what changes it (`Company`),
/// which leaves rows and events behind (`Events`); these as batches for a database (`Output`); and
/// what is known of the world besides, with forward simulations (`Truth`).
package struct World: Sendable {
  /// What determines it.
  package let settings: WorldSettings
  private let zones: [String: ZoneRules]

  /// A world.
  ///
  /// - Parameters:
  ///   - settings: what determines it.
  ///   - zone: the rules of a zone by its IANA name.
  /// - Throws: `SimulationError.unknownZone`.
  package init(
    _ settings: WorldSettings, zone: (String) -> ZoneRules?
  ) throws(SimulationError) {
    var zones: [String: ZoneRules] = [:]
    for name in Geography.zoneNames {
      guard let rules = zone(name) else { throw .unknownZone(name) }
      zones[name] = rules
    }
    self.zones = zones
    self.settings = settings
  }

  /// The number of companies that have signed up by the world's end.
  package var companyCount: Int { settings.companyCount }

  /// The whole history of a company.
  ///
  /// - Parameters:
  ///   - index: the position among the companies.
  ///   - includesUse: whether the single events of daily use are written down, which are most of
  ///     the work; nothing else depends on them.
  /// - Returns: its rows, events and truth.
  package func company(_ index: Int, includesUse: Bool = true) -> CompanyRecord {
    var simulator = simulator(of: index)
    simulator.includesUse = includesUse
    for day in simulator.firstDay..<settings.end.adding(days: 1) { simulator.live(day) }
    guard let record = simulator.record else { preconditionFailure("a simulator without a record") }
    let next = settings.end.adding(days: 1)
    if next.day == 1, next > simulator.firstDay, !simulator.state.isDeleted {
      record.monthStates.append(simulator.monthState(at: next.startUTC.microseconds))
    }
    return record
  }

  /// A company before its first day.
  func simulator(of index: Int) -> CompanySimulator {
    let profile = CompanyProfile(index: index, in: settings)
    guard let zone = zones[profile.zone] else { preconditionFailure("no zone \(profile.zone)") }
    return CompanySimulator(settings: settings, profile: profile, zone: zone)
  }
}

/// What stops a simulation.
package enum SimulationError: ExitStatusConvertible, Equatable {
  /// The system has no rules for a time zone.
  case unknownZone(String)

  package var exitStatus: ExitStatus { .missingInput }

  package var description: String {
    switch self {
    case .unknownZone(let name):
      "the system's time zone database has no zone \(name); install it (Debian: tzdata)"
    }
  }
}
