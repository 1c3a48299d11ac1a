package import AlmanacCore
package import Columns

/// Counts what was recorded on a later day than it happened, by the day it was recorded on.
///
/// With these beside the daily rollup, the day as it was known at the end of day T is the rollup less
/// everything recorded after T (DECISIONS.md, D-196). Distinct users cannot be subtracted, so a user
/// counts on the first day on which an event of the group that names him was recorded.
package struct RecordedCounts {
  private let days: Range<CalendarDate>
  private let settings: RollupSettings
  private let recordedColumn: String
  private let assignment: CompanyAssignment
  /// For each day an instant up to which nothing is of the next one.
  private let ends: [Int64]
  private var dictionaries = RollupDictionaries()
  private var batches: [(events: CodedEvents, late: [(row: Int, recorded: Int32)])] = []
  private var rowsBefore = 0

  /// The columns of ``finish()``, of which the first five identify a row.
  package static let fields = [
    Field("company_id", .uuid), Field("event_type", .text), Field("module_id", .uuid),
    Field("date", .date), Field("recorded_date", .date), Field("event_count", .int64),
    Field("new_users", .int64), Field("amount_sum", .money, isNullable: true),
    Field("duration_ms_sum", .int64, isNullable: true),
  ]

  /// Counts for the given local dates; `recordedColumn` is an instant that is never null.
  package init(_ days: Range<CalendarDate>, settings: RollupSettings, recordedColumn: String) {
    self.days = days
    self.settings = settings
    self.recordedColumn = recordedColumn
    assignment = CompanyAssignment(.days(days), settings: settings)
    let zones = settings.zones
    ends = days.map { day in
      // No zone is a whole day ahead of UTC.
      (zones.areShared ? zones.standard.start(of: day.adding(days: 1)) : day.startUTC).microseconds
    }
  }

  /// Adds the rows of a batch.
  ///
  /// - Throws: `RollupError`, as `RollupState.accumulate(_:)` does.
  package mutating func accumulate(_ batch: Batch) throws(RollupError) {
    guard case .int64(let recorded)? = batch[recordedColumn]?.storage else {
      throw .missingColumn(dataset: settings.dataset, column: recordedColumn)
    }
    let reader = EventReader(batch: batch, settings: settings, rowsBefore: rowsBefore)
    var converter = AmountConverter(settings: settings, isHourly: false)
    let (events, _) = try reader.coded(
      buckets: assignment, in: &dictionaries, converter: &converter)
    rowsBefore += batch.rowCount
    var late: [(row: Int, recorded: Int32)] = []
    for row in 0..<events.rowCount where events.buckets[row] != BucketAssignment.outside {
      let day = Int(events.buckets[row])
      if recorded[row] < ends[day] { continue }
      // Clocks that are set back over midnight make a day that has two ends.
      let company = dictionaries.companies.values[Int(events.company(row))]
      let date = settings.zones.zone(of: company)
        .localDate(at: Timestamp(microseconds: recorded[row]))
      if date > days.lowerBound.adding(days: day) { late.append((row, date.daysSinceEpoch)) }
    }
    batches.append((events, late))
  }

  /// The group of a row.
  private struct Group: Hashable {
    var company: UInt32
    var eventType: UInt32
    var module: UInt32
    var day: UInt32

    /// Two words take half the time of four halves.
    func hash(into hasher: inout Hasher) {
      hasher.combine(UInt64(company) << 32 | UInt64(eventType))
      hasher.combine(UInt64(module) << 32 | UInt64(day))
    }
  }

  /// A group and one of the days that its rows were recorded on.
  private struct Recording: Hashable {
    var group: Group
    var recorded: Int32
  }

  private struct Sums {
    var events: Int64 = 0
    var users: Int64 = 0
    var amount: Int128?
    var duration: Int128?
  }

  /// The counts, ascending by their key.
  ///
  /// - Throws: `RollupError.overflow` where a sum does not fit its column.
  package consuming func finish() throws(RollupError) -> Batch {
    var sums: [Recording: Sums] = [:]
    var groups: [Group] = []
    var numbers: [Group: UInt32] = [:]
    for (events, late) in batches {
      for (row, recorded) in late {
        let group = group(of: row, in: events)
        if numbers[group] == nil {
          numbers[group] = UInt32(groups.count)
          groups.append(group)
        }
        var value = sums[Recording(group: group, recorded: recorded), default: Sums()]
        value.events += 1
        if events.amount(row) != nil || value.amount != nil {
          let (sum, overflow) = (value.amount ?? 0)
            .addingReportingOverflow(events.amount(row) ?? 0)
          if overflow { throw .overflow(column: settings.amountColumn ?? "amount") }
          value.amount = sum
        }
        if let duration = events.duration(row) {
          value.duration = (value.duration ?? 0) + Int128(duration)
        }
        sums[Recording(group: group, recorded: recorded)] = value
      }
    }
    for (member, recorded) in firstRecordings(of: numbers) where recorded != Int32.min {
      sums[Recording(group: groups[Int(member >> 32)], recorded: recorded)]?.users += 1
    }
    return try batch(of: sums)
  }

  /// When each user of some groups was first recorded in them, `Int32.min` for on the day itself.
  ///
  /// A user of a group is the group's number in the high half of a word and the user's code in the
  /// other.
  private func firstRecordings(of numbers: [Group: UInt32]) -> [UInt64: Int32] {
    var companies = [Bool](repeating: false, count: dictionaries.companies.values.count)
    for group in numbers.keys { companies[Int(group.company)] = true }
    var first: [UInt64: Int32] = [:]
    for (events, late) in batches where events.users != nil {
      var next = late[...]
      for row in 0..<events.rowCount where events.buckets[row] != BucketAssignment.outside {
        var recorded = Int32.min
        if let head = next.first, head.row == row {
          recorded = head.recorded
          next = next.dropFirst()
        }
        guard companies[Int(events.company(row))], let user = events.user(row) else { continue }
        guard let number = numbers[group(of: row, in: events)] else { continue }
        first[UInt64(number) << 32 | UInt64(user), default: .max].lower(to: recorded)
      }
    }
    return first
  }

  private func group(of row: Int, in events: CodedEvents) -> Group {
    Group(
      company: events.company(row), eventType: events.eventType(row), module: events.module(row),
      day: events.buckets[row])
  }

  private func batch(of sums: [Recording: Sums]) throws(RollupError) -> Batch {
    let companyRanks = ranks(of: dictionaries.companies.sortedCodes())
    let typeRanks = ranks(of: dictionaries.eventTypes.sortedCodes())
    let moduleRanks = ranks(of: dictionaries.modules.sortedCodes())
    func place(_ recording: Recording) -> (UInt32, UInt32, UInt32, UInt32, Int32) {
      let group = recording.group
      return (
        companyRanks[Int(group.company)], typeRanks[Int(group.eventType)],
        moduleRanks[Int(group.module)], group.day, recording.recorded
      )
    }
    var builders = RecordedCounts.fields.map { ColumnBuilder($0) }
    for (recording, value) in sums.sorted(by: { place($0.key) < place($1.key) }) {
      guard value.duration.map({ Int64(exactly: $0) != nil }) ?? true else {
        throw .overflow(column: "duration_ms_sum")
      }
      let group = recording.group
      let values: [ColumnValue?] = [
        .uuid(dictionaries.companies.values[Int(group.company)]),
        .bytes(dictionaries.eventTypes.values[Int(group.eventType)]),
        .uuid(dictionaries.modules.values[Int(group.module)]),
        .date(days.lowerBound.adding(days: Int(group.day))),
        .date(CalendarDate(daysSinceEpoch: recording.recorded)),
        .integer(Int128(value.events)), .integer(Int128(value.users)),
        value.amount.map { .integer($0) }, value.duration.map { .integer($0) },
      ]
      for (index, value) in values.enumerated() { builders[index].append(value) }
    }
    var columns: [Column] = []
    for index in builders.indices { columns.append(builders[index].finish()) }
    return Batch(columns, rowCount: sums.count)
  }
}

