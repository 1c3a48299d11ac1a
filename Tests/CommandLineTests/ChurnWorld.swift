import Files
import Testing

/// Companies whose leaving follows their logins, made by SQL: the same in every test.
///
/// A company logs in on half of the days of a month, or on a tenth; in the month that follows it
/// leaves with a probability of 2 % or of 30 %. Three cancellations in ten are recorded beforehand,
/// others are withdrawn, some companies have a second subscription that ends alone, and one login in
/// twenty is recorded ten days late.
enum ChurnWorld {
  /// The last day there is.
  static let date = "2025-04-15"

  /// Fills the tables of the source contract.
  static let fill = """
    CREATE FUNCTION pg_temp.chance(key text) RETURNS float8 IMMUTABLE LANGUAGE sql AS
      $$ SELECT ('x' || left(md5(key), 8))::bit(32)::bigint / 4294967296.0 $$;

    CREATE TEMPORARY TABLE companies AS
      SELECT n, md5('company ' || n)::uuid AS id,
        timestamptz '2024-01-03 08:00Z' + make_interval(days => n * 7 % 330) AS began
      FROM generate_series(1, 360) AS n;
    CREATE TEMPORARY TABLE months AS
      SELECT n, id, t, pg_temp.chance(n || t::text || '/low') < 0.3 AS is_low
      FROM companies, generate_series(timestamp '2024-02-01', '2025-05-01', '1 month') AS month,
        LATERAL (SELECT month AT TIME ZONE 'UTC' AS t) AS instant;
    CREATE TEMPORARY TABLE ends AS
      SELECT DISTINCT ON (n) n, id,
        t + make_interval(hours => 60 + floor(600 * pg_temp.chance(n || '/hour'))::int) AS at,
        CASE WHEN pg_temp.chance(n || '/ahead') < 0.3
          THEN greatest(began, t - interval '16 days') END AS ahead
      FROM months JOIN companies USING (n, id)
      WHERE began < t AND pg_temp.chance(n || t::text || '/leave')
        < CASE WHEN is_low THEN 0.3 ELSE 0.02 END
      ORDER BY n, t;

    INSERT INTO billing.companies (id, name, country, currency, signed_up_at, created_at)
      SELECT id, 'Company ' || n, 'US', 'USD', began, began FROM companies;
    INSERT INTO billing.subscription_changes (id, subscription_id, company_id, sequence, change,
        plan_id, quantity, recurring_amount, "interval", currency, effective_at, created_at)
      SELECT md5(id || change || sequence)::uuid, md5(id || part)::uuid, id, sequence, change,
        md5('plan' || n % 3)::uuid, 1 + n % 5, 10 + n % 40, 'month', 'USD', at, known
      FROM (
        SELECT n, id, 'first' AS part, 1 AS sequence, 'new' AS change, began AS at, began AS known
          FROM companies
        UNION ALL
        SELECT n, id, 'first', 4, 'cancel', at, coalesce(ahead, at) FROM ends
        UNION ALL
        SELECT n, id, 'second', 11, 'new', began, began FROM companies WHERE n % 17 = 0
        UNION ALL
        SELECT n, id, 'second', 12, 'cancel', '2025-04-25Z', '2025-04-08Z' FROM companies
          WHERE n % 17 = 0
        UNION ALL
        SELECT n, id, 'first', unnest(ARRAY[2, 3]), unnest(ARRAY['cancel', 'cancel_withdrawn']),
          unnest(ARRAY[t + interval '10 days', t + interval '3 days']),
          unnest(ARRAY[t - interval '8 days', t + interval '3 days'])
          FROM companies JOIN (SELECT n, t FROM months WHERE t = '2024-12-01Z' OR t = '2025-04-01Z')
            AS at USING (n)
          LEFT JOIN ends USING (n, id)
          WHERE began < t - interval '8 days' AND coalesce(coalesce(ahead, at), 'infinity') > t
            + interval '12 days' AND (n % 23 = 0 AND t < '2025-01-01' OR n % 29 = 0 AND n % 23 > 0
            AND t > '2025-01-01')
      ) AS changes WHERE known < '2025-04-20';
    INSERT INTO app.events (event_id, event_type, company_id, user_id, "timestamp", created_at)
      SELECT md5('event ' || n || day)::uuid, 'user_logged_in', id,
        md5('user ' || n || extract(day FROM day)::int % 4)::uuid, at,
        at + CASE WHEN pg_temp.chance(n || '/' || day || '/late') < 0.05 THEN interval '10 days'
          ELSE interval '1 minute' END
      FROM (
        SELECT n, id, day, is_low, day + make_interval(hours => 9, mins => n) AS at
        FROM months, generate_series(t - interval '1 month', t - interval '1 day', '1 day') AS day
      ) AS days
      JOIN companies USING (n, id) LEFT JOIN (SELECT n, at AS over FROM ends) AS ends USING (n)
      WHERE at > began AND at < coalesce(over, 'infinity') AND at < '2025-04-19'
        AND pg_temp.chance(n || '/' || day) < CASE WHEN is_low THEN 0.1 ELSE 0.5 END;
    """

  /// Says when what each subscription is paid for ends, by what was known at an instant; and of each
  /// month and the night's date which companies paid, what was known of their end, and what came.
  static let oracle = """
    CREATE SCHEMA oracle;
    CREATE FUNCTION oracle.stops(t timestamptz)
      RETURNS TABLE (company uuid, began timestamptz, amount numeric, seats int, stop timestamptz)
      STABLE LANGUAGE sql AS $$
      SELECT s.company_id, s.effective_at, s.recurring_amount, s.quantity, coalesce((
          SELECT min(c.effective_at) FROM billing.subscription_changes AS c
          WHERE c.subscription_id = s.subscription_id AND c.change = 'cancel' AND c.created_at < t
            AND NOT EXISTS (
              SELECT FROM billing.subscription_changes AS w
              WHERE w.subscription_id = c.subscription_id AND w.change = 'cancel_withdrawn'
                AND w.created_at < t AND w.sequence > c.sequence)), 'infinity')
      FROM billing.subscription_changes AS s WHERE s.change = 'new' AND s.created_at < t $$;
    CREATE TABLE oracle.instants AS SELECT i.t, s.* FROM (
        SELECT month AT TIME ZONE 'UTC' AS t
          FROM generate_series(timestamp '2024-02-01', '2025-04-01', '1 month') AS month
        UNION ALL SELECT '2025-04-16Z') AS i, LATERAL oracle.stops(i.t) AS s;
    CREATE TABLE oracle.company_months AS
      SELECT p.t, p.company, p.mrr, p.seats, p.began, p.stop < p.t + interval '30 days'
          AS is_scheduled, p.stop < p.t + interval '90 days' AS is_scheduled_later,
        n.stop < p.t + interval '30 days' AS falls
      FROM (SELECT t, company, sum(amount) AS mrr, sum(seats) AS seats, min(began) AS began,
          max(stop) AS stop FROM oracle.instants WHERE stop >= t GROUP BY 1, 2) AS p
      JOIN (SELECT company, max(stop) AS stop FROM oracle.instants WHERE t = '2025-04-16Z' GROUP BY 1)
        AS n USING (company);
    """
}
