import AlmanacCore
import Columns
import Files
import Foundation
import Parquet
import Postgres
import TestSupport
import Testing

@testable import Pipelines

/// Forgetting a company, or a user of one, over random histories.
@Suite("Forgetting", .database)
struct ForgettingTests {
  private static let end = RandomBusiness.end.description

  /// A business whose tables are computed.
  private static func place(seed: UInt64, companies: Int = 40) throws -> RunPlace {
    let place = try RunPlace(shippedIn: "USD")
    var business = try RandomBusiness(seed: seed)
    try business.addCompanies(companies)
    try place.compute(end, withRollups: true)
    return place
  }

  private static func forget(
    _ company: UUIDValue, user: UUIDValue? = nil, in place: RunPlace
  ) throws -> Forgetting.Report {
    let settings = try ConnectionSettings(TestDatabase.current.url)
    let run = UUIDValue(version8: Array("forgetting a company".utf8))
    let lock = try RunLock(
      TestDatabase.current.connect(), settings: settings, run: run, holder: "the test")
    return try Forgetting(
      lock, directory: try DataDirectory(path: place.path + "/data"), project: place.project
    ).forget(company, user: user, by: "the test")
  }

  /// The company of which the source has the most events, `place` companies further down.
  private static func company(_ place: Int = 0) throws -> UUIDValue {
    let rows = try TestDatabase.current.connect().query(
      """
      SELECT company_id FROM app.events JOIN billing.companies AS c ON c.id = company_id
      GROUP BY 1 ORDER BY count(*) DESC, 1 OFFSET \(place) LIMIT 1
      """)
    return try #require(rows[0, 0].flatMap { UUIDValue($0) })
  }

  /// A digest of the rows of some companies in each table, by name.
  private static func content(of companies: String) throws -> [String: String] {
    let connection = try TestDatabase.current.connect()
    let tables = try connection.query(
      """
      SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = 'analytics' AND c.relkind = 'r' AND c.relname <> 'restatements'
      """)
    var content: [String: String] = [:]
    for row in 0..<tables.count {
      let table = tables[row, 0] ?? ""
      let rows = try connection.query(
        """
        SELECT count(*) || ' ' || md5(coalesce(string_agg(line, E'\\n' ORDER BY line), ''))
        FROM (SELECT (to_jsonb(t) - ARRAY['restated_at', 'generated_at'])::text AS line
          FROM analytics.\(table) AS t WHERE \(companies)) AS lines
        """)
      content[table] = rows[0, 0]
    }
    return content
  }

  private static let totals = "company_id = '00000000-0000-0000-0000-000000000000'"

  /// What companies have together, where no row of the totals says it.
  private static func sums() throws -> [String?] {
    let connection = try TestDatabase.current.connect()
    return try ["hourly_rollups", "daily_rollups", "monthly_rollups"].map { table in
      try connection.query(
        """
        SELECT md5(string_agg(line::text, ',' ORDER BY line::text)) FROM (
          SELECT to_jsonb(s) AS line FROM (SELECT event_type, module_id,
            sum(event_count) AS events, sum(unique_users) AS users, sum(amount_sum) AS amounts,
            min(amount_min) AS low, max(amount_max) AS high, count(*) AS companies
          FROM analytics.\(table) GROUP BY 1, 2) AS s) AS lines
        """)[0, 0]
    }
  }

  /// The tables of which a row holds a text, also as a part of one of its values.
  private static func tables(naming text: String) throws -> [String] {
    let connection = try TestDatabase.current.connect()
    let tables = try connection.query(
      """
      SELECT n.nspname || '.' || c.relname FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname IN ('almanac', 'analytics', 'predictions') AND c.relkind IN ('r', 'p', 'm')
      """)
    return try (0..<tables.count).compactMap { tables[$0, 0] }.filter { table in
      try connection.query(
        "SELECT EXISTS (SELECT FROM \(table) AS t WHERE t::text ILIKE '%' || $1 || '%') AS found",
        [text])[0, 0] == "t"
    }
  }

