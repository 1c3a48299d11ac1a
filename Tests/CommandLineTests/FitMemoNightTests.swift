import Files
import TestSupport
import Testing

/// Nights that take over what the night before found of months that are over.
@Suite("Nights with kept fits")
struct FitMemoNightTests {
  @Test("write what they would write without them", .database)
  func changesNothing() throws {
    let place = try Workplace()
    let path = place.folder.path + "/data/payment_attempts/.fits"
    try #require(try place.night("2025-12-29").status == 0)
    let first = try FileSystem.read(path)
    try #require(try place.night("2025-12-30").status == 0)
    let digest = try place.digest()
    let second = try FileSystem.read(path)
    // A late payment of a month that is over, so that some of what is kept holds no longer.
    func forced(_ date: String) throws -> String {
      let night = try place.night(date, "--force")
      try #require(night.status == 0, "\(night.stderr)")
      return try place.digest()
    }
    for bytes in [nil, first, second, second.map { $0 ^ 1 }, Array(second.dropLast(5))] {
      if let bytes {
        try FileSystem.writeAtomically(bytes, to: path)
      } else {
        try FileSystem.removeTree(path)
      }
      #expect(try forced("2025-12-30") == digest)
      #expect(try FileSystem.read(path) == second)
    }
    try place.sql(
      """
      INSERT INTO billing.payment_attempts
      SELECT (jsonb_populate_record(p, jsonb_build_object('id', gen_random_uuid(),
        'amount', 12345.67, 'outcome', 'succeeded', 'attempted_at', '2025-06-15 12:00Z'))).*
      FROM billing.payment_attempts p ORDER BY p.id LIMIT 1
      """)
    let changed = try forced("2025-12-30")
    let third = try FileSystem.read(path)
    #expect(changed != digest && third != second)
    try FileSystem.removeTree(path)
    #expect(try forced("2025-12-30") == changed)
    #expect(try FileSystem.read(path) == third)
  }
}
