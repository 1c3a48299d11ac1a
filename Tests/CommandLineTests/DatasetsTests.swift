import Files
import Foundation
import TestSupport
import Testing

/// What `almanac datasets` shows of a folder, and what it finds wrong with it.
@Suite("Datasets")
struct DatasetsTests {
  /// A workplace with snapshots of the small shop.
  private func extracted() throws -> Workplace {
    let place = try Workplace()
    let night = try place.night("2025-12-30", "--only", "extract")
    try #require(night.status == 0, "\(night.stderr)")
    return place
  }

  private func datasets(_ place: Workplace, _ arguments: String...) throws -> ProcessOutcome {
    try place.almanac(["datasets"] + arguments + ["--data", "data"])
  }

  /// The paths of the parts of the payments, below the data directory.
  private func parts(_ place: Workplace) throws -> [String] {
    let folder = place.folder.path + "/data/payment_attempts"
    let days = try FileSystem.list(folder).filter { !$0.hasPrefix(".") }
    return try days.flatMap { day in
      try FileSystem.list(folder + "/" + day).map { "payment_attempts/\(day)/\($0)" }
    }
  }

  /// All files of the folder with their bytes.
  private func contents(_ place: Workplace) throws -> [String: Data] {
    let root = place.folder.url.appending(path: "data")
    let names = FileManager.default.enumerator(atPath: root.path)?.compactMap { $0 as? String }
    var found: [String: Data] = [:]
    for name in names ?? [] {
      found[name] = (try? Data(contentsOf: root.appending(path: name))) ?? Data()
    }
    return found
  }

  @Test("are listed, described and shown as the source has them, and left alone", .database)
  func values() throws {
    let place = try extracted()
    let before = try contents(place)

    let list = try datasets(place, "--format", "csv")
    let line = try place.value(
      """
      SELECT count(*) || ',' || min((attempted_at AT TIME ZONE 'UTC')::date) || ','
        || max((attempted_at AT TIME ZONE 'UTC')::date) || ','
        || max((attempted_at AT TIME ZONE 'UTC')::date)
           - min((attempted_at AT TIME ZONE 'UTC')::date) + 1
           - count(DISTINCT (attempted_at AT TIME ZONE 'UTC')::date)
      FROM billing.payment_attempts
      """)
    let found = list.stdout.split(separator: "\n").first { $0.hasPrefix("payment_attempts,") }
    let cells = (found ?? "").split(separator: ",")
    try #require(cells.count == 9, "\(list.stdout)\(list.stderr)")
    #expect([cells[1], cells[4], cells[5], cells[6]].joined(separator: ",") == line)
    let table = try datasets(place)
    #expect(table.stdout.contains("Cuts of the source"))
    #expect(table.stdout.split(separator: "\n").allSatisfy { $0.count <= 80 })

    let shown = try datasets(
      place, "show", "payment_attempts", "--date", "2025-06-02", "--format", "csv")
    let expected = try place.value(
      """
      SELECT string_agg(id || ':' || amount::numeric(18,4) || ':'
        || to_char(attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), ' '
        ORDER BY attempted_at, id)
      FROM billing.payment_attempts WHERE (attempted_at AT TIME ZONE 'UTC')::date = '2025-06-02'
      """)
    let rows = shown.stdout.split(separator: "\n").map {
      $0.split(separator: ",", omittingEmptySubsequences: false)
    }
    let header = try #require(rows.first)
    let picked = try ["id", "amount", "attempted_at"].map { name in
      try #require(header.firstIndex { $0 == name })
    }
    #expect(
      rows.dropFirst().map { row in picked.map { String(row[$0]) }.joined(separator: ":") }
        .joined(separator: " ") == expected)

    let json = try datasets(place, "show", "events", "--limit", "3", "--format", "json")
    let objects = try JSONSerialization.jsonObject(with: Data(json.stdout.utf8)) as? [[String: Any]]
    #expect(objects?.count == 3)
    let quiet = try datasets(place, "show", "events", "--date", "2025-01-05", "--format", "json")
    #expect(quiet.status == 0 && quiet.stdout == "[]\n")
    #expect(quiet.stderr.contains("events has no row on 2025-01-05"))

    let described = try datasets(place, "describe", "events")
    #expect(described.status == 0, "\(described.stderr)")
    let nulls = try place.value("SELECT count(*) FILTER (WHERE module_id IS NULL) FROM app.events")
    let column = described.stdout.split(separator: "\n").first { $0.hasPrefix("  module_id ") }
    let words = (column ?? "").split(separator: " ")
    #expect(words.prefix(3) == ["module_id", "uuid", "yes"])
    #expect(words.dropFirst(3).first?.filter { $0 != "," } == nulls ?? "")
    let system = try place.value("SELECT system_identifier FROM pg_control_system()")
    #expect(described.stdout.contains(system ?? "?"))
    #expect(described.stdout.split(separator: "\n").allSatisfy { $0.count <= 80 })

