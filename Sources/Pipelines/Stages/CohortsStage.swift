import AlmanacCore
import Billing
import Codecs
import Columns
import Postgres

/// Follows companies by the month of their sign-up, first payment and first module, and counts users
/// by the month of their activation.
///
/// The cohorts are computed whole and compared by month with what was written; only months that
/// differ are replaced, each in the transaction that records it.
package struct CohortsStage: Stage {
  package let name = "cohorts"

  /// The version of the computation: another one writes everything again.
  private static let version = 1

  /// A stage.
  package init() {}

  package func run(in context: RunContext) throws -> StageOutcome {
    var outcome = StageOutcome()
    let settings = context.project.metrics.ledgerSettings(context.pipeline.currency)
    let digest = CohortsStage.settingsDigest(settings, zone: context.zoneName)
    let newest = try context.newestDate(of: name)
    let inputs = SHA256.hexadecimalDigest(
      of: "\(newest)\n" + context.contentDigest(RunContext.billingDatasets + ["users"]))
    let ledger = IntervalLedger(stage: name, run: context.run)
    let known = try ledger.entries(on: context.lock.connection)
    let isDone = known.values.allSatisfy { $0.inputs == inputs && $0.settings == digest }
    if isDone, !known.isEmpty, !context.redo.isAny { return outcome }
    let records = try context.billing(settings, through: newest)
    outcome.rowsIn = records.rowCount
    var months: [CalendarDate: CohortMonth] = [:]
    if records.ledger == nil {
      outcome.notices.append("without MRR there are no cohorts by sign-up and by first module")
    }
    for row in try CohortsStage.retention(records) {
      months[row.month, default: CohortMonth()].retention.append(row)
    }
    for row in try users(context, records, &outcome) {
      months[row.month, default: CohortMonth()].users.append(row)
    }
    let entries = months.sorted { $0.key < $1.key }.map { month, cohort in
      IntervalEntry(
        start: month, end: month.monthStart(adding: 1), inputs: inputs, settings: digest,
        outputs: cohort.digest, rows: cohort.retention.count + cohort.users.count)
    }
    let again = try context.redone(name)
    let changed = entries.filter { again.concern($0.start, $0.end) || !known.holds($0) }
    let gone = known.keys.filter { months[$0] == nil }.sorted()
    let touched = changed.map(\.start) + gone
    try context.lock.write { connection in
      for table in ["cohort_retention", "user_cohorts"] where !touched.isEmpty {
        try connection.run(
          "DELETE FROM analytics.\(table) WHERE cohort_month = ANY ($1::date[])",
          [array(touched.map(\.description))])
      }
      outcome.rowsOut += try connection.copyIn(
        CohortsStage.retentionBatch(
          changed.flatMap { months[$0.start]?.retention ?? [] }, settings.currency, digest),
        into: QualifiedName(schema: "analytics", name: "cohort_retention"))
      outcome.rowsOut += try connection.copyIn(
        userBatch(changed.flatMap { months[$0.start]?.users ?? [] }),
        into: QualifiedName(schema: "analytics", name: "user_cohorts"))
      try ledger.record(entries, on: connection)
      try ledger.forget(gone, on: connection)
    }
    outcome.note("cohorts", months.count)
    outcome.note("cohorts_written", touched.count)
    context.log(.info, "cohorts: \(touched.count) of \(months.count) months written")
    return outcome
  }

  /// Retention of each kind that there are records for.
  ///
  /// - Throws: `BillingError`: a missing rate, or an amount without a currency.
  static func retention(_ records: BillingRecords) throws -> [CohortRow] {
    var rows: [CohortRow] = []
    func cohorts(_ kind: CohortKind, _ firsts: [UUIDValue: Timestamp]) -> Cohorts {
      Cohorts(kind, firsts: firsts, zones: records.zones, end: records.end)
    }
    if let ledger = records.ledger {
      var signups: [UUIDValue: Timestamp] = [:]
      for company in records.companies { signups[company.id] = company.signedUpAt }
      rows += cohorts(.signup, signups).retention(in: ledger)
      rows += cohorts(
        .firstModule, Cohorts.firstModules(in: records.changes, end: records.end)
      ).retention(in: ledger)
    }
    if records.hasPayments {
      rows += try cohorts(.firstPayment, records.books.firstPayments(end: records.end))
        .retention(in: records.books)
    }
    return rows
  }

  /// The activated users of each company and month, and of all companies.
  private func users(
    _ context: RunContext, _ records: BillingRecords, _ outcome: inout StageOutcome
  ) throws -> [UserCohort] {
    guard try context.hasDataset("users") else {
      outcome.notices.append("users: is not there; user_cohorts is switched off")
      return []
    }
    let users = try UserRecord.rows(
      in: try context.rows(of: "users", ["company_id", "activated_at"]))
    outcome.rowsIn += users.count
    struct Group: Hashable {
      var company: UUIDValue
      var month: CalendarDate
    }
    var cohorts: [Group: UserCohort] = [:]
    for user in users {
      guard let at = user.activatedAt, at < records.end else { continue }
      let month = records.zones.zone(of: user.company).localDate(at: at).monthStart
      for company in [user.company, .zero] {
        cohorts[
          Group(company: company, month: month),
          default: UserCohort(company: company, month: month, first: at, count: 0)
        ].add(at)
      }
    }
    return cohorts.values.sorted { ($0.company, $0.month) < ($1.company, $1.month) }
  }

  /// The digest of everything besides the rows that retention depends on.
  static func settingsDigest(_ settings: LedgerSettings, zone: String) -> String {
    SHA256.hexadecimalDigest(of: "cohorts \(version)\nzone \(zone)\n\(settings.canonicalText)\n")
  }

  /// The rows of `cohort_retention`.
  static func retentionBatch(
    _ rows: [CohortRow], _ currency: CurrencyCode, _ settings: String
  ) -> Batch {
    var company = ColumnBuilder(Field("company_id", .uuid))
    var kind = ColumnBuilder(Field("cohort_kind", .text))
    var month = ColumnBuilder(Field("cohort_month", .date))
    var period = ColumnBuilder(Field("period", .int32))
    var size = ColumnBuilder(Field("size", .int64))
    var retained = ColumnBuilder(Field("retained", .int64))
    var start = ColumnBuilder(Field("revenue_start", .money))
    var gross = ColumnBuilder(Field("revenue_retained_gross", .money))
    var net = ColumnBuilder(Field("revenue_retained_net", .money))
    var money = ColumnBuilder(Field("currency", .text))
    var complete = ColumnBuilder(Field("complete", .bool))
    var digest = ColumnBuilder(Field("settings_digest", .text))
    let ordered = rows.sorted {
      ($0.kind.rawValue, $0.month, $0.period) < ($1.kind.rawValue, $1.month, $1.period)
    }
    for row in ordered {
      company.append(UUIDValue.zero)
      kind.append(row.kind.rawValue)
      month.append(row.month)
      period.append(Int64(row.period))
      size.append(Int64(row.size))
      retained.append(Int64(row.retained))
      start.append(integer: row.revenueStart)
      gross.append(integer: row.revenueRetainedGross)
      net.append(integer: row.revenueRetainedNet)
      money.append(currency.description)
      complete.append(row.isComplete)
      digest.append(String(settings.prefix(16)))
    }
    return Batch([
      company.finish(), kind.finish(), month.finish(), period.finish(), size.finish(),
      retained.finish(), start.finish(), gross.finish(), net.finish(), money.finish(),
      complete.finish(), digest.finish(),
    ])
  }

  private func userBatch(_ rows: [UserCohort]) -> Batch {
    var company = ColumnBuilder(Field("company_id", .uuid))
    var identity = ColumnBuilder(Field("cohort_id", .uuid))
    var title = ColumnBuilder(Field("cohort_name", .text))
    var month = ColumnBuilder(Field("cohort_month", .date))
    var created = ColumnBuilder(Field("created_at", .timestamp))
    var count = ColumnBuilder(Field("user_count", .int64))
    let named = rows.map { row in
      let name = "activated \(row.month.description.prefix(7))"
      return (row: row, name: name, id: UUIDValue(version8: SHA256.digest(of: "users \(name)")))
    }
    for (row, name, id) in named.sorted(by: { ($0.row.company, $0.id) < ($1.row.company, $1.id) }) {
      company.append(row.company)
      identity.append(id)
      title.append(name)
      month.append(row.month)
      created.append(row.first)
      count.append(Int64(row.count))
    }
    return Batch([
      company.finish(), identity.finish(), title.finish(), month.finish(), created.finish(),
      count.finish(),
    ])
  }
}

/// Users of a company that were activated in one month.
private struct UserCohort: Hashable {
  var company: UUIDValue
  var month: CalendarDate
  var first: Timestamp
  var count: Int

  mutating func add(_ at: Timestamp) {
    first = min(first, at)
    count += 1
  }
}

/// The cohorts of one month.
private struct CohortMonth {
  var retention: [CohortRow] = []
  var users: [UserCohort] = []

  /// The digest of the rows, which come in an order that is always the same.
  var digest: String {
    var bytes = ByteText()
    for row in retention {
      bytes.append(row.kind.rawValue)
      for number in [row.period, row.size, row.retained, row.isComplete ? 1 : 0] {
        bytes.append(Int64(number))
      }
      bytes.append(row.revenueStart)
      bytes.append(row.revenueRetainedGross)
      bytes.append(row.revenueRetainedNet)
    }
    for row in users {
      bytes.append(row.company)
      bytes.append(row.first.microseconds)
      bytes.append(Int64(row.count))
    }
    return SHA256.hexadecimalDigest(of: bytes.bytes)
  }
}
