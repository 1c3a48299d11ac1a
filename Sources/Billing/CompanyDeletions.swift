package import AlmanacCore
package import Columns

/// When companies were deleted, by the versions of their rows that had been seen (DECISIONS.md, D-583).
package struct CompanyDeletions: Sendable {
  /// What a version of the row of a company says of its deletion.
  package struct Version: Hashable, Sendable {
    /// The company.
    package var company: UUIDValue
    /// The cut that first saw it.
    package var seenAt: Timestamp
    /// When the company was deleted; `nil` where it is not.
    package var deletedAt: Timestamp?

    /// A version of the given parts.
    package init(company: UUIDValue, seenAt: Timestamp, deletedAt: Timestamp?) {
      self.company = company
      self.seenAt = seenAt
      self.deletedAt = deletedAt
    }
  }

  /// The versions of each company that was ever said to be deleted, ascending; at least one each.
  private let versions: [UUIDValue: [Version]]

  /// The deletions that versions tell of, in any order.
  package init(_ versions: [Version]) {
    let deleted = Set(versions.lazy.filter { $0.deletedAt != nil }.map(\.company))
    self.versions = Dictionary(
      grouping: versions.filter { deleted.contains($0.company) }, by: \.company
    ).mapValues { versions in versions.sorted { $0.seenAt < $1.seenAt } }
  }

  /// The deletions that were known at an instant: those that are dated before it, by the newest version
  /// seen by then, or the first one where none had been.
  ///
  /// What a cut saw within the day from the instant on counts as seen, since the night of a day reads it
  /// after the day's end.
  package func known(before instant: Timestamp) -> [UUIDValue: Timestamp] {
    let end = Timestamp(microseconds: instant.microseconds + Timestamp.microsecondsPerDay)
    return versions.compactMapValues { versions in
      let version = versions.last { $0.seenAt < end } ?? versions.first
      return version?.deletedAt.flatMap { $0 < instant ? $0 : nil }
    }
  }
}

extension CompanyDeletions.Version {
  /// The versions in batches of `companies`.
  ///
  /// - Parameters:
  ///   - batches: the batches, with `id` and `deleted_at`.
  ///   - seen: the column of the cut that first saw each, in microseconds; a row without one was always
  ///     seen.
  /// - Returns: a version for each row.
  /// - Throws: ``BillingError``: a column that is missing or of another type, or a row without id.
  package static func rows(
    in batches: [Batch], seen: String
  ) throws(BillingError) -> [CompanyDeletions.Version] {
    var rows: [CompanyDeletions.Version] = []
    var table = TableReader(dataset: "companies")
    for batch in batches {
      table.start(batch)
      let ids = try table.identifiers("id")
      let deleted = try table.instants("deleted_at")
      var cuts: [Int64]?
      if case .int64(let values)? = batch[seen]?.storage { cuts = values }
      for row in 0..<batch.rowCount {
        rows.append(
          CompanyDeletions.Version(
            company: try table.required(ids(row), "id", row),
            seenAt: Timestamp(microseconds: cuts?[row] ?? .min), deletedAt: deleted(row)))
      }
    }
    return rows
  }
}
