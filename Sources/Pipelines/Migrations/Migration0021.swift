extension Migration {
  /// How much memory stages took, by which later runs tell what they can do at the same time.
  static let stageMemory = Migration(
    number: 21, name: "stage_memory",
    sql: """
      ALTER TABLE almanac.stage_runs ADD COLUMN memory_bytes bigint;
      COMMENT ON COLUMN almanac.stage_runs.memory_bytes IS
        'By how many bytes the process grew at the most while the stage was at work, what stages beside '
        'it took included; null where it was not measured.';
      """)
}
