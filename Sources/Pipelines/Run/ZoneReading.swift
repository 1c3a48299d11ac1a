package import AlmanacCore
import Columns
import Synchronization

/// The zones of a pipeline, and what its companies' own left to be wished for.
package struct OwnedZones: Sendable, Equatable {
  /// Whose days count.
  package var zones: CompanyZones
  /// Lines for a person; empty where every company has a zone that is known.
  package var notices: [String] = []
}

extension PipelineDefinition {
  /// What stands for the zone where each company's days are its own.
  package static let companyZone = "company"

  /// Whether each company's days are those of its own zone (DECISIONS.md, D-400).
  package var countsCompanyDays: Bool { zone == PipelineDefinition.companyZone }
}

extension Project {
  /// The dataset that says where companies are, and the columns that say it.
  static let companies = (name: "companies", key: "id", zone: "timezone")

  /// What keeps a dataset of companies from telling their zones, `nil` if nothing does.
  package var missingCompanyZones: String? {
    let (name, key, zone) = Project.companies
    guard let dataset = dataset(name) else { return "there is no dataset \(name)" }
    for column in [key, zone] where dataset[column: column] == nil {
      return "the dataset \(name) has no column \(column)"
    }
    return nil
  }

  /// The zones of a pipeline: its own, or for `zone: company` those that the companies name.
  ///
  /// A company that names none, or one that is not known here, counts in UTC; both are noticed.
  ///
  /// - Parameters:
  ///   - pipeline: the pipeline.
  ///   - manifest: what is held; of companies the rows as they are now.
  ///   - reader: reads it.
  ///   - find: finds the rules of a zone.
  /// - Returns: the zones, and what to say about them.
  /// - Throws: ``PipelineError/unknownZone(name:)``, ``PipelineError/noCompanyZones(reason:)``,
  ///   ``PipelineError/notExtracted(dataset:)``, ``PipelineError/damagedPart(path:reason:)``.
  package func zones(
    of pipeline: PipelineDefinition, in manifest: Manifest, _ reader: PartReader,
    find: (String) -> ZoneRules?
  ) throws -> OwnedZones {
    guard pipeline.countsCompanyDays else {
      guard let zone = find(pipeline.zone) else {
        throw PipelineError.unknownZone(name: pipeline.zone)
      }
      return OwnedZones(zones: CompanyZones(zone))
    }
    if let missingCompanyZones { throw PipelineError.noCompanyZones(reason: missingCompanyZones) }
    let (name, key, zone) = Project.companies
    guard manifest.datasets[name] != nil else { throw PipelineError.notExtracted(dataset: name) }
    var result = OwnedZones(zones: CompanyZones(.utc))
    var rules: [String: ZoneRules?] = [:]
    var unknown: Set<String> = []
    var (without, lost) = (0, 0)
    for batch in try reader.read(name, columns: [key, zone]) {
      guard let column = batch[zone], case .uuid(let ids)? = batch[key]?.storage else { continue }
      for row in 0..<batch.rowCount {
        guard case .bytes(let bytes)? = column.value(row), !bytes.isEmpty else {
          without += 1
          continue
        }
        let text = String(decoding: bytes, as: UTF8.self)
        let found = rules[text] ?? find(text)
        rules[text] = .some(found)
        if let found {
          result.zones.own[ids.row(row)] = found
        } else {
          unknown.insert(text)
          lost += 1
        }
      }
    }
    if without > 0 {
      result.notices.append("\(name): \(without) without a \(zone) count in UTC")
    }
    if let first = unknown.min() {
      result.notices.append(
        "\(name): \(lost) count in UTC, since their \(zone) is not known here, such as "
          + JSONText.quoted(first))
    }
    return result
  }
}

extension RunContext {
  /// The zones whose days count, read once a run.
  ///
  /// - Throws: what ``Project/zones(of:in:_:find:)`` throws.
  package func zones() throws -> CompanyZones {
    guard pipeline.countsCompanyDays else { return CompanyZones(zone) }
    return try RunMemo.once(memo.zones) { zones in
      if let zones { return zones.zones }
      let found = try project.zones(
        of: pipeline, in: directory.manifest, directory.reader, find: findZone)
      zones = found
      return found.zones
    }
  }

  /// What a person should know of the zones of companies; nothing where they cannot be read, which
  /// whoever needs them reports.
  ///
  /// A run tells it once: with the stage that extracts, or where it has none, with its first one.
  func zoneNotices() -> [String] {
    guard pipeline.countsCompanyDays, (try? zones()) != nil else { return [] }
    return memo.zones.withLock { $0?.notices ?? [] }
  }

  /// The name of the zone for digests of settings.
  var zoneName: String { pipeline.countsCompanyDays ? pipeline.zone : zone.name }

  /// Which dates are over when a logical date ends.
  ///
  /// - Throws: what ``zones()`` throws.
  package func datesOver(through last: CalendarDate) throws -> DatesOver {
    try inputs().datesOver(through: last)
  }
}

extension StageOutcome {
  /// Notes for how many companies the last date is not over yet.
  mutating func note(_ over: DatesOver, through last: CalendarDate) {
    let pending = over.pending(last)
    if pending > 0 { note("pending", "\(last) of \(pending) companies") }
  }
}
