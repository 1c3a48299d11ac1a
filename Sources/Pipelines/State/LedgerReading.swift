package import AlmanacCore
package import Postgres

/// What the ledger says about the past, for deciding what is left to do.
package struct LedgerReading {
  let connection: Connection

  /// Reads the ledger through a connection.
  package init(_ connection: Connection) {
    self.connection = connection
  }

  /// What stands for the digest of the definitions of a run that did some stages only, or what it
  /// begins with.
  static let partialDigest = "partial"

  /// The SQL condition that a row of `almanac.runs` is of a run that did its night whole.
  static let isWhole = "NOT starts_with(settings_digest, '\(partialDigest)')"

  /// What stands for the digest of the definitions of a run that did some days again, with some stages.
  static func backfillMark(
    _ range: ClosedRange<CalendarDate>, companies: [UUIDValue], stages: [StageKind],
    settingsDigest: String
  ) -> String {
    "\(partialDigest) backfill \(range.lowerBound) \(range.upperBound) "
      + companies.map { "\($0) " }.joined()
      + stages.map(\.rawValue).joined(separator: ",") + " \(settingsDigest)"
  }

  /// The newest run of a date.
  package struct NewestRun: Sendable {
    /// The run's identifier.
    package var run: String
    /// Whether it ended well.
    package var hasSucceeded: Bool
    /// When it ended, in words.
    package var finishedAt: String
    /// The digest of its definitions, or a word where it ran only some stages.
    package var settingsDigest: String
    /// The source it extracted from, as ``SourceIdentity`` describes it.
    package var source: String?
  }

  /// The newest run of a pipeline and date, whatever came of it.
  package func newestRun(pipeline: String, date: CalendarDate) throws -> NewestRun? {
    let rows = try connection.query(
      """
      SELECT run_id, status, settings_digest, source_system_identifier,
        to_char(finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') AS finished
      FROM almanac.runs WHERE pipeline = $1 AND logical_date = $2
      ORDER BY started_at DESC LIMIT 1
      """, [pipeline, date.description])
    guard rows.count == 1, let run = rows[0, "run_id"] else { return nil }
    return NewestRun(
      run: run, hasSucceeded: rows[0, "status"] == "succeeded",
      finishedAt: (rows[0, "finished"] ?? "") + " UTC",
      settingsDigest: rows[0, "settings_digest"] ?? "",
      source: rows[0, "source_system_identifier"])
  }

  /// Whether the last run of all, of whatever pipeline and date, did every stage with the definitions
  /// of a digest.
  package func lastRunWasWhole(_ digest: String) throws -> Bool {
    let rows = try connection.query(
      """
      SELECT status = 'succeeded' AND settings_digest = $1 AS whole FROM almanac.runs
      ORDER BY started_at DESC LIMIT 1
      """, [digest])
    return rows.count == 1 && rows[0, "whole"] == "t"
  }

  /// The newest date whose forecasts readers see, `nil` before the first publication.
  package func publishedDate() throws -> CalendarDate? {
    let rows = try connection.query(
      "SELECT as_of FROM almanac.published ORDER BY publication_id DESC LIMIT 1")
    return rows.count == 1 ? rows[0, "as_of"].flatMap { CalendarDate($0) } : nil
  }

  /// The run whose identifier begins with the given digits, and its pipeline.
  ///
  /// - Throws: ``PipelineError/noSuchRun(what:)`` if there is none or more than one.
  package func run(beginningWith text: String) throws -> (run: UUIDValue, pipeline: String) {
    let digits = text.utf8.allSatisfy { byte in
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "-")
        || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
    }
    guard digits, text.utf8.count >= 8, text.utf8.count <= 36 else {
      throw PipelineError.noSuchRun(
        what: "a run is named by eight or more digits of its identifier")
    }
    let rows = try connection.query(
      """
      SELECT run_id, pipeline FROM almanac.runs
      WHERE starts_with(run_id::text, lower($1)) LIMIT 2
      """, [text])
    guard rows.count > 0, let run = rows[0, "run_id"].flatMap({ UUIDValue($0) }) else {
      throw PipelineError.noSuchRun(what: "there is no run \(text)")
    }
    guard rows.count == 1 else {
      throw PipelineError.noSuchRun(what: "several runs begin with \(text)")
    }
    return (run, rows[0, "pipeline"] ?? "")
  }

  /// The run that published last.
  ///
  /// - Throws: ``PipelineError/noSuchRun(what:)`` before the first publication.
  package func publishedRun() throws -> UUIDValue {
    let rows = try connection.query(
      "SELECT run_id FROM almanac.published ORDER BY publication_id DESC LIMIT 1")
    guard rows.count == 1, let run = rows[0, "run_id"].flatMap({ UUIDValue($0) }) else {
      throw PipelineError.noSuchRun(what: "nothing was published yet")
    }
    return run
  }

  /// The data directory and manifest that the newest extraction into this target recorded.
  package func lastExtraction() throws -> (directoryID: String, manifestDigest: String)? {
    let rows = try connection.query(
      """
      SELECT data_directory_id, manifest_digest FROM almanac.runs
      WHERE manifest_digest IS NOT NULL ORDER BY started_at DESC LIMIT 1
      """)
    guard rows.count == 1, let directory = rows[0, "data_directory_id"],
      let digest = rows[0, "manifest_digest"]
    else { return nil }
    return (directory, digest)
  }

  /// The end of each interval that a stage has done, by its start.
  package func intervalEnds(of stage: String) throws -> [CalendarDate: CalendarDate] {
    let rows = try connection.query(
      "SELECT interval_start, interval_end FROM almanac.intervals WHERE stage = $1", [stage])
    var ends: [CalendarDate: CalendarDate] = [:]
    for row in 0..<rows.count {
      guard let start = rows[row, "interval_start"].flatMap({ CalendarDate($0) }) else { continue }
      ends[start] = rows[row, "interval_end"].flatMap { CalendarDate($0) }
    }
    return ends
  }

  /// The currencies that a stage converted for each of its intervals, with the local dates whose
  /// rates it took.
  package func rateUses(
    of stage: String
  ) throws -> [CalendarDate: [(currency: CurrencyCode, date: CalendarDate)]] {
    let rows = try connection.query(
      """
      SELECT DISTINCT interval_start, currency, local_date FROM almanac.interval_rates
      WHERE stage = $1
      """, [stage])
    var uses: [CalendarDate: [(currency: CurrencyCode, date: CalendarDate)]] = [:]
    for row in 0..<rows.count {
      guard let start = rows[row, "interval_start"].flatMap({ CalendarDate($0) }),
        let currency = rows[row, "currency"].flatMap({ CurrencyCode($0) }),
        let date = rows[row, "local_date"].flatMap({ CalendarDate($0) })
      else { continue }
      uses[start, default: []].append((currency, date))
    }
    return uses
  }

  /// The digests under which a stage has done each of its days.
  package func intervals(of stage: String) throws -> [CalendarDate: IntervalDigests] {
    let rows = try connection.query(
      """
      SELECT interval_start, inputs_digest, settings_digest FROM almanac.intervals
      WHERE stage = $1
      """, [stage])
    var intervals: [CalendarDate: IntervalDigests] = [:]
    for row in 0..<rows.count {
      guard let date = rows[row, "interval_start"].flatMap({ CalendarDate($0) }) else { continue }
      intervals[date] = IntervalDigests(
        inputs: rows[row, "inputs_digest"] ?? "", settings: rows[row, "settings_digest"] ?? "")
    }
    return intervals
  }
}

/// What an interval was computed from.
package struct IntervalDigests: Equatable, Sendable {
  /// The digest of the input parts.
  package var inputs: String
  /// The digest of the settings.
  package var settings: String

  /// The given digests.
  package init(inputs: String, settings: String) {
    self.inputs = inputs
    self.settings = settings
  }
}
