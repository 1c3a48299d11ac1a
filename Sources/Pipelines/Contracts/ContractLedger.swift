import AlmanacCore
import Postgres

/// Reads and writes what is known of contracts in the target.
struct ContractLedger {
  let connection: Connection

  /// The stage under which the ledger keeps the sound days of a dataset.
  static func stage(of dataset: String) -> String { "check:\(dataset)" }

  /// What earlier runs found of a dataset.
  func memory(of dataset: String) throws -> DatasetContract.Memory {
    var memory = DatasetContract.Memory()
    memory.soundDays = try LedgerReading(connection).intervals(
      of: ContractLedger.stage(of: dataset))
    let rows = try connection.query(
      """
      SELECT DISTINCT ON (check_name) \(ContractLedger.columns)
      FROM almanac.source_contract_results
      WHERE dataset = $1 AND status IS NOT NULL ORDER BY check_name, checked_at DESC
      """, [dataset])
    for result in ContractLedger.results(rows) { memory.results[result.check] = result }
    return memory
  }

  private static let columns = """
    dataset, check_name, level, status, observed, expected, rows_checked, rows_bad,
    coalesce(pg_catalog.array_to_string(example_keys, pg_catalog.chr(10)), '') AS examples,
    detail ->> 'inputs_digest' AS inputs_digest
    """

  /// The results that a query of ``columns`` gave.
  private static func results(_ rows: ResultRows) -> [CheckResult] {
    (0..<rows.count).compactMap { row in
      guard let level = rows[row, "level"].flatMap({ DatasetCheck.Level(rawValue: $0) }),
        let status = rows[row, "status"].flatMap({ CheckResult.Status(rawValue: $0) })
      else { return nil }
      return CheckResult(
        dataset: rows[row, "dataset"] ?? "", check: rows[row, "check_name"] ?? "", level: level,
        status: status, observed: rows[row, "observed"] ?? "",
        expected: rows[row, "expected"] ?? "",
        rows: rows[row, "rows_checked"].flatMap { Int($0) } ?? 0,
        badRows: rows[row, "rows_bad"].flatMap { Int($0) } ?? 0,
        examples: (rows[row, "examples"] ?? "").split(separator: "\n").map(String.init),
        inputsDigest: rows[row, "inputs_digest"])
    }
  }

  /// Records results and sound days of a run in the transaction of the caller.
  func record(
    _ evaluations: [(dataset: String, evaluation: DatasetContract.Evaluation)], run: UUIDValue
  ) throws {
    for (dataset, evaluation) in evaluations {
      for result in evaluation.results { try record(result, run: run) }
      for (date, digests, rows) in evaluation.soundDays {
        try connection.run(
          """
          INSERT INTO almanac.intervals (stage, interval_start, interval_end, run_id,
            inputs_digest, settings_digest, rows, finished_at)
          VALUES ($1, $2, $3, $4, $5, $6, $7, now())
          ON CONFLICT (stage, interval_start) DO UPDATE SET interval_end = excluded.interval_end,
            run_id = excluded.run_id, inputs_digest = excluded.inputs_digest,
            settings_digest = excluded.settings_digest, rows = excluded.rows,
            finished_at = excluded.finished_at
          """,
          [
            ContractLedger.stage(of: dataset), date.description, date.adding(days: 1).description,
            run.description, digests.inputs, digests.settings, String(rows),
          ])
      }
    }
  }

  private func record(_ result: CheckResult, run: UUIDValue) throws {
    var detail = JSONText()
    if let digest = result.inputsDigest { detail.add("inputs_digest", text: digest) }
    var examples = JSONText()
    examples.add("keys", texts: result.examples)
    try connection.run(
      """
      INSERT INTO almanac.source_contract_results (run_id, dataset, check_name, level, passed,
        status, observed, expected, rows_checked, rows_bad, example_keys, detail, checked_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
        ARRAY(SELECT pg_catalog.json_array_elements_text($11::json -> 'keys')), $12, now())
      """,
      [
        run.description, result.dataset, result.check, result.level.rawValue,
        result.status == .skipped ? nil : String(result.status == .passed),
        result.status.rawValue, result.observed, result.expected, String(result.rows),
        String(result.badRows), examples.finish(), detail.finish(),
      ])
  }
}
