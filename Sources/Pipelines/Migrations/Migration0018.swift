extension Migration {
  /// Who was forgotten, known by digests.
  static let forgotten = Migration(
    number: 18, name: "forgotten",
    sql: Schema.almanac.opening + #"""
      CREATE TABLE almanac.forgotten (
        forgotten_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        kind text NOT NULL CHECK (kind IN ('company', 'user')),
        salt text NOT NULL,
        digest text NOT NULL UNIQUE,
        stand_in uuid,
        rows_removed bigint NOT NULL,
        rows_rewritten bigint,
        asked_by text NOT NULL,
        asked_at timestamptz NOT NULL DEFAULT now(),
        finished_at timestamptz
      );
      COMMENT ON TABLE almanac.forgotten IS
        'Companies and users that were forgotten, known by a digest alone: every extraction leaves out '
        'what is theirs.';
      COMMENT ON COLUMN almanac.forgotten.forgotten_id IS 'Identity, ever greater.';
      COMMENT ON COLUMN almanac.forgotten.kind IS 'Whether a company was forgotten or a user of one.';
      COMMENT ON COLUMN almanac.forgotten.salt IS
        'Hexadecimal digits that the digest begins with.';
      COMMENT ON COLUMN almanac.forgotten.digest IS
        'SHA-256 of the salt and the 16 bytes of the company, and those of the user behind them.';
      COMMENT ON COLUMN almanac.forgotten.stand_in IS
        'What stands for the company in aggregates, until the data folder is rewritten: then null.';
      COMMENT ON COLUMN almanac.forgotten.rows_removed IS
        'The rows of tables that were removed or lost the company.';
      COMMENT ON COLUMN almanac.forgotten.rows_rewritten IS
        'The rows of the data folder that were rewritten; null before.';
      COMMENT ON COLUMN almanac.forgotten.asked_by IS 'The user and the host.';
      COMMENT ON COLUMN almanac.forgotten.asked_at IS 'When the tables were rewritten.';
      COMMENT ON COLUMN almanac.forgotten.finished_at IS
        'When the data folder was rewritten; null before, and then the next run does it.';
      """#)
}
