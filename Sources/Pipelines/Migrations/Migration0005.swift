extension Migration {
  /// The words of a contract's results: how each check ended, what it found and what it asked for.
  static let contracts = Migration(
    number: 5, name: "contracts",
    sql: Schema.almanac.opening + #"""
      ALTER TABLE almanac.source_contract_results
        ALTER COLUMN passed DROP NOT NULL,
        ADD COLUMN status text
          CHECK (status IN ('passed', 'failed', 'warned', 'skipped')),
        ADD COLUMN observed text,
        ADD COLUMN expected text,
        ADD COLUMN example_keys text[];
      CREATE INDEX source_contract_results_dataset_idx
        ON almanac.source_contract_results (dataset, check_name, checked_at DESC);
      COMMENT ON COLUMN almanac.source_contract_results.passed IS
        'Whether it passed; null where it was skipped.';
      COMMENT ON COLUMN almanac.source_contract_results.status IS
        'How it ended: passed, failed (the run stopped), warned (the run went on) or skipped.';
      COMMENT ON COLUMN almanac.source_contract_results.observed IS 'What was found, in words.';
      COMMENT ON COLUMN almanac.source_contract_results.expected IS
        'What the dataset file demands, in words.';
      COMMENT ON COLUMN almanac.source_contract_results.example_keys IS
        'Keys of a few of the rows that break the check.';
      """#)
}
