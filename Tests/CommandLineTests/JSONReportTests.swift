import Foundation
import TestSupport
import Testing

/// What commands that write somewhere tell a program of it.
@Suite("Reports in JSON", .database)
struct JSONReportTests {
  /// The object that a command prints, which must be all that it prints.
  private func object(_ result: ProcessOutcome) throws -> [String: Any] {
    try #require(
      try JSONSerialization.jsonObject(with: Data(result.stdout.utf8)) as? [String: Any],
      "\(result.stdout)\(result.stderr)")
  }

  @Test("init tells the migrations it applied, and a second time that there was none")
  func migrations() throws {
    let place = try Workplace(isFilled: false, isInitialised: false)
    try place.sql("DROP SCHEMA IF EXISTS api, predictions, analytics, almanac CASCADE")
    let call = ["init", "--target", place.url, "--format", "json"]
    let first = try object(place.almanac(call))
    let applied = try #require(first["applied"] as? [[String: Any]])
    let version = try #require(first["version"] as? Int)
    #expect(applied.map { $0["number"] as? Int } == (1...version).map { $0 })
    #expect(
      applied.map { $0["name"] as? String }
        == (try place.value(
          "SELECT string_agg(name, '|' ORDER BY version) FROM almanac.migrations")?
          .split(separator: "|").map(String.init)))
    let second = try object(place.almanac(call))
    #expect((second["applied"] as? [Any])?.isEmpty == true)
    #expect(second["version"] as? Int == version)
  }

  @Test("init --check lists each difference as an object and ends with 78")
  func differences() throws {
    let place = try Workplace(isFilled: false)
    let call = ["init", "--check", "--target", place.url, "--format", "json"]
    let same = try place.almanac(call)
    #expect(same.status == 0)
    #expect((try object(same)["differences"] as? [Any])?.isEmpty == true)
    try place.sql(
      """
      ALTER TABLE analytics.reports DROP CONSTRAINT reports_report_name_check, ADD note text;
      COMMENT ON COLUMN analytics.daily_rollups.date IS 'Some day.';
      """)
    let changed = try place.almanac(call)
    #expect(changed.status == 78 && changed.stderr.contains("differ"))
    let differences = try #require(try object(changed)["differences"] as? [[String: Any]])
    #expect(
      Set(differences.compactMap { $0["kind"] as? String }) == ["missing", "foreign", "changed"])
    let comment = try #require(differences.first { $0["kind"] as? String == "changed" })
    #expect((comment["found"] as? String)?.contains("Some day.") == true)
    #expect((comment["expected"] as? String)?.contains("The local day.") == true)
    for document in ["--print", "--openapi"] {
      let refused = try place.almanac(["init", document, "--format", "json"])
      #expect(refused.status == 64 && refused.stderr.contains("--format json stands without"))
    }
  }

  @Test("load accounts for every row and amount that it read")
  func load() throws {
    let place = try Workplace(isFilled: false, isInitialised: false)
    // A line, one that is cancelled later, one without a customer and one that is no row.
    let folder = place.folder.url.appending(path: "retail")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let rows = """
      InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
      489434,85048,15CM CHRISTMAS GLASS BALL 20 LIGHTS,12,2009-12-01 07:45:00,6.95,13085.0,United Kingdom
      489435,79323P,PINK CHERRY LIGHTS,12,2009-12-01 07:46:00,6.75,13085.0,United Kingdom
      489436,79323P,PINK CHERRY LIGHTS,2,2009-12-01 07:47:00,6.75,,United Kingdom
      C489437,79323P,PINK CHERRY LIGHTS,-12,2009-12-02 07:46:00,6.75,13085.0,United Kingdom
      489438,79323P,PINK CHERRY LIGHTS,twelve,2009-12-02 07:47:00,6.75,13085.0,United Kingdom

      """
    let path = folder.appending(path: "2009-2010.csv").path(percentEncoded: false)
    try Data(rows.utf8).write(to: URL(filePath: path))
    let packed = try runProcess(URL(filePath: "/usr/bin/zstd"), ["-q", "--rm", path])
    try #require(packed.status == 0, "\(packed.stderr)")
    let call = [
      "load", "online-retail", "--target", place.url, "--format", "json", "--from", "retail",
    ]
    let first = try object(place.almanac(call))
    #expect(first["already_loaded"] as? Bool == false && first["is_reconciled"] as? Bool == true)
    let files = try #require(first["files"] as? [[String: Any]])
    #expect(files.count == 1)
    for file in files {
      let parts = ["invoice_lines", "cancelled_lines"].compactMap { file[$0] as? [String: Any] }
      let refused = try #require(file["refused"] as? [[String: Any]])
      #expect(refused.count >= 2)
      let all = parts + refused
      let read = try #require(file["read"] as? [String: Any])
      #expect(all.compactMap { $0["rows"] as? Int }.reduce(0, +) == read["rows"] as? Int)
      let amounts = try all.map { try #require(Decimal(string: $0["amount"] as? String ?? "")) }
      #expect(amounts.reduce(0, +) == Decimal(string: read["amount"] as? String ?? ""))
    }
    for table in try #require(first["tables"] as? [[String: Any]]) {
      let name = try #require(table["table"] as? String)
      #expect(
        try place.value("SELECT count(*) FROM \(name)") == (table["rows"] as? Int).map(String.init))
    }
    #expect(try object(place.almanac(call))["already_loaded"] as? Bool == true)
  }

  @Test("simulate tells the rows of each table")
  func simulate() throws {
    let place = try Workplace(isFilled: false, isInitialised: false)
    let world = try object(
      place.almanac([
        "simulate", "--target", place.url, "--companies", "8", "--months", "2", "--simulations",
        "0", "--seed", "\(Int.max)", "--quiet", "--format", "json",
      ]))
    #expect(world["seed"] as? String == "\(Int.max)" && world["companies"] as? Int == 8)
    let tables = try #require(world["tables"] as? [[String: Any]])
    #expect(tables.contains { ($0["rows"] as? Int ?? 0) > 0 })
    for table in tables {
      let name = try #require(table["table"] as? String)
      #expect(
        try place.value("SELECT count(*) FROM \(name)") == (table["rows"] as? Int).map(String.init))
    }
  }

  @Test("fit tells what it fitted with the scores that evaluate gives names to")
  func fit() throws {
    let place = try Workplace(isFilled: false, isInitialised: false)
    let rows = (0..<300).map { row in
      "\(row % 17),\((row * 7) % 23),\((row * 5) % 11 + row % 17 > 12 ? "yes" : "no"),\(row % 17 * 2)"
    }
    try Data("a,b,won,twice\n\(rows.joined(separator: "\n"))\n".utf8).write(
      to: place.folder.url.appending(path: "t.csv"))
    for (target, family, score) in [("won", "logistic", "log_loss"), ("twice", "linear", "rmse")] {
      let fitted = try object(
        place.almanac([
          "fit", "--data", "t.csv", "--target", target, "--out", "m.json", "--format", "json",
        ]))
      #expect(fitted["family"] as? String == family && fitted["rows"] as? Int == 300)
      #expect(fitted["model"] as? String == "m.json")
      let scores = try #require(fitted["scores"] as? [String: Any])
      let judged = try object(
        place.almanac(["evaluate", "--model", "m.json", "--data", "t.csv", "--format", "json"]))
      #expect(scores[score] is Double)
      #expect(scores.keys.allSatisfy { judged[$0] != nil })
      let shown = try object(place.almanac(["show", "m.json", "--format", "json"]))
      #expect(fitted.keys.allSatisfy { shown[$0] != nil })
      try expectTables(shown, coefficients: fitted["coefficients"] as? Int)
      try expectPredictions(place)
    }
  }

  /// Checks the tables that `show` adds: estimates over errors are the statistics, and effects those of
  /// values in order.
  private func expectTables(_ shown: [String: Any], coefficients count: Int?) throws {
    let table = try #require(shown["coefficient_table"] as? [[String: Any]])
    #expect(table.count == count && table.first?["term"] as? String == "(intercept)")
    for row in table {
      let estimate = try #require(row["coefficient"] as? Double)
      guard let error = row["standard_error"] as? Double else { continue }
      if let statistic = row["statistic"] as? Double {
        #expect(abs(statistic - estimate / error) <= 1e-12 * abs(statistic))
      }
      if let probability = row["p"] as? Double { #expect((0...1).contains(probability)) }
    }
    let effects = try #require(shown["effects"] as? [[String: Any]])
    #expect(!effects.isEmpty)
    for effect in effects {
      let points = try #require(effect["points"] as? [[String: Any]])
      #expect(points.allSatisfy { $0["effect"] is Double })
      let numbers = points.compactMap { $0["value"] as? Double }
      #expect(numbers == numbers.sorted())
    }
  }

  /// Checks that predictions are the same as JSON and as CSV, in a file and on standard output.
  private func expectPredictions(_ place: Workplace) throws {
    let call = ["predict", "--model", "m.json", "--data", "t.csv"]
    let csv = try place.almanac(call).stdout.split(separator: "\n")
    let json = try place.almanac(call + ["--format", "json"])
    let rows = try #require(
      try JSONSerialization.jsonObject(with: Data(json.stdout.utf8)) as? [[String: Any]])
    #expect(rows.count == 300 && csv.count == 301)
    let name = String(csv[0].split(separator: ",")[1])
    for (row, line) in zip(rows, csv.dropFirst()) {
      let cells = line.split(separator: ",", omittingEmptySubsequences: false)
      #expect(row["row"] as? Int == Int(cells[0]))
      for (name, cell) in zip([name, "lower", "upper"], cells[1...3]) {
        #expect(json.stdout.contains("\"\(name)\": \(cell.isEmpty ? "null" : cell),"))
        #expect((row[name] is NSNull) == cell.isEmpty)
      }
      let reasons = try #require(row["reasons"] as? [[String: Any]])
      #expect(reasons.allSatisfy { $0["contribution"] is Double })
      let told = line.split(separator: ",").last?.split(separator: "; ") ?? []
      #expect(told.count == reasons.count)
      for (reason, text) in zip(reasons, told) {
        #expect(text.hasPrefix((reason["name"] as? String ?? "-") + " "))
      }
    }
    let written = try object(place.almanac(call + ["--format", "json", "--out", "p.json"]))
    #expect(written["rows"] as? Int == 300 && written["out"] as? String == "p.json")
    let file = place.folder.url.appending(path: "p.json")
    #expect(try String(contentsOf: file, encoding: .utf8) == json.stdout)
  }
}
