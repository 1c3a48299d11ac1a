extension Migration {
  /// What people decide of models, with who and why.
  static let modelDecisions = Migration(
    number: 15, name: "model decisions",
    sql: Schema.almanac.opening + #"""
      CREATE TABLE almanac.model_decisions (
        decision_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        model text NOT NULL,
        model_version text NOT NULL,
        previous_version text,
        decision text NOT NULL CHECK (decision IN ('promote', 'rollback')),
        decided_by text NOT NULL,
        reason text NOT NULL CHECK (reason <> ''),
        known_until date NOT NULL,
        decided_at timestamptz NOT NULL DEFAULT now()
      );
      COMMENT ON TABLE almanac.model_decisions IS
        'Every choice of a champion by hand; those of nights are in gate_results.';
      COMMENT ON COLUMN almanac.model_decisions.decision_id IS 'Identity, ever greater.';
      COMMENT ON COLUMN almanac.model_decisions.model IS 'Name of the model.';
      COMMENT ON COLUMN almanac.model_decisions.model_version IS 'The version chosen.';
      COMMENT ON COLUMN almanac.model_decisions.previous_version IS
        'The champion before; null when there was none.';
      COMMENT ON COLUMN almanac.model_decisions.decision IS
        'Whether a version was named (promote) or the one before was wanted (rollback).';
      COMMENT ON COLUMN almanac.model_decisions.decided_by IS 'The user and the host.';
      COMMENT ON COLUMN almanac.model_decisions.reason IS 'Why, in their words.';
      COMMENT ON COLUMN almanac.model_decisions.known_until IS
        'The latest training_end of its versions then: only later days count against the choice.';
      COMMENT ON COLUMN almanac.model_decisions.decided_at IS 'When.';
      """#)
}
