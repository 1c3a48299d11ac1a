package import AlmanacCore
import Billing
package import Columns
import Rollups

/// A rollup of any range of days, from the partitions.
///
/// Counts and sums of a range are those of its days, but distinct users are not (DECISIONS.md, D-006):
/// they are counted over the events of the range, whatever it is split by.
package struct SpanRollup {
  /// What a range may be split by.
  package enum Dimension: String, CaseIterable, Sendable {
    case company, type, module
  }

  private let events: DatasetDefinition
  private let settings: RollupSettings
  private let reader: PartReader
  /// The last date that was over at the time that is looked back to, `nil` for none.
  package let lastKnown: CalendarDate?

  /// A rollup of the events that a data directory holds, in a pipeline's zone and currency.
  ///
  /// - Throws: ``PipelineError/notExtracted(dataset:)``, ``PipelineError/unknownZone(name:)``, and
  ///   what reading companies and exchange rates throws.
  package init(
    _ project: Project, _ pipeline: PipelineDefinition, zones: (String) -> ZoneRules?,
    directory: DataDirectoryReading, asOf moment: AsOfReading.Moment? = nil
  ) throws {
    let name = RollupStage.dataset
    guard let events = project.dataset(name), directory.manifest.datasets[name] != nil else {
      throw PipelineError.notExtracted(dataset: name)
    }
    self.events = events
    let past = try moment.map { moment in
      try AsOfReading(project, pipeline, directory, at: moment, jobs: 1, zones: zones)
    }
    reader = past?.reader ?? directory.reader
    lastKnown = past?.date
    let owned =
      try past?.zones
      ?? project.zones(of: pipeline, in: directory.manifest, reader, find: zones).zones
    var settings = RollupSettings(events: events, zones: owned, currency: pipeline.currency)
    if !owned.areShared { settings.zoneCompanyColumn = SpanRollup.zoneColumn }
    let rates = try project.exchangeRates(in: directory.manifest, reader)
    RollupConversion(rates: rates, currency: pipeline.currency).apply(to: &settings)
    self.settings = settings
  }

  /// The fields of ``rows(_:type:company:by:)``.
  package static func fields(by dimensions: Set<Dimension>) -> [Field] {
    [Field("from", .date), Field("to", .date)]
      + RollupTable.fields(nil).filter { field in
        dimension(of: field.name).map(dimensions.contains) ?? true
      }
  }

  /// The column that keeps the company for its zone where rows of all companies are one.
  private static let zoneColumn = "zone_company"

  private static func dimension(of column: String) -> Dimension? {
    switch column {
    case "company_id": .company
    case "event_type": .type
    case "module_id": .module
    default: nil
    }
  }

  /// The rollup of local days.
  ///
  /// - Parameters:
  ///   - days: the range, not empty.
  ///   - type: the only type of events that counts, or `nil` for all.
  ///   - company: the only company, or `nil` for all.
  ///   - dimensions: what it is split by; users are distinct within each part.
  ///   - computed: the last date that rollups are computed for: dates that were not over then for a
  ///     company are left out.
  /// - Returns: a row for each part with an event: first and last day, the dimensions, event_count,
  ///   unique_users, amount_sum, amount_min, amount_max (money) and duration_ms_sum, in order.
  /// - Throws: `RollupError`, and ``PipelineError/damagedPart(path:reason:)``.
  package func rows(
    _ days: ClosedRange<CalendarDate>, type: String?, company: UUIDValue?,
    by dimensions: Set<Dimension>, computed: CalendarDate
  ) throws -> Batch {
    var settings = settings
    if !dimensions.contains(.module) { settings.moduleColumn = nil }
    settings.over = DatesOver(
      settings.zones,
      at: settings.zones.standard.start(of: (lastKnown ?? computed).adding(days: 1)))
    var state = RollupState(
      .span(days.lowerBound..<days.upperBound.adding(days: 1)), settings: settings,
      rowsBeforeReduction: MonthWork.rowsBeforeReduction)
    // A day at a time, as the rollup of months does: memory grows with groups and users. Only days
    // that have events: a range may begin or end anywhere.
    let utcDays = settings.zones.rollupDays(of: days)
    for day in reader.manifest.days(of: events.name).dates.sorted() where utcDays.contains(day) {
      let read = try reader.readDeduplicated(
        events, days: day...day, columns: self.settings.columns)
      for batch in read.batches {
        try state.accumulate(reduced(batch, type: type, company: company, dimensions))
      }
    }
    let table = try state.finish().batch
    let count = table.rowCount
    func constant(_ name: String, _ date: CalendarDate) -> Column {
      Column(
        Field(name, .date), .int32([Int32](repeating: date.daysSinceEpoch, count: count)))
    }
    let kept = SpanRollup.fields(by: dimensions).dropFirst(2).compactMap { table[$0.name] }
    return Batch(
      [constant("from", days.lowerBound), constant("to", days.upperBound)] + kept, rowCount: count)
  }

  /// The rows that count, all of one company or type where these do not tell parts apart.
  private func reduced(
    _ batch: Batch, type: String?, company: UUIDValue?, _ dimensions: Set<Dimension>
  ) -> Batch {
    var batch = batch
    if type != nil || company != nil {
      let types = batch[settings.eventTypeColumn]
      let companies = batch[settings.companyColumn]
      let wanted = type.map { ColumnValue.text($0) }
      batch = batch.taking(
        (0..<batch.rowCount).filter { row in
          (wanted == nil || types?.value(row) == wanted)
            && (company == nil || companies?.value(row) == company.map { .uuid($0) })
        })
    }
    let count = batch.rowCount
    let owner = batch[settings.companyColumn].map { column in
      Column(Field(SpanRollup.zoneColumn, .uuid), column.storage, validity: column.validity)
    }
    let zoneColumns = settings.zones.areShared ? [] : [owner].compactMap(\.self)
    return Batch(
      zoneColumns
        + batch.columns.map { column in
          var builder = ColumnBuilder(column.field)
          switch column.field.name {
          case settings.eventTypeColumn where !dimensions.contains(.type):
            for _ in 0..<count { builder.append("") }
          case settings.companyColumn where !dimensions.contains(.company):
            for _ in 0..<count { builder.append(UUIDValue.zero) }
          default: return column
          }
          return builder.finish()
        }, rowCount: count)
  }
}
