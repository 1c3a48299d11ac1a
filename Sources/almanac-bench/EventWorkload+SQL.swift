extension EventWorkload {
  /// The statements that make the events.
  ///
  /// Identifiers are digests of their numbers. The draws are in a subquery of their own, so that
  /// each is made once and in the order of the rows.
  static func script(rows: Int) -> String {
    """
    SET search_path = public;
    SET max_parallel_workers_per_gather = 0;
    SET work_mem = '256MB';
    CREATE TABLE companies AS
    SELECT n, md5('company ' || n)::uuid AS company_id, users,
      (sum(users) OVER (ORDER BY n))::int - users AS first_user
    FROM (
      SELECT n, greatest(1, round(200000 / sqrt(n) / sum(1 / sqrt(n)) OVER ()))::int AS users
      FROM generate_series(1, 5000) AS n) AS sized;
    ANALYZE companies;
    CREATE UNLOGGED TABLE events (
      event_id uuid NOT NULL, event_type text NOT NULL, company_id uuid NOT NULL,
      user_id uuid NOT NULL, module_id uuid, amount numeric(15, 2), currency char(3) NOT NULL,
      metadata jsonb, "timestamp" timestamptz NOT NULL, created_at timestamptz NOT NULL);
    SELECT setseed(0.26);
    INSERT INTO events
    SELECT gen_random_uuid(),
      (ARRAY['session', 'invoice', 'report', 'export', 'payment', 'webhook', 'board', 'ticket',
        'member', 'file'])[1 + kind % 10] || '_'
        || (ARRAY['opened', 'created', 'updated', 'shared', 'archived'])[1 + kind / 10],
      company_id,
      md5('user ' || first_user + floor(users * nth * nth))::uuid,
      CASE WHEN used < 0.8 THEN md5('module ' || floor(used * 25))::uuid END,
      CASE WHEN priced < 0.85 THEN round(power(10, 5 * high * low - 1)::numeric, 2) END,
      CASE WHEN paid < 0.8 THEN 'USD' WHEN paid < 0.95 THEN 'EUR' ELSE 'GBP' END,
      jsonb_build_object('client', CASE WHEN paid < 0.6 THEN 'web' ELSE 'api' END,
        'build', floor(priced * 9), 'zone', CASE WHEN used < 0.3 THEN 'north' ELSE 'south' END),
      at, at + high * interval '1 second'
    FROM (
      SELECT floor(power(5001, random()))::int AS company,
        floor(power(51, random()))::int - 1 AS kind,
        random() AS nth, random() AS used, random() AS priced, random() AS paid,
        random() AS high, random() AS low,
        timestamptz '2026-01-01 00:00:00+00'
          + make_interval(secs => 86400 * 90.0 * n / \(rows) + 600 * random()) AS at
      FROM generate_series(0, \(rows - 1)) AS n) AS draws
    JOIN companies ON companies.n = least(company, 5000);
    """
  }
}