extension CodedEvents {
  /// The state's code of a row's company.
  func company(_ row: Int) -> UInt32 { companies.code(row) ?? 0 }

  /// The state's code of a row's event type.
  func eventType(_ row: Int) -> UInt32 { eventTypes.code(row) ?? 0 }

  /// The state's code of a row's module.
  func module(_ row: Int) -> UInt32 { modules?.code(row) ?? RollupDictionaries.noModule }

  /// The state's code of a row's user, `nil` where there is none.
  func user(_ row: Int) -> UInt32? { users?.code(row) }

  /// The amount of a row, `nil` where there is none.
  func amount(_ row: Int) -> Int128? {
    if case .none = amounts { return nil }
    return hasAmount.map { $0[row] } ?? true ? amounts[row] : nil
  }

  /// The duration of a row, `nil` where there is none.
  func duration(_ row: Int) -> Int64? {
    hasDuration.map { $0[row] } ?? true ? durations?[row] : nil
  }
}

extension CodedColumn {
  /// The state's code of a row, `nil` where the row is null.
  func code(_ row: Int) -> UInt32? {
    if let validity, !validity[row] { return nil }
    return table.map { $0[Int(codes[row])] } ?? codes[row]
  }
}

extension Int32 {
  fileprivate mutating func lower(to other: Int32) { self = Swift.min(self, other) }
}