    let sound = try datasets(place, "verify")
    #expect(sound.status == 0, "\(sound.stderr)")
    #expect(sound.stdout.split(separator: "\n").count == 1)
    #expect(sound.stdout.contains(" are sound: "))
    #expect(try contents(place) == before)
  }

  @Test("that show finds damaged are read again by the next run, as it says", .database)
  func shownDamage() throws {
    let place = try extracted()
    let part = try #require(try parts(place).first { $0.hasPrefix("payment_attempts/") })
    let path = place.folder.path + "/data/" + part
    var bytes = try FileSystem.read(path)
    bytes[bytes.count / 2] ^= 1
    try FileSystem.writeAtomically(bytes, to: path)
    let shown = try datasets(place, "show", "payment_attempts")
    #expect(shown.status == 65 && shown.stderr.contains(part), "\(shown.stderr)")
    let repaired = try place.almanac(
      ["run", "nightly", "--only", "extract", "--data", "data"],
      environment: ["ALMANAC_SOURCE": place.url, "PATH": "/usr/bin:/bin"])
    #expect(repaired.status == 0, "\(repaired.stderr)")
    #expect(try datasets(place, "show", "payment_attempts").status == 0)
  }

  @Test(
    "that are damaged are named one by one, and repaired by the command that is named", .database)
  func damages() throws {
    let place = try extracted()
    let data = place.folder.path + "/data/"
    let parts = try parts(place)
    let (flipped, truncated, missing) = (parts[0], parts[1], parts[2])
    var bytes = try FileSystem.read(data + flipped)
    bytes[bytes.count / 2] ^= 1
    try FileSystem.writeAtomically(bytes, to: data + flipped)
    let whole = try FileSystem.read(data + truncated)
    try FileSystem.writeAtomically(Array(whole.dropLast(10)), to: data + truncated)
    try FileSystem.remove(data + missing)
    try FileSystem.writeAtomically([1], to: data + "events/part-stray.parquet")

    let result = try datasets(place, "verify")
    #expect(result.status == 65)
    #expect(
      result.stdout == """
        damaged: \(flipped): its bytes changed
        damaged: \(truncated): it is truncated, \(whole.count - 10) of \(whole.count) bytes
        damaged: \(missing): it is missing
        stray: events/part-stray.parquet: no manifest lists it, nothing reads it

        """)
    let advice = "almanac run PIPELINE --only extract --data data"
    let repair = advice.replacing("PIPELINE", with: "nightly")
    #expect(result.stderr.hasPrefix("almanac: 3 of "))
    #expect(result.stderr.contains("`\(advice)`"))
    for word in ["show", "describe"] {
      let refused = try datasets(place, word, "payment_attempts")
      #expect(refused.status == 65 && refused.stderr.contains(flipped), "\(refused.stderr)")
    }

    let repaired = try place.almanac(
      repair.split(separator: " ").dropFirst().map(String.init),
      environment: ["ALMANAC_SOURCE": place.url, "PATH": "/usr/bin:/bin"])
    #expect(repaired.status == 0, "\(repaired.stderr)")
    let after = try datasets(place, "verify")
    #expect(after.status == 0, "\(after.stdout)")
  }

  @Test("need a folder with a manifest that this version knows, and make none")
  func missing() throws {
    try withTemporaryDirectory { folder in
      let path = folder.appending(path: "data").path(percentEncoded: false)
      func run(_ arguments: String...) throws -> ProcessOutcome {
        try runProcess(
          try builtProgram(), ["datasets"] + arguments + ["--data", path], environment: [:])
      }
      for arguments in [[], ["describe", "x"], ["show", "x"], ["verify"]] {
        let result = try runProcess(
          try builtProgram(), ["datasets"] + arguments + ["--data", path], environment: [:])
        #expect(result.status == 66 && result.stderr.contains("there is no folder"))
      }
      #expect(try !FileSystem.exists(path))
      try FileSystem.createDirectories(path)
      let empty = try run("verify")
      #expect(empty.status == 66 && empty.stderr.contains("holds no manifest.json"))
      #expect(try FileSystem.list(path).isEmpty)
      try FileSystem.writeAtomically(Array("{\"version\": 4}".utf8), to: path + "/manifest.json")
      #expect(try run().status == 78)
      try FileSystem.writeAtomically(Array("{".utf8), to: path + "/manifest.json")
      #expect(try run("verify").status == 65)
      let manifest = """
        {"version": 1, "directoryID": "x", "datasets": {"events": {"definitionDigest": "d",
        "parts": [], "watermark": {"snapshot": "1:1:", "takenAt": "2026-01-01T00:00:00Z",
        "systemIdentifier": "1", "databaseOID": "5"}}}}
        """
      try FileSystem.writeAtomically(Array(manifest.utf8), to: path + "/manifest.json")
      let unknown = try run("show", "evnets")
      #expect(unknown.status == 66)
      #expect(unknown.stderr.contains("there is no dataset \"evnets\""))
      #expect(unknown.stderr.contains("did you mean \"events\"?"))
      #expect(try run("show", "events", "--format", "json").stdout == "[]\n")
      #expect(try FileSystem.list(path) == ["manifest.json"])
    }
  }

  @Test("are compacted with the same rows and the same digest of the run", .database)
  func compaction() throws {
    let place = try Workplace()
    let night = try place.night("2025-12-30")
    try #require(night.status == 0, "\(night.stderr)")
    // Late rows of one day, night after night, are parts of their own.
    for late in 1...7 {
      try place.sql(
        """
        INSERT INTO billing.payment_attempts
        SELECT gen_random_uuid(), transaction_id, invoice_id, company_id, payment_method_id,
          attempt_number, amount, currency, outcome, decline_code, decline_class, attempted_at,
          created_at
        FROM billing.payment_attempts
        WHERE (attempted_at AT TIME ZONE 'UTC')::date = '2025-06-02' LIMIT \(late)
        """)
      try #require(try place.night("2025-12-30", "--only", "extract", "--force").status == 0)
    }
    let digest = try place.digest()
    let shown = try datasets(
      place, "show", "payment_attempts", "--date", "2025-06-02", "--format", "csv", "--limit",
      "1000")
    #expect(try parts(place).count { $0.contains("2025-06-02") } == 8)
    try #require(try datasets(place, "compact", "payment_attempts").status == 0)
    #expect(try parts(place).count { $0.contains("2025-06-02") } == 8)
    try place.sql(
      """
      INSERT INTO billing.payment_attempts
      SELECT gen_random_uuid(), transaction_id, invoice_id, company_id, payment_method_id,
        attempt_number, 0, currency, 'failed', decline_code, decline_class, attempted_at, created_at
      FROM billing.payment_attempts
      WHERE (attempted_at AT TIME ZONE 'UTC')::date = '2025-06-02' LIMIT 1
      """)
    try #require(try place.night("2025-12-30", "--only", "extract", "--force").status == 0)
    #expect(try parts(place).count { $0.contains("2025-06-02") } == 1)
    let after = try datasets(
      place, "show", "payment_attempts", "--date", "2025-06-02", "--format", "csv", "--limit",
      "1000")
    #expect(
      after.stdout.split(separator: "\n").count == shown.stdout.split(separator: "\n").count + 1)
    #expect(try place.digest() == digest)
    let compacted = try place.almanac(["compact", "--data", "data", "--format", "json"])
    let reports = try #require(
      try JSONSerialization.jsonObject(with: Data(compacted.stdout.utf8)) as? [[String: Any]])
    #expect(reports.contains { $0["dataset"] as? String == "payment_attempts" })
    #expect(reports.allSatisfy { $0["days"] as? Int == 0 })
    #expect(
      try datasets(place, "compact", "payment_attempts", "--format", "csv").stdout
        .hasPrefix("dataset,days,parts_before,parts_after\npayment_attempts,0,"))
  }

  @Test("are pruned only with a retention, and not where a stage needs all days", .database)
  func pruning() throws {
    let place = try Workplace()
    try place.sql(
      """
      CREATE TABLE billing.visits (id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        visited_at timestamptz NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(), note text);
      INSERT INTO billing.visits (visited_at)
      SELECT timestamptz '2025-06-01' + day * interval '1 day' FROM generate_series(1, 3) AS day
      """)
    let definition = """
      dataset: visits
      from: billing.visits
      time: visited_at
      recorded: created_at
      key: id
      mode: append
      columns: {note: text?}

      """
    try FileSystem.writeAtomically(
      Array(definition.utf8), to: place.folder.path + "/datasets/visits.yaml")
    try #require(try place.night("2025-12-30", "--only", "extract").status == 0)
    let refused = try datasets(place, "prune", "visits")
    #expect(refused.status == 78 && refused.stderr.contains("has no retention"))
    for name in ["visits", "credit_notes", "events"] {
      try place.edit("datasets/\(name).yaml", "mode: append", "mode: append\nretention: 1d")
    }
    let needed = try datasets(place, "prune", "events")
    #expect(needed.status == 78 && needed.stderr.contains("stage rollup"), "\(needed.stderr)")
    let booked = try datasets(place, "prune", "credit_notes")
    #expect(booked.status == 78 && booked.stderr.contains("stage metrics"), "\(booked.stderr)")
    let before = try datasets(place, "show", "visits", "--format", "csv")
    let pruned = try datasets(place, "prune", "visits", "--format", "json")
    #expect(pruned.status == 0, "\(pruned.stderr)")
    let removed = try #require(
      try JSONSerialization.jsonObject(with: Data(pruned.stdout.utf8)) as? [String: Any])
    #expect(removed["dataset"] as? String == "visits" && removed["rows"] as? Int == 3)
    #expect(before.stdout.split(separator: "\n").count > 1)
    let after = try datasets(place, "show", "visits", "--format", "csv")
    #expect(after.stdout.split(separator: "\n").count <= 1)
    // The next night brings no row back, not even one that comes late, and does not take the folder
    // for another one.
    try place.sql("INSERT INTO billing.visits (visited_at) VALUES ('2025-06-02Z')")
    let night = try place.night("2025-12-30", "--only", "extract", "--force")
    #expect(night.status == 0 && !night.stderr.contains("not as the last run left it"))
    #expect(
      (night.stdout + night.stderr).contains(", which were pruned"), "\(night.stdout)")
    #expect(try datasets(place, "show", "visits", "--format", "csv").stdout == after.stdout)
  }

  @Test("in mode changes are shown as they are, as they were, or with every version", .database)
  func versions() throws {
    let place = try Workplace()
    let ids =
      "SELECT string_agg(id || ':' || name, ' ' ORDER BY id) FROM billing.companies"
    func shown(_ more: String...) throws -> String {
      let result = try place.almanac(
        ["datasets", "show", "companies", "--format", "csv", "--data", "data"] + more)
      try #require(result.status == 0, "\(result.stderr)")
      let rows = result.stdout.split(separator: "\n").map {
        $0.split(separator: ",", omittingEmptySubsequences: false)
      }
      let header = try #require(rows.first)
      let columns = try ["id", "name"].map { name in
        try #require(header.firstIndex { $0 == name })
      }
      return rows.dropFirst().map { row in columns.map { String(row[$0]) }.joined(separator: ":") }
        .sorted().joined(separator: " ")
    }
    try #require(try place.night("2025-12-30", "--only", "extract").status == 0)
    let first = try #require(try place.value(ids))
    let instant = try #require(
      try place.value(
        "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
    )
    try place.sql(
      """
      UPDATE billing.companies SET name = 'Company renamed' WHERE name = 'Company 1';
      DELETE FROM billing.companies WHERE name = 'Company 2';
      """)
    try #require(try place.night("2025-12-30", "--only", "extract", "--force").status == 0)
    let second = try #require(try place.value(ids))
    #expect(try shown() == second && second != first)
    #expect(try shown("--as-of", instant) == first)
    #expect(try shown("--as-of", "2020-01-01") == "")
    let today = try #require(try place.value("SELECT (now() AT TIME ZONE 'UTC')::date"))
    #expect(try shown("--as-of", today) == second)
    #expect(
      Set(try shown("--versions").split(separator: " ").map(String.init))
        .isSuperset(of: (first + " " + second).split(separator: " ").map(String.init)))
    #expect(try shown("--limit", "1").split(separator: " ").count == 2)
    let table = try datasets(place, "show", "companies", "--limit", "1")
    #expect(table.stdout.contains("1 of 2 rows"), "\(table.stdout)")
    for arguments in [
      ["events", "--versions"], ["events", "--as-of", "2026-01-01"],
      ["companies", "--versions", "--as-of", "2026-01-01"], ["companies", "--as-of", "yesterday"],
    ] {
      let refused = try place.almanac(["datasets", "show"] + arguments + ["--data", "data"])
      #expect(refused.status == 64, "\(arguments)")
    }
    #expect(try datasets(place, "describe", "companies", "--versions").status == 64)
  }

  @Test("are forgotten when asked for, and read again", .database)
  func reset() throws {
    let place = try extracted()
    let before = try datasets(place, "show", "payment_attempts", "--limit", "100000")
    let unsure = try datasets(place, "reset", "payment_attempts")
    #expect(unsure.status == 64 && unsure.stderr.contains("--yes"))
    let reset = try datasets(place, "reset", "payment_attempts", "--yes", "--format", "csv")
    #expect(reset.status == 0 && reset.stdout.hasPrefix("dataset,rows\npayment_attempts,"))
    #expect(try datasets(place, "describe", "payment_attempts").status == 66)
    try #require(try place.night("2025-12-30", "--only", "extract", "--force").status == 0)
    #expect(
      try datasets(place, "show", "payment_attempts", "--limit", "100000").stdout == before.stdout)
  }
}
