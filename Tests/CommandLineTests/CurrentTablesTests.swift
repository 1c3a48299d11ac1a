import Files
import Foundation
import TestSupport
import Testing

/// Tables whose rows change and go, read by their changes alone.
@Suite("Tables of current state")
struct CurrentTablesTests {
  /// What a night finds changed in the source.
  ///
  /// Payments without an attempt are revenue themselves, so a version too many, one too few or a
  /// row that is gone shows in the results.
  private static let nights = [
    """
    INSERT INTO billing.transactions (id, company_id, amount, currency, status, succeeded_at,
      created_at, updated_at)
    SELECT md5('plain' || n)::uuid, ('00000000-0000-4000-8000-00000000000' || 1 + n % 3)::uuid,
      10 + n, 'GBP', 'succeeded', '2025-02-01 12:00+00'::timestamptz + n * interval '7 hours',
      '2025-02-01 12:00+00'::timestamptz + n * interval '7 hours', now()
    FROM generate_series(1, 900) n;
    INSERT INTO billing.refunds (id, company_id, amount, currency, status, succeeded_at, created_at)
    SELECT md5('refund' || n)::uuid, '00000000-0000-4000-8000-000000000001', n, 'GBP', 'succeeded',
      '2025-03-01 12:00+00', '2025-03-01 12:00+00' FROM generate_series(1, 40) n
    """,
    """
    UPDATE billing.transactions SET amount = amount * 3, updated_at = now()
    WHERE id IN (SELECT md5('plain' || n)::uuid FROM generate_series(1, 900, 5) n);
    DELETE FROM billing.transactions
    WHERE id IN (SELECT md5('plain' || n)::uuid FROM generate_series(2, 900, 5) n);
    UPDATE billing.invoices SET status = 'void' WHERE company_id::text LIKE '%2';
    DELETE FROM billing.refunds WHERE amount < 20;
    UPDATE billing.companies SET name = name || ' Ltd', updated_at = now() WHERE country = 'GB'
    """,
    """
    UPDATE billing.transactions SET status = 'failed', succeeded_at = NULL
    WHERE id IN (SELECT md5('plain' || n)::uuid FROM generate_series(1, 900, 10) n);
    INSERT INTO billing.transactions (id, company_id, amount, currency, status, succeeded_at,
      created_at, updated_at)
    SELECT md5('plain' || n)::uuid, '00000000-0000-4000-8000-000000000003', 5, 'GBP', 'succeeded',
      '2025-06-01 12:00+00', '2025-06-01 12:00+00', now() FROM generate_series(2, 900, 25) n;
    VACUUM (FREEZE, ANALYZE) billing.transactions
    """,
    """
    CREATE TABLE billing.kept AS TABLE billing.refunds;
    TRUNCATE billing.refunds;
    INSERT INTO billing.refunds TABLE billing.kept;
    DROP TABLE billing.kept;
    DELETE FROM billing.invoices WHERE company_id::text LIKE '%3';
    CLUSTER billing.transactions USING transactions_pkey
    """,
  ]

  @Test("give after nights of changes and deletes the digest of a whole reading", .database)
  func changesEqualWholeReading() throws {
    let place = try Workplace()
    let date = "2025-12-30"
    var digests: Set<String> = []
    try #require(try place.night(date).status == 0)
    digests.insert(try place.digest())
    for changes in Self.nights {
      for statement in changes.split(separator: ";") { try place.sql(String(statement)) }
      let result = try place.night(date, "--force")
      try #require(result.status == 0, "\(result.stderr)")
      digests.insert(try place.digest())
    }
    let last = try place.digest()
    #expect(digests.count >= 4, "the changes have to matter")
    for name in ["companies", "invoices", "transactions", "refunds"] {
      let text = try FileSystem.read(place.folder.path + "/datasets/\(name).yaml")
      #expect(String(decoding: text, as: UTF8.self).contains("\nmode: changes\n"))
    }
    try place.sql("DROP SCHEMA api, predictions, analytics, almanac CASCADE")
    try #require(try place.almanac(["init", "--target", place.url]).status == 0)
    try FileSystem.removeTree(place.folder.path + "/data")
    for name in ["companies", "invoices", "transactions", "refunds"] {
      try place.edit(
        "datasets/\(name).yaml", "mode: changes\ndeletes: key_sweep\n", "mode: full\n")
    }
    try #require(try place.night(date).status == 0)
    #expect(try place.digest() == last)
  }
}
