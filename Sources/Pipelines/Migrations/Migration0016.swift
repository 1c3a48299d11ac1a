extension Migration {
  /// What people are told of, and whether they were.
  static let notifications = Migration(
    number: 16, name: "notifications",
    sql: Schema.almanac.opening + #"""
      CREATE TABLE almanac.notifications (
        notification_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        pipeline text NOT NULL,
        kind text NOT NULL CHECK (kind IN ('failure', 'recovery', 'gate', 'late', 'rule')),
        subject text NOT NULL,
        run_id uuid,
        payload jsonb NOT NULL,
        occurred_at timestamptz NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        attempted_at timestamptz,
        delivered_at timestamptz,
        error text,
        UNIQUE (pipeline, kind, subject)
      );
      CREATE INDEX notifications_pending_idx ON almanac.notifications (pipeline, occurred_at)
        WHERE delivered_at IS NULL;
      COMMENT ON TABLE almanac.notifications IS
        'What a webhook is told: a row is added once for each thing worth telling, and marked when '
        'the other side has taken it.';
      COMMENT ON COLUMN almanac.notifications.notification_id IS
        'Identity, sent along: the same if a message has to be sent again.';
      COMMENT ON COLUMN almanac.notifications.pipeline IS 'Name of the pipeline.';
      COMMENT ON COLUMN almanac.notifications.kind IS
        'What it is: failure, recovery, gate (a model was refused), late or rule.';
      COMMENT ON COLUMN almanac.notifications.subject IS
        'What tells it from others of its kind, such as the night or the rule and its day.';
      COMMENT ON COLUMN almanac.notifications.run_id IS 'The run it is about; null if none.';
      COMMENT ON COLUMN almanac.notifications.payload IS 'The message.';
      COMMENT ON COLUMN almanac.notifications.occurred_at IS 'When that happened.';
      COMMENT ON COLUMN almanac.notifications.created_at IS 'When it was noticed.';
      COMMENT ON COLUMN almanac.notifications.attempted_at IS 'When it was last tried to send it.';
      COMMENT ON COLUMN almanac.notifications.delivered_at IS
        'When the other side took it; null before.';
      COMMENT ON COLUMN almanac.notifications.error IS 'Why it could not be sent the last time.';
      """#)
}
