import AlmanacCore
import Billing
import Columns

/// What stages that compute metrics, cohorts and funnels read: definitions, snapshots and zones.
///
/// A run makes one of the data directory as it is; one whose reader looks back to an instant
/// gives what a run made then would have read (DECISIONS.md, D-404).
struct StageInputs: Sendable {
  /// The definitions of the installation.
  let project: Project
  /// The pipeline whose currency counts.
  let pipeline: PipelineDefinition
  /// Reads the rows.
  let reader: PartReader
  /// The zone whose days end the logical date.
  let zone: ZoneRules
  /// Whose days count.
  let zones: CompanyZones
  /// The number of threads.
  let jobs: Int

  /// What is held.
  var manifest: Manifest { reader.manifest }

  /// The name of the zone for digests of settings.
  var zoneName: String { pipeline.countsCompanyDays ? pipeline.zone : zone.name }

  /// The instant at which a date ends.
  func end(of date: CalendarDate) -> Timestamp { zone.start(of: date.adding(days: 1)) }

  /// Which dates are over when a logical date ends.
  func datesOver(through last: CalendarDate) -> DatesOver { DatesOver(zones, at: end(of: last)) }

  /// Whether rows of a dataset can be read: it is defined, and not one that the source lacks.
  ///
  /// - Throws: ``PipelineError/notExtracted(dataset:)`` where it was never extracted.
  func hasDataset(_ name: String) throws -> Bool {
    guard let definition = project.dataset(name) else { return false }
    if manifest.datasets[name] != nil { return true }
    if definition.isOptional { return false }
    throw PipelineError.notExtracted(dataset: name)
  }

  /// The columns of a dataset, no batch where it is not there.
  func rows(of name: String, _ columns: [String]) throws -> [Batch] {
    guard try hasDataset(name), let definition = project.dataset(name) else { return [] }
    for column in columns where definition[column: column] == nil {
      throw BillingError.missingColumn(dataset: name, column: column)
    }
    return try reader.read(name, columns: columns)
  }

  /// The exchange rates; see ``RunContext/exchangeRates()``.
  func exchangeRates() throws -> ExchangeRates? {
    try project.exchangeRates(in: manifest, reader)
  }
}

extension RunContext {
  /// What the stages of this run read.
  ///
  /// - Throws: what ``zones()`` throws.
  func inputs() throws -> StageInputs {
    StageInputs(
      project: project, pipeline: pipeline, reader: directory.reader, zone: zone,
      zones: try zones(), jobs: jobs)
  }

  /// See ``StageInputs/hasDataset(_:)``.
  func hasDataset(_ name: String) throws -> Bool { try inputs().hasDataset(name) }

  /// See ``StageInputs/rows(of:_:)``.
  func rows(of name: String, _ columns: [String]) throws -> [Batch] {
    try inputs().rows(of: name, columns)
  }
}