  /// The files of the data folder that hold one of some identifiers, in their bytes or their values.
  private static func files(
    holding identifiers: Set<UUIDValue>, _ texts: Set<String> = [], in place: RunPlace
  ) throws -> [String] {
    let root = place.path + "/data"
    let names = try #require(FileManager.default.enumerator(atPath: root)).compactMap {
      $0 as? String
    }
    var found: [String] = []
    for name in names where !(try FileSystem.isDirectory(root + "/" + name)) {
      let bytes = try FileSystem.read(root + "/" + name)
      let data = Data(bytes)
      let isNamed =
        identifiers.count < 10
        && identifiers.contains { one in
          data.range(of: Data(one.bytes)) != nil
            || data.range(of: Data(one.description.utf8)) != nil
        }
      var isHeld = false
      if name.hasSuffix(".parquet") {
        for column in try ParquetFile.decode(bytes).columns {
          switch column.storage {
          case .uuid(let values):
            isHeld = isHeld || values.values.contains { identifiers.contains($0) }
          case .text(let values):
            isHeld =
              isHeld
              || (0..<values.entryCount).contains {
                texts.contains(String(decoding: values.entry($0), as: UTF8.self))
              }
          default: break
          }
        }
      }
      if isNamed || isHeld { found.append(name) }
    }
    return found
  }

  /// The identifiers of what belongs to a company in the source, and its name.
  private static func belongings(
    of company: UUIDValue
  ) throws -> (identifiers: Set<UUIDValue>, texts: Set<String>) {
    let connection = try TestDatabase.current.connect()
    var identifiers: Set<UUIDValue> = [company]
    for (table, key) in [
      ("app.events", "event_id"), ("billing.invoices", "id"), ("billing.transactions", "id"),
      ("billing.payment_attempts", "id"), ("billing.refunds", "id"), ("billing.credit_notes", "id"),
      ("billing.subscription_changes", "id"), ("billing.subscriptions", "id"),
      ("billing.users", "id"),
    ] {
      let rows = try connection.query(
        "SELECT DISTINCT \(key) FROM \(table) WHERE company_id = $1", [company.description])
      for row in 0..<rows.count {
        if let value = rows[row, 0].flatMap({ UUIDValue($0) }) { identifiers.insert(value) }
      }
    }
    let name = try connection.query(
      """
      SELECT name FROM billing.companies AS c WHERE id = $1
        AND NOT EXISTS (SELECT FROM billing.companies AS o WHERE o.name = c.name AND o.id <> c.id)
      """, [company.description])
    return (identifiers, name.count == 1 ? Set([name[0, 0]].compactMap(\.self)) : [])
  }

  @Test(
    "nothing names a forgotten company, totals and other companies stay, also when all is computed anew",
    arguments: [1, 2, 3] as [UInt64])
  func company(seed: UInt64) throws {
    let place = try Self.place(seed: seed)
    for (number, run) in [RunPlace.secondRun, "33333333-0000-4000-8000-000000000003"].enumerated() {
      let company = try Self.company(3 * number)
      let others = """
        company_id IN (SELECT id FROM billing.companies) AND company_id <> '\(company)'
          AND company_id NOT IN (SELECT id FROM billing.companies EXCEPT
            SELECT company_id FROM analytics.daily_rollups)
        """
      let before = (
        totals: try Self.content(of: Self.totals), others: try Self.content(of: others),
        sums: try Self.sums(), belongings: try Self.belongings(of: company)
      )
      #expect(before.belongings.identifiers.count > 20, "seed \(seed)")
      #expect(try !Self.tables(naming: company.description).isEmpty)

      // What a night keeps beside the parts: digests and forecasts of the company.
      let memos = [UsageMemo.name, FitMemo.name].map { "\(place.path)/data/events/\($0)" }
      for memo in memos { try FileSystem.writeAtomically([1], to: memo) }
      let report = try Self.forget(company, in: place)
      #expect(!report.wasForgotten && !report.tables.isEmpty && !report.datasets.isEmpty)
      for memo in memos { #expect(try !FileSystem.exists(memo), "\(memo)") }

      func compare(_ when: String) throws {
        #expect(try Self.tables(naming: company.description) == [], "seed \(seed), \(when)")
        #expect(
          try Self.files(holding: [company], in: place) == [], "seed \(seed), \(when)")
        #expect(
          try Self.files(
            holding: before.belongings.identifiers, before.belongings.texts, in: place) == [],
          "seed \(seed), \(when)")
        let totals = try Self.content(of: Self.totals)
        for (table, digest) in before.totals.sorted(by: { $0.key < $1.key }) {
          #expect(totals[table] == digest, "seed \(seed), \(when), totals of \(table)")
        }
        let kept = try Self.content(of: others)
        for (table, digest) in before.others.sorted(by: { $0.key < $1.key }) {
          #expect(kept[table] == digest, "seed \(seed), \(when), others in \(table)")
        }
        #expect(try Self.sums() == before.sums, "seed \(seed), \(when)")
        #expect(try SnapshotVerification(path: place.path + "/data").damages.isEmpty)
      }
      try compare("forgotten")
      // The source has the company still, and every day with rows of it has other files now.
      try place.compute(Self.end, run: run, withRollups: true)
      try compare("computed anew")
      #expect(try Self.forget(company, in: place).wasForgotten)
    }
  }

  @Test("a call that ends at any point leaves a whole state, and the next one finishes it")
  func crashes() throws {
    let place = try Self.place(seed: 7, companies: 15)
    let company = try Self.company()
    let whole = try Self.tables(naming: company.description)
    let totals = try Self.content(of: Self.totals)
    var failures = 0
    var isForgotten = false
    for (operation, after) in [
      (FileOperation.open, 0), (.create, 0), (.create, 5), (.write, 0), (.write, 17),
      (.synchronize, 0), (.rename, 0), (.remove, 0), (.remove, 3), (.list, 1),
    ] {
      let faults = FileFaults([.init(operation, code: EIO, after: after)])
      do {
        _ = try FileFaults.$current.withValue(faults) { try Self.forget(company, in: place) }
      } catch {
        failures += 1
      }
      let named = try Self.tables(naming: company.description)
      #expect(named == (isForgotten ? [] : whole) || named == [], "\(operation) \(after)")
      isForgotten = isForgotten || named.isEmpty
      // What the manifest lists is there and sound, whether it lists the company's rows or not.
      #expect(
        try SnapshotVerification(path: place.path + "/data").damages.isEmpty,
        "\(operation) \(after)")
    }
    #expect(failures >= 5, "\(failures)")
    #expect(try Self.forget(company, in: place).wasForgotten)
    #expect(try Self.tables(naming: company.description) == [])
    #expect(
      try Self.files(holding: Self.belongings(of: company).identifiers, in: place) == [])
    #expect(try Self.content(of: Self.totals) == totals)
    let records = try TestDatabase.current.connect().query(
      "SELECT count(*), count(finished_at), count(stand_in) FROM almanac.forgotten")
    #expect([records[0, 0], records[0, 1], records[0, 2]] == ["1", "1", "0"])
  }

  @Test(
    "an older copy of the data folder loses the company before anything is read", arguments: [5])
  func olderCopy(seed: UInt64) throws {
    let place = try Self.place(seed: seed, companies: 15)
    let company = try Self.company()
    let copy = place.path + "/copy"
    try FileManager.default.copyItem(atPath: place.path + "/data", toPath: copy)
    _ = try Self.forget(company, in: place)
    try FileManager.default.removeItem(atPath: place.path + "/data")
    try FileManager.default.moveItem(atPath: copy, toPath: place.path + "/data")
    let settings = try ConnectionSettings(TestDatabase.current.url)
    let notices = try {
      let lock = try RunLock(
        TestDatabase.current.connect(), settings: settings, run: company, holder: "the test")
      return try Forgetting(
        lock, directory: try DataDirectory(path: place.path + "/data"), project: place.project
      ).catchUp()
    }()
    #expect(notices.count == 1 && notices[0].contains("they name nobody now"), "\(notices)")
    #expect(
      try Self.files(holding: Self.belongings(of: company).identifiers, in: place) == [])
  }

  @Test("a forgotten user is nowhere, and all numbers stay", arguments: [4, 9] as [UInt64])
  func user(seed: UInt64) throws {
    let place = try Self.place(seed: seed, companies: 25)
    let connection = try TestDatabase.current.connect()
    let rows = try connection.query(
      """
      SELECT company_id, user_id FROM app.events AS e JOIN billing.companies AS c
        ON c.id = e.company_id
      WHERE user_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM app.events AS o WHERE o.user_id = e.user_id AND o.company_id <> e.company_id)
      GROUP BY 1, 2 ORDER BY count(*) DESC, 2 LIMIT 1
      """)
    let company = try #require(rows[0, "company_id"].flatMap { UUIDValue($0) })
    let user = try #require(rows[0, "user_id"].flatMap { UUIDValue($0) })
    let before = try Self.content(of: "true")
    let report = try Self.forget(company, user: user, in: place)
    #expect(!report.datasets.isEmpty)
    for run in [nil, RunPlace.secondRun] {
      if let run { try place.compute(Self.end, run: run, withRollups: true) }
      #expect(try Self.tables(naming: user.description) == [])
      #expect(try Self.files(holding: [user], in: place) == [])
      let now = try Self.content(of: "true")
      for (table, digest) in before.sorted(by: { $0.key < $1.key })
      where table != "agent_metrics" {
        #expect(now[table] == digest, "seed \(seed), \(table), \(run ?? "forgotten")")
      }
    }
    #expect(try !Self.tables(naming: company.description).isEmpty)
  }

  @Test("who is not known, or whose rows nothing tells, is not forgotten")
  func refusals() throws {
    let place = try Self.place(seed: 3, companies: 15)
    let unknown = UUIDValue(version8: Array("an unknown company".utf8))
    #expect(throws: ErasureError.unknown(what: "company \(unknown)")) {
      try Self.forget(unknown, in: place)
    }
    let rows = try TestDatabase.current.connect().query("SELECT count(*) FROM almanac.forgotten")
    #expect(rows[0, 0] == "0")
  }
}
