import AlmanacCore
import Billing
import Columns
import Predictions

/// What MRR is made of, as it was known at the instants of a panel (DECISIONS.md, D-516, D-583, D-584).
struct KnownInput: Sendable {
  /// What is known at the end of the logical date.
  let now: LedgerInput
  /// The end of the logical date.
  let end: Timestamp
  /// When companies were deleted, version by version.
  let deletions: CompanyDeletions
  /// Where companies were, version by version; `nil` where that does not count.
  let clocks: CompanyClocks?

  /// What was known before an instant, with time ending there.
  func known(before instant: Timestamp) -> LedgerInput {
    var input = now.known(before: instant)
    // At the end of the date companies are what metrics of the date say.
    guard instant < end else { return input }
    input.deletions = deletions.known(before: instant)
    if let clocks { input.zones = clocks.zones(knownBefore: instant) }
    return input
  }
}

extension RunContext {
  /// What MRR is made of at the end of the logical date and before.
  ///
  /// - Parameter input: what is known at the end of the date.
  /// - Returns: the same, and what tells earlier instants.
  /// - Throws: `BillingError`, ``PipelineError``.
  func knownInput(_ input: LedgerInput) throws -> KnownInput {
    let end = knowledgeEnd
    return KnownInput(
      now: input, end: end, deletions: CompanyDeletions(try deletionVersions()),
      clocks: pipeline.countsCompanyDays
        ? try zoneVersions().map { CompanyClocks($0, standard: zone, at: end) } : nil)
  }

  /// What companies were said to be deleted at by the versions of their rows that are kept; where none
  /// are, by the rows as they are.
  private func deletionVersions() throws -> [CompanyDeletions.Version] {
    let (name, columns) = (Project.companies.name, ["id", "deleted_at"])
    guard try hasDataset(name) else { return [] }
    let batches =
      project.dataset(name)?.mode == .changes
      ? try directory.reader.allVersions(of: name, columns: columns)
      : try rows(of: name, columns)
    return try CompanyDeletions.Version.rows(in: batches, seen: StoredColumn.seen)
  }

  /// Where companies were by the versions of their rows that are kept; `nil` where none are, or they do
  /// not say it.
  func zoneVersions() throws -> [CompanyClocks.Version]? {
    let (name, key, column) = Project.companies
    guard project.missingCompanyZones == nil, project.dataset(name)?.mode == .changes,
      directory.manifest.datasets[name] != nil
    else { return nil }
    var versions: [CompanyClocks.Version] = []
    var rules: [String: ZoneRules?] = [:]
    for batch in try directory.reader.allVersions(of: name, columns: [key, column]) {
      guard let texts = batch[column], case .uuid(let ids)? = batch[key]?.storage,
        case .int64(let seen)? = batch[StoredColumn.seen]?.storage
      else { continue }
      for row in seen.indices {
        var found: ZoneRules?
        if case .bytes(let bytes)? = texts.value(row), !bytes.isEmpty {
          let text = String(decoding: bytes, as: UTF8.self)
          found = rules[text] ?? findZone(text)
          rules[text] = .some(found)
        }
        versions.append(
          CompanyClocks.Version(
            company: ids.row(row), seenAt: Timestamp(microseconds: seen[row]), zone: found))
      }
    }
    return versions
  }

  /// The codes of plans by identifier, as the price list has them now: words for people, which nothing is
  /// learned from (DECISIONS.md, D-582); none where there is no price list.
  func planCodes() throws -> [String: String] {
    let (name, columns) = ("plans", ["id", "code"])
    guard let definition = project.dataset(name), directory.manifest.datasets[name] != nil,
      columns.allSatisfy({ definition[column: $0] != nil })
    else { return [:] }
    var codes: [String: String] = [:]
    for batch in try rows(of: name, columns) {
      guard case .uuid(let ids)? = batch["id"]?.storage, let texts = batch["code"] else { continue }
      for row in 0..<batch.rowCount {
        guard case .bytes(let bytes)? = texts.value(row), !bytes.isEmpty else { continue }
        codes[ids.row(row).description] = String(decoding: bytes, as: UTF8.self)
      }
    }
    return codes
  }
}
